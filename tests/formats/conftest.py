"""Cluster sets to write and read back, how to compare them, and the builder of example files."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calcigram.clusters import CLUSTER_NAMES, POINT_NAMES, ClusterSet

DATA = Path(__file__).parents[1] / "data"


def _equal_bits(one, other):
    assert one.dtype == other.dtype == np.float32
    missing = np.isnan(one)
    np.testing.assert_array_equal(missing, np.isnan(other))
    np.testing.assert_array_equal(one[~missing].view(np.int32), other[~missing].view(np.int32))


@pytest.fixture
def assert_same():
    def check(one, other, *, meta=True):
        np.testing.assert_array_equal(one.offsets, other.offsets)
        assert one.cluster_id.tolist() == other.cluster_id.tolist()
        for name in (*POINT_NAMES, *CLUSTER_NAMES):
            _equal_bits(getattr(one, name), getattr(other, name))
        if meta:
            pd.testing.assert_frame_equal(one.meta, other.meta)

    return check


@pytest.fixture(scope="session")
def rich():
    """Clusters with every column, values missing here and there, and meta of every kind."""
    rng = np.random.default_rng(5)
    lengths = rng.integers(1, 9, 40)
    n = int(lengths.sum())

    def gappy(values):
        return np.where(rng.random(len(values)) < 0.2, np.nan, values)

    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(lengths)]),
        rng.normal(0, 30, n),
        rng.normal(0, 30, n),
        cluster_id=[f"{i:03}" for i in range(40)],
        diameter_mm=gappy(rng.lognormal(-1.5, 0.6, n)),
        aspect_ratio=gappy(1 + rng.exponential(1, n)),
        orientation_deg=gappy(rng.uniform(0, 180, n)),
        solidity=gappy(1 - rng.uniform(0, 0.9, n)),
        cnr=gappy(rng.exponential(20, n)),
        confidence=gappy(rng.random(n)),
        nipple_x_mm=gappy(rng.normal(0, 50, 40)),
        nipple_y_mm=gappy(rng.normal(0, 50, 40)),
        breast_area_mm2=gappy(rng.uniform(5e3, 2e4, 40)),
        meta={
            "group_id": [f"{i // 2:02}" for i in range(40)],
            "laterality": ["L" if i % 3 else None for i in range(40)],
            "code": [f"0{i}" for i in range(40)],
            "age": np.arange(40),
            "weight": gappy(rng.uniform(40, 90, 40)),
            "recalled": rng.random(40) < 0.5,
            "note": [['Brüste, "dicht"', "乳房\nzwei", None, " x "][i % 4] for i in range(40)],
        },
    )


@pytest.fixture(scope="session")
def examples():
    """The script that writes tests/data, as a module."""
    spec = importlib.util.spec_from_file_location("make_examples", DATA / "make_examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
