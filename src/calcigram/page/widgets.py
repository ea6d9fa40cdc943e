"""The widgets of the page, their places and their style; what they do is defined in `view`.

Style sheets are for wide and narrow screens. Colours are those of `charts`; whatever a colour says, a
sign or a word says too. Text has a contrast of at least 4.5 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

from calcigram.charts import BLUE, VERMILION
from calcigram.limits import PIXEL_SPACING_MM
from calcigram.options import UNITS
from calcigram.page.files import MAX_IMAGE_BYTES, examples
from calcigram.page.texts import head_html

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
"""Two columns on a wide screen; else one, the reading right below the drawing it is of."""

FIELD = {"flex": "1 1 13em", "min-width": "15em", "width": "auto"}
"""Of one of several fields: side by side on a wide screen."""

LIST = "select { padding: .4em .6em; } option { padding: .1em 0; }"
"""Of the list of clusters."""

CARD = f"""
:host(.card) {{ box-shadow: none; border: 1px solid {LINE}; border-radius: 4px; margin: .4em 0; }}
"""
"""Of what can be folded up."""

WHOLE = {"container-type": "inline-size", "max-width": "1500px", "margin": "0 auto", "padding": "0 8px"}  # fmt: skip

HINT = (
    "Click to draw, drag to move; click a point to select it, with Shift for more, and press "
    "Backspace to delete."
)
TEXT_HINT = (
    "One calcification a line: x and y (mm) and, as far as known, diameter (mm), aspect ratio, "
    "orientation (deg), solidity and contrast, with - for what is not known."
)


class Upload(pn.widgets.FileDropper):
    """Takes one file in chunks, and keeps no more than `MAX_IMAGE_BYTES` of it."""

    def __init__(self, **parameters: Any) -> None:
        most = f"{MAX_IMAGE_BYTES // 1_000_000}MB"
        # Its own alert would be a second one beside `message`, and speak of the upload alone.
        sheets = [".filepond--assistant { display: none; }"]
        super().__init__(
            previews=[], layout="compact", max_file_size=most, stylesheets=sheets, **parameters
        )

    def _process_event(self, event: Any) -> None:
        if event.event_name != "upload_event":  # what is taken off the list stays shown
            return
        data = event.data
        if data["chunk"] == 1:
            self._file_buffer.clear()
            self.value.clear()
            self._file_buffer[data["name"]] = []
        chunks = self._file_buffer.get(data["name"])
        if chunks is None:
            return
        if (
            sum(map(len, chunks)) + len(data["data"]) > MAX_IMAGE_BYTES
        ):  # the browser was to refuse it
            self._file_buffer.clear()
            return
        event.data = {**data, "type": ""}  # else text would be decoded
        super()._process_event(event)


def uploaded(value: Any) -> bytes:
    """Return the file that was dropped, and release it: of `Upload` or of `FileInput`."""
    if not isinstance(value, dict):
        return bytes(value or b"")
    content = next(iter(value.values()), b"")
    value.clear()
    return bytes(content)


class Widgets:
    """The parts of the view.

    Parameters
    ----------
    exports : sequence of (callable, str, str)
        What writes a file, its name, and what the button says.
    can_explain : bool
    name : str
        Of the view.
    in_chunks : bool
        Whether files come in chunks, as they must through the socket of a server.
    """

    def __init__(
        self,
        exports: list[tuple[Callable[[], Any], str, str]],
        *,
        can_explain: bool,
        name: str,
        in_chunks: bool,
    ) -> None:
        changed = stale(name)
        self._head = head_html(
            has_atlas=in_chunks
        )  # what comes through a server's socket is served
        self.image = _html()
        self.message, self.verdict = _html(HEAD), _html(VERDICT, changed)
        self.rules, self.probabilities = _html(changed), _html(BARS, changed)
        self.explanation = _html(BARS, changed)
        self.example = pn.widgets.Select(
            label="Load an example", options=["", *examples()], sizing_mode="stretch_width"
        )
        self.upload = (Upload if in_chunks else pn.widgets.FileInput)(
            label="Open a file, or drop it here", multiple=False, sizing_mode="stretch_width"
        )
        self.reading = {
            "columns": pn.widgets.TextInput(
                label="Columns, ours=theirs", placeholder="id=lesion, x=posX, y=posY",
                sizing_mode="stretch_width",
            ),
            "units": pn.widgets.Select(
                label="Unit of its lengths", options=list(UNITS), sizing_mode="stretch_width"
            ),
            "pixel_spacing": pn.widgets.FloatInput(
                label="Pixel size (mm)", value=None, start=PIXEL_SPACING_MM[0], end=PIXEL_SPACING_MM[1], step=0.005,
                sizing_mode="stretch_width",
            ),
            "single_cluster": pn.widgets.TextInput(
                label="Id, where it is one cluster", sizing_mode="stretch_width"
            ),
            "labels": pn.widgets.TextInput(
                label="Labels or names of calcifications", placeholder="1, calcification", sizing_mode="stretch_width"
            ),
            "regions": pn.widgets.TextInput(
                label="Labels or names of outlines of clusters", placeholder="2, cluster", sizing_mode="stretch_width"
            ),
            "threshold": pn.widgets.FloatInput(
                label="Least probability", value=None, start=0.01, end=1, step=0.05, sizing_mode="stretch_width",
            ),
            "sheet": pn.widgets.TextInput(label="Sheet of a workbook", sizing_mode="stretch_width"),
        }  # fmt: skip
        self.size = pn.widgets.FloatInput(
            label="Diameter (mm), new and selected",
            value=0.3, start=0.05, end=20, step=0.05, width=210,
        )  # fmt: skip
        self.undo = pn.widgets.Button(label="Undo", disabled=True)
        self.delete = pn.widgets.Button(label="Delete selected")
        self.clear = pn.widgets.Button(label="Clear")
        self.points = pn.widgets.TextAreaInput(
            label="Points, one per line", rows=8, max_length=800_000, sizing_mode="stretch_width"
        )  # fmt: skip
        self.apply = pn.widgets.Button(label="Read these points", color="primary")
        self.listed = pn.widgets.Select(
            label="Clusters, those to look at first", size=6, options={}, sizing_mode="stretch_width",
            stylesheets=[LIST],
        )  # fmt: skip
        self.why = _card("Explain this reading", self.explanation, collapsed=True)
        self.why.visible = can_explain
        self.exports = [
            pn.widgets.FileDownload(callback=write, filename=name, label=label)
            for write, name, label in exports
        ]

    def layout(self, drawing: Any) -> Any:
        """Return all of it, around the drawing, for Panel to show."""
        parts = {
            "open": [
                _fields(self.example, self.upload),
                _card("How the file is to be read", _fields(*self.reading.values()), collapsed=True),
            ],
            "drawing": [drawing, self.image, _html(text=f"<p class='quiet'>{HINT}</p>"), pn.FlexBox(self.size, self.delete, self.undo, self.clear, align_items="end")],
            # Cards, since their headings are buttons that the keyboard reaches; those of tabs are none.
            "reading": [
                self.verdict,
                self.listed,
                pn.FlexBox(*self.exports),
                _card("Rules in words", self.rules),
                _card("Probabilities", self.probabilities),
                self.why,
            ],
            "points": [self.points, _html(text=f"<p class='quiet'>{TEXT_HINT}</p>"), self.apply],
        }  # fmt: skip
        grid = pn.Column(
            *(
                pn.Column(*part, sizing_mode="stretch_width", styles={"grid-area": area})
                for area, part in parts.items()
            ),
            stylesheets=[GRID],
            sizing_mode="stretch_width",
        )
        head = pn.Column(
            _html(HEAD, text=self._head),
            self.message,
            stylesheets=[HEAD],
            sizing_mode="stretch_width",
        )
        return pn.Column(head, grid, sizing_mode="stretch_width", styles=WHOLE)


def _html(*sheets: str, text: str = "") -> Any:
    return pn.pane.HTML(
        text, stylesheets=[TEXT, *sheets], sizing_mode="stretch_width", margin=(2, 5)
    )


def _fields(*widgets: Any) -> Any:
    for widget in widgets:
        widget.styles = FIELD
    return pn.FlexBox(*widgets, sizing_mode="stretch_width")


def _card(title: str, inner: Any, *, collapsed: bool = False) -> Any:
    inner.margin = (4, 12)
    return pn.Card(
        inner, title=title, collapsed=collapsed, stylesheets=[CARD], sizing_mode="stretch_width"
    )  # fmt: skip
