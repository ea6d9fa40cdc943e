"""Columns of arrays: what they hold, and the table they make."""

from __future__ import annotations

import numpy as np
import pandas as pd

from calcigram.columns import Words, frame_of, rows_between

WORDS = Words.of(np.array([2, -1, 0], np.int8), ["a", "b", "c"], is_ordered=True)


def test_words_are_categories_in_a_table():
    frame = frame_of({"word": WORDS, "p": np.array([1, 2, 3], np.float32)})
    expected = pd.Series(pd.Categorical(["c", None, "a"], ["a", "b", "c"], ordered=True))
    pd.testing.assert_series_equal(frame["word"], expected, check_names=False)
    assert frame["p"].dtype == np.float32


def test_some_rows():
    part = rows_between({"word": WORDS, "n": np.arange(3)}, 1, 3)
    assert (part["word"].tolist(), part["n"].tolist()) == ([None, "a"], [1, 2])
    assert part["word"].is_ordered


def test_no_words_at_all():
    nothing = Words(np.full(2, -1), ())
    assert nothing.tolist() == [None, None]
    assert frame_of({"word": nothing})["word"].isna().all()
    assert len(nothing) == 2
