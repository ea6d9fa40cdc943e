"""The sealed generator makes what it says; no model, rule or feature reads its clusters here."""

import importlib.util
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from calcigram.clusters import MARK_NAMES
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES

N_CLUSTERS, SEED = 60, 20


def load(name):
    """Import a module of the package, which is no part of the installed project."""
    if "sealed_generator" not in sys.modules:
        path = Path(__file__).parents[1] / "benchmarks" / "sealed_generator" / "__init__.py"
        spec = importlib.util.spec_from_file_location("sealed_generator", path)
        sys.modules["sealed_generator"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["sealed_generator"])
    return importlib.import_module(f"sealed_generator.{name}")


assemble, definitions, forms, made = map(load, ("assemble", "definitions", "forms", "generate"))
marks, optics, solids = map(load, ("marks", "optics", "solids"))


@pytest.fixture(scope="module")
def clusters():
    return made.generate(N_CLUSTERS, SEED)


def points(clusters, i):
    rows = slice(clusters.offsets[i], clusters.offsets[i + 1])
    return np.column_stack([clusters.x_mm[rows], clusters.y_mm[rows]]).astype(float)


def same(a, b):
    marks_equal = all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True) for name in MARK_NAMES
    )
    return marks_equal and a.meta.equals(b.meta)


def test_every_admissible_pair_of_words_comes_up_and_no_other(clusters):
    pairs = set(zip(clusters.meta.true_distribution, clusters.meta.true_morphology, strict=True))
    assert pairs == ADMISSIBLE_PAIRS


def test_values_are_as_real_files_have_them(clusters):
    assert len(clusters) == N_CLUSTERS
    assert clusters.n_calcifications.min() >= 3
    assert clusters.n_calcifications.max() <= 150
    assert 0.5 < np.isfinite(clusters.nipple_x_mm).mean() < 0.9
    assert 0.4 < np.isfinite(clusters.breast_area_mm2).mean() < 0.8
    assert np.isnan(clusters.orientation_deg).any()
    assert np.isfinite(clusters.orientation_deg).mean() > 0.5
    known = clusters.diameter_mm[np.isfinite(clusters.diameter_mm)]
    assert known.min() > 0.04
    assert known.max() < 15
    assert clusters.meta.group_id.nunique() < N_CLUSTERS
    assert (clusters.meta.groupby("image_id").group_id.nunique() == 1).all()


def test_the_seed_decides_and_a_shorter_set_begins_a_longer_one(clusters):
    assert same(made.generate(9, SEED), clusters[:9])
    assert not same(made.generate(9, SEED + 1), clusters[:9])
    assert len(made.generate(0, SEED)) == 0


def test_extents_fit_the_words_as_far_as_they_are_told(clusters):
    for i, word in enumerate(clusters.meta.true_distribution):
        extent, area = pdist(points(clusters, i)).max(), float(clusters.breast_area_mm2[i])
        if word == "grouped":
            assert extent <= 20
        elif word in ("regional", "diffuse"):
            share = ConvexHull(points(clusters, i)).volume / area
            diffuse = extent > 60 if np.isnan(area) else share >= 0.5
            assert diffuse == (word == "diffuse")
            assert extent > 20


def test_definitions_hold_for_what_was_built():
    for cluster, _, _ in islice(made._clusters(SEED), N_CLUSTERS):
        breast, found = cluster.setting.breast, cluster.marks
        nipple_mm = optics.project(breast.nipple_mm[None])[0][0]
        assert definitions.holds(
            cluster.distribution,
            found.xy_mm,
            found.site,
            cluster.sites,
            nipple_mm,
            cluster.setting.area_mm2,
        )
        assert definitions.form_shows(cluster.morphology, found)
        if cluster.distribution == "branching":
            assert definitions.n_junctions_seen(found.xy_mm, found.site, cluster.sites) >= 1
        if cluster.distribution == "linear":
            assert len(cluster.sites.twigs) == 1


def test_a_line_is_not_taken_for_a_group_nor_a_wedge_that_points_away():
    rng = np.random.default_rng(0)
    line = np.column_stack([np.linspace(0, 15, 12), rng.normal(0, 0.2, 12)])
    cloud = rng.normal(0, 3, (12, 2))
    site, sites, nipple = np.arange(12), None, np.array([60.0, 0.0])
    assert not definitions.holds("grouped", line, site, sites, nipple, np.nan)
    assert definitions.holds("grouped", cloud, site, sites, nipple, np.nan)
    radius, angle = np.sqrt(rng.uniform(400, 3600, 80)), rng.uniform(-0.3, 0.3, 80)
    wedge = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    site = np.arange(80)
    assert definitions.holds("segmental", wedge, site, sites, np.zeros(2), np.nan)
    assert not definitions.holds("segmental", wedge, site, sites, np.array([80.0, 0]), np.nan)


def test_each_word_has_mechanisms_of_its_own():
    assert all(len(assemble.ARRANGEMENTS[word]) >= 2 for word in DISTRIBUTIONS)
    assert all(len(forms.MODELS[word]) >= 2 for word in MORPHOLOGIES)
    assert all(len(options) >= 2 for options in assemble.VESSELS.values())


def measured(batch):
    rng = np.random.default_rng(3)
    detector = optics.Detector(0.05, (0.6, 0.6), 60.0, 1e4, 0.0, 0.0)
    segmenter = marks.Segmenter(4.0, 0.3, 0.0, False, 3, 0.0)
    image = optics.take_image(rng, detector, [batch], int(batch.owner.max()) + 1)
    found = marks.find_marks(rng, image, 0.05, segmenter, int(batch.owner.max()) + 1)
    return found.take(found.site >= 0)


def test_a_ball_is_measured_as_a_ball_where_it_is():
    centre, half = np.array([[10.02, 20.01, 0.0]]), np.full((1, 3), 0.4)
    ball = measured(solids.ellipsoids(centre, half, np.eye(3)[None], np.array([0]), 1.0))
    assert len(ball) == 1
    assert ball.xy_mm[0] == pytest.approx(centre[0, :2], abs=0.03)
    assert ball.diameter_mm[0] == pytest.approx(0.8, rel=0.12)
    assert ball.aspect_ratio[0] < 1.15
    assert ball.solidity[0] > 0.95
    assert ball.cnr[0] > 30


def test_a_rod_lies_as_it_was_laid():
    way = np.array([[np.cos(np.radians(30)), np.sin(np.radians(30)), 0.0]])
    middle = np.array([[5.0, 6.0, 0.0]])
    rod = measured(
        solids.rods(middle - way, middle + way, np.full((1, 2), 0.15), np.array([0]), 1.0)
    )
    assert len(rod) == 1
    assert rod.orientation_deg[0] == pytest.approx(30, abs=3)
    assert 5 < rod.aspect_ratio[0] < 10


def test_touching_balls_merge_and_distant_ones_do_not():
    axes, half, owner = np.eye(3)[None].repeat(2, 0), np.full((2, 3), 0.3), np.arange(2)
    for gap_mm, n_marks in ((0.5, 1), (2.0, 2)):
        centre = np.array([[3.0, 3.0, 0.0], [3.0 + gap_mm, 3.0, 0.0]])
        assert len(measured(solids.ellipsoids(centre, half, axes, owner, 1.0))) == n_marks
