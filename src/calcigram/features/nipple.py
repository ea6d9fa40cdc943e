"""Features of how a cluster lies to the nipple, and whether it widens like a lobe's wedge.

The wedge and widening features need no nipple; all others are NaN without it.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import ANGLE, MEAN, RADIUS, U, V
from calcigram.kernels import column_quantile, inner_kernel, natural_logs
from calcigram.vectors import LANES, larger, load, root, smaller, splat, store, where

_C = family_columns("nipple")

_WEDGE_MIN_POINTS = 5

_TURNS = 12
_TURN_COS = np.cos(np.arange(LANES) * math.pi / _TURNS).astype(np.float32)
_TURN_SIN = np.sin(np.arange(LANES) * math.pi / _TURNS).astype(np.float32)
_SEAM = 0.1
"""Half the width of the seam between two halves, in radii of gyration: without one a point at
the centroid would leap from half to half."""

_LEAST_BREADTH = 0.01
"""Breadth added to both halves, in radii of gyration: a half in a line has none."""

_THIRD_DEVIATIONS = 0.4
"""About a third of the points lies this many standard deviations beyond the mean."""


@inner_kernel
def _slope_and_correlation(x, y, n):
    """Least-squares slope of y on x, and their correlation; NaN where either is constant."""
    # Measured from the first point, so that equal values leave exact zeros.
    x0, y0 = x[0], y[0]
    sx = sy = np.float32(0.0)
    for i in range(n):
        sx += x[i] - x0
        sy += y[i] - y0
    sx /= np.float32(n)
    sy /= np.float32(n)
    xx = yy = xy = np.float32(0.0)
    for i in range(n):
        dx, dy = (x[i] - x0) - sx, (y[i] - y0) - sy
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    slope = float(xy) / xx if xx > 0.0 else np.nan
    correlation = xy / math.sqrt(float(xx) * yy) if xx > 0.0 and yy > 0.0 else np.nan
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
def _widenings(work, n, gyration, out):
    """Compare the breadths of both halves in every direction at once: each lane is a turn."""
    if not gyration > 0.0:
        return
    zero, half, one = splat(np.float32(0.0)), splat(np.float32(0.5)), splat(np.float32(1.0))
    cosine, sine = load(_TURN_COS, 0), load(_TURN_SIN, 0)
    per_seam = splat(np.float32(0.5 / (_SEAM * gyration)))
    wf = sf = qf = wb = sb = qb = zero
    for i in range(n):
        u, v = splat(work.f[U, i]), splat(work.f[V, i])
        ahead = smaller(one, larger(zero, half + (cosine * u + sine * v) * per_seam))
        behind = one - ahead
        across = cosine * v - sine * u
        near, far = behind * across, ahead * across
        wf = wf + ahead
        sf = sf + far
        qf = qf + far * across
        wb = wb + behind
        sb = sb + near
        qb = qb + near * across
    least = splat(np.float32(_LEAST_BREADTH * gyration))
    store(work.f[0], 0, (_breadth(wf, sf, qf) + least) / (_breadth(wb, sb, qb) + least))
    natural_logs(work.bits[0], np.int64(LANES), work.f[1], work.bits[1])
    ratios = work.f[1]
    total = greatest = np.float32(0.0)
    for k in range(_TURNS):
        total += abs(ratios[k])
        greatest = max(greatest, abs(ratios[k]))
    out[_C.widening_axis] = ratios[0]
    out[_C.widening_mean] = total / _TURNS
    out[_C.widening_max] = greatest


@inner_kernel
def _breadth(weight, first, second):
    """Return the standard deviation from weighted sums; 0 where nothing weighs."""
    zero = splat(np.float32(0.0))
    some = zero < weight
    mean = where(some, first / weight, zero)
    return root(larger(where(some, second / weight, zero) - mean * mean, zero))


@inner_kernel
def _nipple_widening(radius, aside, n):
    """Log of the breadth far from the nipple over that near it; NaN where either is nothing."""
    mean = square = np.float32(0.0)
    for i in range(n):
        mean += radius[i]
    mean /= np.float32(n)
    for i in range(n):
        square += (radius[i] - mean) * (radius[i] - mean)
    beyond = np.float32(_THIRD_DEVIATIONS * math.sqrt(square / n))
    near = far = 0.0
    n_near = n_far = 0
    for i in range(n):
        if radius[i] > mean + beyond:
            far += aside[i]
            n_far += 1
        elif radius[i] < mean - beyond:
            near += aside[i]
            n_near += 1
    if not (near > 0.0 and far > 0.0):
        return np.nan
    return math.log(far / n_far) - math.log(near / n_near)


@inner_kernel
def _angle(diamond):
    """Return the angle of a direction given as its place on the diamond |x| + |y| = 1."""
    x = 1.0 - abs(diamond)
    return math.atan2(diamond if x >= 0.0 else math.copysign(1.0 + x, diamond), x)


@inner_kernel
def _angle_quantile(angles, n, q):
    place = q * (n - 1)
    rank = min(int(place), n - 2)
    low = _angle(float(angles[LANES * rank]))
    return low + (place - rank) * (_angle(float(angles[LANES * (rank + 1)])) - low)


@inner_kernel
def _centroid_to_nipple(frame, nipple_x, nipple_y):
    """Return the nipple in the cluster's frame and its distance; NaN if it is unknown."""
    dx, dy = nipple_x - frame.x, nipple_y - frame.y
    u = frame.cos * dx + frame.sin * dy
    v = frame.hand * (frame.cos * dy - frame.sin * dx)
    return u, v, math.sqrt(u * u + v * v)


@inner_kernel
def place_nipple(work, n, frame, nipple_x, nipple_y, out):
    """Write polar places about the nipple to the table, and the slope of one on the other.

    Angles are from the ray through the centroid, given as places on the diamond
    |x| + |y| = 1: they rise alike, and only the few that count are turned into angles.
    """
    nipple_u, nipple_v, distance = _centroid_to_nipple(frame, nipple_x, nipple_y)
    if n < 3 or not distance >= 0.0:
        return
    radius, angle, aside = work.f[0], work.f[1], work.f[2]
    ray_u = np.float32(-nipple_u / distance if distance > 0.0 else 1.0)
    ray_v = np.float32(-nipple_v / distance if distance > 0.0 else 0.0)
    at_u, at_v = np.float32(nipple_u), np.float32(nipple_v)
    u, v, two, tiny = work.f[U], work.f[V], np.float32(2.0), np.float32(1e-30)
    for i in range(n):
        du, dv = u[i] - at_u, v[i] - at_v
        along, across = du * ray_u + dv * ray_v, dv * ray_u - du * ray_v
        radius[i] = np.sqrt(along * along + across * across)
        aside[i] = abs(across)
        diamond = across / max(abs(along) + abs(across), tiny)
        behind = two - diamond if diamond >= np.float32(0.0) else -two - diamond
        angle[i] = diamond if along >= np.float32(0.0) else behind
    for i in range(n):
        work.table[LANES * i + ANGLE] = angle[i]
        work.table[LANES * i + RADIUS] = radius[i]
    if n >= _WEDGE_MIN_POINTS:
        out[_C.nipple_wedge_slope] = _slope_and_correlation(radius, aside, n)[0]
        out[_C.nipple_widening] = _nipple_widening(radius, aside, n)


@inner_kernel
def measure_nipple(work, n, frame, nipple_x, nipple_y, out):
    """Write the family's columns to `out`, a view of one row; the table is sorted."""
    if n >= _WEDGE_MIN_POINTS:
        _wedge(work, n, out)
        _widenings(work, n, math.sqrt(frame.major + frame.minor), out)
    nipple_u, nipple_v, distance = _centroid_to_nipple(frame, nipple_x, nipple_y)
    if not distance >= 0.0:
        return
    out[_C.nipple_distance_mm] = distance
    if n < 3:
        return
    if distance > 0.0 and frame.major > 0.0:
        out[_C.nipple_axis_angle_deg] = math.degrees(math.atan2(abs(nipple_v), abs(nipple_u)))
    table = work.table
    span = _angle_quantile(table[ANGLE:], n, 0.9) - _angle_quantile(table[ANGLE:], n, 0.1)
    radial = column_quantile(table[RADIUS:], n, 0.9) - column_quantile(table[RADIUS:], n, 0.1)
    mean = float(work.moments[MEAN, RADIUS])
    farthest = column_quantile(table[RADIUS:], n, 0.95)
    if farthest > 0.0:
        out[_C.nipple_nearness] = column_quantile(table[RADIUS:], n, 0.05) / farthest
    out[_C.nipple_span_deg] = math.degrees(span)
    out[_C.nipple_radial_span_mm] = radial
    out[_C.nipple_span_ratio] = radial / (mean * span) if mean * span > 0.0 else np.nan
