"""From each axis' probabilities to those shown: the guard on vascular, and admissible pairs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calcigram.clusters import ClusterSet
from calcigram.features.extract import extract_features
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, is_admissible
from calcigram.model.head import (
    MIN_PROBABILITY,
    RAILS,
    guarded,
    make_admissible,
    shown_probabilities,
)
from calcigram.rules.recognition import load_recognition

VASCULAR = MORPHOLOGIES.index("vascular")


def _probabilities(n_classes):
    weights = arrays(float, (4, n_classes), elements=st.floats(1e-6, 1))
    return weights.map(lambda w: w / w.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def one_row_or_two():
    """Features of a single row of points, three times, and of the same with two rails measured."""
    x = np.tile(np.arange(0, 40, 1.0), 4)
    features = extract_features(ClusterSet.from_arrays(np.arange(5) * 40, x, 0 * x))
    rails = {"rail_score": 0.3, "rail_separation_mm": 1.5, "curve_length_mm": 40.0}
    values = features.values.copy()
    for name, value in rails.items():
        values[3, features.names.index(name)] = value
    return replace(features, values=values)


@given(_probabilities(6), _probabilities(9))
@settings(max_examples=150)
def test_patterns_are_admissible_and_otherwise_untouched(p_d, p_m):
    new_d, new_m = make_admissible(p_d, p_m)
    for row in range(4):
        before = DISTRIBUTIONS[p_d[row].argmax()], MORPHOLOGIES[p_m[row].argmax()]
        after = DISTRIBUTIONS[new_d[row].argmax()], MORPHOLOGIES[new_m[row].argmax()]
        assert is_admissible(*after)
        if is_admissible(*before):
            np.testing.assert_array_equal(new_d[row], p_d[row])
            np.testing.assert_array_equal(new_m[row], p_m[row])
        else:
            assert before[0] == after[0] or before[1] == after[1]
    np.testing.assert_allclose(new_d.sum(axis=1), 1)
    np.testing.assert_allclose(new_m.sum(axis=1), 1)


def test_no_way_out_leaves_the_probabilities_alone():
    p_d, p_m = (
        np.eye(6)[[DISTRIBUTIONS.index("grouped")]],
        np.eye(9)[[MORPHOLOGIES.index("vascular")]],
    )
    new_d, new_m = make_admissible(p_d, p_m)
    np.testing.assert_array_equal(new_d, p_d)
    np.testing.assert_array_equal(new_m, p_m)


@given(_probabilities(6), _probabilities(9))
@settings(max_examples=150, deadline=None)
def test_vascular_is_read_where_it_is_probable_or_rails_are_seen(one_row_or_two, p_d, p_m):
    new_d, new_m = shown_probabilities(p_d, p_m, one_row_or_two)
    np.testing.assert_allclose(new_m.sum(axis=1), 1)
    for row, is_rails in enumerate((False, False, False, True)):
        word = new_m[row].argmax()
        assert is_admissible(DISTRIBUTIONS[new_d[row].argmax()], MORPHOLOGIES[word])
        if word == VASCULAR:
            assert is_rails or new_m[row, VASCULAR] >= MIN_PROBABILITY


def test_the_next_word_takes_half_of_the_excess(one_row_or_two):
    p = np.full((4, 9), 0.02)
    p[:, [0, VASCULAR]] = [[0.2, 0.66], [0.06, 0.8], [0.5, 0.36], [0.2, 0.66]]
    found = guarded(p, one_row_or_two)
    np.testing.assert_allclose(found[0, [0, VASCULAR]], 0.43)
    assert found[0].argmax() == 0
    np.testing.assert_array_equal(found[1:], p[1:])
    assert guarded(np.full((4, 9), np.nan), one_row_or_two).shape == (4, 9)


def test_rails_are_those_of_the_rules():
    rule = next(r for r in load_recognition().morphology if r.id == "morphology.vascular.rails")
    asked = {c.feature: [-np.inf, np.inf] for c in rule.conditions if c.comparison != "known"}
    for condition in rule.conditions:
        if condition.comparison != "known":
            asked[condition.feature][condition.comparison == "<="] = condition.value
    assert {name: tuple(limits) for name, limits in asked.items()} == RAILS
