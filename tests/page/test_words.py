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
        assert html.count("The article: ") == html.count("BI-RADS: ") == 1
        assert not re.search(r"\bnan\b", html.lower())


@pytest.mark.parametrize("unknown", [None, float("nan")])
def test_what_is_unknown_is_said_to_be(row, unknown):
    bare = row | {name: float("nan") for name in row if name.startswith(("p_", "novelty"))}
    bare |= dict.fromkeys(
        ("concern", "rule_concern", "birads_concern", "distribution_set"), unknown
    )
    html = words.verdict_html(bare) + words.probabilities_html(bare)
    assert html.count("no answer") == 3
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
