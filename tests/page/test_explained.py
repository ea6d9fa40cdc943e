"""An explanation as HTML: all that the text holds, and nothing of it as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from calcigram import explain, simulate
from calcigram.explain.contributions import feature_words
from calcigram.page.explained import explanation_html

CLUSTERS = simulate(2, seed=1)


@pytest.fixture(scope="module")
def explanation():
    return explain(CLUSTERS[0])


def text_of(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_it_holds_what_the_text_holds(explanation):
    html = text_of(explanation_html(explanation))
    for why in explanation.why:
        assert f"Why {feature_words(why.word)} rather than {feature_words(why.other)}" in html
        assert f"Log-odds {why.log_odds:+.2f}" in html
        assert all(family in html for family, moved in why.families.items() if moved)
        assert all(one.words in html for one in why.contributions[:6])
    for rule in explanation.fired:
        assert rule.rule in html
        assert all(condition.words in html for condition in rule.conditions)
    assert all(example.name in html for example in explanation.examples)
    assert all(change.words in html for change in explanation.changes)


def test_what_there_is_not_is_said(explanation):
    bare = replace(
        explanation, why=(), examples=(), changes=(), fired=(), missed=(),
        model=explanation.model | {"concern": None},
    )  # fmt: skip
    html = text_of(explanation_html(bare))
    assert "keeps no exemplars" in html
    assert "No concern follows" in html
    assert "Most alike" not in html


def test_texts_are_escaped(explanation):
    hostile = replace(explanation, cluster_id="<script>alert(1)</script>")
    assert "<script>" not in explanation_html(hostile)
