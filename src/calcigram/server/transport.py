"""How much a client may send, and how slowly: connections, heads of requests, bodies.

Uvicorn limits none of these. Who may ask at all is checked by `gate`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from calcigram.server.responses import Fault, Problem
from calcigram.server.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

FREE_BYTES = 1_000_000
"""Of each body, so many are not counted among those of all: small requests go on beside large ones."""

PIECE_BYTES = 256_000
"""A packed body is unpacked so many bytes at a time, others being served between."""

CODINGS = ("identity", "gzip")


class Bodies:
    """The bodies that a process takes at the moment.

    Parameters
    ----------
    settings : Settings
        For the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.held_bytes = 0

    def limited(
        self, receive: Receive, headers: dict[str, str], complete: Callable[[], None]
    ) -> Body:
        """Return the body of a request that has these headers.

        Parameters
        ----------
        receive : callable
            What gives its messages.
        headers : dict of str to str
        complete : callable
            Called when all of it is there.

        Raises
        ------
        Problem
            It is announced to be too long, or packed in a way that is not known.
        """
        announced = headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced[:20]) > self.most:
            raise self.too_large(f"{announced[:20]} bytes")
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in CODINGS:
            known = " or ".join(CODINGS)
            raise Problem(
                "media-type",
                f"Send the body as it is, or packed with gzip; got Content-Encoding {coding[:80]!r}.",
                [Fault("Content-Encoding", known, coding[:80])],
            )
        return Body(self, receive, complete, is_packed=coding == "gzip")

    @property
    def most(self) -> int:
        """Bytes that one body may have."""
        return self.settings.max_body_bytes

    def too_large(self, got: str) -> Problem:
        """Return the problem of a body that is too long."""
        fault = Fault("body", f"at most {self.most} bytes", got)
        return Problem("too-large", f"The body may have at most {self.most} bytes.", [fault])


class Body:
    """One body; call it for its next message. What it holds is given back by `release`."""

    def __init__(
        self, bodies: Bodies, receive: Receive, complete: Callable[[], None], *, is_packed: bool
    ) -> None:
        self._bodies, self._receive, self._complete = bodies, receive, complete
        self._n_bytes = 0
        self._is_complete = False
        self._packed = zlib.decompressobj(wbits=31) if is_packed else None
        self._rest, self._more = b"", True

    async def __call__(self) -> Message:
        """Return the next message, as ASGI has them."""
        if self._is_complete:
            return await self._receive()  # waits until the client goes away
        if self._packed is None:
            message = await self._next()
        else:
            message = await self._next_unpacked(self._packed)
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            if not message.get("more_body"):
                self._is_complete = True
                self._complete()
        return message

    def release(self) -> None:
        """Count it no longer."""
        self._bodies.held_bytes -= max(0, self._n_bytes - FREE_BYTES)
        self._n_bytes = 0

    async def _next(self) -> Message:
        settings = self._bodies.settings
        try:
            async with asyncio.timeout(settings.header_s):
                return await self._receive()
        except TimeoutError:
            detail = f"Nothing of the body came within {settings.header_s:g} s."
            raise Problem("too-slow", detail) from None

    async def _next_unpacked(self, packed: Any) -> Message:
        while not self._rest and self._more and not packed.eof:
            message = await self._next()
            if message["type"] != "http.request":
                return message
            self._rest, self._more = message.get("body", b""), bool(message.get("more_body"))
        await asyncio.sleep(0)
        try:
            piece = packed.decompress(self._rest, PIECE_BYTES)
        except zlib.error as error:
            raise _no_gzip(str(error)) from None
        self._rest = packed.unconsumed_tail
        more = not packed.eof and bool(piece or self._rest or self._more)
        if not more and not packed.eof and self._n_bytes + len(piece):
            raise _no_gzip("it ends too early")
        if packed.eof and (packed.unused_data or self._more):
            raise _no_gzip("something follows its end")
        return {"type": "http.request", "body": piece, "more_body": more}

    def _count(self, n_bytes: int) -> None:
        before = max(0, self._n_bytes - FREE_BYTES)
        self._n_bytes += n_bytes
        if self._n_bytes > self._bodies.most:
            raise self._bodies.too_large(f"{self._n_bytes} bytes or more")
        self._bodies.held_bytes += max(0, self._n_bytes - FREE_BYTES) - before
        most = self._bodies.settings.max_bodies_mb
        if self._bodies.held_bytes > most * 1e6:
            raise Problem("busy", f"{most:g} MB of bodies are held; ask again.", retry_after=1)


def _no_gzip(why: str) -> Problem:
    return Problem(
        "bad-request", f"The body is not packed with gzip: {why}.", [Fault("body", "gzip", why)]
    )


# --- connections

MAX_HEAD_BYTES = 65_536

LAST_REQUESTS_S = 1.0
"""When the server stops, connections without a request are closed after so many seconds."""

CLOSE = (b"connection", b"close")


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Parameters
    ----------
    max_connections : int
        Beyond so many, the one that has waited longest for its client is closed; so a thousand
        half-open ones keep no other client out.
    header_s : float
        Seconds in which the head of a request must come.
    **options
        What uvicorn gives a protocol.
    """

    def __init__(self, *, max_connections: int, header_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._max_connections, self._header_s = max_connections, header_s
        self._timer: Any = None
        self._head_bytes: int | None = 0
        self._moved_at = 0.0
        self._is_stopping = False

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request; close another where there are too many connections."""
        super().connection_made(transport)
        self._moved_at = self.loop.time()
        self.on_head_begins()
        if len(self.connections) > self._max_connections:
            others: list[Any] = [one for one in self.connections if isinstance(one, type(self))]
            waiting = [one for one in others if one.is_waiting]
            min(waiting, key=lambda one: one._moved_at).close()

    def shutdown(self) -> None:
        """Answer what was sent before the client could know that the server stops, then close.

        Every answer from now on says that the connection ends with it, so that nothing more is sent.
        """
        self._is_stopping = True
        if self.cycle is None or self.cycle.response_complete:
            # A loop that was kept from running calls timers before it reads what has come meanwhile.
            self.loop.call_later(LAST_REQUESTS_S, self.loop.call_later, 0.1, self._close_if_idle)
        else:
            headers: Any = self.cycle.scope["headers"]
            headers.append(CLOSE)
            super().shutdown()

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.close()

    @property
    def is_waiting(self) -> bool:
        """Whether the next thing to come is the client's, not ours."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        self._moved_at = self.loop.time()
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES + len(data):
                self.send_400_response("The head of the request is too long.")
                return
        super().data_received(data)

    def eof_received(self) -> Any:
        """Answer what was asked by a client that closes its own side after it, then close."""
        if self.is_waiting or self.cycle is None:
            return False
        self.cycle.keep_alive = False
        return True

    def on_head_begins(self) -> None:
        """Start the clock."""
        self._stop_timer()
        self._head_bytes = 0
        self._timer = self.loop.call_later(self._header_s, self.close)

    def on_message_begin(self) -> None:
        """Start the clock of a later request on the same connection."""
        if self._timer is None:
            self.on_head_begins()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        self._stop_timer()
        self._head_bytes = None
        # The host of an absolute address goes before the header (RFC 9112, 3.2.2).
        _, is_absolute, rest = self.url.partition(b"://")
        if is_absolute and not self.url.startswith(b"/"):
            host = rest.partition(b"/")[0].rpartition(b"@")[2]
            self.headers[:] = [(b"host", host), *(one for one in self.headers if one[0] != b"host")]
        if self._is_stopping:
            self.headers.append(CLOSE)  # what older versions of uvicorn go by
        super().on_headers_complete()
        if self._is_stopping and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._moved_at = self.loop.time()
        super().on_response_complete()

    def close(self) -> None:
        """Close the connection."""
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
