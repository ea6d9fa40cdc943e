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
    from attack import frame, lanes

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


def test_a_kind_that_breaks_leaves_the_others_what_they_found(capfd):
    def good(n):
        yield from (frame.Outcome(str(k), memory_mb=k) for k in range(n))

    def broken(n):
        yield frame.Outcome("first")
        raise KeyError(n)

    def dead(n):
        yield frame.Outcome("first")
        os.kill(os.getpid(), signal.SIGKILL)

    work = [
        (frame.Kind("load", run.__name__, "", 3, 0, run, is_alone=run is broken), 3)
        for run in (good, broken, dead)
    ]
    found = {kind.name: row for kind, row in lanes.run(work, 2)}
    assert next(iter(found)) == "broken"  # alone, so first
    assert [found[name]["tries"] for name in ("good", "broken", "dead")] == [3, 2, 2]
    assert found["good"]["memory_mb"] == 2
    assert not found["good"]["failed"]
    assert found["broken"]["failed"][0].startswith("the list itself: KeyError: 3 at test_attack")
    assert found["dead"]["failed"] == ["the list itself: ended with -9: "]


def test_a_kind_ends_with_the_try_under_way_when_its_time_is_over():
    def slow(n):
        for k in range(n):
            time.sleep(0.2)
            yield frame.Outcome(str(k))

    kind = frame.Kind("memory", "slow", "", 100, 0, slow, longest_s=0.5)
    ((_, row),) = lanes.run([(kind, 100)], 2)
    assert 1 <= row["tries"] <= 4
    assert not row["failed"]
    ((_, row),) = lanes.run([(kind, 100)], 2, longest_s=-1)
    assert row["tries"] == 1


def test_kinds_that_may_run_beside_others():
    one, alone = (frame.Kind("load", "", "", 1, 1, iter, is_alone=is_alone) for is_alone in (False, True))  # fmt: skip
    beside = [lanes.Lane(one, 1, 0, 0, None, 0.0)]
    assert lanes.may_start(one, beside, 2)
    assert not lanes.may_start(one, beside * 2, 2)
    assert not lanes.may_start(alone, beside, 2)
    assert lanes.may_start(alone, [], 2)
    assert not lanes.may_start(one, [lanes.Lane(alone, 1, 0, 0, None, 0.0)], 2)


def test_the_list_has_what_is_promised_of_it():
    mutated = [one.full for name, one in frame.KINDS.items() if name.startswith("Damaged files: ")
               and any(word in name for word in ("Parquet", "Arrow", "DICOM", "JSON", "Inference", "XML"))]  # fmt: skip
    assert sum(mutated) >= 100_000
    assert frame.KINDS["many requests"].full == 200_000
    kills = {name: one.full for name, one in frame.KINDS.items() if name.startswith("kill -9 of ")}
    commands = ("classify", "batch", "train", "report", "detect")
    assert all(kills[f"kill -9 of {name}"] == 20 for name in commands)


def test_the_page_holds_the_measured_figures():
    page = make_robustness_page.PAGE.read_text(encoding="utf-8")
    assert page == make_robustness_page.page(), "python benchmarks/make_robustness_page.py"
