"""Work in child processes that can be ended: what others send as files, and all that takes long.

Each job is a process of its own, forked from one that holds the model and does nothing else (see
`preload`). It has a limit of memory and of time. Where a limit is passed, or the process crashes,
the request is refused and the server goes on; so it is where nobody waits for the answer any more.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import resource
import signal
import struct
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from calcigram.errors import CalcigramError
from calcigram.server.logs import of_exception
from calcigram.server.problems import Fault, Problem
from calcigram.server.settings import Settings

Job = Callable[..., tuple[dict[str, Any], bytes]]
"""A function of a module, with plain arguments: from them to a small header and a body."""

_HEAD = struct.Struct("<I")

_OUT_OF_TIME = (-signal.SIGALRM, -signal.SIGXCPU)


class JobError(Exception):
    """A job failed by a fault of ours.

    Parameters
    ----------
    fields : dict
        What the log may say of it, see `logs.of_exception`.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields["exception"])
        self.fields = fields


class Children:
    """Runs jobs, a few at a time.

    Parameters
    ----------
    settings : Settings
        For the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.threads or os.cpu_count() or 1, "jobs")
        self._calls: set[_Call] = set()

    async def run(self, job: Job, *arguments: Any) -> tuple[dict[str, Any], bytes]:
        """Return the header and the body that a job gives; end it when this is cancelled.

        Raises
        ------
        Problem
            The job refuses, takes too long or too much memory, or its process dies.
        JobError
            It fails by a fault of ours.
        """
        call = _Call(self._settings, job, arguments)
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._answer, call)
        try:
            return await future
        except asyncio.CancelledError:
            call.end()
            raise

    def run_now(self, job: Job, *arguments: Any) -> tuple[dict[str, Any], bytes]:
        """Return what `run` does, in the thread that asks."""
        return self._answer(_Call(self._settings, job, arguments))

    def close(self) -> None:
        """End what is under way."""
        for call in list(self._calls):
            call.end()
        self._pool.shutdown(cancel_futures=True)

    def _answer(self, call: _Call) -> tuple[dict[str, Any], bytes]:
        self._calls.add(call)
        try:
            return call.answer()
        finally:
            self._calls.discard(call)


class _Call:
    """One job and its process."""

    def __init__(self, settings: Settings, job: Job, arguments: tuple[Any, ...]) -> None:
        self._settings, self._job, self._arguments = settings, job, arguments
        self._process: Any = None
        self._is_ended = False
        self._lock = threading.Lock()

    def end(self) -> None:
        """End the process; one that has not started yet does not."""
        with self._lock:
            self._is_ended = True
            if self._process is not None:
                self._process.kill()

    def answer(self) -> tuple[dict[str, Any], bytes]:
        # The folder is this process's, so that it is gone also when the child was killed.
        with tempfile.TemporaryDirectory(prefix="calcigram-") as folder:
            ours, its = _context().Pipe(duplex=False)
            with ours:
                arguments = (its, folder, self._settings, self._job, self._arguments)
                with self._lock:
                    if self._is_ended:
                        raise self._too_long()
                    self._process = _context().Process(target=_child, args=arguments, daemon=True)
                    self._process.start()
                its.close()
                message = self._message(ours)
        header = json.loads(message[_HEAD.size :][: _HEAD.unpack_from(message)[0]])
        if "failure" in header:
            raise JobError(header["failure"])
        if "problem" in header:
            kind, detail, faults = header["problem"]
            raise Problem(kind, detail, [Fault(*fault) for fault in faults])
        return header, message[_HEAD.size + _HEAD.unpack_from(message)[0] :]

    def _message(self, ours: Connection) -> bytes:
        message = b""
        try:
            if ours.poll(self._settings.timeout_s):
                message = ours.recv_bytes(self._settings.max_work_bytes)
        except (EOFError, OSError):
            self._process.join(1)
        died = self._process.exitcode
        self._process.kill()
        self._process.join()
        self._process.close()
        if message:
            return message
        if self._is_ended or died is None or died in _OUT_OF_TIME:
            raise self._too_long()
        raise Problem(
            "unreadable",
            "The process that read the body crashed: it may be damaged, or need more than "
            f"{self._settings.max_work_mb:g} MB of memory.",
            [Fault("body", "a file that can be read")],
        )

    def _too_long(self) -> Problem:
        return Problem(
            "too-long", f"No answer within {self._settings.timeout_s:g} s.", retry_after=1
        )


def _context() -> Any:
    context = get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.preload"])
    return context


def _child(
    its: Connection, folder: str, settings: Settings, job: Job, arguments: tuple[Any, ...]
) -> None:
    """Do a job in the child process, and send what it gives."""
    for ignored in (signal.SIGINT, signal.SIGTERM):  # the parent ends it, when it stops
        signal.signal(ignored, signal.SIG_IGN)
    tempfile.tempdir = folder
    _limit(settings)
    body = b""
    try:
        header, body = job(*arguments)
    except MemoryError:
        most = f"{settings.max_work_mb:g} MB"
        fault = ("body", f"what can be read in {most} of memory", None)
        header = {"problem": ("too-large", f"It takes more than {most} of memory.", [fault])}
    except Problem as problem:
        header = {"problem": problem.plain()}
    except CalcigramError as error:
        header = {"problem": Problem.of_error(error).plain()}
    except Exception as error:
        header = {"failure": of_exception(error)}
    head = json.dumps(header).encode()
    its.send_bytes(b"".join((_HEAD.pack(len(head)), head, body)))
    os._exit(0)


def _limit(settings: Settings) -> None:
    """Limit this process, for the kernel to enforce: memory, time, and no picture of it on disk."""
    seconds = math.ceil(settings.timeout_s) + 1
    signal.alarm(seconds)
    with suppress(OSError):  # where memory runs out all the same, this goes before the server
        Path("/proc/self/oom_score_adj").write_text("1000")
    held = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmData")
    )
    for kind, limit in (
        (resource.RLIMIT_DATA, held + settings.max_work_bytes),
        (resource.RLIMIT_CPU, seconds * (os.cpu_count() or 1)),
        (resource.RLIMIT_FSIZE, settings.max_work_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
