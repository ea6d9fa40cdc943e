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
from calcigram.vectors import (
    LANES,
    any_lane,
    lane_numbers,
    larger,
    load,
    root,
    splat,
    store,
    total,
    where,
)

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

_FITTED_KNOTS = LANES
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
def _measure_pieces(knots, size, reach, pieces):
    """Write start, direction, clamps and arc length of each piece, and the directions at its knots.

    The ends go on by `reach`; a knot's direction is the sum of those of both its pieces.
    """
    start = last_u = last_v = np.float32(0.0)
    for k in range(size - 1):
        au, av = knots[0, k], knots[1, k]
        du, dv = knots[0, k + 1] - au, knots[1, k + 1] - av
        length = np.sqrt(du * du + dv * dv)
        inverse = np.float32(1.0) / length if length > np.float32(0.0) else np.float32(0.0)
        du, dv = du * inverse, dv * inverse
        pieces[0, k], pieces[1, k], pieces[2, k], pieces[3, k] = au, av, du, dv
        pieces[7, k], pieces[8, k] = last_u + du, last_v + dv
        last_u, last_v = du, dv
        some = length > np.float32(0.0)
        pieces[4, k] = -reach if k == 0 and some else np.float32(0.0)
        pieces[5, k] = length + reach if k == size - 2 and some else length
        pieces[6, k] = start
        start += length
    pieces[7, size - 1], pieces[8, size - 1] = last_u, last_v


@inner_kernel
def project(u, v, n, knots, size, reach, arc, offset, pieces):
    """Find the nearest place on a polyline for each point; return the mean distance.

    Parameters
    ----------
    u, v : float32 (padded(n),)
        Finite beyond `n`.
    knots : float32 (2, size)
    reach : float
        How far the end pieces go on beyond the ends, mm.
    arc, offset : float32 (padded(n),), written
        Arc length of the foot, and distance to it signed by the side. At a knot the side is that of
        both pieces together: where the curve turns sharply, each alone may say another.
    pieces : float32 (9, size), scratch
    """
    _measure_pieces(knots, size, np.float32(reach), pieces)
    zero, far, numbers = splat(np.float32(0.0)), splat(np.float32(np.inf)), lane_numbers()
    distances = zero
    for i in range(0, n, LANES):
        at_u, at_v = load(u, i), load(v, i)
        best, best_arc, best_side = far, zero, zero
        for k in range(size - 1):
            pu, pv = at_u - splat(pieces[0, k]), at_v - splat(pieces[1, k])
            du, dv = splat(pieces[2, k]), splat(pieces[3, k])
            along = pu * du + pv * dv
            before, beyond = along < splat(pieces[4, k]), splat(pieces[5, k]) < along
            along = where(before, splat(pieces[4, k]), along)
            along = where(beyond, splat(pieces[5, k]), along)
            eu, ev = pu - along * du, pv - along * dv
            d2 = eu * eu + ev * ev
            nearer = d2 < best
            best = where(nearer, d2, best)
            best_arc = where(nearer, along + splat(pieces[6, k]), best_arc)
            tu = where(before, splat(pieces[7, k]), where(beyond, splat(pieces[7, k + 1]), du))
            tv = where(before, splat(pieces[8, k]), where(beyond, splat(pieces[8, k + 1]), dv))
            best_side = where(nearer, tu * ev - tv * eu, best_side)
        distance = root(best)
        store(arc, i, best_arc)
        store(offset, i, where(best_side < zero, zero - distance, distance))
        distances = distances + where(numbers < splat(np.float32(n - i)), distance, zero)
    return float(total(distances)) / n


@inner_kernel
def _smooth(u, v, n, arc, weight, length, bandwidth, knots, size):
    """Write knots evenly spaced along the arc: local-linear fits of u and v on arc length.

    Each lane is a knot. Where too few points lie within the bandwidth, it grows.
    """
    zero, one = splat(np.float32(0.0)), splat(np.float32(1.0))
    real = lane_numbers() < splat(np.float32(size))
    at = lane_numbers() * splat(np.float32(length / (size - 1)))
    width, whole = splat(np.float32(bandwidth)), splat(np.float32(length))
    while True:
        s0 = s1 = s2 = x0 = x1 = y0 = y1 = zero
        scale = one / width
        for i in range(n):
            t = (splat(arc[i]) - at) * scale
            w = larger(one - t * t, zero) * splat(weight[i])
            wt = w * t
            pu, pv = splat(u[i]), splat(v[i])
            s0 = s0 + w
            s1 = s1 + wt
            s2 = s2 + wt * t
            x0 = x0 + w * pu
            x1 = x1 + wt * pu
            y0 = y0 + w * pv
            y1 = y1 + wt * pv
        thin = real & (s0 <= one) & (width <= whole)
        if not any_lane(thin):
            break
        width = where(thin, width * splat(np.float32(1.5)), width)
    # A slope from points all at one place would be noise: fall back to their mean.
    determinant = s0 * s2 - s1 * s1
    sloped = splat(np.float32(1e-3)) * s0 * s0 < determinant
    store(knots[0], 0, where(sloped, (s2 * x0 - s1 * x1) / determinant, x0 / s0))
    store(knots[1], 0, where(sloped, (s2 * y0 - s1 * y1) / determinant, y0 / s0))
    if any_lane(real & (s0 <= zero)):
        # No point at all, 0 / 0: the knot before stands in.
        for k in range(1, size):
            if math.isnan(knots[0, k]):
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
    u, v, arc, weight = work.f[0], work.f[1], work.f[2], work.f[3]
    best_arc, best_offset, pieces = work.f[ARC], work.f[OFFSET], work.pieces
    offset, chosen, trial = work.f[4], work.curves[0], work.curves[1]
    if path_size < 2:
        return Curve(0, np.nan, np.nan)
    size = _decimate(work.f[U], work.f[V], work.i[PATH], path_size, trial)
    length = _length(trial, size)
    if length <= 0.0:
        return Curve(0, np.nan, np.nan)
    places_u, places_v = work.f[U], work.f[V]
    for i in range(padded(n)):
        u[i] = places_u[i] if i < n else np.float32(0.0)
        v[i] = places_v[i] if i < n else np.float32(0.0)
    project(u, v, n, trial, size, 0.0, arc, offset, pieces)
    cap = _bisquare(offset, n, median_edge, weight, work.f[5], work.bits[5])
    size = min(_FITTED_KNOTS, n + 2)
    lowest, last, best_width, best_length = np.inf, -1.0, 0.0, 0.0
    # From narrow to wide, each with the feet on the one before: the path zigzags between
    # rails, and the arc lengths on it are too long.
    for share in BANDWIDTHS:
        width = max(share, MIN_POINTS_PER_BANDWIDTH / n)
        if width == last:
            continue
        last = width
        _smooth(u, v, n, arc, weight, length, width * length, trial, size)
        length = _length(trial, size)
        project(u, v, n, trial, size, REACH * length, arc, offset, pieces)
        freedom = FREEDOM_COST * (1.5 + _EPANECHNIKOV_PEAK / width)
        criterion = _capped_residual(offset, n, cap) / max(0.05, 1.0 - freedom / n)
        if criterion < lowest:
            lowest, best_width, best_length = criterion, width, length
            for i in range(n):
                best_arc[i], best_offset[i] = arc[i], offset[i]
    # A last fit, with the feet on the curve itself and weights from it.
    _bisquare(best_offset, n, median_edge, weight, work.f[5], work.bits[5])
    _smooth(u, v, n, best_arc, weight, best_length, best_width * best_length, chosen, size)
    length = _length(chosen, size)
    residual = project(u, v, n, chosen, size, REACH * length, best_arc, best_offset, pieces)
    return Curve(size, length, residual)
