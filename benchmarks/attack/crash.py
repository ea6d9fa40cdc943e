"""Commands killed at random moments: nothing half under a final name, nothing stray after the next run, the same bytes.

The command line runs in forks of this process, which has loaded the model and the kernels: so a run takes a fraction of
a second, and all of it is work.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from attack.frame import AT_END, Outcome, kind
from calcigram.formats import temporary

SEED = 17


class Command(NamedTuple):
    """What is run in a folder with inputs, what it writes there, and how it goes on or replaces an output."""

    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    resume: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    changed: str = ""  # an input, to be changed between two runs


COMMANDS = {
    "classify": Command(
        (
            "classify", "in/parts/0.parquet", "in/bad.csv.gz", "in/parts/1.parquet", "in/parts/2.parquet", "--skip-bad",
            "-o", "out/v.csv",
        ),
        ("v.csv", "v.rejects.csv"), ("--resume",), changed="in/parts/2.parquet",
    ),
    "batch": Command(
        ("batch", "in/parts", "out/verdicts", "--partition-clusters", "100"),
        ("verdicts",), ("--resume",), ("--overwrite",), changed="in/parts/2.parquet",
    ),
    "train": Command(
        ("train", "in/parts/0.parquet", "-o", "out/model", "--iterations", "3", "--drop-rare", "--jobs", "1"), ("model",),
    ),
    "report": Command(("report", "in/few.csv", "-o", "out/r.html"), ("r.html",)),
    "detect": Command(
        ("detect", "in/images", "-o", "out/m.csv", "--labels", "out/labels", "--jobs", "1"),
        ("m.csv",), ("--resume",), changed="in/images/*.dcm",
    ),
    "simulate --images": Command(
        ("simulate", "3", "--images", "out/pictures", "--image-format", "png", "--jobs", "1", "--seed", "1"), ("pictures",),
    ),
}  # fmt: skip


KILLS = 20
"""Of each command, at random moments."""


def killed(name: str, n: int) -> Iterator[Outcome]:
    """Kill a command so many times."""
    with workshop():
        yield from killed_commands(name, n)


for _name in COMMANDS:
    kind("crash", f"kill -9 of {_name}", "killed at random moments, with and without an older output, then run again",
         full=KILLS, bounded=2)(partial(killed, _name))  # fmt: skip


@kind(
    "crash",
    "input changed between two runs",
    "classify, batch and detect killed, an input changed, then --resume: refused, and taken up once it is as it was",
    full=3,
)
def changed(n: int) -> Iterator[Outcome]:
    with workshop():
        for name in [name for name, command in COMMANDS.items() if command.changed][:n]:
            yield changed_input(name)


@cache
def inputs() -> Path:
    """Return a folder with the input of all commands, which is there until the end."""
    import matplotlib.pyplot
    import pandas as pd
    import pydicom
    import sklearn.ensemble

    from calcigram import simulate
    from calcigram.classify import classify
    from calcigram.cli import main

    assert all((matplotlib.pyplot, pd, pydicom, sklearn.ensemble))
    classify(simulate(3, seed=1), n_threads=1)  # loads the kernels
    folder = Path(tempfile.mkdtemp(prefix="calcigram-attack-"))
    AT_END.callback(shutil.rmtree, folder)
    with contextlib.chdir(folder):
        assert finished(os.fork() or leaving(make_inputs)) == 0, said()
        for name in (
            "report",
            "detect",
        ):  # what forks would load again and again; `train` starts threads
            with (
                Path("log").open("w") as log,
                contextlib.redirect_stdout(log),
                contextlib.redirect_stderr(log),
            ):
                Path("out").mkdir(exist_ok=True)
                assert main([*COMMANDS[name].arguments]) == 0, said()
    return folder


@contextlib.contextmanager
def workshop() -> Iterator[None]:
    """Work in a new folder with inputs, beside it a folder for temporary files."""
    before = tempfile.tempdir
    given = inputs()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copytree(given / "in", "in")
        Path("tmp").mkdir()
        tempfile.tempdir = str(Path("tmp").absolute())
        try:
            yield
        finally:
            tempfile.tempdir = before


def leaving(work: object) -> int:
    """Do something in a fork, and end it."""
    code = 1
    try:
        code = int(work() or 0)  # type: ignore[operator]
    except SystemExit as leaving:  # as argparse does
        code = int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def make_inputs() -> None:
    """Write the input of all commands."""
    import gzip

    from calcigram import simulate, write_clusters
    from calcigram.cli import main

    log = os.open("log", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    (parts := Path("in/parts")).mkdir(parents=True)
    labelled = simulate(600, seed=3)
    write_clusters(labelled, "in/labelled.parquet")
    for k in range(3):
        write_clusters(labelled[200 * k : 200 * (k + 1)].batches(100), parts / f"{k}.parquet")
    write_clusters(labelled[:20], "in/few.csv")
    lines = Path("in/few.csv").read_text().splitlines()
    lines[3] = ",".join([lines[3].split(",")[0], "bad", *lines[3].split(",")[2:]])
    Path("in/bad.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    Path("in/large.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode() * 9))
    pictures = ["--images", "in/images", "-o", "in/truth.csv", "--seed", "5", "--jobs", "1"]
    assert main(["simulate", "3", *pictures]) == 0
    Path("in/whole").mkdir()
    for path in sorted(Path("in/images").glob("*.dcm")):
        shutil.copy(path, "in/whole")
        cut_down(path)


def cut_down(path: Path, side: int = 300) -> None:
    """Keep the middle of an image: a run is to be short, so that many are killed."""
    import numpy as np
    import pydicom

    dataset = pydicom.dcmread(path)
    top, left = (max(0, (n - side) // 2) for n in (dataset.Rows, dataset.Columns))
    pixels = dataset.pixel_array[top : top + side, left : left + side]
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    dataset.save_as(path)


def started(arguments: tuple[str, ...], *, output: str = "log", limit_kb: int = 0) -> int:
    """Run the command line in a fork; return its process id. No file may grow beyond `limit_kb`."""
    child = os.fork()
    if child:
        return child
    for stream, path in ((1, output), (2, "log")):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND), stream)
    # As in a process of its own: other streams than those of a test, and nothing tidied up yet.
    sys.stdout, sys.stderr = (open(stream, "w", closefd=False) for stream in (1, 2))  # noqa: SIM115
    temporary._tidied.clear()
    if limit_kb:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_kb * 1024, limit_kb * 1024))
    from calcigram.cli import main

    return leaving(lambda: main(list(arguments)))


def finished(child: int) -> int:
    """Wait for a process; return its exit code, below 0 of a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def tree(folder: str = "out") -> dict[str, str]:
    """Return all that is in a folder, by name: the digest of a file, nothing of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(Path(folder).rglob("*"))
    }


def parts() -> dict[str, str]:
    """Return the finished parts in folders beside outputs."""
    return {file: digest for file, digest in tree().items() if "/part-" in file}


def emptied() -> None:
    """Start with no output."""
    shutil.rmtree("out", ignore_errors=True)
    Path("out").mkdir()


def said() -> str:
    return Path("log").read_text(errors="replace").strip().replace("\n", " | ")[-300:]


def broken_off(command: Command, more: tuple[str, ...], after_s: float) -> None:
    """Start a command and kill it after some seconds."""
    child = started((*command.arguments, *more))
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    finished(child)


def whole(command: Command) -> tuple[dict[str, str], float]:
    """Return what a command writes, and how long it takes: the second time, as the first loads more."""
    for _ in range(2):
        emptied()
        start = time.monotonic()
        assert finished(started(command.arguments)) == 0, said()
    return tree(), time.monotonic() - start


def killed_commands(name: str, n: int) -> Iterator[Outcome]:
    """Kill a command again and again, each time with a next run after it."""
    command, chance = COMMANDS[name], random.Random(f"{name} {SEED}")
    expected, seconds = whole(command)
    for k in range(n):
        if is_there := k % 2 == 1:  # from the run before
            more = command.replace
        else:
            emptied()
            more = ()
        after_s = chance.uniform(0, 1.1 * seconds)
        broken_off(command, more, after_s)
        faults = list(half(command, tree(), expected, is_there=is_there))
        there = command.outputs[0] in tree()
        code = finished(started((*command.arguments, *(command.resume or more * there))))
        if code:
            faults.append(f"the next run ended with {code}: {said()}")
        if other := sorted({key for key, _ in tree().items() ^ expected.items()}):
            faults.append(f"after the next run other content: {other[:5]}")
        if strays := os.listdir("tmp"):
            faults.append(f"temporary files left: {strays[:5]}")
            shutil.rmtree("tmp")
            Path("tmp").mkdir()
        what = f"{name} after {after_s:.2f} of {seconds:.2f} s"
        yield Outcome(what, "; ".join(faults), seconds=seconds)


def half(
    command: Command, found: dict[str, str], expected: dict[str, str], *, is_there: bool
) -> Iterator[str]:
    """Yield which outputs a killed run left half, or without what was there before."""
    for file, digest in found.items():
        is_hidden = any(part.startswith(".") for part in Path(file).parts)
        if not is_hidden and expected.get(file) != digest:
            yield f"{file} is not whole"
    for output in command.outputs:
        own = {name for name in expected if name == output or name.startswith(f"{output}/")}
        kept = own & found.keys()
        if kept != own and (kept or is_there):
            yield f"{output} has not all of its files: {sorted(own - kept)[:5]}"


def changed_input(name: str) -> Outcome:
    """Kill a command, change an input, and resume."""
    command, faults = COMMANDS[name], []
    expected, seconds = whole(command)
    emptied()
    for share in (0.8, 0.7, 0.6, 0.5):  # until there is something to go on with
        broken_off(command, (), share * seconds)
        if any("part-" in file for file in tree()) and command.outputs[0] not in tree():
            break
        emptied()
    else:
        return Outcome(name, "never killed between its parts")
    file = next(Path().glob(command.changed))
    content, times = file.read_bytes(), file.stat()
    file.write_bytes(
        content[:-1] + bytes([content[-1] ^ 1])
        if name == "detect"
        else Path("in/parts/0.parquet").read_bytes()
    )
    kept = parts()
    code = finished(started((*command.arguments, *command.resume)))
    if code != 2 or parts() != kept:
        faults.append(f"another input was not refused: {code}, {said()}")
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    if name == "detect":  # told by times of change, which nobody can set back
        return Outcome(name, "; ".join(faults), seconds=seconds)
    code = finished(started((*command.arguments, *command.resume)))
    if code or tree() != expected:
        other = sorted({key for key, _ in tree().items() ^ expected.items()})
        faults.append(f"not taken up again: {code}, other content: {other[:5]}, {said()}")
    return Outcome(name, "; ".join(faults), seconds=seconds)
