"""The principal curve: a smooth line through the middle of all points of a cluster.

It starts from the longest path of the spanning tree and is smoothed by local-linear
regression on arc length (Hastie & Stuetzle 1989). The bandwidth is chosen by generalised
cross-validation: it stays wide where the points lie on two rails, which no curve along one
of them fits, and narrows where a single duct bends. Robust weights (bisquare, Cleveland
1979) then keep false marks from pulling it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.statistics import FAR, padded, quantile, rising

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

MAX_KNOTS = 25
"""Most knots of the path that the curve starts from, thinned out, and of a smoothed branch."""

_KNOTS = 16
_EPANECHNIKOV_PEAK = 0.75
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)

# Columns of a piece of a polyline: where it starts, its direction, how far before its start and beyond it a foot may
# lie, the arc length at its start, and the directions at its two knots, not of length 1.
_X, _Y, _DX, _DY, _SHORTEST, _LONGEST, _ARC, _FROM_X, _FROM_Y, _TO_X, _TO_Y = range(11)

# Where the sums of all knots begin: of the weights w, of w t and w t t, where t is the place along the arc from the
# knot in bandwidths, and of these with x and y.
_W, _WT, _WTT, _WX, _WTX, _WY, _WTY = range(0, 7 * _KNOTS, _KNOTS)


class Curve(NamedTuple):
    """A fitted curve.

    ``x`` and ``y`` are its knots, none where all points are one; ``arc`` and ``offset`` of each point
    the arc length of its foot and the distance to it, signed by the side; ``residual`` is the mean
    distance.
    """

    x: Any
    y: Any
    arc: Any
    offset: Any
    length: float
    residual: float


@kernel(fast=True)
def _length(x, y):
    """Return the length of a polyline."""
    length = 0.0
    for k in range(x.size - 1):
        dx, dy = x[k + 1] - x[k], y[k + 1] - y[k]
        length += math.sqrt(dx * dx + dy * dy)
    return length


@kernel(fast=True)
def _measure_pieces(x, y, reach):
    """Return one row per piece, with the columns above.

    The ends go on by `reach`. Whether a point is on the left of a knot is told by both pieces together:
    where the curve turns sharply, each alone may say another. So a knot's direction is the sum of both.
    """
    last, start = x.size - 2, _ZERO
    pieces = np.empty((x.size, _TO_Y + 1), np.float32)
    pieces[:] = _ZERO
    for k in range(last + 1):
        dx, dy = x[k + 1] - x[k], y[k + 1] - y[k]
        length = np.sqrt(dx * dx + dy * dy)
        some = length > _ZERO
        dx, dy = (dx / length, dy / length) if some else (_ZERO, _ZERO)
        pieces[k, _X], pieces[k, _Y], pieces[k, _DX], pieces[k, _DY] = x[k], y[k], dx, dy
        pieces[k, _SHORTEST] = -reach if k == 0 and some else _ZERO
        pieces[k, _LONGEST] = length + reach if k == last and some else length
        pieces[k, _ARC] = start
        pieces[k, _FROM_X] += dx
        pieces[k, _FROM_Y] += dy
        pieces[k, _TO_X], pieces[k, _TO_Y] = dx, dy
        pieces[k + 1, _FROM_X], pieces[k + 1, _FROM_Y] = dx, dy
        start += length
    for k in range(last):
        pieces[k, _TO_X], pieces[k, _TO_Y] = pieces[k + 1, _FROM_X], pieces[k + 1, _FROM_Y]
    return pieces[: last + 1]


@kernel(fast=True)
def _find_feet(x, y, pieces, best, arc, side):
    """Write for each point the squared distance to the nearest place, its arc length and on which side it is.

    Pieces are the outer loop: over the points, all of it is vector instructions without a branch.
    """
    for k in range(pieces.shape[0]):
        ax, ay, dx, dy = pieces[k, _X], pieces[k, _Y], pieces[k, _DX], pieces[k, _DY]
        shortest, longest, start = pieces[k, _SHORTEST], pieces[k, _LONGEST], pieces[k, _ARC]
        from_x, from_y = pieces[k, _FROM_X], pieces[k, _FROM_Y]
        to_x, to_y = pieces[k, _TO_X], pieces[k, _TO_Y]
        for i in range(x.size):
            px, py = x[i] - ax, y[i] - ay
            along = px * dx + py * dy
            before, beyond = along < shortest, along > longest
            along = shortest if before else (longest if beyond else along)
            ex, ey = px - along * dx, py - along * dy
            d2 = ex * ex + ey * ey
            tx = from_x if before else (to_x if beyond else dx)
            ty = from_y if before else (to_y if beyond else dy)
            nearer = d2 < best[i]
            best[i] = d2 if nearer else best[i]
            arc[i] = along + start if nearer else arc[i]
            side[i] = tx * ey - ty * ex if nearer else side[i]


@kernel(fast=True)
def project(x, y, knots_x, knots_y, reach):
    """Find the nearest place on a polyline for each point, in O(n k).

    Parameters
    ----------
    x, y : float32 (n,)
        Fastest in whole blocks: see `padded`.
    knots_x, knots_y : float32 (k,)
    reach : float
        How far the end pieces go on beyond the ends, mm.

    Returns
    -------
    (float32 (n,), float32 (n,))
        Arc length of the foot, and distance to it, negative on the right.
    """
    best, arc = np.empty(x.size, np.float32), np.empty(x.size, np.float32)
    side = np.empty(x.size, np.float32)
    best[:], arc[:], side[:] = FAR, _ZERO, _ZERO
    pieces = _measure_pieces(knots_x, knots_y, np.float32(reach))
    _find_feet(x, y, pieces, best, arc, side)
    for i in range(x.size):
        distance = np.sqrt(best[i])
        side[i] = -distance if side[i] < _ZERO else distance
    return arc, side


@kernel(fast=True)
def _add_points(x, y, arc, weight, at, scale, sums):
    """Add to the sums of every knot what a local line through all points needs.

    Knots lie side by side, sixteen to a vector, and points come one after another: seven sums over
    the points of each knot by itself would each end in a slow sum across a vector.
    """
    for i in range(x.size):
        px, py, foot, share = x[i], y[i], arc[i], weight[i]
        for k in range(_KNOTS):
            t = (foot - at[k]) * scale[k]
            w = _ONE - t * t
            w = w * share if w > _ZERO else _ZERO
            wt = w * t
            sums[_W + k] += w
            sums[_WT + k] += wt
            sums[_WTT + k] += wt * t
            sums[_WX + k] += w * px
            sums[_WTX + k] += wt * px
            sums[_WY + k] += w * py
            sums[_WTY + k] += wt * py


@kernel(fast=True)
def _smooth(x, y, arc, weight, length, bandwidth, size):
    """Return knots evenly spaced along the arc: lines through the points near each, at its place.

    Where too few points lie near, the bandwidth grows.
    """
    at, width = np.empty(_KNOTS, np.float32), np.empty(_KNOTS, np.float32)
    sums, whole, step = np.empty(7 * _KNOTS, np.float32), np.float32(length), length / (size - 1)
    for k in range(_KNOTS):
        at[k] = np.float32(k) * np.float32(step)
    width[:] = np.float32(bandwidth)
    thin = True
    while thin:
        sums[:] = _ZERO
        _add_points(x, y, arc, weight, at, _ONE / width, sums)
        thin = False
        for k in range(size):
            if sums[_W + k] <= _ONE and width[k] <= whole:
                width[k] *= np.float32(1.5)
                thin = True
    knots_x, knots_y = np.empty(size, np.float32), np.empty(size, np.float32)
    for k in range(size):
        s0, s1, s2 = sums[_W + k], sums[_WT + k], sums[_WTT + k]
        x0, x1, y0, y1 = sums[_WX + k], sums[_WTX + k], sums[_WY + k], sums[_WTY + k]
        determinant = s0 * s2 - s1 * s1
        if determinant > np.float32(1e-3) * s0 * s0:
            knots_x[k] = (s2 * x0 - s1 * x1) / determinant
            knots_y[k] = (s2 * y0 - s1 * y1) / determinant
        elif s0 > _ZERO or k == 0:  # a slope from points all at one place would be noise
            knots_x[k], knots_y[k] = x0 / s0, y0 / s0
        else:  # no point at all: the knot before stands in
            knots_x[k], knots_y[k] = knots_x[k - 1], knots_y[k - 1]
    return knots_x, knots_y


@kernel(fast=True)
def _bisquare(offset, n, least):
    """Return weights that fall to 0 at six times the upper quartile of the distances, or `least`.

    And that distance. Only the first `n` points weigh anything.
    """
    far = quantile(rising(np.abs(offset[:n])), FAR_QUANTILE)
    cut = np.float32(BISQUARE_CUT * max(far, least))
    scale = _ONE / cut if cut > _ZERO else _ZERO
    weight = np.empty(offset.size, np.float32)
    for i in range(offset.size):
        t = offset[i] * scale
        w = _ONE - t * t
        weight[i] = w * w if w > _ZERO else _ZERO
    weight[n:] = _ZERO
    return weight, cut


@kernel(fast=True)
def _capped_residual(offset, n, cap):
    """Root mean square distance, no distance counting for more than `cap`.

    Squares, not absolute values: the latter are the same for a curve along one rail and for
    one between both.
    """
    total = _ZERO
    for i in range(n):
        distance = min(abs(offset[i]), cap)
        total += distance * distance
    return math.sqrt(total / n)


@kernel(fast=True)
def principal_curve(x, y, path, median_edge):
    """Fit the principal curve.

    Parameters
    ----------
    x, y : float32 (n,)
    path : int32
        The points of the tree's longest path.
    median_edge : float
        Of the spanning tree: residuals below it are never outliers.

    Returns
    -------
    Curve
        NaN where all points are one.
    """
    n, size = x.size, min(path.size, MAX_KNOTS)
    knots_x, knots_y = np.empty(size, np.float32), np.empty(size, np.float32)
    for k in range(size):
        i = path[k * (path.size - 1) // max(size - 1, 1)]
        knots_x[k], knots_y[k] = x[i], y[i]
    length = _length(knots_x, knots_y)
    if not length > 0.0:
        nothing = np.empty(0, np.float32)
        return Curve(nothing, nothing, nothing, nothing, np.nan, np.nan)
    px, py = padded(x, _ZERO), padded(y, _ZERO)
    arc, offset = project(px, py, knots_x, knots_y, 0.0)
    weight, cap = _bisquare(offset, n, median_edge)
    size = min(_KNOTS, n + 2)
    lowest, last, best_width, best_length = np.inf, -1.0, 0.0, length
    best_arc, best_offset = arc, offset
    # From narrow to wide, each with the feet on the one before: the path zigzags between
    # rails, and the arc lengths on it are too long.
    for share in BANDWIDTHS:
        width = max(share, MIN_POINTS_PER_BANDWIDTH / n)
        if width == last:
            continue
        last = width
        knots_x, knots_y = _smooth(px, py, arc, weight, length, width * length, size)
        length = _length(knots_x, knots_y)
        arc, offset = project(px, py, knots_x, knots_y, REACH * length)
        freedom = FREEDOM_COST * (1.5 + _EPANECHNIKOV_PEAK / width)
        criterion = _capped_residual(offset, n, cap) / max(0.05, 1.0 - freedom / n)
        if criterion < lowest:
            lowest, best_width, best_length = criterion, width, length
            best_arc, best_offset = arc, offset
    # A last fit, with the feet on the curve itself and weights from it.
    weight, cap = _bisquare(best_offset, n, median_edge)
    width = best_width * best_length
    knots_x, knots_y = _smooth(px, py, best_arc, weight, best_length, width, size)
    length = _length(knots_x, knots_y)
    arc, offset = project(px, py, knots_x, knots_y, REACH * length)
    arc, offset, total = arc[:n], offset[:n], _ZERO
    for i in range(n):
        total += abs(offset[i])
    return Curve(knots_x, knots_y, arc, offset, length, float(total) / n)
