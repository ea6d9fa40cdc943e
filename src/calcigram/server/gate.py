"""The gate that every request passes: its id, who may ask, how long, how many at once.

Plain ASGI around the whole application, so that a refusal costs next to nothing and every
response is logged and counted alike. Host names are checked here and not by
Starlette's TrustedHostMiddleware, which refuses with plain text and redirects to ``www.``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from calcigram.server.responses import FAILED, Problem
from calcigram.server.settings import Settings
from calcigram.server.telemetry import Metrics, log, of_exception
from calcigram.server.transport import Bodies, Message, Receive

Scope = Message
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

DOCS = "/docs"

PAGE_PATHS = frozenset({"/", "/atlas", "/ws", DOCS})
PAGE_FOLDERS = ("/static/", "/components/", f"{DOCS}/")
"""Paths of the page, and their beginnings: a browser is asked for the token there."""

DESCRIPTION = "/openapi.json"

NO_ROUTE = "none"

_ID = re.compile(r"[0-9a-fA-F-]{8,64}")
_SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


COOKIE = "calcigram_session"

OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
"""They say whether the process lives, and nothing else; they need no token."""


class Access:
    """Tells who holds the token.

    Parameters
    ----------
    token : str
        Empty: everyone may ask.

    Examples
    --------
    >>> access = Access("correct horse battery")
    >>> access.holds_token({"authorization": "Bearer correct horse battery"})
    True
    >>> access.holds_token({"authorization": "Bearer wrong"})
    False
    """

    def __init__(self, token: str) -> None:
        self.is_open = not token
        self._digest = _digest(token)
        # Valid for this process only: not elsewhere, and not after a restart.
        self.cookie = hmac.new(secrets.token_bytes(32), token.encode(), hashlib.sha256).hexdigest()

    def holds_token(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the header ``authorization`` holds the token, as Bearer or as a password."""
        if self.is_open:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":  # browsers ask for it; any user name will do
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                given = ""
        elif scheme.lower() != "bearer":
            given = ""
        return hmac.compare_digest(_digest(given.strip()), self._digest)

    def holds_cookie(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the page's own cookie comes with a request."""
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        given = jar[COOKIE].value if COOKIE in jar else ""
        return hmac.compare_digest(_digest(given), _digest(self.cookie))


def _digest(token: str) -> bytes:
    """Return a digest: comparing those says nothing of the length either."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


@dataclass
class _Response:
    """What is known of the answer to one request, while it goes out."""

    request_id: str
    status: int = 0
    extra: list[tuple[bytes, bytes]] = field(default_factory=list)


class Gate:
    """ASGI application around another.

    Parameters
    ----------
    application : ASGI application
    settings : Settings
    metrics : Metrics
    """

    def __init__(self, application: Application, settings: Settings, metrics: Metrics) -> None:
        self._application = application
        self._settings = settings
        self._metrics = metrics
        self._access = Access(settings.secret)
        self._hosts = settings.allowed_hosts
        self._bodies = Bodies(settings)
        self._n_under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        headers = _headers(scope)
        response = _Response(_request_id(headers))
        scope.setdefault("state", {})["request_id"] = response.request_id

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", response.request_id.encode()),
                    *_SAFE_HEADERS,
                    *response.extra,
                ]
            await send(message)

        failure: BaseException | None = None
        try:
            await self._pass(scope, headers, receive, send_marked, response)
        except Problem as problem:
            await refuse(problem, scope, response, send_marked)
        except asyncio.CancelledError:  # the server stops, and this took longer than it may then
            stopped = Problem("stopping", "The server is stopping.", retry_after=1)
            await refuse(stopped, scope, response, send_marked)
        except Exception as error:
            failure = error
            await refuse(FAILED, scope, response, send_marked)
        finally:
            self._note(scope, response, time.perf_counter() - start, failure)

    async def _pass(
        self,
        scope: Scope,
        headers: dict[str, str],
        receive: Receive,
        send: Send,
        response: _Response,
    ) -> None:
        path = scope["path"]
        if not self._is_ours(headers):
            raise Problem(
                "wrong-host",
                "This server does not answer to this host name (setting CALCIGRAM_HOSTS).",
            )
        if _is_foreign(scope, headers):
            raise Problem(
                "foreign-origin", "Only programs and pages of this server may send requests."
            )
        if path in OPEN_PATHS:
            await self._application(scope, receive, send)
            return
        self._check_token(path, headers, response)
        self._check_room()
        is_at_work = False

        def begin() -> None:
            """Count the request once all of it is there: one whose body does not end is no work."""
            nonlocal is_at_work
            if not is_at_work:
                self._check_room()
                self._count(1)
                is_at_work = True

        body = self._bodies.limited(receive, headers, begin)
        if not _has_body(headers):
            begin()
        try:
            async with asyncio.timeout(self._settings.timeout_s) as deadline:
                await self._application(scope, body, send)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise Problem.too_long(self._settings.timeout_s) from None
        finally:
            body.release()
            if is_at_work:
                self._count(-1)

    def _count(self, change: int) -> None:
        """Count requests at work."""
        self._n_under_way += change
        self._metrics.under_way.set(self._n_under_way)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        allowed = self._access.holds_cookie(headers) or self._access.holds_token(headers)
        if not (allowed and self._is_ours(headers) and _is_same_origin(headers)):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            log(logging.INFO, "websocket refused")
            return
        await self._application(scope, receive, send)

    def _is_ours(self, headers: dict[str, str]) -> bool:
        """Tell whether the host is one of our names; a foreign page may point others at this machine."""
        host = headers.get("host", "").lower()
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        return not self._hosts or name in self._hosts

    def _check_token(self, path: str, headers: dict[str, str], response: _Response) -> None:
        if self._access.is_open:
            return
        page = _is_page(path)
        if self._access.holds_token(headers):
            if page:
                cookie = f"{COOKIE}={self._access.cookie}; Path=/; HttpOnly; SameSite=Strict"
                response.extra.append((b"set-cookie", cookie.encode()))
            return
        if page and self._access.holds_cookie(headers):
            return
        raise Problem("token-missing", "Send the header 'Authorization: Bearer TOKEN'.")

    def _check_room(self) -> None:
        """Refuse a request where as many are at work as may be."""
        if self._n_under_way >= self._settings.max_requests:
            raise Problem(
                "busy",
                f"{self._settings.max_requests} requests are under way; ask again.",
                retry_after=1,
            )

    def _note(
        self, scope: Scope, response: _Response, seconds: float, failure: BaseException | None
    ) -> None:
        route = getattr(scope.get("route"), "path", None) or _other_route(
            scope["path"], response.status
        )
        self._metrics.count_request(route, response.status, seconds)
        log(
            logging.ERROR if failure else logging.INFO,
            "request failed" if failure else "request",
            request_id=response.request_id,
            method=scope["method"],
            route=route,
            status=response.status,
            ms=round(seconds * 1000, 3),
            **(of_exception(failure) if failure else {}),
        )


async def refuse(problem: Problem, scope: Scope, response: _Response, send: Send) -> None:
    """Send a problem, unless the answer has begun already."""
    if response.status:
        return
    extra = {}
    if problem.kind == "token-missing":  # only a browser can ask for a password
        way = 'Basic realm="calcigram", charset="UTF-8"'
        extra["www-authenticate"] = way if _is_page(scope["path"]) else 'Bearer realm="calcigram"'
    await problem.response(response.request_id, extra)(scope, _nothing, send)


async def _nothing() -> Message:
    """Receive nothing: a refusal does not read the body."""
    return {"type": "http.disconnect"}


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _request_id(headers: dict[str, str]) -> str:
    """Return the caller's id where it is one, so that it can hold nothing else; or a new one."""
    given = headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid.uuid4().hex


def _other_route(path: str, status: int) -> str:
    """Return the template of what is served beside the routes: the page and the description."""
    if status >= 400:
        return NO_ROUTE
    return "/" if _is_page(path) else DESCRIPTION if path == DESCRIPTION else NO_ROUTE


def _is_page(path: str) -> bool:
    return path in PAGE_PATHS or path.startswith(PAGE_FOLDERS)


def _has_body(headers: dict[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _is_foreign(scope: Scope, headers: dict[str, str]) -> bool:
    """Tell whether a page of another origin asks; a link there may open an address of this server."""
    if not _is_same_origin(headers):
        return True
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return False
    is_link = (
        headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )
    return not (is_link and scope["method"] == "GET")


def _is_same_origin(headers: dict[str, str]) -> bool:
    """Tell whether a page of this server opened the connection; programs send no origin."""
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()
