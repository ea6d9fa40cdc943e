"""Where a package is missing, the message says how to add it to this very installation."""

from pathlib import Path

import pytest

import calcigram
from calcigram.formats import extras

PACKAGE = Path(calcigram.__file__).parent


def test_from_a_checkout():
    assert extras.how_to_install("dicom") == f"pip install -e '{PACKAGE.parents[1]}[dicom]'"


def test_from_a_wheel(monkeypatch):
    monkeypatch.setattr(extras, "__file__", "/opt/lib/site-packages/calcigram/formats/extras.py")
    said = extras.how_to_install("server")
    assert "pip install '.[server]' in a checkout" in said
    assert f"calcigram-{calcigram.__version__}-py3-none-any.whl[server]'" in said


@pytest.mark.parametrize("path", [*PACKAGE.rglob("*.py"), *PACKAGE.parents[1].glob("docs/*.md")])
def test_nothing_speaks_of_a_package_index(path):
    """`pip install calcigram` finds nothing: it is published nowhere."""
    assert "pip install 'calcigram" not in path.read_text()
    assert "pip install calcigram" not in path.read_text()
