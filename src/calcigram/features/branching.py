"""Features of branching: the spanning tree, its junctions and its pieces at several scales.

The tree's kernels are `calcigram.tree`'s; here their results become numbers of a cluster.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.curve import project
from calcigram.features.workspace import (
    ARM,
    BRANCH,
    EDGE,
    HEIGHT,
    MAX_KNOTS,
    OFFSET,
    PARENT,
    SEQUENCE,
    TRUNK,
    TRUNK_EDGE,
    TRUNK_PARENT,
    U,
    V,
)
from calcigram.geometry import FLAT
from calcigram.kernels import inner_kernel, padded

_C = family_columns("branching")

SCALES_MM = (1.0, 2.0, 4.0, 8.0)
_N_SCALES = len(SCALES_MM)
_SCALES = np.array(SCALES_MM, np.float32)

CORRELATION_RATIO = 4.0
"""The greater of the two radii of the correlation dimension over the smaller."""

_ARM_NODES = 3
_FORK_BRANCHES = 3
_FORK_MIN_NODES = 4


@inner_kernel
def _tree(work, n, hull, median_edge, out):
    total = longest = 0.0
    for i in range(n):
        length = float(work.f[EDGE, i])
        total += length
        longest = max(longest, length)
    if median_edge > 0.0:
        out[_C.tree_longest_edge_ratio] = longest / median_edge
    if hull.area > 0.0:
        out[_C.tree_length_ratio] = total / math.sqrt(n * hull.area)
    degree = work.i[1]
    for i in range(n):
        degree[i] = 1
    for k in range(1, n):
        degree[work.i[PARENT, work.i[SEQUENCE, k]]] += 1
    degree[work.i[SEQUENCE, 0]] -= 1
    leaves = 0
    for i in range(n):
        leaves += degree[i] == 1
    out[_C.tree_leaf_share] = leaves / n


@inner_kernel
def _arm(work, junction, first, step):
    """Return the unit vector along an arm: from its first node to the mean of its next three.

    `step` is the row of `work.i` that leads from node to node.

    The edge that joins the arm to the junction goes across and is left out, unless there is
    no other.
    """
    origin, i = first, work.i[step, first]
    if i < 0:
        origin, i = junction, first
    su = sv = 0.0
    count = 0
    while i >= 0 and count < _ARM_NODES:
        su += work.f[U, i]
        sv += work.f[V, i]
        count += 1
        i = work.i[step, i]
    du, dv = su / count - work.f[U, origin], sv / count - work.f[V, origin]
    length = math.sqrt(du * du + dv * dv)
    if length == 0.0:
        return 0.0, 0.0
    return du / length, dv / length


@inner_kernel
def _junctions(work, count, branches, out):
    """Count junctions and take the angle at which each side branch leaves."""
    seen = work.i[1]
    for k in range(count):
        seen[work.i[TRUNK, k]] = 0
    junctions, sides = 0, 0
    total = square = 0.0
    # Not as plain constants: each would be a type of its own, to compile `_arm` for.
    up, down = np.int64(TRUNK_PARENT), np.int64(ARM)
    for k in range(1, count):
        i = work.i[TRUNK, k]
        if work.i[BRANCH, i] != i:
            continue
        p = int(work.i[TRUNK_PARENT, i])
        junctions += 1 - seen[p]
        seen[p] = 1
        side_u, side_v = _arm(work, p, i, down)
        on_u, on_v = _arm(work, p, work.i[ARM, p], down)
        back_u, back_v = on_u, on_v
        if work.i[TRUNK_PARENT, p] >= 0:
            back_u, back_v = _arm(work, p, work.i[TRUNK_PARENT, p], up)
        closest = max(side_u * on_u + side_v * on_v, side_u * back_u + side_v * back_v)
        if work.i[TRUNK_PARENT, p] >= 0:
            closest = max(closest, on_u * back_u + on_v * back_v)
        angle = math.degrees(math.acos(max(-1.0, min(1.0, closest))))
        total += angle
        square += angle * angle
        sides += 1
    out[_C.junctions] = junctions
    out[_C.leaves] = branches.leaves
    if sides >= 1:
        out[_C.junction_angle_mean_deg] = total / sides
    if sides >= 2:
        mean = total / sides
        out[_C.junction_angle_sd_deg] = math.sqrt(max(0.0, square / sides - mean * mean))
    if branches.length > 0.0:
        out[_C.side_branch_share] = 1.0 - branches.main_length / branches.length
        out[_C.longest_side_branch_ratio] = branches.longest_side / branches.main_length


@inner_kernel
def _side_branches(work, n, count, branches, median_edge, out):
    """Count who is on the side branches, twigs and all: false marks come alone or in twos."""
    size = work.i[1]
    for k in range(count):
        size[work.i[TRUNK, k]] = 1
    most = 0
    for k in range(count - 1, 0, -1):
        i = work.i[TRUNK, k]
        p = work.i[TRUNK_PARENT, i]
        size[p] += size[i]
        most = max(most, 0 if work.i[ARM, p] == i else size[i])
    out[_C.side_branch_member_share] = most / n
    if median_edge > 0.0:
        out[_C.longest_side_branch_edges] = branches.longest_side / median_edge


@inner_kernel
def _branch_knots(work, first, knots):
    """Smooth the branch that begins with node `first`: where it leaves, block means, its tip."""
    nodes = 0
    i = first
    while i >= 0:
        nodes += 1
        i = work.i[ARM, i]
    blocks = min(MAX_KNOTS - 2, max(1, nodes // _FORK_MIN_NODES))
    p = work.i[TRUNK_PARENT, first]
    knots[0, 0], knots[1, 0] = work.f[U, p], work.f[V, p]
    i, done, tip = first, 0, first
    for b in range(blocks):
        su = sv = 0.0
        end = nodes * (b + 1) // blocks
        size = end - done
        while done < end:
            su += work.f[U, i]
            sv += work.f[V, i]
            tip = i
            i = work.i[ARM, i]
            done += 1
        knots[0, b + 1], knots[1, b + 1] = su / size, sv / size
    knots[0, blocks + 1], knots[1, blocks + 1] = work.f[U, tip], work.f[V, tip]
    return blocks + 2, nodes


@inner_kernel
def _fork_gain(work, n, count, curve):
    """How much nearer the points lie once the longest side branches join the curve."""
    # What rounding leaves of a straight line is no distance to gain on.
    if curve.size < 2 or not curve.residual > FLAT * curve.length:
        return np.nan
    nearest, arc, offset, u, v = work.f[0], work.f[1], work.f[2], work.f[3], work.f[4]
    residual = work.f[OFFSET]
    places_u, places_v = work.f[U], work.f[V]
    for i in range(padded(n)):
        nearest[i] = abs(residual[i])
        u[i] = places_u[i] if i < n else np.float32(0.0)
        v[i] = places_v[i] if i < n else np.float32(0.0)
    below, joined = np.inf, 0
    for _ in range(_FORK_BRANCHES):
        chosen, longest = np.int64(-1), 0.0
        for k in range(1, count):
            i = work.i[TRUNK, k]
            reach = work.f[HEIGHT, i] + work.f[TRUNK_EDGE, i]
            if work.i[BRANCH, i] == i and longest < reach < below:
                chosen, longest = i, reach
        if chosen < 0:
            break
        below = longest
        size, nodes = _branch_knots(work, chosen, work.curves[1])
        if nodes < _FORK_MIN_NODES:
            continue
        project(u, v, n, work.curves[1], size, 0.0, arc, offset, work.pieces)
        for i in range(n):
            distance = abs(offset[i])
            nearest[i] = distance if distance < nearest[i] else nearest[i]
        joined += 1
    if joined == 0:
        return 0.0
    total = np.float32(0.0)
    for i in range(n):
        total += nearest[i]
    return max(0.0, 1.0 - float(total) / n / curve.residual)


@inner_kernel
def _components(work, n, out):
    """Count, at each scale, the components of the graph, and the points of the largest.

    Two points are joined in it exactly if no edge of the spanning tree between them is longer.
    """
    sequence, parent, edge, size = work.i[SEQUENCE], work.i[PARENT], work.f[EDGE], work.table
    one, zero = np.float32(1.0), np.float32(0.0)
    for i in range(_N_SCALES * n):
        size[i] = one
    pieces, largest = work.pieces[0], work.pieces[1]
    for k in range(_N_SCALES):
        pieces[k] = largest[k] = zero
    for step in range(n - 1, -1, -1):
        i = sequence[step]
        p = parent[i] if step > 0 else i
        length = edge[i] if step > 0 else np.float32(np.inf)
        for k in range(_N_SCALES):  # no branches: four scales are one register
            own = size[_N_SCALES * i + k]
            joined = length <= _SCALES[k]
            size[_N_SCALES * p + k] += own if joined else zero
            pieces[k] += zero if joined else one
            largest[k] = max(largest[k], zero if joined else own)
    for k in range(_N_SCALES):
        out[_C.components_1mm + k] = pieces[k] / n
        out[_C.giant_share_1mm + k] = largest[k] / n


@inner_kernel
def measure_branching(work, n, count, hull, pairs, curve, branches, median_edge, out):
    """Write the family's columns to `out`, a view of one row; the table is scratch."""
    _components(work, n, out)
    if n < 3:
        return
    _tree(work, n, hull, median_edge, out)
    _junctions(work, count, branches, out)
    _side_branches(work, n, count, branches, median_edge, out)
    out[_C.fork_gain] = _fork_gain(work, n, count, curve)
    if pairs.within_small > 0 and hull.diameter > 0.0:
        ratio = pairs.within_large / pairs.within_small
        out[_C.correlation_dimension] = math.log(ratio) / math.log(CORRELATION_RATIO)
