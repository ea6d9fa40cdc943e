"""Figures that notebooks show and pyplot does not know, as files too; settings of the user; titles and legends that fit.

It imports matplotlib: import it only where something is drawn.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any

from matplotlib import rc_context, rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.transforms import ScaledTranslation


def text_as_text() -> AbstractContextManager[None]:
    """Return a context in which SVG and PDF are saved with text as text, not as outlines."""
    return rc_context({"svg.fonttype": "none", "pdf.fonttype": 42, "ps.fonttype": 42})


def setting(name: str, ours: Any) -> Any:
    """Return a setting of matplotlib where the user or a style sheet changed it, else ours.

    Parameters
    ----------
    name : str
        Key of ``matplotlib.rcParams``.
    ours : object
        In place of the value that matplotlib has by default.

    Examples
    --------
    >>> with rc_context({"figure.figsize": (3.5, 2.5)}):
    ...     setting("figure.figsize", (5, 5)), setting("image.cmap", "Blues")
    ([3.5, 2.5], 'Blues')
    """
    settings: Any = rcParams
    usual: Any = rcParamsDefault
    return ours if settings[name] == usual[name] else settings[name]


def save_picture(picture: Axes | Figure, path: str | os.PathLike[str], **options: Any) -> Path:
    """Save a figure; in SVG and PDF its text stays text, whatever ``rcParams`` say.

    Figures that calcigram makes do so by themselves, with ``savefig``; this is for axes in a
    figure of your own.

    Parameters
    ----------
    picture : matplotlib.axes.Axes or matplotlib.figure.Figure
        Axes stand for their whole figure.
    path : str or path-like
        File to write; its suffix says the format.
    **options
        Of `matplotlib.figure.Figure.savefig`.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> from calcigram import ClusterSet, plot_cluster
    >>> ax = Figure().add_subplot()
    >>> cluster = ClusterSet.from_arrays([0, 3], [0, 1, 2], [0, 0.5, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_picture(plot_cluster(cluster, ax=ax), f"{folder}/cluster.svg")
    ...     "convex hull" in path.read_text()
    True
    """
    figure: Any = picture.get_figure(root=True)
    with text_as_text():
        figure.savefig(path, **options)
    return Path(path)


class Picture(Figure):
    """A figure that a notebook shows as it stands, without pyplot and its global state."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save the figure as `matplotlib.figure.Figure` does, with text as text."""
        with text_as_text():
            super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()


class PictureAxes(Axes):
    """Axes that a notebook shows as their whole figure."""

    def _repr_png_(self) -> bytes | None:
        figure = self.get_figure(root=True)
        return figure._repr_png_() if isinstance(figure, Picture) else None


def new_axes(width: float, height: float) -> Axes:
    """Return axes of a new `Picture`.

    Parameters
    ----------
    width, height : float
        Of the figure, in inches at the usual font size of 10 points; larger fonts make it larger.
        ``figure.figsize`` takes precedence where it is set.
    """
    scale = font_points("font.size") / 10
    size = setting("figure.figsize", (width * scale, height * scale))
    return Picture(figsize=size, layout="constrained").add_subplot(axes_class=PictureAxes)


def font_points(name: str) -> float:
    """Return the font size that a setting of matplotlib gives, in points.

    Parameters
    ----------
    name : str
        Key of ``matplotlib.rcParams``, such as ``axes.titlesize``.

    Examples
    --------
    >>> with rc_context({"font.size": 20, "axes.labelsize": "medium"}):
    ...     font_points("axes.labelsize")
    20.0
    """
    settings: Any = rcParams
    return float(FontProperties(size=settings[name]).get_size_in_points())


def set_title(ax: Axes, title: str, width: float | None = None) -> None:
    """Set the title of some axes, in lines that fit; nothing in it is mathematics.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    title : str
    width : float, optional
        Of a line, in points. Default: that of the axes.
    """
    if width is None:
        figure = ax.get_figure(root=True)
        assert figure is not None
        width = ax.get_window_extent().width * 72 / figure.dpi
    ax.set_title(
        wrapped(title, width, title_points()), fontsize=title_points(),
        pad=setting("axes.titlepad", 0.6 * title_points()),
        # few fonts have the signs of concern
        fontfamily=[*rcParams["font.family"], "DejaVu Sans"], parse_math=False, usetex=False,
    )  # fmt: skip


def title_points() -> float:
    """Return the font size of titles: medium where no other is set, since they have several lines."""
    return float(FontProperties(size=setting("axes.titlesize", "medium")).get_size_in_points())


def draw_legend(ax: Axes) -> None:
    """Draw a legend below some axes, clear of their labels whatever the size of the font."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    labels = font_points("axes.labelsize") + font_points("xtick.labelsize")
    below = ScaledTranslation(0, -(1.4 * labels + 8) / 72, figure.dpi_scale_trans)
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=ax.transAxes + below,
        frameon=setting("legend.frameon", False),
    )  # fmt: skip


def wrapped(text: str, width: float, size: float) -> str:
    """Break the lines of a text that are wider than they may be; long words break anywhere.

    Parameters
    ----------
    text : str
    width, size : float
        Of a line and of the font, in points.

    Examples
    --------
    >>> wrapped("coarse heterogeneous", 90, 10)
    'coarse\\nheterogeneous'
    """
    lines = []
    for line in text.split("\n"):
        current = ""
        for word in _pieces(line, width, size):
            longer = f"{current} {word}".strip()
            if current and text_width(longer, size) > width:
                lines.append(current)
                longer = word
            current = longer
        lines.append(current)
    return "\n".join(lines)


def text_width(text: str, size: float) -> float:
    """Return how wide a line of text is in the default font, in points."""
    font_file = findfont(FontProperties())
    return size * sum(_advance(font_file, character) for character in text)


def _pieces(line: str, width: float, size: float) -> list[str]:
    """Return the words of a line; one wider than a line in several pieces."""
    pieces = []
    # signs stay with their words
    line = re.sub(r" (\W) ", " \\1\u00a0", line).replace(" %", "\u00a0%")
    for word in line.split(" "):
        rest = word
        while text_width(rest, size) > width and len(rest) > 1:
            n = len(rest) - 1
            while n > 1 and text_width(rest[:n], size) > width:
                n -= 1
            pieces.append(rest[:n])
            rest = rest[n:]
        pieces.append(rest)
    return pieces


@lru_cache(maxsize=2000)
def _advance(font_file: str, character: str) -> float:
    """Return the width of a character, as a share of the font size."""
    font = get_font(font_file)
    font.set_size(100, 72)
    return font.load_char(ord(character)).linearHoriAdvance / 65536 / 100
