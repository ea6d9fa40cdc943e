"""Exact Shapley values of a forest's scores: by how much each feature moved one reading.

The value of a set of known features is the score expected when the others are unknown: a walk
that meets an unknown feature goes both ways, in the proportion in which reference clusters do
(path-dependent TreeSHAP). It explains what the forest did, not what made the cluster.

Source: Lundberg et al., "From local explanations to global understanding with explainable AI
for trees", Nature Machine Intelligence 2 (2020) 56, whose values these are. They are worked
out leaf by leaf: of a leaf with d features on its path, a subset S of the others contributes
``prod(agrees, S) prod(share, not S)``, so that all subsets of one size are one coefficient of
``prod(share_j + agrees_j t)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram.model.forest import MAX_DEPTH, Forest
from calcigram.model.scoring import goes_left, leaf_of, nodes_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Scores taken apart: ``base[k] + values[r, k].sum()`` is the raw score of row r, class k.

    Attributes
    ----------
    values : ndarray of float64, shape (R, K, F)
        Shapley values in log-odds.
    base : ndarray of float64, shape (K,)
        Score expected of a reference cluster.
    """

    values: Floats
    base: Floats


def attribute(forest: Forest, values: npt.ArrayLike, cover: npt.ArrayLike) -> Attribution:
    """Take raw scores apart into what each feature added.

    Parameters
    ----------
    forest : Forest
    values : array_like of float32, shape (R, F)
        NaN where missing.
    cover : array_like of float, shape (M,)
        Weight of each node, above 0, of a node the sum of its children's: see `node_cover`.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        `values` or `cover` do not fit the forest.
    """
    rows = np.ascontiguousarray(values, dtype=np.float32)
    weight = np.ascontiguousarray(cover, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != forest.n_features:
        raise ValueError(f"expected shape (R, {forest.n_features}), got {rows.shape}")
    if weight.shape != forest.feature.shape or not (weight > 0).all():
        raise ValueError("expected a weight above 0 for each node")
    phi = np.zeros((len(rows), forest.n_classes, forest.n_features))
    base = forest.baseline.copy()
    _attribute(rows, *nodes_of(forest), forest.value, forest.tree_class, weight, phi, base)
    return Attribution(phi, base)


def node_cover(forest: Forest, reference: npt.ArrayLike) -> Floats:
    """Count the reference rows that pass each node; one more in each leaf, so that none is empty.

    Parameters
    ----------
    forest : Forest
    reference : array_like of float32, shape (R, F)

    Returns
    -------
    ndarray of float64, shape (M,)
    """
    leaves = leaf_of(forest, reference)
    cover = np.where(forest.feature < 0, 1.0, 0.0)
    np.add.at(cover, (leaves + forest.tree_offset[:-1]).ravel(), 1.0)
    first = np.repeat(forest.tree_offset[:-1], np.diff(forest.tree_offset))
    for node in np.flatnonzero(forest.feature >= 0)[::-1]:  # children come after their parent
        cover[node] = (
            cover[first[node] + forest.left[node]] + cover[first[node] + forest.right[node]]
        )
    return cover


@kernel
def _find_parents(feature, left, right, first, last, parent):
    parent[first] = -1
    for node in range(first, last):
        if feature[node] >= 0:
            parent[first + left[node]] = node
            parent[first + right[node]] = node


@kernel
def _attribute(
    values, feature, threshold, missing_left, left, right, offset, leaf_value, tree_class, cover, phi, base
):  # fmt: skip
    """Add to `phi` (R, K, F) and to `base` (K,), leaf after leaf."""
    parent = np.empty(feature.size, np.int64)
    columns = np.empty(MAX_DEPTH, np.int64)
    share = np.empty(MAX_DEPTH)
    path_node = np.empty(MAX_DEPTH, np.int64)
    path_place = np.empty(MAX_DEPTH, np.int64)
    path_left = np.empty(MAX_DEPTH, np.bool_)
    agrees = np.empty(MAX_DEPTH)
    for tree in range(offset.size - 1):
        first, last, k = offset[tree], offset[tree + 1], tree_class[tree]
        _find_parents(feature, left, right, first, last, parent)
        for leaf in range(first, last):
            if feature[leaf] >= 0:
                continue
            depth, d = 0, 0
            node = leaf
            reached = 1.0
            while parent[node] >= 0:
                above = parent[node]
                place = 0
                while place < d and columns[place] != feature[above]:
                    place += 1
                if place == d:
                    columns[d] = feature[above]
                    share[d] = 1.0
                    d += 1
                share[place] *= cover[node] / cover[above]
                reached *= cover[node] / cover[above]
                path_node[depth], path_place[depth] = above, place
                path_left[depth] = first + left[above] == node
                depth += 1
                node = above
            base[k] += leaf_value[leaf] * reached
            for row in range(values.shape[0]):
                agrees[:d] = 1.0
                for step in range(depth):
                    at = path_node[step]
                    x = values[row, feature[at]]
                    if goes_left(x, threshold[at], missing_left[at]) != path_left[step]:
                        agrees[path_place[step]] = 0.0
                _share_out(leaf_value[leaf], d, columns, share, agrees, phi[row, k])


@kernel
def _share_out(value, d, columns, share, agrees, phi):
    """Add one leaf's part to the features on its path."""
    sums = np.empty(d + 1)
    for i in range(d):
        sums[0] = 1.0
        size = 0
        for j in range(d):
            if j == i:
                continue
            sums[size + 1] = 0.0
            for s in range(size + 1, 0, -1):
                sums[s] = sums[s] * share[j] + sums[s - 1] * agrees[j]
            sums[0] *= share[j]
            size += 1
        weight = 1.0 / d  # s! (d - 1 - s)! / d! of the empty set, s = 0
        total = 0.0
        for s in range(d):
            total += weight * sums[s]
            if s + 1 < d:
                weight *= (s + 1.0) / (d - 1.0 - s)
        phi[columns[i]] += value * (agrees[i] - share[i]) * total
