import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from calcigram._kernels.tree import (
    prune_twigs,
    root_at_path_end,
    spanning_tree,
)


def grow(points):
    return spanning_tree(*np.asarray(points, np.float32).T.copy())


def branches(points, median=None):
    tree = grow(points)
    median = float(np.median(tree.edge[tree.order[1:]])) if median is None else median
    trunk = root_at_path_end(tree, median)
    result = prune_twigs(trunk, 2 * median)
    return result, trunk.order, result.path


@pytest.mark.parametrize("n", [2, 3, 4, 10, 33, 64, 200])
def test_tree_equals_scipy(n):
    points = np.random.default_rng(n).normal(size=(n, 2))
    sequence, parent, edge = grow(points)
    theirs = minimum_spanning_tree(squareform(pdist(points))).tocoo()
    assert edge.sum() == pytest.approx(theirs.sum(), rel=1e-5)
    ours = {frozenset((i, parent[i])) for i in sequence[1:]}
    assert ours == {frozenset(e) for e in zip(theirs.row, theirs.col, strict=True)}
    seen = set()
    for i in sequence:
        assert parent[i] in seen or parent[i] == -1
        seen.add(i)


@pytest.mark.parametrize("points", [[[1.0, 1.0]], [[2.0, 2.0]] * 4], ids=["one", "identical"])
def test_tree_of_nothing_but_one_place(points):
    sequence, parent, edge = grow(points)
    assert sorted(sequence) == list(range(len(points)))
    assert (parent == -1).sum() == 1
    assert not edge.any()


@pytest.mark.parametrize("n", [3, 7, 20, 80])
def test_longest_path_equals_dijkstra(n):
    points = np.random.default_rng(n).normal(size=(n, 2)) * [20, 1]
    tree = minimum_spanning_tree(squareform(pdist(points)))
    along = dijkstra(tree, directed=False)
    found, trunk, path = branches(points, median=1e9)
    assert len(trunk) == n
    assert found.main_length == pytest.approx(along.max(), rel=1e-5)
    assert along[path[0], path[-1]] == pytest.approx(along.max(), rel=1e-5)


def test_twigs_fall_and_branches_stay():
    line = np.c_[np.arange(20.0), np.zeros(20)]
    twig = [[5.1, 0.9], [5.2, 1.7]]
    branch = np.c_[np.full(5, 12.1), np.arange(1.0, 6.0)]
    found, _, path = branches(np.concatenate([line, twig, branch]))
    assert found.leaves == 3
    assert found.longest_side == pytest.approx(5, abs=0.05)
    assert found.length == pytest.approx(19 + 5, abs=0.1)
    assert len(path) == 20


def test_strays_are_cut_from_either_end_of_the_tree():
    line = np.c_[np.arange(25.0), np.zeros(25)]
    for stray in ([-30.0, 0.0], [60.0, 1.0], [12.0, 40.0]):
        found, trunk, _ = branches(np.concatenate([line, [stray]]))
        assert len(trunk) == 25
        assert 25 not in trunk
        assert found.length == pytest.approx(24)


def test_few_points_have_no_strays():
    assert len(branches([[0, 0], [1, 0], [2, 0], [90, 0]])[1]) == 4
