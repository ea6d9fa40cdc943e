"""Write docs/robustness.md from the results of the attacks.

    python benchmarks/make_robustness_page.py

Reads ``benchmarks/results/attack.json``, which ``make attack`` writes; states no figure of its own
but for the limits of the frame.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from calcigram.wording import markdown_table

sys.path.insert(0, str(Path(__file__).parent))
from attack.frame import MEMORY_MB, SECONDS, SECTIONS

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "attack.json"
PAGE = ROOT / "docs" / "robustness.md"

TEXT = """# Robustness

<!-- Written by benchmarks/make_robustness_page.py; edit that. -->

`make attack` runs this list in under 20 minutes; a bounded part of it is in the tests. One try may take {memory:,} MB of memory above
that of an idle process, and {seconds} s of processor time. A try fails if it takes more, if the process crashes or hangs, or if anything other than the
documented answer comes back: a result, or a `CalcigramError` (at the command line a message and exit code 2, over HTTP problem details).

{tries:,} tries, {failures:,} failures. Measured on {processors} processors with Python {python}; load of the machine during the run: {low} to {high}.{took}

{sections}
## What cannot be fixed

{cannot}
"""


def page() -> str:
    """Return the page."""
    result = json.loads(RESULT.read_text())
    rows = result["kinds"]
    sections = ""
    for section, heading in SECTIONS.items():
        table = pd.DataFrame(
            {
                "kind": name,
                "what is tried": row["tried"],
                "tries": f"{row['tries']:,}",
                "failures": f"{row['failures']:,}",
                "worst memory, MB": f"{row['memory_mb']:,}" if row["memory_mb"] else "",
                "worst time, s": f"{row['seconds']:,}" if row["seconds"] else "",
            }
            for name, row in rows.items()
            if row["section"] == section
        )
        if len(table):
            sections += f"## {heading}\n\n{markdown_table(table)}\n\n"
    failed = [f"{name}: {one}" for name, row in rows.items() for one in row["failed"]]
    cannot = [f"{name}: {row['cannot']}" for name, row in rows.items() if row["cannot"]]
    loads = [row["load"] for row in rows.values()]
    return TEXT.format(
        memory=MEMORY_MB,
        seconds=SECONDS,
        tries=sum(row["tries"] for row in rows.values()),
        failures=sum(row["failures"] for row in rows.values()),
        processors=result["machine"]["processors"],
        python=result["machine"]["python"],
        low=min(loads),
        high=max(loads),
        took=f" All of it took {minutes} minutes." if (minutes := result.get("whole_min")) else "",
        sections=sections,
        cannot="\n".join(f"* {line}" for line in failed + cannot) or "Nothing that is known.",
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
