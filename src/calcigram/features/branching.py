"""Features of branching: the spanning tree, its junctions and its pieces at several scales."""

from __future__ import annotations

import math
from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.curve import MAX_KNOTS, project
from calcigram._kernels.geometry import FLAT
from calcigram._kernels.statistics import padded
from calcigram._kernels.tree import descendants
from calcigram.features.rows import COMMON, Rows, columns

SCALES_MM = (2, 4, 8)
_SCALES = np.array(SCALES_MM, np.float32)

_FORK_BRANCHES = 3
_FORK_MIN_NODES = 4
_PRUNED = (
    "The tree is first freed of strays (at most 5 % of the points, at least one if n >= 8, on an edge over "
    "4 median edges) and of twigs (branches under 2 median edges or of a single node)"
)

ROWS: Rows = (
    ("tree_longest_edge_ratio", "1", 1, inf, "How wide the widest gap between neighbours is, compared with the usual one.", "Longest / median edge of the spanning tree; n >= 3", "Prim 1957", ()),
    ("tree_length_ratio", "1", 0, inf, "How evenly the calcifications fill their area: low for clumps and lines.", "Tree length / sqrt(n hull area); n >= 3", "Prim 1957", ()),
    ("tree_leaf_share", "1", 0, 1, "The share of the calcifications at the end of a chain of neighbours.", "Leaves of the unpruned spanning tree / n; n >= 3", COMMON, ()),
    ("junctions", "1", 0, inf, "How many forks there are.", "Nodes of degree >= 3 of the pruned tree; n >= 3. " + _PRUNED, COMMON, ()),
    ("leaves", "1", 0, inf, "How many free ends the main line and its branches have.", "Ends of the pruned tree; n >= 3", COMMON, ()),
    ("longest_side_branch_ratio", "1", 0, 1, "How long the longest side branch is, compared with the main line.", "Longest side branch of the pruned tree / main path; n >= 3", COMMON, ()),
    ("side_branch_member_share", "1", 0, 1, "The share of the calcifications on the side branch with the most of them.", "Share of the calcifications that are on the most populous side branch of the tree without strays, twigs and its own branches counted; n >= 3", COMMON, ()),
    ("longest_side_branch_edges", "1", 0, inf, "How long the longest side branch is, counted in usual gaps between neighbours.", "Longest side branch of the pruned tree / median edge of the spanning tree; n >= 3", COMMON, ()),
    ("fork_gain", "1", 0, 1, "How much better a line with side branches follows the calcifications than one curve.", "1 - mean distance to the principal curve with those of its three longest side branches that have four nodes or more (smoothed) / mean distance to the curve alone; n >= 3", COMMON, ()),
    *(
        (f"components_{r}mm", "1", 0, 1, f"How far the cluster falls into pieces if gaps of {r} mm part it.", f"Components / n of the graph that joins points within {r} mm", "Chen et al. 2015", ())
        for r in SCALES_MM
    ),
    *(
        (f"giant_share_{r}mm", "1", 0, 1, f"The share of the calcifications in the largest piece without a gap of {r} mm.", f"Share of the points in the largest component of the graph at {r} mm", "Chen et al. 2015", ())
        for r in SCALES_MM
    ),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _whole_tree(tree, hull, median_edge, out):
    """Write what the spanning tree tells without its path: its longest edge, length, and share of leaves."""
    n, total, longest = tree.order.size, 0.0, 0.0
    for length in tree.edge:
        total += length
        longest = max(longest, float(length))
    if median_edge > 0.0:
        out[_C.tree_longest_edge_ratio] = longest / median_edge
    if hull.area > 0.0:
        out[_C.tree_length_ratio] = total / math.sqrt(n * hull.area)
    degree, leaves = np.empty(n, np.int32), 0
    degree[:] = 1
    for k in range(1, n):
        degree[tree.parent[tree.order[k]]] += 1
    degree[tree.order[0]] -= 1
    for i in range(n):
        leaves += degree[i] == 1
    out[_C.tree_leaf_share] = leaves / n


@kernel(fast=True)
def _junctions(trunk, branches, out):
    """Count junctions and free ends, and measure what lies off the main path."""
    seen, junctions = np.zeros(trunk.parent.size, np.bool_), 0  # strays are in no order
    for k in range(1, trunk.order.size):
        i = trunk.order[k]
        if branches.branch[i] == i:
            junctions += not seen[trunk.parent[i]]
            seen[trunk.parent[i]] = True
    out[_C.junctions] = junctions
    out[_C.leaves] = branches.leaves
    if branches.length > 0.0:
        out[_C.longest_side_branch_ratio] = branches.longest_side / branches.main_length


@kernel(fast=True)
def _side_branches(n, trunk, branches, median_edge, out):
    """Count who is on the side branches, twigs and all: false marks come alone or in twos."""
    size, most = descendants(trunk), 0
    for k in range(1, trunk.order.size):
        i = trunk.order[k]
        if branches.arm[trunk.parent[i]] != i:
            most = max(most, size[i])
    out[_C.side_branch_member_share] = most / n
    if median_edge > 0.0:
        out[_C.longest_side_branch_edges] = branches.longest_side / median_edge


@kernel(fast=True)
def _branch_knots(x, y, trunk, branches, first):
    """Smooth the branch that begins with node `first`: where it leaves, block means, its tip.

    Returns its knots and how many nodes it has.
    """
    nodes, i = 0, first
    while i >= 0:
        nodes += 1
        i = branches.arm[i]
    blocks = min(MAX_KNOTS - 2, max(1, nodes // _FORK_MIN_NODES))
    knots_x, knots_y = np.empty(blocks + 2, np.float32), np.empty(blocks + 2, np.float32)
    p = trunk.parent[first]
    knots_x[0], knots_y[0] = x[p], y[p]
    i, done, tip = first, 0, first
    for b in range(blocks):
        sx = sy = 0.0
        end = nodes * (b + 1) // blocks
        size = end - done
        while done < end:
            sx += x[i]
            sy += y[i]
            tip = i
            i = branches.arm[i]
            done += 1
        knots_x[b + 1], knots_y[b + 1] = sx / size, sy / size
    knots_x[blocks + 1], knots_y[blocks + 1] = x[tip], y[tip]
    return knots_x, knots_y, nodes


@kernel(fast=True)
def _fork_gain(x, y, trunk, branches, curve):
    """How much nearer the points lie once the longest side branches join the curve."""
    # What rounding leaves of a straight line is no distance to gain on.
    if not curve.residual > FLAT * curve.length:
        return np.nan
    px, py, zero = padded(x, np.float32(0.0)), padded(y, np.float32(0.0)), np.float32(0.0)
    nearest, below, joined = padded(curve.offset, zero), np.inf, 0
    for _ in range(_FORK_BRANCHES):
        chosen, longest = np.int32(-1), 0.0
        for k in range(1, trunk.order.size):
            i = trunk.order[k]
            reach = branches.height[i] + trunk.edge[i]
            if branches.branch[i] == i and longest < reach < below:
                chosen, longest = i, reach
        if chosen < 0:
            break
        below = longest
        knots_x, knots_y, nodes = _branch_knots(x, y, trunk, branches, chosen)
        if nodes < _FORK_MIN_NODES:
            continue
        _, distance = project(px, py, knots_x, knots_y, 0.0)
        for i in range(x.size):
            nearest[i] = min(abs(nearest[i]), abs(distance[i]))
        joined += 1
    if joined == 0:
        return 0.0
    total = zero
    for i in range(x.size):
        total += nearest[i]
    return max(0.0, 1.0 - float(total) / x.size / curve.residual)


@kernel(fast=True)
def _components(tree, out):
    """Count, at each scale, the components of the graph, and the points of the largest.

    Two points are joined in it exactly if no edge of the spanning tree between them is longer: one
    sweep from the leaves to the root does all scales side by side, without branches.
    """
    order, parent, edge = tree
    n, zero, one = order.size, np.float32(0.0), np.float32(1.0)
    size = np.empty((n, _SCALES.size), np.float32)
    size[:] = one
    pieces, largest = np.zeros(_SCALES.size, np.float32), np.zeros(_SCALES.size, np.float32)
    for step in range(n - 1, -1, -1):
        i = order[step]
        p = parent[i] if step > 0 else i
        length = edge[i] if step > 0 else np.float32(np.inf)
        for k in range(_SCALES.size):
            own = size[i, k]
            joined = length <= _SCALES[k]
            size[p, k] += own if joined else zero
            pieces[k] += zero if joined else one
            largest[k] = max(largest[k], zero if joined else own)
    for k in range(_SCALES.size):
        out[_C.components_2mm + k] = pieces[k] / n
        out[_C.giant_share_2mm + k] = largest[k] / n


@kernel(fast=True)
def measure_branching(x, y, tree, trunk, branches, hull, curve, median_edge, out):
    """Write the family's columns to `out`, a view of one row."""
    _components(tree, out)
    if x.size < 3:
        return
    _whole_tree(tree, hull, median_edge, out)
    _junctions(trunk, branches, out)
    _side_branches(x.size, trunk, branches, median_edge, out)
    out[_C.fork_gain] = _fork_gain(x, y, trunk, branches, curve)
