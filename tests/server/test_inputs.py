"""JSON under other names, hints, and the interactive documentation."""

from __future__ import annotations

import re

import pytest

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
