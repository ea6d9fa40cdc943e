"""Kinds of attack side by side, each in a process of its own: what goes wrong in one is lost there alone."""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from attack.frame import AT_END, Kind, Outcome, row_of, shown

LONGEST_S = 900
"""By the clock: what one kind may take before it is ended."""

TELL_S = 30
"""How often a line says what is under way."""


@dataclass
class Lane:
    """A kind that is run by a child process, which sends outcomes as they come."""

    kind: Kind
    tries: int
    pid: int
    given: int
    log: Any
    start_s: float
    outcomes: list[Outcome] = field(default_factory=list)
    buffer: bytes = b""
    is_through: bool = False

    def read(self) -> bool:
        """Take what was sent; tell whether there may be more."""
        data = os.read(self.given, 1 << 16)
        self.buffer += data
        while len(self.buffer) >= 8 and len(self.buffer) >= 8 + (n := int.from_bytes(self.buffer[:8], "big")):  # fmt: skip
            outcome = pickle.loads(self.buffer[8 : 8 + n])  # from our own child
            self.buffer = self.buffer[8 + n :]
            if outcome is None:
                self.is_through = True
            else:
                self.outcomes.append(outcome)
        return bool(data)

    def row(self) -> dict[str, Any]:
        """Wait for the child, and return what the page says of the kind."""
        os.close(self.given)
        _, status, used = os.wait4(self.pid, 0)
        if not self.is_through:
            self.log.seek(0)
            said = self.log.read()[-500:].decode(errors="replace")
            code = os.waitstatus_to_exitcode(status)
            self.outcomes.append(Outcome("the list itself", f"ended with {code}: {said}"))
        self.log.close()
        return row_of(
            self.kind,
            self.outcomes,
            whole_s=round(time.monotonic() - self.start_s, 1),
            processor_s=round(used.ru_utime + used.ru_stime, 1),
            load=round(os.getloadavg()[0], 1),
        )


def started(kind: Kind, tries: int, end: float) -> Lane:
    """Run a kind in a new process, which leads a group of its own, until a moment of the monotonic clock."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `Lane.row`
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Lane(kind, tries, pid, reading, log, time.monotonic())
    code = 1
    try:
        os.setsid()
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        with os.fdopen(writing, "wb") as out:
            for outcome in outcomes_of(kind, tries, end):
                data = pickle.dumps(outcome)
                out.write(len(data).to_bytes(8, "big") + data)
                out.flush()
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def outcomes_of(kind: Kind, tries: int, end: float) -> Iterator[Outcome | None]:
    """Yield the outcomes of a kind, what broke the list itself, and nothing at the end."""
    end = min(end, time.monotonic() + kind.longest_s)
    try:
        AT_END.pop_all()  # what the parent closes
        with AT_END, contextlib.closing(kind.run(tries)) as outcomes:
            for outcome in outcomes:
                yield outcome
                if time.monotonic() > end:
                    break
    except Exception as error:
        yield Outcome("the list itself", shown(error))
    yield None


def run(
    work: Sequence[tuple[Kind, int]], n_lanes: int, longest_s: float = 1e9
) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Run kinds in so many lanes, those alone first; yield each as it ends, and print what is under way.

    After `longest_s`, each kind ends with the try under way.
    """
    waiting = sorted(work, key=lambda one: not one[0].is_alone)
    begin, told_s = time.monotonic(), time.monotonic()
    lanes: dict[int, Lane] = {}
    with selectors.DefaultSelector() as selector:
        while waiting or lanes:
            while waiting and may_start(waiting[0][0], list(lanes.values()), n_lanes):
                lane = started(*waiting.pop(0), begin + longest_s)
                lanes[lane.given] = lane
                selector.register(lane.given, selectors.EVENT_READ)
            for key, _ in selector.select(1):
                lane = lanes[key.fd]
                if not lane.read():
                    selector.unregister(key.fd)
                    del lanes[key.fd]
                    yield lane.kind, lane.row()
            for lane in lanes.values():
                if time.monotonic() - lane.start_s > LONGEST_S:
                    os.killpg(lane.pid, signal.SIGKILL)
            if time.monotonic() - told_s > TELL_S:
                told_s = time.monotonic()
                under_way = ", ".join(
                    f"{lane.kind.name} ({sum(o.tries for o in lane.outcomes):,} of {lane.tries:,})"
                    for lane in lanes.values()
                )
                print(f"{clock(told_s - begin)}   ... {under_way}", flush=True)


def may_start(kind: Kind, lanes: Sequence[Lane], n_lanes: int) -> bool:
    """Tell whether a kind may begin beside what is under way."""
    if kind.is_alone or any(lane.kind.is_alone for lane in lanes):
        return not lanes
    return len(lanes) < n_lanes


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"
