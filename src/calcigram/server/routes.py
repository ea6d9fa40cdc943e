"""The addresses of the interface under ``/v1``, ``/health`` and ``/metrics``.

Each reads its body, leaves the work to `engine`, and writes the answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.formparsers import MultiPartException

from calcigram.server import answers, description, jobs
from calcigram.server.answers import JSON
from calcigram.server.engine import SMALL_BYTES, SMALL_POINTS
from calcigram.server.jsonbody import read_json
from calcigram.server.metrics import MEDIA_TYPE as METRICS_TYPE
from calcigram.server.problems import Fault, Problem
from calcigram.server.service import Service
from calcigram.server.uploads import ANSWER_OF, ANY, reading_options

FORM = "multipart/form-data"
FIELD = "file"

router = APIRouter(default_response_class=Response)

reading = APIRouter(default_response_class=Response)
"""Routes that read clusters; `shortcut` answers them."""


def service_of(request: Request) -> Service:
    """Return what the application of a request was made of."""
    service: Service = request.app.state.service
    return service


def as_json(document: Any) -> Response:
    """Return a document as an answer."""
    return Response(msgspec.json.encode(document), media_type=JSON)


@reading.post("/v1/classify", **description.CLASSIFY)
async def classify(request: Request) -> Response:
    """Read clusters by the model and by the rules, and cross-check the two."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = reading_options(request.query_params, media_type)
    answer_type = answers.choose(request.headers.get("accept", ""), ANSWER_OF[media_type])
    if media_type == JSON and len(body) <= SMALL_BYTES:
        points = read_json(body, service.settings, columns=options.columns)
        if points.n_points <= SMALL_POINTS:
            if answer_type == JSON:
                content = await service.engine.submit(points, as_json=True)
            else:
                verdicts = await service.engine.submit(points, as_json=False)
                content = await asyncio.to_thread(answers.table_answer, verdicts, answer_type)
            return Response(content, media_type=answer_type)
    _, content = await service.engine.run(
        jobs.classify, body, media_type, answer_type, options, service.settings
    )
    return Response(content, media_type=answer_type)


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
    given = check_type(request, (*ANSWER_OF, FORM))
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


@reading.post("/v1/explain", **description.EXPLAIN)
async def explain(request: Request) -> Response:
    """Say why one cluster is read so: what moved the model, which rules fired, what would turn it."""
    service = service_of(request)
    media_type, body = await body_of(request)
    options = reading_options(request.query_params, media_type)

    _, content = await service.engine.run(jobs.explain, body, media_type, options, service.settings)
    return Response(content, media_type=JSON)


@router.get("/v1/model", **description.MODEL)
async def model(request: Request) -> Response:
    """Say which model reads, how it was trained and checked, and what it measures."""
    return Response(service_of(request).model_document, media_type=JSON)


@router.get("/v1/rules", **description.RULES)
async def rules(request: Request) -> Response:
    """Give the recognition rules and the two rulebooks."""
    return Response(service_of(request).rules_document, media_type=JSON)


@router.get("/health/live", **description.LIVE)
async def live() -> Response:
    """Answer, as long as the process does."""
    return Response(b'{"live":true}', media_type=JSON)


@router.get("/health/ready", **description.READY)
async def ready(request: Request) -> Response:
    """Say whether requests are taken: the model is loaded and the kernels are compiled."""
    if not service_of(request).is_ready:
        raise Problem("stopping", "The server starts or stops.", retry_after=1)
    return Response(b'{"ready":true}', media_type=JSON)


@router.get("/metrics", **description.METRICS)
async def metrics(request: Request) -> Response:
    """Give the counters for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=METRICS_TYPE)
