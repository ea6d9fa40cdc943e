"""What the examples of the OpenAPI description are answered with.

Worked out by the model that is served, so that it cannot fall behind; nothing of it is counted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from calcigram.clusters import ClusterSet
from calcigram.server import examples, inference
from calcigram.server.answers import CSV, JSON, NOTICE, json_answer, records_of, table_answer
from calcigram.server.jsonbody import read_json
from calcigram.server.metrics import MEDIA_TYPE as METRICS_TYPE
from calcigram.server.points import gather
from calcigram.server.service import encode

if TYPE_CHECKING:
    from calcigram.server.service import Service

MAX_ITEMS = 2
"""Items that are left of a long list."""


def answers_of(service: Service) -> dict[tuple[str, str], Any]:
    """Return the answers to the examples.

    Parameters
    ----------
    service : Service
        Warmed up.

    Returns
    -------
    dict
        Operation and media type -> the body: plain values where it is JSON, else text.
    """
    line = _clusters(service, examples.POINTS)
    verdicts = service.engine.classify(line)
    return {
        ("classify", JSON): json.loads(json_answer(records_of(verdicts))),
        ("classify", CSV): table_answer(verdicts, CSV).decode(),
        ("explain", JSON): _explained(service, line),
        ("model", JSON): _shortened(json.loads(service.model_document)),
        ("rules", JSON): _shortened(json.loads(service.rules_document)),
        ("live", JSON): {"live": True},
        ("ready", JSON): {"ready": True},
        ("metrics", METRICS_TYPE): "calcigram_clusters_total 8.0\ncalcigram_reviews_total 3.0\n",
        ("v2_live", JSON): {"live": True},
        ("v2_ready", JSON): {"ready": True},
        ("v2_server", JSON): inference.server_document(),
        ("v2_model", JSON): _shortened(inference.model_document(service)),
        ("v2_model_ready", JSON): inference.ready_document(service),
        ("v2_infer", JSON): _inferred(service),
    }


def _clusters(service: Service, example: dict[str, Any]) -> ClusterSet:
    return gather([read_json(json.dumps(example).encode(), service.settings)])


def _explained(service: Service, cluster: ClusterSet) -> Any:
    from calcigram.explain import explain

    found = explain(cluster, service.model).to_dict()
    return _shortened(json.loads(encode({"notice": NOTICE, **found})))


def _inferred(service: Service) -> Any:
    tensors = json.dumps(examples.TENSORS).encode()
    asked, points = inference.read(tensors, None, service.settings)
    body, _ = inference.written(asked, service.engine.classify(gather([points])))
    return json.loads(body)


def _shortened(value: Any) -> Any:
    """Return a document with few items in each list, so that it can be taken in."""
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value[:MAX_ITEMS]]
    return value
