"""Verdict and explanation as HTML: every pattern, texts escaped, unknown values named so."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from itertools import product

import pytest

from calcigram import classify, explain, simulate
from calcigram.features.catalogue import feature_words
from calcigram.lexicon import DISTRIBUTION_LABELS, MORPHOLOGY_LABELS
from calcigram.page import texts


@pytest.fixture(scope="module")
def row():
    return classify(simulate(1, seed=4)).iloc[0].to_dict()


def test_every_pattern_has_words(row):
    for distribution, morphology in product(DISTRIBUTION_LABELS, MORPHOLOGY_LABELS):
        pattern = {"rule_distribution": str(distribution), "rule_morphology": str(morphology)}
        html = texts.rules_html(row | pattern)
        are_equal = (row["distribution"], row["morphology"]) == (distribution, morphology)
        assert html.count("The article: ") == html.count("BI-RADS: ") == (1 if are_equal else 2)
        assert html.count("O&#39;Leary") == 1
        assert not re.search(r"\bnan\b", html.lower())


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_what_is_unknown_is_said_to_be(row, unknown):
    bare = row | {name: float("nan") for name in row if name.startswith(("p_", "novelty"))}
    bare |= dict.fromkeys(
        ("concern", "rule_concern", "birads_concern", "model_birads_concern", "distribution_set"),
        unknown,
    )
    html = texts.verdict_html(bare) + texts.probabilities_html(bare)
    assert html.count("no answer") == 4
    assert html.count("not read") == len(re.findall("class='number'", html))
    assert "unknown" in html


def test_the_most_probable_word_stands_out_once(row):
    html = texts.probabilities_html(row)
    assert html.count("<tr class='first'>") == 3


def test_texts_cannot_be_turned_around(row):
    html = texts.verdict_html(row | {"reason": "a\u202eb\x1b"}) + texts.message_html("c\u2066d\ne")
    assert "a?b?" in html
    assert "c?d\ne" in html


def test_texts_are_escaped(row):
    hostile = row | {"reason": "<script>alert(1)</script>", "rules_fired": "<b>|x"}
    assert "<script>" not in texts.verdict_html(hostile)
    assert "<b>|" not in texts.rules_html(hostile)
    assert "<code><b>" not in texts.rules_html(hostile)


def test_the_page_opens_on_a_pattern_on_which_all_agree():
    from calcigram.page.files import first_example

    (row,) = first_example(classify)[1].to_dict("records")
    concerns = ("concern", "rule_concern", "birads_concern", "model_birads_concern")
    assert len({row[name] for name in concerns}) == 1
    assert (row["agreement"], row["review"]) == ("agree", False)


CLUSTERS = simulate(2, seed=1)


@pytest.fixture(scope="module")
def explanation():
    return explain(CLUSTERS[0])


def text_of(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_it_holds_what_the_text_holds(explanation):
    html = text_of(texts.explanation_html(explanation))
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
    html = text_of(texts.explanation_html(bare))
    assert "keeps no exemplars" in html
    assert "No concern follows" in html
    assert "Most alike" not in html


def test_texts_of_an_explanation_are_escaped(explanation):
    hostile = replace(explanation, cluster_id="<script>alert(1)</script>")
    assert "<script>" not in texts.explanation_html(hostile)
