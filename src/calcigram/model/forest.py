"""`Forest`: gradient-boosted trees as plain arrays that anyone can check.

A fitted scikit-learn `HistGradientBoostingClassifier` becomes arrays that need no scikit-learn to
be read; `scoring` computes the same raw scores from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

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

MAX_TREES = 100_000
MAX_NODES = 32_768
"""Of one tree."""
MAX_DEPTH = 256
"""Levels of inner nodes; kernels keep as many indices on the path from a leaf to its root."""
MAX_SCORE = 1e6
"""Log-odds beyond this cannot result from training."""


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

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem is not None:
            raise ValueError(problem)

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

    def followed_by(self, other: Forest) -> Forest:
        """Return the trees of both: the scores of both, added up."""
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in STORED_ARRAYS
        }
        joined["tree_offset"] = np.concatenate(
            [self.tree_offset, self.tree_offset[-1] + other.tree_offset[1:]]
        )
        joined["baseline"] = self.baseline + other.baseline
        return Forest(**joined, n_features=self.n_features)

    @cached_property
    def tree_of_node(self) -> npt.NDArray[np.intp]:
        """The tree that owns each node, shape (M,)."""
        return np.repeat(np.arange(self.n_trees), np.diff(self.tree_offset))

    @cached_property
    def levels(self) -> list[tuple[npt.NDArray[np.int64], ...]]:
        """Inner nodes, their left and right children, from the roots down; a triple a depth.

        All three count from the first node of the whole forest.
        """
        roots = self.tree_offset[:-1]
        found: list[tuple[npt.NDArray[np.int64], ...]] = []
        nodes = roots[self.feature[roots] >= 0]
        while nodes.size:
            first = roots[self.tree_of_node[nodes]]
            left, right = self.left[nodes] + first, self.right[nodes] + first
            found.append((nodes, left, right))
            below = np.concatenate([left, right])
            nodes = below[self.feature[below] >= 0]
        return found


def no_forest(n_features: int) -> Forest:
    """Return a forest without trees and classes."""
    arrays: dict[str, Any] = {name: np.zeros(0, dtype) for name, dtype in STORED_ARRAYS.items()}
    arrays["tree_offset"] = np.zeros(1, np.int64)
    return Forest(**arrays, n_features=n_features)


def flatten_forest(estimator: Any) -> Forest:
    """Flatten a fitted HistGradientBoostingClassifier.

    Parameters
    ----------
    estimator : sklearn.ensemble.HistGradientBoostingClassifier
        Fitted, on numeric features only.

    Returns
    -------
    Forest
        With one raw score per class, or a single one (of the second class) for two classes.

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


def flatten_trees(
    trees: Sequence[Any],
    leaf_values: Sequence[npt.NDArray[np.float64]],
    tree_class: npt.NDArray[Any],
    like: Forest,
) -> Forest:
    """Flatten single regression trees.

    Parameters
    ----------
    trees : sequence of sklearn.tree._tree.Tree
    leaf_values : sequence of ndarray of float64
        What each node of each tree adds to a score, where it is a leaf.
    tree_class : ndarray of int, shape (T,)
        Score that each adds to.
    like : Forest
        One of as many scores, on the same features.
    """
    leaf = np.concatenate([tree.children_left for tree in trees]) < 0

    def of_nodes(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    return Forest(
        feature=np.where(leaf, -1, of_nodes("feature")).astype(np.int16),
        threshold=np.where(leaf, np.float32(0), _round_down(of_nodes("threshold"))),
        missing_left=np.where(leaf, 0, of_nodes("missing_go_to_left")).astype(np.uint8),
        left=np.where(leaf, 0, of_nodes("children_left")).astype(np.int32),
        right=np.where(leaf, 0, of_nodes("children_right")).astype(np.int32),
        value=np.where(leaf, np.concatenate(leaf_values), 0).astype(np.float32),
        tree_offset=np.cumsum([0, *(tree.node_count for tree in trees)], dtype=np.int64),
        tree_class=tree_class.astype(np.int16),
        baseline=np.zeros(like.n_classes),
        n_features=like.n_features,
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
    if len(offset) != n_trees + 1 or n_trees > MAX_TREES:
        return f"{len(offset)} places of {n_trees} trees, of at most {MAX_TREES}"
    sizes = np.diff(offset)
    if offset[0] != 0 or offset[-1] != n_nodes:
        return "trees that do not cover the nodes"
    if n_trees and (sizes.min() < 1 or sizes.max() > MAX_NODES):
        return f"a tree of fewer than 1 or more than {MAX_NODES} nodes"
    if not 0 <= forest.n_features <= np.iinfo(np.int16).max // 2:
        return f"{forest.n_features} features"
    if n_trees and not (
        forest.tree_class.min() >= 0 and forest.tree_class.max() < len(forest.baseline)
    ):
        return "a tree of a class that does not exist"
    if n_nodes and not (forest.feature.min() >= -1 and forest.feature.max() < forest.n_features):
        return "a node that asks about a feature that does not exist"
    if not all((np.abs(scores) <= MAX_SCORE).all() for scores in (forest.value, forest.baseline)):
        return f"a score that is not within {MAX_SCORE:g} of 0"
    if not (forest.threshold > -np.inf).all():  # inf parts the known from the missing
        return "a threshold that is not a number"
    if (forest.missing_left > 1).any():
        return "a missing value that goes neither left nor right"
    tree_of = np.repeat(np.arange(n_trees), sizes)
    inner = np.flatnonzero(forest.feature >= 0)
    local, size = inner - offset[tree_of[inner]], sizes[tree_of[inner]]
    for child in (forest.left[inner], forest.right[inner]):
        if ((child <= local) | (child >= size)).any():
            return "a child before its parent or outside its tree"
    if forest.left[forest.feature < 0].any() or forest.right[forest.feature < 0].any():
        return "a leaf with children"
    children = np.concatenate([forest.left[inner], forest.right[inner]]) + np.tile(
        offset[tree_of[inner]], 2
    )
    n_parents = np.bincount(children, minlength=n_nodes)
    n_parents[offset[:-1]] += 1  # a root needs none
    if (n_parents != 1).any():
        return "a node with no parent or with several"
    if len(forest.levels) > MAX_DEPTH:
        return f"a tree of more than {MAX_DEPTH} levels"
    return None
