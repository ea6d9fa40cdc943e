"""Run the list of attacks, or a part of it, and write ``benchmarks/results/attack.json``.

    cd benchmarks && python -m attack [--share 0.1] [SECTION or "name of a kind" ...]

Without names, all sections; the results of others are kept. Each kind is written as it ends. Exits with 1 if a try failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from timing import RESULTS, processor

from attack import lanes
from attack.crash import inputs
from attack.frame import KINDS, SECTIONS, load_kinds
from attack.memory import warm

LONGEST_S = 18.5 * 60
"""Of a whole run: what is under way then ends with its try, and the tries that were run are counted."""

RESULT = RESULTS / "attack.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="attack", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="sections, or names of kinds; all by default")
    parser.add_argument(
        "--share", type=float, default=1.0, help="run this share of the tries; writes nothing"
    )
    parser.add_argument("--lanes", type=int, default=os.cpu_count(), help="kinds side by side")
    given = parser.parse_args()
    load_kinds()
    unknown = set(given.names) - set(SECTIONS) - set(KINDS)
    if unknown:
        parser.error(f"no section or kind {', '.join(sorted(unknown))}; kinds: {', '.join(KINDS)}")
    warnings.simplefilter("ignore")
    begin = time.monotonic()
    warm()  # once, before processes are forked
    inputs()
    before = kept()
    work = [
        (one, max(1, round(one.full * given.share)))
        for one in KINDS.values()
        if not given.names or {one.section, one.name} & set(given.names)
    ]
    # Longest first; what may be cut short last
    work.sort(key=lambda one: (one[0].section == "memory", -before.get(one[0].name, {}).get("whole_s", 1e9)))  # fmt: skip
    found = {}
    for one, row in lanes.run(work, given.lanes, LONGEST_S):
        found[one.name] = row
        print(
            f"{lanes.clock(time.monotonic() - begin)} {one.section}: {one.name}: {row['tries']:,} tries of {one.full * given.share:,.0f}, "
            f"{row['failures']} failures, {row['memory_mb']} MB, {row['seconds']} s each at most; "
            f"{row['whole_s']} s in all, of the processor {row['processor_s']} s",
            *row["failed"], sep="\n    ", flush=True,
        )  # fmt: skip
        if given.share == 1:
            write(found, 0 if given.names else time.monotonic() - begin)
    tell(found, given.lanes, given.share, time.monotonic() - begin)
    return int(any(row["failures"] for row in found.values()))


def tell(found: dict[str, Any], n_lanes: int, share: float, whole_s: float) -> None:
    """Print what each section took, and what all of its tries would take of a machine without other work."""
    print(f"\n{'section':<9}{'kinds':>6}{'tries':>9}{'failures':>9}{'clock':>8}{'processor':>10}{'estimate':>9}")  # fmt: skip
    total_s = 0.0
    for section in SECTIONS:
        rows = {name: row for name, row in found.items() if row["section"] == section}
        if not rows:
            continue
        n_together = {name: 1 if KINDS[name].is_alone else n_lanes for name in rows}
        clock_s = sum(row["whole_s"] / n_together[name] for name, row in rows.items())
        processor_s = sum(row["processor_s"] for row in rows.values())
        # What is alone waits for its clock, and both processors work for it
        estimate_s = sum(row["processor_s"] / n_lanes for row in rows.values()) / share
        total_s += estimate_s
        print(
            f"{section:<9}{len(rows):>6}{sum(row['tries'] for row in rows.values()):>9,}"
            f"{sum(row['failures'] for row in rows.values()):>9}{lanes.clock(clock_s):>8}"
            f"{lanes.clock(processor_s):>10}{lanes.clock(estimate_s):>9}"
        )
    print(
        f"in all {lanes.clock(whole_s)}; estimate for all tries on {n_lanes} idle processors: {lanes.clock(total_s)}"
    )


def kept() -> dict[str, Any]:
    """Return what is kept of an earlier run, by kind."""
    return json.loads(RESULT.read_text())["kinds"] if RESULT.exists() else {}


def write(found: dict[str, Any], whole_s: float) -> None:
    """Write what was found beside what is kept of kinds that are still in the list, and how long a whole run took."""
    document = {
        "machine": {
            "processor": processor(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
        },
        "whole_min": round(whole_s / 60, 1),
        "kinds": {name: row for name in KINDS if (row := (kept() | found).get(name))},
    }
    made = RESULT.with_suffix(".new")
    made.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    made.replace(RESULT)


if __name__ == "__main__":
    sys.exit(main())
