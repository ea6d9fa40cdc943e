import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from calcigram.columns import Words
from calcigram.errors import BadInputError
from calcigram.formats import table_writer, write_table
from calcigram.formats.output import arrow_table


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "id": ["a", 'b, "c"', "ü\n"],
            "word": pd.Categorical(["x", None, "y"]),
            "p": np.array([0.1, np.nan, 1e-7], np.float32),
            "n": [1, 2, 3],
            "review": [True, False, True],
        }
    )


def test_csv(tmp_path, frame):
    write_table(frame, tmp_path / "t.csv")
    again = pd.read_csv(tmp_path / "t.csv", dtype={"p": np.float32})
    pd.testing.assert_frame_equal(again, frame.astype({"word": again.word.dtype}))


def test_csv_quotes_only_where_needed(tmp_path):
    write_table(pd.DataFrame({"a, b": ["x"], "p": [0.5]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == '"a, b",p\nx,0.5\n'


def test_parquet(tmp_path, frame):
    write_table(frame, tmp_path / "t.parquet")
    again = parquet.read_table(tmp_path / "t.parquet").to_pandas()
    pd.testing.assert_frame_equal(again, frame.astype({"word": again.word.dtype}))


def test_json(tmp_path, frame):
    write_table(frame, tmp_path / "t.json")
    records = json.loads((tmp_path / "t.json").read_text())
    assert records[0] == {"id": "a", "word": "x", "p": 0.1, "n": 1, "review": True}
    assert (records[1]["p"], records[1]["word"], records[2]["id"]) == (None, None, "ü\n")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.json"])
def test_batches_make_one_table(tmp_path, frame, name):
    write_table(frame, tmp_path / f"whole_{name}")
    with table_writer(tmp_path / name) as write:
        write(frame.iloc[:2])
        write(frame.iloc[2:])
    read = parquet.read_table if name == "t.parquet" else lambda path: path.read_text()
    if name == "t.csv":  # whether words are quoted is settled batch by batch
        read = pd.read_csv
    one, other = read(tmp_path / name), read(tmp_path / f"whole_{name}")
    assert one.equals(other) if hasattr(one, "equals") else one == other


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.json"])
def test_no_rows_still_make_a_table(tmp_path, frame, name):
    write_table(frame.iloc[:0], tmp_path / name)
    text = (tmp_path / name).read_bytes()
    expected = {"t.csv": b"id,word,p,n,review\n", "t.json": b"[]\n"}
    assert text == expected.get(name, text)
    if name == "t.parquet":
        assert parquet.read_table(tmp_path / name).num_rows == 0


def test_other_suffixes_are_refused(tmp_path, frame):
    with pytest.raises(BadInputError, match=r"ends in \.csv, \.parquet or \.json"):
        write_table(frame, tmp_path / "t.xlsx")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.json"])
def test_nothing_is_left_of_a_table_that_failed(tmp_path, frame, name):
    def fail_half_way():
        with table_writer(tmp_path / name) as write:
            write(frame)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert not list(tmp_path.iterdir())


def test_mixed_objects_become_text(tmp_path):
    write_table(pd.DataFrame({"a": [1, "x", None]}, dtype=object), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "a\n1\nx\n\n"


def test_words_are_written_once_and_read_back_as_text(tmp_path):
    columns = {
        "word": Words.of([1, -1, 1, 0], ["benign", "suspicious"]),
        "p": np.array([0.5, np.nan, 1, 0], np.float32),
    }
    table = arrow_table(columns)
    assert str(table.schema.field("word").type).startswith("dictionary")
    for name in ("t.parquet", "t.csv", "t.json"):
        write_table(columns, tmp_path / name)
    stored = parquet.read_table(tmp_path / "t.parquet")
    assert stored.schema.field("word").type == pa.string()
    assert stored["word"].to_pylist() == ["suspicious", None, "suspicious", "benign"]
    assert (tmp_path / "t.csv").read_text().split() == [
        "word,p", "suspicious,0.5", ",", "suspicious,1", "benign,0",
    ]  # fmt: skip
    assert json.loads((tmp_path / "t.json").read_text())[0] == {"word": "suspicious", "p": 0.5}
