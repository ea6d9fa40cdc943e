"""Shapley values of the forest: by enumeration, against the shap library, and additive."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from calcigram.model.attribution import attribute, leaf_of, node_cover
from calcigram.model.forest import flatten_forest
from calcigram.model.scoring import raw_scores

N_FEATURES = 5


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, N_FEATURES)).astype(np.float32)
    x[rng.random(x.shape) < 0.15] = np.nan
    filled = np.nan_to_num(x)
    y = (filled[:, 0] * filled[:, 1] > 0) + (filled[:, 2] + filled[:, 3] > 0.5)
    model = HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=12, min_samples_leaf=5)
    forest = flatten_forest(model.fit(x, y))
    return forest, x, node_cover(forest, x[:300])


def expected_score(forest, cover, row, known):
    """Score of each class where only `known` features are; a walk that meets another goes both ways."""

    def walk(first, node):
        at = first + node
        if forest.feature[at] < 0:
            return forest.value[at]
        left, right = forest.left[at], forest.right[at]
        if forest.feature[at] in known:
            x = row[forest.feature[at]]
            goes_left = forest.missing_left[at] if np.isnan(x) else x <= forest.threshold[at]
            return walk(first, left if goes_left else right)
        share = cover[first + left] / cover[at]
        return share * walk(first, left) + (1 - share) * walk(first, right)

    scores = forest.baseline.copy()
    for tree, k in enumerate(forest.tree_class):
        scores[k] += walk(forest.tree_offset[tree], 0)
    return scores


def test_values_are_shapleys_by_enumeration(fitted):
    forest, x, cover = fitted
    row = x[7]
    found = attribute(forest, row[None], cover)
    everyone = set(range(N_FEATURES))
    worth = {
        frozenset(known): expected_score(forest, cover, row, set(known))
        for size in range(N_FEATURES + 1)
        for known in itertools.combinations(everyone, size)
    }
    for i in everyone:
        phi = np.zeros(forest.n_classes)
        for known in worth:
            if i not in known:
                s = len(known)
                weight = math.factorial(s) * math.factorial(N_FEATURES - s - 1) / math.factorial(N_FEATURES)  # fmt: skip
                phi += weight * (worth[known | {i}] - worth[known])
        np.testing.assert_allclose(found.values[0, :, i], phi, atol=1e-9)
    np.testing.assert_allclose(found.base, worth[frozenset()], atol=1e-9)


def test_values_add_up_to_the_score(fitted):
    forest, x, cover = fitted
    found = attribute(forest, x, cover)
    np.testing.assert_allclose(
        found.base + found.values.sum(axis=2), raw_scores(forest, x), atol=1e-6
    )


def test_a_feature_never_asked_about_moves_nothing():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    x[:, 2] = 1
    forest = flatten_forest(HistGradientBoostingClassifier(max_iter=3).fit(x, x[:, 0] > 0))
    found = attribute(forest, x, node_cover(forest, x))
    assert (found.values[:, :, 2] == 0).all()
    assert found.values.shape == (300, 1, 3)


def test_values_are_those_of_the_shap_library(fitted):
    shap = pytest.importorskip("shap", reason="extra [bench]", exc_type=ImportError)
    forest, x, cover = fitted
    rows = x[:20]
    ours = attribute(forest, rows, cover)
    for k in range(forest.n_classes):
        trees = [
            _as_shap_has_it(forest, cover, tree) for tree in np.flatnonzero(forest.tree_class == k)
        ]
        model = {
            "trees": trees,
            "base_offset": forest.baseline[k],
            "internal_dtype": np.float64,
            "input_dtype": np.float32,
        }
        theirs = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        np.testing.assert_allclose(
            theirs.shap_values(rows, check_additivity=False), ours.values[:, k], atol=1e-5
        )


def _as_shap_has_it(forest, cover, tree):
    nodes = slice(forest.tree_offset[tree], forest.tree_offset[tree + 1])
    leaf = forest.feature[nodes] < 0
    left, right = (np.where(leaf, -1, c[nodes]) for c in (forest.left, forest.right))
    return {
        "children_left": left,
        "children_right": right,
        "children_default": np.where(forest.missing_left[nodes] == 1, left, right),
        "features": np.where(leaf, -2, forest.feature[nodes]),
        "thresholds": forest.threshold[nodes].astype(float),
        "values": forest.value[nodes, None].astype(float),
        "node_sample_weight": cover[nodes],
    }


def test_cover_counts_rows_and_adds_up(fitted):
    forest, x, cover = fitted
    n_leaves = np.array([
        (forest.feature[a:b] < 0).sum()
        for a, b in itertools.pairwise(forest.tree_offset)
    ])  # fmt: skip
    np.testing.assert_allclose(cover[forest.tree_offset[:-1]], 300 + n_leaves)
    leaves = leaf_of(forest, x) + forest.tree_offset[:-1]
    assert (forest.feature[leaves] == -1).all()
    scores = np.zeros((len(x), forest.n_classes))
    for tree, k in enumerate(forest.tree_class):
        scores[:, k] += forest.value[leaves[:, tree]]
    np.testing.assert_allclose(scores + forest.baseline, raw_scores(forest, x), atol=1e-6)


@pytest.mark.parametrize("bad", ["columns", "cover"])
def test_what_does_not_fit_is_refused(fitted, bad):
    forest, x, cover = fitted
    with pytest.raises(ValueError, match="expected"):
        attribute(forest, x[:, :3] if bad == "columns" else x, cover * (bad != "cover"))
