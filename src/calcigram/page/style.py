"""How the page looks: style sheets, for a wide and a narrow screen.

Colours are those of `charts`; whatever a colour says, a sign or a word says too. Text on its
ground has a contrast of at least 4.5 to 1.
"""

from __future__ import annotations

from calcigram.charts import BLUE, VERMILION

INK, QUIET, LINE, GROUND = "#1b1f24", "#57606a", "#d0d7de", "#f3f5f7"

TEXT = f"""
:host {{ font-family: system-ui, sans-serif; color: {INK}; }}
h1 {{ font-size: 1.2em; margin: 0; }}
h2 {{ font-size: 1em; margin: 1em 0 .3em; }}
p {{ margin: .4em 0; }} ul {{ margin: .3em 0; padding-left: 1.2em; }} li {{ margin: .25em 0; }}
small, .quiet {{ color: {QUIET}; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25em .7em .25em 0; vertical-align: baseline; }}
th {{ font-weight: 600; }} thead th {{ color: {QUIET}; font-weight: 500; }}
tbody tr {{ border-top: 1px solid {LINE}; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
"""
"""Of every text."""

HEAD = f"""
:host {{ position: sticky; top: 0; z-index: 20; background: white; }}
header {{ display: flex; flex-wrap: wrap; gap: .2em 1em; align-items: baseline; padding: .5em .2em;
  border-bottom: 1px solid {LINE}; }}
.notice {{ flex: 1 1 18em; background: #fff4ce; border-left: 4px solid #8a6d00; color: #201a00;
  padding: .25em .7em; font-size: .92em; }}
@container (max-width: 600px) {{ .notice {{ font-size: .8em; }} }}
.message {{ background: #fde7e9; border-left: 4px solid #a4262c; color: #420b0d; padding: .5em .7em; }}
"""
"""Of what stays in sight however far one scrolls: what this is, and what went wrong."""

VERDICT = f"""
section {{ border: 1px solid {LINE}; border-left: 4px solid {BLUE}; border-radius: 4px;
  padding: .6em .9em; }}
section.look {{ border-left-color: {VERMILION}; }}
.reason {{ font-size: 1.08em; }} .flag {{ color: #a33b00; white-space: nowrap; }}
.concern {{ white-space: nowrap; }}
@container (max-width: 600px) {{ section {{ padding: .5em; }} table {{ font-size: .92em; }}
  th, td {{ padding-right: .35em; }} }}
"""


def stale(name: str) -> str:
    """Return how a reading looks whose points were changed: the editor sets what this looks up."""
    return f"""
:host {{ opacity: var(--faint-{name}, 1); }}
#verdict::before {{ content: var(--stale-{name}, none); display: block; font-weight: 600; }}
"""


BARS = f"""
table.bars {{ table-layout: fixed; }} .bars tr {{ border: 0; }}
.bars th {{ width: 12.5em; font-weight: 400; padding: .1em 0; }} .bars .number {{ width: 4em; padding: .1em .7em .1em 0; }}
.bars tr.first th, .bars tr.first td {{ font-weight: 700; }} .bars tr.none {{ color: {QUIET}; }}
.track {{ padding: 0; vertical-align: middle; }}
.track div {{ background: {BLUE}; height: .75em; border-radius: 2px; min-width: 1px; }}
.track div.less {{ background: {VERMILION}; }}
"""

GRID = """
:host { display: grid; gap: 0 1.2em; grid-template-columns: minmax(0, 1fr);
  grid-template-areas: "open" "drawing" "reading" "points"; }
@container (min-width: 860px) {
  :host { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); grid-template-rows: auto auto 1fr;
    grid-template-areas: "open reading" "drawing reading" "points reading"; } }
"""
"""Two columns where there is room; else one, the reading right below the drawing it is of."""

FIELD = {"flex": "1 1 13em", "min-width": "15em", "width": "auto"}
"""Of one of several fields: side by side where there is room."""

LIST = "select { padding: .4em .6em; } option { padding: .1em 0; }"
"""Of the list of clusters."""

CARD = f"""
:host(.card) {{ box-shadow: none; border: 1px solid {LINE}; border-radius: 4px; margin: .4em 0; }}
"""
"""Of what can be folded up."""

WHOLE = {"container-type": "inline-size", "max-width": "1500px", "margin": "0 auto", "padding": "0 8px"}  # fmt: skip
