"""Compiled work on curves (polylines) and on the calcifications along them."""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import gamma, normal, uniform

_TANGENT_REACH_MM = 0.5  # a tangent is the chord from so far behind to so far ahead


@kernel
def smooth_curve(state, length, turn, wiggle, flips):
    """Return a curve about the origin whose heading turns by `turn` radians in all, shape (m, 2).

    The curvature runs linearly along the curve (a clothoid), changes sign half-way where
    `flips`, and wanders by `wiggle` radians.
    """
    m = max(12, int(length / 0.5))
    slope = 1.8 * uniform(state) - 0.9
    sign = 1.0 if uniform(state) < 0.5 else -1.0
    phase, other_phase = 2.0 * math.pi * uniform(state), 2.0 * math.pi * uniform(state)
    heading = np.empty(m)
    total, largest = 0.0, 1e-9
    for k in range(m):
        s = 2.0 * k / (m - 1) - 1.0
        total += s * sign if flips else 1.0 + s * slope
        heading[k] = total
        largest = max(largest, abs(total))
    mean = 0.0
    for k in range(m):
        s = 2.0 * k / (m - 1) - 1.0
        heading[k] *= turn / largest
        heading[k] += wiggle * math.sin(2.5 * s + phase)
        heading[k] += 0.4 * wiggle * math.sin(6.0 * s + other_phase)
        mean += heading[k] / m
    step = length / (m - 1)
    xy = np.empty((m, 2))
    x = y = mean_x = mean_y = 0.0
    for k in range(m):
        x += step * math.cos(heading[k] - mean)
        y += step * math.sin(heading[k] - mean)
        xy[k, 0], xy[k, 1] = x, y
        mean_x += x / m
        mean_y += y / m
    xy[:, 0] -= mean_x
    xy[:, 1] -= mean_y
    return xy


@kernel
def placed(xy, angle, x, y):
    """Return points rotated about the origin by `angle` (radians), then moved by (x, y)."""
    out = np.empty((len(xy), 2))
    c, s = math.cos(angle), math.sin(angle)
    out[:, 0] = x + c * xy[:, 0] - s * xy[:, 1]
    out[:, 1] = y + s * xy[:, 0] + c * xy[:, 1]
    return out


@kernel
def sprout(state, x, y, heading, length, turn, flips):
    """Return a gently bent path from (x, y) that sets off in direction `heading`, radians.

    `turn` and `flips` are those of `smooth_curve`.
    """
    path = smooth_curve(state, length, turn, 0.1, flips)
    path -= path[0].copy()
    return placed(path, heading - math.atan2(path[3, 1], path[3, 0]), x, y)


@kernel
def spaced(state, n, length, spacing):
    """Return `n` rising positions on [0, length], both ends nearly reached.

    `spacing` runs from clumped (0) over Poisson (about 0.5) to regular (1): the gaps are gamma
    distributed with shape from 0.4 to 12, the spread of published point models.
    """
    out = np.empty(n)
    total = 0.0
    shape = 0.4 * 30.0**spacing
    for i in range(n):
        total += gamma(state, shape) * (0.15 if i == 0 else 1.0)
        out[i] = total
    total += 0.15 * gamma(state, shape)
    return out * (length / total)


@kernel
def gapped(state, positions, length, gap_share):
    """Open one or two empty stretches, `gap_share` of the length in all, in the middle part."""
    n_gaps = 1 + int(2.0 * uniform(state))
    places = np.empty(n_gaps)
    for k in range(n_gaps):
        places[k] = (0.2 + 0.6 * uniform(state)) * length * (1.0 - gap_share)
    squeezed = positions * (1.0 - gap_share)
    out = squeezed.copy()
    for place in places:
        out += np.where(squeezed > place, gap_share * length / n_gaps, 0.0)
    return out


@kernel
def fill_twigs(
    state, points, first, n, spacing, unevenness, off_line, calibre, wall_share, off_wall
):
    """Put calcifications along all branches in proportion to length, at least one each.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    points : ndarray of float64, shape (M, 2)
        mm.
    first : ndarray of int64, shape (B + 1,)
        Branch ``b`` owns points ``first[b]:first[b + 1]``.
    n : int
        Calcifications, about.
    spacing, unevenness : float
        See `spaced`; how far the weight of a branch may stray from its length.
    off_line : float
        Standard deviation off a duct's line, mm.
    calibre, wall_share, off_wall : float
        Of a vessel: its calibre (mm; 0 for a duct), share on the left wall, deviation off it.

    Returns
    -------
    xy : ndarray of float64, shape (m, 2)
    direction : ndarray of float64, shape (m,)
    branch : ndarray of int64, shape (m,)
    """
    n_branches = len(first) - 1
    length, weight = np.empty(n_branches), np.empty(n_branches)
    total = 0.0
    for b in range(n_branches):
        length[b] = arc_lengths(points[first[b] : first[b + 1]])[-1]
        weight[b] = length[b] * (1.0 + unevenness * (2.0 * uniform(state) - 1.0))
        total += weight[b]
    count = np.empty(n_branches, np.int64)
    m = 0
    for b in range(n_branches):
        count[b] = max(1, int(n * weight[b] / total + 0.5))
        m += count[b]
    xy, direction, branch = np.empty((m, 2)), np.empty(m), np.empty(m, np.int64)
    i = 0
    for b in range(n_branches):
        at = spaced(state, count[b], length[b], spacing)
        where, heading = walk(points[first[b] : first[b + 1]], at)
        for k in range(count[b]):
            if calibre > 0.0:
                side = 0.5 if uniform(state) < wall_share else -0.5
                offset = side * calibre + off_wall * normal(state)
            else:
                offset = off_line * normal(state)
            xy[i, 0] = where[k, 0] - math.sin(heading[k]) * offset
            xy[i, 1] = where[k, 1] + math.cos(heading[k]) * offset
            direction[i], branch[i] = heading[k], b
            i += 1
    return xy, direction, branch


@kernel
def kept_apart(xy, distance, n):
    """Return, in order, at most `n` points that are at least `distance` from all kept before."""
    kept, m = np.empty((n, 2)), 0
    for i in range(len(xy)):
        if m == n:
            break
        free = True
        for k in range(m):
            dx, dy = xy[i, 0] - kept[k, 0], xy[i, 1] - kept[k, 1]
            if dx * dx + dy * dy < distance * distance:
                free = False
                break
        if free:
            kept[m, 0], kept[m, 1] = xy[i, 0], xy[i, 1]
            m += 1
    return kept[:m]


@kernel
def arc_lengths(path):
    """Return the length along a polyline at each of its points, mm, shape (m,)."""
    out = np.empty(len(path))
    out[0] = 0.0
    for k in range(1, len(path)):
        dx, dy = path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1]
        out[k] = out[k - 1] + math.sqrt(dx * dx + dy * dy)
    return out


@kernel
def _at(path, arc, position):
    k = 1 + np.searchsorted(arc[1:-1], position)
    step = arc[k] - arc[k - 1]
    t = min(1.0, max(0.0, (position - arc[k - 1]) / step)) if step > 0.0 else 0.0
    x = path[k - 1, 0] + t * (path[k, 0] - path[k - 1, 0])
    y = path[k - 1, 1] + t * (path[k, 1] - path[k - 1, 1])
    return x, y


@kernel
def walk(path, positions):
    """Return points and tangent directions at arc lengths of a polyline.

    Parameters
    ----------
    path : ndarray of float64, shape (m, 2)
        mm.
    positions : ndarray of float64, shape (n,)
        Arc lengths, mm.

    Returns
    -------
    xy : ndarray of float64, shape (n, 2)
    direction : ndarray of float64, shape (n,)
        Radians.
    """
    arc = arc_lengths(path)
    n = len(positions)
    xy, direction = np.empty((n, 2)), np.empty(n)
    for i in range(n):
        xy[i, 0], xy[i, 1] = _at(path, arc, positions[i])
        xa, ya = _at(path, arc, positions[i] - _TANGENT_REACH_MM)
        xb, yb = _at(path, arc, positions[i] + _TANGENT_REACH_MM)
        direction[i] = math.atan2(yb - ya, xb - xa)
    return xy, direction


@kernel
def distance_to_path(xy, path):
    """Return the distance of each point to a polyline, mm, shape (n,)."""
    out = np.empty(len(xy))
    for i in range(len(xy)):
        best = np.inf
        for k in range(len(path) - 1):
            ax, ay = path[k, 0], path[k, 1]
            dx, dy = path[k + 1, 0] - ax, path[k + 1, 1] - ay
            squared = dx * dx + dy * dy
            t = 0.0
            if squared > 0.0:
                t = ((xy[i, 0] - ax) * dx + (xy[i, 1] - ay) * dy) / squared
                t = min(1.0, max(0.0, t))
            ex, ey = xy[i, 0] - ax - t * dx, xy[i, 1] - ay - t * dy
            best = min(best, ex * ex + ey * ey)
        out[i] = math.sqrt(best)
    return out
