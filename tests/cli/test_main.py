"""The command line as a whole: start-up, help, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from calcigram import __version__
from calcigram.cli import NAMES, _output, build_parser, main
from calcigram.cli._options import COMMANDS
from calcigram.errors import BadInputError

HEAVY = {"numpy", "pandas", "scipy", "sklearn", "numba", "matplotlib", "pyarrow", "jinja2", "rich"}


def run_python(code, **options):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["classify", "--help"]], ids=" ".join
)
def test_help_imports_no_numerical_library(arguments):
    done = run_python(
        "import sys\n"
        "from calcigram.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as leaving: assert not leaving.code\n"
        "print('modules:', *{name.partition('.')[0] for name in sys.modules})"
    )
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.splitlines()[-1].removeprefix("modules: ").split())
    assert "calcigram" in imported
    assert not imported & HEAVY


def test_importing_the_package_imports_no_numerical_library():
    done = run_python("import sys, calcigram; print(*{n.partition('.')[0] for n in sys.modules})")
    assert not set(done.stdout.split()) & HEAVY


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["--help"])
    assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert all(f"    {name} " in out for name in NAMES)
    assert "not a medical device" in out


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_help_with_an_example_that_parses(name, capsys):
    with pytest.raises(SystemExit) as leaving:
        main([name, "--help"])
    assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert "not a medical device" in out
    examples = out.split("example:\n", 1)[1].split("\n\n", 1)[0].split("\n")
    for example in examples:
        words = example.split()
        assert words[0] == "calcigram"
        assert build_parser().parse_args(words[1:]).command == name


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"calcigram {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["draw"], "invalid choice: 'draw'"),
        (["classify"], "the following arguments are required: FILE"),
        (["simulate", "none", "-o", "x.csv"], "got 'none', expected a whole number of at least 1"),
        (["simulate", "5", "-o", "x.csv", "--grade", "harsh"], "invalid choice: 'harsh'"),
        (["classify", "a.csv", "--columns", "x"], "got 'x', expected pairs like x=posX,y=posY"),
        (["classify", "a.csv", "--pixel-spacing", "-1"], "got '-1', expected a number above 0"),
        (["classify", "a.csv", "--pixel-spacing", "nan"], "got 'nan', expected a number above 0"),
    ],
)
def test_bad_usage_exits_2_with_the_reason(arguments, message, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classify", "absent.csv"], "got 'absent.csv', expected a file that exists"),
        (
            ["classify", "absent.csv", "-o", "v.xlsx"],
            "got 'v.xlsx', expected a file name ending in .csv",
        ),
        (["simulate", "5", "-o", "no/such/c.csv"], "expected a folder that exists"),
        (["features"], "expected a file and -o OUTPUT"),
        (["train", "-o", "m", "--simulated", "9", "--measured-cache", "c"], "--measured N"),
        (["train", "-o", "m"], "files of labelled clusters, --simulated N or --measured N"),
        (["report", "absent.csv", "-o", "r.html"], "expected a file that exists"),
        (["rules", "check", "absent.csv"], "expected a file that exists"),
        (["rules", "--rulebook", "koran"], "koran"),
    ],
)
def test_bad_input_returns_2_and_writes_nothing(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("calcigram: error: ")
    assert message in err
    assert not list(tmp_path.iterdir())


def replace_rules(monkeypatch, run):
    monkeypatch.setitem(COMMANDS, "rules", COMMANDS["rules"]._replace(run=run))


def fail_with(error):
    def run(_):
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BadInputError("better"), 2, "calcigram: error: expected better\n"),
        (
            PermissionError(13, "Permission denied", "a.csv"),
            2,
            "calcigram: error: a.csv: Permission denied\n",
        ),
        (KeyboardInterrupt(), 130, "\ncalcigram: interrupted\n"),
    ],
    ids=["bad input", "system", "interrupt"],
)
def test_failures_become_exit_codes(error, code, message, monkeypatch, capsys):
    replace_rules(monkeypatch, fail_with(error))
    assert main(["rules"]) == code
    assert capsys.readouterr().err == message


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    replace_rules(monkeypatch, fail_with(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["rules"])


def test_a_reader_that_leaves_early_is_no_failure():
    command = f"{sys.executable} -m calcigram rules | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_exits_130():
    # A shell that starts the tests in the background has children ignore the key: take that back.
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from calcigram.cli import _options, main\n"
        "def run(_): print('up', flush=True); time.sleep(60)\n"
        "_options.COMMANDS['rules'] = _options.COMMANDS['rules']._replace(run=run)\n"
        "raise SystemExit(main(['rules']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "up\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert "interrupted" in process.stderr.read()


def test_warnings_of_tables_are_one_plain_line(monkeypatch, capsys):
    import warnings

    replace_rules(
        monkeypatch, lambda _: warnings.warn("2 repeated rows", UserWarning, stacklevel=2)
    )
    assert main(["rules"]) == 0
    assert capsys.readouterr().err == "calcigram: warning: 2 repeated rows\n"


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "calcigram", "--version"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert done.stdout.strip() == f"calcigram {__version__}"


def test_json_has_null_for_what_is_missing(capsys):
    import numpy as np
    import pandas as pd

    _output.print_json(
        {
            "table": pd.DataFrame({"a": [1.5, np.nan], "b": pd.Categorical(["x", None])}),
            "array": np.array([1, 2]),
            "bool": np.bool_(True),
            "infinite": float("inf"),
            "na": pd.NA,
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "table": [{"a": 1.5, "b": "x"}, {"a": None, "b": None}],
        "array": [1, 2],
        "bool": True,
        "infinite": None,
        "na": None,
    }
