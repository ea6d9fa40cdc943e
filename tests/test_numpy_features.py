"""Every compiled feature equals the careful SciPy version: a second twin, which shares no code with it.

A float32 kernel and a float64 twin may part where a choice hangs on the last digit, so a share of
the clusters may differ, most where choices are equal by make:

* which of two stretches of the path or the curve is nearer, hence all of the curve;
* a side branch of exactly two median edges, a neighbour just as far as the last;
* between points at one place: the tree, the nearest neighbour, all that rests on them.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CLUSTERS_A_SHAPE = 40

RAILS = ("rail_score", "rail_between_share", "rail_mixing", "rail_separation_mm")
CURVE = (
    "curve_residual_mm", "curve_residual_median_mm", "curve_residual_ratio", "curve_length_mm",
    "tortuosity", "curve_turning_deg", "fork_gain",
)  # fmt: skip
TREE = (
    "path_members", "junction_angle_mean_deg", "junction_angle_sd_deg", "side_branch_member_share",
    "contact_share",
)  # fmt: skip

WIDENING = ("widening_axis", "widening_mean", "widening_max")
RTOL = dict.fromkeys(WIDENING, 0.02)
ATOL = dict.fromkeys(("ring_cv", "hull_eccentricity"), 1e-3) | dict.fromkeys(WIDENING, 0.03)
"""Where a root is taken of what two float32 sums leave of each other; else 1e-3 and 2e-4."""

FEW_MAY_DIFFER = 0.01


def _blob(rng, n):
    return rng.normal(size=(n, 2)) * rng.uniform(2, 12, 2)


def _line(rng, n):
    return np.c_[rng.uniform(0, 50, n), rng.normal(size=n) * rng.uniform(0.05, 1)]


def _arc(rng, n):
    turn = rng.uniform(0, rng.uniform(1, 5), n)
    radius = 20 + rng.normal(size=n) * rng.uniform(0.05, 1)
    return np.c_[radius * np.cos(turn), radius * np.sin(turn)]


def _fork(rng, n):
    arm, along = rng.integers(0, 3, n), rng.uniform(0, 20, n)
    turn = np.array([0.0, 2.4, 3.6])[arm] + rng.uniform(-0.2, 0.2)
    return np.c_[along * np.cos(turn), along * np.sin(turn)] + rng.normal(size=(n, 2)) * 0.3


def _rails(rng, n):
    apart = rng.uniform(0.5, 2)
    side = rng.choice([-apart, apart], n) + rng.normal(size=n) * 0.1
    return np.c_[rng.uniform(0, 40, n), side]


def _wedge(rng, n):
    radius, turn = 40 * np.sqrt(rng.uniform(0.05, 1, n)), rng.uniform(-0.3, 0.3, n)
    return np.c_[radius * np.cos(turn), radius * np.sin(turn)]


def _ring(rng, n):
    turn = rng.uniform(0, 2 * np.pi, n)
    return 8 * np.c_[np.cos(turn), np.sin(turn)] + rng.normal(size=(n, 2)) * 0.2


def _with_strays(rng, n):
    points = rng.normal(size=(n, 2)) * 3
    points[0] += rng.uniform(30, 60, 2)
    return points


def _few(rng, n):
    return rng.normal(size=(1 + n % 6, 2)) * 5


def _duplicates(rng, n):
    points = rng.normal(size=(2 + n // 6, 2)) * 5
    return points[rng.integers(0, len(points), n // 3)]


def _collinear(rng, n):
    turn = rng.uniform(0, 2 * np.pi)
    return rng.uniform(0, 30, (1 + n // 3, 1)) * [np.cos(turn), np.sin(turn)]


def _one_place(rng, n):
    return np.zeros((1 + n % 6, 2))


SHAPES = {
    "general": (_blob, _line, _arc, _fork, _rails, _wedge, _ring, _with_strays, _few),
    "duplicates": (_duplicates, _one_place),
    "collinear": (_collinear,),
}
MAY_DIFFER = {
    "general": {},
    "duplicates": dict.fromkeys((*RAILS, *CURVE, *TREE), 0.5) | {"curve_turning_deg": 1.0},
    "collinear": dict.fromkeys(RAILS, 0.2),
}
"""Shares of the clusters, by feature; else few."""


def _draw(rng, shapes):
    points = []
    for shape in shapes:
        for n in rng.integers(7, 121, CLUSTERS_A_SHAPE):
            turn = rng.uniform(0, 2 * np.pi)
            across = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
            points.append(shape(rng, n) @ across + rng.uniform(20, 100, 2))
    offsets = np.cumsum([0, *map(len, points)])
    n, c = offsets[-1], len(points)
    marks = {
        "diameter_mm": rng.lognormal(-1.4, 0.4, n),
        "aspect_ratio": 1 + rng.exponential(0.6, n),
        "orientation_deg": rng.uniform(0, 179.9, n),
        "solidity": rng.uniform(0.5, 1, n),
        "cnr": rng.lognormal(1.8, 0.5, n),
        "nipple_x_mm": rng.uniform(-60, 0, c),
        "nipple_y_mm": rng.uniform(-20, 60, c),
        "breast_area_mm2": rng.uniform(5e3, 2e4, c),
    }
    for values in marks.values():
        values[rng.random(len(values)) < 0.1] = np.nan
    return ClusterSet.from_arrays(offsets, *np.concatenate(points).T, **marks)


@pytest.fixture(scope="module")
def numpy_features():
    """Return the function; the folder of benchmarks is no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        from numpy_features import numpy_features
    return numpy_features


@pytest.mark.parametrize("kind", SHAPES)
def test_every_feature_equals_the_second_twin(numpy_features, kind):
    clusters = _draw(np.random.default_rng(23), SHAPES[kind])
    ours, theirs = extract_features(clusters, n_threads=1).values, numpy_features(clusters)
    wrong = []
    for k, name in enumerate(FEATURE_NAMES):
        close = np.isclose(
            ours[:, k], theirs[:, k], rtol=RTOL.get(name, 1e-3), atol=ATOL.get(name, 2e-4), equal_nan=True
        )  # fmt: skip
        if np.mean(~close) > MAY_DIFFER[kind].get(name, FEW_MAY_DIFFER):
            c = int(np.argmin(close))
            wrong.append(
                f"{name}: {np.mean(~close):.3f} of the clusters, e.g. {ours[c, k]} is not {theirs[c, k]} of {clusters.n_calcifications[c]}"
            )
    assert not wrong, "\n".join(wrong)


def test_it_computes_the_catalogue(numpy_features):
    clusters = _draw(np.random.default_rng(29), SHAPES["general"])
    values = numpy_features(clusters)
    assert values.shape == (len(clusters), len(FEATURE_NAMES))
    missing = [name for k, name in enumerate(FEATURE_NAMES) if np.isnan(values[:, k]).all()]
    assert not missing


def test_its_families_have_exactly_the_catalogues_names(numpy_features):
    clusters = _draw(np.random.default_rng(31), (_blob,))
    measure = sys.modules["numpy_features"].measure_columns
    chosen = np.argsort(clusters.n_calcifications, kind="stable")
    assert set(measure(clusters, chosen)) == set(FEATURE_NAMES)


def test_an_empty_cluster_has_no_spread(numpy_features):
    empty = ClusterSet.from_arrays([0, 0, 2], [0, 3], [0, 4])
    assert np.array_equal(
        numpy_features(empty), extract_features(empty).values.astype(float), equal_nan=True
    )
