"""POST /v1/classify against a running server: every form of body, every form of answer."""

from __future__ import annotations

import gzip
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calcigram import classify, write_clusters
from calcigram.formats import write_table
from calcigram.server.responses import ARROW, CSV, JSON, PARQUET

DATA = Path(__file__).parents[1] / "data"

LINE = [{"x_mm": 0.7 * i, "y_mm": 0.05 * (i % 2)} for i in range(9)]


@pytest.fixture(scope="module")
def expected(clusters, tmp_path_factory):
    """What a file of verdicts holds of the same clusters."""
    path = tmp_path_factory.mktemp("verdicts") / "verdicts.json"
    write_table(classify(clusters), path)
    return json.loads(path.read_text())


def test_columns_are_read_as_classify_reads_them(client, body, expected):
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == JSON
    assert answer.json()["verdicts"] == expected
    assert "not a medical device" in answer.json()["notice"]


def test_points_are_read_as_columns_are(client, body, expected):
    marks = [name for name, value in body["clusters"][0].items() if isinstance(value, list)]
    as_points = [
        {
            **{name: value for name, value in cluster.items() if name not in marks},
            "points": [
                dict(zip(marks, row, strict=True))
                for row in zip(*(cluster[name] for name in marks), strict=True)
            ],
        }
        for cluster in body["clusters"]
    ]
    answer = client.post("/v1/classify", json={"clusters": as_points})
    assert answer.json()["verdicts"] == expected


def test_a_single_cluster_needs_no_list_and_no_name(client):
    (verdict,) = client.post("/v1/classify", json={"points": LINE}).json()["verdicts"]
    assert (verdict["cluster_id"], verdict["n_calcifications"]) == ("0", 9)
    assert verdict["rule_distribution"] == "linear"
    assert verdict["morphology"] == "unread"


def test_no_clusters_are_no_verdicts(client):
    assert client.post("/v1/classify", json={"clusters": []}).json()["verdicts"] == []


def test_a_cluster_without_points_is_read_as_insufficient(client):
    (verdict,) = client.post("/v1/classify", json={"points": []}).json()["verdicts"]
    assert verdict["distribution"] == "insufficient"


def parquet_of(clusters, folder, **options):
    path = folder / "clusters.parquet"
    write_clusters(clusters, path, **options)
    return path.read_bytes()


def arrow_of(clusters, folder):
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(parquet_of(clusters, folder)))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=2)
    return sink.getvalue()


def csv_of(clusters, folder):
    path = folder / "clusters.csv"
    write_clusters(clusters, path)
    return path.read_bytes()


def table_from(answer):
    import pyarrow as pa
    from pyarrow import parquet

    kind = answer.headers["content-type"].partition(";")[0]
    if kind == ARROW:
        return pa.ipc.open_stream(answer.content).read_all().to_pandas()
    if kind == PARQUET:
        return parquet.read_table(io.BytesIO(answer.content)).to_pandas()
    assert kind == CSV
    return pd.read_csv(io.BytesIO(answer.content), dtype={"cluster_id": str})


@pytest.mark.parametrize(
    ("kind", "write"), [(PARQUET, parquet_of), (ARROW, arrow_of), (CSV, csv_of)]
)
def test_files_are_answered_in_kind(client, clusters, expected, tmp_path, kind, write):
    content = write(clusters, tmp_path)
    answer = client.post("/v1/classify", content=content, headers={"content-type": kind})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(kind)
    found = table_from(answer)
    frame = pd.DataFrame(expected)
    assert found["reason"].tolist() == frame["reason"].tolist()
    assert np.allclose(found["p_benign"], frame["p_benign"].astype(float), equal_nan=True)


@pytest.mark.parametrize("accept", [ARROW, PARQUET, CSV])
def test_json_is_answered_as_asked_for(client, body, expected, accept):
    answer = client.post("/v1/classify", json=body, headers={"accept": accept})
    assert table_from(answer)["reason"].tolist() == [row["reason"] for row in expected]


def test_a_file_in_a_form(client, clusters, expected, tmp_path):
    content = csv_of(clusters, tmp_path)
    answer = client.post("/v1/classify", files={"file": ("scan of Jane.csv", content)})
    assert answer.json()["verdicts"] == expected


def test_a_report_of_dicom(client):
    pytest.importorskip("pydicom", reason="the extra [dicom] is not installed")
    content = (DATA / "mammography_cad_sr.dcm").read_bytes()
    answer = client.post(
        "/v1/classify", content=content, headers={"content-type": "application/dicom"}
    )
    document = answer.json()
    assert [verdict["n_calcifications"] for verdict in document["verdicts"]] == [7]
    assert "pixels of 0.07 mm" in " ".join(document["notes"])


def test_notes_of_what_should_be_looked_at(client):
    body = (DATA / "inbreast.xml").read_bytes()
    answer = client.post(
        "/v1/classify?pixel_spacing=0.05",
        content=body,
        headers={"content-type": "application/octet-stream"},
    )
    assert answer.status_code == 200, answer.text
    assert any("check the size of a pixel" in note for note in answer.json()["notes"])


def other_formats():
    """Return content and query of a file of several formats, each with the same six calcifications."""
    nib = pytest.importorskip("nibabel", reason="the extra [formats] is not installed")
    openpyxl = pytest.importorskip("openpyxl", reason="the extra [formats] is not installed")
    mask = np.zeros((90, 200), np.uint8)
    boxes = [(20 + 10 * k, 10 + 30 * k) for k in range(6)]
    for top, left in boxes:
        mask[top : top + 4, left : left + 4] = 1
    image = nib.Nifti1Image(mask.T, np.diag([-0.1, -0.1, 1, 1]))
    image.header.set_xyzt_units("mm")
    yield gzip.compress(image.to_bytes()), {}
    corners = [[x, y, x + 4, y, x + 4, y + 4, x, y + 4] for y, x in boxes]
    coco = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 5, "name": "spots"}],
        "annotations": [{"image_id": 1, "category_id": 5, "segmentation": [c]} for c in corners],
    }
    yield json.dumps(coco).encode(), {"labels": "spots", "pixel_spacing": "0.1,0.1"}
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.create_sheet("marks").append(["cluster_id", "x_mm", "y_mm"])
    for y, x in boxes:
        book["marks"].append(["A", (x + 2) / 10, (y + 2) / 10])
    book.save(file)
    yield file.getvalue(), {"sheet": "marks"}


def test_files_of_other_programs(client):
    for content, query in other_formats():
        headers = {"content-type": "application/octet-stream"}
        answer = client.post("/v1/classify", params=query, content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        assert [verdict["n_calcifications"] for verdict in answer.json()["verdicts"]] == [6]
        form = client.post("/v1/classify", params=query, files={"file": ("any.bin", content)})
        assert form.json()["verdicts"] == answer.json()["verdicts"]


def test_the_address_says_what_counts(client):
    _, (content, _), _ = other_formats()
    headers = {"content-type": "application/octet-stream"}
    for query, detail in (
        ({"pixel_spacing": "0.1", "labels": "mass"}, "a name in the file: 'spots'"),
        ({"labels": "spots"}, "the query parameter pixel_spacing"),
        ({"threshold": "2"}, "a probability above 0 and at most 1"),
        ({"pixel_spacing": "0.1", "threshold": "0.5"}, "annotations with a score"),
    ):
        answer = client.post("/v1/classify", params=query, content=content, headers=headers)
        assert answer.status_code == 422
        assert detail in answer.json()["detail"]
        assert "--" not in answer.text


def test_the_address_says_how_a_file_is_to_be_read(client):
    table = "".join(f"{10 * i},{i % 2}\n" for i in range(9))

    def ask(**query):
        answer = client.post(
            "/v1/classify",
            params={"single_cluster": "A7", **query},
            content="x_mm,y_mm\n" + table,
            headers={"content-type": "text/csv", "accept": JSON},
        )
        return answer.json()["verdicts"]

    (verdict,) = ask(units="px", pixel_spacing=0.1)
    points = {"x_mm": [float(i) for i in range(9)], "y_mm": [0.1 * (i % 2) for i in range(9)]}
    assert [verdict] == client.post("/v1/classify", json={"cluster_id": "A7", **points}).json()["verdicts"]  # fmt: skip


def test_the_address_says_what_the_columns_of_a_table_are_called(client):
    table = "lesion,posX,posY\n" + "".join(f"A7,{i},{0.1 * (i % 2):g}\n" for i in range(9))
    answer = client.post(
        "/v1/classify",
        params={"columns": "id=lesion, x=posX, y=posY"},
        content=table,
        headers={"content-type": "text/csv", "accept": JSON},
    )
    (verdict,) = answer.json()["verdicts"]
    assert (verdict["cluster_id"], verdict["rule_distribution"]) == ("A7", "linear")


def test_requests_at_once_get_each_their_own_answer(client, body, expected):
    def ask(i):
        one = {"clusters": [body["clusters"][i % 6]] * (1 + i % 3)}
        answer = client.post("/v1/classify", json=one)
        return answer.json()["verdicts"] == [expected[i % 6]] * (1 + i % 3)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(120)))


def test_a_bad_request_does_not_spoil_those_beside_it(client, body, expected):
    # In range as JSON writes it, below the least that float32 keeps
    tiny = {"points": [{"x_mm": 0, "y_mm": 0, "diameter_mm": 1e-60}]}
    good = {"clusters": [body["clusters"][0]]}

    def ask(i):
        return client.post("/v1/classify", json=good if i % 2 else tiny)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert {answer.status_code for answer in answers[::2]} == {422}
    assert all(answer.json()["verdicts"] == expected[:1] for answer in answers[1::2])
