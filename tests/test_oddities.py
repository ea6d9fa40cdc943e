"""Oddities and novelty: what is no cluster is told, with its words; ordinary clusters are not."""

import numpy as np
import pytest

from calcigram.clusters import ClusterSet
from calcigram.crosscheck import crosscheck
from calcigram.features.extract import extract_features
from calcigram.oddities import ODDITIES, find_oddities
from calcigram.rules.engine import RuleReader
from calcigram.simulate import simulate
from calcigram.validate.impostors import impostors

TOLD = {
    "grid": ("even", 0.95),
    "ring": ("ring", 0.9),
    "letters": ("even", 0.6),
    "dead_row": ("row", 0.95),
    "dust": ("dust", 0.7),
    "two_in_one": ("two", 0.75),
    "pixels": ("pixels", 0.8),
    "pixels_positions": ("pixels", 0.75),
    "metres": ("metres", 0.95),
}


@pytest.fixture(scope="module")
def ordinary():
    return simulate(160, seed=71, grade="mixed")


@pytest.mark.parametrize("kind", TOLD)
def test_impostors_are_told_by_what_they_are(kind, ordinary):
    strange = impostors(kind, ordinary, seed=4)
    found = find_oddities(strange, extract_features(strange))
    word, share = TOLD[kind]
    assert (found.codes == list(ODDITIES).index(word)).mean() >= share


def test_two_groups_of_six_twelve_mm_apart_are_two():
    rng = np.random.default_rng(0)
    half = rng.normal(0, 1, (50, 12, 2))
    half[:, 6:, 0] += 12
    clusters = ClusterSet.from_arrays(np.arange(51) * 12, *half.reshape(-1, 2).T)
    found = find_oddities(clusters, extract_features(clusters)).tolist()
    assert np.mean([word == ODDITIES["two"] for word in found]) >= 0.9


def test_ordinary_clusters_are_left_alone(ordinary):
    assert (find_oddities(ordinary, extract_features(ordinary)).codes >= 0).mean() <= 0.04


def test_turning_changes_no_finding_but_that_of_upright_things(ordinary):
    strange = impostors("ring", ordinary[:60], seed=5)
    turned = ClusterSet.from_arrays(strange.offsets, -strange.y_mm, strange.x_mm)
    plain = ClusterSet.from_arrays(strange.offsets, strange.x_mm, strange.y_mm)
    found = [find_oddities(c, extract_features(c)).codes for c in (plain, turned)]
    assert (found[0] == found[1]).mean() > 0.95


def test_it_says_so_in_words_and_asks_for_review(ordinary):
    strange = impostors("ring", ordinary[:20], seed=6)
    features = extract_features(strange)
    readings = RuleReader().read(features)
    verdicts = crosscheck(readings, readings, find_oddities(strange, features))
    ring = verdicts["reason"].str.contains("on a circle with nothing inside")
    assert ring.mean() > 0.8
    assert verdicts.loc[ring, "review"].all()
    assert verdicts.loc[ring, "unlike_training"].all()
    assert (verdicts.loc[ring, "novelty"] == 1).all()


def test_few_points_and_none():
    few = ClusterSet.from_arrays([0, 0, 1, 4], np.arange(4.0), np.zeros(4))
    assert find_oddities(few, extract_features(few)).tolist() == [None] * 3
