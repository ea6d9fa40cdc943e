"""The full evaluation: the same figures from the same seed, and a card that holds them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from calcigram import load_model, simulate
from calcigram.features.extract import extract_features
from calcigram.validate.full import STAGES, Plan, card_markdown, card_tables, full_evaluation
from calcigram.validate.trust import abstention_curve, coverage_by_word, known_truth

QUICK = ("trust", "outcomes")


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.mark.slow
def test_a_seed_gives_the_same_card(model):
    told = []
    found, again = (
        full_evaluation(model, Plan(60), stages=QUICK, progress=told.append) for _ in range(2)
    )
    assert told == [*QUICK, *QUICK]
    assert json.dumps(found, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert found["trust"] != full_evaluation(model, Plan(60, seed=1), stages=["trust"])["trust"]
    assert set(QUICK) <= set(STAGES)
    text = card_markdown(found)
    for caption, frame in card_tables(found).items():
        assert caption in text
        assert len(frame)
    assert any("Why the readers differ" in caption for caption in card_tables(found))


def test_coverage_and_abstention_equal_plain_counts(model):
    clusters = simulate(150, seed=8)
    features = extract_features(clusters)
    readings, truth = model.read(features), known_truth(clusters, features)
    table = coverage_by_word(readings, truth, clusters.n_calcifications).set_index(["axis", "word"])
    known = np.flatnonzero(truth["distribution"] >= 0)
    held = [readings.distribution_set[i, truth["distribution"][i]] for i in known]
    assert table.loc[("distribution", "all"), "coverage"] == pytest.approx(np.mean(held))
    few = known[clusters.n_calcifications[known] <= 8]
    assert table.loc[("distribution", "all, n <= 8"), "clusters"] == len(few)
    curve = abstention_curve(readings, truth).set_index(["axis", "read"])
    right = readings.distribution[known] == truth["distribution"][known]
    assert curve.loc[("distribution", 1.0), "accuracy"] == pytest.approx(right.mean())
    sure = readings.p_distribution.max(axis=1)[known] >= curve.loc[("distribution", 0.5), "least_probability"]  # fmt: skip
    assert curve.loc[("distribution", 0.5), "accuracy"] == pytest.approx(right[sure].mean(), abs=0.02)  # fmt: skip
