"""A real server process to attack, what it holds in memory, and one client that must be served all the while."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from attack.frame import memory_of

LINE = {"x_mm": [0, 1, 2, 3], "y_mm": [0, 0, 0, 1]}

START_S = 400


class Server:
    """A server that runs, on a port of loopback."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.url, self.log = process, f"http://127.0.0.1:{port}", log

    def client(self, **options: object) -> httpx.Client:
        """Return a client without the proxies of the environment."""
        return httpx.Client(base_url=self.url, timeout=120, trust_env=False, **options)

    def processes(self) -> list[int]:
        """Return the ids of the server and of all processes below it."""
        found = [self.process.pid]
        for pid in found:  # grows while it is walked through
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found

    def memory_mb(self) -> float:
        """Return what the server and all processes below it hold alone, in MB.

        Anonymous memory: pages of libraries, shared by all, are counted nowhere.
        """
        return sum(memory_of(pid, "RssAnon") for pid in self.processes())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(*arguments: str, **settings: object) -> Iterator[Server]:
    """Run ``calcigram serve`` with settings (``max_work_mb=600``) until the end of the block."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("CALCIGRAM_")}
    env |= {f"CALCIGRAM_{name.upper()}": str(value) for name, value in settings.items()}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "calcigram", "serve", "--port", str(port), *arguments],
                env=env, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        server = Server(process, port, log)
        try:
            wait_until_ready(server)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(server: Server) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + START_S
    with server.client() as client:
        while True:
            with suppress(httpx.TransportError):
                if client.get("/health/ready").status_code == 200:
                    return
            if time.monotonic() > end or server.process.poll() is not None:
                raise RuntimeError(server.log.read_text()[-2000:])
            time.sleep(0.1)


class Watch:
    """Asks for a small verdict all the while and looks at the memory, in a thread."""

    def __init__(self, server: Server) -> None:
        self._server, self._done = server, threading.Event()
        self.longest_s, self.most_mb, self.failed = 0.0, 0.0, ""

    def __enter__(self) -> Watch:
        self._threads = [threading.Thread(target=one) for one in (self._ask, self._look)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._done.wait(0.05):
            start = time.monotonic()
            try:
                with self._server.client() as other:
                    answer = other.post("/v1/classify", json=LINE)
                if answer.status_code != 200:
                    self.failed = f"another client got {answer.status_code}"
            except httpx.HTTPError as error:
                self.failed = f"another client got {error!r}"
            self.longest_s = max(self.longest_s, time.monotonic() - start)

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.most_mb = max(self.most_mb, self._server.memory_mb())
