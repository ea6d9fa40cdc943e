import runpy
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calcigram.columns import Words
from calcigram.crosscheck import (
    VERDICT_COLUMNS,
    agreement_matrix,
    cases_to_review,
    crosscheck,
)
from calcigram.crosscheck.verdicts import UNSURE
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
)

SOME_DISTRIBUTIONS = ["linear", "grouped", "insufficient", "unread"]
SOME_FORMS = ["round", "amorphous", "unread"]
SOME_CONCERNS = [*map(str, CONCERNS), None]
TOPS = [0.3, 0.44, 0.45, 0.79, 0.8, 0.95]


def obvious_compared(model, rules):
    distribution, morphology = (model[i] in KNOWN and rules[i] in KNOWN for i in (0, 1))
    if distribution:
        return "both" if morphology else "distribution"
    return "morphology" if morphology else "neither"


def obvious_agreement(model, rules):
    """The table of design section 6, spelt out for one cluster."""
    compared = obvious_compared(model, rules)
    if compared == "neither":
        return None
    if compared != "both":
        axis = ["distribution", "morphology"].index(compared)
        return "agree" if model[axis] == rules[axis] else "differ"
    if model[2] is None or rules[2] is None:
        return None
    if model[:3] == rules[:3]:
        return "agree"
    if model[2] == rules[2]:
        return "same_concern"
    return "opposed" if {model[2], rules[2]} == {"benign", "suspicious"} else "differ"


def obvious_review(model, rules):
    compared = [i for i in (0, 1) if model[i] in KNOWN and rules[i] in KNOWN]
    of_the_same = all(i in compared or model[i] == rules[i] for i in (0, 1))
    return (
        {model[2], rules[2]} == {"benign", "suspicious"} and bool(compared) and of_the_same
    ) or any(model[3 + i] < UNSURE for i in compared)


KNOWN = {str(word) for word in (*DISTRIBUTIONS, *MORPHOLOGIES)}


def test_agreement_and_review_equal_the_table_for_every_combination(reading):
    patterns = list(product(SOME_DISTRIBUTIONS, SOME_FORMS, SOME_CONCERNS))
    pairs = [(one, other) for one in patterns for other in patterns]
    tops = [(TOPS[i % 6], TOPS[(i // 6) % 6]) for i in range(len(pairs))]
    model = [(*one, *top) for (one, _), top in zip(pairs, tops, strict=True)]
    rules = [other for _, other in pairs]
    verdicts = crosscheck(reading(model), reading(rules))
    agreement = [None if pd.isna(word) else word for word in verdicts.agreement]
    expected = [obvious_agreement(*pair) for pair in zip(model, rules, strict=True)]
    assert agreement == expected
    assert set(expected) == {None, "agree", "same_concern", "differ", "opposed"}
    review = [obvious_review(*pair) for pair in zip(model, rules, strict=True)]
    assert verdicts.review.tolist() == review
    assert verdicts.compared.tolist() == [
        obvious_compared(*p) for p in zip(model, rules, strict=True)
    ]
    assert set(review) == {True, False}


@pytest.mark.parametrize(
    ("top_distribution", "top_morphology", "rule_concern", "expected"),
    [
        (0.9, 0.9, "benign", False),
        (0.9, 0.9, "intermediate", False),
        (0.45, 0.45, "benign", False),
        (0.44, 0.9, "benign", True),
        (0.9, 0.44, "benign", True),
        (0.6, 0.6, "suspicious", True),
    ],
)
def test_when_a_person_should_look(
    reading, top_distribution, top_morphology, rule_concern, expected
):
    model = reading([("grouped", "round", "benign", top_distribution, top_morphology)])
    rules = reading([("regional", "round", rule_concern)])
    assert crosscheck(model, rules).review.tolist() == [expected]


def test_an_axis_that_is_missing_alone_is_no_review(reading):
    both = reading([("linear", "unread", "suspicious")])
    verdicts = crosscheck(both, both)
    found = verdicts.loc[0, ["agreement", "compared", "review"]].tolist()
    assert found == ["agree", "distribution", False]
    assert "morphology not compared, neither could read it" in verdicts.reason[0]


def test_words_that_lead_to_another_concern_are_reviewed_and_said(reading):
    model = reading([("grouped", "round", "suspicious")] * 2)
    model = replace(model, pattern_concern=np.array([0, 2], np.int8))
    verdicts = crosscheck(model, reading([("grouped", "round", "benign")] * 2))
    assert verdicts.agreement.tolist() == ["opposed", "opposed"]
    assert "most probable words alone would lead to another concern (benign)" in verdicts.reason[0]
    assert "another concern" not in verdicts.reason[1]
    assert verdicts.reason[1].startswith(
        "Model and rules read the same words: grouped, round; susp"
    )
    same = crosscheck(model, reading([("grouped", "round", "suspicious")] * 2))
    assert same.agreement.tolist() == ["agree", "agree"]
    assert same.review.tolist() == [True, False]


def test_sources_that_conflict_are_reviewed_and_named(reading):
    text = "BI-RADS finds this pattern benign, the article advises a biopsy"
    model = reading([("linear", "rod_like", "suspicious")] * 2)
    model = replace(model, source_conflict=Words.of([0, -1], [text]))
    verdicts = crosscheck(model, model)
    assert verdicts.review.tolist() == [True, False]
    assert f"sources conflict ({text})" in verdicts.reason[0]
    assert "conflict" not in verdicts.reason[1]


def test_a_high_p_malignant_asks_for_no_review(reading):
    model = reading([("linear", "fine_linear", "suspicious")])
    model = replace(model, p_malignant=np.full((1, 3), 0.99, np.float32))
    assert not crosscheck(model, model).review[0]


def test_columns_of_the_verdict_table(reading):
    model = reading([("linear", "unread", "suspicious", 0.7), ("insufficient", "round", None)])
    model = replace(model, birads_concern=np.array([0, -1], np.int8))
    rules = reading([("grouped", "round", "benign"), ("insufficient", "unread", None)])
    rules = replace(rules, birads_concern=np.array([1, -1], np.int8))
    verdicts = crosscheck(model, rules)
    left_to_classify = ("n_calcifications", "size_class", "model_version")
    assert list(verdicts) == [name for name in VERDICT_COLUMNS if name not in left_to_classify]
    first, second = verdicts.iloc[0], verdicts.iloc[1]
    assert first[["distribution", "morphology", "concern"]].tolist() == [
        "linear",
        "unread",
        "suspicious",
    ]
    assert first[["rule_distribution", "rule_morphology", "rule_concern"]].tolist() == [
        "grouped",
        "round",
        "benign",
    ]
    assert first.birads_concern == "intermediate"
    assert first.model_birads_concern == "benign"
    assert verdicts.compared.tolist() == ["distribution", "neither"]
    assert first.rules_fired == "r1|r2"
    assert first.distribution_probability == np.float32(0.7)
    assert first.p_distribution_linear == np.float32(0.7)
    unknown = ["distribution_probability", "p_distribution_diffuse", "concern", "birads_concern"]
    assert second[[*unknown, "agreement"]].isna().all()
    assert np.isnan(first.morphology_probability)
    assert (verdicts.concern.dropna() > "benign").all()


def test_no_clusters(reading):
    verdicts = crosscheck(reading([]), reading([]))
    assert len(verdicts) == 0
    assert agreement_matrix(verdicts).to_numpy().sum() == 0
    assert len(cases_to_review(verdicts)) == 0


@pytest.mark.parametrize("ids", [["1", "0"], ["0", "2"], ["0"]])
def test_readings_of_other_clusters_are_refused(reading, ids):
    pattern = ("linear", "round", "benign")
    with pytest.raises(BadInputError, match="the same clusters in the same order"):
        crosscheck(reading([pattern] * 2), reading([pattern] * len(ids), ids=ids))


def test_agreement_matrix_counts_each_pair(reading):
    model = reading([("linear", "round", "benign")] * 3 + [("unread", "round", None)])
    rules = reading(
        [
            ("linear", "round", "benign"),
            ("linear", "unread", "benign"),
            ("grouped", "round", "suspicious"),
            ("unread", "round", "benign"),
        ]
    )
    verdicts = crosscheck(model, rules)
    matrix = agreement_matrix(verdicts)
    assert matrix.index.tolist() == matrix.columns.tolist() == list(map(str, DISTRIBUTION_LABELS))
    assert matrix.loc["linear", "linear"] == 2
    assert matrix.loc["linear", "grouped"] == 1
    assert matrix.loc["unread", "unread"] == 1
    assert matrix.to_numpy().sum() == 4
    assert agreement_matrix(verdicts, "morphology").loc["round", "unread"] == 1
    concern = agreement_matrix(verdicts, "concern")
    assert (concern.loc["benign", "benign"], concern.to_numpy().sum()) == (2, 3)
    with pytest.raises(BadInputError, match="got 'origin', expected one of distribution"):
        agreement_matrix(verdicts, "origin")


def test_agreement_matrix_reads_a_table_from_a_file(reading):
    verdicts = crosscheck(*[reading([("linear", "round", "benign")])] * 2)
    plain = verdicts.astype(dict.fromkeys(verdicts.select_dtypes("category"), object))
    pd.testing.assert_frame_equal(agreement_matrix(plain), agreement_matrix(verdicts))
    pd.testing.assert_frame_equal(cases_to_review(plain), cases_to_review(plain))


def test_cases_to_review_come_by_need(reading):
    model = reading(
        [
            ("grouped", "round", "benign", 0.4),
            ("linear", "round", "suspicious", 0.44),
            ("grouped", "round", "benign", 0.9),
            ("linear", "round", "suspicious", 0.3),
            ("linear", "round", "suspicious", 0.9),
        ]
    )
    rules = reading(
        [("grouped", "round", "benign"), ("linear", "round", "suspicious")]
        + [("linear", "fine_linear", "suspicious")]
        + [("linear", "round", "suspicious")] * 2
    )
    cases = cases_to_review(crosscheck(model, rules))
    assert cases.cluster_id.tolist() == ["2", "3", "1", "0"]
    assert cases.review.all()


def test_the_data_dictionary_is_that_of_the_layout():
    root = Path(__file__).parents[2]
    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    script = runpy.run_path(str(root / "benchmarks" / "make_data_dictionary.py"))
    assert script["dictionary_markdown"]() in text.split("## Verdicts")[1].split("## Rejects")[0], (
        "run benchmarks/make_data_dictionary.py"
    )


def test_a_morphology_that_the_diameters_rule_out_is_reviewed(reading):
    model = reading([("grouped", "popcorn", "benign"), ("grouped", "punctate", "benign")] * 2)
    micro, macro = 0, 1
    verdicts = crosscheck(model, model, sizes=np.array([micro, micro, -1, macro], np.int8))
    assert verdicts.review.tolist() == [True, False, False, True]
    assert "morphology does not go with the diameters (micro)" in verdicts.reason[0]
    assert "morphology does not go with the diameters (macro)" in verdicts.reason[3]
