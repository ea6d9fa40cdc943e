"""The generator of mammograms makes what it says; no detector reads its images here."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from calcigram.lexicon import ADMISSIBLE_PAIRS, MORPHOLOGIES

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from rendered_images import CONTENTS, Recipe, recipes, render
from rendered_images.anatomy import make_breast
from rendered_images.image import pair_of
from rendered_images.sites import DISTRIBUTIONS, make_sites
from rendered_images.solids import draw, make_solid
from rendered_images.tissue import power_law

sys.path.pop(0)

SMALL = (600, 500)


@pytest.fixture(scope="module")
def breasts():
    rng = np.random.default_rng(5)
    return [make_breast(rng, (150.0, 120.0), view) for view in ("CC", "MLO")]


def test_equal_recipes_give_equal_images_and_splits_differ():
    recipe = Recipe("development", "cluster", 3, "easy", 0.2, SMALL)
    one, two = render(recipe), render(recipe)
    np.testing.assert_array_equal(one.mammogram.pixels, two.mammogram.pixels)
    assert one.marks.equals(two.marks)
    other = render(Recipe("acceptance", "cluster", 3, "easy", 0.2, SMALL))
    assert not np.array_equal(one.mammogram.pixels, other.mammogram.pixels)


@pytest.mark.parametrize("content", CONTENTS)
def test_image_and_truth_agree(content):
    made = render(Recipe("development", content, 1, "typical", 0.2, SMALL))
    pixels = made.mammogram.pixels
    assert pixels.shape == made.labels.shape == SMALL
    assert pixels.min() >= 0
    assert pixels.max() <= 16383
    assert (len(made.marks) == 0) == (content in ("normal", "vessels"))
    assert set(made.clusters.columns) == {"cluster", "distribution", "morphology", "walls"}
    for mark in made.marks.itertuples():
        row, column = int(mark.y_mm / 0.2), int(mark.x_mm / 0.2)
        near = made.labels[max(0, row - 15) : row + 16, max(0, column - 15) : column + 16]
        assert (near > 0).any()
    assert set(np.unique(made.labels)) - {0} <= set(made.marks["mark"])


def test_calcium_is_brighter_than_what_is_around_it():
    for index in range(0, 27, 3):  # presentation and processing, left and right
        made = render(Recipe("development", "cluster", index, "easy", 0.15, (900, 700)))
        smooth = gaussian_filter(made.mammogram.pixels, 12)
        excess = (made.mammogram.pixels - smooth)[made.labels > 0]
        assert np.median(excess) > 0


def test_pairs_come_in_turn():
    pairs = [pair_of(index) for index in range(9 * 12)]
    assert set(pairs) <= {(str(a), str(b)) for a, b in ADMISSIBLE_PAIRS}
    assert len({distribution for distribution, _ in pairs}) == 6
    assert {
        form: sum(form == other for _, other in pairs) for form in MORPHOLOGIES
    } == dict.fromkeys(MORPHOLOGIES, 12)
    assert [recipe.index for recipe in recipes("development", "normal", 3, start=7)] == [7, 8, 9]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_distributions_meet_their_definitions(distribution, breasts):
    rng = np.random.default_rng(8)
    for form in ("punctate", "coarse_heterogeneous", "rod_like"):
        for breast in breasts:
            points, headings, _ = make_sites(rng, breast, distribution, form)
            extent, hull = pdist(points).max(), ConvexHull(points).volume
            assert len(points) == len(headings) >= 5
            assert breast.holds(*points.T, 1.5).all()
            if distribution == "grouped":
                assert extent <= 20
            elif distribution == "regional":
                assert extent > 20
                assert hull < 0.5 * breast.area_mm2
            elif distribution == "diffuse":
                assert hull >= 0.5 * breast.area_mm2
            elif distribution == "linear":
                singular = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
                assert singular[0] > 3 * singular[1]
            elif distribution == "segmental":
                away = np.hypot(*(points - breast.nipple_mm).T)
                assert np.ptp(away) > 15


@pytest.mark.parametrize(
    ("form", "low_mm", "high_mm"),
    [
        ("round", 0.45, 1.05), ("punctate", 0.15, 0.5), ("popcorn", 1.3, 4.5), ("coarse_heterogeneous", 0.4, 1.2),
        ("fine_pleomorphic", 0.1, 0.55), ("amorphous", 0.15, 0.6),
    ],
)  # fmt: skip
def test_forms_have_their_size(form, low_mm, high_mm):
    rng = np.random.default_rng(3)
    for _ in range(30):
        drawn = draw(make_solid(rng, form, 0.0, (1, 1)), 20.03, 20.01, (400, 400), 0.1)
        diameter = 2 * np.sqrt(drawn.area_mm2 / np.pi)
        assert low_mm <= diameter <= high_mm
        assert drawn.within.any()
        assert abs(drawn.x_mm - 20.03) < diameter


def test_thin_lines_are_thin_and_rods_are_not():
    rng = np.random.default_rng(4)
    for form, low, high in (
        ("fine_linear", 0.05, 0.4),
        ("rod_like", 0.4, 1.0),
        ("vascular", 0.05, 0.4),
    ):
        for _ in range(10):
            drawn = draw(make_solid(rng, form, 0.7, (1, 1)), 20, 20, (800, 800), 0.05)
            assert low <= drawn.calcium_mm.max() <= high


def test_calcium_of_a_ball_has_its_volume():
    from rendered_images.solids import Solid, ellipsoid

    thickness, reach = ellipsoid(0.5, 0.5, 0.5, 0.0)
    drawn = draw(Solid(thickness, reach, 1.0), 10.02, 10.05, (200, 200), 0.1)
    assert drawn.calcium_mm.sum() * 0.01 == pytest.approx(4 / 3 * np.pi * 0.125, rel=0.01)
    assert (drawn.x_mm, drawn.y_mm) == pytest.approx((10.02, 10.05), abs=0.01)
    assert draw(Solid(thickness, reach, 1.0), 0.2, 10.0, (200, 200), 0.1) is None


@pytest.mark.parametrize("exponent", [2.5, 3.0])
def test_tissue_has_its_spectrum(exponent):
    field = power_law(np.random.default_rng(1), (512, 512), 0.1, exponent)
    power = np.abs(np.fft.rfft2(field)) ** 2
    f = np.hypot(np.fft.fftfreq(512, 0.1)[:, None], np.fft.rfftfreq(512, 0.1))
    bands = [(0.1, 0.2), (0.2, 0.4), (0.4, 0.8), (0.8, 1.6), (1.6, 3.2)]
    means = [np.log2(power[(f >= a) & (f < b)].mean()) for a, b in bands]
    assert np.polyfit(np.arange(len(bands)), means, 1)[0] == pytest.approx(-exponent, abs=0.25)
