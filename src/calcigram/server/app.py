"""The application and how it is served: routes, gate, page and OpenAPI document; uvicorn, with one process or several.

The page is Panel's; nothing of it comes from any other server. A process that dies is replaced and takes
with it only the requests it was at work on; on SIGTERM no more are taken and those under way are finished.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial, wraps
from inspect import signature, unwrap
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import HTMLResponse
from uvicorn.supervisors import Multiprocess

from calcigram._version import __version__
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.temporary import temporary_folder
from calcigram.server import routes
from calcigram.server.children import check_script
from calcigram.server.gate import DESCRIPTION, DOCS, Gate
from calcigram.server.responses import Problem, refusal
from calcigram.server.service import Service
from calcigram.server.settings import Settings, variable
from calcigram.server.telemetry import catch_all, configuration, log, of_exception
from calcigram.server.transport import LimitedProtocol

MAX_ASKED = 8
"""Pages that are made or wait to be: each takes a fraction of a second of the event loop."""

UNOPENED_MS = 30_000
"""How long a page is kept for a browser that has not opened its socket yet."""

TEMPLATE = """{% extends "base.html" %}
{% block preamble %}<meta name="viewport" content="width=device-width, initial-scale=1">{% endblock %}
"""
"""Panel's own, as wide as the screen of a phone."""


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
        await asyncio.to_thread(routes.describe, app)
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
        # the last: a fault of ours, and the gate logs what it was
        exception_handlers=dict.fromkeys(
            (Problem, CalcigramError, StarletteHTTPException, Exception), _refuse
        ),
    )
    app.state.service = service
    app.include_router(routes.router)
    app.state.has_page = settings.page and settings.workers == 1
    if app.state.has_page:
        app.state.make_page = mount_page(app, service)
    return Gate(app, settings, service.metrics)


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer an error with problem details."""
    return refusal(error, request.state.request_id)


# --- the page


def mount_page(app: FastAPI, service: Service) -> Callable[[], Any]:
    """Add the page at ``/``.

    Parameters
    ----------
    app : FastAPI
    service : Service
        Its engine reads for the page; the page's readings are counted like others.

    Returns
    -------
    callable
        Makes a page that is not shown, so that the first request for one does not take seconds.
    """
    import panel as pn
    from panel.io.fastapi import add_applications
    from panel.io.resources import BASE_TEMPLATE

    from calcigram.page.texts import ATLAS_PATH
    from calcigram.page.view import View

    pn.config.notifications = False
    pn.config.exception_handler = _log_failure

    def made() -> Any:
        return View(
            service.table,
            explain=service.explain_drawn,
            open_file=service.open_file,
            first=service.first_example,
            in_chunks=True,
        ).layout()

    template = BASE_TEMPLATE.environment.from_string(TEMPLATE)

    def view() -> Any:
        pn.state.curdoc.template = template
        try:
            return made()
        except Exception as error:  # Panel would print its stack
            _log_failure(error)
            return pn.pane.Markdown("The page failed; see the log of the server.")

    let_go_of_sessions()
    bound_sessions(service.settings.max_pages)
    before = len(app.router.routes)
    # The gate has compared the origin already, with the host name of the request.
    add_applications(
        {"/": view},
        app=app,
        title="calcigram",
        websocket_origin=["*"],
        # Panel reads the address off the request, which a socket that comes late has not.
        location=False,
        unused_session_lifetime_milliseconds=UNOPENED_MS,
        check_unused_sessions_milliseconds=UNOPENED_MS // 6,
    )
    # /components imports whatever module the address names; the page asks for none.
    added = [r for r in app.router.routes[before:] if "/components" not in getattr(r, "path", "")]
    app.router.routes[before:] = added
    app.add_api_route("/favicon.ico", _no_icon, include_in_schema=False)
    app.add_api_route(ATLAS_PATH, _atlas, include_in_schema=False)
    for route in added:
        if hasattr(route, "include_in_schema"):
            route.include_in_schema = False
    return lambda: made().get_root()


def let_go_of_sessions() -> None:
    """Have a page forgotten when its browser is gone.

    bokeh-fastapi waits for an exception that Starlette does not raise, and so takes every page for
    open for ever: 2 MB each.
    """
    from bokeh_fastapi.handler import WSHandler

    connect = WSHandler.ws_connect
    if hasattr(connect, "__wrapped__"):
        return

    # On the class itself, as Panel does: it finds what it has to tell a socket by its exact class.
    @wraps(connect)
    async def connect_and_let_go(self: Any, websocket: Any) -> None:
        try:
            await connect(self, websocket)
        finally:
            if self.connection is not None:
                self.application.client_lost(self.connection)

    WSHandler.ws_connect = connect_and_let_go


def bound_sessions(most: int) -> None:
    """Let no more pages be open than `most`, and make one at a time, others being served between.

    Parameters
    ----------
    most : int
    """
    from bokeh.util.token import get_session_id
    from bokeh_fastapi.handler import DocHandler, SessionHandler, WSHandler

    # without what was put around it for another application
    make, connect = SessionHandler.get_session, unwrap(WSHandler._async_open)
    turn = asyncio.Lock()
    n_asked = 0

    async def get_session(self: Any, request: Any, session_id: Any) -> Any:
        nonlocal n_asked
        if session_id is not None:  # a page is asked for by its own address alone
            raise HTTPException(404)
        if n_asked >= MAX_ASKED:
            raise Problem("busy", f"{MAX_ASKED} pages are being made; ask again.", retry_after=2)
        n_asked += 1
        try:
            await turn.acquire()
            start = time.perf_counter()
            try:
                if len(list(self.application_context.sessions)) >= most:
                    raise Problem("busy", f"{most} pages are open; ask again.", retry_after=10)
                return await make(self, request, None)
            finally:  # as long as it took, the loop is for others
                pause = time.perf_counter() - start
                asyncio.get_running_loop().call_later(pause, turn.release)
        finally:
            n_asked -= 1

    @wraps(connect)
    async def open_made(self: Any, socket: Any, token: str) -> None:
        names = {session.id for session in self.application_context.sessions}
        if get_session_id(token) not in names:
            await socket.close(1008)
            raise RuntimeError("a socket of a page that was not asked for")
        await connect(self, socket, token)

    DocHandler.get_session = get_session
    WSHandler._async_open = open_made


def _log_failure(error: BaseException) -> None:
    log(logging.ERROR, "page failed", **of_exception(error))


async def _atlas(request: Request) -> Response:
    """Answer with the atlas."""
    return HTMLResponse(await routes.service_of(request).atlas())


async def _no_icon() -> Response:
    """Spare browsers, which ask for one unbidden, an error."""
    return Response(status_code=204)


def serve(settings: Settings) -> None:
    """Serve until stopped by a signal.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    CalcigramError
        The address is taken, or a script calls it outside of ``if __name__ == "__main__":``.
    """
    check_script()
    check_address(settings)
    options = uvicorn_options(settings)
    if settings.workers == 1:
        # uvicorn raises the signal again when all is finished; that is then no failure.
        signal.signal(signal.SIGTERM, lambda *_: None)
        catch_all()
        os.environ[variable("model")] = settings.model  # for what children are forked from
        try:
            uvicorn.run(create_app(settings), **options)
        except SystemExit:
            check_address(settings)  # another server may have taken it meanwhile
            raise
        return
    # Processes of their own read the settings anew, from the environment.
    for name, value in settings.model_dump().items():
        os.environ[variable(name)] = str(value)
    with temporary_folder() as shared:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared)
        config = uvicorn.Config(f"{__name__}:application", factory=True, **options)
        address = config.bind_socket()
        try:
            address.listen(options["backlog"])  # from now on no other server can
        except OSError:
            check_address(settings)
            raise
        needed: dict[str, Any] = {"sockets": [address]}
        if "target" in signature(Multiprocess).parameters:  # of older versions
            needed["target"] = uvicorn.Server(config).run
        Multiprocess(config, **needed).run()


def application() -> Any:
    """Return the application of one of several processes."""
    catch_all()
    return create_app()


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Return how uvicorn is to run, as `uvicorn.run` takes it."""
    return {
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "loop": "uvloop",
        "http": partial(
            LimitedProtocol, max_connections=settings.max_connections, header_s=settings.header_s
        ),
        "log_config": configuration(settings.log_level),
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "timeout_graceful_shutdown": math.ceil(settings.stop_s),
        "backlog": 2048,
        # Longer than clients and proxies keep a connection, so that none is closed as it is used.
        "timeout_keep_alive": 75,
    }


def check_address(settings: Settings) -> None:
    """Refuse an address that cannot be listened on, before the model is loaded.

    Raises
    ------
    BadInputError
        It is taken, or none of this machine's.
    """
    place = f"{settings.host[:80]} port {settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
            probe.bind((settings.host, settings.port))
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a ValueError
        why = getattr(error, "strerror", None) or "no name of a machine"
        raise BadInputError(
            f"an address that is free and this machine's ({why})", value=place
        ) from None
