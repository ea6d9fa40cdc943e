"""JSON under other names, hints, and the interactive documentation."""

from __future__ import annotations

import re

import numpy as np
import pytest

from calcigram.errors import BadInputError
from calcigram.options import ReadOptions
from calcigram.server.inputs import ARROW, read_upload
from calcigram.server.responses import Problem
from calcigram.server.settings import Settings

POINTS = {"points": [{"x_mm": 0, "y_mm": 0}, {"x_mm": 1, "y_mm": 2}, {"x_mm": 3, "y_mm": 1}]}
THEIRS = {"posX": [0, 1, 3], "posY": [0, 2, 1]}


@pytest.mark.parametrize(
    ("sent", "hint"),
    [
        ({"x": [0, 1], "y": [0, 1]}, "x_mm"),
        ({"X": [0, 1], "y": [0, 1]}, "x_mm"),
        ({"points": [{"x": 0, "y": 0}]}, "x_mm"),
        ({"clusters": [{"x_mm": [0], "y_mm": [0], "diameter": [0.3]}]}, "diameter_mm"),
        ({"x_mm": [0], "y_mm": [0], "diametr_mm": [0.3]}, "diameter_mm"),
        ({"x_mm": [0], "y_mm": [0], "id": "a"}, "cluster_id"),
        ({"cluster": []}, "cluster"),
    ],
)
def test_a_field_of_another_name_is_refused_with_a_hint(client, sent, hint):
    answer = client.post("/v1/classify", json=sent)
    assert answer.status_code == 422
    assert f"did you mean '{hint}" in answer.json()["errors"][0]["expected"]


def test_json_under_other_names(client):
    expected = client.post("/v1/classify", json=POINTS).json()["verdicts"]
    names = {"x": "posX", "y_mm": "posY"}

    def verdicts(body, **query):
        answer = client.post("/v1/classify", json=body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["verdicts"]

    query = {"columns": "x=posX, y_mm=posY"}
    assert verdicts(THEIRS, **query) == expected
    assert verdicts({"columns": names, **THEIRS}) == expected
    assert verdicts({"columns": names, "clusters": [THEIRS]}) == expected
    points = [{"posX": x, "posY": y} for x, y in zip(*THEIRS.values(), strict=True)]
    assert verdicts({"columns": names, "points": points}) == expected
    assert verdicts({"columns": {**names, "points": "marks"}, "marks": points}) == expected
    named = {"columns": {**names, "id": "lesion"}, "lesion": "A7", **THEIRS}
    assert verdicts(named) == [{**expected[0], "cluster_id": "A7"}]


@pytest.mark.parametrize(
    "columns",
    ["x", {"x": 1}, {"colour": "c"}, ["x"], {"x": "posX", "x_mm": "other"}, {"y": "posX"}],
)
def test_names_that_make_no_sense(client, columns):
    answer = client.post("/v1/classify", json={"columns": columns, "x_mm": [0], **THEIRS})
    assert answer.status_code == 422
    assert "errors" in answer.json()


def test_the_documentation_can_be_used_without_another_server(client):
    page = client.get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)""", page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert client.get(address).status_code == 200
    assert "validatorUrl" in page.text
    schema = client.get("/openapi.json").json()
    assert "/docs" not in schema["paths"]


def arrow_body(table):
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as out:
        out.write_table(table)
    return sink.getvalue().to_pybytes()


def hostile_streams():
    """Arrow streams that take far more memory or time as Parquet than they have bytes."""
    import pyarrow as pa

    n = 20_000_000
    zeros = pa.array(np.zeros(n, np.float32))
    marks = pa.ListArray.from_arrays(pa.array([0, n], pa.int32()), zeros)
    yield "unpacks to at most", pa.table({"cluster_id": ["a"], "x_mm": marks, "y_mm": marks})
    text = b"w" * 100_000
    view = np.array([len(text), 0x77777777, 0, 0], "<i4").tobytes()
    buffers = [None, pa.py_buffer(view * 5_000), pa.py_buffer(text)]
    texts = pa.Array.from_buffers(pa.string_view(), 5_000, buffers)
    zeros = pa.array(np.zeros(5_000))
    yield "unpacks to at most", pa.table({"cluster_id": texts, "x_mm": zeros, "y_mm": zeros})
    yield "at most 2000 columns", pa.table({f"c{k}": [k] for k in range(3_000)})
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([5_000], pa.int32()), pa.array([1.0]))
    yield "numbers, texts or lists", pa.table({"cluster_id": runs, "x_mm": zeros, "y_mm": zeros})


@pytest.mark.parametrize("number", range(4))
def test_streams_that_ask_for_much_are_refused(number):
    match, table = list(hostile_streams())[number]
    with pytest.raises((BadInputError, Problem), match=match):
        read_upload(arrow_body(table), ARROW, Settings(), ReadOptions())


def test_texts_of_dictionaries_and_views_are_read():
    import pyarrow as pa

    ids = pa.array(["a"] * 3 + ["b"] * 3).cast(pa.string_view())
    notes = pa.array(["p"] * 6).dictionary_encode()
    table = pa.table({"cluster_id": ids, "note": notes, "x_mm": np.arange(6.0), "y_mm": [0.0] * 6})
    clusters, _ = read_upload(arrow_body(table.slice(1)), ARROW, Settings(), ReadOptions())
    assert clusters.cluster_id.tolist() == ["a", "b"]
    assert clusters.n_calcifications.tolist() == [2, 3]


def test_damaged_offsets_of_an_arrow_stream_are_refused_before_they_are_followed():
    import pyarrow as pa

    table = pa.table({"cluster_id": ["a", "b", "c"], "x_mm": [0.0, 1, 2], "y_mm": [0.0, 1, 0]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    sound, body = np.arange(4, dtype="<i4").tobytes(), sink.getvalue().to_pybytes()
    assert body.count(sound) == 1
    damaged = body.replace(sound, np.array([0, 1, 2, 2**31 - 1], "<i4").tobytes())
    assert len(read_upload(body, ARROW, Settings(), ReadOptions())[0]) == 3
    with pytest.raises((BadInputError, Problem)):
        read_upload(damaged, ARROW, Settings(), ReadOptions())
