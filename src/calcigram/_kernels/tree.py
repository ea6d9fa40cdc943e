"""Compiled kernels on the spanning tree: growing it, freeing it of strays, its branches."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.statistics import BLOCK, FAR, padded

TWIG_EDGES = 2.0
"""Branches shorter than this many median edges are twigs, and pruned: own choice."""

STRAY_EDGES = 4.0
"""A few points at the end of an edge this many median edges long are strays, and left out."""

STRAY_SHARE = 0.05
STRAY_MIN_POINTS = 8


class Tree(NamedTuple):
    """A rooted tree.

    ``order`` lists the nodes, every parent before its children; ``parent`` (-1 for the root) and
    ``edge``, the length of the edge to it (0 for the root), are by node. ``order`` may be of fewer
    nodes than the others.
    """

    order: Any
    parent: Any
    edge: Any


@kernel(fast=True)
def _join_all(px, py, name, key, bits, near, tree):
    """Let the nearest outsider join, one after another; all arrays are padded with FAR.

    Who has joined gives its place to the last outsider, so that the loops get shorter. `bits` is `key`
    as integers, which have the order of non-negative floats: LLVM vectorises their minimum, not that of
    floats. Distance and place are compared as one int64: no second search, and ties are always
    broken alike.
    """
    order, parent, edge = tree
    n, place = order.size, 0
    for step in range(n):
        cx, cy, newest = px[place], py[place], name[place]
        order[step], parent[newest], edge[newest] = newest, near[place], np.sqrt(key[place])
        last = n - 1 - step
        px[place], py[place], key[place] = px[last], py[last], key[last]
        name[place], near[place] = name[last], near[last]
        px[last] = key[last] = FAR
        m = (last + BLOCK - 1) // BLOCK * BLOCK
        for j in range(m):
            dx, dy = px[j] - cx, py[j] - cy
            d2 = dx * dx + dy * dy
            nearer = d2 < key[j]
            key[j] = d2 if nearer else key[j]
            near[j] = newest if nearer else near[j]
        least = np.int64(0x7FFFFFFFFFFFFFFF)
        for j in range(m):
            least = min(least, (np.int64(bits[j]) << np.int64(32)) | j)
        place = int(least & 0xFFFFFFFF)


@kernel(fast=True)
def spanning_tree(x, y):
    """Return the minimum spanning tree of points, rooted at the first: Prim 1957, in O(n^2).

    Without a matrix and without a heap: for the some ten to some thousand points of a cluster
    two plain loops per step beat Delaunay's O(n log n).

    Parameters
    ----------
    x, y : float32 (n,)

    Returns
    -------
    Tree
        In the order in which the points joined.

    Examples
    --------
    >>> spanning_tree(np.float32([0, 1, 3]), np.float32([0, 0, 0])).parent
    array([-1,  0,  1], dtype=int32)
    """
    n = x.size
    tree = Tree(np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.float32))
    if n == 0:
        return tree
    px, py = padded(x, FAR), padded(y, FAR)
    key = np.empty(px.size, np.float32)
    near, name = np.empty(px.size, np.int32), np.empty(px.size, np.int32)
    for i in range(px.size):
        key[i], near[i], name[i] = FAR, -1, i
    key[0] = np.float32(0.0)
    _join_all(px, py, name, key, key.view(np.int32), near, tree)
    return tree


@kernel(fast=True)
def descendants(tree):
    """Return how many nodes hang on each node, itself included; int32."""
    size = np.empty(tree.parent.size, np.int32)
    size[:] = 1
    for k in range(tree.order.size - 1, 0, -1):
        i = tree.order[k]
        size[tree.parent[i]] += size[i]
    return size


@kernel(fast=True)
def _find_strays(tree, limit):
    """Flag small ends of the tree that hang by an edge longer than `limit`; return a living root."""
    order, parent, edge = tree
    n = order.size
    most = max(1, int(STRAY_SHARE * n))
    size, stray = descendants(tree), np.zeros(n, np.bool_)
    root = order[0]
    for k in range(1, n):
        i = order[k]
        stray[i] = stray[parent[i]] or (edge[i] > limit and size[i] <= most)
        if edge[i] > limit and n - size[i] <= most:
            root = i
    if root != order[0]:
        # The old root's side is the small one: all that does not descend from the new root.
        kept = np.zeros(n, np.bool_)
        kept[root] = True
        for k in range(1, n):
            i = order[k]
            kept[i] = kept[i] or kept[parent[i]]
        for i in range(n):
            stray[i] = stray[i] or not kept[i]
    return stray, root


@kernel(fast=True)
def root_at_path_end(tree, median_edge):
    """Return the tree without its strays, rooted at one end of its longest path.

    Strays are at most 5 % of the points (at least one, and none below eight points) that hang
    by an edge over `STRAY_EDGES` median edges: single false marks far off. The end of a longest
    path is what lies farthest from any node; only the way from there to the old root turns round.
    """
    order, parent, edge = tree
    n, root, longest = order.size, order[0], np.float32(0.0)
    taken = np.zeros(n, np.bool_)  # strays, then whoever has been copied
    for i in range(n):
        longest = max(longest, edge[i])
    if n >= STRAY_MIN_POINTS and longest > STRAY_EDGES * median_edge:
        taken, root = _find_strays(tree, STRAY_EDGES * median_edge)
    depth, end = np.empty(n, np.float32), root
    depth[:] = 0.0
    for k in range(n):
        i = order[k]
        if not taken[i] and i != root:
            depth[i] = depth[parent[i]] + edge[i]
            end = i if depth[i] > depth[end] else end
    new_order, new_parent, new_edge = np.empty(n, np.int32), parent.copy(), edge.copy()
    count, above, above_edge, i = 0, np.int32(-1), np.float32(0.0), end
    while above != root:
        new_order[count], new_parent[i], new_edge[i] = i, above, above_edge
        count += 1
        taken[i] = True
        above, above_edge, i = i, edge[i], parent[i]
    for k in range(n):
        i = order[k]
        if not taken[i]:
            new_order[count] = i
            count += 1
    return Tree(new_order[:count], new_parent, new_edge)


class Branches(NamedTuple):
    """A pruned tree: its branches and their measures.

    By node: ``height``, the longest way down; ``arm``, the child on that way (-1 at a tip);
    ``branch``, the first node of the branch it is on, the root for the main path, -1 if pruned.
    ``path`` lists the main path from the root on.
    """

    height: Any
    arm: Any
    branch: Any
    path: Any
    main_length: float
    length: float
    leaves: int
    longest_side: float


@kernel(fast=True)
def prune_twigs(tree, min_length):
    """Split the rooted tree into branches and drop the twigs.

    At each node the child with the longest way down carries on its branch, every other
    child begins one. A branch is kept if it hangs on a kept one, is at least `min_length` long
    and has at least two nodes of its own.

    Returns
    -------
    Branches
    """
    order, parent, edge = tree
    count, root, zero = order.size, order[0], np.float32(0.0)
    height = np.empty(parent.size, np.float32)
    arm, branch = np.empty(parent.size, np.int32), np.empty(parent.size, np.int32)
    height[:], arm[:], branch[:] = np.float32(-1.0), -1, -1  # below zero: no child has been seen
    for k in range(count - 1, 0, -1):
        i = order[k]
        p, length = parent[i], edge[i]
        height[i] = own = max(height[i], zero)
        farther = own + length > height[p]
        height[p] = own + length if farther else height[p]
        arm[p] = i if farther else arm[p]
    branch[root], height[root] = root, max(height[root], zero)
    length, longest_side = float(height[root]), 0.0
    leaves = 2 if count > 1 else 0
    for k in range(1, count):
        i = order[k]
        p = parent[i]
        if branch[p] < 0 or arm[p] == i:
            branch[i] = branch[p]
            continue
        reach = height[i] + edge[i]
        if reach < min_length or arm[i] < 0:
            continue
        branch[i] = i
        length += reach
        leaves += 1
        longest_side = max(longest_side, float(reach))
    path, size, i = np.empty(count, np.int32), 0, root
    while i >= 0:
        path[size] = i
        size += 1
        i = arm[i]
    return Branches(
        height, arm, branch, path[:size], float(height[root]), length, leaves, longest_side
    )
