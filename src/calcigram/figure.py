"""Figures that notebooks show and pyplot does not know, font sizes, and text that fits a width.

It imports matplotlib: import it only where something is drawn.
"""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font


class Picture(Figure):
    """A figure that a notebook shows as it stands, without pyplot and its global state."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()


class PictureAxes(Axes):
    """Axes that a notebook shows as their whole figure."""

    def _repr_png_(self) -> bytes | None:
        figure = self.get_figure(root=True)
        return figure._repr_png_() if isinstance(figure, Picture) else None


def new_axes(width: float, height: float, **options: Any) -> Axes:
    """Return axes of a new `Picture`.

    Parameters
    ----------
    width, height : float
        Of the figure, in inches.
    **options
        Of `matplotlib.figure.Figure`.
    """
    options = {"layout": "constrained"} | options
    return Picture(figsize=(width, height), **options).add_subplot(axes_class=PictureAxes)


def font_points(name: str, share: float = 0.8) -> float:
    """Return a share of the font size that a setting of matplotlib gives, in points.

    Parameters
    ----------
    name : str
        Key of ``matplotlib.rcParams``, such as ``axes.titlesize``.
    share : float
        Pictures of clusters are small: by default their text is a fifth smaller.

    Examples
    --------
    >>> from matplotlib import rc_context
    >>> with rc_context({"font.size": 20, "axes.labelsize": "medium"}):
    ...     font_points("axes.labelsize", 0.5)
    10.0
    """
    settings: Any = rcParams
    return share * float(FontProperties(size=settings[name]).get_size_in_points())


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
    for word in re.sub(r" (\W) ", " \\1\u00a0", line).split(" "):  # a sign stays with its word
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
