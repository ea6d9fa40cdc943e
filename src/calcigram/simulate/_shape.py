"""Compiled measures of a set of points that the definitions rest on: hull, width, axis."""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel


@kernel
def order_of(values):
    """Return the order that sorts values, equal ones in place.

    A Shell sort, for NumPy's sorts take seconds each to compile inside a kernel.
    """
    n = values.size
    order = np.empty(n, np.int64)
    for i in range(n):
        order[i] = i
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            moved, value, at = order[i], values[order[i]], i
            while at >= gap:
                other = order[at - gap]
                if values[other] < value or (values[other] == value and other < moved):
                    break
                order[at] = other
                at -= gap
            order[at] = moved
        gap //= 3
    return order


@kernel
def _hull(xy, hull):
    """Write the corners of the convex hull into `hull`; return how many there are."""
    n = len(xy)
    x = np.empty(n)
    for i in range(n):
        x[i] = xy[i, 0]
    order = order_of(x)
    m = np.int64(0)
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
        m -= 1
    return m


@kernel
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
    hull = np.empty((2 * len(xy) + 1, 2))
    m = _hull(xy, hull)
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


@kernel
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


@kernel
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
    order = order_of(nearest)
    return math.sqrt(0.5 * (nearest[order[(n - 1) // 2]] + nearest[order[n // 2]]))


@kernel
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
    order = order_of(distance)
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


@kernel
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
        turn = order_of(heading[:n_arms])
        least = heading[turn[0]] + 2.0 * math.pi - heading[turn[n_arms - 1]]
        for k in range(1, n_arms):
            least = min(least, heading[turn[k]] - heading[turn[k - 1]])
        seen += least >= min_angle
    return seen


@kernel
def _breadth(across, chosen):
    """Return the mean distance of the chosen values from their median."""
    n = len(chosen)
    values = np.empty(n)
    for k in range(n):
        values[k] = across[chosen[k]]
    order = order_of(values)
    middle = 0.5 * (values[order[(n - 1) // 2]] + values[order[n // 2]])
    total = 0.0
    for k in range(n):
        total += abs(values[k] - middle)
    return total / n


@kernel
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
    order = order_of(along)
    half = n // 2
    broad_near, broad_far = _breadth(across, order[:half]), _breadth(across, order[n - half :])
    return math.log((broad_far + 1e-6) / (broad_near + 1e-6))


@kernel
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
    order = order_of(far_angle[:n_far])
    low = far_angle[order[int(0.03 * (n_far - 1) + 0.5)]]
    high = far_angle[order[int(0.97 * (n_far - 1) + 0.5)]]
    filled = np.zeros((3, 4), np.bool_)
    n_filled = 0
    length, span = farthest - nearest, high - low
    for i in range(n):
        ring = min(2, int(3.0 * (radius[i] - nearest) / (length + 1e-9)))
        sector = min(3, max(0, int(4.0 * (angle[i] - low) / (span + 1e-9))))
        n_filled += not filled[ring, sector]
        filled[ring, sector] = True
    return span, length, sum_far / n_far, n_filled / 12.0
