"""Features of roundness: the outline of a cluster as a whole.

They say nothing of the single calcification's outline; that is `particles`'.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import U, V
from calcigram.geometry import concave_area
from calcigram.kernels import inner_kernel

_C = family_columns("roundness")

DIG_RATIO = 2.0
"""An edge is dug while over this many times the nearer distance (Park & Oh 2012)."""

DIG_EDGES = 3.0
"""Edges up to this many median edges of the spanning tree are left: gaps, no bays."""


@inner_kernel
def _angular_resultant(work, n):
    """Length of the mean unit vector; points at the centroid have no direction."""
    su = sv = 0.0
    count = 0
    for i in range(n):
        distance = math.sqrt(float(work.f[U, i]) ** 2 + float(work.f[V, i]) ** 2)
        if distance > 0.0:
            su += work.f[U, i] / distance
            sv += work.f[V, i] / distance
            count += 1
    return min(1.0, math.sqrt(su * su + sv * sv) / count) if count else np.nan


@inner_kernel
def measure_roundness(work, n, hull, hull_index, hull_size, median_edge, out):
    """Write the family's columns to `out`, a view of one row."""
    if n < 3:
        return
    out[_C.hull_width_mm] = hull.width
    out[_C.angular_resultant] = _angular_resultant(work, n)
    if hull.diameter > 0.0:
        out[_C.hull_width_ratio] = min(1.0, hull.width / hull.diameter)
    if hull.perimeter > 0.0:
        out[_C.hull_circularity] = min(1.0, 4.0 * math.pi * hull.area / hull.perimeter**2)
    if hull.area > 0.0:
        inner = concave_area(
            work.f[U], work.f[V], n, hull_index, hull_size, hull.area, DIG_RATIO,
            DIG_EDGES * median_edge, work.i[1],
            (work.f[0], work.bits[0], work.f[1], work.bits[1], work.f[2], work.f[3]),
        )  # fmt: skip
        out[_C.hull_solidity] = max(0.0, min(1.0, inner / hull.area))
        out[_C.hull_eccentricity] = hull.eccentricity
        out[_C.hull_triangularity] = min(1.0, hull.triangle / hull.area)
