"""The principal curve: a smooth line through the middle of all points of a cluster.

It starts from the longest path of the spanning tree and is smoothed by local-linear
regression on arc length (Hastie & Stuetzle 1989). The bandwidth is chosen by generalised
cross-validation: it stays wide where the points lie on two rails, which no curve along one
of them fits, and narrows where a single duct bends. Robust weights (bisquare, Cleveland
1979) then keep false marks from pulling it. What is read off the curve is `linearity`'s.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from calcigram.features.workspace import ARC, MAX_KNOTS, OFFSET, PATH, U, V
from calcigram.geometry import inner_kernel, quantile, sort_values

BANDWIDTHS = (1 / 3, 1 / 6, 1 / 12)
"""Half-widths tried, as shares of the curve's length."""

MIN_POINTS_PER_BANDWIDTH = 4.0
BISQUARE_CUT = 6.0
REACH = 0.1
"""The end pieces go on by this share of the length, so that a point past the end is no residual."""

FREEDOM_COST = 2.0
"""Each degree of freedom counts double, since the feet of the points adapt to the curve too."""

FAR_QUANTILE = 0.75
"""On two rails the path follows one and half of the points lie on the other: the median would
call those far."""

_FITTED_KNOTS = 25
_EPANECHNIKOV_PEAK = 0.75


class Curve(NamedTuple):
    """A fitted curve: how many knots, its length, and the mean distance of all points."""

    size: int
    length: float
    residual: float


@inner_kernel
def _length(knots, size):
    length = 0.0
    for k in range(size - 1):
        length += math.hypot(knots[0, k + 1] - knots[0, k], knots[1, k + 1] - knots[1, k])
    return length


@inner_kernel
def project(u, v, n, knots, size, reach, arc, offset, best):
    """Find the nearest place on a polyline for each point; return the mean distance.

    Parameters
    ----------
    knots : float32 (2, size)
    reach : float
        How far the end pieces go on beyond the ends, mm.
    arc, offset, best : float32 (n,), written
        Arc length of the foot, distance to it signed by the side, and its square.
    """
    for i in range(n):
        best[i] = np.inf
        arc[i] = 0.0
        offset[i] = 0.0
    start = np.float32(0.0)
    for k in range(size - 1):
        au, av = knots[0, k], knots[1, k]
        du, dv = knots[0, k + 1] - au, knots[1, k + 1] - av
        length = np.float32(math.sqrt(du * du + dv * dv))
        if length == 0.0:
            continue
        du /= length
        dv /= length
        low = np.float32(-reach) if k == 0 else np.float32(0.0)
        high = length + np.float32(reach) if k == size - 2 else length
        for i in range(n):
            pu, pv = u[i] - au, v[i] - av
            along = pu * du + pv * dv
            along = low if along < low else along
            along = high if along > high else along
            eu, ev = pu - along * du, pv - along * dv
            d2 = eu * eu + ev * ev
            side = du * pv - dv * pu
            nearer = d2 < best[i]
            best[i] = d2 if nearer else best[i]
            arc[i] = start + along if nearer else arc[i]
            offset[i] = side if nearer else offset[i]
        start += length
    total = np.float32(0.0)
    for i in range(n):
        distance = np.sqrt(best[i])
        total += distance
        offset[i] = distance if offset[i] >= 0.0 else -distance
    return float(total) / n


@inner_kernel
def _smooth(u, v, n, arc, weight, length, bandwidth, knots, size):
    """Write knots evenly spaced along the arc: local-linear fits of u and v on arc length."""
    for k in range(size):
        at = np.float32(length * k / (size - 1))
        width = np.float32(bandwidth)
        while True:
            s0 = s1 = s2 = x0 = x1 = y0 = y1 = np.float32(0.0)
            scale = np.float32(1.0) / width
            for i in range(n):
                t = (arc[i] - at) * scale
                w = np.float32(1.0) - t * t
                w = w if w > 0.0 else np.float32(0.0)
                w *= weight[i]
                wt = w * t
                s0 += w
                s1 += wt
                s2 += wt * t
                x0 += w * u[i]
                x1 += wt * u[i]
                y0 += w * v[i]
                y1 += wt * v[i]
            if s0 > 1.0 or width > length:
                break
            width *= np.float32(1.5)
        # A slope from points all at one place would be noise: fall back to their mean.
        determinant = float(s0) * s2 - float(s1) * s1
        if determinant > 1e-3 * float(s0) * s0:
            knots[0, k] = (float(s2) * x0 - float(s1) * x1) / determinant
            knots[1, k] = (float(s2) * y0 - float(s1) * y1) / determinant
        elif s0 > 0.0:
            knots[0, k], knots[1, k] = x0 / s0, y0 / s0
        elif k > 0:
            knots[0, k], knots[1, k] = knots[0, k - 1], knots[1, k - 1]


@inner_kernel
def _decimate(u, v, path, size, knots):
    """Write at most MAX_KNOTS of the path's points, both ends among them."""
    count = min(size, MAX_KNOTS)
    for k in range(count):
        i = path[k * (size - 1) // (count - 1)]
        knots[0, k], knots[1, k] = u[i], v[i]
    return count


@inner_kernel
def _bisquare(offset, n, least, weight, distances, ordered):
    """Write weights that fall to 0 at six times the upper quartile of the distances, or `least`.

    Returns that distance.
    """
    for i in range(n):
        distances[i] = abs(offset[i])
    sort_values(distances, n, ordered)
    cut = np.float32(BISQUARE_CUT * max(quantile(ordered, n, FAR_QUANTILE), least))
    for i in range(n):
        t = distances[i] / cut if cut > 0.0 else np.float32(0.0)
        w = np.float32(1.0) - t * t
        weight[i] = w * w if w > 0.0 else np.float32(0.0)
    return cut


@inner_kernel
def _capped_residual(offset, n, cap):
    """Root mean square distance, no distance counting for more than `cap`.

    Squares, not absolute values: the latter are the same for a curve along one rail and for
    one between both.
    """
    total = np.float32(0.0)
    for i in range(n):
        distance = min(abs(offset[i]), cap)
        total += distance * distance
    return math.sqrt(total / n)


@inner_kernel
def fit_curve(work, n, path_size, median_edge):
    """Fit the curve to the points of `work`, from the main path of the tree.

    Returns
    -------
    Curve
        Its knots are in ``work.curves[0]``, the feet and signed distances of the points in the
        rows ARC and OFFSET. No knots and NaN where all points are one.
    """
    u, v, arc, offset = work.f[U], work.f[V], work.f[ARC], work.f[OFFSET]
    first_arc, weight, best, scratch = work.f[0], work.f[1], work.f[2], work.f[3]
    chosen, trial = work.curves[0], work.curves[1]
    if path_size < 2:
        return Curve(0, np.nan, np.nan)
    size = _decimate(u, v, work.i[PATH], path_size, trial)
    length = _length(trial, size)
    if length <= 0.0:
        return Curve(0, np.nan, np.nan)
    project(u, v, n, trial, size, 0.0, first_arc, offset, best)
    cap = _bisquare(offset, n, median_edge, weight, scratch, best)
    size = min(_FITTED_KNOTS, n + 2)
    lowest, last = np.inf, -1.0
    for share in BANDWIDTHS:
        width = max(share, MIN_POINTS_PER_BANDWIDTH / n)
        if width == last:
            continue
        last = width
        # The path zigzags between rails; its arc lengths do so no more after one fit.
        _smooth(u, v, n, first_arc, weight, length, width * length, trial, size)
        smoothed = _length(trial, size)
        project(u, v, n, trial, size, 0.0, arc, offset, best)
        _smooth(u, v, n, arc, weight, smoothed, width * smoothed, trial, size)
        project(u, v, n, trial, size, REACH * smoothed, arc, offset, best)
        freedom = FREEDOM_COST * (1.5 + _EPANECHNIKOV_PEAK / width)
        criterion = _capped_residual(offset, n, cap) / max(0.05, 1.0 - freedom / n)
        if criterion < lowest:
            lowest = criterion
            chosen[:, :size] = trial[:, :size]
    length = _length(chosen, size)
    residual = project(u, v, n, chosen, size, REACH * length, arc, offset, best)
    return Curve(size, length, residual)
