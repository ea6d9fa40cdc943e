"""What is printed fits the terminal, and says in signs and words what it says in colour."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from calcigram.cli import _output


@pytest.fixture
def verdicts():
    return pd.DataFrame(
        {
            "cluster_id": ["A-1", "B\x1b[31m", "C"],
            "n_calcifications": [12, 2, 40],
            "distribution": ["grouped", "insufficient", "segmental"],
            "distribution_probability": [0.913, np.nan, 0.5],
            "morphology": ["coarse_heterogeneous", "round", "fine_linear"],
            "morphology_probability": [0.7, 0.8, 0.6],
            "concern": ["suspicious", "benign", "intermediate"],
            "rule_distribution": ["linear", "insufficient", "segmental"],
            "rule_morphology": ["unread", "round", "fine_linear"],
            "rule_concern": ["benign", "benign", None],
            "agreement": ["opposed", "agree", None],
            "review": [True, False, True],
        }
    )


def printed(monkeypatch, verdicts, width, **options):
    buffer = io.StringIO()
    options = {"color_system": None, "force_terminal": False} | options
    monkeypatch.setattr(_output, "console", lambda: Console(file=buffer, width=width, **options))
    _output.print_verdicts(verdicts)
    return buffer.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 240])
def test_the_table_fits_and_never_drops_what_matters(width, verdicts, monkeypatch):
    lines = printed(monkeypatch, verdicts, width).splitlines()
    assert max(len(line) for line in lines) <= width
    text = "\n".join(lines)
    for needed in ("A-1", "opposed", "LOOK", "To look at: 2."):
        assert needed in text
    for explained in (
        "- benign",
        "+ intermediate",
        "# suspicious",
        "= agree",
        "~ same",
        "/ differ",
    ):
        assert explained in re.sub(r"\s+", " ", text)
    assert text.count("O'Leary") == 1
    # What is left can be understood: the words of both that were compared.
    (row,) = [line for line in lines if "A-1" in line]
    assert "grouped" in row
    assert "linear" in row
    assert ("Not shown at this width" in text) == (width < 160)


def test_at_80_columns_everything_that_is_compared_is_left(verdicts, monkeypatch):
    text = printed(monkeypatch, verdicts, 80)
    for needed in ("heterogeneous", "unread", "fine linear", "morphology", " c ", " a ", " ! "):
        assert needed in text
    assert "probability, " in text.split("Not shown")[1]


@pytest.mark.parametrize("name", ["S01", "sim-3-617", "mammogram_0012.R.CC"])
def test_at_80_columns_the_longest_words_fit(name, verdicts, monkeypatch):
    longest = verdicts.assign(
        cluster_id=name,
        distribution="insufficient",
        rule_distribution="insufficient",
        morphology="coarse_heterogeneous",
        rule_morphology="fine_pleomorphic",
    )
    text = printed(monkeypatch, longest, 80)
    assert max(map(len, text.splitlines())) <= 80
    for needed in ("insufficient", "heterogeneous", "pleomorphic", " c ", " a ", " ! ", "LOOK"):
        assert needed in text


def test_why_to_look_stands_below_the_table(verdicts, monkeypatch):
    reasons = verdicts.assign(
        reason=["first reason.", "", "third reason."],
        birads_concern=None,
        model_birads_concern=None,
    )
    text = printed(monkeypatch, reasons, 120)
    assert "A-1: first reason." in text
    assert "C: third reason." in text
    assert "B?[31m: " not in text


def test_a_wide_terminal_shows_every_column(verdicts, monkeypatch):
    text = printed(monkeypatch, verdicts, 240)
    for needed in ("rules", "form", "concern", "0.91", "coarse heterogeneous"):
        assert needed in text


def test_signs_tell_what_colours_tell(verdicts, monkeypatch):
    text = printed(monkeypatch, verdicts, 240)
    for needed in ("# suspicious", "- benign", "+ intermediate", "! opposed", "= agree"):
        assert needed in text


def test_an_id_cannot_steer_the_terminal(verdicts, monkeypatch):
    text = printed(monkeypatch, verdicts, 240, color_system="truecolor", force_terminal=True)
    assert "B?[31m" in text


def test_the_summary_counts(verdicts):
    assert _output.summary_line(verdicts) == (
        "3 clusters. Model: 1 benign, 1 intermediate, 1 suspicious. "
        "Readings: 1 agree, 1 opposed, 1 without. To look at: 2."
    )


def test_a_long_table_is_cut_and_says_so(verdicts, capsys):
    _output.print_verdicts(pd.concat([verdicts] * 5), limit=4)
    assert "... and 11 more; -o FILE writes them all" in capsys.readouterr().out


@pytest.mark.parametrize(
    "sign",
    ["\x7f", "\x9b", "\u061c", "\u200b", "\u2028", "\u202e", "\u2066", "\ufeff", "\U000e0041"],
)
def test_json_escapes_what_steers_a_terminal_or_turns_text_around(sign):
    text = _output.json_text({f"a{sign}b": f"µ{sign}"})
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == {f"a{sign}b": f"µ{sign}"}


def test_notes_cannot_steer_the_terminal(verdicts, capsys):
    for table in (verdicts, verdicts[:0]):
        table.attrs["notes"] = ["sheet '\x1b[2J' [bold]read[/bold]\u202e"]
        _output.print_verdicts(table)
        assert "sheet '?[2J' [bold]read[/bold]?" in capsys.readouterr().out


def test_a_wrong_argument_cannot_steer_the_terminal(capsys):
    from calcigram.cli import main

    with pytest.raises(SystemExit):
        main(["rules", "--\x1b[2Jx"])
    assert "--?[2Jx" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["rules"], 2), (["features", "--json"], 2), (["inspect", "nothing.csv"], 2)],
)
def test_a_full_standard_output_is_told_and_a_full_standard_error_ends_nothing(arguments, code):
    command = [sys.executable, "-m", "calcigram", *arguments]
    with open("/dev/full", "w") as full:
        told = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert told.returncode == code
        assert told.stderr.startswith("calcigram: error: ")
        assert len(told.stderr.splitlines()) == 1
        untold = subprocess.run(command, stdout=full, stderr=full, check=False)
        assert untold.returncode == code
    if arguments == ["rules"]:
        assert told.stderr == "calcigram: error: standard output: No space left on device\n"


def test_nothing_of_a_file_steers_the_terminal(tmp_path, capsys):
    from calcigram.cli import main

    text = "cluster_id,x_mm,y_mm,note\n"
    text += "".join(f"\x1b[31mA\x9b,{k},{k * k % 3},\x1b]0;title\x07\n" for k in range(4))
    path = tmp_path / "a\x1b[2J.csv"
    path.write_text(text + "b,x,1,\n", encoding="utf-8")
    assert main(["inspect", str(path)]) == 2
    assert main(["features", str(path), "-o", str(tmp_path / "f.csv")]) == 2
    path.write_text(text, encoding="utf-8")
    assert main(["inspect", str(path), "--json"]) == 0
    shown = "".join(capsys.readouterr())
    assert not {"\x1b", "\x9b", "\x07"} & set(shown)
    assert "?[2J" in shown
