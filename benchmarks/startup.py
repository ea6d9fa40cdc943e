"""Start-up: `calcigram --help`, the first verdict on a new machine, and the next one.

    python benchmarks/startup.py [--rounds 11] [--first 1]

Processor time of the child processes. `--help` stands against Python starting and doing nothing. The first verdict is
`calcigram classify` of the sample clusters by a copy of the package that has no machine code yet, with the linked kernels
that it contains (`make linked`) and without them, as under another Python; the next one is the same command again.
"""

from __future__ import annotations

import argparse
import compileall
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from timing import time_pairs, write_result

ROOT = Path(__file__).parents[1]
TARGET_S = 0.3
FIRST_TARGET_S, NEXT_TARGET_S = 10.0, 1.5
N_NEXT = 5


def children_s() -> float:
    """Return the processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_use(*, linked: bool, n_next: int = N_NEXT) -> dict[str, Any]:
    """Return the seconds of a first and of later verdicts, and the kernels that were made."""
    left_out = ["__pycache__"] if linked else ["__pycache__", "linked"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns(*left_out))
        shutil.copy(ROOT / "pyproject.toml", folder)  # tells a checkout, with its model
        for data in ("models/default", "data"):
            shutil.copytree(ROOT / data, folder / data)
        compileall.compile_dir(folder / "src", quiet=1)  # as pip does
        environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
        environment |= {"PYTHONPATH": str(folder / "src"), "HOME": name}
        command: list[str | Path] = [
            *(sys.executable, "-m", "calcigram", "classify", folder / "data/sample_clusters.csv"),
            *("-o", folder / "verdicts.csv"),
        ]
        spent = []
        for _ in range(1 + n_next):
            before = children_s()
            subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder)
            spent.append(children_s() - before)
        kept = (folder / "src").rglob("__pycache__/*.nbi")
        kernels = sorted({path.name.rsplit("-", 1)[0] for path in kept})
    return {
        "first_s": spent[0],
        "next_s": statistics.median(spent[1:] or spent),
        "kernels": kernels,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--first", type=int, default=1, help="first uses; their median is kept")
    args = parser.parse_args()
    calls = [sys.executable, "-m", "calcigram", "--help"], [sys.executable, "-c", "pass"]
    ours, theirs = (
        lambda call=call: subprocess.run(call, check=True, capture_output=True) for call in calls
    )
    claim = time_pairs(
        "calcigram --help against Python alone", ours, theirs, n_pairs=args.rounds,
        clock=children_s, differs="Python alone is the floor",
    )  # fmt: skip
    uses = [first_use(linked=True) for _ in range(args.first)]
    first, later = (statistics.median(use[key] for use in uses) for key in ("first_s", "next_s"))
    from_source = first_use(linked=False, n_next=0)["first_s"]
    print(
        f"first verdict {first:.1f} s, asked {FIRST_TARGET_S:g} (compiled from source {from_source:.1f} s); "
        f"next {later:.2f} s, asked {NEXT_TARGET_S:g}"
    )
    print("kernels:", ", ".join(uses[0]["kernels"]))
    write_result(
        "startup", [claim], help_s=claim["ours_us"] / 1e6, target_s=TARGET_S,
        first_s=first, from_source_s=from_source, first_target_s=FIRST_TARGET_S, next_s=later, next_target_s=NEXT_TARGET_S,
        kernels=uses[0]["kernels"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
