"""Run the list of attacks, or a part of it, and write ``benchmarks/results/attack.json``.

    cd benchmarks && python -m attack [--bounded] [SECTION or "name of a kind" ...]

Without names, all sections; the results of others are kept. Exits with 1 if a try failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from timing import RESULTS, processor

from attack.frame import KINDS, SECTIONS, load_kinds, run_kind

RESULT = RESULTS / "attack.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="attack", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="sections, or names of kinds; all by default")
    parser.add_argument(
        "--bounded", action="store_true", help="as the tests run it; writes nothing"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="run this share of the tries alone"
    )
    given = parser.parse_args()
    load_kinds()
    unknown = set(given.names) - set(SECTIONS) - set(KINDS)
    if unknown:
        parser.error(f"no section or kind {', '.join(sorted(unknown))}; kinds: {', '.join(KINDS)}")
    warnings.simplefilter("ignore")
    found = {}
    for one in KINDS.values():
        tries = one.bounded if given.bounded else round(one.full * given.share)
        if tries and (not given.names or {one.section, one.name} & set(given.names)):
            found[one.name] = row = run_kind(one, tries)
            row["load"] = round(os.getloadavg()[0], 1)
            print(
                f"{one.name}: {row['tries']} tries, {row['failures']} failures, "
                f"{row['memory_mb']} MB, {row['seconds']} s (all: {row['whole_s']} s)",
                *row["failed"], sep="\n    ", flush=True,
            )  # fmt: skip
            if not given.bounded:
                write(found)
    return int(any(row["failures"] for row in found.values()))


def write(found: dict[str, object]) -> None:
    """Write what was found beside what is kept of kinds that are still in the list."""
    kept = json.loads(RESULT.read_text())["kinds"] if RESULT.exists() else {}
    document = {
        "machine": {
            "processor": processor(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
        },
        "kinds": {name: row for name in KINDS if (row := (kept | found).get(name))},
    }
    RESULT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
