"""The recognition rules: the file is checked, and numbers said to follow from chance do."""

from __future__ import annotations

import math
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.features.catalogue import CATALOGUE, FEATURE_NAMES
from calcigram.features.extract import extract_features
from calcigram.lexicon import (
    DIFFUSE_MIN_BREAST_SHARE,
    DIFFUSE_MIN_MM,
    DISTRIBUTIONS,
    GROUPED_MAX_MM,
    MICRO_MACRO_LIMIT_MM,
    MORPHOLOGIES,
)
from calcigram.rules.engine import RuleReader
from calcigram.rules.recognition import load_recognition

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from clouds import SHAPES

sys.path.pop(0)

RULES = load_recognition()
ALL_CONDITIONS = [
    condition for rules in RULES.axes.values() for rule in rules for condition in rule.conditions
]


def threshold(rule_id: str, feature: str) -> float:
    axis = rule_id.partition(".")[0]
    (rule,) = [rule for rule in RULES.axes[axis] if rule.id == rule_id]
    return next(c.value for c in rule.conditions if c.feature == feature)


def test_every_word_can_be_named_and_ids_say_axis_and_word():
    assert {rule.word for rule in RULES.distribution} == set(DISTRIBUTIONS)
    assert {rule.word for rule in RULES.morphology} == set(MORPHOLOGIES)
    for axis, rules in RULES.axes.items():
        for rule in rules:
            assert rule.id.startswith(f"{axis}.{rule.word}.")


def test_every_feature_is_in_the_catalogue_in_the_same_unit():
    assert set(RULES.features) <= set(FEATURE_NAMES)
    units = {spec.name: spec.unit for spec in CATALOGUE}
    for condition in ALL_CONDITIONS:
        if not math.isnan(condition.value):
            assert condition.unit == units[condition.feature], condition


def test_the_numbers_of_the_lexicon_are_used():
    assert threshold("distribution.grouped.within_2cm", "max_distance_mm") == GROUPED_MAX_MM
    assert threshold("distribution.regional.over_2cm", "max_distance_mm") == GROUPED_MAX_MM
    assert threshold("distribution.diffuse.extent", "max_distance_mm") == DIFFUSE_MIN_MM
    share = threshold("distribution.diffuse.breast_share", "breast_share")
    assert share == DIFFUSE_MIN_BREAST_SHARE
    assert threshold("morphology.punctate.smooth", "diameter_median_mm") == MICRO_MACRO_LIMIT_MM


def test_widening_is_half_that_of_an_evenly_filled_wedge_of_20_degrees():
    # the mean distance from the axis of points even over the angle a is a / 4 of the radius
    slope = math.radians(20) / 4
    value = threshold("distribution.segmental.nipple", "nipple_wedge_slope")
    assert value == pytest.approx(slope / 2, abs=0.0005)
    assert threshold("distribution.segmental.wedge", "wedge_slope") == value


@pytest.mark.parametrize(
    ("rule", "n_points"),
    [("distribution.linear.straight", 6), ("distribution.linear.straight_few", 4)],
)
def test_chance_of_a_narrow_group_is_about_5_percent(rule, n_points):
    # Mauchly 1940, two dimensions: P(2 r / (1 + r^2) <= u) = u^(n - 2)
    ratio = threshold(rule, "pca_axis_ratio")
    assert threshold(rule, "n_calcifications") == n_points
    chance = (2 * ratio / (1 + ratio**2)) ** (n_points - 2)
    assert chance == pytest.approx(0.05, abs=0.005)


def null_share_over(feature: str, value: float, x, y) -> float:
    n_sets, n_points = x.shape
    clusters = ClusterSet.from_arrays(np.arange(n_sets + 1) * n_points, x.ravel(), y.ravel())
    return float(np.mean(extract_features(clusters).column(feature) >= value))


def test_chance_of_local_lines_and_of_a_wedge_is_about_5_percent():
    rng = np.random.default_rng(5)
    value = threshold("distribution.linear.curve", "local_linearity_8")
    assert null_share_over("local_linearity_8", value, *rng.normal(size=(2, 2000, 10))) < 0.07
    value = threshold("distribution.segmental.wedge", "wedge_correlation")
    assert null_share_over("wedge_correlation", value, *rng.normal(size=(2, 2000, 40))) < 0.08


def test_chance_of_all_that_a_wedge_asks_is_about_5_percent():
    n_points = int(threshold("distribution.segmental.wedge", "n_calcifications"))
    reader, shares = RuleReader(), []
    for draw in SHAPES.values():
        rng = np.random.default_rng(7)
        xy = np.concatenate([60 * draw(rng, n_points) for _ in range(1000)])
        clusters = ClusterSet.from_arrays(np.arange(1001) * n_points, *xy.T)
        words = reader.read(extract_features(clusters)).to_dataframe()["distribution"]
        shares.append((words == "segmental").mean())
    assert np.mean(shares) == pytest.approx(0.04, abs=0.015)


def test_chance_of_two_rails_is_about_5_percent():
    rng = np.random.default_rng(6)
    value = threshold("distribution.linear.rails", "rail_score")
    n_points = int(threshold("distribution.linear.rails", "n_calcifications"))
    x, y = rng.random((2, 2000, n_points))
    assert null_share_over("rail_score", value, 50 * x, 2 * y) < 0.07


TEXT = (resources.files("calcigram.rulebooks") / "recognition.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('word = "diffuse"', 'word = "difuse"', r"distribution 1\.word'.*got 'difuse'"),
        ("value = 0.5,", 'value = "0.5",', r"distribution 1\.condition 1\.value'.*finite number"),
        ("value = 0.5,", "value = nan,", r"condition 1\.value'.*finite number"),
        ("value = 0.5,", "value = true,", r"condition 1\.value'.*finite number"),
        ("value = 0.5,", "", r"condition 1\.value'.*finite number"),
        ('comparison = ">="', 'comparison = "=>"', r"condition 1\.comparison'.*got '=>'"),
        ('basis = "judgement", s', 'basis = "tuned", s', r"condition 1\.basis'.*got 'tuned'"),
        ('unit = "1", ', "", r"condition 1\.unit'"),
        ("diffuse.extent", "diffuse.breast_share", r"distribution 13\.id'.*once"),
        ('comparison = "missing"', 'comparison = "missing", value = 1', r"no value beside"),
        ('word = "popcorn"', 'word = "round"', r"morphology'.*none for popcorn"),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "recognition.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInputError, match=message):
        load_recognition(path)


def test_a_rule_without_conditions_is_refused(tmp_path):
    path = tmp_path / "recognition.toml"
    bare = '\n[[morphology]]\nid = "morphology.round.always"\nword = "round"\n'
    path.write_text(TEXT + bare, encoding="utf-8")
    with pytest.raises(BadInputError, match=r"at least one condition"):
        load_recognition(path)
