"""The same on a Dask cluster of two worker processes, one of which is killed."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from calcigram.batch import on_dask, run_batch
from calcigram.cli import main

pytestmark = pytest.mark.slow

PART = 20


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


def worker_pids(cluster):
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:
        return sorted(client.run(os.getpid).values())


def test_a_worker_killed_half_way_changes_nothing(tmp_path, folder, cluster, contents):
    run_batch(folder, tmp_path / "one", partition_clusters=PART)
    before = worker_pids(cluster)
    assert len(before) == 2
    killed = []

    def kill_one(n_done, n_parts):
        if n_done == n_parts // 2:
            os.kill(before[0], signal.SIGKILL)
            killed.append(n_done)

    summary = run_batch(
        folder,
        tmp_path / "two",
        partition_clusters=PART,
        dask=cluster.scheduler_address,
        progress=kill_one,
    )
    assert killed
    assert (summary.n_parts, summary.n_clusters) == (21, 400)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert not (tmp_path / ".two.work").exists()


@pytest.mark.parametrize("task", ["features", "simulate"])
def test_the_command_gives_what_one_process_gives(tmp_path, folder, cluster, contents, task):
    source = "50" if task == "simulate" else str(folder)
    common = ["--task", task, "--partition-clusters", str(PART)]
    for name, dask in (("one", []), ("two", ["--dask", cluster.scheduler_address])):
        assert main(["batch", source, str(tmp_path / name), *common, *dask]) == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_bad_input_stops_the_job(tmp_path, folder, cluster, capsys):
    (folder / "a.parquet").write_bytes(b"PAR1 but no more")
    arguments = ["batch", str(folder), str(tmp_path / "out"), "--dask", cluster.scheduler_address]
    assert main(arguments) == 2
    assert "an undamaged Parquet file" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_cross_validation_goes_to_the_workers(cluster, clusters):
    from sklearn.model_selection import cross_validate
    from sklearn.pipeline import make_pipeline

    from calcigram.features.transformer import ClusterFeatures
    from calcigram.model.estimator import CalcigramClassifier

    reader = make_pipeline(
        ClusterFeatures(), CalcigramClassifier(n_iterations=2, calibration_share=0, random_state=0)
    )
    truth = (
        clusters.meta.true_distribution.to_numpy().astype(str) == clusters.meta.true_distribution[0]
    )

    def accuracy(fitted, some, labels):
        return fitted.score(some, labels)

    def process(fitted, some, labels):
        return os.getpid()

    def scores(n_jobs):
        measures = {"accuracy": accuracy, "process": process}
        return cross_validate(reader, clusters, truth, cv=2, n_jobs=n_jobs, scoring=measures)

    with on_dask(cluster.scheduler_address):
        far = scores(2)
    assert set(far["test_process"]) <= set(worker_pids(cluster))
    assert far["test_accuracy"].tolist() == scores(1)["test_accuracy"].tolist()


def test_the_snippet_of_the_page_runs(tmp_path, folder, cluster, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    folder.rename("clusters")
    names = {}
    exec(snippet.replace("tcp://10.0.0.1:8786", cluster.scheduler_address), names)
    assert len(names["scores"]) == 3
    assert (tmp_path / "verdicts" / "_calcigram.json").exists()
