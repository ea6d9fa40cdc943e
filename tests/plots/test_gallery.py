from __future__ import annotations

import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from calcigram import plot_gallery


def titles_of(panels):
    return [ax.get_title() for ax in panels]


def test_a_gallery_has_a_panel_a_cluster(sized):
    figure = plot_gallery(sized[[0, 0, 0]], n_columns=2, titles=["a", "b", "c"])
    assert titles_of(figure.axes) == ["a", "b", "c"]


def test_it_draws_into_an_array_of_axes_and_hides_those_left_over(sized):
    figure = Figure()
    axes = figure.subplots(2, 2)
    assert plot_gallery(sized[[0, 0, 0]], ax=axes, titles=["a", "b", "c"]) is figure
    assert titles_of(axes.flat) == ["a", "b", "c", ""]
    assert [ax.axison for ax in axes.flat] == [True, True, True, False]


@pytest.mark.parametrize("size", [(8, 6), (3, 8), (12, 2)])
def test_it_shares_one_axes_among_its_panels(sized, size):
    figure = Figure(figsize=size)
    left, right = figure.subplots(1, 2)
    assert plot_gallery(sized[[0] * 5], ax=left, n_columns=3, titles=list("abcde")) is figure
    assert titles_of(left.child_axes) == list("abcde")
    assert not right.child_axes
    figure.draw_without_rendering()
    whole = left.get_window_extent()
    boxes = [ax.get_window_extent() for ax in left.child_axes]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert whole.x0 - 1 <= box.x0
        assert box.x1 <= whole.x1 + 1
        assert whole.y0 - 1 <= box.y0
        assert box.y1 <= whole.y1 + 1


def test_too_few_axes_titles_or_verdicts_are_refused(sized):
    two = sized[[0, 0]]
    with pytest.raises(ValueError, match="got 1 for 2 clusters"):
        plot_gallery(two, ax=[Figure().add_subplot()])
    with pytest.raises(ValueError, match="titles has 1 rows for 2 clusters"):
        plot_gallery(two, titles=["a"])
    with pytest.raises(ValueError, match="verdicts has 3 rows for 2 clusters"):
        plot_gallery(two, pd.DataFrame({"distribution": ["linear"] * 3}))


@pytest.mark.parametrize("font_size", [7, 10, 20])
@pytest.mark.parametrize("width", [1.6, 2.6, 5.0])
def test_titles_of_a_gallery_overprint_nothing(sized, font_size, width):
    long = "coarse heterogeneous, " * 4 + "W" * 40
    with rc_context({"font.size": font_size}):
        figure = plot_gallery(sized[[0] * 6], n_columns=3, panel_inches=width, titles=[long] * 6)
        figure.draw_without_rendering()
        titles = [ax.title.get_window_extent() for ax in figure.axes]
        panels = [ax.get_window_extent() for ax in figure.axes]
    for i, title in enumerate(titles):
        others = titles[:i] + titles[i + 1 :] + panels
        assert not any(title.overlaps(other) for other in others)
        assert figure.bbox.x0 <= title.x0
        assert title.x1 <= figure.bbox.x1
