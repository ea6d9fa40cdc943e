"""Start-up: `calcigram --help` against Python starting and doing nothing.

    python benchmarks/startup.py [--rounds 11]

Processor time of the child processes, its median asked to be 0.3 s at most.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

from timing import time_pairs, write_result

TARGET_S = 0.3


def children_s() -> float:
    """Return the processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    args = parser.parse_args()
    calls = [sys.executable, "-m", "calcigram", "--help"], [sys.executable, "-c", "pass"]
    ours, theirs = (
        lambda call=call: subprocess.run(call, check=True, capture_output=True) for call in calls
    )
    claim = time_pairs(
        "calcigram --help against Python alone", ours, theirs, n_pairs=args.rounds,
        clock=children_s, differs="Python alone is the floor",
    )  # fmt: skip
    write_result("startup", [claim], help_s=claim["ours_us"] / 1e6, target_s=TARGET_S)


if __name__ == "__main__":
    main()
