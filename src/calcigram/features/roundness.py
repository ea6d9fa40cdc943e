"""Features of roundness: the outline of a cluster as a whole.

They say nothing of the single calcification's outline; that is in `particles`.
"""

from __future__ import annotations

import math
from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.geometry import empty_space
from calcigram.features.rows import COMMON, Rows, columns

ROWS: Rows = (
    ("hull_circularity", "1", 0, 1, "How round the outline of the cluster is: 1 is a circle.", "4 pi A / P^2 of the hull", COMMON, ()),
    ("hull_solidity", "1", 0, 1, "How much of the area within the outline has a calcification nearby.", "Share of the hull that lies within one spacing, sqrt(hull area / n), of a calcification, by 64 places spread evenly over it: 0.96 where the points are spread by chance; n >= 3", "empty-space function, Diggle 2013", ()),
    ("empty_space_ratio", "1", 0, inf, "How hollow the area within the outline is.", "Mean distance of those places to the nearest calcification / the spacing: 0.5 by chance, more where the hull is hollow; n >= 3", "empty-space function, Diggle 2013", ()),
    ("hull_eccentricity", "1", 0, 1, "How elongated the area within the outline is: 0 is a circle.", "sqrt(1 - m2/m1), m1 >= m2 the second central moments of the hull's area", COMMON, ()),
    ("hull_width_ratio", "1", 0, 1, "How wide the outline is at its narrowest, compared with its length.", "Least width of the hull / max_distance_mm; n >= 3", COMMON, ()),
    ("hull_triangularity", "1", 0, 1, "How close the outline is to a triangle, as that of a segment is.", "Largest inscribed triangle / hull area: 1 triangle, 0.5 square, 0.41 disc", "after Lanyi (triangular outline), own formula", ()),
    ("angular_resultant", "1", 0, 1, "Whether the calcifications lie mostly to one side of the middle.", "Length of the mean unit vector from the centroid to the points; n >= 3", COMMON, ()),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _angular_resultant(x, y):
    """Length of the mean unit vector; points at the centroid have no direction."""
    sx = sy = count = np.float32(0.0)
    zero, one = np.float32(0.0), np.float32(1.0)
    for i in range(x.size):
        distance = np.sqrt(x[i] * x[i] + y[i] * y[i])
        inverse = one / distance if distance > zero else zero
        sx += x[i] * inverse
        sy += y[i] * inverse
        count += one if distance > zero else zero
    return min(1.0, math.hypot(sx, sy) / count) if count > zero else np.nan


@kernel(fast=True)
def measure_roundness(x, y, corners, hull, out):
    """Write the family's columns to `out`, a view of one row."""
    if x.size < 3:
        return
    out[_C.angular_resultant] = _angular_resultant(x, y)
    if hull.diameter > 0.0:
        out[_C.hull_width_ratio] = min(1.0, hull.width / hull.diameter)
    if hull.perimeter > 0.0:
        out[_C.hull_circularity] = min(1.0, 4.0 * math.pi * hull.area / hull.perimeter**2)
    if hull.area > 0.0:
        out[_C.empty_space_ratio], out[_C.hull_solidity] = empty_space(x, y, corners, hull.area)
        out[_C.hull_eccentricity] = hull.eccentricity
        out[_C.hull_triangularity] = min(1.0, hull.triangle / hull.area)
