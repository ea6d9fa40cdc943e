"""Many requests, connections that never end, processes that are killed, disks that are full: told or survived."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from attack.frame import MEMORY_MB, Outcome, kind
from attack.serving import LINE, Server, Watch, serving

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


async def asked(url: str, n: int, connections: int, until: threading.Event | None = None) -> Counter[str]:
    """Ask with the mix over kept connections; return how it went, by what was not as expected."""
    went: Counter[str] = Counter()
    mix, numbers = requests_of_clients(), iter(range(n))
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60, trust_env=False) as client:

        async def one_connection() -> None:
            for k in numbers:
                if until is not None and until.is_set():
                    return
                method, path, body, headers, expected = mix[k % len(mix)]
                try:
                    got = (await client.request(method, path, content=body, headers=headers)).status_code
                    went["" if got == expected else f"{method} {path}: {got}, expected {expected}"] += 1
                except httpx.ConnectError:
                    went["refused"] += 1
                    if until is not None:
                        return
                except httpx.TransportError as error:
                    went[f"broken: {type(error).__name__}"] += 1

        await asyncio.gather(*(one_connection() for _ in range(connections)))
    return went


@kind(
    "load",
    "many requests",
    f"requests of all kinds, good and bad, over {CONNECTIONS} connections: each answered as it should be, memory flat",
    full=200_000,
    bounded=500,
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


LOAD_S = 420
"""At most so long: the list is to run in 20 minutes on any machine."""


@kind("load", "SIGTERM under load", f"{CONNECTIONS} connections at work: every request that was sent is answered", full=3, bounded=1)
def stopped_under_load(n: int) -> Iterator[Outcome]:
    for _ in range(n):
        with serving("--no-page") as server:
            stop = threading.Timer(3, server.process.terminate)
            over = threading.Event()
            stop.start()
            threading.Thread(target=lambda: (server.process.wait(60), over.set())).start()
            went = asyncio.run(asked(server.url, 10**9, CONNECTIONS, until=over))
            code = server.process.wait(60)
        lost = {what: times for what, times in went.items() if what not in ("", "refused")}
        what = f"{went['']} answered, {went['refused']} refused after it"
        yield Outcome(what, f"exit code {code}" if code else "; ".join(f"{t} {w}" for w, t in lost.items()))


@kind("load", "kill -9 of a worker", "one of two processes killed under load: only its own requests break, another takes its place", full=2, bounded=0)
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
    end = time.monotonic() + 120
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


HEADS = ("", "POST /v1/cl", "GET / HTTP/1.1\r\nHost: {host}\r\nX: ", "POST /v1/classify HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n")


@kind("load", "slow and half-open connections", "connections without a head, with half of one, or with a body that does not come: others are served", full=500, bounded=100)
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


# --- other faults of the machine


def command(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "calcigram", *map(str, arguments)],
        env=os.environ | (env or {}), capture_output=True, text=True, check=False, timeout=300, **options,
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str], *words: str) -> str:
    """Return what is wrong with a refusal: it exits with 2 and one plain message, which has the words."""
    if done.returncode != 2 or "calcigram: error: " not in done.stderr or "Traceback" in done.stderr:
        return f"exit code {done.returncode}: {done.stderr[-300:]}"
    return "" if all(word in done.stderr for word in words) else f"not told: {done.stderr[-300:]}"


@kind("load", "two servers on one port", "started at the same moment, with one process and with two: one serves, the other says why not", full=2, bounded=0)
def two_servers(n: int) -> Iterator[Outcome]:
    for workers in range(1, n + 1):
        with serving("--no-page", "--workers", str(workers), start=False) as first:
            port = first.url.rpartition(":")[2]
            with tempfile.TemporaryFile() as log:
                second = subprocess.Popen(
                    [sys.executable, "-m", "calcigram", "serve", "--no-page", "--workers", str(workers), "--port", port],
                    stdout=log, stderr=subprocess.STDOUT,
                )  # fmt: skip
                codes = ended_first(first.process, second)
                log.seek(0)
                said = first.log.read_text() + log.read().decode()
                second.kill() if second.poll() is None else None
                second.wait()
        failure = "" if codes == 2 and "already in use" in said else f"exit code {codes}: {said[-300:]}"
        yield Outcome(f"{workers} processes each", failure)


def ended_first(*processes: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of whichever of two ends while the other lives."""
    end = time.monotonic() + 150
    while time.monotonic() < end:
        codes = [one.poll() for one in processes]
        if any(code is not None for code in codes):
            time.sleep(1)
            codes = [one.poll() for one in processes]
            return None if all(code is not None for code in codes) else max(c for c in codes if c is not None)
        time.sleep(0.2)
    return None
