"""No command writes over what it reads, whatever the output is called."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from calcigram import simulate, write_clusters
from calcigram.cli import build_parser, main
from calcigram.cli.demo import sample_clusters


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(sample_clusters(), "a.csv")
    write_clusters(simulate(3, seed=1), "p.parquet")
    for suffix in (".csv", ".html", ".json", ".md", ".png", ".txt", ".dcm", ".parquet"):
        Path(f"link{suffix}").symlink_to("a.csv")
        Path(f"hard{suffix}").hardlink_to("a.csv")
    Path("in").mkdir()
    shutil.copy("a.csv", "in/a.csv")
    Path("in/model.json").write_text("{}")
    Path("to_model.json").symlink_to("in/model.json")
    shutil.copy("p.parquet", "in/p.parquet")


COMMANDS = [
    "features a.csv -o a.csv",
    "features a.csv -o ./in/../a.csv",
    "features a.csv -o link.csv",
    "features link.csv -o a.csv",
    "features a.csv -o hard.csv",
    "features a.csv -o hard.parquet",
    "features p.parquet -o p.parquet",
    "classify a.csv -o a.csv",
    "classify p.parquet a.csv -o link.json",
    "classify a.csv -o hard.dcm",
    "classify a.csv -o v.csv --skip-bad --rejects a.csv",
    "classify a.csv --skip-bad --rejects hard.csv",
    "classify p.parquet -o v.csv --skip-bad --rejects v.csv",
    "classify p.parquet --prior a.csv -o hard.json",
    "classify p.parquet --image a.csv -o hard.json",
    "classify p.parquet --model in -o in/model.json",
    "classify p.parquet --model in/../in -o to_model.json",
    "report a.csv -o link.html",
    "explain a.csv -o hard.txt",
    "explain a.csv --picture link.png",
    "explain p.parquet --reference a.csv -o hard.json",
    "evaluate a.csv -o hard.md",
    "train in/a.csv -o in",
    "train in/a.csv -o .",
    "train a.csv -o in --cache in",
    "rules check a.csv -o hard.md",
    "simulate 3 --preset a.csv -o hard.csv",
    "batch in in --overwrite",
    "batch in in/out",
    "batch in . --overwrite",
    "batch p.parquet p.parquet --overwrite",
    "batch p.parquet hard.csv --overwrite",
    "batch in in --task features --overwrite",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_an_input_is_refused(command, capsys, tmp_path):
    def state():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = state()
    assert main(command.split()) == 2
    message = capsys.readouterr().err
    assert "output" in message
    assert "Traceback" not in message
    assert state() == before


def test_every_option_for_a_file_is_known():
    """An option of a path says what it is for, unless its type alone says that it is read."""
    commands = next(
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    for name, parser in commands.choices.items():
        for action in parser._actions:
            if action.metavar in ("FILE", "DIR", "IN", "OUT", "CLUSTERS") or action.type is Path:
                role = parser.get_default("roles")[action.dest]
                is_known = action.type is Path or role is not None
                assert is_known or name in ("serve", "rules"), f"{name} {action.dest}"
