"""Faults of the machine: ports, disks and caches that are not as they should be, threads and processes."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attack.crash import finished, said, started, workshop
from attack.frame import Outcome, kind
from attack.serving import START_S, free_port


@kind(
    "load",
    "two servers on one port",
    "started at the same moment, with one process and with two: one serves, the other says why not",
    full=2,
)
def two_servers(n: int) -> Iterator[Outcome]:
    for workers in range(1, n + 1):
        port = free_port()
        with tempfile.TemporaryFile() as log:
            both = [
                subprocess.Popen(
                    [sys.executable, "-m", "calcigram", "serve", "--no-page", "--workers", str(workers), "--port", str(port)],
                    stdout=log, stderr=subprocess.STDOUT,
                )
                for _ in range(2)
            ]  # fmt: skip
            end = time.monotonic() + START_S
            while time.monotonic() < end and all(one.poll() is None for one in both):
                time.sleep(0.2)
            time.sleep(1)
            codes = [one.poll() for one in both]
            for one in both:
                one.terminate()
                one.wait()
            log.seek(0)
            said = log.read().decode()
        is_told = "expected an address that is free" in said and "Traceback" not in said
        failure = (
            "" if set(codes) == {2, None} and is_told else f"exit codes {codes}: {said[-300:]}"
        )
        yield Outcome(f"{workers} processes each", failure)


def told(code: int, *words: str) -> str:
    """Return what is wrong with a refusal: it exits with 2 and one plain message, which has the words."""
    message = said()
    if code != 2 or "calcigram: error: " not in message or "Traceback" in message:
        return f"exit code {code}: {message}"
    return "" if any(word in message for word in words) else f"not told: {message}"


WRITERS = {
    "classify": ("classify", "in/labelled.parquet", "-o", "disk/v.csv"),
    "features": ("features", "in/labelled.parquet", "-o", "disk/f.parquet"),
    "batch": ("batch", "in/parts", "disk/verdicts"),
    "simulate": ("simulate", "300", "-o", "disk/s.csv", "--jobs", "1"),
    "simulate --images": ("simulate", "2", "--images", "disk/pictures", "--jobs", "1"),
    "train": ("train", "in/labelled.parquet", "-o", "disk/model", "--iterations", "3", "--drop-rare", "--jobs", "1"),
    "report": ("report", "in/few.csv", "-o", "disk/r.html"),
    "detect": ("detect", "in/whole", "-o", "disk/m.csv", "--jobs", "1"),
}  # fmt: skip
"""What writes more than `DISK_KB`."""

DISK_KB = 20


@kind(
    "load",
    "full disk",
    f"outputs on a disk of {DISK_KB} kB, temporary files there, standard output that is full: told, nothing half",
    full=len(WRITERS) + 4,
    bounded=4,
)
def full_disk(n: int) -> Iterator[Outcome]:
    with workshop(), small_disk("disk", f"size={DISK_KB}k") as is_mounted:
        for name, arguments in itertools.islice(WRITERS.items(), max(1, n - 4)):
            code = finished(started(arguments, limit_kb=0 if is_mounted else DISK_KB))
            failure = told(code, "No space left", "File too large")
            half = [path.name for path in Path("disk").iterdir() if not path.name.startswith(".")]
            if half:
                failure += f"; left: {half}"
            yield Outcome(f"{name}, {'disk' if is_mounted else 'limit of the process'}", failure)
            for path in Path("disk").iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        before, tempfile.tempdir = tempfile.tempdir, str(Path("disk").absolute())
        packed = ("inspect", "in/large.csv.gz")
        yield Outcome(
            "temporary files", told(finished(started(packed, limit_kb=DISK_KB)), "TMPDIR")
        )
        tempfile.tempdir = before
        for arguments in (
            ("rules",),
            ("features", "in/few.csv", "-o", "-"),
            ("classify", "in/few.csv", "--json"),
        ):
            code = finished(started(arguments, output="/dev/full"))
            yield Outcome(f"{arguments[0]} to a full standard output", told(code, "No space left"))


@contextlib.contextmanager
def small_disk(name: str, options: str) -> Iterator[bool]:
    """Make a folder a small disk; tell whether this user may. Else the limit of the process must stand for one."""
    Path(name).mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "calcigram-attack", name]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        is_mounted = False
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", name], check=True)


@kind(
    "load",
    "read-only disk",
    "outputs on a disk that is mounted read-only: told; left out where mounting is not permitted",
    full=len(WRITERS),
)
def read_only_disk(n: int) -> Iterator[Outcome]:
    with workshop(), small_disk("disk", "ro") as is_mounted:
        for name, arguments in itertools.islice(WRITERS.items(), n * is_mounted):
            code = finished(started(arguments))
            yield Outcome(name, told(code, "Read-only file system"))


@kind(
    "load",
    "no home, no cache, a damaged kernel cache",
    "classify in a fresh process with each: the same verdicts",
    full=5,
)
def without_cache(n: int) -> Iterator[Outcome]:
    from calcigram import _kernels

    source = Path(_kernels.__file__).parent
    with workshop():
        assert finished(started(("classify", "in/few.csv", "-o", "expected.csv"))) == 0
        expected = Path("expected.csv").read_bytes()
        nobody = {
            "HOME": "/proc/nobody",
            "XDG_CACHE_HOME": "/proc/nobody",
            "MPLCONFIGDIR": "/proc/nobody",
        }
        damages = [
            ("no home, no folder for a cache", nobody, None),
            ("cut off", {}, lambda content: content[: len(content) // 2]),
            ("one bit", {}, lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]),
            ("empty", {}, lambda content: b""),
            ("zeros", {}, lambda content: bytes(len(content))),
        ]  # fmt: skip
        for name, environment, damage in damages[:n]:
            variables = os.environ | environment
            if (
                damage is not None
            ):  # kernels beside the source are the second choice, so that nothing is compiled
                cache = Path("cache").absolute()
                shutil.rmtree(cache, ignore_errors=True)
                variables["NUMBA_CACHE_DIR"] = str(cache)
                fill_cache(cache, source, damage)
            done = subprocess.run(
                [sys.executable, "-m", "calcigram", "classify", "in/few.csv", "-o", "found.csv"],
                env=variables, capture_output=True, text=True, check=False, timeout=600,
            )  # fmt: skip
            same = done.returncode == 0 and Path("found.csv").read_bytes() == expected
            yield Outcome(
                name, "" if same else f"exit code {done.returncode}: {done.stderr[-300:]}"
            )


def fill_cache(cache: Path, source: Path, damage: Any) -> None:
    """Copy the kept kernels to where they are looked for first, damaged."""
    from calcigram._kernels import compiler

    for folder in [source, *(path for path in source.parent.iterdir() if path.is_dir())]:
        for kept in (folder / "__pycache__").glob("*.nb[ci]"):
            user_wide = compiler._UserWide(fill_cache, str(folder / "module.py")).get_cache_path()
            place = cache / Path(user_wide).name / kept.name
            place.parent.mkdir(parents=True, exist_ok=True)
            content = kept.read_bytes()
            place.write_bytes(damage(content) if kept.suffix == ".nbc" else content)


@kind(
    "load",
    "threads and processes",
    "16 threads with four models at once, then in forked and in spawned processes: the verdicts of one thread",
    full=24,
    bounded=6,
)
def threads_and_processes(n: int) -> Iterator[Outcome]:
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from multiprocessing import get_context

    n_threads = max(2, min(16, n - 4))
    with workshop():
        make_models("models")
        expected = {name: verdicts_of(name) for name in MODELS}
        jobs = [MODELS[k % len(MODELS)] for k in range(n_threads * 3)]
        with ThreadPoolExecutor(n_threads) as pool:
            found = list(pool.map(verdicts_of, jobs))
        wrong = sum(expected[name] != one for name, one in zip(jobs, found, strict=True))
        yield Outcome(
            f"{n_threads} threads",
            f"{wrong} of {len(jobs)} differ" if wrong else "",
            tries=n_threads,
        )
        for way in ("fork", "spawn"):
            with ProcessPoolExecutor(2, mp_context=get_context(way)) as pool:
                found = list(pool.map(verdicts_of, MODELS))
            wrong = sum(expected[name] != one for name, one in zip(MODELS, found, strict=True))
            yield Outcome(way, f"{wrong} differ" if wrong else "", tries=len(MODELS))


MODELS = ("default", "models/0", "models/1", "models/2")


def make_models(folder: str) -> None:
    """Write three small models."""
    from calcigram import simulate, train_model

    for seed in range(3):
        model = train_model(
            simulate(600, seed=seed), seed=seed, n_iterations=2, drop_rare=True, n_jobs=1
        )
        model.save(f"{folder}/{seed}")


def verdicts_of(model: str) -> str:
    """Return the verdicts of a model as text."""
    from calcigram import classify, load_model, simulate

    clusters = simulate(30, seed=8)
    return classify(clusters, load_model(None if model == "default" else model)).to_csv()
