"""The way past the framework, for requests that come a thousand a second.

FastAPI describes these routes as it does all others. Between the gate and their function it has
nothing to do: they take no parameters of its making and depend on nothing; yet it would take a
third of the time of an answer to find that out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from calcigram.errors import CalcigramError
from calcigram.server.problems import Problem, of_status


class Shortcut:
    """ASGI application that answers some routes itself and leaves the rest to another.

    Parameters
    ----------
    application : FastAPI
        Takes what is none of these: other addresses, other methods, page and start.
    routes : iterable of APIRoute
        Without parameters in their paths; their functions take the request and nothing else.
    """

    def __init__(self, application: FastAPI, routes: Iterable[Any]) -> None:
        self._application = application
        self._routes: dict[tuple[str, str], APIRoute] = {
            (method, route.path): route for route in routes for method in route.methods
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        route = self._routes.get((scope.get("method", ""), scope.get("path", "")))
        if route is None:
            await self._application(scope, receive, send)
            return
        scope["app"], scope["route"] = self._application, route
        try:
            response = await route.endpoint(Request(scope, receive, send))
        except REFUSALS as error:
            response = refusal(error, scope["state"]["request_id"])
        await response(scope, receive, send)


REFUSALS = (Problem, CalcigramError, HTTPException)
"""What is raised to refuse a request: by us, by what reads files, and by the framework."""


def refusal(error: Exception, request_id: str) -> Response:
    """Return the answer to a request that is refused: problem details.

    Parameters
    ----------
    error : Problem, CalcigramError or HTTPException
    request_id : str
    """
    if isinstance(error, HTTPException):
        problem, extra = of_status(error.status_code), dict(error.headers or {})
    else:
        assert isinstance(error, Problem | CalcigramError)
        problem = error if isinstance(error, Problem) else Problem.of_error(error)
        extra = {}
    return Response(
        problem.body(request_id), status_code=problem.status, headers=problem.headers() | extra
    )
