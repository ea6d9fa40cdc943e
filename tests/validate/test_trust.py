"""Why readers differ; and what review is worth, counted by `benchmarks/review.py` on clusters of known truth."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calcigram.crosscheck.verdicts import UNSURE
from calcigram.features.extract import extract_features
from calcigram.lexicon import DISTRIBUTION_LABELS, DISTRIBUTIONS, MORPHOLOGIES
from calcigram.model import load_model
from calcigram.rules.engine import RuleReader
from calcigram.simulate import simulate
from calcigram.validate.trust import (
    CAUSES,
    causes_of_disagreement,
    disagreements,
)

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from review import THRESHOLDS, review_figures

sys.path.pop(0)


@pytest.fixture(scope="module")
def figures():
    return review_figures(load_model(), simulate(300, seed=21, preset="bench_v1"))


def test_more_reviews_catch_more(figures):
    assert [row["threshold"] for row in figures["curve"]] == list(THRESHOLDS)
    for name in ("reviewed", "caught", "caught_concern", "caught_by_probability"):
        values = [row[name] for row in figures["curve"]]
        assert values == sorted(values)
        assert 0 <= values[0] <= values[-1] <= 1


def test_each_reason_is_counted(figures):
    shares = {row["reason"]: row["clusters"] for row in figures["reasons"]}
    assert {"the two are opposed", "sources conflict"} <= set(shares)
    assert sum(shares.values()) >= next(
        r["reviewed"] for r in figures["curve"] if r["threshold"] == UNSURE
    )


@pytest.mark.slow
@pytest.mark.parametrize(("grade", "most"), [("typical", 0.33), ("easy", 0.28)])
def test_review_stays_worth_something(grade, most):
    from calcigram import classify

    assert classify(simulate(4000, seed=7, grade=grade, preset="bench_v1")).review.mean() <= most


@pytest.fixture(scope="module")
def features():
    return extract_features(simulate(200, seed=5, grade="easy"))


@pytest.fixture(scope="module")
def rules(features):
    return RuleReader().read(features)


def with_words(rules, distribution):
    """Return readings like the rules', of another distribution, sure of it."""
    n = len(rules)
    sets = np.zeros((n, len(DISTRIBUTIONS)), bool)
    sets[np.arange(n), np.minimum(distribution, len(DISTRIBUTIONS) - 1)] = True
    return replace(
        rules, distribution=distribution.astype(np.int8), distribution_set=sets,
        morphology_set=np.zeros((n, len(MORPHOLOGIES)), bool),
    )  # fmt: skip


def test_the_same_words_have_no_cause(features, rules):
    causes = causes_of_disagreement(rules, rules, features)
    assert set(causes["distribution"]) == set(causes["morphology"]) == {""}


def test_a_near_miss_is_told_and_a_far_one_is_real(features, rules):
    near = RuleReader().near_misses(features)
    near = near[near["rule"].str.startswith("distribution.")].drop_duplicates("cluster_id")
    place = {name: i for i, name in enumerate(features.cluster_id)}
    rows = near["cluster_id"].map(place).to_numpy()
    words = rules.distribution.copy()
    words[rows] = [DISTRIBUTION_LABELS.index(word) for word in near["word"]]
    causes = causes_of_disagreement(with_words(rules, words), rules, features)["distribution"]
    assert len(rows) > 3
    assert set(causes[rows]) <= {"near miss", "missing mark"}
    assert (np.delete(causes, rows) == "").all()
    # Diffuse is far from what was read as grouped.
    grouped = rules.distribution == DISTRIBUTIONS.index("grouped")
    diffuse = np.where(grouped, DISTRIBUTIONS.index("diffuse"), rules.distribution)
    model = with_words(rules, diffuse)
    causes = causes_of_disagreement(model, rules, features)["distribution"]
    no_area = np.isnan(features.column("breast_share"))  # a rule for diffuse asks for it
    assert (causes[grouped & no_area] == "missing mark").all()
    grouped &= ~no_area
    assert (causes[grouped] == "real").mean() > 0.9
    both = replace(model, distribution_set=np.ones_like(model.distribution_set))
    causes = causes_of_disagreement(both, rules, features)["distribution"]
    assert (causes[grouped] == "noise").mean() > 0.9


def test_an_unread_axis_is_a_missing_mark_and_counts_add_up(features, rules):
    bare = extract_features(simulate(200, seed=5, grade="easy").positions_only())
    unread = RuleReader().read(bare)
    truth = {"distribution": rules.distribution, "morphology": rules.morphology}
    table = disagreements(rules, unread, bare, truth).set_index(["axis", "cause"])
    forms = table.loc["morphology", "clusters"]
    assert list(forms.index) == list(CAUSES)
    assert forms["missing mark"] == forms.sum() == (rules.morphology != unread.morphology).sum()
    assert table.loc[("morphology", "missing mark"), "model_right"] == 1
