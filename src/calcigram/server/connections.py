"""Connections: how many, how long the head of a request may take, and how long it may be.

Uvicorn limits none of these. What comes after the head is `gate`'s.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Parameters
    ----------
    max_connections : int
        Beyond so many, the one that has waited longest for its client is closed; so a thousand
        half-open ones keep nobody out.
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

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request; make room where there are too many connections."""
        super().connection_made(transport)
        self._moved_at = self.loop.time()
        self.on_head_begins()
        if len(self.connections) > self._max_connections:
            others: list[Any] = [one for one in self.connections if isinstance(one, type(self))]
            waiting = [one for one in others if one.is_waiting]
            min(waiting, key=lambda one: one._moved_at).close()

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
        super().on_headers_complete()

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
