"""The notebooks run from top to bottom, and are kept in git without what they printed."""

from __future__ import annotations

import asyncio
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


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    from nbclient import NotebookClient

    book = read(path)
    client = NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    # Not `execute`: the event loop that makes is never closed, and is found unclosed in a later test.
    asyncio.run(client.async_execute())
    assert not list(tmp_path.iterdir()), "it leaves files behind"
    images = [
        output
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert images, "it draws nothing"
