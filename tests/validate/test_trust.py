"""What review is worth, counted on clusters whose truth is known."""

from __future__ import annotations

import pytest

from calcigram.crosscheck.verdicts import UNSURE
from calcigram.model import load_model
from calcigram.simulate import simulate
from calcigram.validate.trust import THRESHOLDS, review_figures


@pytest.fixture(scope="module")
def figures():
    return review_figures(load_model(), simulate(300, seed=21, preset="bench_v1"))


def test_more_reviews_catch_more(figures):
    assert [row["threshold"] for row in figures["curve"]] == list(THRESHOLDS)
    for name in ("reviewed", "caught", "caught_concern", "caught_by_probability"):
        values = [row[name] for row in figures["curve"]]
        assert values == sorted(values)
        assert 0 <= values[0] <= values[-1] <= 1


def test_each_reason_is_counted(figures):
    shares = {row["reason"]: row["clusters"] for row in figures["reasons"]}
    assert {"the two are opposed", "sources conflict"} <= set(shares)
    assert sum(shares.values()) >= next(
        r["reviewed"] for r in figures["curve"] if r["threshold"] == UNSURE
    )


@pytest.mark.slow
@pytest.mark.parametrize(("grade", "most"), [("typical", 0.33), ("easy", 0.28)])
def test_review_stays_worth_something(grade, most):
    from calcigram import classify

    assert classify(simulate(4000, seed=7, grade=grade, preset="bench_v1")).review.mean() <= most
