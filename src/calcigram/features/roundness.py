"""Features of roundness: the outline of a cluster as a whole.

They say nothing of the single calcification's outline; that is `particles`'.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import U, V
from calcigram.geometry import empty_space
from calcigram.kernels import inner_kernel

_C = family_columns("roundness")


@inner_kernel
def _angular_resultant(work, n):
    """Length of the mean unit vector; points at the centroid have no direction."""
    su = sv = count = np.float32(0.0)
    zero, one, u, v = np.float32(0.0), np.float32(1.0), work.f[U], work.f[V]
    for i in range(n):
        distance = np.sqrt(u[i] * u[i] + v[i] * v[i])
        inverse = one / distance if distance > zero else zero
        su += u[i] * inverse
        sv += v[i] * inverse
        count += one if distance > zero else zero
    return min(1.0, math.hypot(su, sv) / count) if count > zero else np.nan


@inner_kernel
def measure_roundness(work, n, hull, hull_index, hull_size, out):
    """Write the family's columns to `out`, a view of one row."""
    if n < 3:
        return
    out[_C.angular_resultant] = _angular_resultant(work, n)
    if hull.diameter > 0.0:
        out[_C.hull_width_ratio] = min(1.0, hull.width / hull.diameter)
    if hull.perimeter > 0.0:
        out[_C.hull_circularity] = min(1.0, 4.0 * math.pi * hull.area / hull.perimeter**2)
    if hull.area > 0.0:
        out[_C.empty_space_ratio], out[_C.hull_solidity] = empty_space(
            work.f[U], work.f[V], n, hull_index, hull_size, hull.area, work.f[0], work.f[1]
        )
        out[_C.hull_eccentricity] = hull.eccentricity
        out[_C.hull_triangularity] = min(1.0, hull.triangle / hull.area)
