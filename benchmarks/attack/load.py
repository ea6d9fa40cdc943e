"""Many requests, connections that never end, processes that are killed, disks that are full: told or survived."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from attack.frame import Outcome, kind
from attack.serving import LINE, START_S, Server, Watch, serving

CONNECTIONS = 64

FLAT_MB = 60
"""What the server may hold more after all requests than after the first thousand."""

JSON = {"content-type": "application/json"}


def requests_of_clients() -> list[tuple[str, str, bytes, dict[str, str], int]]:
    """Return the mix of real clients: method, path, body, headers, expected status."""
    points = [{"x_mm": 0.4 * i, "y_mm": 0.1 * (i % 5), "diameter_mm": 0.3} for i in range(40)]
    few = json.dumps({"points": points}).encode()
    several = json.dumps({"clusters": [LINE] * 20}).encode()
    table = b"cluster_id,x_mm,y_mm\n" + b"".join(b"a,%d,%d\n" % (i, i % 3) for i in range(9))
    tensors = {
        "inputs": [
            {"name": "points", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]},
            {"name": "offsets", "datatype": "INT64", "shape": [2], "data": [0, 2]},
        ]
    }
    classify = "/v1/classify"
    often = [
        ("POST", classify, few, JSON, 200),
        ("POST", classify, json.dumps(LINE).encode(), JSON, 200),
        ("POST", classify, several, JSON, 200),
        ("POST", "/v2/models/calcigram/infer", json.dumps(tensors).encode(), JSON, 200),
        ("GET", "/v1/rules", b"", {}, 200),
        ("GET", "/health/ready", b"", {}, 200),
        ("GET", "/v2/models/calcigram", b"", {}, 200),
        ("POST", classify, b'{"x_mm": [1', JSON, 400),
        ("POST", classify, b'{"x_mm": ["a"], "y_mm": [1]}', JSON, 422),
        ("GET", "/nothing", b"", {}, 404),
        ("POST", classify, few, JSON | {"origin": "https://evil.example"}, 403),
    ]
    seldom = [("POST", classify, table, {"content-type": "text/csv"}, 200), ("GET", "/metrics", b"", {}, 200)]  # fmt: skip
    return often * 9 + seldom  # a file takes a process of its own


async def asked(
    url: str,
    n: int,
    connections: int,
    until: threading.Event | None = None,
    after: tuple[int, Callable[[], object]] = (0, print),
) -> Counter[str]:
    """Ask with the mix over kept connections; return how it went, by what was not as expected.

    Parameters
    ----------
    until : threading.Event, optional
        Ends it.
    after : (int, callable)
        Called once, after so many answers; then each connection ends with the first that is refused.
    """
    went: Counter[str] = Counter()
    host, port = url.removeprefix("http://").split(":")
    mix = [(raw(host, port, *one[:4]), *one) for one in requests_of_clients()]
    numbers = iter(range(n))

    async def one_connection() -> None:
        streams = None
        for k in numbers:
            if until is not None and until.is_set():
                break
            sent, method, path, _, _, expected = mix[k % len(mix)]
            try:
                streams = streams or await asyncio.open_connection(host, int(port))
            except OSError:
                went["refused"] += 1
                if after[0]:
                    return
                continue
            try:
                got, stays = await asyncio.wait_for(answer_of(*streams, sent), 60)
            except (OSError, EOFError, TimeoutError) as error:
                went[f"broken: {type(error).__name__}"] += 1
                streams = None
                continue
            if went.total() == after[0] and after[0]:
                after[1]()
            went["" if got == expected else f"{method} {path}: {got}, expected {expected}"] += 1
            if not stays:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    await asyncio.gather(*(one_connection() for _ in range(connections)))
    return went


def raw(
    host: str, port: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> bytes:
    """Return a request as it is sent: a client in Python would take more time than the server."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}:{port}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def answer_of(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes
) -> tuple[int, bool]:
    """Send a request; return the status of its answer, and whether the connection stays."""
    writer.write(sent)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head[9:12]), b"connection: close" not in head


@kind(
    "load",
    "many requests",
    f"requests of all kinds, good and bad, over {CONNECTIONS} connections: each answered as it should be, memory flat",
    full=200_000,
    bounded=500,
    is_alone=True,
)
def many_requests(n: int) -> Iterator[Outcome]:
    with serving("--no-page") as server:
        first = min(n, 2_000)
        went = asyncio.run(asked(server.url, first, CONNECTIONS))
        before, start = server.memory_mb(), time.monotonic()
        end = start + LOAD_S
        most, done = before, first
        while done < n and time.monotonic() < end:
            step = min(2_000, n - done)
            went += asyncio.run(asked(server.url, step, CONNECTIONS))
            done += step
            most = max(most, server.memory_mb())
        grown = most - before
    good = went.pop("", 0)
    per_s = (done - first) / (time.monotonic() - start)
    yield Outcome(f"{per_s:.0f} a second", tries=good, memory_mb=max(0.0, grown))
    for what, times in went.items():
        yield Outcome(f"{times} times", what)
    if grown > FLAT_MB:
        yield Outcome(f"after {done} requests", f"memory grew by {grown:.0f} MB")


LOAD_S = 360
"""At most so long: the list is to run in 20 minutes on any machine."""


@kind(
    "load",
    "SIGTERM under load",
    f"{CONNECTIONS} connections at work: every request that was sent is answered",
    full=3,
    bounded=1,
)
def stopped_under_load(n: int) -> Iterator[Outcome]:
    for _ in range(n):
        with serving("--no-page", stop_s=STOP_S) as server:
            went = asyncio.run(
                asked(server.url, 10**9, CONNECTIONS, after=(500, server.process.terminate))
            )
            code = server.process.wait(STOP_S)
        lost = {what: times for what, times in went.items() if what not in ("", "refused")}
        what = f"{went['']} answered, {went['refused']} refused after it"
        yield Outcome(
            what, f"exit code {code}" if code else "; ".join(f"{t} {w}" for w, t in lost.items())
        )


STOP_S = 300
"""A stop may take so long: on a busy machine as on another, no request is given up."""


@kind(
    "load",
    "kill -9 of a worker",
    "one of two processes killed under load: only its own requests break, another takes its place",
    full=2,
    bounded=0,
)
def worker_killed(n: int) -> Iterator[Outcome]:
    with serving("--workers", "2") as server:
        for _ in range(n):
            workers = wait_for_workers(server, set())
            over = threading.Event()
            threading.Timer(2, os.kill, (min(workers), signal.SIGKILL)).start()
            threading.Timer(6, over.set).start()
            went = asyncio.run(asked(server.url, 10**9, CONNECTIONS, until=over))
            broken = sum(times for what, times in went.items() if what.startswith("broken"))
            others = [what for what in went if what and not what.startswith("broken")]
            failure = "; ".join(others) or ("" if broken <= CONNECTIONS else f"{broken} broken")
            if min(workers) in wait_for_workers(server, {min(workers)}):
                failure += "; it was not replaced"
            yield Outcome(f"{went['']} answered, {broken} broken", failure)


def wait_for_workers(server: Server, without: set[int]) -> set[int]:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        found = {
            pid
            for pid in server.processes()
            if pid not in without and b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        }
        if len(found) >= 2 and server.log.read_text().count("startup complete") >= 2 + len(without):
            return found
        time.sleep(0.2)
    return without


HEADS = (
    "",
    "POST /v1/cl",
    "GET / HTTP/1.1\r\nHost: {host}\r\nX: ",
    "POST /v1/classify HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n",
)


@kind(
    "load",
    "slow and half-open connections",
    "connections without a head, with half of one, or with a body that does not come: others are served",
    full=500,
    bounded=100,
    is_alone=True,
)
def half_open(n: int) -> Iterator[Outcome]:
    with serving("--no-page") as server:
        host, port = server.url.removeprefix("http://").split(":")
        connections = []
        with Watch(server) as watch:
            for k in range(n):
                connection = socket.create_connection((host, int(port)), timeout=20)
                connection.sendall(HEADS[k % len(HEADS)].format(host=f"{host}:{port}").encode())
                connections.append(connection)
            for _ in range(20):  # a byte at a time
                time.sleep(0.1)
                for connection in connections[1::4]:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"a")
        for connection in connections:
            connection.close()
        late = f"another waited {watch.longest_s:.1f} s" if watch.longest_s > 10 else ""
        yield Outcome("all at once", watch.failed or late, seconds=watch.longest_s, tries=n)
