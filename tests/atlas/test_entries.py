"""The table of the atlas: an entry for each word, and a source for each statement."""

from __future__ import annotations

import pytest

from calcigram.atlas import atlas_entries, source_names
from calcigram.consequences import TAGS, load_rulebook
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES
from calcigram.simulate import mechanism_ids

ENTRIES = atlas_entries()
HEADINGS = {
    heading for line in load_rulebook("article").lines for heading in line.heading.split("; ")
} - {"all"}

each = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry.word))


def test_each_word_has_an_entry_in_the_order_of_the_lexicon():
    assert [entry.word for entry in ENTRIES] == [*DISTRIBUTIONS, *MORPHOLOGIES]


@each
def test_each_statement_is_one_sentence_or_two_with_a_source(entry):
    for statement in (entry.example.says, entry.mimic.says, entry.article, entry.birads):
        assert statement.source.strip()
        assert statement.text.endswith(".")
        assert statement.text.count(". ") <= 1


@each
def test_each_source_is_listed(entry):
    for statement in (entry.example.says, entry.mimic.says, entry.birads):
        assert any(name in statement.source for name in source_names())


@each
def test_statements_of_sources_are_tagged_and_those_of_the_article_name_its_heading(entry):
    assert {entry.article.tag, entry.birads.tag} <= set(TAGS)
    assert entry.article.source in HEADINGS | {"all headings"}
    assert "BI-RADS" in entry.birads.source
    silent = entry.article.source == "all headings"
    assert ("not mention" in entry.article.text) == silent


@each
def test_the_example_bears_the_word_and_the_mimic_is_another_pattern(entry):
    assert entry.word in entry.example.pattern
    assert entry.mimic.pattern != entry.example.pattern
    assert {entry.example.pattern, entry.mimic.pattern} <= ADMISSIBLE_PAIRS
    assert {*entry.example.mechanisms, *entry.mimic.mechanisms} <= set(mechanism_ids("bench_v1"))


@each
def test_features_are_those_of_the_catalogue(entry):
    assert set(entry.features) <= set(FEATURE_NAMES)
    assert len(set(entry.features)) == len(entry.features) >= 2


def test_no_text_states_a_diagnosis():
    for entry in ENTRIES:
        for statement in (entry.example.says, entry.mimic.says):
            assert not {"cancer", "malignant", "carcinoma"} & set(statement.text.lower().split())
