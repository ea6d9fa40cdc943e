import numpy as np
import pytest
from scipy.spatial import ConvexHull

from calcigram._kernels.geometry import (
    convex_hull,
    geometric_median,
    measure_hull,
    principal_frame,
)

SIZES = (1, 2, 3, 4, 8, 31, 32, 33, 64, 150, 700)


def hull_of(points):
    """Vertices and measures."""
    points = np.asarray(points, np.float32)
    x, y = points[np.lexsort((points[:, 1], points[:, 0]))].T.copy()
    index = convex_hull(x, y)
    return index, measure_hull(x, y, index)


@pytest.mark.parametrize("n", SIZES)
def test_frame_orders_the_points_along_the_major_axis(n):
    points = np.random.default_rng(n).integers(0, 5, (n, 2)).astype(np.float32)
    frame = principal_frame(*points.T.copy())
    assert sorted(frame.order) == list(range(n))
    q = (points - points.mean(axis=0))[frame.order].astype(float)
    axis = np.array([frame.cos, frame.sin])
    np.testing.assert_allclose(frame.x, q @ axis, atol=1e-5)
    np.testing.assert_allclose(frame.y, frame.hand * (q @ [-axis[1], axis[0]]), atol=1e-5)
    assert list(zip(frame.x, frame.y, strict=True)) == sorted(zip(frame.x, frame.y, strict=True))
    assert frame.major >= frame.minor
    assert (frame.x**3).sum() >= -1e-3


@pytest.mark.parametrize("n", [n for n in SIZES if n >= 3])
def test_hull_equals_scipy(n):
    points = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
    index, ours = hull_of(points)
    theirs = ConvexHull(points.astype(float))
    assert len(index) == len(theirs.vertices)
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
    index, measures = hull_of(points)
    assert len(index) == vertices
    assert measures.perimeter == pytest.approx(perimeter)
    assert (measures.area, measures.triangle) == (0, 0)


def test_measures_of_a_rectangle():
    measures = hull_of([[0, 0], [6, 0], [6, 2], [0, 2]])[1]
    assert measures.area == pytest.approx(12)
    assert measures.diameter == pytest.approx(np.sqrt(40))
    assert measures.triangle == pytest.approx(6)


@pytest.mark.parametrize("points", [[[2, 2]] * 40, [[k % 2, 0] for k in range(40)]])
def test_many_points_at_one_place_or_two_have_a_hull(points):
    index, measures = hull_of(points)
    assert 1 <= len(index) <= 2 or measures.area == 0
    assert measures.diameter == np.ptp(points, axis=0).max()


@pytest.mark.parametrize("n", SIZES[3:])
def test_geometric_median_is_a_minimum(n):
    rng = np.random.default_rng(n)
    points = (rng.normal(size=(n, 2)) * [5, 2]).astype(np.float32)
    u, v = points.T.copy()
    center = np.array(geometric_median(u, v, 20.0))

    def total(c):
        return np.linalg.norm(points - c, axis=1).sum()

    best = total(center)
    for step in rng.normal(size=(50, 2)):
        assert total(center + 0.2 * step) >= best * (1 - 1e-6)


def test_geometric_median_may_be_a_point():
    u, v = np.array([[0, 1, -1, 0.0], [0, 0.2, 0.1, -3]], np.float32)
    assert geometric_median(u, v, 4.0) == (0.0, 0.0)
