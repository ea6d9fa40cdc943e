"""Clusters formed by distance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcigram.errors import BadInputError
from calcigram.linking import METHODS, Linking, link


def groups(labels):
    return {frozenset(np.flatnonzero(labels == label)) for label in set(labels) - {-1}}


@pytest.fixture(scope="module")
def two_groups():
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal((0, 0), 2, (8, 2)), rng.normal((60, 0), 2, (6, 2)), [[30, 80]]])


@pytest.mark.parametrize("method", METHODS)
def test_two_groups_and_a_lone_one(two_groups, method):
    labels = link(*two_groups.T, Linking(method=method))
    assert groups(labels) == {frozenset(range(8)), frozenset(range(8, 14))}
    assert labels[-1] == -1


def test_as_a_slow_twin_links(two_groups):
    """Chains of neighbours within reach, from where there are enough of them."""
    linking = Linking(link_mm=3.0, min_number=3)
    near = np.hypot(*(two_groups[:, None] - two_groups[None]).transpose(2, 0, 1)) <= 3.0
    core = near.sum(axis=1) >= 3
    labels = link(*two_groups.T, linking)
    for i, j in np.argwhere(near):
        if core[i] and core[j]:
            assert labels[i] == labels[j] >= 0
    assert np.all((labels >= 0) == (near & core).any(axis=1))


@given(st.integers(0, 1000), st.floats(-500, 500), st.floats(0, 6.28))
def test_neither_order_nor_place_nor_turn_matters(seed, shift, angle):
    rng = np.random.default_rng(seed)
    points = np.vstack([rng.normal(0, 2, (6, 2)), rng.normal(50, 2, (6, 2))])
    order = rng.permutation(12)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = link(*(points @ turn.T + shift)[order].T)
    assert groups(moved) == {
        frozenset(np.flatnonzero(order < 6)),
        frozenset(np.flatnonzero(order >= 6)),
    }


def test_few_are_no_cluster():
    assert link([0, 1, 2], [0, 0, 0]).tolist() == [-1, -1, -1]
    assert link([], []).tolist() == []
    assert link([0], [0], Linking(min_number=1)).tolist() == [0]


@pytest.mark.parametrize("bad", [{"link_mm": 0}, {"min_number": 0}, {"method": "ward"}])
def test_bad_options_are_refused(bad):
    with pytest.raises(BadInputError):
        Linking(**bad)


@pytest.mark.parametrize("extent", [5, 30, 100])
def test_it_is_dbscan(extent):
    from sklearn.cluster import DBSCAN

    rng = np.random.default_rng(extent)
    for n in (5, 40, 300):
        points = np.round(rng.uniform(0, extent, (n, 2)), 1)
        twin = DBSCAN(eps=10.0, min_samples=5).fit(points)
        labels = link(*points.T)
        np.testing.assert_array_equal(labels < 0, twin.labels_ < 0)
        core = twin.core_sample_indices_
        pairs = np.unique(np.column_stack([labels[core], twin.labels_[core]]), axis=0)
        assert len(pairs) == len(np.unique(twin.labels_[core]))


def test_thousands_that_lie_together_take_little_memory():
    import tracemalloc

    points = np.random.default_rng(0).uniform(0, 5, (8000, 2))
    link([0], [0])
    tracemalloc.start()
    assert set(link(*points.T)) == {0}
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("y", [[1, 2], [[1], [2], [3]], 3, ["a", "b", "c"], [[1], [2, 3], []]])
def test_other_arrays_are_refused(y):
    with pytest.raises(BadInputError):
        link([0, 1, 2], y)


@pytest.mark.parametrize("linking", [5.0, 0, [], "5", {"link_mm": 5}])
def test_what_is_no_linking_is_refused(linking):
    with pytest.raises(BadInputError, match="expected a Linking"):
        link([0, 1, 2], [0, 0, 0], linking)
