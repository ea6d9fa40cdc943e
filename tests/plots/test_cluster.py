from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D
from scipy.spatial import ConvexHull

from calcigram import ClusterSet, plot_cluster, simulate
from calcigram.plots import plot_gallery
from calcigram.plots.cluster import draw_marks, lobed_outlines


def cluster_of(x, y, **columns):
    return ClusterSet.from_arrays([0, len(x)], x, y, **columns)


def marks_of(ax):
    return [c for c in ax.collections if isinstance(c, EllipseCollection)]


def lines_labelled(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def test_marks_are_drawn_to_size_in_data_units(sized):
    ax = plot_cluster(sized)
    (marks,) = marks_of(ax)
    assert marks.get_widths().tolist() == pytest.approx([1.0, 1.0, 0.4])
    assert marks.get_heights().tolist() == pytest.approx([0.25, 1.0, 0.4])
    assert marks.get_angles().tolist() == [30.0, 0.0, 0.0]
    assert marks._units == "xy"


def test_orientation_turns_from_x_towards_y_which_points_down():
    ax = plot_cluster(
        cluster_of(
            [0, 2], [0, 2], diameter_mm=[1, 1], aspect_ratio=[9, 9], orientation_deg=[45, 45]
        )
    )
    ax.figure.draw_without_rendering()
    (marks,) = marks_of(ax)
    tip_in_marks = np.array([0.5, 0.0])  # the end of the major axis of the unit circle
    to_page = Affine2D(np.array(marks.get_transforms()[0])) + marks.get_transform()
    dx, dy = to_page.transform(tip_in_marks) - to_page.transform([0.0, 0.0])
    along_x, along_y = ax.transData.transform([1.0, 1.0]) - ax.transData.transform([0.0, 0.0])
    assert np.sign(dx) == np.sign(along_x)
    assert np.sign(dy) == np.sign(along_y)


def test_marks_of_unknown_size_get_a_hollow_marker_and_a_word_in_the_legend(sized):
    ax = plot_cluster(sized)
    (hollow,) = lines_labelled(ax, "calcification, size unknown (not to scale)")
    assert hollow.get_xydata().tolist() == [[0, 3]]
    assert hollow.get_markerfacecolor() == "none"
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "calcification, size unknown (not to scale)" in words
    assert "calcification, to size (dot: centre)" in words


def test_positions_alone_are_drawn_without_ellipses(sized):
    ax = plot_cluster(sized.positions_only())
    assert not marks_of(ax)
    assert not lines_labelled(ax, "calcification, to size (dot: centre)")


def test_y_points_down_and_millimetres_are_square(sized):
    ax = plot_cluster(sized)
    bottom, top = ax.get_ylim()
    assert bottom > top
    assert ax.get_aspect() == 1.0


def test_hull_and_tree_differ_in_line_style_too(sized):
    ax = plot_cluster(sized)
    (hull,) = lines_labelled(ax, "convex hull")
    (tree,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    assert hull.get_linestyle() != "-"
    assert tree.get_linestyle()[0][1] is None  # solid
    assert len(tree.get_segments()) == 3
    assert sum(np.hypot(*np.diff(s, axis=0)[0]) for s in tree.get_segments()) == pytest.approx(10)


def test_the_arrow_points_to_the_nipple(sized):
    ax = plot_cluster(sized)
    assert lines_labelled(ax, "to the nipple, 48 mm")
    (arrow,) = [text for text in ax.texts if hasattr(text, "arrow_patch")]
    assert arrow.xy[0] > 0.9
    assert arrow.xy[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "points",
    [
        ([1.0], [2.0]),
        ([0.0, 3.0], [0.0, 4.0]),
        ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0]),
        ([2.0, 2.0, 2.0], [5.0, 5.0, 5.0]),
        ([0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 1.0, 1.0]),
        ([], []),
    ],
    ids=["one", "two", "collinear", "identical", "duplicated", "none"],
)
def test_degenerate_clusters_are_drawn(points):
    ax = plot_cluster(cluster_of(*points))
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    assert high - low >= 1.0


def test_collinear_points_have_their_ends_as_hull():
    ax = plot_cluster(cluster_of([3, 0, 1, 2], [3, 0, 1, 2]))
    (hull,) = lines_labelled(ax, "convex hull")
    assert {tuple(p) for p in hull.get_xydata().tolist()} == {(0, 0), (3, 3)}


def test_the_scale_bar_fits_and_says_its_length():
    for extent in (0.4, 3.0, 40.0, 180.0):
        ax = plot_cluster(cluster_of([0, extent], [0, extent]))
        (text,) = [t.get_text() for t in ax.texts if t.get_text().endswith(" mm")]
        (bar,) = lines_labelled(ax, "_scale bar")
        x = bar.get_xdata()
        assert x[1] - x[0] == pytest.approx(float(text.removesuffix(" mm")))
        low, high = ax.get_xlim()
        assert x[1] - x[0] <= 0.7 * (high - low)


def test_two_clusters_are_refused(sized):
    with pytest.raises(ValueError, match="got 2"):
        plot_cluster(ClusterSet.concat([sized, sized]))


def test_no_state_of_pyplot_is_touched(sized):
    plot_gallery(sized[[0, 0]])
    plot_cluster(sized)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_it_draws_into_given_axes(sized):
    ax = Figure().add_subplot()
    assert plot_cluster(sized, ax=ax) is ax


def test_a_hostile_id_is_drawn_as_text():
    cluster = ClusterSet.from_arrays([0, 1], [0], [0], cluster_id=[r"$\frac{1}{$" + "x" * 100])
    ax = plot_cluster(cluster)
    ax.figure.draw_without_rendering()
    assert len(ax.get_title()) < 80
    assert r"$\frac{1}{$" in ax.get_title()


def test_a_row_of_the_verdict_table_is_a_verdict():
    import pandas as pd

    cluster = ClusterSet.from_arrays([0, 3], [0, 1, 2], [0, 0.5, 0])
    row = pd.Series({"distribution": "linear", "distribution_set": "grouped|linear"})
    assert "grouped" in plot_cluster(cluster, row).get_title()


def test_the_scale_lies_on_no_point():
    rng = np.random.default_rng(0)
    x, y = np.array(np.meshgrid(range(20), range(20))).reshape(2, -1)
    ax = plot_cluster(cluster_of(x, y, diameter_mm=rng.uniform(0.2, 3, 400)))
    ax.figure.draw_without_rendering()
    (label,) = [t for t in ax.texts if t.get_text().endswith(" mm")]
    lowest = min(ax.transData.transform(np.column_stack([x, y]))[:, 1])
    assert label.get_window_extent().y1 < lowest
    assert label.get_window_extent().x1 < ax.get_window_extent().x1


@pytest.mark.parametrize("nipple", [(60, 9), (9, 60), (-50, -50), (60, -50)])
def test_the_arrow_lies_on_no_point(nipple):
    x, y = np.array(np.meshgrid(range(20), range(20))).reshape(2, -1)
    ax = plot_cluster(cluster_of(x, y, nipple_x_mm=[nipple[0]], nipple_y_mm=[nipple[1]]))
    (arrow,) = [text for text in ax.texts if hasattr(text, "arrow_patch")]
    to_data = ax.transAxes + ax.transData.inverted()
    ends = to_data.transform([arrow.xy, arrow.xyann])
    along = ends[0] + np.linspace(0, 1, 30)[:, None] * (ends[1] - ends[0])
    outside = (along < 0) | (along > 19)
    assert outside.any(axis=1).all()


def test_fonts_follow_the_settings_of_matplotlib(sized):
    def sizes(**settings):
        with rc_context(settings):
            ax = plot_cluster(sized, {"distribution": "linear"})
        texts = [ax.title, ax.xaxis.label, ax.get_legend().get_texts()[0], ax.texts[-1]]
        return np.array([text.get_fontsize() for text in texts])

    usual = sizes()
    assert sizes(**{"font.size": 20}) == pytest.approx(2 * usual)
    larger = sizes(**{"axes.titlesize": 36})
    assert larger[0] > 2 * usual[0]
    assert larger[1:].tolist() == usual[1:].tolist()


def test_a_title_of_ones_own(sized):
    row = {"distribution": "linear"}
    assert plot_cluster(sized, row, title="Case 7").get_title() == "Case 7"
    assert plot_cluster(sized, row, title="").get_title() == ""
    assert plot_gallery(sized, title="All")._suptitle.get_text() == "All"


def test_a_notebook_shows_the_picture(sized):
    assert plot_cluster(sized)._repr_png_().startswith(b"\x89PNG")
    assert plot_gallery(sized)._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["amorphous", "popcorn"])
def test_a_simulated_cluster_is_drawn_as_its_form(form):
    clusters = simulate(60, seed=3, grade="easy")
    cluster = clusters[clusters.meta["true_morphology"].to_numpy(object) == form][0]
    ax = plot_cluster(cluster)
    soft = [c for c in marks_of(ax) if c.get_alpha() < 0.5]
    lobed = [c for c in ax.collections if isinstance(c, PolyCollection)]
    assert soft if form == "amorphous" else lobed


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
