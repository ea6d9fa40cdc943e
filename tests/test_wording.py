"""Markdown tables."""

import numpy as np
import pandas as pd

from calcigram.wording import markdown_table


def test_bars_are_escaped_and_numbers_stand_to_the_right():
    text = markdown_table(pd.DataFrame({"a|b": ["c|d"], "n": [1.5], "k": [12]}))
    assert text.splitlines() == [r"| a\|b | n | k |", "|---|---:|---:|", r"| c\|d | 1.500 | 12 |"]


def test_what_is_missing_is_said_as_asked():
    frame = pd.DataFrame({"p": np.array([0.25, np.nan], np.float32), "word": [None, "x"]})
    assert markdown_table(frame, missing="-").splitlines()[2:] == ["| 0.250 | - |", "| - | x |"]
