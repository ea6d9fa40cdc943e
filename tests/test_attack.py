"""The bounded part of the list of attacks; `make attack` runs all of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
try:
    from attack import frame

    frame.load_kinds()
    import make_robustness_page
finally:
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, one in frame.KINDS.items() if one.bounded])
def test_no_try_fails(name):
    one = frame.KINDS[name]
    found = frame.run_kind(one, one.bounded)
    assert found["tries"]
    assert not found["failed"]


def outcomes(attack, *arguments, **options):
    return list(frame.in_children(attack, [(str(a), a) for a in arguments], **options))


def test_a_child_that_dies_fails_alone():
    def attack(n):
        if n == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    found = outcomes(attack, 0, 1, 2, 3, per_child=10)
    died = "the process died: SIGKILL"
    assert [(one.failure, one.tries) for one in found] == [("", 2), (died, 1), ("", 1)]


def test_exceptions_and_memory_are_failures(monkeypatch):
    monkeypatch.setattr(frame, "SECONDS", 1)

    def attack(what):
        if what == "memory":
            bytearray(1_500_000_000)
        elif what == "hang":
            while True:
                time.process_time()
        elif what == "documented":
            raise frame.CalcigramError("no")
        if what == "text":
            return "a wrong answer"
        bytearray(b"1" * 100_000_000)
        raise KeyError(what)

    found = outcomes(attack, "memory", "hang", "documented", "text", "other")
    said = [one.failure for one in found]
    assert said[0].startswith("MemoryError")
    assert said[1] == "over 1 s of processor time"
    assert said[2:4] == ["", "a wrong answer"]
    assert said[4].startswith("KeyError: 'other' at test_attack.py")
    assert 90 < found[4].memory_mb < 400


def test_the_page_holds_the_measured_figures():
    page = make_robustness_page.PAGE.read_text(encoding="utf-8")
    assert page == make_robustness_page.page(), "python benchmarks/make_robustness_page.py"
