"""The application: routes, gate, page and documents, put together for one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline

from calcigram._version import __version__
from calcigram.server import description, inference, mount, routes
from calcigram.server.answered import answers_of
from calcigram.server.gate import DESCRIPTION, DOCS, Gate
from calcigram.server.problems import Problem
from calcigram.server.service import Service
from calcigram.server.settings import Settings
from calcigram.server.shortcut import REFUSALS, Shortcut, refusal


def create_app(settings: Settings | None = None) -> Gate:
    """Return the ASGI application.

    Parameters
    ----------
    settings : Settings, optional
        By default read from the environment.

    Returns
    -------
    Gate
        The gate around everything; uvicorn and others serve it.

    Raises
    ------
    CalcigramError
        A setting is wrong, or the model cannot be opened.
    """
    settings = settings or Settings.from_environment()
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.warm_up)
        if app.state.has_page:
            await asyncio.to_thread(service.first_example)
            app.state.make_page()
        app.state.answers = await asyncio.to_thread(answers_of, service)
        yield
        await asyncio.to_thread(service.close)

    app = FastAPIOffline(  # its assets come with the package, from no other server
        title="calcigram",
        version=__version__,
        docs_url=DOCS,
        redoc_url=None,
        static_url=f"{DOCS}/static",
        openapi_url=DESCRIPTION,
        swagger_ui_parameters={"validatorUrl": None},  # else it sends the description to one
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.service, app.state.answers = service, {}
    for router in (routes.router, routes.reading, inference.router, inference.reading):
        app.include_router(router)
    app.state.has_page = settings.page and settings.workers == 1
    if app.state.has_page:
        app.state.make_page = mount.mount_page(app, service)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    for kind in REFUSALS:
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(Exception, _sorry)
    direct = Shortcut(app, [*routes.reading.routes, *inference.reading.routes])
    return Gate(direct, settings, service.metrics)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, openapi_version="3.1.0", routes=app.routes
        )
        app.openapi_schema = description.complete(document, app.state.answers)
    return app.openapi_schema


async def _sorry(request: Request, _: Exception) -> Response:
    """Answer a failure of our own; the gate logs what it was."""
    return await _answer(
        request, Problem("internal", "The server failed; its log names the request.")
    )


async def _answer(request: Request, error: Exception) -> Response:
    """Answer an error with problem details."""
    return refusal(error, request.state.request_id)
