from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calcigram import simulate
from calcigram.clusters import ClusterSet
from calcigram.formats import write_clusters

PART = 60


@pytest.fixture(scope="session")
def clusters():
    """400 clusters under different names."""
    some = simulate(40, seed=5, grade="mixed")
    return ClusterSet.concat(
        [
            replace(some, cluster_id=np.array([f"{k}-{i}" for i in some.cluster_id], object))
            for k in range(10)
        ]
    )


@pytest.fixture
def folder(tmp_path, clusters):
    """Two Parquet files, one in a folder of its own, in row groups of 20 clusters."""
    (tmp_path / "in" / "b").mkdir(parents=True)
    write_clusters(clusters[:230].batches(20), tmp_path / "in" / "a.parquet")
    write_clusters(clusters[230:].batches(20), tmp_path / "in" / "b" / "c.parquet")
    return tmp_path / "in"


@pytest.fixture
def contents():
    """Give a function from a folder to the bytes of each file in it."""

    def of(folder):
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    return of
