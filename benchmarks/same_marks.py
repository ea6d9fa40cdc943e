"""Whether two states of the code measure the same marks in the same pictures, and at what cost.

    python benchmarks/same_marks.py --keep marks.npz      # before a change
    python benchmarks/same_marks.py --against marks.npz   # after it

A cache of measured pictures (`simulate.measured`) may be taken over to changed code only where all marks are
the same: bit by bit, or within 1e-5 of their value.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from calcigram.simulate.measured import TRAINING_START, marks_of, patch_of

SEED = 20_261
TOLERANCE = 1e-5


def measured(n: int) -> tuple[dict[str, np.ndarray], float]:
    """Return the marks of n pictures and of all that was detected in them, and ms of processor time per picture."""
    marks_of(patch_of(TRAINING_START, seed=SEED))  # compiles
    found = {}
    started = time.process_time()
    for index in range(n):
        listed, detection = marks_of(patch_of(TRAINING_START + index, seed=SEED))
        found[f"listed {index}"] = listed
        found[f"detected {index}"] = detection.table.to_numpy()
    return found, 1e3 * (time.process_time() - started) / n


def main() -> None:
    """Keep marks, or hold them against kept ones; ends with 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=200)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--keep", type=Path)
    which.add_argument("--against", type=Path)
    arguments = parser.parse_args()
    found, ms = measured(arguments.pictures)
    print(f"{ms:.0f} ms of processor time per picture, rendering included")
    if arguments.keep:
        np.savez(arguments.keep, **found)
        return
    kept = np.load(arguments.against)
    same = [np.array_equal(values, kept[name], equal_nan=True) for name, values in found.items()]
    close = [
        values.shape == kept[name].shape
        and np.allclose(values, kept[name], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        for name, values in found.items()
    ]
    n_marks = sum(len(values) for name, values in found.items() if name.startswith("detected"))
    print(f"{n_marks} marks in {arguments.pictures} pictures: of {len(same)} tables {sum(same)} are the same bit by bit, {sum(close)} within {TOLERANCE:g}")  # fmt: skip
    if not all(close):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
