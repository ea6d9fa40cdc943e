"""Features of spread: how large, how dense and how evenly filled a cluster is.

Shape is not looked at here; see `linearity`, `branching` and `roundness`.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import NEAREST, U, V
from calcigram.geometry import geometric_median
from calcigram.kernels import inner_kernel, quantile

_C = family_columns("spread")


@inner_kernel
def _nearest(work, n, hull, out):
    """Nearest-neighbour distances and the Clark-Evans ratio."""
    total = square = 0.0
    for i in range(n):
        total += float(work.f[NEAREST, i])
        square += float(work.f[NEAREST, i]) ** 2
    mean = total / n
    deviation = math.sqrt(max(0.0, square / n - mean * mean))
    out[_C.nn_mean_mm] = mean
    out[_C.nn_sd_mm] = deviation
    out[_C.nn_cv] = deviation / mean if mean > 0.0 else np.nan
    edge = (0.0514 + 0.041 / math.sqrt(n)) * hull.perimeter / n
    expected = 0.5 * math.sqrt(hull.area / n) + edge
    out[_C.clark_evans_ratio] = mean / expected if n >= 3 and expected > 0.0 else np.nan


@inner_kernel
def _core(work, n, hull, out):
    """Radii about the geometric median."""
    distances, bits = work.f[0], work.bits[0]
    cu, cv = geometric_median(work.f[U], work.f[V], n, hull.diameter)
    cu, cv = np.float32(cu), np.float32(cv)
    for i in range(n):
        du, dv = work.f[U, i] - cu, work.f[V, i] - cv
        distances[i] = np.sqrt(du * du + dv * dv)
    out[_C.core_radius_mm] = quantile(distances, bits, n, 0.5)
    out[_C.core_radius_90_mm] = quantile(distances, bits, n, 0.9)


@inner_kernel
def _radial_kurtosis(work, n, frame):
    fourth = 0.0
    for i in range(n):
        square = float(work.f[U, i]) ** 2 + float(work.f[V, i]) ** 2
        fourth += square * square
    second = frame.major + frame.minor
    if n < 3 or second <= 0.0:
        return np.nan
    return max(1.0, fourth / n / (second * second))


@inner_kernel
def _ripley(area, n, pairs_within, radius):
    if n < 3 or area <= 0.0:
        return np.nan
    return math.sqrt(2.0 * area * pairs_within / (math.pi * n * (n - 1))) - radius


@inner_kernel
def measure_spread(work, n, frame, hull, pairs, breast_area, out):
    """Write the family's columns to `out`, a view of one row."""
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
    _core(work, n, hull, out)
    if n >= 2:
        out[_C.mean_distance_mm] = pairs.distance_sum / (0.5 * n * (n - 1))
        _nearest(work, n, hull, out)
