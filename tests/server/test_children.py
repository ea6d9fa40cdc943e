"""Jobs in child processes: their answers, their limits, and what becomes of those that die."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [server] is not installed")

from calcigram.errors import TemporaryFilesError
from calcigram.server import children as jobs
from calcigram.server.children import Children, JobError
from calcigram.server.responses import Problem
from calcigram.server.settings import Settings


@pytest.fixture(scope="module")
def children():
    running = Children(Settings(max_work_mb=300, timeout_s=5, threads=2))
    running.run_now(jobs.nothing)
    yield running
    running.close()


def run(children, text):
    """Run statements in a child."""
    return children.run_now(_statements, text)


def _statements(text):
    names = {}
    exec(text, names)
    return names.get("header", {}), names.get("body", b"")


def test_an_answer_comes_back_whole(children):
    header, body = run(children, "header, body = {'n': 3}, b'x' * 5_000_000")
    assert header == {"n": 3}
    assert body == b"x" * 5_000_000


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("import os; os.abort()", "unreadable"),
        ("import ctypes; ctypes.string_at(8)", "unreadable"),
        ("import os; os._exit(3)", "unreadable"),
        ("b'x' * 2_000_000_000", "too-large"),
        ("import numpy; numpy.ones(10**9)", "too-large"),
        ("import pyarrow as pa; pa.nulls(10**9, pa.float64())", "too-large"),
        ("import time; time.sleep(60)", "too-long"),
        ("while True: pass", "too-long"),
    ],
)
def test_one_that_dies_is_a_refusal_and_the_next_is_served(children, text, kind):
    start = time.monotonic()
    with pytest.raises(Problem) as refused:
        run(children, text)
    assert refused.value.kind == kind
    assert refused.value.status in (413, 422, 503)
    assert time.monotonic() - start < 20
    assert run(children, "header = {'n': 1}")[0] == {"n": 1}


def test_refusals_are_told_as_they_are(children):
    text = "from calcigram.errors import BadInputError\nraise BadInputError('a number', row=3, column='x', value='?')"
    with pytest.raises(Problem) as refused:
        run(children, text)
    assert (refused.value.kind, refused.value.faults[0].field) == ("bad-value", "row 3, x")
    with pytest.raises(JobError) as failed:
        run(children, "1 / 0")
    assert failed.value.fields["exception"] == "ZeroDivisionError"


def test_it_ends_when_nobody_waits_any_more(children, tmp_path):
    mark = tmp_path / "pid"
    text = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    async def gives_up():
        running = asyncio.create_task(children.run(_statements, text))
        async with asyncio.timeout(60):
            while not (mark.exists() and mark.read_text()):  # a child may start slowly
                await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(gives_up())
    pid = int(mark.read_text())
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_nothing_is_left_of_one_that_was_killed(children, tmp_path, monkeypatch):
    text = "import os, tempfile; tempfile.mkstemp(); os.abort()"
    monkeypatch.setattr(jobs, "_own_folder", lambda: tmp_path)  # that of the process has more
    with pytest.raises(Problem):
        run(children, text)
    assert not list(tmp_path.iterdir())


def test_one_does_not_stop_with_the_signal_that_stops_the_server(children):
    text = (
        f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)}); header = {{'pid': os.getpid()}}"
    )
    assert run(children, text)[0]["pid"] != os.getpid()


def test_close_ends_what_is_under_way():
    running = Children(Settings(timeout_s=60, threads=1))

    async def ask():
        task = asyncio.create_task(running.run(_statements, "import time; time.sleep(60)"))
        await asyncio.sleep(1)
        start = time.monotonic()
        await asyncio.to_thread(running.close)
        assert time.monotonic() - start < 5
        with pytest.raises(Problem, match="No answer"):
            await task

    asyncio.run(ask())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_not_blamed_on_the_file(children, number):
    text = (
        "from calcigram.formats.temporary import temporary_folder\n"
        f"with temporary_folder(): raise OSError({number}, 'No space left on device')"
    )
    with pytest.raises(Problem) as refused:
        run(children, text)
    assert (refused.value.kind, refused.value.status) == ("no-disk", 503)
    assert "/" not in refused.value.detail


def test_a_folder_for_temporary_files_that_is_gone_is_told(children, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "_own_folder", lambda: tmp_path / "gone")
    with pytest.raises(TemporaryFilesError) as told:
        run(children, "")
    problem = Problem.of_error(told.value)
    assert (problem.kind, str(tmp_path) in problem.detail) == ("no-disk", False)


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("start", ["serve(settings)", "create_app(settings)"])
def test_a_script_that_would_start_a_server_in_each_child_is_told_so(tmp_path, n_workers, start):
    script = tmp_path / "script.py"
    script.write_text(
        "from calcigram.server.app import create_app, serve\n"
        "from calcigram.server.settings import Settings\n"
        f"settings = Settings(port=0, page=False, workers={n_workers})\n{start}\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "calcigram.errors.CalcigramError: A script must start the server under "
        '`if __name__ == "__main__":`, since the server\'s child processes run the script again'
    )
