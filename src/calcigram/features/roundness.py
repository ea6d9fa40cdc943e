"""Features of roundness: the outline of a cluster as a whole.

They say nothing of the single calcification's outline; that is in `particles`.
"""

from __future__ import annotations

import math

from calcigram._kernels.compiler import kernel
from calcigram.features.rows import COMMON, Rows, columns

ROWS: Rows = (
    ("hull_circularity", "1", 0, 1, "How round the outline of the cluster is: 1 is a circle.", "4 pi A / P^2 of the hull", COMMON, ()),
    ("hull_triangularity", "1", 0, 1, "How close the outline is to a triangle, as that of a segment is.", "Largest inscribed triangle / hull area: 1 triangle, 0.5 square, 0.41 disc", "after Lanyi (triangular outline), own formula", ()),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def measure_roundness(n, hull, out):
    """Write the family's columns to `out`, a view of one row."""
    if n < 3:
        return
    if hull.perimeter > 0.0:
        out[_C.hull_circularity] = min(1.0, 4.0 * math.pi * hull.area / hull.perimeter**2)
    if hull.area > 0.0:
        out[_C.hull_triangularity] = min(1.0, hull.triangle / hull.area)
