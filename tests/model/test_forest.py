"""The flattened forest equals scikit-learn, and refuses arrays a walk would not survive."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram.model.forest import _round_down, flatten_forest
from calcigram.model.scoring import WALKED_ROWS, raw_scores


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("n_rows", [1, 7, 8, 64, 131])
def test_equals_scikit_learn(fit_trees, random_rows, n_classes, n_rows):
    trees = fit_trees(n_classes)
    forest = flatten_forest(trees)
    rows = random_rows(n_rows, seed=5)
    np.testing.assert_allclose(
        raw_scores(forest, rows), trees._raw_predict(rows), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("n_leaves", [31, 33])
def test_trees_with_more_leaves_than_a_word_has_flags_are_walked(fit_trees, random_rows, n_leaves):
    trees = fit_trees(3, n_rows=3000, max_leaf_nodes=n_leaves, min_samples_leaf=1)
    forest = flatten_forest(trees)
    largest = np.diff(forest.tree_offset).max() // 2 + 1
    assert largest == n_leaves
    rows = random_rows(100, seed=5)
    np.testing.assert_allclose(
        raw_scores(forest, rows), trees._raw_predict(rows), rtol=0, atol=1e-6
    )


def test_walking_and_flags_give_the_same_scores(fit_trees, random_rows):
    forest = flatten_forest(fit_trees(5, n_rows=2000))
    rows = random_rows(150, seed=6)
    walked = np.concatenate([raw_scores(forest, row[None]) for row in rows])
    for n_rows in (WALKED_ROWS + 1, 15, 16, 17, 32, 33, 64, 65, 97, 150):
        np.testing.assert_allclose(raw_scores(forest, rows[:n_rows]), walked[:n_rows], atol=1e-12)


def test_two_classes_have_one_score(fit_trees):
    assert flatten_forest(fit_trees(2)).n_classes == 1


def test_equals_scikit_learn_where_everything_is_missing_or_infinite(three_class_trees):
    forest = flatten_forest(three_class_trees)
    rows = np.array([[np.nan] * 6, [np.inf] * 6, [-np.inf] * 6, [0.0] * 6, [-0.0] * 6], np.float32)
    np.testing.assert_allclose(
        raw_scores(forest, rows), three_class_trees._raw_predict(rows), rtol=0, atol=1e-6
    )


def test_values_on_and_beside_every_threshold(three_class_trees):
    """The hard case: a float32 value against a float64 threshold between two float32 values."""
    forest = flatten_forest(three_class_trees)
    thresholds = np.unique(forest.threshold[forest.feature >= 0])
    thresholds = thresholds[np.isfinite(thresholds)]
    near = np.concatenate(
        [thresholds, np.nextafter(thresholds, np.float32(9)), np.nextafter(thresholds, -9)]
    ).astype(np.float32)
    rows = np.repeat(near[:, None], 6, axis=1)
    np.testing.assert_allclose(
        raw_scores(forest, rows), three_class_trees._raw_predict(rows), rtol=0, atol=1e-6
    )


@given(st.floats(-1e300, 1e300), st.floats(width=32, allow_nan=False))
@settings(max_examples=150)
def test_rounding_a_threshold_down_changes_no_decision(threshold, value):
    rounded = _round_down(np.array([threshold]))[0]
    assert (value <= rounded) == (value <= threshold)


def test_trees_of_one_leaf(fit_trees, random_rows):
    trees = fit_trees(3, n_rows=30, min_samples_leaf=30)
    rows = random_rows(9)
    forest = flatten_forest(trees)
    assert (forest.feature == -1).all()
    np.testing.assert_allclose(raw_scores(forest, rows), trees._raw_predict(rows), atol=1e-6)


def test_refuses_categories(random_rows):
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = np.random.default_rng(0).integers(0, 4, (200, 2))
    trees = HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(
        rows, rows[:, 0] % 2
    )
    with pytest.raises(ValueError, match="categories"):
        flatten_forest(trees)


def test_refuses_rows_of_another_width(three_class_trees):
    with pytest.raises(ValueError, match=r"expected shape \(R, 6\), got \(2, 5\)"):
        raw_scores(flatten_forest(three_class_trees), np.zeros((2, 5)))


def _set(name, index, value):
    def change(forest):
        array = getattr(forest, name).copy()
        array[index] = value
        return replace(forest, **{name: array})

    return change


DAMAGES = {
    "child before its parent": (_set("left", 0, 0), "child before its parent"),
    "child outside": (_set("right", 0, 30000), "outside its tree"),
    "shared child": (lambda f: replace(f, right=f.left.copy()), "no parent or with several"),
    "feature": (_set("feature", 0, 6), "feature that does not exist"),
    "class": (_set("tree_class", 0, 3), "class that does not exist"),
    "score": (_set("value", -1, np.nan), "within 1e.06 of 0"),
    "threshold": (_set("threshold", 0, np.nan), "not a number"),
    "offsets": (_set("tree_offset", -1, 1), "do not cover"),
    "empty tree": (_set("tree_offset", 1, 0), "fewer than 1"),
    "length": (lambda f: replace(f, value=f.value[:-1]), "different lengths"),
    "dtype": (lambda f: replace(f, left=f.left.astype(np.int64)), "left: got int64"),
    "features": (lambda f: replace(f, n_features=-1), "-1 features"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_refuses_damaged_arrays(three_class_trees, damage):
    change, message = DAMAGES[damage]
    with pytest.raises(ValueError, match=message):
        change(flatten_forest(three_class_trees))
