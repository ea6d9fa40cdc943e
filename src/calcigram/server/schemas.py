"""The schemas of the OpenAPI description: clusters in, verdicts and documents out.

Those of clusters are made from `clusters.MARKS`, those of verdicts from the columns of the
verdict table, so that they cannot fall behind.
"""

from __future__ import annotations

from typing import Any

from calcigram.clusters import CLUSTER_COLUMNS, MARKS, Column
from calcigram.crosscheck.layout import COLUMNS
from calcigram.server.jsonbody import MAX_ID_LENGTH, limits_of

_Document = dict[str, Any]


def ref(name: str) -> _Document:
    """Return a reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _number(column: Column, *, nullable: bool) -> _Document:
    kind: Any = ["number", "null"] if nullable else "number"
    return {"type": kind, "description": f"{column.unit}: {column.expected}", **limits_of(column)}


def _point() -> _Document:
    return {
        "type": "object",
        "required": [column.name for column in MARKS if column.required],
        "properties": {c.name: _number(c, nullable=not c.required) for c in MARKS},
        "additionalProperties": False,
    }


def _cluster(form: str) -> _Document:
    """Return the schema of a cluster in one of its two forms."""
    own: _Document = {
        "cluster_id": {"type": ["string", "null"], "maxLength": MAX_ID_LENGTH},
        **{column.name: _number(column, nullable=True) for column in CLUSTER_COLUMNS},
    }
    if form == "points":
        own["points"] = {"type": "array", "items": {"$ref": "#/components/schemas/Point"}}
        required = ["points"]
    else:
        own |= {
            c.name: {
                "type": "array",
                "items": _number(c, nullable=not c.required),
                "description": "all arrays of a cluster have the same length",
            }
            for c in MARKS
        }
        required = [c.name for c in MARKS if c.required]
    return {
        "type": "object",
        "required": required,
        "properties": own,
        "additionalProperties": False,
    }


_HOLDS: dict[Any, _Document] = {
    str: {"type": ["string", "null"]},
    int: {"type": "integer", "minimum": 0},
    bool: {"type": "boolean"},
    float: {"type": ["number", "null"], "minimum": 0, "maximum": 1},
}


def _verdict() -> _Document:
    properties: _Document = {
        column.name: _HOLDS[column.holds]
        if isinstance(column.holds, type)
        else {"type": ["string", "null"], "enum": [*map(str, column.holds), None]}
        for column in COLUMNS
    }
    return {"type": "object", "required": list(properties), "properties": properties}


_TEXT = {"type": "string"}
_NUMBER = {"type": ["number", "null"]}
_SHAPE = {"type": "array", "items": {"type": "integer"}}
_LENGTHS = {"type": "array", "items": {"type": "integer", "minimum": 0}}


def _object(about: str = "", /, **properties: _Document) -> _Document:
    """Return the schema of an object that has all of these; with none, of any object."""
    schema: _Document = {"type": "object"}
    if about:
        schema["description"] = about
    if properties:
        schema |= {"required": list(properties), "properties": properties}
    return schema


def _list(**properties: _Document) -> _Document:
    return {"type": "array", "items": _object(**properties)}


SCHEMAS: _Document = {
    "Point": _point(),
    "ClusterOfPoints": _cluster("points"),
    "ClusterOfColumns": _cluster("columns"),
    "Cluster": {
        "oneOf": [
            {"$ref": "#/components/schemas/ClusterOfPoints"},
            {"$ref": "#/components/schemas/ClusterOfColumns"},
        ]
    },
    "Clusters": {
        "type": "object",
        "required": ["clusters"],
        "properties": {
            "clusters": {"type": "array", "items": {"$ref": "#/components/schemas/Cluster"}}
        },
        "additionalProperties": False,
    },
    "Verdict": _verdict(),
    "Verdicts": {
        "type": "object",
        "required": ["notice", "verdicts"],
        "properties": {
            "notice": {"type": "string"},
            "verdicts": {"type": "array", "items": {"$ref": "#/components/schemas/Verdict"}},
            "notes": {"type": "array", "items": {"type": "string"}},
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457)",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "error": {"type": "string", "description": "the detail, for Open Inference clients"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        name: {"type": "string"} for name in ("field", "value", "expected")
                    },
                },
            },
        },
    },
    "Explanation": _object(
        notice=_TEXT,
        cluster_id=_TEXT,
        n_calcifications={"type": "integer", "minimum": 0},
        model=_object("the model's words, probabilities and sets"),
        rules=_object("the rules' words, and the concerns that follow"),
        review={"type": "boolean"},
        reason=_TEXT,
        why=_list(
            axis=_TEXT,
            word=_TEXT,
            other=_TEXT,
            log_odds=_NUMBER,
            start=_NUMBER,
            families=_object("log-odds by family of features"),
            features=_list(
                feature=_TEXT, family=_TEXT, unit=_TEXT, value=_NUMBER, log_odds=_NUMBER
            ),
        ),
        fired=_list(rule=_TEXT, word=_TEXT, conditions={"type": "array"}),
        missed=_list(rule=_TEXT, word=_TEXT, conditions={"type": "array"}),
        examples=_list(name=_TEXT, distribution=_TEXT, morphology=_TEXT, likeness=_NUMBER),
        changes=_list(
            kind=_TEXT, distribution=_TEXT, morphology=_TEXT, concern={"type": ["string", "null"]}
        ),
        risk=_object(p_malignant=_NUMBER, p_malignant_low=_NUMBER, p_malignant_high=_NUMBER),
        model_version=_TEXT,
    ),
    "Model": _object(
        notice=_TEXT,
        calcigram=_TEXT,
        version=_TEXT,
        digest={"type": "string", "pattern": "^[0-9a-f]{64}$"},
        catalogue_hash=_TEXT,
        card=_object("how the model was trained, and its figures on clusters held out"),
        features=_list(name=_TEXT, family=_TEXT, unit=_TEXT, formula=_TEXT, source=_TEXT),
    ),
    "Rules": _object(
        notice=_TEXT,
        recognition=_list(rule=_TEXT, feature=_TEXT, source=_TEXT),
        rulebooks=_object("the lines of each rulebook"),
    ),
    "Live": _object(live={"type": "boolean"}),
    "Ready": _object(ready={"type": "boolean"}),
    "V2Server": _object(name=_TEXT, version=_TEXT, extensions={"type": "array", "items": _TEXT}),
    "V2ModelReady": _object(name=_TEXT, ready={"type": "boolean"}),
    "V2Model": _object(
        name=_TEXT,
        versions={"type": "array", "items": _TEXT},
        platform=_TEXT,
        inputs=_list(name=_TEXT, datatype=_TEXT, shape=_SHAPE),
        outputs=_list(name=_TEXT, datatype=_TEXT, shape=_SHAPE),
    ),
    "V2Request": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": ["string", "null"]},
            "inputs": _list(name=_TEXT, shape=_LENGTHS, datatype=_TEXT, data={"type": "array"}),
            "outputs": _list(name=_TEXT) | {"type": ["array", "null"]},
        },
    },
    "V2Response": _object(
        model_name=_TEXT,
        model_version=_TEXT,
        outputs=_list(name=_TEXT, shape=_LENGTHS, datatype=_TEXT),
    ),
}
"""Schemas that others refer to."""
