"""Features of how a cluster lies to the nipple, and whether it widens like a lobe's wedge.

The two wedge features need no nipple; all others are NaN without it.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import LOCAL_COS, LOCAL_SIN, U, V
from calcigram.kernels import inner_kernel, quantile

_C = family_columns("nipple")

_WEDGE_MIN_POINTS = 5


@inner_kernel
def _slope_and_correlation(x, y, n):
    """Least-squares slope of y on x, and their correlation; NaN where either is constant."""
    sx = sy = 0.0
    for i in range(n):
        sx += float(x[i])
        sy += float(y[i])
    sx /= n
    sy /= n
    xx = yy = xy = 0.0
    for i in range(n):
        dx, dy = float(x[i]) - sx, float(y[i]) - sy
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    slope = xy / xx if xx > 0.0 else np.nan
    correlation = xy / math.sqrt(xx * yy) if xx > 0.0 and yy > 0.0 else np.nan
    return slope, correlation


@inner_kernel
def _wedge(work, n, out):
    transverse = work.f[0]
    for i in range(n):
        transverse[i] = abs(work.f[V, i])
    slope, correlation = _slope_and_correlation(work.f[U], transverse, n)
    out[_C.wedge_slope] = abs(slope)
    out[_C.wedge_correlation] = min(1.0, abs(correlation)) if correlation == correlation else np.nan


@inner_kernel
def _alignment(work, n, nipple_u, nipple_v):
    """Mean |cos| between local directions and the rays to the nipple, weighted by anisotropy."""
    total = weights = 0.0
    for i in range(n):
        tc, ts = float(work.f[LOCAL_COS, i]), float(work.f[LOCAL_SIN, i])
        du, dv = nipple_u - work.f[U, i], nipple_v - work.f[V, i]
        square = du * du + dv * dv
        weight = math.sqrt(tc * tc + ts * ts)
        if square == 0.0 or weight == 0.0:
            continue
        doubled = (tc * (du * du - dv * dv) + ts * 2.0 * du * dv) / (weight * square)
        total += weight * math.sqrt(max(0.0, 0.5 * (1.0 + doubled)))
        weights += weight
    return min(1.0, total / weights) if weights > 0.0 else np.nan


@inner_kernel
def _seen_from_nipple(work, n, nipple_u, nipple_v, distance, out):
    """Polar measures about the nipple, angles from the ray through the centroid."""
    radius, angle, aside = work.f[0], work.f[1], work.f[2]
    ray_u, ray_v = (-nipple_u / distance, -nipple_v / distance) if distance > 0.0 else (1.0, 0.0)
    mean = 0.0
    for i in range(n):
        du, dv = work.f[U, i] - nipple_u, work.f[V, i] - nipple_v
        along, across = du * ray_u + dv * ray_v, dv * ray_u - du * ray_v
        radius[i] = math.sqrt(along * along + across * across)
        angle[i] = math.pi + math.atan2(across, along)
        aside[i] = abs(across)
        mean += radius[i]
    mean /= n
    if n >= _WEDGE_MIN_POINTS:
        out[_C.nipple_wedge_slope] = _slope_and_correlation(radius, aside, n)[0]
    bits = work.bits[1]
    span = quantile(angle, bits, n, 0.9) - quantile(angle, bits, n, 0.1)
    bits = work.bits[0]
    radial = quantile(radius, bits, n, 0.9) - quantile(radius, bits, n, 0.1)
    out[_C.nipple_span_deg] = math.degrees(span)
    out[_C.nipple_radial_span_mm] = radial
    out[_C.nipple_span_ratio] = radial / (mean * span) if mean * span > 0.0 else np.nan


@inner_kernel
def measure_nipple(work, n, frame, nipple_x, nipple_y, out):
    """Write the family's columns to `out`, a view of one row."""
    if n >= _WEDGE_MIN_POINTS:
        _wedge(work, n, out)
    if math.isnan(nipple_x) or math.isnan(nipple_y):
        return
    dx, dy = nipple_x - frame.x, nipple_y - frame.y
    nipple_u = frame.cos * dx + frame.sin * dy
    nipple_v = frame.hand * (frame.cos * dy - frame.sin * dx)
    distance = math.sqrt(nipple_u * nipple_u + nipple_v * nipple_v)
    out[_C.nipple_distance_mm] = distance
    if n < 3:
        return
    if distance > 0.0 and frame.major > 0.0:
        out[_C.nipple_axis_angle_deg] = math.degrees(math.atan2(abs(nipple_v), abs(nipple_u)))
    _seen_from_nipple(work, n, nipple_u, nipple_v, distance, out)
    out[_C.nipple_alignment] = _alignment(work, n, nipple_u, nipple_v)
