import numpy as np
import pytest
from scipy.spatial import ConvexHull

from calcigram.geometry import (
    concave_area,
    convex_hull,
    geometric_median,
    measure_hull,
    sort_points,
)
from calcigram.kernels import BLOCK, padded

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
    return index, convex_hull(u, v, n, index)


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


def outline_area(points, min_edge=0.0):
    u, v = rows(points)
    n = len(points)
    index, size = hull_of(u, v, n)
    area = measure_hull(u, v, index, size).area
    f = np.zeros((4, len(u)), np.float32)
    work = (f[0], f[0].view(np.int32), f[1], f[1].view(np.int32), f[2], f[3])
    ring = np.zeros(len(u), np.int32)
    inside = concave_area(u, v, n, index, size, area, 2.0, min_edge, ring, work)
    start = index[0]
    order = [start]
    while ring[order[-1]] != start:
        order.append(ring[order[-1]])
    return inside, area, np.c_[u, v][order].astype(float)


@pytest.mark.parametrize("seed", range(25))
def test_outline_is_a_simple_polygon_of_the_area_it_says(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 120))
    inside, area, ring = outline_area(rng.normal(size=(n, 2)) * [3, 1])
    x, y = ring.T
    shoelace = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    assert inside == pytest.approx(shoelace, rel=1e-4, abs=1e-6)
    assert 0 <= inside <= area
    after = np.roll(ring, -1, axis=0)

    def side(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    for i in range(len(ring)):
        for j in range(i + 2, len(ring) - (i == 0)):
            a, b, c, d = ring[i], after[i], ring[j], after[j]
            assert not (
                side(a, b, c) * side(a, b, d) < -1e-9 and side(c, d, a) * side(c, d, b) < -1e-9
            )


def test_no_edge_shorter_than_asked_is_dug():
    points = np.random.default_rng(0).normal(size=(40, 2))
    assert outline_area(points, min_edge=100.0)[0] == pytest.approx(outline_area(points)[1])
    assert outline_area(points)[0] < 0.95 * outline_area(points)[1]


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
