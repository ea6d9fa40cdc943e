"""Described marks: another source's values on the same calcifications."""

import numpy as np
import pytest

from calcigram.lexicon import MORPHOLOGIES, Morphology
from calcigram.simulate.description import SECTION, describe, draw_description
from calcigram.simulate.generator import true_cluster
from calcigram.simulate.presets import Draw, Preset, load_preset


@pytest.fixture
def ranges() -> Preset:
    return load_preset("train")


def _drawn(ranges: Preset) -> Draw:
    rng = np.random.default_rng(4)
    tries = (draw_description(rng, Morphology.FINE_LINEAR, ranges) for _ in range(99))
    return next(drawn for drawn in tries if drawn is not None)


def test_every_form_has_ranges(ranges):
    assert {f"{SECTION}.{form}" for form in MORPHOLOGIES} <= set(ranges.sections)


def test_a_share_of_the_clusters_is_described(ranges):
    rng = np.random.default_rng(0)
    drawn = [draw_description(rng, Morphology.ROUND, ranges) for _ in range(2000)]
    share = np.mean([d is not None for d in drawn])
    assert share == pytest.approx(ranges.sections[SECTION]["share"].low, abs=0.04)


def test_a_preset_without_the_section_describes_nothing(ranges):
    bare = Preset("bare", {}, {k: v for k, v in ranges.sections.items() if k != SECTION}, "")
    assert draw_description(np.random.default_rng(0), Morphology.ROUND, bare) is None


def test_places_stay_and_the_marks_keep_their_ranges(ranges):
    rng = np.random.default_rng(1)
    truth = true_cluster(3, seed=5).truth
    drawn = _drawn(ranges)
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    np.testing.assert_array_equal(told.xy, truth.xy)
    assert (told.aspect >= 1).all()
    assert ((told.orientation_deg >= 0) & (told.orientation_deg < 180)).all()
    assert ((told.solidity > 0) & (told.solidity <= 1)).all()
    assert (told.outlines.contrast > 0).all()


def test_marks_lie_along_the_duct_in_about_the_share_that_is_asked(ranges):
    rng = np.random.default_rng(2)
    truth = true_cluster(3, seed=5).truth
    drawn = _drawn(ranges)
    direction = np.full(len(truth.table), 0.5)
    order = []
    for _ in range(300):
        turn = np.radians(describe(rng, truth, direction, drawn).orientation_deg - np.degrees(0.5))
        order.append(np.cos(2 * turn).mean() > 0.5)
    assert np.mean(order) == pytest.approx(drawn.along_share, abs=0.12)


def test_a_share_states_the_greatest_length_as_the_size(ranges):
    rng = np.random.default_rng(3)
    truth = true_cluster(3, seed=5).truth
    drawn = Draw(_drawn(ranges) | {"greatest_length_share": 1.0, "size_log_bias": 0.0})
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    np.testing.assert_allclose(told.diameter_mm, truth.diameter_mm * np.sqrt(told.aspect))
    drawn = Draw(drawn | {"greatest_length_share": 0.0, "mean_axis_share": 1.0})
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    assert (told.diameter_mm >= truth.diameter_mm).all()
    assert (told.diameter_mm <= truth.diameter_mm * np.sqrt(told.aspect)).all()


def test_sizes_stay_where_a_preset_says_nothing_of_them():
    drawn = _drawn(load_preset("bench_v1"))
    rng = np.random.default_rng(4)
    truth = true_cluster(3, seed=5).truth
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    np.testing.assert_array_equal(told.diameter_mm, truth.diameter_mm)
