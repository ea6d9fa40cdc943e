"""Compiled work on polylines: arc length, places along a path, distance from it."""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel


@kernel
def arc_lengths_of(path):
    """Return the length along a polyline at each of its points, mm, shape (m,)."""
    out = np.empty(len(path))
    out[0] = 0.0
    for k in range(1, len(path)):
        dx, dy = path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1]
        out[k] = out[k - 1] + math.sqrt(dx * dx + dy * dy)
    return out


@kernel
def _at(path, arc, position):
    low, high = 1, len(arc) - 1
    while low < high:
        middle = (low + high) // 2
        if arc[middle] < position:
            low = middle + 1
        else:
            high = middle
    k = low
    step = arc[k] - arc[k - 1]
    t = min(1.0, max(0.0, (position - arc[k - 1]) / step)) if step > 0.0 else 0.0
    x = path[k - 1, 0] + t * (path[k, 0] - path[k - 1, 0])
    y = path[k - 1, 1] + t * (path[k, 1] - path[k - 1, 1])
    return x, y


@kernel
def walk(path, positions, reach):
    """Return points and tangent directions at arc lengths of a polyline.

    Parameters
    ----------
    path : ndarray of float64, shape (m, 2)
        mm.
    positions : ndarray of float64, shape (n,)
        Arc lengths, mm.
    reach : float
        The tangent is the chord from `reach` behind to `reach` ahead, mm.

    Returns
    -------
    xy : ndarray of float64, shape (n, 2)
    direction : ndarray of float64, shape (n,)
        Radians.
    """
    arc = arc_lengths_of(path)
    n = len(positions)
    xy, direction = np.empty((n, 2)), np.empty(n)
    for i in range(n):
        xy[i, 0], xy[i, 1] = _at(path, arc, positions[i])
        xa, ya = _at(path, arc, positions[i] - reach)
        xb, yb = _at(path, arc, positions[i] + reach)
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
