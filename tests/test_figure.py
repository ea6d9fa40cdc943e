from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from calcigram.figure import Picture, new_axes, text_width, wrapped

PNG = b"\x89PNG"


def test_axes_of_ours_show_their_figure_and_those_of_others_do_not():
    ax = new_axes(2, 2)
    assert ax._repr_png_().startswith(PNG)
    assert ax.figure._repr_png_().startswith(PNG)
    assert isinstance(ax.figure, Picture)
    assert not hasattr(Figure().add_subplot(), "_repr_png_")


@given(st.text("aWi .○", max_size=60), st.floats(30, 200))
def test_no_line_is_wider_than_asked_and_nothing_is_lost(text, width):
    lines = wrapped(text, width, 10).split("\n")
    assert all(text_width(line, 10) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_the_width_of_text_is_what_matplotlib_draws():
    figure = Figure(dpi=72)
    text = figure.text(0, 0, "coarse heterogeneous, n = 12", fontsize=10)
    drawn = text.get_window_extent().width
    assert drawn <= text_width(text.get_text(), 10) <= 1.06 * drawn  # kerning is left out
