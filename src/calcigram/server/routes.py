"""The addresses, and how OpenAPI describes each, with examples: what to send, and what the response is.

A route reads its body, leaves the work to `service`, and writes the response. Types of bodies
stand in `schemas`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.formparsers import MultiPartException

from calcigram.errors import BadInputError
from calcigram.limits import PIXEL_SPACING_MM
from calcigram.options import OPTIONS, UNITS, ReadOptions
from calcigram.server import children, schemas
from calcigram.server import openinference as v2
from calcigram.server.inputs import ANY, DEFAULT_RESPONSE, DICOM, gather, read_json
from calcigram.server.responses import (
    ARROW,
    CSV,
    JSON,
    KINDS,
    NOTICE,
    PARQUET,
    PROBLEM_TYPE,
    PROBLEMS,
    Fault,
    Json,
    Problem,
    choose_media_type,
    encode,
    json_body,
    records_of,
    table_body,
)
from calcigram.server.schemas import ref
from calcigram.server.service import SMALL_BYTES, SMALL_POINTS, Service
from calcigram.server.telemetry import METRICS_TYPE

_Document = dict[str, Any]

FORM = "multipart/form-data"
FIELD = "file"

MAX_ITEMS = 2
"""Items that are left of a long list in an example."""

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

ABOUT = (
    "Reads clusters of breast calcifications twice, by a model and by rules, and says where the "
    f"two agree. {NOTICE} Send no names or numbers of patients: nothing here needs them."
)

BINARY: _Document = {"schema": {"type": "string", "format": "binary"}}

_V2 = "open inference"

_QUERY: _Document = {
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
"""Parameters of the address that say how the body is to be read, and their schemas."""

router = APIRouter()


def address(
    path: str,
    name: str,
    tag: str,
    model: Any,
    statuses: tuple[int, ...] = (),
    *,
    body: _Document | None = None,
    content: _Document | None = None,
    reads_clusters: bool = False,
    open_to_all: bool = False,
) -> Any:
    """Return a decorator that makes a function the route of an address, described for OpenAPI.

    Parameters
    ----------
    path : str
    name : str
        Of the operation; its example response has the same name in `responses_of`.
    tag : str
    model : type
        Of the response, in `schemas`; None where it is no JSON.
    statuses : tuple of int
        Of refusals, beside those that every route may answer with.
    body : dict, optional
        The media types of a request's body, and how it is described: the address takes POST, without it GET.
    content : dict, optional
        Media types of the response beside JSON.
    reads_clusters : bool
        Whether the address takes the parameters of `_QUERY`.
    open_to_all : bool
        Whether no token is needed.
    """
    always = (403, 421, 500) if open_to_all else (401, 403, 421, 429, 500, 503)
    extra: _Document = {} if open_to_all else {"security": [{"token": []}, {}]}
    if body is not None:
        always = (*always, 408)
        extra["requestBody"] = {"required": True, **body}
    if reads_clusters:
        extra["parameters"] = [
            {"name": name, "in": "query", "description": OPTIONS[name]["meaning"], "schema": schema}
            for name, schema in _QUERY.items()
        ]
    return router.api_route(
        path,
        methods=["GET" if body is None else "POST"],
        response_model=model,
        response_class=Json if model else Response,
        operation_id=name,
        tags=[tag],
        responses={
            200: {"description": "Success.", "content": content or {}},
            **{status: _refusals(status) for status in sorted({*always, *statuses})},
        },
        openapi_extra=extra,
    )


def _refusals(status: int) -> _Document:
    titles = {kind: title for kind, (code, title) in KINDS.items() if code == status}
    shown = {
        kind: {
            "summary": title,
            "value": json.loads(PROBLEMS[kind].body("8f14e45fceea467f9a1bdd3f0d2f7c11")),
        }
        for kind, title in titles.items()
    }
    content = {"schema": ref(schemas.Problem), "examples": shown}
    return {"description": "; or: ".join(titles.values()), "content": {PROBLEM_TYPE: content}}


def describe(app: FastAPI) -> None:
    """Add to the OpenAPI document, which FastAPI makes and keeps, what it cannot know.

    Parameters
    ----------
    app : FastAPI
    """
    document, shown = app.openapi(), responses_of(app.state.service)
    document["info"]["description"] = ABOUT
    document["components"]["schemas"] |= schemas.components()
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path in document["paths"].values():
        for one in path.values():
            for media_type, content in one["responses"]["200"]["content"].items():
                example = shown.get((one["operationId"], media_type))
                if example is not None:
                    content["example"] = example


def service_of(request: Request) -> Service:
    """Return what the application of a request was made of."""
    return request.app.state.service  # type: ignore[no-any-return]


_CLUSTER = [ref(schemas.ClusterOfPoints), ref(schemas.ClusterOfColumns)]
_FILES = {
    CSV: {"schema": {"type": "string"}, "example": TABLE},
    **dict.fromkeys((ARROW, PARQUET, DICOM), BINARY),
}
_FORM = {"type": "object", "required": [FIELD], "properties": {FIELD: BINARY["schema"]}}


@address(
    "/v1/classify",
    "classify",
    "reading",
    schemas.Verdicts,
    (400, 406, 413, 415, 422),
    reads_clusters=True,
    content=dict.fromkeys((ARROW, PARQUET, CSV), BINARY),
    body={
        "description": "One cluster, or many; where a body's fields have other names than ours, its field "
        '`columns` says which: `{"columns": {"x_mm": "posX"}, "posX": [0, 1], ...}`. Files (CSV, Parquet, workbooks, DICOM, masks, annotations; JSON of annotations as application/octet-stream or in a form) are distinguished by '
        "their content; Arrow, Parquet and CSV are answered in kind unless `Accept` says otherwise.",
        "content": {
            JSON: {
                "schema": {"anyOf": [ref(schemas.Clusters), *_CLUSTER]},
                "examples": {
                    "points": {"summary": "one cluster, a list of points", "value": POINTS},
                    "columns": {"summary": "many clusters, one array per mark", "value": COLUMNS},
                },
            },
            **_FILES,
            FORM: {"schema": _FORM},
        },
    },
)
async def classify(request: Request) -> Response:
    """Read clusters by the model and by the rules, and cross-check the two."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = reading_options(request, media_type)
    wanted = choose_media_type(request.headers.get("accept", ""), DEFAULT_RESPONSE[media_type])
    if media_type == JSON and len(body) <= SMALL_BYTES:
        points = read_json(body, service.settings, columns=options.columns)
        if points.n_points <= SMALL_POINTS:
            content = await service.submit(points, as_json=wanted == JSON)
            if wanted != JSON:
                content = await asyncio.to_thread(table_body, content, wanted)
            return Response(content, media_type=wanted)
    _, content = await service.run(
        children.classify, body, media_type, wanted, options, service.settings
    )
    return Response(content, media_type=wanted)


@address(
    "/v1/explain",
    "explain",
    "reading",
    schemas.Explanation,
    (400, 413, 415, 422),
    reads_clusters=True,
    body={
        "description": "One cluster.",
        "content": {
            JSON: {"schema": {"oneOf": _CLUSTER}, "example": POINTS},
            **_FILES,
        },
    },
)
async def explain(request: Request) -> Response:
    """Explain the reading of one cluster: what moved the model, which rules fired, what would change it."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = reading_options(request, media_type)
    _, content = await service.run(children.explain, body, media_type, options, service.settings)
    return Response(content, media_type=JSON)


@address("/v1/model", "model", "about", schemas.Model)
async def model(request: Request) -> Response:
    """Describe the model: how it was trained and checked, and what it measures."""
    return Response(service_of(request).model_document, media_type=JSON)


@address("/v1/rules", "rules", "about", schemas.Rules)
async def rules(request: Request) -> Response:
    """Give the recognition rules and the two rulebooks."""
    return Response(service_of(request).rules_document, media_type=JSON)


@address("/v2/health/live", "v2_live", _V2, schemas.Live, open_to_all=True)
@address("/health/live", "live", "health", schemas.Live, open_to_all=True)
async def live() -> Response:
    """Answer while the process runs."""
    return Json({"live": True})


@address("/v2/health/ready", "v2_ready", _V2, schemas.Ready, (503,), open_to_all=True)
@address("/health/ready", "ready", "health", schemas.Ready, (503,), open_to_all=True)
async def ready(request: Request) -> Response:
    """Tell whether the server accepts requests: the model is loaded and the kernels are compiled."""
    if not service_of(request).is_ready:
        raise Problem("stopping", "The server starts or stops.", retry_after=1)
    return Json({"ready": True})


@address(
    "/metrics", "metrics", "health", None, content={METRICS_TYPE: {"schema": {"type": "string"}}}
)
async def metrics(request: Request) -> Response:
    """Give the counters for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=METRICS_TYPE)


# --- the Open Inference Protocol

_MODEL = f"/v2/models/{v2.NAME}"
_VERSIONED = f"{_MODEL}/versions/{v2.VERSION}"


@address("/v2", "v2_server", _V2, schemas.V2Server)
async def server_metadata() -> Response:
    """Name the server and its extensions of the protocol."""
    return Json(v2.SERVER)


@router.get(f"{_VERSIONED}/ready", include_in_schema=False)
@address(f"{_MODEL}/ready", "v2_model_ready", _V2, schemas.V2ModelReady)
async def model_ready(request: Request) -> Response:
    """Tell whether the model is ready."""
    return Json({"name": v2.NAME, "ready": service_of(request).is_ready})


@router.get(_VERSIONED, include_in_schema=False)
@address(_MODEL, "v2_model", _V2, schemas.V2Model)
async def model_metadata(request: Request) -> Response:
    """Describe the tensors."""
    return Json(v2.model_document(service_of(request).datatypes))


@router.post(f"{_VERSIONED}/infer", include_in_schema=False)
@address(
    f"{_MODEL}/infer",
    "v2_infer",
    _V2,
    schemas.V2Response,
    (400, 413, 415, 422),
    content={ANY: BINARY},
    body={
        "description": "Tensors `points` (N, 2 to 7) and `offsets` (C + 1), also in binary.",
        "content": {JSON: {"schema": ref(schemas.V2Request), "example": TENSORS}},
    },
)
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


def responses_of(service: Service) -> dict[tuple[str, str], Any]:
    """Return the responses to the examples, worked out by the model that is served; nothing is counted.

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
        "v2_server": v2.SERVER,
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
        if name not in _QUERY:
            raise Problem.of_value(name, f"one of {', '.join(_QUERY)}", query[name])
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
