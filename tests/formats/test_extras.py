"""Where a package is missing, the message says how to add it to this very installation."""

import re
from pathlib import Path

import pytest

import calcigram
from calcigram.errors import BadInputError
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


@pytest.mark.parametrize("path", ["/tmp/tmpab12/in.nii", "/home/a b/x.dcm", r"C:\Users\me\a.nii"])
def test_what_a_library_says_names_no_path(path):
    with pytest.raises(BadInputError) as raised, extras.refusing_damaged("a complete file"):
        raise OSError(f"Expected 1 bytes, got 0 bytes from object <file '{path}'>")
    assert "Expected 1 bytes" in str(raised.value)
    assert not {"tmp", "home", "Users"} & set(re.findall(r"\w+", str(raised.value)))
