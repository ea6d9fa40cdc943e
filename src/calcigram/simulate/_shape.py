"""Compiled measures of points and of sizes that the definitions rest on."""

from __future__ import annotations

import math

import numpy as np

from calcigram.kernelcache import plain_kernel
from calcigram.simulate._random import uniform


@plain_kernel
def convex_hull(xy):
    """Return the corners of the convex hull in order, shape (m, 2) (Andrew's monotone chain).

    The points are swept from left to right for one side of the hull and back for the other.
    """
    n = len(xy)
    order = np.argsort(xy[:, 0].copy(), kind="mergesort")
    hull, m = np.empty((2 * n + 1, 2)), 0
    for sweep in range(2):
        base = m
        for step in range(n):
            i = order[step] if sweep == 0 else order[n - 1 - step]
            px, py = xy[i, 0], xy[i, 1]
            while m >= base + 2 and (hull[m - 1, 0] - hull[m - 2, 0]) * (py - hull[m - 2, 1]) <= (
                hull[m - 1, 1] - hull[m - 2, 1]
            ) * (px - hull[m - 2, 0]):
                m -= 1
            hull[m, 0], hull[m, 1] = px, py
            m += 1
        m -= 1  # the last point of a sweep is the first of the other
    return hull[:m]


@plain_kernel
def hull_area(hull):
    """Return the area within the corners of a convex hull."""
    area = 0.0
    for i in range(len(hull)):
        j = (i + 1) % len(hull)
        area += hull[i, 0] * hull[j, 1] - hull[j, 0] * hull[i, 1]
    return 0.5 * abs(area)


@plain_kernel
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
    hull = convex_hull(xy)
    m = len(hull)
    longest, axis = 0.0, 0.0
    for i in range(m):
        for j in range(i + 1, m):
            dx, dy = hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1]
            distance = math.sqrt(dx * dx + dy * dy)
            if distance > longest:
                longest, axis = distance, math.atan2(dy, dx)
    width = longest
    if m < 3:
        return longest, 0.0, 0.0, axis
    for i in range(m):
        j = (i + 1) % m
        ex, ey = hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1]
        norm = math.sqrt(ex * ex + ey * ey)
        if norm < 1e-12:
            continue
        farthest = 0.0
        for k in range(m):
            away = abs(ex * (hull[k, 1] - hull[i, 1]) - ey * (hull[k, 0] - hull[i, 0])) / norm
            farthest = max(farthest, away)
        width = min(width, farthest)
    return longest, width, hull_area(hull), axis


@plain_kernel
def tree_path_share(xy):
    """Return the longest path of the minimum spanning tree over its total length.

    Near 1 the points can be threaded like beads; a filled area gives about 0.3-0.6.
    """
    n = len(xy)
    if n < 3:
        return 1.0
    near, parent = np.empty(n), np.empty(n, np.int64)
    done, order = np.zeros(n, np.bool_), np.empty(n, np.int64)
    for i in range(n):
        near[i], parent[i] = np.inf, -1
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


@plain_kernel
def _median(values):
    ranked, n = np.sort(values), len(values)
    return 0.5 * (ranked[(n - 1) // 2] + ranked[n // 2])


@plain_kernel
def median_spacing(xy):
    """Return the median distance of a point to its nearest neighbour, mm."""
    n = len(xy)
    nearest = np.empty(n)
    for i in range(n):
        nearest[i] = np.inf
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy = xy[i, 0] - xy[j, 0], xy[i, 1] - xy[j, 1]
            squared = dx * dx + dy * dy
            nearest[i], nearest[j] = min(nearest[i], squared), min(nearest[j], squared)
    return math.sqrt(_median(nearest))


@plain_kernel
def _arm_heading(xy, chosen, corner, few_reach, min_reach, spacing, max_thickness):
    """Return the direction of an arm from its junction, radians; NaN where it is not seen."""
    n = 0
    for i in range(len(xy)):
        n += chosen[i]
    if n < 3:
        return np.nan
    distance, dx, dy = np.empty(n), np.empty(n), np.empty(n)
    k = 0
    for i in range(len(xy)):
        if chosen[i]:
            dx[k], dy[k] = xy[i, 0] - corner[0], xy[i, 1] - corner[1]
            distance[k] = math.sqrt(dx[k] ** 2 + dy[k] ** 2)
            k += 1
    order = np.argsort(distance, kind="mergesort")
    reach = distance[order[n - 1]]
    if reach < max(few_reach if n < 4 else min_reach, spacing):
        return np.nan
    near = min(n, 6)
    x = y = 0.0
    for rank in range(near):
        x += dx[order[rank]]
        y += dy[order[rank]]
    norm = math.sqrt(x * x + y * y) + 1e-12
    across = 0.0
    for rank in range(near):
        across += abs(dx[order[rank]] * y - dy[order[rank]] * x) / norm
    return math.atan2(y, x) if across / near <= max_thickness * reach else np.nan


@plain_kernel
def count_junctions(
    xy, branch, parent, ends, few_reach, min_reach, min_spacings, max_thickness, min_angle
):
    """Count the forks of a tree whose three arms can all be seen.

    Parameters
    ----------
    xy : ndarray of float64, shape (n, 2)
        mm.
    branch : ndarray of int64, shape (n,)
        Branch of each point.
    parent : ndarray of int64, shape (B,)
        -1 for the root; parents come before their children.
    ends : ndarray of float64, shape (B, 2)
        Where each branch ends: the fork.
    few_reach, min_reach, min_spacings, max_thickness, min_angle : float
        Reach (mm) of an arm of three points and of more; its reach in units of the median
        spacing; its mean deviation from straight over its reach; least angle between two
        arms, radians.

    Returns
    -------
    int
    """
    n, n_branches = len(xy), len(parent)
    below = np.zeros((n_branches, n_branches), np.bool_)
    for b in range(n_branches - 1, -1, -1):
        below[b, b] = True
        if parent[b] >= 0:
            for other in range(b, n_branches):
                if below[b, other]:
                    below[parent[b], other] = True
    spacing = min_spacings * median_spacing(xy)
    seen = 0
    heading = np.empty(n_branches + 1)
    chosen, rest = np.empty(n, np.bool_), np.empty(n, np.bool_)
    for b in range(n_branches):
        n_arms, n_children = 0, 0
        for i in range(n):
            rest[i] = True
        for child in range(b + 1, n_branches):
            if parent[child] != b:
                continue
            n_children += 1
            for i in range(n):
                chosen[i] = below[child, branch[i]]
                rest[i] = rest[i] and not chosen[i]
            angle = _arm_heading(xy, chosen, ends[b], few_reach, min_reach, spacing, max_thickness)
            if not math.isnan(angle):
                heading[n_arms] = angle
                n_arms += 1
        if n_children < 2 or n_arms < 2:
            continue
        angle = _arm_heading(xy, rest, ends[b], few_reach, min_reach, spacing, max_thickness)
        if not math.isnan(angle):
            heading[n_arms] = angle
            n_arms += 1
        if n_arms < 3:
            continue
        for k in range(n_arms):
            heading[k] %= 2.0 * math.pi
        turn = np.sort(heading[:n_arms])
        least = turn[0] + 2.0 * math.pi - turn[n_arms - 1]
        for k in range(1, n_arms):
            least = min(least, turn[k] - turn[k - 1])
        seen += least >= min_angle
    return seen


@plain_kernel
def _breadth(values):
    """Return the mean distance of values from their median."""
    middle, total = _median(values), 0.0
    for value in values:
        total += abs(value - middle)
    return total / len(values)


@plain_kernel
def log_widening(xy, direction):
    """Compare the breadths of the two halves of points along a direction (radians).

    Returns
    -------
    float
        Log of the farther half's mean distance from its own median line over the nearer's.
    """
    n = len(xy)
    along, across = np.empty(n), np.empty(n)
    c, s = math.cos(direction), math.sin(direction)
    for i in range(n):
        along[i] = c * xy[i, 0] + s * xy[i, 1]
        across[i] = c * xy[i, 1] - s * xy[i, 0]
    across, half = across[np.argsort(along, kind="mergesort")], n // 2
    broad_near, broad_far = _breadth(across[:half]), _breadth(across[n - half :])
    return math.log((broad_far + 1e-6) / (broad_near + 1e-6))


@plain_kernel
def wedge_seen_from_nipple(xy):
    """Describe points as a wedge with its apex at the origin.

    Returns
    -------
    tuple of float
        Angle (radians) between the 3rd and the 97th percentile of the points not close to
        the apex; radial length (mm); mean distance of those points (mm); share of 3 x 4
        (radial x angular) cells that hold a point: a fork fills about half of them, several
        ducts or a random filling two thirds and more.
    """
    n = len(xy)
    radius, angle, far_angle = np.empty(n), np.empty(n), np.empty(n)
    sum_x = sum_y = 0.0
    nearest, farthest = np.inf, 0.0
    for i in range(n):
        radius[i] = math.sqrt(xy[i, 0] ** 2 + xy[i, 1] ** 2)
        nearest, farthest = min(nearest, radius[i]), max(farthest, radius[i])
        sum_x += xy[i, 0]
        sum_y += xy[i, 1]
    mean = math.atan2(sum_y, sum_x)
    n_far, sum_far = 0, 0.0
    for i in range(n):
        angle[i] = (math.atan2(xy[i, 1], xy[i, 0]) - mean + math.pi) % (2.0 * math.pi) - math.pi
        if radius[i] > 0.3 * farthest:
            far_angle[n_far] = angle[i]
            sum_far += radius[i]
            n_far += 1
    ranked = np.sort(far_angle[:n_far])
    low, high = ranked[int(0.03 * (n_far - 1) + 0.5)], ranked[int(0.97 * (n_far - 1) + 0.5)]
    filled = np.zeros((3, 4), np.bool_)
    n_filled = 0
    length, span = farthest - nearest, high - low
    for i in range(n):
        ring = min(2, int(3.0 * (radius[i] - nearest) / (length + 1e-9)))
        sector = min(3, max(0, int(4.0 * (angle[i] - low) / (span + 1e-9))))
        n_filled += not filled[ring, sector]
        filled[ring, sector] = True
    return span, length, sum_far / n_far, n_filled / 12.0


@plain_kernel
def with_room(state, xy, table, overlap):
    """Tell which calcifications stay when those drawn over one another are dropped.

    A calcification is a rod: its major axis, with half its calibre around it. The largest
    comes first, the others in random order.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    xy : ndarray of float64, shape (n, 2)
        mm.
    table : ndarray of float64, shape (n, 4)
        Diameter (mm), aspect ratio and orientation (degrees) in the first three columns.
    overlap : float
        Rods count as this much of their calibre.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    n = len(xy)
    order = np.empty(n, np.int64)
    largest = 0
    for i in range(n):
        order[i] = i
        if table[i, 0] > table[largest, 0]:
            largest = i
    for i in range(n - 1, 0, -1):
        j = int(uniform(state) * (i + 1))
        order[i], order[j] = order[j], order[i]
    for i in range(n):
        if order[i] == largest:
            order[i], order[0] = order[0], order[i]
    half_width, half_length = np.empty(n), np.empty(n)
    cosine, sine = np.empty(n), np.empty(n)
    for i in range(n):
        stretch = math.sqrt(table[i, 1])
        half_width[i] = 0.5 * overlap * table[i, 0] / stretch
        half_length[i] = max(0.5 * table[i, 0] * (stretch - 1.0 / stretch), 0.0)
        turn = math.radians(table[i, 2])
        cosine[i], sine[i] = math.cos(turn) * half_length[i], math.sin(turn) * half_length[i]
    keep = np.zeros(n, np.bool_)
    kept = np.empty(n, np.int64)
    m = 0
    for at in range(n):
        i = order[at]
        free = True
        for k in range(m):
            j = kept[k]
            limit = half_width[i] + half_width[j]
            dx, dy = xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1]
            reach = limit + half_length[i] + half_length[j]
            if dx * dx + dy * dy > reach * reach:
                continue
            # Sample both axes finely enough that no crossing slips between two samples.
            na, nb = 1 + int(half_length[i] / limit), 1 + int(half_length[j] / limit)
            for a in range(-na, na + 1):
                for b in range(-nb, nb + 1):
                    ex = dx + b * cosine[j] / nb - a * cosine[i] / na
                    ey = dy + b * sine[j] / nb - a * sine[i] / na
                    if ex * ex + ey * ey < limit * limit:
                        free = False
            if not free:
                break
        if free:
            keep[i] = True
            kept[m] = i
            m += 1
    return keep


@plain_kernel
def _upper_median(values):
    return np.sort(values)[len(values) // 2]


@plain_kernel
def form_measures(table, contrast, elongated):
    """Measure the sizes and shapes of a cluster's calcifications.

    Parameters
    ----------
    table : ndarray of float64, shape (n, 4)
        Diameter (mm), aspect ratio, orientation (degrees) and solidity.
    contrast : ndarray of float64, shape (n,)
        Relative to a dense calcification.
    elongated : float
        Least aspect ratio of an elongated calcification.

    Returns
    -------
    tuple of float
        Median diameter, median calibre and median aspect ratio; greatest length (mm); standard
        deviation of log diameter, NaN with fewer than 5, for it then says little; median contrast;
        share of elongated ones; median irregularity, log aspect ratio - 2 log solidity.
    """
    n = len(table)
    diameter, aspect, contrast = table[:, 0].copy(), table[:, 1].copy(), contrast.copy()
    calibre, irregularity = np.empty(n), np.empty(n)
    longest, total, squares, n_elongated = 0.0, 0.0, 0.0, 0
    for i in range(n):
        stretch, logarithm = math.sqrt(aspect[i]), math.log(diameter[i])
        calibre[i] = diameter[i] / stretch
        irregularity[i] = math.log(aspect[i]) - 2.0 * math.log(max(table[i, 3], 0.05))
        longest = max(longest, diameter[i] * stretch)
        total += logarithm
        squares += logarithm * logarithm
        n_elongated += aspect[i] >= elongated
    log_sd = math.sqrt(max(0.0, squares / n - (total / n) ** 2)) if n >= 5 else math.nan
    return (
        _upper_median(diameter),
        _upper_median(calibre),
        _upper_median(aspect),
        longest,
        log_sd,
        _upper_median(contrast),
        n_elongated / n,
        _upper_median(irregularity),
    )
