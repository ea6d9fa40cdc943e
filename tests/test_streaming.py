"""Files of clusters to one verdict table: whole or not at all, and the same as of the set."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from calcigram.classify import classify
from calcigram.crosscheck import VERDICT_COLUMNS
from calcigram.errors import BadInputError
from calcigram.formats import write_clusters
from calcigram.lexicon import AGREEMENTS
from calcigram.longtable import RepeatedRowsWarning
from calcigram.options import ReadOptions
from calcigram.streaming import classify_files

SKIP = ReadOptions(skip_bad=True)


@pytest.fixture
def model(sure_reader):
    return sure_reader


@pytest.fixture
def clusters(some_clusters):
    return some_clusters


def read_verdicts(path):
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype={"cluster_id": str})
    if path.suffix == ".json":
        return pd.read_json(path, dtype={"cluster_id": str})
    return pyarrow.parquet.read_table(path).to_pandas()


@pytest.mark.parametrize("source", ["a.csv", "a.parquet"])
@pytest.mark.parametrize("target", ["v.csv", "v.parquet", "v.json"])
def test_files_are_classified_as_the_set_is(tmp_path, model, clusters, source, target):
    write_clusters(clusters, tmp_path / source)
    done = []
    summary = classify_files(
        [tmp_path / source],
        tmp_path / target,
        model=model,
        batch_size=7,
        progress=done.append,
    )
    expected = classify(clusters, model)
    verdicts = read_verdicts(tmp_path / target)
    assert tuple(verdicts) == VERDICT_COLUMNS
    for name in VERDICT_COLUMNS:
        if pd.api.types.is_float_dtype(expected[name]):
            np.testing.assert_allclose(verdicts[name].astype(float), expected[name], rtol=1e-6)
        else:
            one, other = verdicts[name].astype(object), expected[name].astype(object)
            text = [["" if pd.isna(v) else v for v in column] for column in (one, other)]
            assert text[0] == text[1]
    assert done == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    assert summary.n_clusters == 60
    assert summary.n_review == int(expected.review.sum())
    known = expected.agreement.value_counts()
    assert summary.agreement == {str(word): int(known[word]) for word in AGREEMENTS} | {
        "unknown": int(expected.agreement.isna().sum())
    }
    assert (summary.n_rejected, summary.n_duplicates, summary.rejects) == (0, 0, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source, target])


def test_several_files_follow_one_another(tmp_path, model, clusters):
    write_clusters(clusters[:20], tmp_path / "b.csv")
    write_clusters(clusters[20:], tmp_path / "a.parquet")
    classify_files([tmp_path / "b.csv", tmp_path / "a.parquet"], tmp_path / "v.csv", model=model)
    ids = read_verdicts(tmp_path / "v.csv").cluster_id.tolist()
    assert ids == clusters.cluster_id.tolist()


def spoil(clusters, index, value=-1.0):
    cnr = np.ones(len(clusters.x_mm), np.float32)
    cnr[clusters.offsets[index]] = value
    return replace(clusters, cnr=cnr)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_bad_value_late_in_a_file_leaves_nothing_behind(tmp_path, model, clusters, name):
    write_clusters(spoil(clusters, 50), tmp_path / name)
    with pytest.raises(BadInputError, match="cluster '050', column 'cnr'"):
        classify_files(tmp_path / name, tmp_path / "v.csv", model=model, batch_size=10)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_skip_bad_writes_what_it_set_aside(tmp_path, model, clusters, name):
    write_clusters(spoil(clusters, 50), tmp_path / name)
    summary = classify_files(
        tmp_path / name, tmp_path / "v.csv", ReadOptions(skip_bad=True), model=model, batch_size=10
    )
    assert (summary.n_clusters, summary.n_rejected) == (59, 1)
    assert summary.rejects == tmp_path / "v.rejects.csv"
    rejects = pd.read_csv(summary.rejects, dtype=str)
    assert rejects.cluster_id.tolist() == ["050"]
    assert rejects.source.tolist() == [str(tmp_path / name)]
    assert rejects.column.tolist() == ["cnr"]


def test_a_named_file_of_rejects_is_written_though_empty(tmp_path, model, clusters):
    write_clusters(clusters, tmp_path / "a.csv")
    classify_files(
        tmp_path / "a.csv",
        tmp_path / "v.csv",
        ReadOptions(skip_bad=True),
        model=model,
        rejects=tmp_path / "r.csv",
    )
    assert (tmp_path / "r.csv").read_text() == "source,row,cluster_id,column,value,expected\n"


def test_repeated_rows_are_counted(tmp_path, model, clusters):
    write_clusters(clusters, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines(keepends=True)
    (tmp_path / "a.csv").write_text("".join([*lines, *lines[1:4]]))
    with pytest.warns(RepeatedRowsWarning, match="3 exactly repeated rows"):
        summary = classify_files(tmp_path / "a.csv", tmp_path / "v.csv", model=model)
    assert summary.n_duplicates == 3


def test_options_of_reading_are_passed_on(tmp_path, model, clusters):
    table = clusters.to_dataframe().rename(columns={"x_mm": "posX", "y_mm": "posY"})
    table.to_csv(tmp_path / "a.csv", index=False)
    classify_files(
        tmp_path / "a.csv",
        tmp_path / "v.csv",
        ReadOptions(columns={"x": "posX", "y": "posY"}, units="px", pixel_spacing=0.1),
        model=model,
    )
    assert len(read_verdicts(tmp_path / "v.csv")) == 60


@pytest.mark.parametrize(
    ("files", "output", "options", "message"),
    [
        ([], "v.csv", {}, "at least one file"),
        (["a.csv"], "v.txt", {}, r"ends in \.csv, \.parquet or \.json"),
        (["a.csv"], "a.csv", {}, "does not overlap"),
        (["a.csv"], "v.csv", {"rejects": "r.csv"}, "skip_bad where a file of rejects"),
        (["a.csv"], "v.csv", {"rejects": "v.csv", "options": SKIP}, "does not overlap"),
        (["a.csv"], "v.csv", {"rejects": "r.txt", "options": SKIP}, "ends in one of"),
        (["none.csv"], "v.csv", {}, "a file that can be read"),
        (["a.csv"], "no/v.csv", {}, "a folder .* that exists"),
    ],
)
def test_bad_requests_leave_nothing_behind(
    tmp_path, monkeypatch, model, clusters, files, output, options, message
):
    monkeypatch.chdir(tmp_path)
    write_clusters(clusters, "a.csv")
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises(BadInputError, match=message):
        classify_files(files, output, model=model, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == before
