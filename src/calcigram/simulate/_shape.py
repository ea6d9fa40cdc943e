"""Compiled measures of points and of sizes that the definitions rest on."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import permutation


@kernel
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


@kernel
def hull_area(hull):
    """Return the area within the corners of a convex hull."""
    area = 0.0
    for i in range(len(hull)):
        j = (i + 1) % len(hull)
        area += hull[i, 0] * hull[j, 1] - hull[j, 0] * hull[i, 1]
    return 0.5 * abs(area)


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
    hull = convex_hull(xy)
    m = len(hull)
    longest, axis = 0.0, 0.0
    for i in range(m):
        for j in range(i + 1, m):
            dx, dy = hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1]
            distance = math.sqrt(dx * dx + dy * dy)
            if distance > longest:
                longest, axis = distance, math.atan2(dy, dx)
    if m < 3:
        return longest, 0.0, 0.0, axis
    width = longest
    for i in range(m):
        ex, ey = hull[(i + 1) % m, 0] - hull[i, 0], hull[(i + 1) % m, 1] - hull[i, 1]
        norm = math.sqrt(ex * ex + ey * ey)
        if norm >= 1e-12:
            away = np.abs(ex * (hull[:, 1] - hull[i, 1]) - ey * (hull[:, 0] - hull[i, 0]))
            width = min(width, away.max() / norm)
    return longest, width, hull_area(hull), axis


@kernel
def tree_path_share(xy):
    """Return the longest path of the minimum spanning tree over its total length.

    Near 1 the points can be threaded like beads; a filled area gives about 0.3-0.6. The tree grows
    from the first point by the nearest point not yet in it (Prim's algorithm, O(n^2)).
    """
    n = len(xy)
    if n < 3:
        return 1.0
    squared, parent = np.full(n, np.inf), np.full(n, -1)  # to the nearest point of the tree
    waiting, order = np.ones(n, np.bool_), np.empty(n, np.int64)
    at, squared[0] = 0, 0.0
    for step in range(n):
        waiting[at], order[step] = False, at
        nearest, following = np.inf, -1
        for j in range(n):
            if waiting[j]:
                dx, dy = xy[j, 0] - xy[at, 0], xy[j, 1] - xy[at, 1]
                if dx * dx + dy * dy < squared[j]:
                    squared[j], parent[j] = dx * dx + dy * dy, at
                if squared[j] < nearest:
                    nearest, following = squared[j], j
        at = following
    # From the last point to join back to the first: the deepest way down from each point.
    length, deepest, longest = np.sqrt(squared), np.zeros(n), 0.0
    for j in order[:0:-1]:
        up, reach = parent[j], deepest[j] + length[j]
        longest = max(longest, deepest[up] + reach)
        deepest[up] = max(deepest[up], reach)
    total = length.sum()
    return longest / total if total > 0 else 1.0


@kernel
def _median(values):
    ranked, n = np.sort(values), len(values)
    return 0.5 * (ranked[(n - 1) // 2] + ranked[n // 2])


@kernel
def median_spacing(xy):
    """Return the median distance of a point to its nearest neighbour, mm."""
    n = len(xy)
    nearest = np.full(n, np.inf)
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy = xy[i, 0] - xy[j, 0], xy[i, 1] - xy[j, 1]
            squared = dx * dx + dy * dy
            nearest[i], nearest[j] = min(nearest[i], squared), min(nearest[j], squared)
    return math.sqrt(_median(nearest))


class Arm(NamedTuple):
    """When an arm of a fork is seen.

    Attributes
    ----------
    few_reach_mm, min_reach_mm : float
        Least reach of an arm of three points, and of more.
    min_reach_spacings : float
        Least reach in units of the median spacing.
    max_thickness : float
        Greatest mean deviation from straight, over the reach.
    min_angle_deg : float
        Least angle between two arms.
    """

    few_reach_mm: float
    min_reach_mm: float
    min_reach_spacings: float
    max_thickness: float
    min_angle_deg: float


@kernel
def _arm_heading(dx, dy, arm, spacing):
    """Return the direction of an arm from its junction, radians; NaN where it is not seen."""
    n = len(dx)
    if n < 3:
        return np.nan
    distance = np.sqrt(dx**2 + dy**2)
    reach = distance.max()
    least = arm.few_reach_mm if n < 4 else arm.min_reach_mm
    if reach < max(least, arm.min_reach_spacings * spacing):
        return np.nan
    near = np.argsort(distance, kind="mergesort")[:6]
    x, y = dx[near].sum(), dy[near].sum()
    across = np.abs(dx[near] * y - dy[near] * x).mean() / (math.sqrt(x * x + y * y) + 1e-12)
    return math.atan2(y, x) if across <= arm.max_thickness * reach else np.nan


@kernel
def count_junctions(xy, branch, parent, ends, arm):
    """Count the forks of a tree whose three arms can all be seen.

    Parameters
    ----------
    xy : ndarray of float64, shape (n, 2)
        mm.
    branch : ndarray of int64, shape (n,)
        Branch of each point.
    parent : ndarray of int64, shape (B,)
        -1 for the root; parents come before their children, of which a branch has 2 at most.
    ends : ndarray of float64, shape (B, 2)
        Where each branch ends: the fork.
    arm : Arm

    Returns
    -------
    int
    """
    n_branches = len(parent)
    # Row b tells which branches are b or grow out of it; children come after their parents.
    below = np.eye(n_branches, dtype=np.bool_)
    for b in range(n_branches - 1, 0, -1):
        if parent[b] >= 0:
            below[parent[b]] |= below[b]
    spacing, n_seen = median_spacing(xy), 0
    for b in range(n_branches):
        children = np.flatnonzero(parent == b)
        if len(children) < 2:
            continue
        # The arms are what grows out of either child, and the rest.
        side = np.zeros(len(xy), np.int64)
        for k in range(len(children)):
            side[below[children[k]][branch]] = k + 1
        dx, dy = xy[:, 0] - ends[b, 0], xy[:, 1] - ends[b, 1]
        heading = np.empty(len(children) + 1)
        for k in range(len(children) + 1):
            heading[k] = _arm_heading(dx[side == k], dy[side == k], arm, spacing)
        turn = np.sort(heading[~np.isnan(heading)] % (2.0 * math.pi))
        if len(turn) >= 3:
            least = min(np.diff(turn).min(), turn[0] + 2.0 * math.pi - turn[-1])
            n_seen += least >= math.radians(arm.min_angle_deg)
    return n_seen


@kernel
def log_widening(xy, direction):
    """Compare the breadths of the two halves of points along a direction (radians).

    Returns
    -------
    float
        Log of the farther half's mean distance from its own median line over the nearer's.
    """
    c, s = math.cos(direction), math.sin(direction)
    along, across = c * xy[:, 0] + s * xy[:, 1], c * xy[:, 1] - s * xy[:, 0]
    across = across[np.argsort(along, kind="mergesort")]
    near, far = across[: len(xy) // 2], across[len(xy) - len(xy) // 2 :]
    broad_near, broad_far = np.abs(near - _median(near)).mean(), np.abs(far - _median(far)).mean()
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
    radius = np.sqrt(xy[:, 0] ** 2 + xy[:, 1] ** 2)
    mean = math.atan2(xy[:, 1].sum(), xy[:, 0].sum())
    angle = (np.arctan2(xy[:, 1], xy[:, 0]) - mean + math.pi) % (2.0 * math.pi) - math.pi
    nearest, length = radius.min(), radius.max() - radius.min()
    far = radius > 0.3 * radius.max()
    ranked = np.sort(angle[far])
    last = len(ranked) - 1
    low, high = ranked[int(0.03 * last + 0.5)], ranked[int(0.97 * last + 0.5)]
    filled, span = np.zeros((3, 4), np.bool_), high - low
    for i in range(len(xy)):
        ring = min(2, int(3.0 * (radius[i] - nearest) / (length + 1e-9)))
        sector = min(3, max(0, int(4.0 * (angle[i] - low) / (span + 1e-9))))
        filled[ring, sector] = True
    return span, length, radius[far].mean(), filled.sum() / 12.0


@kernel
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
    order = permutation(state, n)
    first = np.flatnonzero(order == np.argmax(table[:, 0]))[0]
    order[first], order[0] = order[0], order[first]
    stretch, turn = np.sqrt(table[:, 1]), np.radians(table[:, 2])
    half_width = 0.5 * overlap * table[:, 0] / stretch
    half_length = np.maximum(0.5 * table[:, 0] * (stretch - 1.0 / stretch), 0.0)
    cosine, sine = np.cos(turn) * half_length, np.sin(turn) * half_length
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


@kernel
def _upper_median(values):
    return np.sort(values)[len(values) // 2]


class FormMeasures(NamedTuple):
    """Noise-free sizes, shapes and contrasts of a cluster.

    Attributes
    ----------
    median_diameter_mm, median_calibre_mm, median_aspect, greatest_length_mm : float
        Calibre is diameter / sqrt(aspect ratio), length is diameter x sqrt(aspect ratio).
    log_sd : float
        Standard deviation of log diameter; NaN with fewer than 5, for it then says little.
    median_contrast, elongated_share : float
    median_irregularity : float
        Of log aspect ratio - 2 log solidity.
    """

    median_diameter_mm: float
    median_calibre_mm: float
    median_aspect: float
    greatest_length_mm: float
    log_sd: float
    median_contrast: float
    elongated_share: float
    median_irregularity: float


@kernel
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
    FormMeasures
    """
    diameter, aspect = table[:, 0], table[:, 1]
    stretch, log_diameter = np.sqrt(aspect), np.log(diameter)
    irregularity = np.log(aspect) - 2.0 * np.log(np.maximum(table[:, 3], 0.05))
    variance = (log_diameter**2).mean() - log_diameter.mean() ** 2
    return FormMeasures(
        _upper_median(diameter),
        _upper_median(diameter / stretch),
        _upper_median(aspect),
        (diameter * stretch).max(),
        math.sqrt(max(0.0, variance)) if len(table) >= 5 else math.nan,
        _upper_median(contrast),
        (aspect >= elongated).mean(),
        _upper_median(irregularity),
    )
