"""One row through all trees of a forest, node by node.

The layout is derived from the stored one: children stand side by side, so the next node is
``left + (x > threshold)``; a threshold and a measured value become order-keeping int32 keys;
and every feature appears twice, once with a missing value below everything and once above,
so that no branch asks about missing values. Eight trees are walked together, because each
walk by itself waits for memory. Many rows are `quickscorer`'s business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel

if TYPE_CHECKING:
    from calcigram.model.forest import Forest

Layout = tuple[npt.NDArray[Any], ...]

MOST_ROWS = 3
"""Up to so many rows, walking takes less time than scoring blocks of sixteen."""

MAX_NODES = 32768
"""Of one tree: a node's word packs its left child in 15 bits."""

_LANES = 8
_KEY_MISSING_LEFT = np.int32(-(2**31))
_KEY_MISSING_RIGHT = np.int32(2**31 - 1)


def layout(forest: Forest) -> Layout:
    """Return node words and leaf values, then first nodes, classes and depths of the trees.

    A node word holds the threshold's key in its upper 32 bits, then 16 bits of column among
    the 2 F doubled ones, then 15 bits of left child; a leaf is its own left child, for ever.
    """
    offset, tree_of = forest.tree_offset, forest.tree_of_node
    first = offset[tree_of]
    inner = forest.feature >= 0
    # The i-th inner node of a tree gets places 2 i + 1 and 2 i + 2 for its children.
    before = np.concatenate([[0], np.cumsum(inner)])
    rank = (before[:-1] - before[first])[inner]
    place = np.zeros(len(inner), np.int64)
    place[(forest.left + first)[inner]] = 2 * rank + 1
    place[(forest.right + first)[inner]] = 2 * rank + 2

    key = np.full(len(inner), _KEY_MISSING_RIGHT, np.int64)
    key[inner] = _sort_keys(forest.threshold[inner])
    column = np.zeros(len(inner), np.int64)
    column[inner] = 2 * forest.feature[inner].astype(np.int64) + forest.missing_left[inner]
    left = place.copy()
    left[inner] = 2 * rank + 1
    words = np.empty(len(inner), np.int64)
    words[first + place] = (key << 32) | (column << 15) | left
    values = np.empty(len(inner), np.float64)
    values[first + place] = forest.value

    depth = np.zeros(forest.n_trees, np.int64)
    for nodes, _, _ in forest.levels:
        depth[np.unique(tree_of[nodes])] += 1
    order = np.argsort(depth, kind="stable")  # trees walked together should be equally deep
    start = offset[:-1][order]
    return words, values, start, forest.tree_class.astype(np.int64)[order], depth[order]


def _sort_keys(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return int32 keys in the order of the float32 values (which hold no NaN)."""
    bits = (values + np.float32(0)).view(np.int32)  # adding 0 makes one zero of the two
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))


@kernel
def _step(word: int, keys: Any) -> int:
    """Return the next node (within the tree) of a walk standing at `word`."""
    return (word & 0x7FFF) + (keys[(word >> 15) & 0xFFFF] > (word >> 32))


@kernel
def _fill_keys(values, keys):  # type: ignore[no-untyped-def]
    """Write each value's key twice: with a missing value above, then below, everything."""
    bits = values.view(np.int32)
    for column in range(values.size):
        if np.isnan(values[column]):
            keys[2 * column] = _KEY_MISSING_RIGHT
            keys[2 * column + 1] = _KEY_MISSING_LEFT
        else:
            bit = bits[column]
            if bit < 0:  # negative: reverse the order; minus zero becomes zero
                bit = 0 if bit == _KEY_MISSING_LEFT else bit ^ 0x7FFFFFFF
            keys[2 * column] = bit
            keys[2 * column + 1] = bit


@kernel
def score_rows(values, words, leaf, start, tree_class, depth, baseline, scores):  # type: ignore[no-untyped-def]
    """Fill `scores` (R, K) for `values` (R, F): row by row, eight trees at a time."""
    keys = np.empty(2 * values.shape[1], np.int32)
    n_trees = tree_class.size
    for row in range(values.shape[0]):
        _fill_keys(values[row], keys)
        scores[row] = baseline
        tree = 0
        while tree + _LANES <= n_trees:
            oa, ob, oc, od = start[tree], start[tree + 1], start[tree + 2], start[tree + 3]
            oe, of, og, oh = start[tree + 4], start[tree + 5], start[tree + 6], start[tree + 7]
            a = b = c = d = e = f = g = h = 0
            for _ in range(depth[tree + _LANES - 1]):
                a = _step(words[oa + a], keys)
                b = _step(words[ob + b], keys)
                c = _step(words[oc + c], keys)
                d = _step(words[od + d], keys)
                e = _step(words[oe + e], keys)
                f = _step(words[of + f], keys)
                g = _step(words[og + g], keys)
                h = _step(words[oh + h], keys)
            scores[row, tree_class[tree]] += leaf[oa + a]
            scores[row, tree_class[tree + 1]] += leaf[ob + b]
            scores[row, tree_class[tree + 2]] += leaf[oc + c]
            scores[row, tree_class[tree + 3]] += leaf[od + d]
            scores[row, tree_class[tree + 4]] += leaf[oe + e]
            scores[row, tree_class[tree + 5]] += leaf[of + f]
            scores[row, tree_class[tree + 6]] += leaf[og + g]
            scores[row, tree_class[tree + 7]] += leaf[oh + h]
            tree += _LANES
        for rest in range(tree, n_trees):
            node = 0
            for _ in range(depth[rest]):
                node = _step(words[start[rest] + node], keys)
            scores[row, tree_class[rest]] += leaf[start[rest] + node]
