"""Pictures follow rcParams and style sheets, and files of them hold text as text."""

from __future__ import annotations

import re
import sys
import zlib

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import rc_context, style
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from calcigram import plot_cluster, plot_features, plot_gallery, plot_reading
from calcigram.charts import plot_confusion, plot_reliability
from calcigram.figure import Picture
from calcigram.plots import save_picture


@pytest.fixture(params=["cluster", "gallery", "features", "reading"])
def draw(request, along_a_duct, verdict, measured):
    """Return a function that draws, into axes that it may be given, and returns the figure."""
    table, group = measured
    return {
        "cluster": lambda ax=None: plot_cluster(along_a_duct, verdict, ax).figure,
        "gallery": lambda ax=None: plot_gallery(along_a_duct[[0, 0]], ax=ax),
        "features": lambda ax=None: plot_features(table, ax=ax, groups=group).figure,
        "reading": lambda ax=None: plot_reading(verdict, ax).figure,
    }[request.param]


def texts(figure):
    figure.draw_without_rendering()
    return [text for text in figure.findobj(mpl.text.Text) if text.get_text().strip()]


def test_it_draws_into_given_axes_and_their_figure_is_kept(draw):
    figure = Figure()
    ax, other = figure.subplots(1, 2)
    assert draw(ax) is figure
    figure.draw_without_rendering()
    assert other.axison
    assert not other.lines


def test_without_axes_it_makes_a_figure_that_pyplot_does_not_know(draw):
    figure = draw()
    assert isinstance(figure, Picture)
    assert figure._repr_png_().startswith(b"\x89PNG")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("dark_background", "sans-serif"),
        ("ggplot", "serif"),
        ("grayscale", "STIXGeneral"),
        ("bmh", "monospace"),
    ],
)
def test_every_style_sheet_and_font_can_be_drawn(draw, name, family):
    with style.context(name), rc_context({"font.family": family}):
        figure = draw()
        found = texts(figure)
    assert {text.get_fontfamily()[0] for text in found} == {family}


def test_no_size_of_text_is_our_own(draw):
    sizes = {
        "font.size": 7, "axes.titlesize": 9, "axes.labelsize": 8, "xtick.labelsize": 6.5,
        "ytick.labelsize": 6.25, "legend.fontsize": 6,
    }  # fmt: skip
    with rc_context(sizes):
        found = {text.get_fontsize() for text in texts(draw())}
    assert found <= set(sizes.values())


def test_nothing_is_drawn_in_the_colour_of_a_dark_page(draw):
    with style.context("dark_background"):
        figure = draw()
        figure.draw_without_rendering()
    page = to_rgba("black")
    assert all(to_rgba(text.get_color()) != page for text in texts(figure))
    for ax in figure.findobj(mpl.axes.Axes):
        lines = [line for line in ax.lines if line.get_linestyle() != "None"]
        assert all(to_rgba(line.get_color()) != page for line in lines)
        for marks in ax.collections:
            faces = marks.get_facecolor()
            assert not any(
                (face[:3] == page[:3]).all() and face[3]
                for face in np.atleast_2d(faces)
                if len(face)
            )


def test_a_style_sheet_brings_its_own_colours(along_a_duct):
    with style.context("grayscale"):
        ax = plot_cluster(along_a_duct)
    (hull,) = [line for line in ax.lines if line.get_label() == "convex hull"]
    assert hull.get_color() == "0.00"
    assert hull.get_linestyle() != "-"


def test_widths_follow_the_style(along_a_duct):
    def hull_width(**settings):
        with rc_context(settings):
            ax = plot_cluster(along_a_duct)
        return next(line.get_linewidth() for line in ax.lines if line.get_label() == "convex hull")

    assert hull_width(**{"lines.linewidth": 3}) == pytest.approx(2 * hull_width())


def test_the_size_of_a_figure_follows_the_style(along_a_duct):
    with rc_context({"figure.figsize": (3.5, 2.5)}):
        assert plot_cluster(along_a_duct).figure.get_size_inches().tolist() == [3.5, 2.5]


def test_text_in_svg_is_text(draw, tmp_path):
    before = dict(mpl.rcParams)
    figure = draw()
    figure.savefig(tmp_path / "picture.svg")
    svg = (tmp_path / "picture.svg").read_text()
    assert dict(mpl.rcParams) == before
    words = " ".join(re.findall(r"<text[^>]*>([^<]*)", svg))
    for text in texts(figure):
        for line in re.findall(r".*[a-z].*", text.get_text()):  # ticks outside are not drawn
            assert line in words
    assert "<use" not in svg.partition('<g id="text_')[2].partition("</g>")[0]


def test_text_in_pdf_is_text(draw, tmp_path):
    save_picture(draw(Figure().add_subplot()), tmp_path / "picture.pdf")
    pdf = (tmp_path / "picture.pdf").read_bytes()
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            pdf += zlib.decompress(stream)
        except zlib.error:
            continue
    assert b"/Subtype /Type3" not in pdf
    assert b"/FontFile2" in pdf  # TrueType, type 42


def test_a_figure_of_ones_own_is_saved_with_its_text(along_a_duct, tmp_path):
    figure = Figure()
    ax = plot_cluster(along_a_duct, ax=figure.add_subplot())
    path = save_picture(ax, tmp_path / "cluster.svg", bbox_inches="tight")
    assert ">y (mm, downwards)</text>" in path.read_text()


def test_charts_follow_the_style_too():
    with style.context("grayscale"), rc_context({"font.size": 6}):
        for ax in (plot_confusion([[3, 1], [0, 2]]), plot_reliability([0.5], [0.4], [9])):
            assert {text.get_fontsize() for text in texts(ax.figure)} <= {6.0, 7.2}
