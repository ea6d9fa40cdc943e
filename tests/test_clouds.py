"""`benchmarks/clouds.py`."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from calcigram.features.extract import extract_features
from calcigram.rules.engine import RuleReader

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from clouds import SHAPES, clouds, share_right, words_of

sys.path.pop(0)


def test_the_truth_is_the_largest_distance():
    drawn = clouds(60, seed=3)
    starts = drawn.offsets
    extents = [
        pdist(np.c_[drawn.x_mm[a:b], drawn.y_mm[a:b]]).max() for a, b in itertools.pairwise(starts)
    ]
    np.testing.assert_allclose(extents, drawn.meta["extent_mm"], rtol=1e-5)
    expected = np.where(drawn.meta["extent_mm"] <= 20, "grouped", "regional")
    assert (drawn.meta["true_distribution"] == expected).all()
    assert (clouds(60, seed=3).x_mm == drawn.x_mm).all()


@pytest.mark.parametrize(
    ("xy", "extent_mm", "expected"),
    [
        ([[0, 0], [10, 0]], 10.0, ("grouped", "")),
        ([[0, 0], [19, 0]], 19.0, ("grouped", "regional")),
        ([[0, 0], [21, 0]], 21.0, ("regional", "grouped")),
        ([[0, 0], [40, 0]], 40.0, ("regional", "")),
        ([[0, k / 10] for k in range(19)] + [[40, 0]], 40.0, ("regional", "grouped")),
        ([[0, 0], [58, 0]], 58.0, ("regional", "diffuse")),
        ([[0, 0], [62, 0]], 62.0, ("diffuse", "regional")),
        ([[0, 0], [80, 0]], 80.0, ("diffuse", "")),
    ],
)
def test_either_word_counts_near_a_limit(xy, extent_mm, expected):
    assert words_of(np.array(xy, float), extent_mm) == expected


def test_the_share_right_is_given_in_all_and_by_shape():
    drawn = clouds(24)
    readings = RuleReader().read(extract_features(drawn))
    shares = share_right(readings, drawn)
    assert list(shares) == ["all", *SHAPES]
    assert shares["all"] == pytest.approx(np.mean([shares[name] for name in SHAPES]))
