"""What the server tells of itself: model, rules, health, counters, the description."""

from __future__ import annotations

import re

import pytest

from calcigram import load_model
from calcigram.crosscheck import VERDICT_COLUMNS
from calcigram.features.catalogue import FEATURE_NAMES, catalogue_hash


def test_the_model(client):
    document = client.get("/v1/model").json()
    assert document["version"] == load_model().version
    assert re.fullmatch("[0-9a-f]{64}", document["digest"])
    assert document["catalogue_hash"] == catalogue_hash()
    assert [feature["name"] for feature in document["features"]] == list(FEATURE_NAMES)
    assert document["card"]


def test_the_rules(client):
    document = client.get("/v1/rules").json()
    assert set(document["rulebooks"]) == {"article", "birads"}
    assert {"rule", "feature", "value", "source"} <= set(document["recognition"][0])


def test_health(client):
    assert client.get("/health/live").json() == {"live": True}
    assert client.get("/health/ready").json() == {"ready": True}


def metric(client, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_counters(client):
    line = {"points": [{"x_mm": i, "y_mm": 0} for i in range(9)]}
    requests = 'calcigram_requests_total{route="/v1/classify",status="200"}'
    counted = [requests, 'calcigram_clusters_total', 'calcigram_verdicts_total{concern="suspicious"}']  # fmt: skip
    before = [metric(client, name) for name in counted]
    for _ in range(3):
        assert (
            client.post("/v1/classify", json=line).json()["verdicts"][0]["concern"] == "suspicious"
        )
    assert [metric(client, name) for name in counted] == [value + 3 for value in before]
    assert metric(client, 'calcigram_request_seconds_count{route="/v1/classify"}') >= 3


def test_the_description_is_complete(client):
    document = client.get("/openapi.json").json()
    paths = document["paths"]
    assert {
        "/v1/classify",
        "/v1/model",
        "/v1/rules",
        "/health/live",
        "/health/ready",
        "/metrics",
    } <= set(paths)
    content = paths["/v1/classify"]["post"]["requestBody"]["content"]
    assert content["application/json"]["examples"]
    verdict = document["components"]["schemas"]["Verdict"]
    assert set(VERDICT_COLUMNS) <= set(verdict["properties"])
    text = str(document)
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names <= set(document["components"]["schemas"])


def test_the_examples_of_the_description_are_read(client):
    document = client.get("/openapi.json").json()
    content = document["paths"]["/v1/classify"]["post"]["requestBody"]["content"]
    for example in content["application/json"]["examples"].values():
        assert client.post("/v1/classify", json=example["value"]).status_code == 200
    csv = content["text/csv"]["example"]
    assert (
        client.post("/v1/classify", content=csv, headers={"content-type": "text/csv"}).status_code
        == 200
    )


def contents_of(operation):
    """Yield where each body of an operation is described."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for answer in operation["responses"].values():
        yield from answer["content"].items()


def test_everything_that_is_text_has_an_example_that_its_schema_allows(client):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    document = client.get("/openapi.json").json()
    n_checked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                for example in parameter["schema"]["examples"]:
                    jsonschema.validate(example, parameter["schema"])
            for media_type, content in contents_of(operation):
                where = f"{method} {path} {media_type}"
                if "binary" in str(content["schema"]):
                    continue
                examples = [one["value"] for one in content.get("examples", {}).values()]
                examples += [content["example"]] if "example" in content else []
                assert examples, f"{where}: no example"
                for example in examples:
                    whole = {**content["schema"], "components": document["components"]}
                    jsonschema.validate(example, whole)
                    n_checked += 1
    assert n_checked >= 100


def test_the_examples_are_what_is_answered(client):
    document = client.get("/openapi.json").json()
    classify = document["paths"]["/v1/classify"]["post"]
    sent = classify["requestBody"]["content"]["application/json"]["examples"]["points"]["value"]
    shown = classify["responses"]["200"]["content"]["application/json"]["example"]
    assert client.post("/v1/classify", json=sent).json() == shown
    infer = document["paths"]["/v2/models/calcigram/infer"]["post"]
    sent = infer["requestBody"]["content"]["application/json"]["example"]
    shown = infer["responses"]["200"]["content"]["application/json"]["example"]
    assert client.post("/v2/models/calcigram/infer", json=sent).json() == shown


def test_examples_are_not_counted(start):
    with start("--no-page") as fresh, fresh.client() as session:
        assert session.get("/openapi.json").status_code == 200
        text = session.get("/metrics").text
    assert metric_of(text, "calcigram_clusters_total") == 0
    assert metric_of(text, 'calcigram_requests_total{route="/openapi.json",status="200"}') == 1
    assert "_created" not in text


def metric_of(text, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1])
