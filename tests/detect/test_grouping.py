"""Detected marks form clusters by the gaps between their outlines, about conspicuous marks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcigram.detect.grouping import LINK_MM, are_kept, group_marks

BREAST_MM2 = 12_000.0


def marks(x, y=0.0, *, diameter=0.4, aspect=1.0, z=9.0):
    return pd.DataFrame({"x_mm": x, "y_mm": y}).assign(
        diameter_mm=diameter, aspect_ratio=aspect, confidence=z
    )


def test_large_calcifications_side_by_side_are_one_cluster():
    apart = np.arange(5) * (LINK_MM + 2.5)
    assert group_marks(marks(apart, diameter=3.0), BREAST_MM2).tolist() == [0] * 5
    assert group_marks(marks(apart, diameter=0.4), BREAST_MM2).tolist() == [-1] * 5


def test_long_ones_reach_as_far_as_they_are_long():
    apart = np.arange(5) * (LINK_MM + 1.5)
    assert group_marks(marks(apart, diameter=1.0, aspect=4.0), BREAST_MM2).tolist() == [0] * 5
    assert (group_marks(marks(apart, diameter=1.0, aspect=1.0), BREAST_MM2) == -1).all()


@pytest.mark.parametrize(
    ("apart_mm", "n_strong", "is_cluster"),
    [(2.0, 3, True), (2.0, 2, False), (9.0, 5, True), (9.0, 4, False)],
)
def test_faint_marks_need_a_dense_core(apart_mm, n_strong, is_cluster):
    z = np.where(np.arange(7) < n_strong, 7.0, 5.6)
    found = group_marks(marks(np.arange(7) * apart_mm, z=z), BREAST_MM2)
    assert (found >= 0).all() == is_cluster


@pytest.mark.parametrize(("n_strong", "weak_z", "at_mm", "is_kept"), [
    (3, 4.5, 4.9, True), (3, 4.4, 4.9, False), (2, 5.4, 1.0, False), (3, 5.0, 5.1, False), (0, 5.0, 0.0, False),
])  # fmt: skip
def test_weaker_marks_are_kept_near_three_of_the_threshold(n_strong, weak_z, at_mm, is_kept):
    points = np.array([[0.0, 0.0]] * n_strong + [[at_mm, 0.0]])
    kept = are_kept(points, np.array([5.5] * n_strong + [weak_z]), 5.5)
    assert kept.tolist() == [True] * n_strong + [is_kept]


@pytest.mark.parametrize(
    ("n", "least", "n_clusters"), [(3, 3, 1), (3, 5, 0), (7, 8, 0), (8, 8, 1), (2, 3, 0)]
)
def test_the_least_number_can_be_chosen(n, least, n_clusters):
    found = group_marks(marks(np.arange(n) * 9.0, z=7.0), BREAST_MM2, least)
    assert found.max() + 1 == n_clusters


def test_few_are_no_cluster():
    assert (group_marks(marks([0, 1, 2, 3]), BREAST_MM2) == -1).all()
    assert group_marks(marks([]), BREAST_MM2).tolist() == []


def test_two_groups_far_apart_are_two_clusters():
    x = np.concatenate([np.arange(5), 50 + np.arange(6)])
    assert group_marks(marks(x), BREAST_MM2).tolist() == [0] * 5 + [1] * 6


def test_marks_all_over_the_breast_are_one_diffuse_cluster():
    x, y = np.meshgrid(np.arange(5) * 22.0, np.arange(5) * 30.0)
    everywhere = marks(x.ravel(), y.ravel())
    assert (group_marks(everywhere, BREAST_MM2) == 0).all()
    assert (group_marks(everywhere, 10 * BREAST_MM2) == -1).all()


def test_unknown_sizes_count_as_points():
    found = group_marks(marks(np.arange(5) * 5.0, diameter=np.nan, aspect=np.nan), BREAST_MM2)
    assert found.tolist() == [0] * 5


def test_marks_on_one_line_and_equal_marks():
    assert (group_marks(marks(np.full(20, 3.0)), BREAST_MM2) == 0).all()
    assert (group_marks(marks(np.arange(20) * 0.5), BREAST_MM2) == 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_order_and_place_do_not_matter(seed, n):
    rng = np.random.default_rng(seed)
    table = marks(rng.uniform(0, 80, n), rng.uniform(0, 100, n), diameter=rng.uniform(0.1, 3, n))
    table["confidence"] = rng.uniform(5, 9, n)
    found = group_marks(table, BREAST_MM2)
    order = rng.permutation(n)
    moved = table.iloc[order].assign(x_mm=lambda t: t.x_mm + 16, y_mm=lambda t: t.y_mm - 8)
    again = group_marks(moved, BREAST_MM2)
    one = found[order][:, None] == found[order]
    assert np.array_equal(one, again[:, None] == again)
    assert np.array_equal(found[order] < 0, again < 0)
