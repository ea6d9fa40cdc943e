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
def _bisquare(offset, n, weight, distances, ordered):
    """Write weights that fall to 0 at six median distances."""
    for i in range(n):
        distances[i] = abs(offset[i])
    sort_values(distances, n, ordered)
    cut = np.float32(BISQUARE_CUT * quantile(ordered, n, 0.5))
    for i in range(n):
        t = distances[i] / cut if cut > 0.0 else np.float32(0.0)
        w = np.float32(1.0) - t * t
        weight[i] = w * w if w > 0.0 else np.float32(0.0)


@inner_kernel
def fit_curve(work, n, path_size):
    """Fit the curve to the points of `work`, from the path in ``work.i[PATH]``.

    Returns
    -------
    Curve
        Its knots are in ``work.curves[0]``, the feet and signed distances of the points in
        ``work.f[ARC]`` and ``work.f[OFFSET]``. No knots and NaN where all points are one.
    """
    u, v = work.f[U], work.f[V]
    first_arc, weight, best = work.f[0], work.f[1], work.f[2]
    trial, chosen = work.curves[1], work.curves[2]
    if path_size < 2:
        return Curve(0, np.nan, np.nan)
    size = _decimate(u, v, work.i[PATH], path_size, trial)
    length = _length(trial, size)
    if length <= 0.0:
        return Curve(0, np.nan, np.nan)
    project(u, v, n, trial, size, 0.0, first_arc, work.f[OFFSET], best)
    for i in range(n):
        weight[i] = 1.0
    size = min(_FITTED_KNOTS, n + 2)
    narrowest = MIN_POINTS_PER_BANDWIDTH * length / n
    bandwidth, lowest, last = 0.0, np.inf, -1.0
    for share in BANDWIDTHS:
        width = max(share * length, narrowest)
        if width == last:
            continue
        last = width
        _smooth(u, v, n, first_arc, weight, length, width, trial, size)
        residual = project(u, v, n, trial, size, REACH * length, work.f[ARC], work.f[OFFSET], best)
        freedom = 1.5 + _EPANECHNIKOV_PEAK * length / width
        criterion = residual / max(0.05, 1.0 - freedom / n)
        if criterion < lowest:
            bandwidth, lowest = width, criterion
            chosen[:, :size] = trial[:, :size]
    length = _length(chosen, size)
    project(u, v, n, chosen, size, 0.0, work.f[ARC], work.f[OFFSET], best)
    _bisquare(work.f[OFFSET], n, weight, first_arc, best)
    _smooth(u, v, n, work.f[ARC], weight, length, bandwidth, work.curves[0], size)
    residual = project(
        u, v, n, work.curves[0], size, REACH * length, work.f[ARC], work.f[OFFSET], best
    )
    return Curve(size, _length(work.curves[0], size), residual)
