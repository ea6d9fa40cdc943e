"""The addresses, and how OpenAPI describes each.

A route reads its body, leaves the work to `service`, and writes the response. Types of bodies
stand in `schemas`, examples in `examples`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.formparsers import MultiPartException

from calcigram.errors import BadInputError
from calcigram.limits import PIXEL_SPACING_MM
from calcigram.options import OPTIONS, UNITS, ReadOptions
from calcigram.server import children, examples, schemas
from calcigram.server import openinference as v2
from calcigram.server.inputs import ANY, DEFAULT_RESPONSE, DICOM, read_json
from calcigram.server.responses import (
    ARROW,
    CSV,
    JSON,
    KINDS,
    NOTICE,
    PARQUET,
    PROBLEM_TYPE,
    Fault,
    Problem,
    choose_media_type,
    encode,
    table_body,
)
from calcigram.server.schemas import ref
from calcigram.server.service import SMALL_BYTES, SMALL_POINTS, Service
from calcigram.server.telemetry import METRICS_TYPE

_Document = dict[str, Any]

FORM = "multipart/form-data"
FIELD = "file"

ABOUT = (
    "Reads clusters of breast calcifications twice, by a model and by rules, and says where the "
    f"two agree. {NOTICE} Send no names or numbers of patients: nothing here needs them."
)

BINARY: _Document = {"schema": {"type": "string", "format": "binary"}}

_SCHEMAS: _Document = {
    "columns": {"type": "string", "examples": ["x=posX,y=posY"]},
    "units": {"type": "string", "enum": list(UNITS), "examples": ["px"]},
    "pixel_spacing": {
        "anyOf": [
            {"type": "number", "minimum": PIXEL_SPACING_MM[0], "maximum": PIXEL_SPACING_MM[1]},
            {"type": "string", "pattern": r"^\d*\.?\d+,\d*\.?\d+$"},
        ],
        "examples": [0.07],
    },
    "single_cluster": {"type": "string", "examples": ["A7"]},
    "sheet": {"type": "string", "examples": ["Sheet1"]},
    "labels": {"type": "string", "minLength": 1, "examples": ["calcification"]},
    "regions": {"type": "string", "minLength": 1, "examples": ["cluster"]},
    "threshold": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "examples": [0.5]},
}

READING_PARAMETERS = [
    {"name": name, "in": "query", "description": OPTIONS[name]["meaning"], "schema": schema}
    for name, schema in _SCHEMAS.items()
]
"""Parameters of the address that say how the body is to be read, for OpenAPI."""

router = APIRouter()


def documented(
    name: str,
    tag: str,
    *statuses: int,
    body: _Document | None = None,
    content: _Document | None = None,
    reads_clusters: bool = False,
    open_to_all: bool = False,
) -> _Document:
    """Return what a route is declared with, for OpenAPI.

    Parameters
    ----------
    name : str
        Of the operation; its example response has the same name in `examples`.
    tag : str
    *statuses : int
        Of refusals, beside those that every route may answer with.
    body : dict, optional
        The media types of a request's body, and how it is described.
    content : dict, optional
        Media types of the response beside JSON.
    reads_clusters : bool
        Whether the address takes `READING_PARAMETERS`.
    open_to_all : bool
        Whether no token is needed.
    """
    always = (403, 421, 500) if open_to_all else (401, 403, 421, 429, 500, 503)
    extra: _Document = {} if open_to_all else {"security": [{"token": []}, {}]}
    if body is not None:
        always = (*always, 408)
        extra["requestBody"] = {"required": True, **body}
    if reads_clusters:
        extra["parameters"] = READING_PARAMETERS
    return {
        "operation_id": name,
        "tags": [tag],
        "responses": {
            200: {"description": "Success.", "content": content or {}},
            **{status: _refusals(status) for status in sorted({*always, *statuses})},
        },
        "openapi_extra": extra,
    }


def _refusals(status: int) -> _Document:
    titles = {kind: title for kind, (code, title) in KINDS.items() if code == status}
    shown = {
        kind: {
            "summary": title,
            "value": json.loads(examples.PROBLEMS[kind].body("8f14e45fceea467f9a1bdd3f0d2f7c11")),
        }
        for kind, title in titles.items()
    }
    content = {"schema": ref(schemas.Problem), "examples": shown}
    return {
        "description": "; or: ".join(titles.values()),
        "content": {PROBLEM_TYPE: content},
    }


def complete(document: _Document, shown: Mapping[tuple[str, str], Any]) -> _Document:
    """Add to the document that FastAPI makes what it cannot know.

    Parameters
    ----------
    document : dict
    shown : mapping
        Example responses, as `examples.responses_of` returns them.
    """
    document["info"]["description"] = ABOUT
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas.components())
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path in document["paths"].values():
        for one in path.values():
            for media_type, content in one["responses"]["200"]["content"].items():
                example = shown.get((one["operationId"], media_type))
                if example is not None:
                    content["example"] = example
    return document


def service_of(request: Request) -> Service:
    """Return what the application of a request was made of."""
    service: Service = request.app.state.service
    return service


_CLUSTER = [ref(schemas.ClusterOfPoints), ref(schemas.ClusterOfColumns)]
_CSV_BODY = {CSV: {"schema": {"type": "string"}, "example": examples.TABLE}}


@router.post(
    "/v1/classify",
    response_model=schemas.Verdicts,
    **documented(
        "classify", "reading", 400, 406, 413, 415, 422,
        reads_clusters=True,
        content=dict.fromkeys((ARROW, PARQUET, CSV), BINARY),
        body={
            "description": "One cluster, or many; where a body's fields have other names than ours, its field "
            "`columns` says which: `{\"columns\": {\"x_mm\": \"posX\"}, \"posX\": [0, 1], ...}`. Files (CSV, Parquet, workbooks, DICOM, masks, annotations; JSON of annotations as application/octet-stream or in a form) are distinguished by "
            "their content; Arrow, Parquet and CSV are answered in kind unless `Accept` says otherwise.",
            "content": {
                JSON: {
                    "schema": {"anyOf": [ref(schemas.Clusters), *_CLUSTER]},
                    "examples": {
                        "points": {"summary": "one cluster, a list of points", "value": examples.POINTS},
                        "columns": {"summary": "many clusters, one array per mark", "value": examples.COLUMNS},
                    },
                },
                **_CSV_BODY,
                **dict.fromkeys((ARROW, PARQUET, DICOM), BINARY),
                FORM: {
                    "schema": {
                        "type": "object",
                        "required": [FIELD],
                        "properties": {FIELD: BINARY["schema"]},
                    }
                },
            },
        },
    ),
)  # fmt: skip
async def classify(request: Request) -> Response:
    """Read clusters by the model and by the rules, and cross-check the two."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = reading_options(request, media_type)
    wanted = choose_media_type(request.headers.get("accept", ""), DEFAULT_RESPONSE[media_type])
    if media_type == JSON and len(body) <= SMALL_BYTES:
        points = read_json(body, service.settings, columns=options.columns)
        if points.n_points <= SMALL_POINTS:
            if wanted == JSON:
                content = await service.submit(points, as_json=True)
            else:
                verdicts = await service.submit(points, as_json=False)
                content = await asyncio.to_thread(table_body, verdicts, wanted)
            return Response(content, media_type=wanted)
    _, content = await service.run(
        children.classify, body, media_type, wanted, options, service.settings
    )
    return Response(content, media_type=wanted)


@router.post(
    "/v1/explain",
    response_model=schemas.Explanation,
    **documented(
        "explain", "reading", 400, 413, 415, 422,
        reads_clusters=True,
        body={
            "description": "One cluster.",
            "content": {
                JSON: {"schema": {"oneOf": _CLUSTER}, "example": examples.POINTS},
                **_CSV_BODY,
                **dict.fromkeys((ARROW, PARQUET, DICOM), BINARY),
            },
        },
    ),
)  # fmt: skip
async def explain(request: Request) -> Response:
    """Explain the reading of one cluster: what moved the model, which rules fired, what would change it."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = reading_options(request, media_type)
    _, content = await service.run(children.explain, body, media_type, options, service.settings)
    return Response(content, media_type=JSON)


@router.get("/v1/model", response_model=schemas.Model, **documented("model", "about"))
async def model(request: Request) -> Response:
    """Describe the model: how it was trained and checked, and what it measures."""
    return Response(service_of(request).model_document, media_type=JSON)


@router.get("/v1/rules", response_model=schemas.Rules, **documented("rules", "about"))
async def rules(request: Request) -> Response:
    """Give the recognition rules and the two rulebooks."""
    return Response(service_of(request).rules_document, media_type=JSON)


@router.get(
    "/v2/health/live",
    response_model=schemas.Live,
    **documented("v2_live", "open inference", open_to_all=True),
)
@router.get(
    "/health/live",
    response_model=schemas.Live,
    **documented("live", "health", open_to_all=True),
)
async def live() -> Response:
    """Answer while the process runs."""
    return Response(b'{"live":true}', media_type=JSON)


@router.get(
    "/v2/health/ready",
    response_model=schemas.Ready,
    **documented("v2_ready", "open inference", 503, open_to_all=True),
)
@router.get(
    "/health/ready",
    response_model=schemas.Ready,
    **documented("ready", "health", 503, open_to_all=True),
)
async def ready(request: Request) -> Response:
    """Tell whether the server accepts requests: the model is loaded and the kernels are compiled."""
    if not service_of(request).is_ready:
        raise Problem("stopping", "The server starts or stops.", retry_after=1)
    return Response(b'{"ready":true}', media_type=JSON)


@router.get(
    "/metrics",
    response_class=Response,
    **documented("metrics", "health", content={METRICS_TYPE: {"schema": {"type": "string"}}}),
)
async def metrics(request: Request) -> Response:
    """Give the counters for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=METRICS_TYPE)


# --- the Open Inference Protocol

_V2 = "open inference"
_MODEL = f"/v2/models/{v2.NAME}"
_VERSIONED = f"{_MODEL}/versions/{v2.VERSION}"


@router.get("/v2", response_model=schemas.V2Server, **documented("v2_server", _V2))
async def server_metadata() -> Response:
    """Name the server and its extensions of the protocol."""
    return Response(encode(v2.server_document()), media_type=JSON)


@router.get(f"{_VERSIONED}/ready", include_in_schema=False)
@router.get(
    f"{_MODEL}/ready", response_model=schemas.V2ModelReady, **documented("v2_model_ready", _V2)
)
async def model_ready(request: Request) -> Response:
    """Tell whether the model is ready."""
    return Response(
        encode({"name": v2.NAME, "ready": service_of(request).is_ready}), media_type=JSON
    )


@router.get(_VERSIONED, include_in_schema=False)
@router.get(_MODEL, response_model=schemas.V2Model, **documented("v2_model", _V2))
async def model_metadata(request: Request) -> Response:
    """Describe the tensors."""
    return Response(encode(v2.model_document(service_of(request).datatypes)), media_type=JSON)


@router.post(f"{_VERSIONED}/infer", include_in_schema=False)
@router.post(
    f"{_MODEL}/infer",
    response_model=schemas.V2Response,
    **documented(
        "v2_infer", _V2, 400, 413, 415, 422,
        content={ANY: BINARY},
        body={
            "description": "Tensors `points` (N, 2 to 7) and `offsets` (C + 1), also in binary.",
            "content": {JSON: {"schema": ref(schemas.V2Request), "example": examples.TENSORS}},
        },
    ),
)  # fmt: skip
async def infer(request: Request) -> Response:
    """Read clusters: `points` (N, 2 to 7), the marks in order; `offsets` (C + 1) into its rows."""
    service = service_of(request)
    header_length = request.headers.get(v2.HEADER_LENGTH)
    if "content-type" in request.headers:  # the protocol's own clients send none
        check_type(request, (JSON, ANY))
    content = await request.body()
    points = None
    if len(content) <= SMALL_BYTES:
        asked, points = v2.read(content, header_length, service.settings)
    if points is not None and points.n_points <= SMALL_POINTS:
        body, n_json = v2.written(asked, await service.submit(points, as_json=False))
    else:
        header, body = await service.run(children.infer, content, header_length, service.settings)
        n_json = header["n_json"]
    if n_json is None:
        return Response(body, media_type=JSON)
    return Response(body, media_type=ANY, headers={v2.HEADER_LENGTH: str(n_json)})


# --- bodies of requests


def reading_options(request: Request, media_type: str) -> ReadOptions:
    """Return how the body is to be read, as the query of the address states it.

    Raises
    ------
    Problem
        A parameter is unknown, or its value is not what was expected.
    """
    if not request.scope["query_string"]:
        return ReadOptions()
    query: dict[str, Any] = dict(request.query_params)
    for name in query:
        if name not in _SCHEMAS:
            raise Problem.of_value(name, f"one of {', '.join(_SCHEMAS)}", query[name])
        if media_type == JSON and name != "columns":
            raise Problem.of_value(name, "nothing beside JSON, which is in mm", query[name])
    try:
        return ReadOptions(**query)
    except BadInputError as error:
        raise Problem.of_error(error) from None


def check_type(request: Request, readable: tuple[str, ...]) -> str:
    """Return the media type of a body.

    A browser sends a form of another origin without asking, but none of these types.

    Raises
    ------
    Problem
        There is none, or it is none of `readable`.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in readable:
        names = ", ".join(readable)
        got = given[:80] or "no Content-Type"
        raise Problem(
            "media-type",
            f"Send one of {names}; got {got}.",
            [Fault("Content-Type", f"one of {names}", got)],
        )
    return given


async def body_of(request: Request) -> tuple[str, bytes]:
    """Return the media type and the bytes of what was sent, also of a file in a form.

    Raises
    ------
    Problem
        The media type is none that can be read.
    """
    given = check_type(request, (*DEFAULT_RESPONSE, FORM))
    if given == FORM:
        try:
            async with request.form(max_files=1, max_fields=10) as form:
                file = form.get(FIELD)
                if file is None or isinstance(file, str):
                    raise Problem.of_value(FIELD, "a file in the field of this name")
                return ANY, await file.read()
        except (MultiPartException, KeyError) as error:
            problem = f"The form cannot be read: {error}."
            raise Problem("bad-request", problem, [Fault("body", "a form", str(error))]) from None
    return given, await request.body()
