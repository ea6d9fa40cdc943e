"""Free-response scoring on detections made by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import froc

sys.path.pop(0)

NONE = np.empty((0, 2))


def points(*pairs):
    return np.array(pairs, float).reshape(-1, 2)


def test_each_calcification_needs_a_mark_of_its_own():
    truth = points((0, 0), (0.5, 0), (20, 0))
    one = froc.score(points((0.2, 0)), np.array([7.0]), truth)
    assert one.found_at.tolist() == [7.0, -np.inf, -np.inf]  # the nearest
    assert one.near_at.tolist() == [7.0, 7.0, -np.inf]
    two = froc.score(points((0.2, 0), (0.25, 0)), np.array([6.0, 7.0]), truth)
    assert sorted(two.found_at[:2]) == [6.0, 7.0]
    assert not two.is_false.any()


def test_a_mark_counts_within_point_six_mm():
    truth = points((10, 10))
    scored = froc.score(points((10.6, 10), (10.61, 10)), np.array([5.0, 6.0]), truth)
    assert scored.is_false.tolist() == [False, True]
    assert scored.found_at.tolist() == [5.0]


def test_a_large_calcification_is_hit_inside_its_outline():
    truth = points((0, 0))
    far = points((2.5, 0))
    assert froc.score(far, np.array([4.0]), truth).is_false.all()
    scored = froc.score(far, np.array([4.0]), truth, inside=[np.array([0])])
    assert scored.found_at.tolist() == [4.0]


def test_surplus_marks_are_neither_found_nor_false():
    scored = froc.score(points((0, 0), (0.1, 0), (5, 5)), np.array([3.0, 9.0, 4.0]), points((0, 0)))
    assert scored.found_at.tolist() == [9.0]
    assert froc.false_marks([scored], 0.0).tolist() == [1.0]
    assert froc.false_marks([scored], 4.5).tolist() == [0.0]


def test_threshold_is_frozen_on_normals():
    normals = [
        froc.score(np.zeros((4, 2)), np.array([10.0, 8.0, 6.0, 4.0]), NONE),
        froc.score(np.zeros((1, 2)), np.array([7.0]), NONE),
    ]
    for rate, kept in ((0.0, 0), (0.5, 1), (1.0, 2), (1.5, 3), (2.5, 5)):
        threshold = froc.threshold_for(normals, rate)
        assert froc.false_marks(normals, threshold).sum() == kept
    assert froc.threshold_for([froc.score(NONE, np.empty(0), NONE)], 1.0) == 0.0


def test_sensitivity_by_part_and_curve():
    truth = points((0, 0), (10, 0), (20, 0))
    image = froc.score(
        points((0, 0), (10, 0), (50, 0)), np.array([9.0, 5.0, 6.0]), truth, facts={"d": 1}
    )
    found, there = froc.sensitivity([image], 6.0)
    assert (found.tolist(), there.tolist()) == ([1.0], [3.0])
    found, there = froc.sensitivity([image], 4.0, lambda i: np.array([False, True, True]))
    assert (found.tolist(), there.tolist()) == ([1.0], [2.0])
    normal = froc.score(np.zeros((2, 2)), np.array([8.0, 3.0]), NONE)
    rows = froc.curve([image], [normal], [0.0, 1.0, 2.0])
    assert [row["sensitivity"] for row in rows] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert [row["false_per_image"] for row in rows] == [0.0, 1.0, 1.0]


def test_clusters_overlap_by_shared_calcifications():
    groups = np.array([0, 0, 0, 1, 1, 2, 2, -1])
    # cluster 0 has two calcifications of the first, 1 only one, by two marks; 2 none
    hits = np.array([[0, 0], [1, 1], [3, 3], [4, 3], [7, 2]])
    found = froc.overlap(groups, hits, np.array([0, 0, 0, 1, 1]))
    assert found == froc.Overlap(2, {0: 0})
    assert froc.overlap(groups, NONE.astype(int), np.array([0])) == froc.Overlap(3, {})


def test_the_detected_cluster_with_most_hits_is_the_partner():
    groups = np.array([5, 5, 6, 6, 6])
    hits = np.column_stack([np.arange(5), np.arange(5)])
    assert froc.overlap(groups, hits, np.zeros(5, int)).partner == {0: 6}


def test_interval_draws_patients_not_images():
    found, there = np.array([4.0, 4.0, 0.0, 0.0]), np.full(4, 4.0)
    wide = froc.ratio_interval(found, there, ["a", "a", "b", "b"])
    assert (wide["value"], wide["low"], wide["high"], wide["n"]) == (0.5, 0.0, 1.0, 16.0)
    assert froc.ratio_interval(np.zeros(1), np.zeros(1), ["a"])["value"] is None


def test_where_all_agree_the_interval_is_not_empty():
    none = froc.ratio_interval(np.zeros(10), np.ones(10), [str(k) for k in range(10)])
    every = froc.ratio_interval(np.ones(10), np.ones(10), [str(k) for k in range(10)])
    assert (none["value"], none["low"], every["high"]) == (0.0, 0.0, 1.0)
    assert none["high"] == pytest.approx(0.3085, abs=1e-4)  # of a table of binomial limits
    assert every["low"] == pytest.approx(0.6915, abs=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_order(seed):
    rng = np.random.default_rng(seed)
    marks, truth = rng.uniform(0, 4, (12, 2)), rng.uniform(0, 4, (7, 2))
    confidence = rng.permutation(12).astype(float)
    order = rng.permutation(12)
    one, two = (
        froc.score(m, c, truth) for m, c in ((marks, confidence), (marks[order], confidence[order]))
    )
    np.testing.assert_array_equal(one.found_at, two.found_at)
    np.testing.assert_array_equal(one.is_false[order], two.is_false)
    assert (one.found_at <= one.near_at).all()
    n_marks = (one.found_at > -np.inf).sum()
    assert n_marks <= (~one.is_false).sum()
