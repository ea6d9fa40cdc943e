"""Conformal sets: the finite-sample quantile, coverage by class, and crepes says the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram.errors import BadInputError
from calcigram.model.calibrate import ConformalScores, folds_by_group, softmax


def draw(n, seed, mix=(0.6, 0.3, 0.1)):
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=mix)
    return softmax(2 * np.eye(3)[truth] + rng.normal(size=(n, 3)) * (1, 1.5, 2)), truth


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 60), coverage=st.floats(0.05, 0.95))
def test_threshold_is_the_finite_sample_quantile(n, coverage):
    scores = np.sort(np.random.default_rng(n).random(n)).astype(np.float32)
    limit = ConformalScores(scores, np.array([n])).thresholds(coverage)[0]
    at_least = np.ceil(round((n + 1) * coverage, 9))
    if at_least > n:
        assert np.isinf(limit)
    else:
        assert (scores <= limit).sum() >= at_least > (scores < limit).sum()


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_each_class_is_covered_whatever_the_mix(coverage):
    p, truth = draw(20_000, 0)
    kept = ConformalScores.fit(p, truth)
    p, truth = draw(60_000, 1, mix=(0.1, 0.1, 0.8))
    sets = kept.sets(p, coverage)
    for k in range(3):
        assert sets[truth == k, k].mean() == pytest.approx(coverage, abs=0.02)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_crepes_has_the_same_p_values(coverage):
    """A set holds the classes whose Mondrian p-value is above 1 - coverage."""
    crepes = pytest.importorskip("crepes")
    p, truth = draw(600, 2)
    fresh, _ = draw(300, 3)
    ours = ConformalScores.fit(p, truth).sets(fresh, coverage)
    theirs = crepes.ConformalClassifier()
    theirs.fit((1 - p[np.arange(600), truth]).astype(np.float32), bins=truth)
    for k in range(3):
        scores = (1 - fresh[:, [k]]).astype(np.float32)
        p_values = theirs.predict_p(scores, bins=np.full(300, k), smoothing=False)[:, 0]
        np.testing.assert_array_equal(ours[:, k], p_values > 1 - coverage + 1e-9)


def test_a_row_of_nan_has_an_empty_set():
    kept = ConformalScores.fit(*draw(100, 0))
    assert not kept.sets(np.full((1, 3), np.nan)).any()


@pytest.mark.parametrize("coverage", [0, 1, -1, float("nan")])
def test_refuses_coverages(coverage):
    with pytest.raises(BadInputError, match="between 0 and 1"):
        ConformalScores.fit(*draw(20, 0)).thresholds(coverage)


def test_a_patient_is_in_one_fold():
    groups = np.random.default_rng(0).integers(0, 40, 300)
    folds = folds_by_group(groups, np.random.default_rng(1))
    assert all(len(set(folds[groups == g])) == 1 for g in range(40))
    assert set(folds) == set(range(5))


@pytest.mark.parametrize(
    ("scores", "counts"),
    [([0.2, 0.1], [2]), ([0.2], [2]), ([1.5], [1]), ([float("nan")], [1])],
)
def test_refuses_scores(scores, counts):
    with pytest.raises(ValueError, match="conformal scores"):
        ConformalScores(np.array(scores, np.float32), np.array(counts))
