import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from calcigram._kernels.pairs import local_directions, measure_pairs

SIZES = (1, 2, 3, 4, 8, 16, 17, 33, 64, 150, 500)


def cluster(n, seed=0):
    rng = np.random.default_rng([n, seed])
    points = rng.normal(size=(n, 2)) * [12, 4]
    points = points[np.argsort(points[:, 0])].astype(np.float32)
    return points.astype(float), *points.T.copy()


@pytest.mark.parametrize("n", SIZES)
def test_pairs_equal_scipy(n):
    points, x, y = cluster(n)
    got = measure_pairs(x, y)
    d = cdist(points, points)
    between = pdist(points) if n > 1 else np.zeros(0)
    assert got.distance_sum == pytest.approx(between.sum(), rel=1e-5)
    assert got.most_within_10mm == (d <= 10).sum(axis=1).max()


def test_directions_of_a_line_are_the_line():
    x = np.arange(30, dtype=np.float32)
    found = local_directions(x, np.float32(0.5) * x)
    assert (found.linearity_near, found.linearity_wide) == pytest.approx((1, 1), abs=1e-5)
    np.testing.assert_allclose(np.arctan2(found.sin2, found.cos2) / 2, np.arctan(0.5), atol=1e-5)


def test_identical_points_have_no_direction():
    found = local_directions(*np.ones((2, 5), np.float32))
    assert np.isnan([found.linearity_near, found.linearity_wide]).all()
    assert not found.cos2.any()
