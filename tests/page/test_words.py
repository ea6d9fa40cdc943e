"""The verdict in words: every pattern there is, escaped, and what is unknown said to be so."""

from __future__ import annotations

import re
from itertools import product

import pytest

from calcigram import classify, simulate
from calcigram.lexicon import DISTRIBUTION_LABELS, MORPHOLOGY_LABELS
from calcigram.page import words


@pytest.fixture(scope="module")
def row():
    return classify(simulate(1, seed=4)).iloc[0].to_dict()


def test_every_pattern_has_words(row):
    for distribution, morphology in product(DISTRIBUTION_LABELS, MORPHOLOGY_LABELS):
        pattern = {"rule_distribution": str(distribution), "rule_morphology": str(morphology)}
        html = words.rules_html(row | pattern)
        are_equal = (row["distribution"], row["morphology"]) == (distribution, morphology)
        assert html.count("The article: ") == html.count("BI-RADS: ") == (1 if are_equal else 2)
        assert html.count("O&#x27;Leary") == 1
        assert not re.search(r"\bnan\b", html.lower())


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_what_is_unknown_is_said_to_be(row, unknown):
    bare = row | {name: float("nan") for name in row if name.startswith(("p_", "novelty"))}
    bare |= dict.fromkeys(
        ("concern", "rule_concern", "birads_concern", "model_birads_concern", "distribution_set"),
        unknown,
    )
    html = words.verdict_html(bare) + words.probabilities_html(bare)
    assert html.count("no answer") == 4
    assert html.count("not read") == len(re.findall("class='number'", html))
    assert "unknown" in html


def test_the_most_probable_word_stands_out_once(row):
    html = words.probabilities_html(row)
    assert html.count("<tr class='first'>") == 3


def test_texts_are_escaped(row):
    hostile = row | {"reason": "<script>alert(1)</script>", "rules_fired": "<b>|x"}
    assert "<script>" not in words.verdict_html(hostile)
    assert "<b>|" not in words.rules_html(hostile)
    assert "<code><b>" not in words.rules_html(hostile)


def test_the_page_opens_on_a_pattern_on_which_all_agree():
    from calcigram.page.examples import first_example

    (row,) = first_example(classify)[1].to_dict("records")
    concerns = ("concern", "rule_concern", "birads_concern", "model_birads_concern")
    assert len({row[name] for name in concerns}) == 1
    assert (row["agreement"], row["review"]) == ("agree", False)
