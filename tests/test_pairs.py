import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from calcigram.kernels import BLOCK, padded
from calcigram.pairs import (
    NEAR,
    WIDE,
    local_directions,
    measure_pairs,
)

SIZES = (1, 2, 3, 4, 8, 16, 17, 33, 64, 150, 500)


def cluster(n, seed=0):
    rng = np.random.default_rng([n, seed])
    points = rng.normal(size=(n, 2)) * [12, 4]
    points = points[np.argsort(points[:, 0])].astype(np.float32)
    u, v = np.full((2, padded(n) + BLOCK), np.inf, np.float32)
    u[:n], v[:n] = points.T
    return points.astype(float), u, v


@pytest.mark.parametrize("n", SIZES)
def test_pairs_equal_scipy(n):
    points, u, v = cluster(n)
    got = measure_pairs(u, v, n, 2.0, 7.0)
    d = cdist(points, points)
    between = pdist(points) if n > 1 else np.zeros(0)
    assert got.distance_sum == pytest.approx(between.sum(), rel=1e-5)
    expected = [(between <= r).sum() for r in (1, 3, 10, 2, 7)]
    assert list(got[1:6]) == expected
    assert list(got[6:]) == [(d <= r).sum(axis=1).max() for r in (5, 10)]


@pytest.mark.parametrize("n", SIZES[1:])
def test_neighbour_distances_equal_sorting(n):
    points, u, v = cluster(n)
    near2, wide2, cos2, sin2 = np.zeros((4, padded(n)), np.float32)
    local_directions(u, v, n, near2, wide2, cos2, sin2)
    d = np.sort(cdist(points, points), axis=1)
    np.testing.assert_allclose(np.sqrt(near2[:n]), d[:, min(NEAR, n - 1)], rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(wide2[:n]), d[:, min(WIDE, n - 1)], rtol=1e-5)


def test_directions_of_a_line_are_the_line():
    n = 30
    u, v = np.full((2, padded(n) + BLOCK), np.inf, np.float32)
    u[:n] = np.arange(n)
    v[:n] = 0.5 * u[:n]
    near2, wide2, cos2, sin2 = np.zeros((4, padded(n)), np.float32)
    near, wide = local_directions(u, v, n, near2, wide2, cos2, sin2)
    assert (near, wide) == pytest.approx((1, 1), abs=1e-5)
    np.testing.assert_allclose(np.arctan2(sin2[:n], cos2[:n]) / 2, np.arctan(0.5), atol=1e-5)


def test_identical_points_have_no_direction():
    n = 5
    u, v = np.full((2, padded(n) + BLOCK), np.inf, np.float32)
    u[:n] = v[:n] = 1.0
    near2, wide2, cos2, sin2 = np.zeros((4, padded(n)), np.float32)
    assert np.isnan(local_directions(u, v, n, near2, wide2, cos2, sin2)).all()
    assert not cos2.any()
