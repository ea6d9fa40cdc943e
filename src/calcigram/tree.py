"""Compiled kernels on the spanning tree: growing it, freeing it of strays, its branches.

The tree is held as `parent` and `edge` (length of the edge to the parent) with `sequence`,
an order in which every parent precedes its children. What the numbers mean for a
cluster is `features`' business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calcigram.kernels import inner_kernel, kernel, padded
from calcigram.vectors import (
    LANES,
    first_lane,
    lane,
    lane_numbers,
    least,
    load,
    splat,
    store,
    where,
)

TWIG_EDGES = 2.0
"""Branches shorter than this many median edges are twigs, and pruned: own choice."""

STRAY_EDGES = 4.0
"""A few points at the end of an edge this many median edges long are strays, and left out."""

STRAY_SHARE = 0.05
STRAY_MIN_POINTS = 8


@kernel
def spanning_tree(u, v, n, work, sequence, parent, edge):
    """Grow the minimum spanning tree (Prim 1957) in O(n^2).

    Parameters
    ----------
    u, v : float32 (padded(n),)
        Padded with inf.
    work : tuple of scratch of padded(n)
        Three float32.
    sequence, parent : int32 (n,), written
        Nodes in the order they joined; the parent of each (-1 for the root).
    edge : float32 (n,), written
        Length of the edge to the parent; 0 for the root.
    """
    outside, key, joined_from = work
    far, step_on = splat(np.float32(np.inf)), splat(np.float32(LANES))
    for k in range(padded(n)):
        outside[k], key[k], joined_from[k] = u[k], np.inf, np.float32(-1.0)
    chosen, length = 0, np.float32(0.0)
    for step in range(n):
        sequence[step], edge[chosen] = chosen, length
        pu, pv, newest = splat(u[chosen]), splat(v[chosen]), splat(np.float32(chosen))
        best, place, here = far, far, lane_numbers()
        for j in range(0, n, LANES):
            # Who has joined lies infinitely far off. Whole vectors are written, no single
            # element: reading one back of which a part was just written would stall.
            joins = here == newest
            x = where(joins, far, load(outside, j))
            store(outside, j, x)
            du, dv = x - pu, load(v, j) - pv
            new, old = du * du + dv * dv, where(joins, far, load(key, j))
            nearer = new < old
            old = where(nearer, new, old)
            store(key, j, old)
            store(joined_from, j, where(nearer, newest, load(joined_from, j)))
            closer = old < best
            best, place = where(closer, old, best), where(closer, here, place)
            here = here + step_on
        if step < n - 1:
            # Of equally near ones any will do, so long as it is always the same.
            lowest = least(best)
            chosen = int(lane(place, first_lane(best == splat(lowest))))
            length = np.sqrt(lowest)
    for i in range(n):
        parent[i] = int(joined_from[i])


def spanning_parents(x, y):
    """Return the spanning tree of points as the parent of each point.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Finite.

    Returns
    -------
    sequence, parent : ndarray of int32, shape (n,)
        Points in the order they joined; the parent of each, -1 for the root.
    edge : ndarray of float32, shape (n,)
        Length of the edge to the parent, 0 for the root.

    Examples
    --------
    >>> spanning_parents([0, 1, 3], [0, 0, 0])[1]
    array([-1,  0,  1], dtype=int32)
    """
    n = len(x)
    u, v, *work = np.full((5, padded(n)), np.inf, np.float32)
    u[:n], v[:n] = x, y
    sequence, parent = np.empty(n, np.int32), np.empty(n, np.int32)
    edge = np.zeros(n, np.float32)
    if n:
        spanning_tree(u, v, n, tuple(work), sequence, parent, edge)
    return sequence, parent, edge


@kernel
def nearest_neighbours(sequence, parent, edge, n, nearest, nearest_of):
    """Read the nearest neighbour of each point off the spanning tree, which always holds that edge.

    Parameters
    ----------
    nearest : float32 (n,), written
        Distance to the nearest neighbour; inf when n is 1.
    nearest_of : int32 (n,), written
        That neighbour; -1 when n is 1.
    """
    # A node's own edge comes before those of its children: no choice is left to a branch, which
    # the processor would guess wrong half of the time.
    for i in range(n):
        nearest[i], nearest_of[i] = edge[i], parent[i]
    nearest[sequence[0]] = np.inf
    for k in range(1, n):
        i = sequence[k]
        p, length = parent[i], edge[i]
        nearer = length < nearest[p]
        nearest[p] = length if nearer else nearest[p]
        nearest_of[p] = i if nearer else nearest_of[p]


@inner_kernel
def _mark_strays(sequence, parent, edge, n, limit, size, stray):
    """Flag small ends of the tree that hang by an edge longer than `limit`; return a living root."""
    most = max(1, int(STRAY_SHARE * n))
    for i in range(n):
        size[i] = 1
    for k in range(n - 1, 0, -1):
        size[parent[sequence[k]]] += size[sequence[k]]
    root = sequence[0]
    for k in range(1, n):
        i = sequence[k]
        cut = edge[i] > limit and size[i] <= most
        stray[i] = 1 if cut or stray[parent[i]] == 1 else 0
        if edge[i] > limit and n - size[i] <= most:
            root = i
    if root != sequence[0]:
        # The old root's side is the small one: all that does not descend from the new root.
        for k in range(n):
            size[sequence[k]] = 0
        size[root] = 1
        for k in range(1, n):
            i = sequence[k]
            if size[parent[i]] == 1:
                size[i] = 1
        for i in range(n):
            if size[i] == 0:
                stray[i] = 1
    return root


@inner_kernel
def _farthest(sequence, parent, edge, stray, n, root, depth):
    """Return the living node farthest along the tree from `root`, an ancestor of the living."""
    depth[root] = 0.0
    far = root
    for k in range(n):
        i = sequence[k]
        if stray[i] == 1 or i == root:
            continue
        depth[i] = depth[parent[i]] + edge[i]
        if depth[i] > depth[far]:
            far = i
    return far


@kernel
def root_at_path_end(sequence, parent, edge, n, median_edge, trunk, trunk_parent, trunk_edge, work):
    """Copy the tree without its strays, rooted at one end of its longest path.

    Strays are at most 5 % of the points (at least one, and none below eight points) that hang
    by an edge over `STRAY_EDGES` median edges: single false marks far off.

    Parameters
    ----------
    trunk, trunk_parent, trunk_edge : (n,), written
        As `sequence`, `parent` and `edge` of the copy; strays are not in `trunk`.
    work : tuple of int32, int32 and float32 scratch of n

    Returns
    -------
    int
        How many nodes are in `trunk`.
    """
    size, stray, depth = work
    longest = np.float32(0.0)
    for i in range(n):
        longest, stray[i] = max(longest, edge[i]), 0
    root, limit = sequence[0], STRAY_EDGES * median_edge
    if n >= STRAY_MIN_POINTS and longest > limit:
        root = _mark_strays(sequence, parent, edge, n, limit, size, stray)
    end = _farthest(sequence, parent, edge, stray, n, root, depth)
    count = 0
    above, above_edge, i = -1, np.float32(0.0), end
    while True:
        below, below_edge = parent[i], edge[i]
        trunk[count], trunk_parent[i], trunk_edge[i] = i, above, above_edge
        count += 1
        stray[i] = 1  # taken
        if i == root:
            break
        above, above_edge, i = i, below_edge, below
    for k in range(n):
        i = sequence[k]
        free = stray[i] == 0
        trunk_parent[i] = parent[i] if free else trunk_parent[i]
        trunk_edge[i] = edge[i] if free else trunk_edge[i]
        if count < n:
            trunk[count] = i
        count += free
    return count


class Branches(NamedTuple):
    """The pruned tree in numbers; `main` is its longest path."""

    tree_length: float
    main_length: float
    main_size: int
    length: float
    leaves: int
    longest_side: float


@kernel
def prune_twigs(trunk, trunk_parent, trunk_edge, count, min_length, height, arm, branch, path):
    """Split the rooted tree into branches, drop the twigs and write the main path.

    At each node the child with the longest way down carries on its branch, every other
    child begins one. A branch is kept if it hangs on a kept one, is at least `min_length` long
    and has at least two nodes of its own.

    Parameters
    ----------
    height : float32 (n,), written
        Longest way down from each node.
    arm : int32 (n,), written
        The child on that way; -1 at a tip.
    branch : int32 (n,), written
        First node of the branch each node is on; the root for the main path, -1 if pruned.
    path : int32 (n,), written
        Nodes of the main path from the root on.

    Returns
    -------
    Branches
    """
    total = 0.0
    zero = np.float32(0.0)
    for k in range(count):
        height[trunk[k]], arm[trunk[k]] = np.float32(-1.0), -1
    for k in range(count - 1, 0, -1):
        i = trunk[k]
        p, length = trunk_parent[i], trunk_edge[i]
        height[i] = own = max(height[i], zero)  # below zero: no child has been seen
        farther = own + length > height[p]
        height[p] = own + length if farther else height[p]
        arm[p] = i if farther else arm[p]
        total += length
    root = trunk[0]
    branch[root], height[root] = root, max(height[root], zero)
    length, longest_side = float(height[root]), 0.0
    leaves = 2 if count > 1 else 0
    for k in range(1, count):
        i = trunk[k]
        p = trunk_parent[i]
        if branch[p] < 0 or arm[p] == i:
            branch[i] = branch[p]
            continue
        reach = height[i] + trunk_edge[i]
        if reach < min_length or arm[i] < 0:
            branch[i] = -1
            continue
        branch[i] = i
        length += reach
        leaves += 1
        longest_side = max(longest_side, float(reach))
    size = 0
    i = root
    while i >= 0:
        path[size] = i
        size += 1
        i = arm[i]
    return Branches(total, float(height[root]), size, length, leaves, longest_side)
