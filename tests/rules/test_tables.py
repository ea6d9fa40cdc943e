"""The tables people read say what the files say, and the page shows them as they are."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from calcigram.consequences import load_rulebook
from calcigram.lexicon import CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS
from calcigram.rules import (
    consequence_table,
    load_recognition,
    recognition_table,
    rulebook_table,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["article", "birads"])
def test_rulebook_table_has_a_row_a_line(name):
    table = rulebook_table(name)
    assert table["id"].tolist() == [line.id for line in load_rulebook(name).lines]
    assert set(table["concern"]) <= {*map(str, CONCERNS), "none", ""}
    assert table.notna().all(axis=None)


def test_a_line_that_holds_for_all_forms_says_any():
    table = rulebook_table("article").set_index("id")
    assert table.loc["article.linear", "form"] == "any"
    assert table.loc["article.vascular", "distribution"] == "any"
    assert table.loc["article.rounded", "form"] == "round, punctate, popcorn"


def test_consequence_table_is_the_look_up():
    book, table = load_rulebook("article"), consequence_table("article")
    assert table.shape == (7, 10)
    for distribution in table.index:
        for form in table.columns:
            code = book.concern_of(
                DISTRIBUTION_LABELS.index(distribution), MORPHOLOGY_LABELS.index(form)
            )
            expected = "no answer" if code < 0 else str(CONCERNS[int(code)])
            assert table.loc[distribution, form] == expected


def test_recognition_table_has_a_row_a_condition():
    rules = load_recognition()
    table = recognition_table()
    n_conditions = sum(len(r.conditions) for axis in rules.axes.values() for r in axis)
    assert len(table) == n_conditions
    assert table["rule"].nunique() == len(rules.distribution) + len(rules.morphology)


def test_the_page_shows_the_rules_as_they_are():
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    script = runpy.run_path(str(ROOT / "benchmarks" / "make_rules_page.py"))
    assert script["rules_markdown"]() in page, "run benchmarks/make_rules_page.py"
