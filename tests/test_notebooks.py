"""The notebooks are kept in git without what they printed. The build of the site runs them (`test_site.py`)."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


def test_there_are_four():
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_says_what_it_is_not(path):
    assert "not a medical device" in read(path).cells[0].source


def test_no_number_of_features_is_written_out():
    text = " ".join(cell.source for path in NOTEBOOKS for cell in read(path).cells)
    assert not re.search(r"seventy|six families|\b\d+ features", text)
