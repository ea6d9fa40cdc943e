"""The clusters of the atlas: true to their label, at one scale, the same each time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from calcigram.atlas import atlas_entries, draw_schematic, draw_xray, specimens
from calcigram.features.extract import extract_features
from calcigram.lexicon import DISTRIBUTION_LABELS, MORPHOLOGY_LABELS, Distribution
from calcigram.rules.engine import RuleReader

BY_WORD = {str(entry.word): entry for entry in atlas_entries()}


def drawn(draw, specimen, **options):
    figure = Figure(figsize=(2, 2), dpi=100)
    draw(specimen, figure.add_axes((0, 0, 1, 1)), **options)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="raw")
    pixels = np.frombuffer(buffer.getvalue(), np.uint8).reshape(200, 200, 4)
    return pixels[..., :3].mean(axis=2)


@pytest.fixture(scope="module")
def pair():
    return specimens(BY_WORD["round"])


def test_both_are_shown_at_one_scale_and_whole(pair):
    sides = [specimen.high - specimen.low for specimen in pair]
    assert np.ptp(sides) < 1e-9
    for specimen in pair:
        assert (specimen.outlines >= specimen.low).all()
        assert (specimen.outlines <= specimen.high).all()


def test_the_image_covers_the_square_and_holds_the_calcifications(pair):
    for specimen in pair:
        image = specimen.image
        size = np.array(image.pixels.shape[::-1]) * image.spacing_mm[0]
        assert (specimen.low >= -1e-6).all()
        assert (specimen.high <= size + 1e-6).all()
        column, row = (np.array([specimen.cluster.x_mm, specimen.cluster.y_mm]) / image.spacing_mm[0]).astype(int)  # fmt: skip
        inside = image.pixels[row, column]
        assert np.median(inside) > np.median(image.pixels[specimen.labels == 0])


def test_the_two_pictures_show_the_same_place(pair):
    """What is dark in the schematic is bright in the X-ray image."""
    for specimen in pair:
        outlines, xray = drawn(draw_schematic, specimen), drawn(draw_xray, specimen)
        above = slice(0, 180)  # the scale bar is below
        is_calcified = outlines[above] < 60
        assert is_calcified.any()
        assert xray[above][is_calcified].mean() > xray[above][outlines[above] > 200].mean() + 40


def test_the_size_differs_and_little_else(pair):
    features = [extract_features(specimen.cluster) for specimen in pair]
    large, small = (one.column("diameter_median_mm")[0] for one in features)
    assert large > 0.5 > small


def test_contrast_is_measured_where_the_entry_names_it(pair):
    assert np.isnan(pair[0].cluster.cnr).all()
    example, mimic = specimens(BY_WORD["amorphous"])
    assert np.nanmedian(example.cluster.cnr) < np.nanmedian(mimic.cluster.cnr)


def test_the_guide_is_drawn_for_distributions(pair):
    plain = drawn(draw_schematic, pair[0])
    for guide in (Distribution.GROUPED, Distribution.LINEAR):
        assert (drawn(draw_schematic, pair[0], guide=guide) != plain).any()


def test_the_same_each_time(pair):
    again = specimens(BY_WORD["round"])
    for one, other in zip(pair, again, strict=True):
        np.testing.assert_array_equal(one.image.pixels, other.image.pixels)
        np.testing.assert_array_equal(one.outlines, other.outlines)


@pytest.mark.slow
@pytest.mark.parametrize("word", BY_WORD)
def test_the_rules_name_the_word_of_each_example(word):
    """The label is the simulator's; that the definitions' own thresholds agree makes it a typical one."""
    example, _ = specimens(BY_WORD[word])
    readings = RuleReader().read(extract_features(example.cluster))
    read = (
        DISTRIBUTION_LABELS[readings.distribution[0]],
        MORPHOLOGY_LABELS[readings.morphology[0]],
    )
    assert word in [str(label) for label in read]
