"""Work in child processes that can be ended: what others send as files, and all that takes long.

Each job is a process of its own, forked from one that holds the model and does nothing else (see
`preload`). It has a limit of memory and of time. Where a limit is passed, or the process crashes,
the request is refused and the server goes on; so it is where the client has gone away. The jobs
stand at the end: functions of plain arguments that return bytes, since nothing of a child is unpickled.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import math
import os
import resource
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, lru_cache
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from calcigram.classify import Classifier
from calcigram.clusters import ClusterSet
from calcigram.errors import CalcigramError, TemporaryFilesError
from calcigram.formats.temporary import temporary_folder
from calcigram.options import ReadOptions
from calcigram.page import files
from calcigram.server import openinference
from calcigram.server.inputs import gather, read_json, read_upload
from calcigram.server.responses import JSON, NOTICE, Fault, Problem, encode, table_body
from calcigram.server.settings import Settings
from calcigram.server.telemetry import counts_of, log, of_exception

Result = tuple[dict[str, Any], bytes]
"""A small header, and a body."""

Job = Callable[..., Result]
"""A function of a module, with plain arguments."""

_OUT_OF_TIME = (-signal.SIGALRM, -signal.SIGXCPU)


class JobError(Exception):
    """A job failed by an error of the server.

    Parameters
    ----------
    fields : dict
        What the log may say of it, see `logs.of_exception`.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields["exception"])
        self.fields = fields


RUN_AGAIN = 76
"""Exit code of a child process that was about to start a server of its own."""


@cache
def check_script() -> None:
    """Refuse a script that would start a server again in each child process, which runs it anew.

    Raises
    ------
    CalcigramError
        It does not start the server under ``if __name__ == "__main__":``.
    """
    if getattr(current_process(), "_inheriting", False):  # as multiprocessing itself asks
        os._exit(RUN_AGAIN)
    probe = get_context("spawn").Process(target=os.getpid)
    probe.start()
    probe.join()
    if probe.exitcode == RUN_AGAIN:
        raise CalcigramError(
            'A script must start the server under `if __name__ == "__main__":`, since the server\'s '
            "child processes run the script again"
        )


class Children:
    """Runs jobs, a few at a time.

    Parameters
    ----------
    settings : Settings
        For the limits.
    """

    def __init__(self, settings: Settings) -> None:
        check_script()
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.threads or os.cpu_count() or 1, "jobs")
        self._calls: set[_Call] = set()

    async def run(self, job: Job, *arguments: Any) -> Result:
        """Return the header and the body that a job gives; end it when this is cancelled.

        Raises
        ------
        Problem
            The job refuses, takes too long or too much memory, or its process dies.
        JobError
            It fails by an error of the server.
        """
        call = _Call(self._settings, job, arguments)
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._call, call)
        try:
            return await future
        except asyncio.CancelledError:
            call.end()
            raise

    def run_now(self, job: Job, *arguments: Any) -> Result:
        """Return what `run` does, in the thread that asks."""
        return self._call(_Call(self._settings, job, arguments))

    def close(self) -> None:
        """End what is under way."""
        for call in list(self._calls):
            call.end()
        self._pool.shutdown(cancel_futures=True)

    def _call(self, call: _Call) -> Result:
        self._calls.add(call)
        try:
            return call.result()
        except (Problem, TemporaryFilesError) as error:
            if getattr(error, "kind", "no-disk") == "no-disk":
                log(logging.ERROR, "temporary files cannot be written")
            raise
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

    def result(self) -> Result:
        # The folder is this process's, so that it is gone also when the child was killed.
        with _job_folder() as folder:
            ours, its = _context().Pipe(duplex=False)
            with ours:
                arguments = (its, folder, self._settings, self._job, self._arguments)
                with self._lock:
                    if self._is_ended:
                        raise Problem.too_long(self._settings.timeout_s)
                    self._process = _context().Process(target=_child, args=arguments, daemon=True)
                    self._process.start()
                its.close()
                header, body = self._received(ours)
        if "failure" in header:
            raise JobError(header["failure"])
        if "problem" in header:
            kind, detail, faults = header["problem"]
            raise Problem(kind, detail, [Fault(*fault) for fault in faults])
        return header, body

    def _received(self, ours: Connection) -> Result:
        result: Result | None = None
        try:
            if ours.poll(self._settings.timeout_s):
                most = self._settings.max_work_bytes
                result = json.loads(ours.recv_bytes(most)), ours.recv_bytes(most)
        except (EOFError, OSError):
            self._process.join(1)
        died = self._process.exitcode
        self._process.kill()
        self._process.join()
        self._process.close()
        if result is not None:
            return result
        if self._is_ended or died is None or died in _OUT_OF_TIME:
            raise Problem.too_long(self._settings.timeout_s)
        raise Problem.unreadable(
            "The process that read the body crashed: it may be damaged, or need more than "
            f"{self._settings.max_work_mb:g} MB of memory."
        )


@contextmanager
def _job_folder() -> Iterator[str]:
    """Give a folder within that of this process, where one job has its temporary files."""
    try:
        folder = tempfile.mkdtemp(dir=_own_folder())
    except OSError as error:
        raise TemporaryFilesError(error) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


LONGEST_FOLDER = 85
"""Bytes; the address of a socket in it may have about 20 more."""


@cache
def _own_folder() -> Path:
    """Return the folder of this process; what a killed one left, the next removes."""
    stack = ExitStack()
    folder = stack.enter_context(temporary_folder())
    atexit.register(stack.close)
    if len(os.fsencode(folder)) <= LONGEST_FOLDER:
        # multiprocessing's own files go with it, too
        vars(current_process())["_config"]["tempdir"] = str(folder)
    return folder


def _context() -> Any:
    _own_folder()
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
        header = {"problem": ("too-large", f"It needs more than {most} of memory.", [fault])}
    except Problem as problem:
        header = {"problem": problem.plain()}
    except CalcigramError as error:
        header = {"problem": Problem.of_error(error).plain()}
    except Exception as error:
        header = {"failure": of_exception(error)}
    its.send_bytes(json.dumps(header).encode())
    its.send_bytes(body)
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


# --- jobs

MAX_EXPLAINED_POINTS = 2_000
"""Calcifications up to which a reading is explained: what would turn it is searched for."""


@lru_cache(maxsize=1)
def _model(folder: str) -> Any:
    from calcigram.model.reader import load_model

    return load_model(folder or None)


@lru_cache(maxsize=1)
def _classifier(folder: str, n_threads: int) -> Classifier:
    return Classifier(_model(folder), n_threads or None)


def prepare(folder: str) -> None:
    """Load a model and the compiled kernels, before children are forked."""
    table_body(_classifier(folder, 1).columns(corners()), JSON)


def corners() -> ClusterSet:
    """Return a few clusters for which all kernels are needed."""
    return ClusterSet.from_arrays(
        [0, 5, 7],
        [0, 3, 5, 1, 8, 0, 1],
        [0, 1, 5, 7, 9, 0, 1],
        diameter_mm=[0.2, 0.3, 0.2, 0.4, 0.3, float("nan"), float("nan")],
    )


def nothing() -> Result:
    """Do nothing: to start what children are forked from."""
    return {}, b""


def classify(
    body: bytes, media_type: str, wanted: str, options: ReadOptions, settings: Settings
) -> Result:
    """Read the clusters of a body and return their verdicts."""
    clusters, notes = _clusters(body, media_type, options, settings)
    verdicts = _classifier(settings.model, settings.threads).columns(clusters)
    return {"counts": counts_of(verdicts)}, table_body(verdicts, wanted, notes)


def infer(body: bytes, header_length: str | None, settings: Settings) -> Result:
    """Answer a request of the Open Inference Protocol."""
    asked, points = openinference.read(body, header_length, settings)
    verdicts = _classifier(settings.model, settings.threads).columns(gather([points]))
    content, n_json = openinference.written(asked, verdicts)
    return {"counts": counts_of(verdicts), "n_json": n_json}, content


def explain(body: bytes, media_type: str, options: ReadOptions, settings: Settings) -> Result:
    """Explain the reading of the one cluster of a body."""
    from calcigram.explain import explain as explain_reading

    clusters, _ = _clusters(body, media_type, options, settings)
    if len(clusters) != 1:
        raise Problem.of_value("clusters", "one cluster to explain", f"{len(clusters)} clusters")
    _check_explained(clusters)
    found = explain_reading(clusters, _model(settings.model)).to_dict()
    return {}, encode({"notice": NOTICE, **found})


def open_file(content: bytes, options: dict[str, Any]) -> Result:
    """Read a file that was dropped on the page; the picture of a mammogram stands behind its clusters."""

    with _parsing():
        return {}, files.open_file(content, **options).to_bytes()


def explain_drawn(cluster: bytes, folder: str) -> Result:
    """Explain the reading of a cluster on the page, as HTML."""
    from calcigram.page import explainer

    found = files.Opened.from_bytes(cluster).clusters
    _check_explained(found)
    return {}, explainer(_model(folder))(found).encode()


def draw_atlas() -> Result:
    """Draw the atlas, as HTML."""
    from calcigram.atlas import atlas_html

    return {}, atlas_html().encode()


def _check_explained(cluster: ClusterSet) -> None:
    n = int(cluster.n_calcifications[0])
    if n > MAX_EXPLAINED_POINTS:
        raise Problem.too_many("points", f"{n} calcifications to explain", MAX_EXPLAINED_POINTS)


def _clusters(
    body: bytes, media_type: str, options: ReadOptions, settings: Settings
) -> tuple[ClusterSet, tuple[str, ...]]:
    if media_type == JSON:
        return gather([read_json(body, settings, options.columns)]), ()
    with _parsing():
        return read_upload(body, media_type, settings, options)


@contextmanager
def _parsing() -> Iterator[None]:
    """Refuse a file on which a parser fails as it should not."""
    try:
        yield
    except (CalcigramError, Problem, MemoryError):
        raise
    except Exception as error:
        kind = of_exception(error)["exception"]
        raise Problem.unreadable(f"The body cannot be read ({kind}): it may be damaged.") from None
