"""The raw scores of a forest for rows of features: many rows by QuickScorer, few by walking the trees.

QuickScorer goes through the nodes of a tree without walking, sixteen rows to a vector. The leaves of a
tree are numbered from left to right and kept as flags of one word. A node whose answer is "right" rules
out the leaves of its left subtree; when all nodes have been asked, in any order, the lowest flag left
is the leaf that the row falls into. No step depends on the one before it, and the same node is asked
for all rows of a block at once. For a few rows a block is mostly empty, and walking is faster.

Sources: Lucchese et al., QuickScorer, SIGIR 2015; the vectors over rows after Lucchese et al.,
V-QuickScorer, SIGIR 2016.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram._kernels.vectors import (
    LANES,
    above_or_missing,
    add_at_lowest_flag,
    all_flags,
    keep_flags,
    load,
    splat,
)
from calcigram.model.forest import Forest

Layout = tuple[npt.NDArray[Any], ...]

MAX_LEAVES = 32
"""Of one tree: a leaf is a flag of an int32. Forests with larger trees are walked."""

WALKED_ROWS = 3
"""Up to so many rows, walking takes less time than scoring blocks of sixteen."""

_BLOCK = 4 * LANES
_layouts: WeakKeyDictionary[Forest, Layout | None] = WeakKeyDictionary()


def raw_scores(forest: Forest, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the raw scores (log-odds) of each row.

    Parameters
    ----------
    forest : Forest
    values : array_like of float32, shape (R, F)
        NaN where missing.

    Returns
    -------
    ndarray of float64, shape (R, K)
        Equal to scikit-learn's ``_raw_predict`` within 1e-6.
    """
    rows = _rows_for(forest, values)
    scores = np.empty((len(rows), forest.n_classes))
    if forest not in _layouts:
        _layouts[forest] = _layout(forest)
    blocks = _layouts[forest]
    if len(rows) > WALKED_ROWS and blocks is not None:
        _score_blocks(rows, *blocks, forest.baseline, scores)
    else:
        scores[:] = forest.baseline
        _walk_rows(rows, *nodes_of(forest), forest.value, forest.tree_class, scores)
    return scores


def leaf_of(forest: Forest, values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Return the leaf in which each row ends in each tree, counted from the tree's first node.

    Parameters
    ----------
    forest : Forest
    values : array_like of float32, shape (R, F)

    Returns
    -------
    ndarray of int32, shape (R, T)
    """
    rows = _rows_for(forest, values)
    leaves = np.empty((len(rows), forest.n_trees), np.int32)
    _find_leaves(rows, *nodes_of(forest), leaves)
    return leaves


def _rows_for(forest: Forest, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    rows = np.ascontiguousarray(values, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != forest.n_features:
        raise ValueError(f"expected shape (R, {forest.n_features}), got {rows.shape}")
    return rows


def nodes_of(forest: Forest) -> tuple[npt.NDArray[np.generic], ...]:
    """Return what walking kernels take of a forest: its nodes, and where each tree begins."""
    return (
        forest.feature,
        forest.threshold,
        forest.missing_left,
        forest.left,
        forest.right,
        forest.tree_offset,
    )


@kernel
def goes_left(value, threshold, missing_left):
    """Tell whether a value goes left at a node."""
    return missing_left == 1 if np.isnan(value) else value <= threshold


@kernel
def _leaf(row, feature, threshold, missing_left, left, right, first):
    """Return the leaf in which a row ends in the tree that begins at `first`, counted from there."""
    node = np.int64(0)
    while feature[first + node] >= 0:
        at = first + node
        is_left = goes_left(row[feature[at]], threshold[at], missing_left[at])
        node = np.int64(left[at]) if is_left else np.int64(right[at])
    return node


@kernel
def _find_leaves(values, feature, threshold, missing_left, left, right, offset, leaves):
    """Write the leaf of each row (R) in each tree (T) to `leaves` (R, T)."""
    for row in range(values.shape[0]):
        for tree in range(offset.size - 1):
            leaves[row, tree] = _leaf(
                values[row], feature, threshold, missing_left, left, right, offset[tree]
            )


@kernel
def _walk_rows(
    values, feature, threshold, missing_left, left, right, offset, value, tree_class, scores
):
    """Add to `scores` (R, K) the leaves in which `values` (R, F) end, tree after tree."""
    for row in range(values.shape[0]):
        for tree in range(offset.size - 1):
            first = offset[tree]
            leaf = _leaf(values[row], feature, threshold, missing_left, left, right, first)
            scores[row, tree_class[tree]] += value[first + leaf]


def _layout(forest: Forest) -> Layout | None:
    """Return what `_score_blocks` takes of a forest; None if a tree has too many leaves.

    Returns
    -------
    threshold : ndarray of float32, shape (N,)
        Of the inner nodes, tree by tree, in each those first where a missing value goes left.
    column : ndarray of int64, shape (N,)
    kept : ndarray of int32, shape (N,)
        The leaves that may still be reached when the answer is "right", as flags.
    begin, middle : ndarray of int64, shape (T + 1,), (T,)
        Each tree's first node, and its first where a missing value goes right.
    leaf : ndarray of float32, shape (L,)
        Values from left to right, tree by tree.
    leaf_begin, tree_class : ndarray of int64, shape (T,)
    """
    tree_of = forest.tree_of_node
    is_leaf = forest.feature < 0
    n_leaves, first_leaf = is_leaf.astype(np.int64), np.zeros(len(is_leaf), np.int64)
    for nodes, left, right in reversed(forest.levels):
        n_leaves[nodes] = n_leaves[left] + n_leaves[right]
    if n_leaves.max(initial=0) > MAX_LEAVES:
        return None
    for nodes, left, right in forest.levels:
        first_leaf[left] = first_leaf[nodes]
        first_leaf[right] = first_leaf[nodes] + n_leaves[left]

    inner = np.flatnonzero(~is_leaf)
    left = forest.left[inner] + forest.tree_offset[tree_of[inner]]
    ruled_out = ((1 << n_leaves[left]) - 1) << first_leaf[left]
    order = np.lexsort((1 - forest.missing_left[inner].astype(np.int8), tree_of[inner]))
    per_tree = np.bincount(tree_of[inner], minlength=forest.n_trees)
    per_tree_left = np.bincount(
        tree_of[inner], forest.missing_left[inner], minlength=forest.n_trees
    ).astype(np.int64)
    begin = np.concatenate([[0], np.cumsum(per_tree)])

    leaf_begin = np.concatenate([[0], np.cumsum(n_leaves[forest.tree_offset[:-1]])])
    leaf = np.empty(is_leaf.sum(), np.float32)
    leaf[leaf_begin[tree_of[is_leaf]] + first_leaf[is_leaf]] = forest.value[is_leaf]
    return (
        forest.threshold[inner][order],
        forest.feature[inner][order].astype(np.int64),
        (~ruled_out & 0xFFFFFFFF).astype(np.uint32).view(np.int32)[order],
        begin,
        begin[:-1] + per_tree_left,
        leaf,
        leaf_begin[:-1],
        forest.tree_class.astype(np.int64),
    )


@kernel
def _score_blocks(
    values, threshold, column, kept, begin, middle, leaf, leaf_begin, tree_class, baseline, scores
):
    """Fill `scores` (R, K) for `values` (R, F), in blocks of 64 rows, the last of 16."""
    n_rows, n_columns = values.shape
    block = np.empty(_BLOCK * n_columns, np.float32)
    sums = np.empty(_BLOCK * baseline.size, np.float64)
    row = 0
    while row < n_rows:
        size = _BLOCK if n_rows - row > 2 * LANES else LANES
        n_here = min(size, n_rows - row)
        for i in range(size):  # beyond the last row it is repeated
            for c in range(n_columns):
                block[size * c + i] = values[row + min(i, n_here - 1), c]
            for k in range(baseline.size):
                sums[size * k + i] = baseline[k]
        for tree in range(tree_class.size):
            nodes = begin[tree], middle[tree], begin[tree + 1]
            sum_at, leaf_at = size * tree_class[tree], leaf_begin[tree]
            if size == _BLOCK:
                _ask_64(block, threshold, column, kept, nodes, leaf, leaf_at, sums, sum_at)
            else:
                _ask_16(block, threshold, column, kept, nodes, leaf, leaf_at, sums, sum_at)
        for i in range(n_here):
            for k in range(baseline.size):
                scores[row + i, k] = sums[size * k + i]
        row += size


@kernel
def _ask_16(block, threshold, column, kept, nodes, leaf, leaf_at, sums, sum_at):
    """Ask every node of one tree about 16 rows, and add the leaves they fall into."""
    a = all_flags()
    for node in range(nodes[0], nodes[1]):
        limit = splat(threshold[node])
        a = keep_flags(limit < load(block, LANES * column[node]), a, kept[node])
    for node in range(nodes[1], nodes[2]):
        limit = splat(threshold[node])
        a = keep_flags(above_or_missing(load(block, LANES * column[node]), limit), a, kept[node])
    add_at_lowest_flag(sums, sum_at, leaf, leaf_at, a)


@kernel
def _ask_64(block, threshold, column, kept, nodes, leaf, leaf_at, sums, sum_at):
    """Ask every node of one tree about 64 rows; see `_ask_16`."""
    a = b = c = d = all_flags()
    for node in range(nodes[0], nodes[1]):
        limit, at, flags = splat(threshold[node]), _BLOCK * column[node], kept[node]
        a = keep_flags(limit < load(block, at), a, flags)
        b = keep_flags(limit < load(block, at + LANES), b, flags)
        c = keep_flags(limit < load(block, at + 2 * LANES), c, flags)
        d = keep_flags(limit < load(block, at + 3 * LANES), d, flags)
    for node in range(nodes[1], nodes[2]):
        limit, at, flags = splat(threshold[node]), _BLOCK * column[node], kept[node]
        a = keep_flags(above_or_missing(load(block, at), limit), a, flags)
        b = keep_flags(above_or_missing(load(block, at + LANES), limit), b, flags)
        c = keep_flags(above_or_missing(load(block, at + 2 * LANES), limit), c, flags)
        d = keep_flags(above_or_missing(load(block, at + 3 * LANES), limit), d, flags)
    add_at_lowest_flag(sums, sum_at, leaf, leaf_at, a)
    add_at_lowest_flag(sums, sum_at + LANES, leaf, leaf_at, b)
    add_at_lowest_flag(sums, sum_at + 2 * LANES, leaf, leaf_at, c)
    add_at_lowest_flag(sums, sum_at + 3 * LANES, leaf, leaf_at, d)
