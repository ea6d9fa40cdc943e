"""Compiled kernels on the spanning tree: growing it, freeing it of strays, its branches.

The tree is held as `parent` and `edge` (length of the edge to the parent) with `sequence`,
an order in which every parent precedes its children. What the numbers mean for a
cluster is `features`' business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calcigram.kernels import index_of_least, inner_kernel, kernel, padded

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
        Three float32, the int32 view of the third, two int32.
    sequence, parent : int32 (n,), written
        Nodes in the order they joined; the parent of each (-1 for the root).
    edge : float32 (n,), written
        Length of the edge to the parent; 0 for the root.
    """
    ru, rv, key, key_bits, node, joined_from = work
    for k in range(padded(n)):
        ru[k], rv[k], node[k] = u[k], v[k], k
        key[k], joined_from[k] = np.inf, -1
    chosen = 0
    for step in range(n):
        last = n - 1 - step
        i = np.int32(node[chosen])
        ui, vi = ru[chosen], rv[chosen]
        sequence[step], parent[i] = i, joined_from[chosen]
        edge[i] = np.sqrt(key[chosen]) if step > 0 else np.float32(0.0)
        # The last of those left takes the place of the one that joins.
        ru[chosen], rv[chosen], key[chosen] = ru[last], rv[last], key[last]
        node[chosen], joined_from[chosen] = node[last], joined_from[last]
        ru[last] = rv[last] = key[last] = np.inf
        m = padded(last)
        for j in range(m):
            du, dv = ru[j] - ui, rv[j] - vi
            new, old, old_from = du * du + dv * dv, key[j], joined_from[j]
            nearer = new < old
            key[j] = new if nearer else old
            joined_from[j] = i if nearer else old_from
        chosen = index_of_least(key_bits, m) if last > 0 else 0


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
    for i in range(n):
        nearest[i], nearest_of[i] = np.inf, -1
    for k in range(1, n):
        i = sequence[k]
        p = parent[i]
        if edge[i] < nearest[i]:
            nearest[i], nearest_of[i] = edge[i], p
        if edge[i] < nearest[p]:
            nearest[p], nearest_of[p] = edge[i], i


@inner_kernel
def _mark_strays(sequence, parent, edge, n, limit, size, stray):
    """Flag small ends of the tree that hang by an edge longer than `limit`; return a living root."""
    most = max(1, int(STRAY_SHARE * n))
    for i in range(n):
        size[i], stray[i] = 1, 0
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
    limit = STRAY_EDGES * median_edge if n >= STRAY_MIN_POINTS else np.inf
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
        if stray[i] == 0:
            trunk[count], trunk_parent[i], trunk_edge[i] = i, parent[i], edge[i]
            count += 1
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
    for k in range(count):
        height[trunk[k]], arm[trunk[k]] = 0.0, -1
    for k in range(count - 1, 0, -1):
        i = trunk[k]
        p = trunk_parent[i]
        total += trunk_edge[i]
        reach = height[i] + trunk_edge[i]
        if arm[p] < 0 or reach > height[p]:
            height[p], arm[p] = reach, i
    root = trunk[0]
    branch[root] = root
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
