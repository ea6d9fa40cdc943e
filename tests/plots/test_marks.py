from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.figure import Figure
from scipy.spatial import ConvexHull

from calcigram import ClusterSet
from calcigram.plots.marks import draw_marks, lobed_outlines


def drawn(form=None, **columns):
    n = len(columns["diameter_mm"])
    cluster = ClusterSet.from_arrays([0, n], np.arange(n), np.zeros(n), **columns)
    ax = Figure().add_subplot()
    draw_marks(ax, cluster, form)
    found = [c for c in ax.collections if isinstance(c, EllipseCollection)]
    layers = [c for c in found if c.get_alpha() < 0.5]
    return [c for c in found if c not in layers], layers, [
        c for c in ax.collections if isinstance(c, PolyCollection)
    ]  # fmt: skip


def area(outline):
    x, y = outline.T
    return abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def test_outlines_have_the_area_and_direction_given_and_less_than_their_hull():
    diameter, aspect, angle = np.array([2.0, 0.4]), np.array([3.0, 1.5]), np.array([30.0, 120.0])
    outlines = lobed_outlines(diameter, aspect, angle, np.array([0.8, 0.9]))
    for k, outline in enumerate(outlines):
        assert area(outline) == pytest.approx(np.pi * diameter[k] ** 2 / 4)
        assert area(outline) < 0.97 * ConvexHull(outline).volume
        spread = np.linalg.eigh(np.cov(outline.T))[1][:, 1]
        assert abs(np.rad2deg(np.arctan2(spread[1], spread[0])) % 180 - angle[k]) < 12


def test_a_lower_solidity_is_a_deeper_notch():
    one = np.ones(2)
    smooth, notched = lobed_outlines(one, one, one, np.array([0.94, 0.7]))
    assert area(notched) / ConvexHull(notched).volume < area(smooth) / ConvexHull(smooth).volume


def test_faint_marks_are_soft_and_others_crisp():
    crisp, soft, lobed = drawn(diameter_mm=[0.3, 0.3, 0.3], cnr=[2, 20, np.nan])
    assert [len(c.get_offsets()) for c in crisp] == [2]
    assert {len(c.get_offsets()) for c in soft} == {1}
    assert len(soft) > 3
    assert not lobed


def test_amorphous_is_soft_although_its_contrast_is_unknown():
    crisp, soft, _ = drawn("amorphous", diameter_mm=[0.3, 0.3, 0.3], cnr=[7, 20, np.nan])
    assert [len(c.get_offsets()) for c in crisp] == [1]
    assert {len(c.get_offsets()) for c in soft} == {2}


def test_popcorn_is_lobed_although_its_solidity_is_unknown():
    crisp, _, lobed = drawn("popcorn", diameter_mm=[2, 3], solidity=[np.nan, 0.99])
    assert not crisp
    assert [len(c.get_paths()) for c in lobed] == [2]


def test_smooth_marks_are_ellipses():
    crisp, _, lobed = drawn("round", diameter_mm=[2, 3], solidity=[0.97, np.nan])
    assert [len(c.get_offsets()) for c in crisp] == [2]
    assert not lobed
