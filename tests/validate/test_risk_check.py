"""Risk fitted on the training lesions, judged on the test lesions, beside the other scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calcigram.errors import BadInputError
from calcigram.validate.cbis_ddsm import read_counts
from calcigram.validate.outcomes import counts_path
from calcigram.validate.risk_check import (
    ASSESSMENT,
    RISK,
    auc_with_interval,
    check_risk,
    described_lesions,
    is_described,
)

SHARED = Path(__file__).parents[3] / "shared" / "data" / "cbis_ddsm"
FILES = sorted(SHARED.glob("calc_case_description_*_set.csv"))


@pytest.fixture(scope="module")
def counted():
    return check_risk()


def test_risk_ranks_better_than_either_rulebook(counted):
    for _, part in counted.figures.groupby("without_callback"):
        auc = part.set_index("score")["auc"]
        assert auc[RISK] > auc["birads"] > auc["article"] > 0.45
    assert counted.figures["auc_low"].isna().all()


def test_risk_is_about_right_on_test_lesions(counted):
    bands = counted.bands[counted.bands["without_callback"]]
    assert bands["lesions"].sum() == counted.n_test
    expected = (bands["predicted"] * bands["lesions"]).sum()
    observed = (bands["observed"] * bands["lesions"]).sum()
    assert expected == pytest.approx(observed, rel=0.15)


def test_output(counted):
    text = counted.to_markdown()
    assert "neither a prevalence" in text
    assert "CC BY 3.0" in text
    assert counted.to_dict()["figures"][0]["auc_low"] is None


@pytest.mark.skipif(not FILES, reason="the case descriptions are not part of the repository")
def test_files_add_intervals_and_the_assessment(counted):
    found = check_risk(FILES, n_boot=200)
    figures = found.figures.set_index(["score", "without_callback"])
    again = counted.figures.set_index(["score", "without_callback"])
    for key in again.index:
        assert figures.loc[key, "auc"] == pytest.approx(again.loc[key, "auc"], abs=0.005)
    assert (figures["auc_low"] < figures["auc"]).all()
    assert (figures["auc"] < figures["auc_high"]).all()
    assert (ASSESSMENT, True) in figures.index


@pytest.mark.skipif(not FILES, reason="the case descriptions are not part of the repository")
def test_one_split_is_refused():
    with pytest.raises(BadInputError, match="both splits"):
        check_risk(FILES[:1])


def test_terms_outside_the_lexicon_are_passed_over():
    table = read_counts(counts_path())
    described = is_described(table)
    assert not described[(table["type"] == "SKIN").to_numpy()].any()
    assert described[(table["type"] == "PUNCTATE-SKIN").to_numpy()].all()
    row = table[table["type"] == "PUNCTATE-SKIN"].head(1)
    assert described_lesions(row).morphologies == [("punctate",)]
    assert described_lesions(row).distributions == [()]


def test_auc_is_that_of_all_pairs():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    score, hit = rng.integers(0, 5, 80), rng.random(80) < 0.4
    patient = rng.integers(0, 30, 80)
    auc, low, high = auc_with_interval(score, hit, patient, n_boot=300)
    assert auc == pytest.approx(roc_auc_score(hit, score))
    assert low < auc < high
