"""Clusters for the feature tests: named degenerate ones and random ones."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import CATALOGUE
from calcigram.features.extract import extract_features


def make_set(points, **columns):
    points = [np.asarray(p, float).reshape(-1, 2) for p in points]
    offsets = np.cumsum([0, *(len(p) for p in points)])
    x, y = np.concatenate(points).T
    return ClusterSet.from_arrays(offsets, x, y, **columns)


@pytest.fixture(scope="session")
def cluster_of():
    """Make a set from a list of (n, 2) arrays."""
    return make_set


@pytest.fixture(scope="session")
def random_marks():
    """Draw every optional mark for n calcifications and C clusters."""

    def draw(rng, n, n_clusters):
        return {
            "diameter_mm": rng.lognormal(-1.4, 0.4, n),
            "aspect_ratio": 1 + rng.exponential(0.6, n),
            "orientation_deg": rng.uniform(0, 180, n) % 180,
            "solidity": rng.uniform(0.5, 1, n),
            "cnr": rng.lognormal(1.8, 0.5, n),
            "nipple_x_mm": rng.uniform(40, 60, n_clusters),
            "nipple_y_mm": rng.uniform(-20, 20, n_clusters),
            "breast_area_mm2": rng.uniform(5e3, 2e4, n_clusters),
        }

    return draw


@pytest.fixture(scope="session")
def point_sets():
    """Random and degenerate point sets by name."""
    rng = np.random.default_rng(7)
    t = np.linspace(0, 1, 40)
    sets = {
        "one": [[3.0, 4.0]],
        "two": [[0.0, 0.0], [1.0, 2.0]],
        "three": [[0.0, 0.0], [4.0, 0.0], [1.0, 2.0]],
        "identical": np.full((5, 2), 2.5),
        "two_identical": np.full((2, 2), 2.5),
        "collinear_exact": np.c_[np.arange(6.0), np.zeros(6)],
        "collinear_diagonal": np.c_[t * 30 + 50, t * 20 + 80],
        "duplicated": np.repeat(rng.normal(size=(6, 2)), 2, axis=0),
        "grid": np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), -1).reshape(-1, 2),
        "far": rng.normal(size=(25, 2)) * 8 + [4000.0, -3000.0],
        "arc": np.c_[20 * np.cos(2 * t), 20 * np.sin(2 * t)] + rng.normal(size=(40, 2)) * 0.1,
        "rails": np.c_[np.arange(40.0), np.where(np.arange(40) % 2, 1.0, -1.0)]
        + rng.normal(size=(40, 2)) * 0.1,
        "large": rng.normal(size=(600, 2)) * [30, 10],
    }
    for k, n in enumerate((3, 4, 5, 7, 9, 16, 33, 64, 120, 300)):
        sets[f"random_{n}"] = rng.normal(size=(n, 2)) * [12, 12 * (k + 1) / 10] + 70
    return {name: np.asarray(points, np.float32) for name, points in sets.items()}


@pytest.fixture(scope="session")
def twins():
    """The module of slow twins; test folders are no packages."""
    path = Path(__file__).with_name("twins.py")
    spec = importlib.util.spec_from_file_location("feature_twins", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def all_clusters(point_sets, random_marks):
    """Every point set with every mark; a fifth of the diameters is unknown."""
    rng = np.random.default_rng(11)
    points = list(point_sets.values())
    marks = random_marks(rng, sum(map(len, points)), len(points))
    marks["diameter_mm"][rng.random(len(marks["diameter_mm"])) < 0.2] = np.nan
    for k in (0, 1):
        marks[f"nipple_{'xy'[k]}_mm"] += [p[:, k].mean() for p in points]
    return make_set(points, **marks)


@pytest.fixture(scope="session")
def agree(all_clusters, point_sets):
    """Hold a family against its twin, given a function of a one-cluster set and its points.

    `ties` names, for features that depend on which of equal choices is taken, the point sets
    that leave such a choice.
    """
    features = extract_features(all_clusters, n_threads=1)

    def check(family, twin, *, rtol=2e-4, atol=2e-5, ties=None):
        expected = {}
        for k, name in enumerate(point_sets):
            one = all_clusters[k]
            points = np.c_[one.x_mm, one.y_mm].astype(float)
            with np.errstate(invalid="ignore"):
                expected[name] = twin(one, points)
        covered = {feature for values in expected.values() for feature in values}
        wrong = []
        for spec in CATALOGUE:
            if spec.family != family or spec.name not in covered:
                continue
            got = features.column(spec.name)
            want = np.array([values.get(spec.name, np.nan) for values in expected.values()])
            close = np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
            wrong += [
                f"{spec.name} of {name}: {got[k]} is not {want[k]}"
                for k, name in enumerate(expected)
                if not close[k] and name not in (ties or {}).get(spec.name, ())
            ]
        assert not wrong, "\n".join(wrong)
        return covered

    return check
