"""`run_batch` in one process: parts, resuming, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from calcigram import classify, extract_features, read_clusters, simulate
from calcigram.batch import run_batch
from calcigram.batch.storage import Storage
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError, ModelFileError
from calcigram.formats import write_clusters, write_table

PART = 60


def table(folder):
    return pyarrow.parquet.read_table(folder).to_pandas()


def expected_table(frame, path):
    write_table(frame, path)
    return pd.read_parquet(path)


@pytest.mark.parametrize("task", ["classify", "features"])
def test_parts_together_are_what_the_set_gives(tmp_path, folder, clusters, task):
    summary = run_batch(folder, tmp_path / "out", task=task, partition_clusters=PART)
    function = classify if task == "classify" else lambda c: extract_features(c).to_dataframe()
    expected = expected_table(function(clusters), tmp_path / "expected.parquet")
    pd.testing.assert_frame_equal(table(tmp_path / "out"), expected)
    assert (summary.n_parts, summary.n_clusters) == (4 + 3, 400)
    assert summary.n_review == (int(expected["review"].sum()) if task == "classify" else 0)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out", "expected.parquet"}


def test_simulated_parts_are_those_of_one_simulation(tmp_path):
    options = {"seed": 3, "grade": "hard"}
    run_batch(25, tmp_path / "out", task="simulate", partition_clusters=10, simulation=options)
    parts = sorted((tmp_path / "out").glob("*.parquet"))
    made = ClusterSet.concat([read_clusters(path) for path in parts])
    expected = simulate(25, **options)
    assert [len(read_clusters(path)) for path in parts] == [10, 10, 5]
    np.testing.assert_array_equal(made.x_mm, expected.x_mm)
    assert made.cluster_id.tolist() == expected.cluster_id.tolist()
    assert made.meta.mechanism.tolist() == expected.meta.mechanism.tolist()


class Stop(BaseException):
    """Ends a run as an interrupt does."""


def broken_off(source, output, after=3, **options):
    def stop(n_done, n_parts):
        if n_done == after:
            raise Stop

    with pytest.raises(Stop):
        run_batch(source, output, partition_clusters=PART, progress=stop, **options)


def test_resumed_does_only_the_missing_parts_with_the_same_bytes(tmp_path, folder, contents):
    run_batch(folder, tmp_path / "whole", partition_clusters=PART)
    broken_off(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    told = []
    summary = run_batch(
        folder,
        tmp_path / "out",
        partition_clusters=PART,
        resume=True,
        progress=lambda *numbers: told.append(numbers),
    )
    assert told == [(4, 7), (5, 7), (6, 7), (7, 7)]
    assert (summary.n_resumed, summary.n_clusters) == (3, 400)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    again = run_batch(folder, tmp_path / "out", partition_clusters=PART, resume=True)
    assert again == replace(summary, n_resumed=7)


def test_without_resume_all_is_done_anew(tmp_path, folder):
    broken_off(folder, tmp_path / "out", task="features")
    summary = run_batch(folder, tmp_path / "out", task="features", partition_clusters=PART)
    assert summary.n_resumed == 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"task": "classify"}, "model"),
        ({"skip_bad": True}, "skip_bad"),
        ({"partition_clusters": 90}, "n_parts"),
    ],
)
def test_other_options_are_refused(tmp_path, folder, changed, named):
    broken_off(folder, tmp_path / "out", task="features")
    options = {"task": "features", "partition_clusters": PART} | changed
    with pytest.raises(BadInputError, match=f"column '{named}'.*without --resume"):
        run_batch(folder, tmp_path / "out", resume=True, **options)


def test_other_input_is_refused_even_of_the_same_size(tmp_path, folder, clusters):
    broken_off(folder, tmp_path / "out", task="features")
    path = folder / "a.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="column 'files'"):
        run_batch(folder, tmp_path / "out", task="features", partition_clusters=PART, resume=True)


def test_an_output_that_is_there_stays_unless_it_may_be_replaced(tmp_path, folder):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    options = {"task": "features", "partition_clusters": PART}
    with pytest.raises(BadInputError, match="--overwrite"):
        run_batch(folder, tmp_path / "out", **options)
    with pytest.raises(BadInputError, match="made by calcigram batch"):
        run_batch(folder, tmp_path / "out", resume=True, **options)
    with pytest.raises(BadInputError, match="nothing else in it"):
        run_batch(folder, tmp_path / "out", overwrite=True, **options)
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def spoil(folder, clusters):
    cnr = clusters.cnr.copy()
    cnr[clusters.offsets[[5, 9]]] = -1
    write_clusters(replace(clusters, cnr=cnr), folder / "a.parquet")


def test_bad_input_is_named_and_leaves_nothing_behind(tmp_path, folder, clusters):
    spoil(folder, clusters)
    with pytest.raises(CalcigramError, match=r"a\.parquet, row 5, .*column 'cnr': got -1"):
        run_batch(folder, tmp_path / "out", partition_clusters=PART)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_skip_bad_writes_what_it_set_aside(tmp_path, folder, clusters):
    spoil(folder, clusters)
    summary = run_batch(folder, tmp_path / "out", partition_clusters=PART, skip_bad=True)
    rejects = pd.read_csv(tmp_path / "out" / "_rejects.csv", dtype=str)
    assert rejects.cluster_id.tolist() == clusters.cluster_id[[5, 9]].tolist()
    assert (summary.n_rejected, summary.n_clusters) == (2, len(clusters) + 170 - 2)
    assert len(table(tmp_path / "out")) == summary.n_clusters


def test_a_long_table_is_one_part(tmp_path, clusters):
    write_clusters(clusters[:90], tmp_path / "long.parquet", layout="long")
    summary = run_batch(
        tmp_path / "long.parquet", tmp_path / "out", task="features", partition_clusters=PART
    )
    assert (summary.n_parts, summary.n_clusters) == (1, 90)


def test_any_file_system_of_fsspec_serves(clusters, folder):
    memory = Storage("memory://calcigram_test")
    memory.remove()
    for path in folder.rglob("*.parquet"):
        memory.write(path.name, path.read_bytes())
    options = {"task": "features", "partition_clusters": PART}
    summary = run_batch("memory://calcigram_test", "memory://calcigram_out", **options)
    out = Storage("memory://calcigram_out")
    names = [path.rpartition("/")[2] for path in out.files()]
    assert names == ["_calcigram.json", *(f"part-{i:06}.parquet" for i in range(7))]
    assert summary.n_clusters == 400
    again = run_batch("memory://calcigram_test", out.url(), resume=True, **options)
    assert again.n_resumed == 7
    out.remove()
    memory.remove()


def test_a_worker_with_other_code_or_another_model_refuses(tmp_path, folder, monkeypatch):
    from calcigram.batch import work

    monkeypatch.setattr(work, "code_digest", lambda: "other")
    with pytest.raises(CalcigramError, match="has another calcigram"):
        run_batch(folder, tmp_path / "out", task="features", partition_clusters=PART)
    assert not (tmp_path / ".out.work").exists()


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("nowhere", {}, BadInputError, "a Parquet file, or a folder of them"),
        ("in", {"task": "guess"}, BadInputError, "one of classify, features, simulate"),
        ("in", {"task": "simulate"}, BadInputError, "a number of clusters"),
        (5, {}, BadInputError, "a number of clusters"),
        (0, {"task": "simulate"}, BadInputError, "a number of clusters"),
        ("in", {"partition_clusters": 0}, BadInputError, "at least 1 cluster"),
        ("in", {"model": "no_model"}, ModelFileError, "no model here"),
        ("in", {"dask": "tcp://127.0.0.1:1"}, BadInputError, "a Dask scheduler that answers"),
        ("no-such-protocol://x", {}, BadInputError, "a path or URL that fsspec opens"),
    ],
)
def test_bad_requests_write_nothing(tmp_path, folder, monkeypatch, source, options, error, message):
    from calcigram.batch import work as engines

    monkeypatch.setattr(engines, "CONNECT_S", 0.2)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        run_batch(source, "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_manifest_says_what_the_parts_were_made_from(tmp_path, folder):
    run_batch(folder, tmp_path / "out", task="features", partition_clusters=PART)
    manifest = json.loads((tmp_path / "out" / "_calcigram.json").read_text())
    assert manifest["task"] == "features"
    assert [len(file["sha256"]) for file in manifest["files"]] == [64, 64]


@pytest.mark.parametrize(
    "output",
    ["in", "in/out", ".", "in/a.parquet", "link", "hard.parquet", "in/../in", "../{name}"],
)
def test_an_output_that_overlaps_the_input_is_refused_and_the_input_stays(
    tmp_path, folder, monkeypatch, output
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "hard.parquet").hardlink_to(folder / "a.parquet")
    before = sorted(path.stat().st_size for path in folder.rglob("*"))
    for overwrite in (False, True):
        with pytest.raises(BadInputError, match="output"):
            run_batch("in", output.format(name=tmp_path.name), task="features", overwrite=overwrite)
    assert sorted(path.stat().st_size for path in folder.rglob("*")) == before


def test_an_output_in_which_the_input_lies_is_refused(tmp_path, folder):
    with pytest.raises(BadInputError, match="does not overlap"):
        run_batch(folder / "b", folder, task="features", overwrite=True)
    with pytest.raises(BadInputError, match="does not overlap"):
        run_batch(folder / "b", tmp_path, task="features", overwrite=True)


@pytest.mark.parametrize("foreign", ["mine.txt", ".hidden", "sub/deep.txt", "empty/", "part-1.csv"])
def test_only_an_output_of_batch_with_nothing_else_in_it_is_replaced(tmp_path, folder, foreign):
    options = {"task": "features", "partition_clusters": PART}
    run_batch(folder, tmp_path / "out", **options)
    run_batch(folder, tmp_path / "out", overwrite=True, **options)
    place = tmp_path / "out" / foreign
    if foreign.endswith("/"):
        place.mkdir()
    else:
        place.parent.mkdir(exist_ok=True)
        place.write_text("mine")
    with pytest.raises(BadInputError, match="nothing else in it"):
        run_batch(folder, tmp_path / "out", overwrite=True, **options)
    assert place.exists()
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) == 7


def test_a_file_or_a_folder_without_a_manifest_is_not_replaced(tmp_path, folder):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part-000000.parquet").write_text("mine")
    for name in ("file", "parts"):
        with pytest.raises(BadInputError, match="calcigram batch"):
            run_batch(folder, tmp_path / name, task="features", overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "parts" / "part-000000.parquet").read_text() == "mine"


def test_the_old_output_stays_until_the_new_one_is_whole(tmp_path, folder, contents):
    run_batch(folder, tmp_path / "out", task="features", partition_clusters=PART)
    before = contents(tmp_path / "out")
    broken_off(folder, tmp_path / "out", task="features", overwrite=True)
    assert contents(tmp_path / "out") == before


def test_two_runs_of_one_output_are_refused(tmp_path, folder):
    options = {"task": "features", "partition_clusters": PART}
    refused = []

    def start_another(n_done, n_parts):
        for more in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(BadInputError, match="no other process is writing"):
                run_batch(folder, tmp_path / "out", **options, **more)
            refused.append(more)

    summary = run_batch(folder, tmp_path / "out", progress=start_another, **options)
    assert len(refused) == 7 * 3
    assert (summary.n_clusters, len(table(tmp_path / "out"))) == (400, 400)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert not (tmp_path / "out" / ".lock").exists()


def test_what_a_run_that_was_killed_at_its_very_end_left_goes_with_the_next(
    tmp_path, folder, contents
):
    options = {"task": "features", "partition_clusters": PART}
    run_batch(folder, tmp_path / "out", **options)
    before = contents(tmp_path / "out")
    (tmp_path / "out" / ".lock").touch()
    assert len(pd.read_parquet(tmp_path / "out")) == 400  # passed over
    (tmp_path / ".out.work").mkdir()
    (tmp_path / ".out.work" / "part-000000.parquet").touch()
    assert run_batch(folder, tmp_path / "out", resume=True, **options).n_resumed == 7
    assert contents(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_part_that_vanishes_or_is_of_another_run_stops_the_job(tmp_path, folder):
    def lose_a_part(n_done, n_parts):
        if n_done == n_parts:
            (tmp_path / ".out.work" / "part-000002.parquet").unlink()

    options = {"task": "features", "partition_clusters": PART}
    with pytest.raises(CalcigramError, match="1 of 7 parts are missing"):
        run_batch(folder, tmp_path / "out", progress=lose_a_part, **options)
    assert not (tmp_path / "out").exists()
    assert run_batch(folder, tmp_path / "out", resume=True, **options).n_resumed == 6


def test_input_that_changes_meanwhile_is_refused(tmp_path, folder):
    def change(n_done, n_parts):
        if n_done < n_parts:
            return
        with open(folder / "b" / "c.parquet", "r+b") as file:
            file.seek(100)
            file.write(b"\0")

    with pytest.raises(BadInputError, match="do not change while they are read"):
        run_batch(folder, tmp_path / "out", task="features", progress=change)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_what_a_killed_run_left_half_written_is_no_part_of_the_output(tmp_path, folder, contents):
    options = {"task": "features", "partition_clusters": PART}
    run_batch(folder, tmp_path / "whole", **options)
    broken_off(folder, tmp_path / "out", task="features")
    work = tmp_path / ".out.work"
    (work / ".part-000005.parquet.01234567.part").write_text("half")
    part = work / "part-000001.parquet"
    part.write_bytes(part.read_bytes()[:-50])
    assert run_batch(folder, tmp_path / "out", resume=True, **options).n_resumed == 2
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_work_folders_in_the_input_are_no_input(tmp_path, folder):
    (folder / ".other.work").mkdir()
    (folder / "a.parquet").rename(folder / ".other.work" / "part-000000.parquet")
    assert run_batch(folder, tmp_path / "out", task="features").n_clusters == 170
