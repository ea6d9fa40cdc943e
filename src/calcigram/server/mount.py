"""The page put into the application: Panel's addresses, nothing from any other server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from fastapi import FastAPI, HTTPException, Response

from calcigram.server.logs import log, of_exception
from calcigram.server.problems import Problem
from calcigram.server.service import Service

MAX_ASKED = 8
"""Pages that are made or wait to be: each takes a fraction of a second of the event loop."""

UNOPENED_MS = 30_000
"""How long a page is kept for a browser that has not opened its socket yet."""

TEMPLATE = """{% extends "base.html" %}
{% block preamble %}<meta name="viewport" content="width=device-width, initial-scale=1">{% endblock %}
"""
"""Panel's own, as wide as the screen of a phone."""


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
        Makes a page that nobody sees, so that the first that is asked for does not take seconds.
    """
    import panel as pn
    from panel.io.fastapi import add_applications
    from panel.io.resources import BASE_TEMPLATE

    from calcigram.page.view import View

    pn.config.notifications = False
    pn.config.exception_handler = _log_failure

    def made() -> Any:
        return View(
            service.engine.table,
            explain=service.explain_drawn,
            open_file=service.open_file,
            first=service.first_example,
        ).layout()

    template = BASE_TEMPLATE.environment.from_string(TEMPLATE)

    def view() -> Any:
        pn.state.curdoc.template = template
        try:
            return made()
        except Exception as error:  # Panel would print its stack
            _log_failure(error)
            return pn.pane.Markdown("The page failed; the log of the server says where.")

    let_go_of_sessions()
    bound_sessions(service.settings.max_pages)
    before = len(app.router.routes)
    # The gate has compared the origin already, with whatever name the server is asked under.
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

    make, connect, turn = SessionHandler.get_session, _opened(WSHandler), asyncio.Lock()
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

    async def open_made(self: Any, socket: Any, token: str) -> None:
        names = {session.id for session in self.application_context.sessions}
        if get_session_id(token) not in names:
            await socket.close(1008)
            raise RuntimeError("a socket of a page that was not asked for")
        await connect(self, socket, token)

    DocHandler.get_session = get_session
    WSHandler._async_open = open_made
    WSHandler._opened = connect


def _opened(handler: Any) -> Any:
    """Return how the handler opens a socket, without what `bound_sessions` put around it before."""
    return getattr(handler, "_opened", handler._async_open)


def _log_failure(error: BaseException) -> None:
    log(logging.ERROR, "page failed", **of_exception(error))


async def _no_icon() -> Response:
    """Spare browsers, which ask for one unbidden, an error."""
    return Response(status_code=204)
