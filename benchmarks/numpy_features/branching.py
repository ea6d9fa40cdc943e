"""Features of branching: the spanning tree, its side branches and its pieces at several scales."""

from __future__ import annotations

import numpy as np

from numpy_features.branches import Branches
from numpy_features.curve import Curves, nearest_places
from numpy_features.forest import find_roots
from numpy_features.frame import FLAT, Points
from numpy_features.hull import Hulls
from numpy_features.layout import cut, fraction
from numpy_features.pairs import CORRELATION_RATIO, Pairs

SCALES_MM = (1, 2, 4, 8)

_ARM_NODES = 3
_FORK_BRANCHES = 3
_FORK_MIN_NODES = 4
_FORK_MOST_BLOCKS = 23


def measure_branching(
    points: Points, pairs: Pairs, hulls: Hulls, branches: Branches, curves: Curves
) -> dict[str, np.ndarray]:
    """Return the family's columns."""
    layout = points.layout
    n = layout.n
    many = n >= 3
    degree = np.bincount(pairs.parent, minlength=len(pairs.parent)) + 1
    degree[layout.start[:-1]] -= 2  # a root has no parent, and is not its own child
    sides = np.flatnonzero(branches.kept)
    sides = np.setdiff1d(sides, branches.main, assume_unique=True)
    owner = layout.owner[branches.heads[sides]]
    number = np.bincount(owner, minlength=len(n))
    main_length = branches.reach[branches.main]
    pruned_length = main_length + np.bincount(owner, branches.reach[sides], minlength=len(n))
    longest = np.zeros(len(n))
    np.maximum.at(longest, owner, branches.reach[sides])
    small, large = pairs.within["small"], pairs.within["large"]
    dimension = np.log(large / small) / np.log(CORRELATION_RATIO)
    columns = {
        "tree_longest_edge_ratio": fraction(pairs.edge_longest, pairs.edge_median),
        "tree_length_ratio": fraction(pairs.edge_total, np.sqrt(n * hulls.area)),
        "tree_leaf_share": layout.count(degree == 1) / n,
        "leaves": 2.0 + number,
        "side_branch_share": np.where(pruned_length > 0, 1 - main_length / pruned_length, np.nan),
        "longest_side_branch_ratio": fraction(longest, main_length),
        "side_branch_member_share": _most_on_a_side(points, branches) / n,
        "longest_side_branch_edges": fraction(longest, pairs.edge_median),
        "fork_gain": _fork_gain(points, branches, curves, sides, owner),
        "correlation_dimension": np.where((small > 0) & (hulls.diameter > 0), dimension, np.nan),
        **_junctions(points, branches, sides, owner, number),
    }
    return {name: cut(column, many) for name, column in columns.items()} | _components(
        points, pairs
    )


def _most_on_a_side(points: Points, branches: Branches) -> np.ndarray:
    """Count who hangs on the most populous side branch, twigs and its own branches counted."""
    everyone = np.arange(len(branches.parent))
    side = (branches.arm[branches.parent] != everyone) & (branches.parent != everyone)
    return points.layout.most(np.where(side, branches.size, 0))


def _junctions(points, branches, sides, owner, number):
    """Count the junctions, and measure the least angle between two arms of each."""
    first = branches.heads[sides]
    junction = branches.parent[first]
    on = branches.arm[junction]
    upwards = np.where(branches.parent == np.arange(len(branches.parent)), -1, branches.parent)
    back = upwards[junction]
    inner = back >= 0
    side_u, side_v = _arms(points, junction, first, branches.arm)
    on_u, on_v = _arms(points, junction, on, branches.arm)
    back_u, back_v = _arms(points, junction, np.where(inner, back, on), upwards)
    closest = side_u * on_u + side_v * on_v
    through = np.maximum(side_u * back_u + side_v * back_v, on_u * back_u + on_v * back_v)
    closest = np.where(inner, np.maximum(closest, through), closest)
    angle = np.degrees(np.arccos(np.clip(closest, -1.0, 1.0)))
    total, square = (np.bincount(owner, a, minlength=len(number)) for a in (angle, angle * angle))
    mean = total / number
    deviation = np.sqrt(np.maximum(0.0, square / number - mean * mean))
    at = np.bincount(points.layout.owner[np.unique(junction)], minlength=len(number))
    return {
        "junctions": at.astype(float),
        "junction_angle_mean_deg": cut(mean, number >= 1),
        "junction_angle_sd_deg": cut(deviation, number >= 2),
    }


def _arms(points, junction, first, step):
    """Return the unit vectors of arms: from their first node to the mean of their next three."""
    node = step[first]
    short = node < 0
    origin, node = np.where(short, junction, first), np.where(short, first, node)
    total_u, total_v, count = points.u[node], points.v[node], np.ones(len(node))
    for _ in range(_ARM_NODES - 1):
        node = np.where(node >= 0, step[node], -1)
        some = node >= 0
        total_u = total_u + np.where(some, points.u[node], 0.0)
        total_v = total_v + np.where(some, points.v[node], 0.0)
        count += some
    du, dv = total_u / count - points.u[origin], total_v / count - points.v[origin]
    length = np.hypot(du, dv)
    return np.where(length > 0, du / length, 0.0), np.where(length > 0, dv / length, 0.0)


def _fork_gain(points, branches, curves, sides, owner):
    """Return how much nearer the points lie once the longest side branches join the curve."""
    layout = points.layout
    nearest = np.abs(curves.offset)
    rank, side, owner = _longest(branches, sides, owner)
    used = (branches.count[side] >= _FORK_MIN_NODES) & (curves.length[owner] > 0)
    rank, side, owner = rank[used], side[used], owner[used]
    knots_u, knots_v, last = _smooth_branches(points, branches, side)
    bounds = np.searchsorted(owner, np.arange(len(layout.n) + 1))
    for block in layout.blocks(_FORK_MIN_NODES):
        here = slice(bounds[block.clusters.start], bounds[block.clusters.stop])
        if here.start == here.stop:
            continue
        at = owner[here] - block.clusters.start
        u, v, near = block.of(points.u), block.of(points.v), block.of(nearest)
        k = last[here].max() + 1
        _, away = nearest_places(u[at], v[at], knots_u[here, :k], knots_v[here, :k])
        np.abs(away, out=away)
        for turn in range(_FORK_BRANCHES):
            these = rank[here] == turn
            near[at[these]] = np.minimum(near[at[these]], away[these])
    gain = np.maximum(0.0, 1 - layout.mean(nearest) / curves.residual)
    gain[np.bincount(owner, minlength=len(layout.n)) == 0] = 0.0
    return cut(gain, curves.residual > FLAT * curves.length)


def _longest(branches, sides, owner):
    """Return rank, place and cluster of the longest side branches, of equally long ones the first."""
    order = np.lexsort((-branches.reach[sides], owner))
    side, owner = sides[order], owner[order]
    reach = branches.reach[side]
    new = np.ones(len(side), bool)
    new[1:] = (owner[1:] != owner[:-1]) | (reach[1:] != reach[:-1])
    side, owner = side[new], owner[new]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    top = rank < _FORK_BRANCHES
    return rank[top], side[top], owner[top]


def _smooth_branches(points, branches, side):
    """Return the knots of each branch: where it leaves, means of blocks, its tip, which fills the row."""
    count, begin = branches.count[side], branches.begin[side]
    blocks = np.minimum(_FORK_MOST_BLOCKS, np.maximum(1, count // _FORK_MIN_NODES))
    most = blocks.max(initial=1)
    number = np.arange(most + 1)
    bounds = (
        begin[:, None] + count[:, None] * np.minimum(number, blocks[:, None]) // blocks[:, None]
    )
    tip = branches.nodes[begin + count - 1]
    junction = branches.parent[branches.heads[side]]
    knots = []
    for at in (points.u, points.v):
        summed = np.concatenate([[0.0], np.cumsum(at[branches.nodes])])
        mean = np.diff(summed[bounds], axis=1) / np.diff(bounds, axis=1)
        mean = np.where(number[1:] <= blocks[:, None], mean, at[tip][:, None])
        knots.append(np.concatenate([at[junction][:, None], mean, at[tip][:, None]], axis=1))
    return *knots, blocks + 1


def _components(points: Points, pairs: Pairs) -> dict[str, np.ndarray]:
    """Count at each scale the components of the graph, and the points of the largest."""
    layout = points.layout
    everyone = np.arange(len(pairs.parent))
    columns = {}
    for r in SCALES_MM:
        root = find_roots(np.where(pairs.edge <= r, pairs.parent, everyone))
        columns[f"components_{r}mm"] = layout.count(root == everyone) / layout.n
        size = np.bincount(root, minlength=len(root))
        columns[f"giant_share_{r}mm"] = layout.most(size) / layout.n
    return columns
