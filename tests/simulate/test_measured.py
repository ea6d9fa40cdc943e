"""Clusters as the product's detector measures them."""

import json

import numpy as np
import pytest

from calcigram import ClusterSet
from calcigram.formats.checkpoint import MANIFEST_FILE
from calcigram.simulate import measured
from calcigram.simulate.generator import true_cluster
from calcigram.simulate.measured import closed_up, marks_of, patch_of, simulate_measured


@pytest.fixture(scope="module")
def few():
    return simulate_measured(8, seed=3)


def test_true_labels_and_counts(few):
    clusters, n_dropped = few
    assert isinstance(clusters, ClusterSet)
    assert len(clusters) + n_dropped == 8
    assert 0 < n_dropped < 8
    for i in range(len(clusters)):
        name = clusters.cluster_id[i]
        true = true_cluster(int(name.split("-")[-1]), seed=3)
        row = clusters.meta.iloc[i]
        assert row["true_distribution"] == true.arrangement.label
        assert row["true_morphology"] == true.particle.label
        assert row["group_id"] == true.patient
        assert row["grade"] == "measured"
    assert clusters.n_calcifications.min() >= 3
    assert not np.isnan(clusters.diameter_mm).any()


def test_the_same_each_time_and_wherever_it_starts(few):
    again = simulate_measured(3, seed=3, start=3).clusters
    names = list(few.clusters.cluster_id)
    for i, name in enumerate(again.cluster_id):
        before = few.clusters[names.index(name)]
        assert np.array_equal(before.x_mm, again[i].x_mm)
        assert np.array_equal(before.cnr, again[i].cnr, equal_nan=True)


@pytest.mark.parametrize("index", [3, 4])  # one diffuse, one regional
def test_marks_return_to_where_they_were(index):
    patch = patch_of(index, seed=3)
    marks, detection = marks_of(patch)
    assert len(marks) > 10
    away = np.hypot(*(marks[:, None, :2] - patch.cluster.truth.xy).transpose(2, 0, 1)).min(axis=1)
    assert np.median(away) < 0.3
    assert away.max() <= measured.LINK_MM + 1e-3
    assert len(detection.table) >= len(marks)


@pytest.mark.parametrize("index", range(6))
def test_parts_keep_their_own_layout_and_their_distance(index):
    truth = true_cluster(index, seed=3).truth
    closed = closed_up(truth)
    before, after = (np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1)) for xy in (truth.xy, closed))
    close = before < measured.GAP_MM  # centres are no closer than outlines
    assert after[close] == pytest.approx(before[close], abs=1e-9)
    assert np.ptp(closed, axis=0).prod() <= np.ptp(truth.xy, axis=0).prod() * 2 + 100
    assert after[~close].min(initial=np.inf) >= measured.GAP_MM - 1e-9


def test_a_small_cluster_stays_as_it_is():
    truth = true_cluster(2, seed=3).truth  # three rods close together
    closed = closed_up(truth, gap_mm=10.0)
    assert closed - closed[0] == pytest.approx(truth.xy - truth.xy[0])


def test_a_cache_is_used_and_tells_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "PART", 2)
    first = simulate_measured(5, seed=3, cache=tmp_path)
    (folder,) = tmp_path.iterdir()
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    assert manifest["seed"] == 3
    assert manifest["recipe"] == measured.RECIPE
    parts = sorted(p.name for p in folder.glob("*.parquet"))
    assert parts == ["measured-0-2.parquet", "measured-2-4.parquet", "measured-4-5.parquet"]
    monkeypatch.setattr(measured, "_one", None)  # nothing is measured again
    again = simulate_measured(5, seed=3, cache=tmp_path)
    assert again.n_dropped == first.n_dropped
    assert np.array_equal(again.clusters.x_mm, first.clusters.x_mm)
    assert list(again.clusters.cluster_id) == list(first.clusters.cluster_id)
    assert list(again.clusters.meta["true_morphology"]) == list(
        first.clusters.meta["true_morphology"]
    )


def test_another_seed_has_another_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "_one", lambda index, **options: None)
    for seed in (1, 2):
        assert simulate_measured(3, seed=seed, cache=tmp_path).n_dropped == 3
    assert len(list(tmp_path.iterdir())) == 2


def test_progress_and_processes(monkeypatch):
    monkeypatch.setattr(measured, "PART", 1)
    told = []
    two = simulate_measured(2, seed=3, progress=lambda done, n: told.append((done, n)), n_jobs=2)
    assert told == [(1, 2), (2, 2)]
    assert len(two.clusters) + two.n_dropped == 2
