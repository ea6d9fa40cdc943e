"""POST /v1/explain: what `calcigram.explain` says, over HTTP."""

from __future__ import annotations

from calcigram import explain


def test_it_says_what_explain_says(client, body, clusters):
    answer = client.post("/v1/explain", json=body["clusters"][1])
    assert answer.status_code == 200, answer.text
    document = answer.json()
    expected = explain(clusters[1]).to_dict()
    assert document["model"]["distribution"] == expected["model"]["distribution"]
    assert len(document["fired"]) == len(expected["fired"])
    assert [why["axis"] for why in document["why"]] == [why["axis"] for why in expected["why"]]
    assert "not a medical device" in document["notice"]


def test_one_cluster_and_no_more(client, body):
    answer = client.post("/v1/explain", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["value"] == "6 clusters"
