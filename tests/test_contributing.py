"""CONTRIBUTING names scripts and files that exist, and few files per kind of change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### An? (.+)\n\nFiles: (.+)$", PAGE, re.MULTILINE))


def test_each_picture_has_its_script():
    named = dict(re.findall(r"\| `docs/img/(\S+\.png)` \| `(benchmarks/\S+\.py)` \|", PAGE))
    assert set(named) == {path.name for path in (ROOT / "docs" / "img").glob("*.png")}
    for picture, script in named.items():
        text = (ROOT / script).read_text() + (
            ROOT / "benchmarks/validation_sections.py"
        ).read_text()
        assert picture in text, script


def test_there_is_a_recipe_for_each_kind_of_change():
    kinds = (
        "feature",
        "mechanism",
        "rule",
        "entry of the atlas",
        "file format",
        "verdict column",
        "route",
        "command",
    )
    assert [name.removesuffix(" of the simulator") for name in RECIPES] == list(kinds)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_three_files_at_most(name):
    files = RECIPES[name].count("`") // 2 + RECIPES[name].count("a new module")
    folders = len(re.findall(r"a new module in `", RECIPES[name]))
    assert 1 <= files - folders <= 3, RECIPES[name]


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`((?:src|tests|benchmarks|docs|data)/[\w./-]+)`", PAGE))
    named |= set(re.findall(r"python ((?:tests|benchmarks)/[\w./-]+\.py)", PAGE))
    assert len(named) > 20
    assert not [name for name in named if not (ROOT / name).exists()]
