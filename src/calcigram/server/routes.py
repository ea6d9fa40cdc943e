"""The addresses under ``/v1``, ``/health`` and ``/metrics``, and what OpenAPI says of every address.

A route reads its body, leaves the work to `service`, and writes the response. Types of bodies
stand in `schemas`, examples in `examples`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.formparsers import MultiPartException

from calcigram.longtable.headings import UNITS
from calcigram.server import children, examples, problems, schemas
from calcigram.server.inputs import ANY, DEFAULT_RESPONSE, DICOM, read_json
from calcigram.server.problems import Fault, Problem
from calcigram.server.responses import (
    ARROW,
    CSV,
    JSON,
    NOTICE,
    PARQUET,
    choose_media_type,
    table_body,
)
from calcigram.server.schemas import ReadingParameters, ref
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

router = APIRouter()


def documented(
    name: str,
    tag: str,
    *statuses: int,
    body: _Document | None = None,
    content: _Document | None = None,
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
    open_to_all : bool
        Whether no token is needed.
    """
    always = (403, 421, 500) if open_to_all else (401, 403, 421, 429, 500, 503)
    extra: _Document = {} if open_to_all else {"security": [{"token": []}, {}]}
    if body is not None:
        always = (*always, 408)
        extra["requestBody"] = {"required": True, **body}
    return {
        "operation_id": name,
        "tags": [tag],
        "responses": {
            200: {"description": "It was done.", "content": content or {}},
            **{status: _refusals(status) for status in sorted({*always, *statuses})},
        },
        "openapi_extra": extra,
    }


def _refusals(status: int) -> _Document:
    titles = {kind: title for kind, (code, title) in problems.KINDS.items() if code == status}
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
        "content": {problems.MEDIA_TYPE: content},
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


_READING = Annotated[ReadingParameters, Query()]
_CLUSTER = [ref(schemas.ClusterOfPoints), ref(schemas.ClusterOfColumns)]
_CSV_BODY = {CSV: {"schema": {"type": "string"}, "example": examples.TABLE}}


@router.post(
    "/v1/classify",
    response_model=schemas.Verdicts,
    **documented(
        "classify", "reading", 400, 406, 413, 415, 422,
        content=dict.fromkeys((ARROW, PARQUET, CSV), BINARY),
        body={
            "description": "One cluster, or many; where a body's fields have other names than ours, its field "
            "`columns` says which: `{\"columns\": {\"x_mm\": \"posX\"}, \"posX\": [0, 1], ...}`. Files (CSV, Parquet, DICOM reports) are told apart by "
            "their content; Arrow, Parquet and CSV are answered in kind unless `Accept` says otherwise.",
            "content": {
                JSON: {
                    "schema": {"anyOf": [ref(schemas.Clusters), *_CLUSTER]},
                    "examples": {
                        "points": {"summary": "one cluster, a list of points", "value": examples.POINTS},
                        "columns": {"summary": "many clusters, an array a mark", "value": examples.COLUMNS},
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
async def classify(request: Request, parameters: _READING) -> Response:
    """Read clusters by the model and by the rules, and cross-check the two."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = _options(parameters, media_type)
    wanted = choose_media_type(request.headers.get("accept", ""), DEFAULT_RESPONSE[media_type])
    if media_type == JSON and len(body) <= SMALL_BYTES:
        points = read_json(body, service.settings, **options)
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
async def explain(request: Request, parameters: _READING) -> Response:
    """Say why one cluster is read so: what moved the model, which rules fired, what would turn it."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = _options(parameters, media_type)
    _, content = await service.run(children.explain, body, media_type, options, service.settings)
    return Response(content, media_type=JSON)


@router.get("/v1/model", response_model=schemas.Model, **documented("model", "about"))
async def model(request: Request) -> Response:
    """Say which model reads, how it was trained and checked, and what it measures."""
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
    """Answer, as long as the process does."""
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
    """Say whether requests are taken: the model is loaded and the kernels are compiled."""
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


# --- bodies of requests


def _options(parameters: ReadingParameters, media_type: str) -> dict[str, Any]:
    """Return what the address says of how a body is to be read, as `read_clusters` takes it."""
    given = parameters.model_dump(exclude_none=True)
    if media_type == JSON:
        for name in given.keys() - {"columns"}:
            raise Problem.of_value(name, "nothing beside JSON, which is in mm", given[name])
    return given


def bad_parameter(error: Any) -> Problem:
    """Return the problem of a parameter of the address, as FastAPI found it."""
    first = error.errors()[0]
    name = str(first["loc"][-1])
    is_unit = name == "units"
    expected = f"one of {', '.join(UNITS if is_unit else ReadingParameters.model_fields)}"
    return Problem.of_error_details(first, [name], expected)


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
