"""Described marks: another source's values on the same calcifications."""

import numpy as np
import pytest

from calcigram.lexicon import MORPHOLOGIES, Morphology
from calcigram.simulate.description import SECTION, describe, draw_description
from calcigram.simulate.generator import true_cluster
from calcigram.simulate.presets import Preset, load_preset


@pytest.fixture
def ranges() -> Preset:
    return load_preset("train")


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


def test_sizes_and_places_stay_and_the_marks_keep_their_ranges(ranges):
    rng = np.random.default_rng(1)
    truth = true_cluster(3, seed=5).truth
    drawn = ranges.draw(f"{SECTION}.fine_linear", rng)
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    np.testing.assert_array_equal(told.xy, truth.xy)
    np.testing.assert_array_equal(told.diameter_mm, truth.diameter_mm)
    assert (told.aspect >= 1).all()
    assert ((told.orientation_deg >= 0) & (told.orientation_deg < 180)).all()
    assert ((told.solidity > 0) & (told.solidity <= 1)).all()
    assert (told.outlines.contrast > 0).all()


def test_marks_lie_along_the_duct_in_about_the_share_that_is_asked(ranges):
    rng = np.random.default_rng(2)
    truth = true_cluster(3, seed=5).truth
    drawn = ranges.draw(f"{SECTION}.fine_linear", rng)
    direction = np.full(len(truth.table), 0.5)
    order = []
    for _ in range(300):
        turn = np.radians(describe(rng, truth, direction, drawn).orientation_deg - np.degrees(0.5))
        order.append(np.cos(2 * turn).mean() > 0.5)
    assert np.mean(order) == pytest.approx(drawn.along_share, abs=0.12)
