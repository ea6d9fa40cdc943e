"""Scaling finds known parameters; the calibration errors match a slow, obvious count."""

import numpy as np
import pytest
import scipy.special

from calcigram.model.calibrate import (
    Scaling,
    classwise_calibration_error,
    expected_calibration_error,
    fewness,
    fit_scaling,
    softmax,
    top_label_curve,
)


@pytest.fixture(scope="module")
def honest():
    """Scores whose softmax is the true probability of the truth drawn from it."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(6000, 4)) * 2
    truth = (softmax(scores).cumsum(axis=1) < rng.random((6000, 1))).sum(axis=1)
    return scores, truth


def test_softmax_is_scipys():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(200, 5)) * rng.choice([1, 100, 1e5], (200, 1))
    np.testing.assert_allclose(softmax(scores), scipy.special.softmax(scores, axis=1), atol=1e-15)


def test_softmax_of_a_row_with_nan_is_nan():
    p = softmax([[1.0, np.nan, 2.0], [np.nan, 0.0, 0.0], [3.0, 3.0, 3.0]])
    assert np.isnan(p[:2]).all()
    np.testing.assert_allclose(p[2], 1 / 3)


def test_recovers_a_known_distortion(honest):
    scores, truth = honest
    bias = np.array([0.5, -0.5, 0.25, -0.25])
    found = fit_scaling((scores - bias) * 3, truth)
    assert found.inverse_temperature == pytest.approx(1 / 3, rel=0.1)
    np.testing.assert_allclose(np.array(found.bias) - np.mean(found.bias), bias, atol=0.15)


def test_scaling_lowers_the_error(honest):
    scores, truth = honest
    before = expected_calibration_error(softmax(scores * 3), truth)
    after = expected_calibration_error(fit_scaling(scores * 3, truth)(scores * 3), truth)
    assert before > 0.1
    assert after < 0.03


def test_stays_finite_where_a_class_is_absent_and_all_is_right():
    found = fit_scaling(np.eye(3)[[0, 1, 0, 1]] * 9, [0, 1, 0, 1])
    assert np.isfinite([found.inverse_temperature, *found.bias]).all()


def test_nothing_to_fit_changes_nothing():
    assert fit_scaling(np.empty((0, 3)), []) == Scaling.identity(3)


def test_weights_count_as_repetitions(honest):
    scores, truth = honest[0][:300], honest[1][:300]
    twice = np.arange(300) % 2 + 1
    weighted = fit_scaling(scores, truth, weights=twice)
    repeated = fit_scaling(np.repeat(scores, twice, axis=0), np.repeat(truth, twice))
    np.testing.assert_allclose(weighted.bias, repeated.bias, atol=1e-4)


def test_error_equals_a_slow_count(honest):
    scores, truth = honest
    p = softmax(scores * 2)
    rows = sorted(range(len(p)), key=lambda i: p[i].max())
    expected = 0.0
    for part in np.array_split(rows, 15):
        said = sum(p[i].max() for i in part)
        right = sum(p[i].argmax() == truth[i] for i in part)
        expected += abs(said - right) / len(p)
    assert expected_calibration_error(p, truth) == pytest.approx(expected)


def test_classwise_error_sees_what_the_top_label_hides():
    p = np.tile([0.6, 0.4, 0.0], (100, 1))
    truth = np.repeat([0, 2], [60, 40])
    assert expected_calibration_error(p, truth) == pytest.approx(0)
    # Said 0.4 of the second class, which never came, and 0 of the third, which came in 0.4.
    assert classwise_calibration_error(p, truth) == pytest.approx(0.8 / 3)


def test_rows_of_nan_are_left_out():
    p = np.array([[0.9, 0.1], [np.nan, np.nan]])
    assert top_label_curve(p, [0, 1]).count.sum() == 1
    assert np.isnan(expected_calibration_error(p[1:], [1]))


def test_the_temperature_of_few_calcifications_is_found(honest):
    scores, truth = honest
    few = fewness(np.random.default_rng(4).integers(3, 30, len(scores)))
    stated = scores * np.exp(0.6 * few)[:, None]  # too sure the fewer there are
    fitted = fit_scaling(stated, truth, few=few)
    assert fitted.slope == pytest.approx(-0.6, abs=0.1)
    same_for_all = fit_scaling(stated, truth)
    assert same_for_all.slope == 0
    scarce = few > 0.6  # 3 to 6
    right = fitted(stated, few)[scarce], same_for_all(stated)[scarce]
    errors = [expected_calibration_error(p, truth[scarce], n_bins=3) for p in right]
    assert errors[0] < 0.02 < errors[1]


def test_fewness_falls_to_zero_and_stays_there():
    assert (np.diff(fewness(np.arange(1, 11))) < 0).all()
    assert (fewness([11, 12, 500]) == 0).all()
