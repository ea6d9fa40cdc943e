"""The evaluation report shows what was counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calcigram.report import write_evaluation_report
from calcigram.validate import Evaluation
from calcigram.validate.scores import score_axis

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def evaluation():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 20)
    p = rng.dirichlet([1, 1], 40)
    read = np.where(rng.random(40) < 0.1, 2, p.argmax(axis=1))
    scores = score_axis(
        truth, read, p, ("first_word", "second"), ("first_word", "second", "unread"), n_boot=20
    )
    silent = score_axis(
        truth, read, np.full((40, 2), np.nan), ("a", "b"), ("a", "b", "unread"), n_boot=20
    )
    return Evaluation(
        "reader",
        40,
        {"distribution": scores, "concern": silent},
        {"grade": {"easy": {"concern": silent}}},
    )


@pytest.fixture(scope="module")
def page(evaluation, parse, tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluation") / "e.html"
    table = pd.DataFrame({"part": ["all"], "macro_f1": [0.98765]})
    write_evaluation_report(
        {"model": evaluation, HOSTILE: evaluation}, path,
        tables={"Side by side": table}, origin=f"Clusters of {HOSTILE}.", model_version="7",
    )  # fmt: skip
    text = path.read_text()
    assert "<script" not in text
    return parse(text)


def test_a_confusion_picture_an_axis_and_a_curve_where_there_are_probabilities(page, evaluation):
    alts = [image["alt"] for image in page.all("img")]
    assert len(alts) == 2 * 3
    right = evaluation.axes["distribution"].confusion[0, 0]
    assert alts[0].startswith(
        f"Confusion matrix, distribution, 40 clusters: first word {right} of 20 right"
    )
    error = evaluation.axes["distribution"].curve.error
    assert alts[1] == f"Calibration curve, distribution: expected calibration error {error:.3f}"
    assert "concern" in alts[2]


def test_numbers_are_in_tables_with_captions(page, evaluation):
    assert len(page.all("caption")) == len(page.all("table")) == 1 + 2 * 2
    assert "0.988" in page.words
    assert f"{evaluation.axes['distribution'].macro_f1:.3f}" in page.words
    assert "—" in page.words  # the calibration error of a reader without probabilities


def test_hostile_names_stay_text(page):
    assert page.words.count(HOSTILE) >= 2


def test_it_says_what_it_is_not_and_which_model(page):
    assert "Not a medical device" in page.words
    assert "model 7" in page.words
