"""Compiled kernels on all pairs of points: distances, counts, directions of neighbourhoods."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.geometry import FLAT
from calcigram._kernels.statistics import FAR, LANES, TILE, padded, quantile, rising

NEAR, WIDE = 4, 8
"""Numbers of neighbours a local direction is taken over."""

WALL_REACH_MM = 3.5
"""What lies so near a point is its surroundings: both walls of a breast artery, 1 to 3 mm apart, and
some of its length (Valvano et al. 2019; Badano et al. 2018)."""

_WALL_POINTS, _LEAST_PLACES, _MOST_PLACES = 5, 4, 512
_ROUND = 0.8
_SLACK = np.float32(1.0 + 1e-5)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


class Pairs(NamedTuple):
    """Over all unordered pairs of points; the last counts a circle's centre, too."""

    distance_sum: float
    most_within_10mm: float


@kernel(fast=True)
def measure_pairs(x, y):
    """Sum the distances and count the near ones, in O(n^2) without a matrix.

    Sixteen points at a time, one a vector lane, meet all others, so that sums across a vector are
    taken once per sixteen. Each pair is met twice.

    Parameters
    ----------
    x, y : float32 (n,)

    Returns
    -------
    Pairs
    """
    n, total, most, near2 = x.size, 0.0, _ZERO, np.float32(100.0)
    qx, qy = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    sums, near = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for start in range(0, n, LANES):
        end = min(start + LANES, n)
        for k in range(LANES):
            i = min(start + k, n - 1)  # beyond the last it is repeated
            qx[k], qy[k] = x[i], y[i]
        sums[:] = _ZERO
        near[:] = _ZERO
        for j in range(n):
            px, py = x[j], y[j]
            for k in range(LANES):
                dx, dy = px - qx[k], py - qy[k]
                d2 = dx * dx + dy * dy
                sums[k] += np.sqrt(d2)
                near[k] += _ONE if d2 <= near2 else _ZERO
        for k in range(end - start):
            total += sums[k]
            most = max(most, near[k])
    return Pairs(0.5 * total, float(most))


class Directions(NamedTuple):
    """Local directions of the points, and how linear their neighbourhoods are on average.

    ``cos2`` and ``sin2`` are ``a cos 2t`` and ``a sin 2t`` of the major direction t over `WIDE`
    neighbours with the anisotropy ``a = (l1 - l2) / (l1 + l2)``; zeros where all those points are one.
    The linearities are means of ``1 - l2 / l1`` with `NEAR` and with `WIDE` neighbours; NaN where no
    point has a direction.
    """

    cos2: Any
    sin2: Any
    linearity_near: float
    linearity_wide: float


@kernel(fast=True)
def _insert(x, y, first, last, start, qx, qy, best):
    """Let some points be candidates of the sixteen from `start` on."""
    for j in range(first, last, TILE):
        own = j - start
        for k in range(LANES):
            for m in range(TILE):
                dx, dy = x[j + m] - qx[k], y[j + m] - qy[k]
                d = dx * dx + dy * dy if k != own + m else FAR
                for place in range(WIDE):  # a bubble through rising values
                    b = best[k + place * LANES]
                    best[k + place * LANES] = d if d < b else b
                    d = b if d < b else d


@kernel(fast=True)
def _moments(x, y, low, high, qx, qy, limit2, sums):
    """Sum 1, dx, dy, dx^2, dy^2, dx dy of sixteen points over those within the root of `limit2`."""
    for j in range(low, high):
        cx, cy = x[j], y[j]
        for k in range(LANES):
            dx, dy = cx - qx[k], cy - qy[k]
            xx, yy = dx * dx, dy * dy
            inside = _ONE if xx + yy <= limit2[k] else _ZERO
            sums[k] += inside
            sums[k + LANES] += inside * dx
            sums[k + 2 * LANES] += inside * dy
            sums[k + 3 * LANES] += inside * xx
            sums[k + 4 * LANES] += inside * yy
            sums[k + 5 * LANES] += inside * (dx * dy)


@kernel(fast=True)
def _linearity(sums, k):
    """Return a cos 2t, a sin 2t and 1 - l2/l1 = 2a / (1 + a) of one point; -1 without extent."""
    count, sx, sy = sums[k], sums[k + LANES], sums[k + 2 * LANES]
    xx = sums[k + 3 * LANES] - sx * sx / count
    yy = sums[k + 4 * LANES] - sy * sy / count
    xy = sums[k + 5 * LANES] - sx * sy / count
    trace = xx + yy
    if not trace > _ZERO:
        return _ZERO, _ZERO, -_ONE
    c, s = (xx - yy) / trace, np.float32(2.0) * xy / trace
    a = min(np.sqrt(c * c + s * s), _ONE)
    return c, s, np.float32(2.0) * a / (_ONE + a)


@kernel(fast=True)
def local_directions(x, y):
    """Take the direction of each point with its neighbours.

    Sixteen points at a time, one a vector lane, keep their eight least squared distances in order.
    Candidates come outwards from the sixteen in `x`, until the gap in `x` alone is too great: that
    is O(n) candidates for a line, and all n only for a round cluster. All points at the distance
    of the last neighbour belong, so that ties need no choice; the farthest stands in where there
    are fewer.

    Parameters
    ----------
    x, y : float32 (n,)
        By rising `x`.

    Returns
    -------
    Directions
    """
    n, px, py = x.size, padded(x, FAR), padded(y, FAR)
    cos2, sin2 = np.empty(n, np.float32), np.empty(n, np.float32)
    qx, qy = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    near, wide = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    best, sums = np.empty(8 * LANES, np.float32), np.empty(6 * LANES, np.float32)
    total_near = total_wide = n_near = n_wide = 0.0
    for start in range(0, n, LANES):
        end = min(start + LANES, n)
        for k in range(LANES):
            i = min(start + k, n - 1)  # beyond the last it is repeated
            qx[k], qy[k] = x[i], y[i]
        best[:] = FAR
        low, high, j, stop = start, end, start, end
        while True:
            _insert(px, py, j, stop, start, qx, qy, best)
            if low == 0 and high == n:
                break
            left = qx[0] - x[low - 1] if low > 0 else FAR
            right = x[high] - x[end - 1] if high < n else FAR
            gap, widest = min(left, right), _ZERO
            for k in range(end - start):
                widest = max(widest, best[7 * LANES + k])
            if gap * gap > widest * _SLACK:
                break
            if left < right:
                j, stop = low - TILE, low
                low = j
            else:
                j, stop = high, min(n, high + TILE)
                high = stop
        for k in range(LANES):
            value = best[k]
            for m in range(1, NEAR):
                value = best[m * LANES + k] if best[m * LANES + k] < FAR else value
            near[k] = value * _SLACK
            for m in range(NEAR, WIDE):
                value = best[m * LANES + k] if best[m * LANES + k] < FAR else value
            wide[k] = value * _SLACK
        sums[:] = _ZERO
        _moments(x, y, low, high, qx, qy, near, sums)
        for k in range(end - start):
            linearity = _linearity(sums, k)[2]
            if linearity >= _ZERO:
                total_near += linearity
                n_near += 1.0
        sums[:] = _ZERO
        _moments(x, y, low, high, qx, qy, wide, sums)
        for k in range(end - start):
            c, s, linearity = _linearity(sums, k)
            cos2[start + k], sin2[start + k] = c, s
            if linearity >= _ZERO:
                total_wide += linearity
                n_wide += 1.0
    # Sums of no points make 0 / 0, which is NaN.
    return Directions(cos2, sin2, total_near / n_near, total_wide / n_wide)


class Walls(NamedTuple):
    """How the points lie across their surroundings, at the median; NaN where too few have any."""

    unevenness: float
    width: float


@kernel(fast=True)
def measure_walls(x, y):
    """Take how far each point lies from the middle of its surroundings, against their width.

    Within a short stretch two walls are two straight lines, whatever their course and their forks
    elsewhere: each point then lies half their distance from the axis, so that the square of its
    offset is the variance across. Of points that scatter about one line many lie near the axis. Of
    more than 512 points, as many at even ranks are taken: the median needs no more, and points
    that all lie within reach of one another would cost O(n^2).

    Parameters
    ----------
    x, y : float32 (n,)
        By rising `x`, so that only points within reach in `x` are met.

    Returns
    -------
    Walls
    """
    n, reach = x.size, np.float32(WALL_REACH_MM)
    reach2 = reach * reach * _SLACK
    n_places = min(n, _MOST_PLACES)
    uneven, widths = np.empty(n_places, np.float32), np.empty(n_places, np.float32)
    m = low = high = 0
    for place in range(n_places):
        i = place * n // n_places
        qx, qy = x[i], y[i]
        while qx - x[low] > reach * _SLACK:
            low += 1
        while high < n and x[high] - qx <= reach * _SLACK:
            high += 1
        count = sx = sy = sxx = syy = sxy = _ZERO
        for j in range(low, high):
            dx, dy = x[j] - qx, y[j] - qy
            inside = _ONE if dx * dx + dy * dy <= reach2 else _ZERO
            count += inside
            sx += inside * dx
            sy += inside * dy
            sxx += inside * dx * dx
            syy += inside * dy * dy
            sxy += inside * dx * dy
        if count < _WALL_POINTS:
            continue
        sx, sy = sx / count, sy / count
        xx, yy, xy = sxx / count - sx * sx, syy / count - sy * sy, sxy / count - sx * sy
        apart = math.sqrt((xx - yy) ** 2 + 4.0 * xy * xy)
        along, across = 0.5 * (xx + yy + apart), 0.5 * (xx + yy - apart)
        # A round place has no axis, and what rounding leaves of a straight one no width.
        if across > _ROUND * along or across < FLAT * along:
            continue
        # The square of the mean's component across, by the double angle of the axis.
        turned = ((sx * sx - sy * sy) * (xx - yy) + 4.0 * sx * sy * xy) / apart
        uneven[m] = abs(0.5 * (sx * sx + sy * sy - turned) / across - 1.0)
        widths[m] = 2.0 * math.sqrt(across)
        m += 1
    if m < _LEAST_PLACES:
        return Walls(np.nan, np.nan)
    return Walls(quantile(rising(uneven[:m]), 0.5), quantile(rising(widths[:m]), 0.5))
