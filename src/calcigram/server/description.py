"""The OpenAPI description: what each address takes and gives.

Schemas stand in `schemas`, what is sent and refused for example in `examples`; what the examples
are answered with is worked out by `answered` when the server starts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from calcigram.limits import PIXEL_SPACING_MM
from calcigram.options import UNITS
from calcigram.server import examples, problems
from calcigram.server.answers import ARROW, CSV, JSON, NOTICE, PARQUET
from calcigram.server.metrics import MEDIA_TYPE as METRICS_TYPE
from calcigram.server.schemas import SCHEMAS, ref
from calcigram.server.uploads import DICOM, READING_OPTIONS

_Document = dict[str, Any]

ABOUT = (
    "Reads clusters of breast calcifications twice, by a model and by rules, and says where the "
    f"two agree. {NOTICE} Send no names or numbers of patients: nothing here needs them."
)


def problem_answers(*statuses: int) -> dict[int | str, _Document]:
    """Return the descriptions of answers that are no success."""
    kinds = {
        status: [kind for kind, (code, _) in problems.KINDS.items() if code == status]
        for status in statuses
    }
    return {
        status: {
            "description": "; or: ".join(problems.KINDS[kind][1] for kind in kinds[status]),
            "content": {
                problems.MEDIA_TYPE: {
                    "schema": ref("Problem"),
                    "examples": {kind: _problem_example(kind) for kind in kinds[status]},
                }
            },
        }
        for status in statuses
    }


def _problem_example(kind: str) -> _Document:
    body = examples.PROBLEMS[kind].body("8f14e45fceea467f9a1bdd3f0d2f7c11")
    return {"summary": problems.KINDS[kind][1], "value": json.loads(body)}


GUARDED = (401, 403, 421, 429, 500, 503)
"""Statuses that any guarded address may answer with."""


def operation(
    name: str,
    tag: str,
    content: _Document,
    *statuses: int,
    body: _Document | None = None,
    parameters: list[_Document] | None = None,
    open_to_all: bool = False,
) -> _Document:
    """Return what a route is declared with."""
    always = (403, 421, 500) if open_to_all else GUARDED
    if body is not None:
        always = (*always, 408)
    extra: _Document = {} if body is None else {"requestBody": body}
    if parameters:
        extra["parameters"] = parameters
    if not open_to_all:
        extra["security"] = [{"token": []}, {}]
    return {
        "operation_id": name,
        "tags": [tag],
        "responses": {
            200: {"description": "It was done.", "content": content},
            **problem_answers(*sorted({*always, *statuses})),
        },
        "openapi_extra": extra,
    }


_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _json(name: str) -> _Document:
    return {JSON: {"schema": ref(name)}}


_PARAMETER_EXAMPLES = {
    "columns": "x=posX,y=posY",
    "units": "px",
    "pixel_spacing": 0.07,
    "single_cluster": "A7",
}
_PARAMETER_SCHEMAS: _Document = {
    "units": {"type": "string", "enum": list(UNITS)},
    "pixel_spacing": {
        "type": "number",
        "minimum": PIXEL_SPACING_MM[0],
        "maximum": PIXEL_SPACING_MM[1],
    },
}
_READING = [
    {
        "name": name,
        "in": "query",
        "description": f"How the body is to be read: {meaning}.",
        "schema": _PARAMETER_SCHEMAS.get(name, {"type": "string"}),
        "example": _PARAMETER_EXAMPLES[name],
    }
    for name, meaning in READING_OPTIONS.items()
]

CLASSIFY = operation(
    "classify",
    "reading",
    {JSON: {"schema": ref("Verdicts")}, ARROW: _BINARY, PARQUET: _BINARY, CSV: _BINARY},
    400, 406, 413, 415, 422,
    parameters=_READING,
    body={
        "required": True,
        "description": "One cluster, or many; where a body's fields have other names than ours, its field "
        "`columns` says which: `{\"columns\": {\"x_mm\": \"posX\"}, \"posX\": [0, 1], ...}`. Files (CSV, Parquet, DICOM reports) are told apart by "
        "their content; Arrow, Parquet and CSV are answered in kind unless `Accept` says otherwise.",
        "content": {
            JSON: {
                "schema": {"anyOf": [ref("Clusters"), ref("Cluster")]},
                "examples": {
                    "points": {"summary": "one cluster, a list of points", "value": examples.POINTS},
                    "columns": {"summary": "many clusters, an array a mark", "value": examples.COLUMNS},
                },
            },
            ARROW: _BINARY,
            PARQUET: _BINARY,
            CSV: {
                "schema": {"type": "string"},
                "example": examples.TABLE,
            },
            DICOM: _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    },
)  # fmt: skip
EXPLAIN = operation(
    "explain",
    "reading",
    _json("Explanation"),
    400, 413, 415, 422,
    parameters=_READING,
    body={
        "required": True,
        "description": "One cluster.",
        "content": {
            JSON: {"schema": ref("Cluster"), "example": examples.POINTS},
            CSV: {"schema": {"type": "string"}, "example": examples.TABLE},
            **dict.fromkeys((ARROW, PARQUET, DICOM), _BINARY),
        },
    },
)  # fmt: skip
MODEL = operation("model", "about", _json("Model"))
RULES = operation("rules", "about", _json("Rules"))
LIVE = operation("live", "health", _json("Live"), open_to_all=True)
READY = operation("ready", "health", _json("Ready"), 503, open_to_all=True)
METRICS = operation("metrics", "health", {METRICS_TYPE: {"schema": {"type": "string"}}})


V2_LIVE = operation("v2_live", "open inference", _json("Live"), open_to_all=True)
V2_READY = operation("v2_ready", "open inference", _json("Ready"), 503, open_to_all=True)
V2_SERVER = operation("v2_server", "open inference", _json("V2Server"))
V2_MODEL = operation("v2_model", "open inference", _json("V2Model"))
V2_MODEL_READY = operation("v2_model_ready", "open inference", _json("V2ModelReady"))

V2_INFER = operation(
    "v2_infer",
    "open inference",
    {JSON: {"schema": ref("V2Response")}, "application/octet-stream": _BINARY},
    400, 413, 415, 422,
    body={
        "required": True,
        "description": "Tensors `points` (N, 2 to 7) and `offsets` (C + 1), also in binary.",
        "content": {JSON: {"schema": ref("V2Request"), "example": examples.TENSORS}},
    },
)  # fmt: skip


def complete(document: _Document, answers: Mapping[tuple[str, str], Any]) -> _Document:
    """Add to the document that FastAPI makes what it cannot know.

    Parameters
    ----------
    document : dict
    answers : mapping
        As `answered.answers_of` returns them.
    """
    document["info"]["description"] = ABOUT
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(SCHEMAS)
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path in document["paths"].values():
        for one in path.values():
            if one.get("responses", {}).get("422", {}).get("content", {}).get("application/json"):
                del one["responses"]["422"]
            for media_type, content in one["responses"]["200"]["content"].items():
                answer = answers.get((one["operationId"], media_type))
                if answer is not None:
                    content["example"] = answer
    return document
