"""The rule reader: ideal shapes get their names, and columns equal one cluster at a time."""

from __future__ import annotations

import math
import operator
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import Features, extract_features
from calcigram.lexicon import (
    CONCERNS,
    DISTRIBUTION_LABELS,
    MORPHOLOGY_LABELS,
    is_admissible,
)
from calcigram.rules import RuleReader, load_recognition

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from clouds import clouds, share_right

sys.path.pop(0)

READER = RuleReader()
RULES = load_recognition()


def words(features: Features) -> tuple[str, str]:
    row = READER.read(features).to_dataframe().iloc[0]
    return row["distribution"], row["morphology"]


def disc(rng, n, diameter):
    radius, angle = diameter / 2 * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    return radius * np.cos(angle), radius * np.sin(angle)


def fork(rng, n, length):
    angle = np.radians([180, 40, -40])[np.arange(n) % 3]
    along = length * (0.02 + np.repeat(np.arange(n // 3), 3) / (n // 3))
    return along * np.cos(angle) + rng.normal(0, 0.1, n), along * np.sin(angle)


def arc(rng, n, radius):
    angle = np.linspace(0, np.pi * 0.9, n)
    return radius * np.cos(angle), radius * np.sin(angle) + rng.normal(0, 0.1, n)


def wedge(rng, n):
    radius = np.sqrt(100 + 2400 * rng.random(n))
    angle = np.radians(40 * (rng.random(n) - 0.5))
    return radius * np.cos(angle), radius * np.sin(angle)


SHAPES = {
    "grouped": lambda rng: disc(rng, 20, 12),
    "regional": lambda rng: disc(rng, 40, 35),
    "diffuse": lambda rng: disc(rng, 90, 100),
    "linear": lambda rng: (np.linspace(0, 20, 12), rng.normal(0, 0.2, 12)),
    "branching": lambda rng: fork(rng, 36, 15.0),
}


class TestIdealShapes:
    """Shapes that are what the lexicon defines, without noise that blurs them."""

    @pytest.mark.parametrize("word", SHAPES)
    def test_positions_alone_name_the_distribution_and_no_form(self, word):
        clusters = ClusterSet.concat(
            [
                ClusterSet.from_arrays([0, len(x)], x, y)
                for x, y in (SHAPES[word](np.random.default_rng(seed)) for seed in range(20))
            ]
        )
        table = READER.read(extract_features(clusters)).to_dataframe()
        assert (table["distribution"] == word).mean() >= 0.9
        assert (table["morphology"] == "unread").all()

    def test_a_bent_line(self):
        x, y = arc(np.random.default_rng(0), 40, 15)
        features = extract_features(ClusterSet.from_arrays([0, 40], x, y))
        assert words(features)[0] == "linear"

    def test_a_wedge_towards_a_known_nipple(self):
        x, y = wedge(np.random.default_rng(0), 60)
        nipple = {"nipple_x_mm": [0.0], "nipple_y_mm": [0.0]}
        features = extract_features(ClusterSet.from_arrays([0, 60], x, y, **nipple))
        assert words(features)[0] == "segmental"
        beside = {"nipple_x_mm": [35.0], "nipple_y_mm": [60.0]}
        features = extract_features(ClusterSet.from_arrays([0, 60], x, y, **beside))
        assert words(features)[0] == "regional"

    def test_the_breast_area_decides_diffuse_where_it_is_known(self):
        x, y = disc(np.random.default_rng(0), 90, 100)
        area = np.pi * 50**2
        for breast_area, word in ((1.2 * area, "diffuse"), (4 * area, "regional")):
            clusters = ClusterSet.from_arrays([0, 90], x, y, breast_area_mm2=[breast_area])
            assert words(extract_features(clusters))[0] == word

    def test_two_rails_are_a_vessel_only_where_particles_were_measured(self, make_features):
        two_rails = {"n_calcifications": 40, "rail_score": 0.5, "rail_separation_mm": 2.0}
        two_rails |= {"curve_length_mm": 50, "tortuosity": 1.2, "max_distance_mm": 45}
        assert words(make_features(**two_rails)) == ("linear", "unread")
        assert words(make_features(**two_rails, diameter_median_mm=0.3)) == ("linear", "vascular")

    @pytest.mark.parametrize(
        ("word", "diameter", "aspect", "solidity", "cnr"),
        [
            ("round", 0.8, 1.1, 0.97, 20),
            ("punctate", 0.25, 1.1, 0.97, 20),
            ("popcorn", 2.6, 1.3, 0.85, 30),
            ("rod_like", 1.4, 4.0, 0.97, 30),
            ("amorphous", 0.25, 1.3, 0.85, 3),
            ("coarse_heterogeneous", 0.8, 1.8, 0.8, 20),
            ("fine_pleomorphic", 0.3, 1.8, 0.8, 20),
            ("fine_linear", 0.4, 4.0, 0.85, 15),
        ],
    )
    @pytest.mark.parametrize("n_points", [1, 2, 20])
    def test_form(self, word, diameter, aspect, solidity, cnr, n_points):
        x, y = disc(np.random.default_rng(1), n_points, 15)
        marks = {"diameter_mm": diameter, "aspect_ratio": aspect, "solidity": solidity, "cnr": cnr}
        columns = {name: np.full(n_points, value) for name, value in marks.items()}
        features = extract_features(ClusterSet.from_arrays([0, n_points], x, y, **columns))
        assert words(features) == ("grouped" if n_points > 2 else "insufficient", word)


class TestMissing:
    def test_no_mark_leaves_the_form_unread(self, make_features):
        features = make_features(n_calcifications=9, max_distance_mm=8)
        assert words(features) == ("grouped", "unread")

    @pytest.mark.parametrize("missing", ["solidity_median", "aspect_median", "diameter_median_mm"])
    def test_a_form_that_needs_a_missing_outline_is_not_guessed(self, make_features, missing):
        marks = {"diameter_median_mm": 0.3, "aspect_median": 1.1, "solidity_median": 0.97}
        del marks[missing]
        features = make_features(n_calcifications=9, max_distance_mm=8, **marks)
        assert words(features) == ("grouped", "unread")

    @pytest.mark.parametrize("n_points", [0, 1, 2])
    def test_too_few_have_no_distribution_and_no_rule_for_it_fires(self, make_features, n_points):
        features = make_features(n_calcifications=n_points, max_distance_mm=8, diameter_max_mm=3)
        readings = READER.read(features)
        assert words(features) == ("insufficient", "popcorn")
        assert readings.evidence.tolist() == ["morphology.popcorn.large"]

    def test_nothing_known(self, make_features):
        readings = READER.read(make_features())
        assert words(make_features()) == ("unread", "unread")
        assert readings.evidence.tolist() == [""]
        assert readings.concern.tolist() == [-1]

    def test_no_clusters(self, make_features):
        assert len(READER.read(make_features(0))) == 0
        assert READER.near_misses(make_features(0)).empty


class TestReadings:
    def test_an_inadmissible_form_is_passed_over(self, make_features):
        # large particles in a line: popcorn fills no duct, so the next rule names the form
        line = {"n_calcifications": 9, "pca_axis_ratio": 0.1, "gap_ratio": 1.2}
        marks = {"diameter_max_mm": 2.4, "diameter_median_mm": 0.8}
        marks |= {"solidity_median": 0.8, "aspect_median": 1.5}
        assert words(make_features(**line, **marks)) == ("linear", "coarse_heterogeneous")

    def test_consequences_follow_from_the_words(self, make_features):
        features = make_features(2, n_calcifications=9, max_distance_mm=[8, 30], faint_share=0.9)
        table = READER.read(features).to_dataframe()
        assert table["distribution"].tolist() == ["grouped", "regional"]
        assert table["concern"].tolist() == ["intermediate", "intermediate"]
        assert table["origin"].tolist() == ["unknown", "lobular"]
        assert table["birads_concern"].tolist() == ["intermediate", "intermediate"]

    def test_rules_give_no_probabilities(self, make_features):
        readings = READER.read(make_features(3, n_calcifications=9, max_distance_mm=8))
        for values, width in (
            (readings.p_distribution, 6),
            (readings.p_morphology, 9),
            (readings.p_concern, len(CONCERNS)),
        ):
            assert values.shape == (3, width)
            assert np.isnan(values).all()

    def test_a_feature_that_is_not_there_is_named(self):
        features = Features(
            np.zeros((1, 1), np.float32), np.array(["a"], object), ("breast_share",)
        )
        with pytest.raises(BadInputError, match="n_calcifications"):
            READER.read(features)

    def test_a_value_at_the_threshold_counts_as_float32(self, make_features):
        features = make_features(n_calcifications=4, pca_axis_ratio=0.11, max_distance_mm=8)
        assert words(features)[0] == "linear"


OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def slow_word(rules, row: dict[str, float], axis: str, distribution: str = "") -> tuple[str, str]:
    """One cluster, one rule, one condition at a time."""
    for rule in rules:
        is_paired = axis == "morphology" and distribution in DISTRIBUTION_LABELS[:6]
        if is_paired and not is_admissible(distribution, rule.word):
            continue
        holds = []
        for condition in rule.conditions:
            value = row[condition.feature]
            if condition.comparison in ("known", "missing"):
                holds.append(math.isnan(value) == (condition.comparison == "missing"))
            else:
                limit = np.float32(condition.value)
                holds.append(
                    not math.isnan(value) and OPERATORS[condition.comparison](value, limit)
                )
        if all(holds):
            return rule.word, rule.id
    return "unread", ""


@st.composite
def feature_rows(draw):
    """Values around the thresholds, missing now and then."""
    around = {
        condition.feature: condition.value
        for rules in RULES.axes.values()
        for rule in rules
        for condition in rule.conditions
        if not math.isnan(condition.value)
    }
    row = dict.fromkeys(FEATURE_NAMES, math.nan)
    for name, value in around.items():
        factor = draw(st.sampled_from([0.0, 0.5, 0.95, 1.0, 1.05, 2.0, math.nan]))
        row[name] = float(np.float32(value) * np.float32(factor))
    row["nipple_distance_mm"] = draw(st.sampled_from([math.nan, 30.0]))
    row["n_calcifications"] = float(draw(st.sampled_from([1, 2, 3, 4, 6, 10, 20, 40])))
    return row


@settings(max_examples=60, deadline=None)
@given(st.lists(feature_rows(), min_size=1, max_size=8))
def test_columns_equal_the_slow_twin(rows):
    values = np.array([list(row.values()) for row in rows], np.float32)
    ids = np.array([str(i) for i in range(len(rows))], dtype=object)
    features = Features(values, ids, FEATURE_NAMES)
    readings = READER.read(features)
    for i, row in enumerate(rows):
        word, rule_id = slow_word(RULES.distribution, row, "distribution")
        if row["n_calcifications"] < 3:
            word, rule_id = "insufficient", ""
        form, form_id = slow_word(RULES.morphology, row, "morphology", word)
        assert DISTRIBUTION_LABELS[readings.distribution[i]] == word
        assert MORPHOLOGY_LABELS[readings.morphology[i]] == form
        assert readings.evidence[i] == "|".join(filter(None, (rule_id, form_id)))


@settings(max_examples=60, deadline=None)
@given(feature_rows())
def test_mending_a_near_miss_changes_the_reading_to_its_word(row):
    values = np.array([list(row.values())], np.float32)
    features = Features(values, np.array(["a"], object), FEATURE_NAMES)
    for miss in READER.near_misses(features).itertuples():
        assert 0 <= miss.relative_gap <= 0.1
        mended = values.copy()
        column = FEATURE_NAMES.index(miss.feature)
        limit = np.float32(miss.threshold)
        beyond = np.inf if ">" in miss.condition else -np.inf
        mended[0, column] = limit if "=" in miss.condition else np.nextafter(limit, beyond)
        after = READER.read(Features(mended, features.cluster_id, FEATURE_NAMES))
        fired = after.evidence[0].split("|")
        # another rule tried before it may ask the same of the same feature
        axis = miss.rule.partition(".")[0]
        order = [rule.id for rule in RULES.axes[axis]]
        (now,) = [rule for rule in fired if rule.startswith(axis)]
        assert order.index(now) <= order.index(miss.rule)


def two_groups(n_points, apart_mm, n_sets=200):
    """Features of pairs of round groups, their centres so far apart."""
    rng = np.random.default_rng(n_points)
    xy = rng.normal(0, 1.5, (n_sets, 2, n_points, 2))
    xy[:, 1, :, 0] += apart_mm
    offsets = np.arange(n_sets + 1) * 2 * n_points
    return extract_features(ClusterSet.from_arrays(offsets, *xy.reshape(-1, 2).T))


class TestGaps:
    @pytest.mark.parametrize("n_points", [4, 5, 6, 8, 10, 20])
    @pytest.mark.parametrize("apart_mm", [20, 30, 40])
    def test_two_groups_make_no_line(self, n_points, apart_mm):
        words = READER.read(two_groups(n_points, apart_mm)).to_dataframe()["distribution"]
        assert words.isin(["regional", "grouped"]).mean() > 0.95

    def test_two_groups_side_by_side_are_mostly_a_group(self):
        words = READER.read(two_groups(6, 12)).to_dataframe()["distribution"]
        assert (words == "grouped").mean() > 0.65

    def test_a_line_with_a_stray_or_of_two_dashes_is_a_line(self):
        dashes = np.r_[np.arange(0, 10.0), np.arange(11.0, 21.0)]
        stray = np.r_[np.arange(0, 20.0), 40.0]
        for x in (dashes, stray):
            row = ClusterSet.from_arrays([0, len(x)], x, 0.2 * np.sin(7 * x))
            words = READER.read(extract_features(row)).to_dataframe()["distribution"]
            assert words.tolist() == ["linear"]


def test_clouds_without_structure_are_named_by_their_extent():
    drawn = clouds(600, seed=9)
    assert share_right(READER.read(extract_features(drawn)), drawn)["all"] >= 0.98


class TestNearMisses:
    def test_one_condition_just_failed(self, make_features):
        features = make_features(
            2, n_calcifications=9, pca_axis_ratio=[0.26, 0.4], max_distance_mm=12, gap_ratio=1.2
        )
        (miss,) = READER.near_misses(features).to_dict("records")
        assert miss["cluster_id"] == "c0"
        assert miss["rule"] == "distribution.linear.straight"
        assert miss["word"] == "linear"
        assert miss["condition"] == "pca_axis_ratio <= 0.25"
        assert miss["value"] == pytest.approx(0.26)
        assert miss["threshold"] == 0.25
        assert miss["relative_gap"] == pytest.approx(0.04)

    def test_tolerance(self, make_features):
        features = make_features(
            n_calcifications=9, pca_axis_ratio=0.26, max_distance_mm=12, gap_ratio=1.2
        )
        assert READER.near_misses(features, tolerance=0.03).empty

    def test_a_rule_with_two_failures_or_a_missing_value_did_not_just_miss(self, make_features):
        two = make_features(n_calcifications=5, pca_axis_ratio=0.26, max_distance_mm=12)
        missing = make_features(n_calcifications=9, max_distance_mm=12)
        assert READER.near_misses(two).empty
        assert READER.near_misses(missing).empty

    def test_a_rule_after_the_deciding_one_is_not_listed(self, make_features):
        # regional would have fired with 20.5 mm, but grouped decided before it
        features = make_features(n_calcifications=9, max_distance_mm=19.5)
        assert READER.near_misses(features).empty
