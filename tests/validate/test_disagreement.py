"""Causes of disagreement, on readings made up so that each cause is the only one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calcigram.features.extract import extract_features
from calcigram.lexicon import DISTRIBUTION_LABELS, DISTRIBUTIONS, MORPHOLOGIES
from calcigram.rules.engine import RuleReader
from calcigram.simulate import simulate
from calcigram.validate.disagreement import CAUSES, causes_of_disagreement, disagreements


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
