"""The Open Inference Protocol v2, asked by a client library that others wrote."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from calcigram import classify
from calcigram.clusters import MARK_NAMES
from calcigram.crosscheck import VERDICT_COLUMNS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    http = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")


@pytest.fixture(scope="module")
def clusters():
    from calcigram import simulate
    from calcigram.clusters import CLUSTER_NAMES

    return simulate(6, seed=4).without(*CLUSTER_NAMES)


@pytest.fixture(scope="module")
def triton(server):
    with http.InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


def tensors(clusters, *, binary):
    points = np.column_stack([getattr(clusters, name) for name in MARK_NAMES])
    if not binary:  # this client writes NaN, which is no JSON
        points = points[:, :2]
    inputs = [
        http.InferInput("points", points.shape, "FP32"),
        http.InferInput("offsets", clusters.offsets.shape, "INT64"),
    ]
    inputs[0].set_data_from_numpy(np.ascontiguousarray(points), binary_data=binary)
    inputs[1].set_data_from_numpy(clusters.offsets, binary_data=binary)
    return inputs


def test_health_and_metadata(triton):
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("calcigram")
    assert triton.get_server_metadata()["name"] == "calcigram"
    metadata = triton.get_model_metadata("calcigram", "1")
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["points", "offsets"]
    assert {tensor["name"] for tensor in metadata["outputs"]} >= set(VERDICT_COLUMNS)


def test_binary_tensors(triton, clusters):
    result = triton.infer("calcigram", tensors(clusters, binary=True), request_id="seven")
    expected = classify(clusters)
    assert result.get_response()["id"] == "seven"
    words = [word.decode() for word in result.as_numpy("concern")]
    assert words == expected["concern"].astype(object).fillna("").tolist()
    p = result.as_numpy("p_distribution_linear")
    assert p.dtype == np.float32
    assert np.array_equal(p, expected["p_distribution_linear"].to_numpy(), equal_nan=True)
    assert result.as_numpy("review").tolist() == expected["review"].tolist()


def test_tensors_of_json_and_chosen_outputs(triton, clusters):
    wanted = [
        http.InferRequestedOutput("distribution", binary_data=False),
        http.InferRequestedOutput("n_calcifications", binary_data=True),
    ]
    result = triton.infer("calcigram", tensors(clusters, binary=False), outputs=wanted)
    assert {entry["name"] for entry in result.get_response()["outputs"]} == {
        "distribution", "n_calcifications",
    }  # fmt: skip
    expected = classify(clusters.positions_only())
    assert result.as_numpy("distribution").tolist() == expected["distribution"].tolist()
    assert result.as_numpy("n_calcifications").tolist() == expected["n_calcifications"].tolist()


def test_the_client_understands_a_refusal(triton, clusters):
    inputs = tensors(clusters, binary=True)
    inputs[1] = http.InferInput("offsets", [2], "INT64")
    inputs[1].set_data_from_numpy(np.array([0, 3]))
    with pytest.raises(http.InferenceServerException, match=r"inputs\.offsets: got \[0, 3\]"):
        triton.infer("calcigram", inputs)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"inputs": None}, "inputs"),
        ({"inputs": []}, "inputs.points"),
        ({"datatype": "FP31"}, "inputs[0].datatype"),
        ({"shape": [3, 1]}, "inputs[0].data"),
        ({"shape": [3, "2"]}, "inputs[0].shape"),
        ({"data": [0, 1, 2, 3, 4, "five"]}, "inputs[0].data"),
        ({"shape": [2, 3], "data": [[0, 1, -2], [3, 4, 5]]}, "cluster '0', row 0, diameter_mm"),
        ({"name": 7}, "inputs[0].name"),
        ({"outputs": [{"name": "diagnosis"}]}, "outputs"),
        ({"id": 7}, "id"),
    ],
)
def test_bad_requests_are_named(client, change, field):
    points = {
        "name": "points",
        "datatype": "FP32",
        "shape": [3, 2],
        "data": [[0, 1], [2, 3], [4, 5]],
    }
    n = (change.get("shape") or [3])[0] if "data" in change and "shape" in change else 3
    offsets = {"name": "offsets", "datatype": "INT64", "shape": [2], "data": [0, n]}
    request = {"inputs": [points, offsets]}
    for name, value in change.items():
        (request if name in ("inputs", "outputs", "id") else points)[name] = value
    answer = client.post("/v2/models/calcigram/infer", json=request)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert answer.json()["error"] == answer.json()["detail"]
