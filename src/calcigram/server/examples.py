"""Examples that the OpenAPI description shows: what to send, and how it is refused."""

from __future__ import annotations

from typing import Any

from calcigram.server.problems import Fault, Problem

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
"""Many clusters, an array a mark."""

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

PROBLEMS: dict[str, Problem] = {
    "bad-request": Problem(
        "bad-request",
        "The body is no JSON: JSON is malformed: expected ',' or ']' (byte 20).",
        [Fault("body", "JSON", "JSON is malformed: expected ',' or ']' (byte 20)")],
    ),
    "token-missing": Problem("token-missing", "Send the header 'Authorization: Bearer TOKEN'."),
    "foreign-origin": Problem("foreign-origin", "Only pages of this server and programs may ask."),
    "not-acceptable": Problem(
        "not-acceptable",
        "The answer can be one of application/json, text/csv.",
        [Fault("Accept", "one of application/json, text/csv", "image/png")],
    ),
    "too-large": Problem(
        "too-large",
        "The body may have 64000000 bytes.",
        [Fault("body", "at most 64000000 bytes", "70000000 bytes")],
    ),
    "media-type": Problem(
        "media-type",
        "Send one of application/json, text/csv; got 'application/x-tar'.",
        [Fault("Content-Type", "one of application/json, text/csv", "application/x-tar")],
    ),
    "wrong-host": Problem("wrong-host", "This server is asked under other names only."),
    "unreadable": Problem(
        "unreadable",
        "The body cannot be read (ValueError): it may be damaged.",
        [Fault("body", "a file that can be read")],
    ),
    "bad-value": Problem.of_value(
        "points[3].diameter_mm", "a number above 0 in mm, or nothing (at most 10,000)", -1
    ),
    "too-many": Problem(
        "too-many",
        "100001 clusters; at most 100000.",
        [Fault("clusters", "at most 100000", "100001 clusters")],
    ),
    "busy": Problem("busy", "128 requests are under way; ask again.", retry_after=1),
    "internal": Problem("internal", "The server failed; its log names the request."),
    "too-slow": Problem("too-slow", "Nothing of the body came within 10 s."),
    "too-long": Problem("too-long", "No answer within 60 s.", retry_after=1),
    "stopping": Problem("stopping", "The server starts or stops.", retry_after=1),
}
"""A refusal of each kind that an operation may answer with."""
