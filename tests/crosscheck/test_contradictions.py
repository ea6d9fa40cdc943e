"""No row of a verdict table says two things that cannot both hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calcigram import classify, simulate
from calcigram.consequences import load_rulebook
from calcigram.crosscheck.verdicts import UNSURE
from calcigram.lexicon import CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS, ORIGINS, STATUSES

ARTICLE, BIRADS = load_rulebook("article"), load_rulebook("birads")
WORDS = [str(concern) for concern in CONCERNS]
P_CONCERN = [f"p_{word}" for word in WORDS]


def codes_of(verdicts, prefix=""):
    pair = []
    for axis, labels in (("distribution", DISTRIBUTION_LABELS), ("morphology", MORPHOLOGY_LABELS)):
        pair.append(pd.Categorical(verdicts[prefix + axis], list(map(str, labels))).codes)
    return tuple(pair)


def concern_words(codes):
    return np.array([*WORDS, None], object)[codes]


def missing(column):
    return pd.Series([None if v != v else v for v in column.tolist()], column.index, dtype=object)


def assert_no_row_contradicts_itself(verdicts):
    v = verdicts
    concern, reason, review = missing(v.concern), v.reason.astype(str), v.review.to_numpy(bool)
    pair, rule_pair = codes_of(v), codes_of(v, "rule_")
    read = {
        axis: ~v[axis].isin(list(STATUSES)) & ~v[f"rule_{axis}"].isin(list(STATUSES))
        for axis in ("distribution", "morphology")
    }
    # Concerns: the most probable one; the rules' and BI-RADS's are those of the words shown.
    p = v[P_CONCERN].to_numpy()
    known = np.isfinite(p).all(axis=1)
    assert (np.isfinite(p).any(axis=1) == known).all()
    assert (concern[known] == np.array(WORDS, object)[p[known].argmax(axis=1)]).all()
    assert concern[~known].isna().all()
    np.testing.assert_allclose(p[known].sum(axis=1), 1, atol=1e-4)
    rule_concern = concern_words(ARTICLE.concern_codes[rule_pair])
    assert missing(v.rule_concern).tolist() == rule_concern.tolist()
    for name, where in (("birads_concern", rule_pair), ("model_birads_concern", pair)):
        assert missing(v[name]).tolist() == concern_words(BIRADS.concern_codes[where]).tolist()
    origin = pd.Categorical(v.origin, list(map(str, ORIGINS))).codes
    article_concern = ARTICLE.concern_codes[pair]
    for word, code in zip(WORDS, range(3), strict=True):
        origins = ARTICLE.origin_codes[ARTICLE.concern_codes == code]
        assert np.isin(origin[(concern == word).to_numpy()], origins).all()
    # Words: the most probable ones, and in their sets.
    for axis, labels in (("distribution", DISTRIBUTION_LABELS), ("morphology", MORPHOLOGY_LABELS)):
        words = [str(w) for w in labels if w not in STATUSES]
        shares = v[[f"p_{axis}_{word}" for word in words]].to_numpy()
        has = v[axis].isin(words).to_numpy()
        assert (np.isfinite(shares).all(axis=1) == has).all()
        top = v[f"{axis}_probability"].to_numpy()
        np.testing.assert_array_equal(top[has], shares[has].max(axis=1))
        assert (
            np.array(words, object)[shares[has].argmax(axis=1)] == v[axis][has].astype(object)
        ).all()
        assert np.isnan(top[~has]).all()
    # What was compared, how the two agree, and what the reason says of both.
    both, neither = (
        read["distribution"] & read["morphology"],
        ~read["distribution"] & ~read["morphology"],
    )
    expected = np.select(
        [both, neither, read["distribution"]], ["both", "neither", "distribution"], "morphology"
    )
    assert (v.compared.astype(str) == expected).all()
    agreement = missing(v.agreement)
    assert agreement[neither].isna().all()
    assert agreement[~both & ~neither].isin(["agree", "differ"]).all()
    for axis, other in (("distribution", "morphology"), ("morphology", "distribution")):
        alone = read[axis] & ~read[other]
        equal = v[axis].astype(str) == v[f"rule_{axis}"].astype(str)
        assert ((agreement == "agree") == equal)[alone].all()
        assert (reason.str.contains(f"{axis} not compared") == ~read[axis]).all()
    equal = (v.distribution.astype(str) == v.rule_distribution.astype(str)) & (
        v.morphology.astype(str) == v.rule_morphology.astype(str)
    )
    apart = np.abs(v.concern.cat.codes.astype(int) - v.rule_concern.cat.codes)
    has_both = both & v.concern.notna() & v.rule_concern.notna()
    expected = np.select(
        [equal & (apart == 0), apart == 0, apart == 2],
        ["agree", "same_concern", "opposed"],
        "differ",
    )
    assert (agreement[has_both] == expected[has_both]).all()
    assert (review | ~(agreement == "opposed")).all()
    # Review and reason say the same, and each reason to review is one.
    assert (reason.str.contains("to review: ") == review).all()
    assert (reason.str.contains("the two are opposed") | ~(agreement == "opposed")).all()
    differs = (concern_words(article_concern) != concern.to_numpy()) & known
    assert (reason.str.contains("would lead to another concern") == differs).all()
    conflict = reason.str.contains("sources conflict")
    benign, suspicious, biopsy = 0, 2, 2
    for one, other in ((ARTICLE, BIRADS), (BIRADS, ARTICLE)):
        graver = (other.advice_codes[pair] == biopsy) | (other.concern_codes[pair] == suspicious)
        conflicts = (one.concern_codes[pair] == benign) & graver
        assert review[conflicts].all()
        named = reason[conflicts].str.contains(f"{one.short_title} finds this pattern benign")
        assert (
            named
            & reason[conflicts].str.contains(f"{other.short_title} (?:advises a biopsy|suspicious)")
        ).all()
        conflict &= ~conflicts
    assert not conflict.any()
    for axis in read:
        unsure = read[axis] & (v[f"{axis}_probability"] < np.float32(UNSURE))
        assert (reason.str.contains(f"the model's {axis} has a probability below") == unsure).all()
    assert review[v.unlike_training.to_numpy(bool)].all()


LACKING = (
    (),
    ("diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr"),
    ("aspect_ratio", "orientation_deg", "solidity", "cnr"),
    ("diameter_mm",),
)


def some_verdicts(k, n):
    return classify(simulate(n, seed=3 + k).without(*LACKING[k]))


@pytest.mark.parametrize("k", range(4))
def test_no_row_contradicts_itself(k):
    assert_no_row_contradicts_itself(some_verdicts(k, 150))


@pytest.mark.slow
@pytest.mark.parametrize(("k", "n"), [(0, 10_000), (1, 2000), (2, 2000), (3, 4000)])
def test_no_row_of_ten_thousand_contradicts_itself(k, n):
    assert_no_row_contradicts_itself(some_verdicts(k, n))


def test_the_concern_that_stood_against_its_probabilities():
    clusters = simulate(618, seed=3)
    (row,) = classify(clusters[617]).to_dict("records")
    assert row["cluster_id"] == "sim-3-617"
    assert row["concern"] == max(WORDS, key=lambda word: row[f"p_{word}"])


def test_positions_alone_are_compared_on_the_distribution():
    verdicts = classify(simulate(60, seed=1).positions_only())
    assert set(verdicts.compared) == {"distribution"}
    assert set(verdicts.agreement) <= {"agree", "differ"}
    assert verdicts.review.mean() < 0.5


def test_positions_and_diameters_are_compared_on_the_distribution():
    clusters = simulate(300, seed=1).without("aspect_ratio", "orientation_deg", "solidity", "cnr")
    verdicts = classify(clusters)
    alone = verdicts[verdicts.rule_morphology == "unread"]
    assert len(alone) > 200
    assert set(alone.compared) == {"distribution"}
    assert set(alone.agreement) <= {"agree", "differ"}
    assert alone.review.mean() < 0.4
