"""The page's sessions: forgotten when their browser is gone."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

handler = pytest.importorskip("bokeh_fastapi.handler", reason="the extra [server] is not installed")


@pytest.mark.parametrize("failure", [None, RuntimeError("gone in the middle of a message")])
def test_a_page_whose_browser_is_gone_is_forgotten(monkeypatch, failure):
    from calcigram.server.app import let_go_of_sessions

    lost = []

    async def connected(self, websocket):
        self.connection = "the connection"
        if failure:
            raise failure  # else it ends as if nothing had happened: no exception tells of it

    monkeypatch.setattr(handler.WSHandler, "ws_connect", connected)
    for _ in range(2):  # a second page is no second layer
        let_go_of_sessions()
    socket = handler.WSHandler(SimpleNamespace(client_lost=lost.append), None)
    with pytest.raises(RuntimeError) if failure else nullcontext():
        asyncio.run(socket.ws_connect(None))
    assert lost == ["the connection"]


def test_it_does_hear_of_what_changes():
    """Panel looks up how to send by the exact class of the socket."""
    import panel.io.fastapi  # noqa: F401 - enters its handler
    from panel.io.document import extra_socket_handlers

    from calcigram.server.app import let_go_of_sessions

    let_go_of_sessions()
    assert handler.WSHandler in extra_socket_handlers
