"""Compiled growth of a tree of tubes inside the breast. No anatomy beyond that."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import gamma, normal, rough_normal, uniform

_STEP_MM = 0.6


@kernel
def _inside(x, y, z, depth, half_width, half_thickness):
    u = (depth - x) / depth
    v = y / half_width
    e2 = u * u + v * v
    w = z / half_thickness
    return x <= depth and e2 * e2 + w * w < 1.0


@kernel
def _beta(state, a, b):
    first = gamma(state, a)
    return first / (first + gamma(state, b))


@kernel
def _turned(state, dx, dy, dz, angle, flatness):
    """Return the direction turned by `angle` about a random axis, mostly within the plane."""
    px, py, pz = -dy, dx, 0.0
    norm = math.sqrt(px * px + py * py) + 1e-9
    px, py = px / norm, py / norm
    qx, qy, qz = dy * pz - dz * py, dz * px - dx * pz, dx * py - dy * px
    azimuth = 2.0 * math.pi * uniform(state)
    a, b = math.cos(azimuth), math.sin(azimuth) * flatness
    norm = math.sqrt(a * a + b * b) + 1e-9
    a, b = a / norm, b / norm
    c, s = math.cos(angle), math.sin(angle)
    ox, oy, oz = a * px + b * qx, a * py + b * qy, a * pz + b * qz
    return c * dx + s * ox, c * dy + s * oy, c * dz + s * oz, ox, oy, oz


class Tubes(NamedTuple):
    """The laws by which a tree of ducts or vessels grows.

    Attributes
    ----------
    root_length_mm, length_ratio : float
        A child is `length_ratio` (+-10 %) as long as its parent.
    root_radius_mm, min_radius_mm : float
        Of the root, and of the thinnest branch.
    angle_low_deg, angle_spread_deg : float
        Least angle between a child and its parent, and by how much it may be larger.
    min_curve_radius_mm : float
    straightening : float
        Pull of each 0.6 mm step towards the direction away from the root, as a share.
    early_end : float
        Probability that a branch, the root apart, bears no children.
    max_generation : int
    """

    root_length_mm: float
    length_ratio: float
    root_radius_mm: float
    min_radius_mm: float
    angle_low_deg: float
    angle_spread_deg: float
    min_curve_radius_mm: float
    straightening: float
    early_end: float
    max_generation: int


@kernel
def grow_tree(state, root, direction, shape, tubes, max_branches):
    """Grow a tree of forking branches from `root`, generation by generation.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    root, direction : tuple of 3 floats
    shape : tuple of 3 floats
        Depth, half width and half thickness of the breast, mm; branches stop at the skin.
    tubes : Tubes
    max_branches : int

    Returns
    -------
    points : ndarray of float64, shape (M, 3)
    first : ndarray of int64, shape (B + 1,)
        Branch ``b`` owns points ``first[b]:first[b + 1]``.
    parent : ndarray of int64, shape (B,)
        -1 for the root.
    """
    angle_low, angle_high = tubes.angle_low_deg, tubes.angle_low_deg + tubes.angle_spread_deg
    depth, half_width, half_thickness = shape[0], shape[1], shape[2]
    start = np.empty((max_branches, 3))
    heading = np.empty((max_branches, 3))
    length = np.empty(max_branches)
    radius = np.empty(max_branches)
    generation = np.empty(max_branches, np.int64)
    parent = np.empty(max_branches, np.int64)
    first = np.zeros(max_branches + 1, np.int64)
    kept = np.empty(max_branches, np.int64)  # place in the output of a queued branch, or -1
    kept_parent = np.empty(max_branches, np.int64)
    points = np.empty((4096, 3))
    start[0], heading[0] = root, direction
    length[0], radius[0] = tubes.root_length_mm, tubes.root_radius_mm
    generation[0], parent[0] = 0, -1
    n_queued, n_branches, n_points, at = 1, 0, 0, 0
    while at < n_queued:
        x, y, z = start[at]
        dx, dy, dz = heading[at]
        n_steps = max(2, int(length[at] / _STEP_MM))
        if n_points + n_steps + 1 > len(points):
            points = np.concatenate((points, np.empty((len(points) + n_steps, 3))))
        begin = n_points
        points[n_points] = x, y, z
        n_points += 1
        # A bend drifts rather than jumps, so that a branch is a smooth curve.
        bend_u, bend_v = 0.0, 0.0
        limit = _STEP_MM / tubes.min_curve_radius_mm
        for _ in range(n_steps):
            bend_u = 0.8 * bend_u + 0.35 * limit * rough_normal(state)
            bend_v = 0.8 * bend_v + 0.35 * limit * rough_normal(state)
            bend_u = min(limit, max(-limit, bend_u))
            bend_v = min(limit, max(-limit, bend_v))
            dx, dy, dz = dx - bend_u * dy, dy + bend_u * dx, dz + bend_v
            ux, uy = x - root[0], y - root[1]
            away = tubes.straightening / (math.sqrt(ux * ux + uy * uy) + 1.0)
            dx, dy = dx + away * ux, dy + away * uy
            norm = math.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / norm, dy / norm, dz / norm
            x, y, z = x + _STEP_MM * dx, y + _STEP_MM * dy, z + _STEP_MM * dz
            if not _inside(x, y, z, depth, half_width, half_thickness):
                break
            points[n_points] = x, y, z
            n_points += 1
        if n_points - begin < 3:
            n_points = begin
            kept[at] = -1
            at += 1
            continue
        kept[at] = n_branches
        kept_parent[n_branches] = kept[parent[at]] if parent[at] >= 0 else -1
        complete = n_points - begin == n_steps + 1
        fertile = generation[at] == 0 or uniform(state) >= tubes.early_end
        if complete and fertile and generation[at] < tubes.max_generation:
            spread = math.radians(angle_low + (angle_high - angle_low) * uniform(state))
            ax, ay, az, ox, oy, oz = _turned(state, dx, dy, dz, spread, 0.35)
            other = math.radians(angle_low + (angle_high - angle_low) * uniform(state))
            c, s = math.cos(0.8 * other), math.sin(0.8 * other)
            for child in range(2):
                child_radius = radius[at] * (0.65 + 0.34 * _beta(state, 6.0, 10.0))
                if child_radius < tubes.min_radius_mm or n_queued >= max_branches:
                    continue
                start[n_queued], heading[n_queued] = (x, y, z), (ax, ay, az)
                if child == 1:
                    heading[n_queued] = c * dx - s * ox, c * dy - s * oy, c * dz - s * oz
                length[n_queued] = length[at] * tubes.length_ratio * (0.9 + 0.2 * uniform(state))
                radius[n_queued] = child_radius
                generation[n_queued] = generation[at] + 1
                parent[n_queued] = at
                n_queued += 1
        first[n_branches + 1] = n_points
        n_branches += 1
        at += 1
    return points[:n_points], first[: n_branches + 1], kept_parent[:n_branches]


@kernel
def lobules_along(state, points, first, parent, off_duct):
    """Return lobule centres of a duct tree: at the tips, and beside the ducts past the root.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    points, first, parent
        From `grow_tree`.
    off_duct : float
        Standard deviation of a centre about its duct, mm.

    Returns
    -------
    ndarray of float64, shape (T, 3)
    """
    n_branches, n_points = len(parent), len(points)
    is_tip = np.ones(n_branches, np.bool_)
    for b in range(1, n_branches):
        is_tip[parent[b]] = False
    n_past_root = n_points - first[1]
    n_budding = n_past_root // 7
    out, m = np.empty((n_branches + n_budding, 3)), 0
    for k in range(n_branches + n_budding):
        at = first[k + 1] - 1 if k < n_branches else first[1] + int(uniform(state) * n_past_root)
        if k < n_branches and not is_tip[k]:
            continue
        for axis in range(3):
            out[m, axis] = points[at, axis] + off_duct * normal(state)
        m += 1
    return out[:m]


@kernel
def inside_outline(xy, depth, half_width, margin):
    """Tell which points lie inside the half ellipse of a breast, `margin` from the skin."""
    u, v = (depth - xy[:, 0]) / (depth - margin), xy[:, 1] / (half_width - margin)
    return (xy[:, 0] <= depth) & (u * u + v * v < 1.0)


@kernel
def spread_in_outline(state, n, depth, half_width, margin):
    """Return `n` points uniform in the half ellipse, `margin` from the skin, shape (n, 2)."""
    out = np.empty((n, 2))
    for i in range(n):
        angle = math.pi * (uniform(state) - 0.5)
        radius = math.sqrt(uniform(state))
        out[i, 0] = depth - (depth - margin) * radius * math.cos(angle)
        out[i, 1] = (half_width - margin) * radius * math.sin(angle)
    return out


@kernel
def lowest_corner(turn, depth, half_width):
    """Return the least x and y of the half ellipse of a breast once it is turned, shape (2,)."""
    angle = math.pi * (np.arange(33) / 32.0 - 0.5)
    x, y = depth * (1.0 - np.cos(angle)), half_width * np.sin(angle)
    low_x, low_y = turn[0, 0] * x + turn[0, 1] * y, turn[1, 0] * x + turn[1, 1] * y
    return np.array([low_x.min(), low_y.min()])


@kernel
def mapped_points(xy, turn, offset):
    """Return points turned and moved, shape (n, 2)."""
    out = np.empty((len(xy), 2))
    for axis in range(2):
        out[:, axis] = turn[axis, 0] * xy[:, 0] + turn[axis, 1] * xy[:, 1] + offset[axis]
    return out


@kernel
def mapped_directions(angle, turn):
    """Return directions turned, radians, shape (n,); NaN stays NaN."""
    x, y = np.cos(angle), np.sin(angle)
    return np.arctan2(turn[1, 0] * x + turn[1, 1] * y, turn[0, 0] * x + turn[0, 1] * y)
