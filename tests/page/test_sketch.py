"""The lines over the points: held against SciPy's tree, and limited before they are worked out."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("panel", reason="the extra [server] is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from calcigram._kernels.tree import spanning_tree
from calcigram.errors import BadInputError
from calcigram.page.files import MAX_POINTS
from calcigram.page.sketch import _longest_path, cluster_of, columns_from_text, overlays

grid = st.integers(-50, 50).map(lambda v: v / 4)


def length_of(lines):
    return sum(np.hypot(np.diff(x), np.diff(y)).sum() for x, y in lines)


@settings(deadline=None)  # the first compiles
@given(st.lists(st.tuples(grid, grid), min_size=2, max_size=40, unique=True))
def test_tree_and_longest_path_are_those_of_scipy(points):
    x, y = np.array(points).T
    tree = minimum_spanning_tree(squareform(pdist(np.array(points))))
    assert length_of(overlays(x, y)["tree"]) == pytest.approx(tree.sum(), rel=1e-5)
    _, parent, edge = found = spanning_tree(np.float32(x), np.float32(y))
    path = _longest_path(found)
    assert len(set(path)) == len(path)
    ours = np.zeros((len(x), len(x)))
    ours[np.arange(len(x)), np.maximum(parent, 0)] = edge
    longest = dijkstra(ours, directed=False).max()
    assert length_of([(x[path], y[path])]) == pytest.approx(longest, rel=1e-5)


def test_more_points_than_the_page_takes_are_refused_before_any_work():
    n = 20_000
    rng = np.random.default_rng(1)
    x, y = rng.random((2, n)).tolist()
    start = time.perf_counter()
    assert overlays(x, y) == {"tree": [], "hull": [], "centre": []}
    for refused in (
        lambda: cluster_of({"x_mm": x, "y_mm": y}, "a"),
        lambda: columns_from_text("1 2\n" * n),
    ):
        with pytest.raises(BadInputError, match="at most 5,000 calcifications"):
            refused()
    assert time.perf_counter() - start < 2


def test_as_many_as_the_page_takes_are_drawn_at_once():
    x, y = np.random.default_rng(2).random((2, MAX_POINTS))
    overlays(x[:9], y[:9])  # compiled
    start = time.perf_counter()
    assert len(overlays(x, y)["tree"]) == MAX_POINTS - 1
    assert time.perf_counter() - start < 2
