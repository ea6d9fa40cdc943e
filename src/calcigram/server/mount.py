"""The page put into the application: Panel's addresses, nothing from any other server."""

from __future__ import annotations

import logging
from functools import wraps
from typing import Any

from fastapi import FastAPI, Response

from calcigram.server.logs import log, of_exception
from calcigram.server.service import Service

UNOPENED_MS = 120_000
"""How long a page is kept for a browser that has not opened its socket yet."""

TEMPLATE = """{% extends "base.html" %}
{% block preamble %}<meta name="viewport" content="width=device-width, initial-scale=1">{% endblock %}
"""
"""Panel's own, as wide as the screen of a phone."""


def mount_page(app: FastAPI, service: Service) -> None:
    """Add the page at ``/``.

    Parameters
    ----------
    app : FastAPI
    service : Service
        Its engine reads for the page; the page's readings are counted like others.
    """
    import panel as pn
    from panel.io.fastapi import add_applications
    from panel.io.resources import BASE_TEMPLATE

    from calcigram.page.notebook import explainer
    from calcigram.page.view import View

    pn.config.notifications = False
    pn.config.exception_handler = _log_failure
    explain = explainer(service.model)

    template = BASE_TEMPLATE.environment.from_string(TEMPLATE)

    def view() -> Any:
        pn.state.curdoc.template = template
        try:
            return View(service.engine.table, explain=explain).layout()
        except Exception as error:  # Panel would print its stack
            _log_failure(error)
            return pn.pane.Markdown("The page failed; the log of the server says where.")

    let_go_of_sessions()
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
    )
    # /components imports whatever module the address names; the page asks for none.
    added = [r for r in app.router.routes[before:] if "/components" not in getattr(r, "path", "")]
    app.router.routes[before:] = added
    app.add_api_route("/favicon.ico", _no_icon, include_in_schema=False)
    for route in added:
        if hasattr(route, "include_in_schema"):
            route.include_in_schema = False


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


def _log_failure(error: BaseException) -> None:
    log(logging.ERROR, "page failed", **of_exception(error))


async def _no_icon() -> Response:
    """Spare browsers, which ask for one unbidden, an error."""
    return Response(status_code=204)
