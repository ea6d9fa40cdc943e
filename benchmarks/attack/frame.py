"""What a kind of attack is, and how its tries run: in child processes with limits of memory and time."""

from __future__ import annotations

import atexit
import contextlib
import mmap
import os
import pickle
import re
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calcigram.errors import CalcigramError

MEMORY_MB, SECONDS = 1000, 60
"""What one try may take: memory above that of an idle process, and processor time."""

PER_CHILD = 250
"""So many small tries share a process."""

STUCK_S = 600
"""By the clock: a try that waits for something and uses no processor."""

SECTIONS = {
    "memory": "Memory and time",
    "hostile": "Hostile arrays, models and damaged files",
    "load": "Load and faults",
    "crash": "Killed and resumed",
    "people": "Texts, pages of other origins, privacy",
    "supply": "Supply chain",
}
"""Headings of the page; each is a module of this package, and there are others."""


@dataclass(frozen=True)
class Outcome:
    """How one try went, or several in one process: `memory_mb` and `seconds` are then those of the worst."""

    what: str
    failure: str = ""
    memory_mb: float = 0.0
    seconds: float = 0.0
    tries: int = 1


Tried = Callable[[int], Generator[Outcome]]


@dataclass(frozen=True)
class Kind:
    """A kind of attack.

    Attributes
    ----------
    section : str
        A key of `SECTIONS`.
    name, tried : str
        What the page calls it, and what is tried, in one line.
    full, bounded : int
        How many tries the function is asked for, in the full run and in the tests; 0 leaves it out.
    run : callable
        Takes the number of tries and yields outcomes. It may yield fewer where it has no more.
    cannot : str
        What cannot be fixed, and why; empty where all must hold.
    is_alone : bool
        Its figures are spoiled by other work on the machine.
    longest_s : float
        By the clock: after that it ends with the try under way, and its row says how many there were.
    """

    section: str
    name: str
    tried: str
    full: int
    bounded: int
    run: Tried
    cannot: str = ""
    is_alone: bool = False
    longest_s: float = 600.0


KINDS: dict[str, Kind] = {}

AT_END = contextlib.ExitStack()
"""What the tries of a process share, such as a server; closed when it ends."""

atexit.register(AT_END.close)


def kind(
    section: str, name: str, tried: str, *, full: int, bounded: int = 0, **more: Any
) -> Callable[[Tried], Tried]:
    """Register the function below as a kind of attack; see `Kind`."""

    def register(run: Tried) -> Tried:
        assert section in SECTIONS
        assert name not in KINDS, name
        KINDS[name] = Kind(section, name, tried, full, bounded, run, **more)
        return run

    return register


def load_kinds() -> None:
    """Import the modules that register kinds."""
    from importlib import import_module

    for name in (*SECTIONS, "damaged", "faults", "protocol"):
        import_module(f"{__package__}.{name}")


# --- in a child process


def in_children(
    attack: Callable[[Any], object],
    tries: Iterable[tuple[str, Any]],
    *,
    per_child: int = 1,
    allowed: tuple[type[BaseException], ...] = (CalcigramError,),
    memory_mb: float = MEMORY_MB,
) -> Iterator[Outcome]:
    """Call `attack` with each argument, in forked processes that may crash, hang or take too much memory.

    Parameters
    ----------
    attack : callable
        It fails where it raises what is not in `allowed`, or returns a text, which says what is wrong.
    tries : iterable of (str, object)
        What is tried, and the argument. A callable argument is called first, unmeasured: it makes what is large.
    per_child : int
        So many tries share a process; their memory is then measured together.
    """
    ours = iter(tries)
    while batch := [one for _, one in zip(range(per_child), ours, strict=False)]:
        while batch:
            outcomes, done = _forked(attack, batch, allowed, memory_mb)
            yield from outcomes
            batch = batch[done:]


def _forked(
    attack: Callable[[Any], object],
    batch: Sequence[tuple[str, Any]],
    allowed: tuple[type[BaseException], ...],
    memory_mb: float,
) -> tuple[list[Outcome], int]:
    """Run tries in one child until it is through or dead; return outcomes and how many were run."""
    sys.stdout.flush()
    sys.stderr.flush()
    here = mmap.mmap(-1, 8)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as out:
                pickle.dump(_run(attack, batch, allowed, memory_mb, here), out)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as given:
        answer = given.read()
    _, status, used = os.wait4(child, 0)
    if answer:  # from our own child, which runs our own code
        return pickle.loads(answer), len(batch)
    at = struct.unpack("q", here[:])[0]
    code = os.waitstatus_to_exitcode(status)
    said = {
        -signal.SIGPROF: f"over {SECONDS} s of processor time",
        -signal.SIGALRM: f"no end within {STUCK_S} s",
    }.get(code, f"the process died: {signal.Signals(-code).name if code < 0 else code}")
    died = Outcome(batch[at][0], said, seconds=used.ru_utime + used.ru_stime)
    return [Outcome(f"{batch[0][0]} to {batch[at - 1][0]}", tries=at)] * (at > 0) + [died], at + 1


def _run(
    attack: Callable[[Any], object],
    batch: Sequence[tuple[str, Any]],
    allowed: tuple[type[BaseException], ...],
    memory_mb: float,
    here: mmap.mmap,
) -> list[Outcome]:
    warnings.simplefilter("ignore")
    made = [argument() if callable(argument) else argument for _, argument in batch]
    silence()
    limit(memory_mb)
    idle, slowest, failed = resident_mb(), 0.0, []
    peak_from_now()
    for number, ((what, _), argument) in enumerate(zip(batch, made, strict=True)):
        here[:] = struct.pack("q", number)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(STUCK_S)
        start, failure = time.process_time(), ""
        try:
            failure = attack(argument) or ""
        except allowed:
            pass
        except BaseException as error:
            failure = shown(error)
        took = time.process_time() - start
        slowest = max(slowest, took)
        if failure:
            failed.append(Outcome(what, str(failure), seconds=took))
    signal.setitimer(signal.ITIMER_PROF, 0)
    whole = batch[0][0] if len(batch) == 1 else f"{batch[0][0]} to {batch[-1][0]}"
    grown = max(0.0, resident_mb("VmHWM") - idle)
    if len(batch) == 1:
        failure = failed[0].failure if failed else over(grown)
        return [Outcome(whole, failure, grown, slowest)]
    n_good = len(batch) - len(failed)
    return [*failed, Outcome(whole, over(grown), grown, slowest, n_good)]


def over(grown_mb: float) -> str:
    """Say that a try took too much memory; nothing where it did not."""
    return f"{grown_mb:.0f} MB above idle" if grown_mb > MEMORY_MB else ""


def shown(error: BaseException) -> str:
    """Return an exception, and where it was raised, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {str(error)[:200]}{where}"


def silence() -> None:
    """Send what this process prints nowhere, as parsers written in C print too."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def limit(memory_mb: float = MEMORY_MB) -> None:
    """Limit this process: so much memory above what it has now."""
    most = int((memory_of("self", "VmData") + memory_mb) * 1e6)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for stopped in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(stopped, signal.SIG_DFL)


def memory_of(pid: int | str, field: str = "VmRSS") -> float:
    """Return a field of what the kernel says of a process's memory, in MB; 0 of one that is gone."""
    with contextlib.suppress(OSError):
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 / 1e6 if found else 0.0
    return 0.0


def resident_mb(field: str = "VmRSS") -> float:
    """Return the resident memory of this process; of ``VmHWM``, its peak."""
    return memory_of("self", field)


def peak_from_now() -> None:
    """Let the peak of resident memory start from what there is now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


# --- the list


def run_kind(one: Kind, tries: int) -> dict[str, Any]:
    """Run one kind in this process; return what the page says of it."""
    return row_of(one, list(one.run(tries)))


def row_of(one: Kind, outcomes: Sequence[Outcome], **more: Any) -> dict[str, Any]:
    """Return what the page says of a kind."""
    failed = [outcome for outcome in outcomes if outcome.failure]
    return {
        "section": one.section,
        "tried": one.tried,
        "tries": sum(outcome.tries for outcome in outcomes),
        "failures": len(failed),
        "failed": [f"{outcome.what}: {outcome.failure}" for outcome in failed[:20]],
        "memory_mb": round(max((outcome.memory_mb for outcome in outcomes), default=0.0)),
        "seconds": round(max((outcome.seconds for outcome in outcomes), default=0.0), 2),
        "cannot": one.cannot,
    } | more
