"""Features of spread: how large, how dense and how evenly filled a cluster is.

Shape is not looked at here; see `linearity`, `branching` and `roundness`.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import CORE, DEVIATION, MEAN, NEAREST, NEIGHBOUR, U, V
from calcigram.geometry import geometric_median
from calcigram.kernels import column_quantile, inner_kernel
from calcigram.vectors import LANES

_C = family_columns("spread")


@inner_kernel
def _nearest(work, n, hull, out):
    """Nearest-neighbour distances and the Clark-Evans ratio."""
    mean, deviation = work.moments[MEAN, NEIGHBOUR], work.moments[DEVIATION, NEIGHBOUR]
    out[_C.nn_mean_mm] = mean
    out[_C.nn_sd_mm] = deviation
    out[_C.nn_cv] = deviation / mean if mean > 0.0 else np.nan
    edge = (0.0514 + 0.041 / math.sqrt(n)) * hull.perimeter / n
    expected = 0.5 * math.sqrt(hull.area / n) + edge
    out[_C.clark_evans_ratio] = mean / expected if n >= 3 and expected > 0.0 else np.nan


@inner_kernel
def place_spread(work, n, hull):
    """Write distances to the geometric median and to the nearest neighbour to the table."""
    u, v, distances, nearest = work.f[U], work.f[V], work.f[0], work.f[NEAREST]
    cu, cv = geometric_median(u, v, n, hull.diameter)
    cu, cv = np.float32(cu), np.float32(cv)
    for i in range(n):
        du, dv = u[i] - cu, v[i] - cv
        distances[i] = np.sqrt(du * du + dv * dv)
    for i in range(n):
        work.table[LANES * i + CORE] = distances[i]
        work.table[LANES * i + NEIGHBOUR] = nearest[i]


@inner_kernel
def _radial_kurtosis(work, n, frame):
    fourth = np.float32(0.0)
    u, v = work.f[U], work.f[V]
    for i in range(n):
        square = u[i] * u[i] + v[i] * v[i]
        fourth += square * square
    second = frame.major + frame.minor
    if n < 3 or second <= 0.0:
        return np.nan
    return max(1.0, float(fourth) / n / (second * second))


@inner_kernel
def _ripley(area, n, pairs_within, radius):
    if n < 3 or area <= 0.0:
        return np.nan
    return math.sqrt(2.0 * area * pairs_within / (math.pi * n * (n - 1))) - radius


@inner_kernel
def measure_spread(work, n, frame, hull, pairs, breast_area, out):
    """Write the family's columns to `out`, a view of one row; the table is sorted."""
    out[_C.n_calcifications] = n
    out[_C.radius_of_gyration_mm] = math.sqrt(frame.major + frame.minor)
    out[_C.max_distance_mm] = hull.diameter
    out[_C.hull_area_mm2] = hull.area
    out[_C.density_per_cm2] = 100.0 * n / hull.area if hull.area > 0.0 else np.nan
    out[_C.breast_share] = hull.area / breast_area
    out[_C.max_count_1cm] = pairs.most_within_5mm
    out[_C.share_2cm] = pairs.most_within_10mm / n
    out[_C.ripley_l_1mm] = _ripley(hull.area, n, pairs.within_1mm, 1.0)
    out[_C.ripley_l_3mm] = _ripley(hull.area, n, pairs.within_3mm, 3.0)
    out[_C.ripley_l_10mm] = _ripley(hull.area, n, pairs.within_10mm, 10.0)
    out[_C.radial_kurtosis] = _radial_kurtosis(work, n, frame)
    out[_C.core_radius_mm] = column_quantile(work.table[CORE:], n, 0.5)
    out[_C.core_radius_90_mm] = column_quantile(work.table[CORE:], n, 0.9)
    if n >= 2:
        out[_C.mean_distance_mm] = pairs.distance_sum / (0.5 * n * (n - 1))
        _nearest(work, n, hull, out)
