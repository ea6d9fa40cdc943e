"""Examples that OpenAPI shows: what to send, how it is refused, and what the response is.

Responses are worked out by the model that is served, so that they cannot fall behind; nothing of
that is counted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from calcigram.server import openinference as v2
from calcigram.server.inputs import gather, read_json
from calcigram.server.responses import (
    CSV,
    FAILED,
    JSON,
    NOTICE,
    Fault,
    Problem,
    encode,
    json_body,
    records_of,
    table_body,
)
from calcigram.server.telemetry import METRICS_TYPE

if TYPE_CHECKING:
    from calcigram.server.service import Service

MAX_ITEMS = 2
"""Items that are left of a long list."""

_LINE = [[round(0.7 * i, 2), round(0.1 * (i % 3), 2)] for i in range(8)]

POINTS: dict[str, Any] = {
    "cluster_id": "a line",
    "points": [
        {"x_mm": x, "y_mm": y, "diameter_mm": 0.3, "aspect_ratio": 2.6, "orientation_deg": 4.0}
        for x, y in _LINE
    ],
}
"""One cluster, a list of points."""

COLUMNS: dict[str, Any] = {
    "clusters": [
        {
            "cluster_id": "as columns",
            "x_mm": [x for x, _ in _LINE],
            "y_mm": [y for _, y in _LINE],
            "diameter_mm": [0.3] * len(_LINE),
            "nipple_x_mm": 40.0,
            "nipple_y_mm": 10.0,
        }
    ]
}
"""Many clusters, one array per mark."""

TENSORS: dict[str, Any] = {
    "inputs": [
        {"name": "points", "datatype": "FP32", "shape": [len(_LINE), 2], "data": _LINE},
        {"name": "offsets", "datatype": "INT64", "shape": [2], "data": [0, len(_LINE)]},
    ],
    "outputs": [{"name": "distribution"}, {"name": "concern"}, {"name": "p_suspicious"}],
}
"""The same cluster for the Open Inference Protocol."""

TABLE = "cluster_id,x_mm,y_mm\na,0,0\na,1,0\na,2,0.1\n"
"""A file."""

_DAMAGED = Fault("body", "a file that can be read")
PROBLEMS: dict[str, Problem] = {problem.kind: problem for problem in (
    Problem.no_json(ValueError("expected `,` or `]` at line 1 column 20")),
    Problem("token-missing", "Send the header 'Authorization: Bearer TOKEN'."),
    Problem("foreign-origin", "Only programs and pages of this server may send requests."),
    Problem("not-acceptable", "The answer can be one of application/json, text/csv.",
            [Fault("Accept", "one of application/json, text/csv", "image/png")]),
    Problem("too-large", "The body may have at most 64000000 bytes.",
            [Fault("body", "at most 64000000 bytes", "70000000 bytes")]),
    Problem("media-type", "Send one of application/json, text/csv; got 'application/x-tar'.",
            [Fault("Content-Type", "one of application/json, text/csv", "application/x-tar")]),
    Problem("wrong-host", "This server does not answer to this host name (setting CALCIGRAM_HOSTS)."),
    Problem("unreadable", "The body cannot be read (ValueError): it may be damaged.", [_DAMAGED]),
    Problem.of_value("points[3].diameter_mm", "a number above 0 in mm, or nothing (at most 10,000)", -1),
    Problem.too_many("clusters", "100001 clusters", 100_000),
    Problem("busy", "128 requests are under way; ask again.", retry_after=1),
    FAILED,
    Problem("too-slow", "Nothing of the body came within 10 s."),
    Problem("too-long", "No answer within 60 s.", retry_after=1),
    Problem("no-disk", "The server cannot write temporary files.", retry_after=10),
    Problem("stopping", "The server starts or stops.", retry_after=1),
)}  # fmt: skip
"""A refusal of each kind that an operation may answer with."""


def responses_of(service: Service) -> dict[tuple[str, str], Any]:
    """Return the responses to the examples.

    Parameters
    ----------
    service : Service
        Warmed up.

    Returns
    -------
    dict
        Operation and media type -> the body: plain values where it is JSON, else text.
    """
    from calcigram.explain import explain

    line = gather([read_json(encode(POINTS), service.settings)])
    verdicts = service.classify(line)
    explanation = {"notice": NOTICE, **explain(line, service.model).to_dict()}
    tensors, points = v2.read(encode(TENSORS), None, service.settings)
    inferred, _ = v2.written(tensors, service.classify(gather([points])))
    documents = {
        "classify": json.loads(json_body(records_of(verdicts))),
        "explain": _shortened(json.loads(encode(explanation))),
        "model": _shortened(json.loads(service.model_document)),
        "rules": _shortened(json.loads(service.rules_document)),
        "live": {"live": True},
        "ready": {"ready": True},
        "v2_live": {"live": True},
        "v2_ready": {"ready": True},
        "v2_server": v2.server_document(),
        "v2_model": _shortened(v2.model_document(service.datatypes)),
        "v2_model_ready": {"name": v2.NAME, "ready": True},
        "v2_infer": json.loads(inferred),
    }
    return {(name, JSON): document for name, document in documents.items()} | {
        ("classify", CSV): table_body(verdicts, CSV).decode(),
        ("metrics", METRICS_TYPE): "calcigram_clusters_total 8.0\ncalcigram_reviews_total 3.0\n",
    }


def _shortened(value: Any) -> Any:
    """Return a document with few items in each list, so that it can be taken in."""
    if isinstance(value, dict):
        return {key: _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value[:MAX_ITEMS]]
    return value
