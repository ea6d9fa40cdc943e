"""Connections when the server stops: what was sent is answered, and nobody is waited for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from functools import partial

import pytest

pytest.importorskip("fastapi", reason="the extra [server] is not installed")

import uvicorn

from calcigram.server.transport import LimitedProtocol

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def answer(scope, receive, send):
    """Answer after a moment: the smallest application."""
    await receive()
    await asyncio.sleep(0.002)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def stopping():
    """Give a server whose stop is up to the test, and its port."""
    protocol = partial(LimitedProtocol, max_connections=500, header_s=10)
    config = uvicorn.Config(
        answer,
        port=0,
        http=protocol,
        lifespan="off",
        log_level="error",
        timeout_graceful_shutdown=20,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server, server.servers[0].sockets[0].getsockname()[1], thread
    server.should_exit = True
    thread.join()


async def asked(reader, writer):
    """Ask once; return whether the connection stays."""
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"ok"
    return b"connection: close" not in head.lower()


def test_all_that_was_sent_is_answered_and_every_connection_ends(stopping):
    server, port, thread = stopping
    went = Counter()

    async def busy():
        streams = await asyncio.open_connection("127.0.0.1", port)
        while await asked(*streams):
            went["answered"] += 1
            if went["answered"] == 500:
                server.should_exit = True
        went["ended"] += 1
        streams[1].close()

    async def idle(request):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if request:
            await asked(reader, writer)
        assert await reader.read() == b""
        went["closed"] += 1
        writer.close()

    async def all_of_them():
        clients = [*(busy() for _ in range(32)), idle(True), idle(False)]
        await asyncio.wait_for(asyncio.gather(*clients), 15)

    asyncio.run(all_of_them())
    thread.join(15)
    assert not thread.is_alive()
    assert (went["ended"], went["closed"]) == (32, 2)


@pytest.mark.parametrize(("n_asked", "last"), [(1, b"ok"), (3, b"ok"), (0, b"")])
def test_who_closes_its_own_side_after_asking_is_answered(stopping, n_asked, last):
    _, port, _ = stopping
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(n_asked * REQUEST)
        client.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answers.count(b"200 OK") == n_asked
    assert answers.endswith(last)


def test_half_a_request_is_not_waited_for(stopping):
    _, port, _ = stopping
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(65_536) == b""
