"""Compiled measures of a set of points that the definitions rest on: hull, width, axis."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _hull(xy):
    order = np.argsort(xy[:, 0], kind="mergesort")
    n = order.size
    hull = np.empty((2 * n + 1, 2))
    m = 0
    for sweep in range(2):
        base = m
        for step in range(n):
            p = xy[order[step] if sweep == 0 else order[n - 1 - step]]
            while m >= base + 2 and (hull[m - 1, 0] - hull[m - 2, 0]) * (p[1] - hull[m - 2, 1]) <= (
                hull[m - 1, 1] - hull[m - 2, 1]
            ) * (p[0] - hull[m - 2, 0]):
                m -= 1
            hull[m] = p
            m += 1
        m -= 1
    return hull[:m]


@njit(cache=True, nogil=True)
def extent_of(xy):
    """Return greatest distance, least width and area of the hull, and the axis of the distance.

    Parameters
    ----------
    xy : ndarray of float64, shape (n, 2)
        n >= 2 points, mm.

    Returns
    -------
    tuple of float
        Greatest distance (mm), least width (mm), hull area (mm2), direction of the greatest
        distance (radians, in (-pi, pi]).
    """
    hull = _hull(xy)
    m = len(hull)
    longest, axis = 0.0, 0.0
    for i in range(m):
        for j in range(i + 1, m):
            dx, dy = hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1]
            distance = math.sqrt(dx * dx + dy * dy)
            if distance > longest:
                longest, axis = distance, math.atan2(dy, dx)
    area, width = 0.0, longest
    if m < 3:
        return longest, 0.0, 0.0, axis
    for i in range(m):
        j = (i + 1) % m
        area += hull[i, 0] * hull[j, 1] - hull[j, 0] * hull[i, 1]
        ex, ey = hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1]
        norm = math.sqrt(ex * ex + ey * ey)
        if norm < 1e-12:
            continue
        farthest = 0.0
        for k in range(m):
            away = abs(ex * (hull[k, 1] - hull[i, 1]) - ey * (hull[k, 0] - hull[i, 0])) / norm
            farthest = max(farthest, away)
        width = min(width, farthest)
    return longest, width, 0.5 * abs(area), axis


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def tree_path_share(xy):
    """Return the longest path of the minimum spanning tree over its total length.

    Near 1 the points can be threaded like beads; a filled area gives about 0.3-0.6.
    """
    n = len(xy)
    if n < 3:
        return 1.0
    near = np.full(n, np.inf)
    parent = np.full(n, -1)
    done = np.zeros(n, np.bool_)
    order = np.empty(n, np.int64)
    at, total = 0, 0.0
    near[0] = 0.0
    for step in range(n):
        done[at] = True
        order[step] = at
        total += math.sqrt(near[at])
        nearest, following = np.inf, -1
        for j in range(n):
            if not done[j]:
                dx, dy = xy[j, 0] - xy[at, 0], xy[j, 1] - xy[at, 1]
                squared = dx * dx + dy * dy
                if squared < near[j]:
                    near[j], parent[j] = squared, at
                if near[j] < nearest:
                    nearest, following = near[j], j
        at = following
    deepest, longest = np.zeros(n), 0.0
    for step in range(n - 1, 0, -1):
        j = order[step]
        up = parent[j]
        reach = deepest[j] + math.sqrt(near[j])
        longest = max(longest, deepest[up] + reach)
        deepest[up] = max(deepest[up], reach)
    return longest / total if total > 0 else 1.0


@njit(cache=True, nogil=True)
def first_free(xy, axis, half_length, half_width, order):
    """Tell which calcifications stay when those that overlap an earlier one are dropped.

    A calcification is a rod: an axis of `half_length` with `half_width` around it, mm.
    `order` says who comes first.
    """
    n = len(order)
    keep = np.zeros(n, np.bool_)
    kept = np.empty(n, np.int64)
    m = 0
    for i in order:
        ci, si = math.cos(axis[i]) * half_length[i], math.sin(axis[i]) * half_length[i]
        free = True
        for k in range(m):
            j = kept[k]
            limit = half_width[i] + half_width[j]
            dx, dy = xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1]
            reach = limit + half_length[i] + half_length[j]
            if dx * dx + dy * dy > reach * reach:
                continue
            cj, sj = math.cos(axis[j]) * half_length[j], math.sin(axis[j]) * half_length[j]
            # Sample both axes finely enough that no crossing slips between two samples.
            na = 1 + int(half_length[i] / limit)
            nb = 1 + int(half_length[j] / limit)
            for a in range(-na, na + 1):
                for b in range(-nb, nb + 1):
                    ex = dx + b * cj / nb - a * ci / na
                    ey = dy + b * sj / nb - a * si / na
                    if ex * ex + ey * ey < limit * limit:
                        free = False
            if not free:
                break
        if free:
            keep[i] = True
            kept[m] = i
            m += 1
    return keep


@njit(cache=True, nogil=True)
def close_pairs(xy, radius, gap):
    """Return the pairs of discs less than `gap` apart, int64, shape (k, 2)."""
    n = len(radius)
    found = [(0, 0) for _ in range(0)]
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy = xy[i, 0] - xy[j, 0], xy[i, 1] - xy[j, 1]
            reach = radius[i] + radius[j] + gap
            if dx * dx + dy * dy < reach * reach:
                found.append((i, j))
    out = np.empty((len(found), 2), np.int64)
    for k in range(len(found)):
        out[k, 0], out[k, 1] = found[k]
    return out


@njit(cache=True, nogil=True)
def median_spacing(xy):
    """Return the median distance of a point to its nearest neighbour, mm."""
    n = len(xy)
    nearest = np.full(n, np.inf)
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy = xy[i, 0] - xy[j, 0], xy[i, 1] - xy[j, 1]
            squared = dx * dx + dy * dy
            nearest[i], nearest[j] = min(nearest[i], squared), min(nearest[j], squared)
    return math.sqrt(np.median(nearest))
