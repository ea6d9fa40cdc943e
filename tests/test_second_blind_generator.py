"""The second blind generator: the same again from a seed, balanced, true to its words."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from calcigram.clusters import MARK_NAMES, OPTIONAL_MARKS
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES, is_admissible

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
second_blind = importlib.import_module("second_blind")
breast = importlib.import_module("second_blind.breast")
lesion = importlib.import_module("second_blind.lesion")
mix = importlib.import_module("second_blind.mix")

N = 90


@pytest.fixture(scope="module")
def clusters():
    return second_blind.generate(N, seed=5)


def _draw(distribution: str, form: str, *, area_is_known: bool, seed: int = 0):
    """Draw until the disease leaves what its label says; return the breast and the picture."""
    rng = np.random.default_rng([seed, DISTRIBUTIONS.index(distribution)])
    while True:
        body = breast.draw_breast(rng, str(rng.choice(["CC", "MLO"])))
        drawn = lesion.draw_lesion(rng, body, distribution, form, area_is_known=area_is_known)
        if drawn is not None:
            return body, drawn[0], body.project(drawn[0].position)


def test_a_cluster_depends_on_seed_and_index_alone(clusters):
    again = second_blind.generate(12, seed=5)
    for name in MARK_NAMES:
        expected = getattr(clusters, name)[: again.offsets[-1]]
        np.testing.assert_array_equal(getattr(again, name), expected)
    assert again.meta.equals(clusters.meta[:12])
    assert not np.array_equal(second_blind.generate(1, seed=6).x_mm, clusters[0].x_mm)


def test_none_is_a_set_too():
    assert len(second_blind.generate(0, seed=1)) == 0


def test_labels_are_admissible(clusters):
    labels = zip(clusters.meta.true_distribution, clusters.meta.true_morphology, strict=True)
    assert all(is_admissible(distribution, form) for distribution, form in labels)


@pytest.mark.parametrize("seed", [0, 1, 99])
def test_labels_are_balanced_and_every_pair_occurs(seed):
    pairs = [mix.deal_pair(seed, index) for index in range(2000)]
    assert set(pairs) == set(ADMISSIBLE_PAIRS)
    for axis, words in enumerate((DISTRIBUTIONS, MORPHOLOGIES)):
        counts = [sum(pair[axis] == word for pair in pairs) for word in words]
        assert max(counts) - min(counts) < 0.02 * len(pairs)


def test_most_clusters_have_at_least_five_marks(clusters):
    assert (clusters.n_calcifications >= 5).mean() > 0.9
    assert clusters.n_calcifications.min() >= 3


def test_meta_and_what_is_missing(clusters):
    assert clusters.meta.groupby("group_id").size().max() == 2
    assert clusters.meta.image_id.is_unique
    assert set(clusters.meta.laterality) == {"L", "R"}
    assert (clusters.meta.mechanism.str.len() > 0).all()
    unknown = np.isnan(clusters.nipple_x_mm)
    assert 0.1 < unknown.mean() < 0.6
    np.testing.assert_array_equal(unknown, np.isnan(clusters.nipple_y_mm))
    for name in OPTIONAL_MARKS:  # a table has a column, or it has not
        for cluster in map(clusters.__getitem__, range(N)):
            missing = np.isnan(getattr(cluster, name))
            assert missing.all() or not missing.any()


def test_a_right_breast_looks_left():
    body = breast.draw_breast(np.random.default_rng(3), "CC")
    middle_x_mm = body.outline()[:, 0].mean()
    assert (body.nipple()[0] < middle_x_mm) == (body.laterality == "R")


@pytest.mark.parametrize("form", ["punctate", "popcorn"])
@pytest.mark.parametrize("area_is_known", [True, False])
def test_diffuse_regional_and_grouped_differ_in_extent(form, area_is_known):
    for seed in range(3):
        *_, place = _draw("grouped", form, area_is_known=area_is_known, seed=seed)
        assert pdist(place).max() <= 20
        body, _, place = _draw("regional", form, area_is_known=area_is_known, seed=seed)
        assert 20 < pdist(place).max() <= 60
        assert ConvexHull(place).volume < body.area_mm2() / 2
        body, _, place = _draw("diffuse", form, area_is_known=area_is_known, seed=seed)
        if area_is_known:
            assert ConvexHull(place).volume >= body.area_mm2() / 2
        else:
            assert pdist(place).max() > 60


@pytest.mark.parametrize("form", ["fine_linear", "vascular"])
def test_linear_is_one_path_and_branching_forks(form):
    _, sites, place = _draw("linear", form, area_is_known=True)
    assert len(sites.hosts) == 1
    assert not sites.junctions
    minor, major = np.linalg.eigvalsh(np.cov(place.T))
    assert minor < 0.1 * major
    _, sites, _ = _draw("branching", form, area_is_known=True)
    assert sites.junctions
    assert np.bincount(sites.host).min() >= 3


def test_segmental_broadens_away_from_the_nipple():
    for seed in range(3):
        body, _, place = _draw("segmental", "fine_pleomorphic", area_is_known=True, seed=seed)
        ray = place - body.nipple()
        distance = np.linalg.norm(ray, axis=1)
        angle = np.arctan2(*(ray @ _towards(ray.mean(axis=0))).T[::-1])
        assert np.degrees(np.ptp(np.quantile(angle, [0.1, 0.9]))) < 75
        side = distance * np.sin(angle)
        outer = distance > np.median(distance)
        assert side[outer].std() > side[~outer].std()


def _towards(ray: np.ndarray) -> np.ndarray:
    """Return the rotation whose first axis is `ray`."""
    x, y = ray / np.linalg.norm(ray)
    return np.array([[x, -y], [y, x]])


@pytest.mark.parametrize(
    ("form", "low_mm", "high_mm"),
    [("punctate", 0.15, 0.5), ("round", 0.45, 1.05), ("popcorn", 1.6, 6.0)],
)
def test_measured_sizes_are_those_of_the_form(clusters, form, low_mm, high_mm):
    fine = clusters[np.flatnonzero(clusters.meta.true_morphology == form)]
    medians = [np.median(fine[index].diameter_mm) for index in range(len(fine))]
    assert low_mm < np.nanmedian(medians) < high_mm
