"""The spanning trees of all clusters at once: freed of strays, rooted anew, cut into branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numpy_features.forest import depths, find_roots, levels_upwards, sum_to_root
from numpy_features.frame import Points
from numpy_features.layout import Layout
from numpy_features.pairs import Pairs

TWIG_EDGES = 2.0
STRAY_EDGES = 4.0
STRAY_SHARE = 0.05
STRAY_MIN_POINTS = 8


@dataclass(frozen=True)
class Branches:
    """The trees without strays, each rooted at an end of its main path.

    Of each of N points: `parent` (a root's is itself), `arm` (the child on the longest way down, -1
    at a tip) and `size`, how many points descend from it, itself included. Of each branch, by its
    first node `heads`: where its nodes begin in `nodes`, how many they are, the length of
    its edges with the one it hangs by, and whether it is kept. `main` is the place of each cluster's
    main path among the branches.
    """

    root: np.ndarray
    parent: np.ndarray
    arm: np.ndarray
    size: np.ndarray
    length: np.ndarray
    heads: np.ndarray
    nodes: np.ndarray
    begin: np.ndarray
    count: np.ndarray
    reach: np.ndarray
    kept: np.ndarray
    main: np.ndarray


def find_branches(points: Points, pairs: Pairs) -> Branches:
    """Free the trees of strays, root each at an end of its longest path and split it."""
    layout = points.layout
    root, stray = _find_strays(layout, pairs)
    away = np.where(stray, -1.0, sum_to_root(pairs.parent, pairs.edge))
    end = layout.first(away == layout.to_points(layout.most(away)), root)
    parent, edge = _root_at(end, root, pairs, stray)
    return _split(layout, pairs.edge_median, end, parent, edge, stray)


def _find_strays(layout: Layout, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Flag small ends of a tree that hang by a long edge; return a living root of each, and the flags."""
    root, stray = layout.start[:-1].copy(), np.zeros(len(layout.owner), bool)
    limit = np.where(layout.n >= STRAY_MIN_POINTS, STRAY_EDGES * pairs.edge_median, np.inf)
    long = pairs.edge > layout.to_points(limit)
    if not long.any():
        return root, stray
    most = np.maximum(1, (STRAY_SHARE * layout.n).astype(np.int64))[layout.owner]
    stray = sum_to_root(pairs.parent, (long & (pairs.size <= most)).astype(np.int64)) > 0
    other_side = long & (layout.n[layout.owner] - pairs.size <= most)
    if other_side.any():
        # They lie on one way down; the deepest is the new root, the old one's side the small one.
        deep = np.where(other_side, depths(pairs.parent), -1)
        root = layout.first(other_side & (deep == layout.to_points(layout.most(deep))), root)
        mark = np.zeros(len(stray), np.int64)
        moved = root != layout.start[:-1]
        mark[root[moved]] = 1
        stray |= layout.to_points(moved) & (sum_to_root(pairs.parent, mark) == 0)
    return root, stray


def _root_at(end, root, pairs, stray):
    """Turn about the edges between each end and its root; strays become their own parents."""
    parent = np.where(stray, np.arange(len(stray)), pairs.parent)
    edge = np.where(stray, 0.0, pairs.edge)
    node, below, length = end, end, np.zeros(len(end))
    while len(node):
        above, next_length = pairs.parent[node], pairs.edge[node]
        parent[node], edge[node] = below, length
        on = node != root
        node, below, length, root = above[on], node[on], next_length[on], root[on]
    return parent, edge


def _split(layout, median_edge, root, parent, edge, stray):
    """Let the child with the longest way down carry on each node's branch."""
    everyone = np.arange(len(parent))
    depth = depths(parent)
    height, size = np.zeros(len(parent)), np.ones(len(parent), np.int64)
    for nodes in levels_upwards(depth):
        above = parent[nodes]
        np.maximum.at(height, above, height[nodes] + edge[nodes])
        np.add.at(size, above, size[nodes])
    reach = height + edge
    farthest = np.flatnonzero((reach == height[parent]) & (depth > 0))
    arm = np.full(len(parent), -1)
    arm[parent[farthest]] = farthest
    head = find_roots(np.where(arm[parent] == everyone, parent, everyone))
    heads = np.flatnonzero((head == everyone) & ~stray)
    count = np.bincount(head, minlength=len(parent))[heads]
    begin = np.cumsum(count) - count
    branch = np.empty(len(parent), np.int64)
    branch[heads] = np.arange(len(heads))
    nodes = np.empty(count.sum(), np.int64)
    living = np.flatnonzero(~stray)
    first = head[living]
    nodes[begin[branch[first]] + depth[living] - depth[first]] = living
    hangs_on = branch[head[parent[heads]]]
    main = branch[root]
    kept = (reach[heads] >= TWIG_EDGES * median_edge[layout.owner[heads]]) & (count >= 2)
    kept[main] = True
    while True:
        still = kept & kept[hangs_on]
        if np.array_equal(still, kept):
            break
        kept = still
    return Branches(
        root, parent, arm, size, layout.total(edge), heads, nodes, begin, count, reach[heads], kept, main
    )  # fmt: skip
