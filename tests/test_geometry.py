import numpy as np
import pytest
from scipy.spatial import ConvexHull, cKDTree

from calcigram.geometry import (
    PLACES,
    convex_hull,
    empty_space,
    geometric_median,
    measure_hull,
    sort_points,
)
from calcigram.kernels import BLOCK, padded
from calcigram.vectors import LANES

SIZES = (1, 2, 3, 4, 8, 31, 32, 33, 64, 150, 700)


def rows(points):
    """Float32 u and v, sorted and padded with inf."""
    points = np.asarray(points, np.float32)
    n = len(points)
    u, v = np.full((2, padded(n) + BLOCK), np.inf, np.float32)
    u[:n], v[:n] = points[np.lexsort((points[:, 1], points[:, 0]))].T
    return u, v


def hull_of(u, v, n):
    index = np.zeros(n + 2, np.int32)
    work = np.zeros(n + 1, np.int32), np.zeros((2, LANES + 1), np.float32)
    return index, convex_hull(u, v, n, index, work)


@pytest.mark.parametrize("n", SIZES)
def test_order_is_lexicographic(n):
    rng = np.random.default_rng(n)
    points = rng.integers(0, 5, (n, 2)).astype(np.float32)
    u, v = np.zeros((2, padded(n)), np.float32)
    u[:n], v[:n] = points.T
    order = np.zeros(n, np.int32)
    sort_points(u, v, n, order)
    assert sorted(order) == list(range(n))
    np.testing.assert_array_equal(points[order], points[np.lexsort((points[:, 1], points[:, 0]))])


@pytest.mark.parametrize("n", [n for n in SIZES if n >= 3])
def test_hull_equals_scipy(n):
    points = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
    u, v = rows(points)
    index, size = hull_of(u, v, n)
    ours = measure_hull(u, v, index, size)
    theirs = ConvexHull(points.astype(float))
    assert size == len(theirs.vertices)
    assert ours.area == pytest.approx(theirs.volume, rel=1e-5)
    assert ours.perimeter == pytest.approx(theirs.area, rel=1e-5)


@pytest.mark.parametrize(
    ("points", "vertices", "perimeter"),
    [
        ([[1, 2]], 1, 0.0),
        ([[0, 0], [3, 4]], 2, 10.0),
        ([[0, 0], [1, 1], [2, 2], [3, 3]], 2, 6 * np.sqrt(2)),
        ([[2, 2]] * 4, 2, 0.0),
    ],
    ids=["one", "two", "collinear", "identical"],
)
def test_degenerate_hulls_have_no_area(points, vertices, perimeter):
    u, v = rows(points)
    index, size = hull_of(u, v, len(points))
    measures = measure_hull(u, v, index, size)
    assert size == vertices
    assert measures.perimeter == pytest.approx(perimeter)
    assert (measures.area, measures.width, measures.triangle) == (0, 0, 0)
    assert np.isnan(measures.eccentricity)


def test_measures_of_a_rectangle():
    u, v = rows([[0, 0], [6, 0], [6, 2], [0, 2]])
    measures = measure_hull(u, v, *hull_of(u, v, 4))
    assert measures.area == pytest.approx(12)
    assert measures.width == pytest.approx(2)
    assert measures.diameter == pytest.approx(np.sqrt(40))
    assert measures.triangle == pytest.approx(6)
    assert measures.eccentricity == pytest.approx(np.sqrt(1 - 4 / 36))


@pytest.mark.parametrize("points", [[[2, 2]] * 40, [[k % 2, 0] for k in range(40)]])
def test_many_points_at_one_place_or_two_have_a_hull(points):
    u, v = rows(points)
    index, size = hull_of(u, v, 40)
    assert 1 <= size <= 2 or measure_hull(u, v, index, size).area == 0
    assert measure_hull(u, v, index, size).diameter == np.ptp(points, axis=0).max()


def emptiness(points):
    u, v = rows(points)
    n = len(points)
    index, size = hull_of(u, v, n)
    area = measure_hull(u, v, index, size).area
    places = np.zeros((2, PLACES), np.float32)
    return empty_space(u, v, n, index, size, area, *places), area, places.T


@pytest.mark.parametrize("n", [3, 4, 9, 33, 150])
def test_empty_space_equals_a_tree_search_from_the_same_places(n):
    points = (np.random.default_rng(n).normal(size=(n, 2)) * [9, 4]).astype(np.float32)
    (ratio, share), area, places = emptiness(points)
    distance = cKDTree(points).query(places)[0] / np.sqrt(area / n)
    assert ratio == pytest.approx(distance.mean(), rel=1e-5)
    assert share == pytest.approx((distance <= 1).mean())


@pytest.mark.parametrize("n", [3, 5, 12, 60])
def test_places_are_spread_evenly_over_the_hull(n):
    points = (np.random.default_rng(n).normal(size=(n, 2)) * [9, 4]).astype(np.float32)
    (ratio, _), area, places = emptiness(points)
    hull = ConvexHull(points.astype(float))
    inside = places @ hull.equations[:, :2].T + hull.equations[:, 2] <= 1e-4
    assert inside.all()
    fine = np.stack(np.meshgrid(*(np.linspace(p.min(), p.max(), 150) for p in points.T)), -1)
    fine = fine.reshape(-1, 2)
    fine = fine[(fine @ hull.equations[:, :2].T + hull.equations[:, 2] <= 0).all(axis=1)]
    assert np.linalg.norm(places.mean(axis=0) - fine.mean(axis=0)) < 0.06 * np.sqrt(area)
    np.testing.assert_allclose(np.cov(places.T), np.cov(fine.T), atol=0.15 * np.cov(fine.T).max())
    expected = cKDTree(points).query(fine)[0].mean() / np.sqrt(area / n)
    assert ratio == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("n", SIZES[3:])
def test_geometric_median_is_a_minimum(n):
    rng = np.random.default_rng(n)
    points = (rng.normal(size=(n, 2)) * [5, 2]).astype(np.float32)
    u, v = points.T.copy()
    center = np.array(geometric_median(u, v, n, 20.0))

    def total(c):
        return np.linalg.norm(points - c, axis=1).sum()

    best = total(center)
    for step in rng.normal(size=(50, 2)):
        assert total(center + 0.2 * step) >= best * (1 - 1e-6)


def test_geometric_median_may_be_a_point():
    u, v = np.array([[0, 1, -1, 0.0], [0, 0.2, 0.1, -3]], np.float32)
    assert geometric_median(u, v, 4, 4.0) == (0.0, 0.0)
