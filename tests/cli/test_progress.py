"""Progress where there is no terminal: plain lines on standard error, none for what is quick."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from calcigram.cli import NAMES, _output, main
from calcigram.cli._options import COMMANDS


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(_output, "SECONDS_BETWEEN_LINES", 0.1)


def test_lines_say_what_is_done_and_how_far(capsys):
    with _output.plain_progress("classify"):
        time.sleep(0.15)
        with _output.progress_bar("Reading clusters") as progress:
            progress(300, 1000)
            time.sleep(0.2)
        with _output.working("Writing"):
            time.sleep(0.2)
    out, err = capsys.readouterr()
    assert not out
    lines = err.splitlines()
    assert lines[0] == "classify: working (0 s)"
    assert "classify: Reading clusters 300 of 1000 (0 s)" in lines
    assert "classify: Writing (0 s)" in lines
    assert len(lines) <= 6


def test_what_is_quick_says_nothing(capsys):
    with _output.plain_progress("classify"), _output.working("Reading"):
        pass
    assert capsys.readouterr().err == ""


def test_lines_end_with_the_work_even_when_it_fails(capsys):
    with pytest.raises(RuntimeError), _output.plain_progress("x"), _output.working("a"):
        raise RuntimeError
    time.sleep(0.2)
    assert capsys.readouterr().err == ""
    assert not _output._doing


def test_a_terminal_gets_no_lines(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with _output.plain_progress("x"):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", NAMES)
def test_every_command_prints_lines_but_the_server(name, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").touch()
    arguments = {
        "classify": ["a.csv"], "inspect": ["a.csv"], "explain": ["a.csv"], "simulate": ["3", "-o", "a.csv"],
        "train": ["-o", "m"], "atlas": ["-o", "a.html"], "report": ["a.csv", "-o", "r.html"], "batch": ["a", "b"],
        "dicomweb": ["http://localhost", "--study", "1"],
        "detect": ["a.csv", "-o", "b.csv"], "measure": ["a.csv", "--image", "a.csv", "-o", "b.csv"],
    }.get(name, [])  # fmt: skip
    slow = COMMANDS[name]._replace(run=lambda _: time.sleep(0.25))
    monkeypatch.setitem(COMMANDS, name, slow)
    assert main([name, *arguments]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert all(re.fullmatch(rf"{name}: .*\(\d+ s\)", line) for line in lines)
    assert bool(lines) == (name != "serve")
