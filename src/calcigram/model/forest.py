"""`Forest`: gradient-boosted trees as plain arrays, walked in compiled code.

It turns a fitted scikit-learn `HistGradientBoostingClassifier` into arrays that need no
scikit-learn to be read, and gives the same raw scores. It neither trains nor calibrates.

Two layouts are kept. The *stored* one (feature, threshold, children, ...) is what a model
file holds and what anyone can check. The *walked* one is derived from it: children stand
side by side, so the next node is ``left + (x > threshold)``; a threshold and a measured
value become order-keeping int32 keys; and every feature appears twice, once with a missing
value below everything and once above, so that no branch asks about missing values. Several
rows (or, for one row, several trees) are walked together, because each walk by itself waits
for memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

_LANES = 8
_BLOCK_ROWS = 64  # keys of a block stay in the first-level cache
_MAX_NODES = 32768  # of one tree: a walked node packs its left child in 15 bits
_KEY_MISSING_LEFT = np.int32(-(2**31))
_KEY_MISSING_RIGHT = np.int32(2**31 - 1)

STORED_ARRAYS: dict[str, type] = {
    "feature": np.int16,
    "threshold": np.float32,
    "missing_left": np.uint8,
    "left": np.int32,
    "right": np.int32,
    "value": np.float32,
    "tree_offset": np.int64,
    "tree_class": np.int16,
    "baseline": np.float64,
}
"""Name and dtype of each stored array; the model file holds exactly these."""


@dataclass(frozen=True, eq=False)
class Forest:
    """T trees of M nodes in all, for K classes.

    Attributes
    ----------
    feature : ndarray of int16, shape (M,)
        Column that a node asks about; -1 in a leaf.
    threshold : ndarray of float32, shape (M,)
        A value at most this goes left.
    missing_left : ndarray of uint8, shape (M,)
        1 where a missing value goes left.
    left, right : ndarray of int32, shape (M,)
        Children, counted from the tree's first node, always after their parent; 0 in a leaf.
    value : ndarray of float32, shape (M,)
        What a leaf adds to the raw score of its tree's class.
    tree_offset : ndarray of int64, shape (T + 1,)
        Tree ``t`` owns nodes ``tree_offset[t]:tree_offset[t + 1]``.
    tree_class : ndarray of int16, shape (T,)
    baseline : ndarray of float64, shape (K,)
        Raw score before any tree.
    n_features : int
    """

    feature: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    missing_left: npt.NDArray[np.uint8]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]
    tree_offset: npt.NDArray[np.int64]
    tree_class: npt.NDArray[np.int16]
    baseline: npt.NDArray[np.float64]
    n_features: int
    _walk: tuple[npt.NDArray[Any], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem is not None:
            raise ValueError(problem)
        object.__setattr__(self, "_walk", _walk_layout(self))

    @property
    def n_trees(self) -> int:
        """Number of trees, over all classes."""
        return len(self.tree_class)

    @property
    def n_classes(self) -> int:
        """Number of raw scores a row gets; 1 for a two-class scikit-learn model."""
        return len(self.baseline)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the stored arrays by name."""
        return {name: getattr(self, name) for name in STORED_ARRAYS}

    def raw_scores(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the raw scores (log-odds) of each row.

        Parameters
        ----------
        values : array_like of float32, shape (R, F)
            NaN where missing.

        Returns
        -------
        ndarray of float64, shape (R, K)
            Equal to scikit-learn's ``_raw_predict`` within 1e-6.
        """
        rows = np.ascontiguousarray(values, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"expected shape (R, {self.n_features}), got {rows.shape}")
        scores = np.empty((len(rows), self.n_classes))
        walk_rows(rows, *self._walk, self.baseline, scores)  # type: ignore[call-arg]
        return scores


def flatten_forest(estimator: Any) -> Forest:
    """Flatten a fitted HistGradientBoostingClassifier.

    Parameters
    ----------
    estimator : sklearn.ensemble.HistGradientBoostingClassifier
        Fitted, on numeric features only.

    Returns
    -------
    Forest
        With one raw score a class, or a single one (of the second class) for two classes.

    Raises
    ------
    ValueError
        The estimator splits on categories, which this layout does not hold.
    """
    trees = [tree for iteration in estimator._predictors for tree in iteration]
    n_per_iteration = estimator.n_trees_per_iteration_
    nodes = [tree.nodes for tree in trees]
    flat = np.concatenate(nodes)
    if flat["is_categorical"].any():
        raise ValueError("expected a forest of numeric splits, got one with categories")
    leaf = flat["is_leaf"].astype(bool)
    return Forest(
        feature=np.where(leaf, -1, flat["feature_idx"]).astype(np.int16),
        threshold=np.where(leaf, np.float32(0), _round_down(flat["num_threshold"])),
        missing_left=np.where(leaf, 0, flat["missing_go_to_left"]).astype(np.uint8),
        left=np.where(leaf, 0, flat["left"]).astype(np.int32),
        right=np.where(leaf, 0, flat["right"]).astype(np.int32),
        value=np.where(leaf, flat["value"], 0).astype(np.float32),
        tree_offset=np.cumsum([0, *(len(tree) for tree in nodes)], dtype=np.int64),
        tree_class=(np.arange(len(trees)) % n_per_iteration).astype(np.int16),
        baseline=np.asarray(estimator._baseline_prediction, np.float64).ravel(),
        n_features=int(estimator.n_features_in_),
    )


def _round_down(threshold: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the largest float32 not above `threshold`: no float32 value lies between the two."""
    with np.errstate(over="ignore"):
        rounded = threshold.astype(np.float32)
    above = rounded > threshold
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return rounded


def _problem(forest: Forest) -> str | None:
    """Say what would make a walk fail, leave its arrays or never end; None if nothing would."""
    n_nodes, n_trees = len(forest.feature), len(forest.tree_class)
    for name, dtype in STORED_ARRAYS.items():
        array = getattr(forest, name)
        if array.dtype != dtype or array.ndim != 1:
            return f"{name}: got {array.dtype} of {array.ndim} dimensions, expected {dtype} of 1"
    if any(len(getattr(forest, n)) != n_nodes for n in list(STORED_ARRAYS)[:6]):
        return "arrays of nodes of different lengths"
    offset = forest.tree_offset
    sizes = np.diff(offset)
    if len(offset) != n_trees + 1 or offset[0] != 0 or offset[-1] != n_nodes:
        return "trees that do not cover the nodes"
    if n_trees and (sizes.min() < 1 or sizes.max() > _MAX_NODES):
        return f"a tree of fewer than 1 or more than {_MAX_NODES} nodes"
    if not 0 <= forest.n_features <= np.iinfo(np.int16).max // 2:
        return f"{forest.n_features} features"
    if n_trees and not (
        forest.tree_class.min() >= 0 and forest.tree_class.max() < len(forest.baseline)
    ):
        return "a tree of a class that does not exist"
    if n_nodes and not (forest.feature.min() >= -1 and forest.feature.max() < forest.n_features):
        return "a node that asks about a feature that does not exist"
    if not np.isfinite(forest.value).all() or not np.isfinite(forest.baseline).all():
        return "a score that is not finite"
    if np.isnan(forest.threshold).any():
        return "a threshold that is not a number"
    tree_of = np.repeat(np.arange(n_trees), sizes)
    inner = np.flatnonzero(forest.feature >= 0)
    local, size = inner - offset[tree_of[inner]], sizes[tree_of[inner]]
    for child in (forest.left[inner], forest.right[inner]):
        if ((child <= local) | (child >= size)).any():
            return "a child before its parent or outside its tree"
    children = np.concatenate([forest.left[inner], forest.right[inner]]) + np.tile(
        offset[tree_of[inner]], 2
    )
    if not np.array_equal(np.sort(children), np.setdiff1d(np.arange(n_nodes), offset[:-1])):
        return "a node with no parent or with several"
    return None


def _walk_layout(forest: Forest) -> tuple[npt.NDArray[Any], ...]:
    """Return node words and leaf values, then first nodes, classes and depths of the trees.

    A node word holds the threshold's key in its upper 32 bits, then 16 bits of column among
    the 2 F doubled ones, then 15 bits of left child; a leaf is its own left child, for ever.
    """
    offset = forest.tree_offset
    sizes = np.diff(offset)
    tree_of = np.repeat(np.arange(forest.n_trees), sizes)
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
    level = offset[:-1][inner[offset[:-1]]]  # inner nodes, one level after the other
    while level.size:
        depth[np.unique(tree_of[level])] += 1
        children = np.concatenate([forest.left[level], forest.right[level]]) + np.tile(
            first[level], 2
        )
        level = children[inner[children]]
    order = np.argsort(depth, kind="stable")  # trees walked together should be equally deep
    start = offset[:-1][order]
    return words, values, start, forest.tree_class.astype(np.int64)[order], depth[order]


def _sort_keys(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return int32 keys in the order of the float32 values (which hold no NaN)."""
    bits = (values + np.float32(0)).view(np.int32)  # adding 0 makes one zero of the two
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))


@nb.njit(cache=True, nogil=True, inline="always")
def _step(word: int, keys: Any, row: int) -> int:
    """Return the next node (within the tree) of a walk standing at `word`."""
    column = (word >> 15) & 0xFFFF
    return (word & 0x7FFF) + (keys[row, column] > (word >> 32))


@nb.njit(cache=True, nogil=True)
def _fill_keys(values, keys):  # type: ignore[no-untyped-def]
    """Write each value's key twice: with a missing value above, then below, everything."""
    bits = values.view(np.int32)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            if np.isnan(values[row, column]):
                keys[row, 2 * column] = _KEY_MISSING_RIGHT
                keys[row, 2 * column + 1] = _KEY_MISSING_LEFT
            else:
                bit = bits[row, column]
                if bit < 0:  # negative: reverse the order; minus zero becomes zero
                    bit = 0 if bit == _KEY_MISSING_LEFT else bit ^ 0x7FFFFFFF
                keys[row, 2 * column] = bit
                keys[row, 2 * column + 1] = bit


@nb.njit(cache=True, nogil=True)
def walk_rows(values, words, leaf, start, tree_class, depth, baseline, scores):  # type: ignore[no-untyped-def]
    """Fill `scores` (R, K) for `values` (R, F): blocks of rows, each through every tree."""
    n_rows, n_trees = values.shape[0], tree_class.size
    if n_rows == 1:
        _walk_one(values, words, leaf, start, tree_class, depth, baseline, scores)
        return
    keys = np.empty((_BLOCK_ROWS, 2 * values.shape[1]), np.int32)
    for begin in range(0, n_rows, _BLOCK_ROWS):
        end = min(begin + _BLOCK_ROWS, n_rows)
        scores[begin:end] = baseline
        _fill_keys(values[begin:end], keys)
        for tree in range(n_trees):
            nodes, leaves = words[start[tree] :], leaf[start[tree] :]
            k = tree_class[tree]
            row = 0
            while row + _LANES <= end - begin:
                a = b = c = d = e = f = g = h = 0
                for _ in range(depth[tree]):
                    a = _step(nodes[a], keys, row)
                    b = _step(nodes[b], keys, row + 1)
                    c = _step(nodes[c], keys, row + 2)
                    d = _step(nodes[d], keys, row + 3)
                    e = _step(nodes[e], keys, row + 4)
                    f = _step(nodes[f], keys, row + 5)
                    g = _step(nodes[g], keys, row + 6)
                    h = _step(nodes[h], keys, row + 7)
                at = begin + row
                scores[at, k] += leaves[a]
                scores[at + 1, k] += leaves[b]
                scores[at + 2, k] += leaves[c]
                scores[at + 3, k] += leaves[d]
                scores[at + 4, k] += leaves[e]
                scores[at + 5, k] += leaves[f]
                scores[at + 6, k] += leaves[g]
                scores[at + 7, k] += leaves[h]
                row += _LANES
            for rest in range(row, end - begin):
                node = 0
                for _ in range(depth[tree]):
                    node = _step(nodes[node], keys, rest)
                scores[begin + rest, k] += leaves[node]


@nb.njit(cache=True, nogil=True)
def _walk_one(values, words, leaf, start, tree_class, depth, baseline, scores):  # type: ignore[no-untyped-def]
    """Fill the one row of `scores`: eight trees at a time."""
    keys = np.empty((1, 2 * values.shape[1]), np.int32)
    _fill_keys(values, keys)
    scores[0] = baseline
    n_trees = tree_class.size
    tree = 0
    while tree + _LANES <= n_trees:
        oa, ob, oc, od = start[tree], start[tree + 1], start[tree + 2], start[tree + 3]
        oe, of, og, oh = start[tree + 4], start[tree + 5], start[tree + 6], start[tree + 7]
        a = b = c = d = e = f = g = h = 0
        for _ in range(depth[tree + _LANES - 1]):
            a = _step(words[oa + a], keys, 0)
            b = _step(words[ob + b], keys, 0)
            c = _step(words[oc + c], keys, 0)
            d = _step(words[od + d], keys, 0)
            e = _step(words[oe + e], keys, 0)
            f = _step(words[of + f], keys, 0)
            g = _step(words[og + g], keys, 0)
            h = _step(words[oh + h], keys, 0)
        scores[0, tree_class[tree]] += leaf[oa + a]
        scores[0, tree_class[tree + 1]] += leaf[ob + b]
        scores[0, tree_class[tree + 2]] += leaf[oc + c]
        scores[0, tree_class[tree + 3]] += leaf[od + d]
        scores[0, tree_class[tree + 4]] += leaf[oe + e]
        scores[0, tree_class[tree + 5]] += leaf[of + f]
        scores[0, tree_class[tree + 6]] += leaf[og + g]
        scores[0, tree_class[tree + 7]] += leaf[oh + h]
        tree += _LANES
    for rest in range(tree, n_trees):
        node = 0
        for _ in range(depth[rest]):
            node = _step(words[start[rest] + node], keys, 0)
        scores[0, tree_class[rest]] += leaf[start[rest] + node]
