"""The classifier behaves as scikit-learn's own do."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from calcigram.errors import BadInputError
from calcigram.features.transformer import ClusterFeatures
from calcigram.model.estimator import CalcigramClassifier


@pytest.mark.slow
@parametrize_with_checks([CalcigramClassifier(n_iterations=20, min_samples_leaf=5, random_state=0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("axis", ["distribution", "morphology"])
def test_cross_validates_in_a_pipeline(clusters, axis):
    pipeline = make_pipeline(ClusterFeatures(), CalcigramClassifier(axis, n_iterations=3))
    scores = cross_val_score(pipeline, clusters, clusters.meta[f"true_{axis}"], cv=3)
    assert scores.min() > 0.85


def test_clone_and_set_output(clusters):
    pipeline = make_pipeline(ClusterFeatures(), CalcigramClassifier("distribution", n_iterations=2))
    pipeline = clone(pipeline).set_output(transform="pandas")
    pipeline.fit(clusters, clusters.meta["true_distribution"])
    assert pipeline.classes_.tolist() == ["diffuse", "grouped", "linear"]
    assert pipeline[-1].feature_names_in_[0] == "n_calcifications"
    p = pipeline.predict_proba(clusters[:5])
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_two_classes_have_one_decision(features, clusters):
    is_linear = clusters.meta["true_distribution"] == "linear"
    fitted = CalcigramClassifier(n_iterations=3).fit(features.values, is_linear)
    decision = fitted.decision_function(features.values)
    assert decision.shape == (len(features),)
    np.testing.assert_array_equal(decision > 0, fitted.predict(features.values))
    np.testing.assert_allclose(
        fitted.predict_proba(features.values)[:, 1], 1 / (1 + np.exp(-decision)), atol=1e-9
    )


def test_calibrates_where_it_can(features, clusters):
    words = clusters.meta["true_distribution"]
    fitted = CalcigramClassifier(n_iterations=3).fit(features.values, words)
    assert fitted.scaling_.inverse_temperature != 1
    few = CalcigramClassifier(n_iterations=3).fit(features.values[:30], words[:30])
    assert few.scaling_.inverse_temperature == 1


@pytest.mark.parametrize(
    ("axis", "labels", "message"),
    [
        ("distribution", ["linear", "star"], "got 'star'"),
        ("shape", ["linear", "grouped"], "column 'axis': got 'shape'"),
    ],
)
def test_refuses_words(axis, labels, message):
    with pytest.raises(BadInputError, match=message):
        CalcigramClassifier(axis).fit(np.zeros((2, 3)), labels)
