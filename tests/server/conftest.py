"""A real server process on a loopback port, started and stopped by its id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

pytest.importorskip("fastapi", reason="the extra [server] is not installed")

START_S = 300  # kernels may have to be compiled


@dataclass
class Running:
    """A server, and how to ask it."""

    process: subprocess.Popen
    url: str
    log_path: object
    headers: dict = field(default_factory=dict)

    def client(self, **options):
        # no proxy of the environment between the test and loopback
        return httpx.Client(
            base_url=self.url, headers=self.headers, timeout=30, trust_env=False, **options
        )

    def log(self):
        return self.log_path.read_text()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(folder, *arguments, wait=True, **settings):
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("CALCIGRAM_")}
    env |= {f"CALCIGRAM_{name.upper()}": str(value) for name, value in settings.items()}
    path = folder / f"server-{port}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "calcigram", "serve", "--port", str(port), *arguments],
            env=env, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    server = Running(process, f"http://127.0.0.1:{port}", path)
    try:
        if wait:
            wait_until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(server):
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert server.process.poll() is None, server.log()
        try:
            with server.client() as client:
                if client.get("/health/ready").status_code == 200:
                    return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(server.log())


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Give a context manager that runs a server with settings."""
    folder = tmp_path_factory.mktemp("servers")

    def start_with(*arguments, **options):
        return running(folder, *arguments, **options)

    return start_with


@pytest.fixture(scope="session")
def server(start):
    with start("--no-page") as running_server:
        yield running_server


@pytest.fixture(scope="session")
def client(server):
    with server.client() as session:
        yield session


@pytest.fixture(scope="session")
def clusters():
    from calcigram import simulate

    return simulate(6, seed=4, grade="typical")


@pytest.fixture(scope="session")
def body(clusters):
    """The same clusters as columns of JSON."""
    import numpy as np

    from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES

    def plain(values):
        return [None if np.isnan(v) else float(v) for v in values]

    return {
        "clusters": [
            {
                "cluster_id": str(one.cluster_id[0]),
                **{name: plain(getattr(one, name)) for name in MARK_NAMES},
                **{name: plain(getattr(one, name))[0] for name in CLUSTER_NAMES},
            }
            for one in (clusters[i] for i in range(len(clusters)))
        ]
    }
