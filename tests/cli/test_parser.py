"""Wrong usage says what may be meant, in the command it was given to; shells can complete."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from calcigram.cli import NAMES, main


def refused(arguments, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["clasify", "a.csv"], "did you mean 'classify'?"),
        (["simulat", "3"], "did you mean 'simulate'?"),
        (["classify", "a.csv", "--modell", "m"], "did you mean '--model'?"),
        (["train", "a.csv", "-o", "m", "--drop-rares"], "did you mean '--drop-rare'?"),
        (["classify", "a.csv", "--pixel-spacin=0.1"], "did you mean '--pixel-spacing'?"),
        (["simulate", "3", "-o", "x.csv", "--grade", "typicl"], "did you mean 'typical'?"),
        (["classify", "a.csv", "--template", "tid150"], "did you mean 'tid1500'?"),
        (["rules", "chek"], "did you mean 'check'?"),
        (["batch", "a", "b", "--task", "clasify"], "did you mean 'classify'?"),
    ],
)
def test_what_may_be_meant_is_said(arguments, meant, capsys):
    assert meant in refused(arguments, capsys)


@pytest.mark.parametrize("arguments", [["zzzzz"], ["classify", "a.csv", "--zzzzz"]])
def test_nothing_is_suggested_where_nothing_is_like_it(arguments, capsys):
    assert "did you mean" not in refused(arguments, capsys)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_option_shows_the_usage_of_its_command(name, capsys):
    err = refused([name, "--no-such-option"], capsys)
    assert err.startswith(f"usage: calcigram {name} ")
    assert f"calcigram {name}: error: " in err


def test_words_of_files_and_python_are_suggested_too(tmp_path, capsys):
    assert main(["simulate", "3", "-o", str(tmp_path / "a.csv"), "--preset", "trian"]) == 2
    path = tmp_path / "labelled.csv"
    path.write_text("cluster_id,x_mm,y_mm,true_distribution\na,0,0,groupd\n")
    assert main(["train", str(path), "-o", str(tmp_path / "m")]) == 2
    assert "did you mean 'grouped'?" in capsys.readouterr().err


def completions(line):
    done = subprocess.run(
        [sys.executable, "-m", "calcigram"],
        env=os.environ
        | {
            "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SUPPRESS_SPACE": "1", "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout", "COMP_TYPE": "9",
            "COMP_LINE": line, "COMP_POINT": str(len(line)),
        },
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split("\n"))


def test_the_shell_completes_commands_options_and_choices():
    assert {"classify", "batch", "train"} <= completions("calcigram ")
    assert "--rulebook" in completions("calcigram classify --r")
    assert completions("calcigram simulate 3 --grade ty") == {"typical"}


def test_help_says_how_to_switch_completion_on(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "register-python-argcomplete calcigram" in capsys.readouterr().out
