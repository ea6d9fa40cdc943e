from itertools import product

import pytest

from calcigram.crosscheck import crosscheck
from calcigram.crosscheck.reasons import WHY, Pattern, reason
from calcigram.lexicon import CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS, Concern

BENIGN, INTERMEDIATE, SUSPICIOUS = CONCERNS

SENTENCES = [
    (
        ("linear", "fine_linear", SUSPICIOUS),
        ("linear", "fine_linear", SUSPICIOUS),
        (),
        "Model and rules agree: linear, fine linear; suspicious.",
    ),
    (
        ("segmental", "amorphous", INTERMEDIATE),
        ("regional", "amorphous", INTERMEDIATE),
        (),
        "Model reads segmental, rules read regional; both of intermediate concern.",
    ),
    (
        ("grouped", "round", BENIGN),
        ("linear", "fine_linear", SUSPICIOUS),
        ("opposed",),
        "Model reads grouped and round, rules read linear and fine linear; benign by the model, "
        "suspicious by the rules; to review: the two are opposed.",
    ),
    (
        ("grouped", "round", BENIGN),
        ("grouped", "unread", SUSPICIOUS),
        ("opposed", "status"),
        "Model reads round, rules leave the form unread; benign by the model, suspicious by the "
        "rules; to review: the two are opposed, and not everything could be read.",
    ),
    (
        ("insufficient", "unread", None),
        ("insufficient", "unread", None),
        ("status",),
        "Model and rules agree: too few for a distribution, form unread; no concern follows; "
        "to review: not everything could be read.",
    ),
    (
        ("grouped", "vascular", BENIGN),
        ("unread", "amorphous", INTERMEDIATE),
        ("unsure_distribution", "status"),
        "Model reads grouped and vascular, rules leave the distribution unread and read amorphous; "
        "benign by the model, of intermediate concern by the rules; grouped and vascular (model) "
        "do not go together; to review: the model's distribution has a probability below 0.5, "
        "and not everything could be read.",
    ),
    (
        ("grouped", "vascular", BENIGN),
        ("grouped", "vascular", BENIGN),
        (),
        "Model and rules agree: grouped, vascular; benign; "
        "grouped and vascular (model and rules) do not go together.",
    ),
    (
        ("unread", "round", BENIGN),
        ("diffuse", "round", None),
        ("status",),
        "Model leaves the distribution unread, rules read diffuse; benign by the model, of unknown "
        "concern by the rules; to review: not everything could be read.",
    ),
]


@pytest.mark.parametrize(("model", "rules", "why", "expected"), SENTENCES)
def test_sentences(model, rules, why, expected):
    assert reason(Pattern(*model), Pattern(*rules), why) == expected


def test_every_combination_makes_one_sentence_in_plain_words():
    patterns = [
        Pattern(d, m, Concern.BENIGN) for d, m in product(DISTRIBUTION_LABELS, MORPHOLOGY_LABELS)
    ]
    for model, rules in product(patterns[::3], patterns):
        sentence = reason(model, rules, list(WHY))
        assert sentence.startswith("Model ")
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
        assert "_" not in sentence


def test_the_table_names_why_it_asks_for_review(reading):
    model = reading([("grouped", "round", "benign", 0.45, 0.9), ("grouped", "round", "benign")])
    rules = reading([("grouped", "round", "benign"), ("regional", "round", "intermediate")])
    reasons = crosscheck(model, rules).reason.tolist()
    assert reasons[0].endswith("to review: the model's distribution has a probability below 0.5.")
    assert reasons[1].endswith("to review: they differ though the model is sure.")
