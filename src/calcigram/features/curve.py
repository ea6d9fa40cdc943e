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
from calcigram.kernels import inner_kernel, padded, quantile

BANDWIDTHS = (1 / 12, 1 / 7, 1 / 4)
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

_FITTED_KNOTS = 17
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
        du, dv = knots[0, k + 1] - knots[0, k], knots[1, k + 1] - knots[1, k]
        length += math.sqrt(du * du + dv * dv)
    return length


@inner_kernel
def project(u, v, n, knots, size, reach, arc, offset, best):
    """Find the nearest place on a polyline for each point; return the mean distance.

    Parameters
    ----------
    u, v : float32 (padded(n),)
    knots : float32 (2, size)
    reach : float
        How far the end pieces go on beyond the ends, mm.
    arc, offset, best : float32 (padded(n),), written
        Arc length of the foot, distance to it signed by the side, and its square.
    """
    m = padded(n)
    for i in range(m):
        best[i] = np.inf
        arc[i] = 0.0
        offset[i] = 0.0
    start = np.float32(0.0)
    for k in range(size - 1):
        au, av = knots[0, k], knots[1, k]
        du, dv = knots[0, k + 1] - au, knots[1, k + 1] - av
        length = np.sqrt(du * du + dv * dv)
        if length == 0.0:
            continue
        du /= length
        dv /= length
        low = np.float32(-reach) if k == 0 else np.float32(0.0)
        high = length + np.float32(reach) if k == size - 2 else length
        for i in range(m):
            pu, pv = u[i] - au, v[i] - av
            along = pu * du + pv * dv
            along = low if along < low else along
            along = high if along > high else along
            eu, ev = pu - along * du, pv - along * dv
            d2, old, old_arc, old_side = eu * eu + ev * ev, best[i], arc[i], offset[i]
            nearer = d2 < old
            best[i] = d2 if nearer else old
            arc[i] = start + along if nearer else old_arc
            offset[i] = du * pv - dv * pu if nearer else old_side
        start += length
    for i in range(m):
        distance = np.sqrt(best[i])
        offset[i] = distance if offset[i] >= 0.0 else -distance
    total = np.float32(0.0)
    for i in range(n):
        total += abs(offset[i])
    return float(total) / n


@inner_kernel
def _smooth(u, v, n, arc, weight, length, bandwidth, knots, size):
    """Write knots evenly spaced along the arc: local-linear fits of u and v on arc length.

    Weights beyond `n` are 0.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    m = padded(n)
    for k in range(size):
        at = np.float32(length * k / (size - 1))
        width = np.float32(bandwidth)
        while True:
            s0 = s1 = s2 = x0 = x1 = y0 = y1 = zero
            scale = one / width
            for i in range(m):
                t = (arc[i] - at) * scale
                w = one - t * t
                w = w if w > zero else zero
                w *= weight[i]
                wt = w * t
                s0 += w
                s1 += wt
                s2 += wt * t
                x0 += w * u[i]
                x1 += wt * u[i]
                y0 += w * v[i]
                y1 += wt * v[i]
            if s0 > one or width > length:
                break
            width *= np.float32(1.5)
        # A slope from points all at one place would be noise: fall back to their mean.
        determinant = s0 * s2 - s1 * s1
        if determinant > np.float32(1e-3) * s0 * s0:
            knots[0, k] = (s2 * x0 - s1 * x1) / determinant
            knots[1, k] = (s2 * y0 - s1 * y1) / determinant
        elif s0 > zero:
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
def _bisquare(offset, n, least, weight, distances, bits):
    """Write weights that fall to 0 at six times the upper quartile of the distances, or `least`.

    Returns that distance; weights beyond `n` are 0.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    for i in range(n):
        distances[i] = abs(offset[i])
    cut = np.float32(BISQUARE_CUT * max(quantile(distances, bits, n, FAR_QUANTILE), least))
    scale = one / cut if cut > zero else zero
    for i in range(n):
        t = offset[i] * scale
        w = one - t * t
        weight[i] = w * w if w > zero else zero
    for i in range(n, padded(n)):
        weight[i] = zero
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
    u, v, arc, weight, best = work.f[0], work.f[1], work.f[2], work.f[3], work.f[4]
    offset, chosen, trial = work.f[OFFSET], work.curves[0], work.curves[1]
    if path_size < 2:
        return Curve(0, np.nan, np.nan)
    size = _decimate(work.f[U], work.f[V], work.i[PATH], path_size, trial)
    length = _length(trial, size)
    if length <= 0.0:
        return Curve(0, np.nan, np.nan)
    # Padded with 0, for inf times a weight of 0 is NaN.
    for i in range(n):
        u[i], v[i] = work.f[U, i], work.f[V, i]
    for i in range(n, padded(n)):
        u[i] = v[i] = 0.0
    project(u, v, n, trial, size, 0.0, arc, offset, best)
    cap = _bisquare(offset, n, median_edge, weight, work.f[5], work.bits[5])
    size = min(_FITTED_KNOTS, n + 2)
    lowest, last, best_width = np.inf, -1.0, 0.0
    # From narrow to wide, each with the feet on the one before: the path zigzags between
    # rails, and the arc lengths on it are too long.
    for share in BANDWIDTHS:
        width = max(share, MIN_POINTS_PER_BANDWIDTH / n)
        if width == last:
            continue
        last = width
        _smooth(u, v, n, arc, weight, length, width * length, trial, size)
        length = _length(trial, size)
        project(u, v, n, trial, size, REACH * length, arc, offset, best)
        freedom = FREEDOM_COST * (1.5 + _EPANECHNIKOV_PEAK / width)
        criterion = _capped_residual(offset, n, cap) / max(0.05, 1.0 - freedom / n)
        if criterion < lowest:
            lowest = criterion
            for k in range(size):
                chosen[0, k], chosen[1, k] = trial[0, k], trial[1, k]
            best_width = width
    # A last fit, with the feet on the curve itself and weights from it.
    length = _length(chosen, size)
    project(u, v, n, chosen, size, 0.0, arc, offset, best)
    _bisquare(offset, n, median_edge, weight, work.f[5], work.bits[5])
    _smooth(u, v, n, arc, weight, length, best_width * length, chosen, size)
    length = _length(chosen, size)
    residual = project(u, v, n, chosen, size, REACH * length, work.f[ARC], offset, best)
    return Curve(size, length, residual)
