"""Under load, under random requests, and when a process is killed. All bounded in time and count."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

CONNECTIONS = 32

LINE = {"points": [{"x_mm": 0.5 * i, "y_mm": 0.1 * (i % 3), "diameter_mm": 0.3} for i in range(30)]}


def resident_mb(pid):
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000


def children(pid):
    return [
        int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]  # fmt: skip


def counted(server):
    with server.client() as client:  # each on a connection of its own
        text = client.get("/metrics").text
    return float(re.search(r'requests_total{route="/v1/classify",status="200"} (\S+)', text)[1])


async def load(url, n_requests, *, until=None):
    """Ask over 32 connections; return statuses and how connections broke."""
    statuses, broken, asked = [], [], 0
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(
        base_url=url, limits=limits, timeout=60, trust_env=False
    ) as client:

        async def one_connection():
            nonlocal asked
            while asked < n_requests and (until is None or time.monotonic() < until):
                asked += 1
                try:
                    answer = await client.post("/v1/classify", json=LINE)
                    statuses.append(answer.status_code)
                except httpx.TransportError as error:
                    broken.append(repr(error))

        await asyncio.gather(*(one_connection() for _ in range(CONNECTIONS)))
    return statuses, broken


def test_thirty_two_connections_and_no_error(server):
    statuses, broken = asyncio.run(load(server.url, 200))
    assert len(statuses) >= 200
    assert (set(statuses), broken) == ({200}, [])


@pytest.mark.slow
def test_memory_stays_flat(server):
    asyncio.run(load(server.url, 300))
    before = resident_mb(server.process.pid)
    asyncio.run(load(server.url, 1_500))
    after = resident_mb(server.process.pid)
    assert after - before < 12, f"{before:.0f} MB, after 1,500 requests {after:.0f} MB"


@pytest.mark.slow
def test_every_request_that_was_sent_is_answered_when_the_server_stops(start):
    with start("--no-page") as server:

        async def stop_under_load():
            asking = asyncio.create_task(load(server.url, 10**9, until=time.monotonic() + 6))
            await asyncio.sleep(2)
            server.process.terminate()
            return await asking

        statuses, broken = asyncio.run(stop_under_load())
        assert server.process.wait(30) == 0
    assert set(statuses) == {200}
    assert {error.partition("(")[0] for error in broken} == {"ConnectError"}  # sent nothing


@pytest.mark.slow
def test_a_killed_process_takes_only_its_own_requests_along(start):
    with start("--workers", "2") as server:
        end = time.monotonic() + 60
        while server.log().count("startup complete") < 2 and time.monotonic() < end:
            time.sleep(0.2)
        first, second = children(server.process.pid)
        with server.client() as client:
            assert client.get("/").status_code == 404, "several processes serve no page"

        async def kill_under_load():
            asking = asyncio.create_task(load(server.url, 10**9, until=time.monotonic() + 6))
            await asyncio.sleep(2)
            os.kill(first, signal.SIGKILL)
            return await asking

        statuses, broken = asyncio.run(kill_under_load())
        assert set(statuses) == {200}
        # Its own: no more than the connections it may have held.
        assert len(broken) <= CONNECTIONS
        end = time.monotonic() + 60
        while time.monotonic() < end:
            alive = children(server.process.pid)
            if len(alive) == 2 and first not in alive:
                break
            time.sleep(0.2)
        assert second in alive
        assert len(alive) == 2, "it was not replaced"
        again, broken = asyncio.run(load(server.url, 100))
        assert (set(again), broken) == ({200}, [])
        # All processes are counted, whichever is asked, but for what the killed one had not noted.
        counts = [counted(server) for _ in range(8)]
        assert len(set(counts)) == 1
        assert 0 <= len(statuses) + len(again) - counts[0] <= CONNECTIONS


@pytest.mark.slow
def test_random_requests_after_the_description(server, tmp_path):
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    checks = (
        "not_a_server_error,status_code_conformance,content_type_conformance,"
        "response_schema_conformance,response_headers_conformance,negative_data_rejection,"
        "unsupported_method"
    )
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
            "--checks", checks, "--max-examples", "20", "--seed", "6", "--generation-database", "none",
            "--suppress-health-check", "all", "--phases", "examples,coverage,fuzzing",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
