from itertools import product

import pytest

from calcigram.crosscheck import crosscheck
from calcigram.crosscheck.reasons import WHY, Pattern, reason
from calcigram.lexicon import COMPARED, CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS, Concern

BENIGN, INTERMEDIATE, SUSPICIOUS = CONCERNS

BOTH, DISTRIBUTION, MORPHOLOGY, NEITHER = COMPARED

SENTENCES = [
    (
        ("linear", "fine_linear", SUSPICIOUS),
        ("linear", "fine_linear", SUSPICIOUS),
        (),
        BOTH,
        "Model and rules agree: linear, fine linear; suspicious.",
    ),
    (
        ("segmental", "amorphous", INTERMEDIATE),
        ("regional", "amorphous", INTERMEDIATE),
        (),
        BOTH,
        "Model reads segmental, rules read regional; both of intermediate concern.",
    ),
    (
        ("grouped", "round", BENIGN),
        ("linear", "fine_linear", SUSPICIOUS),
        ("opposed",),
        BOTH,
        "Model reads grouped and round, rules read linear and fine linear; benign by the model, "
        "suspicious by the rules; to review: the two are opposed.",
    ),
    (
        ("grouped", "round", BENIGN),
        ("grouped", "unread", SUSPICIOUS),
        (),
        DISTRIBUTION,
        "Model and rules agree: grouped; morphology not compared, the rules could not read it "
        "(model: round); benign by the model, suspicious by the rules.",
    ),
    (
        ("insufficient", "unread", None),
        ("insufficient", "unread", None),
        (),
        NEITHER,
        "Model and rules cannot be compared; distribution not compared, too few calcifications; "
        "morphology not compared, neither could read it; no concern follows.",
    ),
    (
        ("insufficient", "round", BENIGN),
        ("insufficient", "amorphous", INTERMEDIATE),
        ("unsure_morphology",),
        MORPHOLOGY,
        "Model reads round, rules read amorphous; distribution not compared, too few "
        "calcifications; benign by the model, of intermediate concern by the rules; to review: "
        "the model's morphology has a probability below one against two.",
    ),
    (
        ("grouped", "vascular", BENIGN),
        ("unread", "amorphous", INTERMEDIATE),
        ("unsure_morphology", "conflict"),
        MORPHOLOGY,
        "Model reads vascular, rules read amorphous; distribution not compared, the rules could "
        "not read it (model: grouped); benign by the model, of intermediate concern by the rules; "
        "grouped and vascular (model) do not go together; to review: the model's morphology has a "
        "probability below one against two, and sources conflict (one against two).",
    ),
    (
        ("grouped", "vascular", BENIGN),
        ("grouped", "vascular", BENIGN),
        (),
        BOTH,
        "Model and rules agree: grouped, vascular; benign; "
        "grouped and vascular (model and rules) do not go together.",
    ),
    (
        ("insufficient", "round", BENIGN),
        ("segmental", "round", BENIGN),
        (),
        MORPHOLOGY,
        "Model and rules agree: round; distribution not compared, the model could not read it "
        "(rules: segmental); benign.",
    ),
    (
        ("unread", "round", BENIGN),
        ("diffuse", "round", None),
        (),
        MORPHOLOGY,
        "Model and rules agree: round; distribution not compared, the model could not read it "
        "(rules: diffuse); benign by the model, of unknown concern by the rules.",
    ),
]


@pytest.mark.parametrize(("model", "rules", "why", "compared", "expected"), SENTENCES)
def test_sentences(model, rules, why, compared, expected):
    raised = dict.fromkeys(why, "one against two")
    assert reason(Pattern(*model), Pattern(*rules), raised, compared) == expected


def test_every_combination_makes_one_sentence_in_plain_words():
    patterns = [
        Pattern(d, m, Concern.BENIGN) for d, m in product(DISTRIBUTION_LABELS, MORPHOLOGY_LABELS)
    ]
    for model, rules in product(patterns[::3], patterns[::2]):
        sentence = reason(model, rules, dict.fromkeys(WHY, "x"))
        assert sentence.startswith("Model ")
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
        assert "_" not in sentence


def test_the_table_names_why_it_asks_for_review(reading):
    model = reading([("grouped", "round", "benign", 0.4, 0.9), ("grouped", "round", "benign")])
    rules = reading([("grouped", "round", "benign"), ("regional", "round", "intermediate")])
    reasons = crosscheck(model, rules).reason.tolist()
    assert reasons[0].endswith("to review: the model's distribution has a probability below 0.45.")
    assert "to review" not in reasons[1]
