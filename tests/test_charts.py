from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from calcigram.charts import CONCERN_COLOURS, CONCERN_SIGNS, plot_calibration, plot_confusion
from calcigram.lexicon import CONCERNS


def test_a_confusion_matrix_says_its_counts_and_labels():
    counts = pd.DataFrame([[5, 0, 1], [2, 3, 0]], index=["a_b", "c"], columns=["x", "y", "z"])
    ax = plot_confusion(counts, title="t")
    assert [t.get_text() for t in ax.texts] == ["5", "0", "1", "2", "3", "0"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a b", "c"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x", "y", "z"]
    assert ax.images[0].get_array().sum(axis=1).tolist() == pytest.approx([1.0, 1.0])


def test_an_empty_row_of_a_confusion_matrix_divides_by_nothing():
    ax = plot_confusion([[0, 0], [1, 1]])
    assert ax.images[0].get_array()[0].tolist() == [0.0, 0.0]


def test_the_calibration_curve_is_what_counting_gives():
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.3, 1.0, 400)
    right = rng.random(400) < sure
    sure[7] = np.nan
    ax = plot_calibration(sure, right, n_bins=5)
    curve = next(line for line in ax.lines if line.get_marker() == "o")
    for x, y in curve.get_xydata():
        in_bin = (sure >= np.floor(x * 5) / 5) & (sure < np.floor(x * 5) / 5 + 0.2)
        assert x == pytest.approx(np.mean(sure[in_bin]))
        assert y == pytest.approx(np.mean(right[in_bin]))
    assert len(curve.get_xydata()) == 4


def test_every_concern_has_a_sign_and_a_colour_that_reads_on_white():
    assert set(CONCERN_SIGNS) == set(CONCERN_COLOURS) == set(CONCERNS)
    assert len(set(CONCERN_SIGNS.values())) == 3
    for colour in CONCERN_COLOURS.values():
        assert contrast_to_white(colour) >= 3.0  # WCAG 2.1, large text and graphics


def contrast_to_white(colour):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05)
