"""What a person meets in a notebook: short reprs, pictures, keys, equality, other processes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import calcigram
from calcigram import ClusterSet, classify, explain, extract_features
from calcigram.errors import CalcigramError
from calcigram.longtable import TableWarning


@pytest.fixture(scope="module")
def clusters():
    return calcigram.simulate(30, seed=1)


@pytest.fixture(scope="module")
def things(clusters):
    """Return one of each object that calls at the top level return."""
    model, features = calcigram.load_model(), extract_features(clusters)
    readings = model.read(features)
    return {
        "clusters": clusters,
        "features": features,
        "model": model,
        "explanation": explain(clusters[0], changes=False),
        "readings": readings,
        "rulebook": calcigram.load_rulebook("article"),
        "evaluation": calcigram.evaluate(
            readings, clusters.meta["true_distribution"], n_boot=10
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["clusters", "features", "model", "explanation", "readings", "rulebook", "evaluation"],
)
def test_a_repr_is_one_short_line(name, things):
    assert len(repr(things[name])) <= 160
    assert "\n" not in repr(things[name])


def test_notebooks_get_tables_and_pictures(things, clusters):
    assert "<table" in things["clusters"]._repr_html_()
    assert "and 20 more" in things["clusters"]._repr_html_()
    assert "<table" in things["features"]._repr_html_()
    assert "<table" in things["model"]._repr_html_()
    assert "<table" in things["evaluation"]._repr_html_()
    assert things["explanation"]._repr_png_().startswith(b"\x89PNG")
    assert calcigram.plot_cluster(clusters[0])._repr_png_().startswith(b"\x89PNG")


def test_a_hostile_id_is_text_in_a_notebook():
    hostile = ClusterSet.from_arrays([0, 1], [0], [0], cluster_id=["<script>x</script>"])
    assert "<script>" not in hostile._repr_html_()


def test_a_cluster_is_found_by_its_id():
    clusters = ClusterSet.from_arrays(
        [0, 1, 3, 4], [0, 1, 2, 3], [0, 1, 2, 3], cluster_id=["A6", "A7", "A6"]
    )
    assert clusters["A7"].x_mm.tolist() == [1, 2]
    assert clusters["A6"].x_mm.tolist() == [0, 3]
    assert "A7" in clusters
    assert "B1" not in clusters


def test_an_unknown_id_is_named_with_those_like_it():
    clusters = ClusterSet.from_arrays([0, 1], [0], [0], cluster_id=["patient-7"])
    for kind in (KeyError, CalcigramError):
        with pytest.raises(kind, match=r"'patient7', expected .*did you mean 'patient-7'\?"):
            clusters["patient7"]


def test_equal_clusters_are_equal_and_hash_alike(clusters):
    again = calcigram.simulate(30, seed=1)
    assert again is not clusters
    assert again == clusters
    assert hash(again) == hash(clusters)
    assert len({again, clusters}) == 1
    nothing = clusters.positions_only()  # all NaN
    assert nothing == clusters.positions_only()
    assert nothing != clusters


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-1],
        lambda c: c[::-1],
        lambda c: c.without("cnr"),
        lambda c: ClusterSet.concat([c[:29], calcigram.simulate(1, seed=2)]),
        lambda c: "a set",
    ],
)
def test_what_differs_is_not_equal(change, clusters):
    assert clusters != change(clusters)


def test_meta_counts_and_how_it_is_stored_does_not():
    def with_meta(column):
        return ClusterSet.from_arrays([0, 1, 2], [0, 1], [0, 1], meta={"view": column})

    one = with_meta(["CC", None])
    assert one == with_meta(pd.Categorical(["CC", np.nan]))
    assert one != with_meta(["CC", "MLO"])
    assert hash(one) == hash(with_meta(pd.Categorical(["CC", np.nan])))
    zeros = [ClusterSet.from_arrays([0, 1], [z], [0]) for z in (0.0, -0.0)]
    assert zeros[0] == zeros[1]
    assert hash(zeros[0]) == hash(zeros[1])


def test_tables_of_numbers_only(clusters):
    features = extract_features(clusters).to_dataframe(index=True)
    marks = clusters.to_dataframe(index=True)
    for frame in (features, marks):
        assert frame.index.name == "cluster_id"
        assert all(kind.kind in "if" for kind in frame.dtypes)
        np.asarray(frame, dtype=float)
    assert features.index.tolist() == list(clusters.cluster_id)
    assert len(marks) == clusters.n_calcifications.sum()


def test_classify_takes_a_table_and_a_path(clusters, tmp_path):
    few = clusters[:4]
    expected = classify(few)
    pd.testing.assert_frame_equal(classify(few.to_dataframe()), expected)
    for name in ("few.csv", "few.parquet"):
        calcigram.write_clusters(few, tmp_path / name)
        found = classify(str(tmp_path / name))
        pd.testing.assert_series_equal(found["distribution"], expected["distribution"])
        assert len(classify(tmp_path / name)) == 4
    assert explain(few[:1].to_dataframe(), changes=False).cluster_id == few.cluster_id[0]


def test_classify_of_another_format_says_what_was_guessed():
    report = Path(__file__).parent / "data" / "mammography_cad_sr.dcm"
    with pytest.warns(TableWarning) as said:
        verdicts = classify(report)
    assert len(verdicts)
    assert all("mammography_cad_sr.dcm: " in str(warning.message) for warning in said)
    assert {warning.filename for warning in said} == {__file__}


@pytest.mark.parametrize("nonsense", [7, None, [1, 2]])
def test_classify_refuses_what_is_no_clusters(nonsense):
    with pytest.raises(CalcigramError, match="expected a ClusterSet, a table"):
        classify(nonsense)


def test_dir_is_the_interface():
    assert dir(calcigram) == sorted(calcigram.__all__)
    for name in ("evaluate", "plot_gallery", "write_report", "CalcigramClassifier"):
        assert name in calcigram.__all__
        assert callable(getattr(calcigram, name))


def test_the_package_is_pickled_by_name():
    cloudpickle = pytest.importorskip("cloudpickle")
    for dump in (pickle.dumps, cloudpickle.dumps):
        assert pickle.loads(dump(calcigram)) is calcigram
    assert copy.deepcopy(calcigram) is calcigram
    assert isinstance(calcigram, types.ModuleType)


WORKERS = """
import calcigram, calcigram.simulate.presets, joblib
from calcigram import ClusterSet
def number(seed):
    found = calcigram.classify(calcigram.simulate(2, seed=seed), n_threads=1)
    return len(found), callable(calcigram.simulate), isinstance(calcigram.simulate(1), ClusterSet)
if __name__ == "__main__":
    print(joblib.Parallel(2)(joblib.delayed(number)(seed) for seed in (1, 2)))
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as workers:
        with Client(workers) as client:
            print(client.gather(client.map(number, [1])))
"""


@pytest.mark.slow
def test_functions_of_a_notebook_run_in_other_processes(tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text(WORKERS)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str([(2, True, True)] * 2), str([(2, True, True)])]


def test_clusters_are_chosen_by_a_list_of_ids(clusters):
    names = [clusters.cluster_id[5], clusters.cluster_id[2]]
    assert clusters[names] == clusters[[5, 2]]
    assert repr(clusters[names[:1]]).startswith("<ClusterSet: 1 cluster, ")
    with pytest.raises(KeyError, match="nope"):
        clusters[[names[0], "nope"]]
