"""What stands on the page, and where: fields, buttons, texts; what they do is `view`'s."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

from calcigram.limits import PIXEL_SPACING_MM
from calcigram.options import UNITS
from calcigram.page import style, words
from calcigram.page.examples import examples

HINT = (
    "Click to draw, drag to move; click a point to select it, with Shift for more, and press "
    "Backspace to delete."
)
TEXT_HINT = (
    "One calcification a line: x and y (mm) and, as far as known, diameter (mm), aspect ratio, "
    "orientation (deg), solidity and contrast, with - for what is not known."
)


class Widgets:
    """The parts of the view.

    Parameters
    ----------
    exports : sequence of (callable, str, str)
        What writes a file, its name, and what the button says.
    can_explain : bool
    name : str
        Of the view.
    """

    def __init__(
        self, exports: list[tuple[Callable[[], Any], str, str]], *, can_explain: bool, name: str
    ) -> None:
        stale = style.stale(name)
        self.message, self.verdict = _html(style.HEAD), _html(style.VERDICT, stale)
        self.rules, self.probabilities = _html(stale), _html(style.BARS, stale)
        self.explanation = _html(style.BARS, stale)
        self.example = pn.widgets.Select(
            label="Load an example", options=["", *examples()], sizing_mode="stretch_width"
        )
        self.upload = pn.widgets.FileInput(
            label="Open a file, or drop it here", multiple=False, sizing_mode="stretch_width"
        )
        self.reading = {
            "columns": pn.widgets.TextInput(
                label="Columns, ours=theirs", placeholder="id=lesion, x=posX, y=posY",
                sizing_mode="stretch_width",
            ),
            "units": pn.widgets.Select(
                label="Unit of its lengths", options=list(UNITS), sizing_mode="stretch_width"
            ),
            "pixel_spacing": pn.widgets.FloatInput(
                label="Pixel size (mm)", value=None, start=PIXEL_SPACING_MM[0], end=PIXEL_SPACING_MM[1], step=0.005,
                sizing_mode="stretch_width",
            ),
            "single_cluster": pn.widgets.TextInput(
                label="Id, where it is one cluster", sizing_mode="stretch_width"
            ),
        }  # fmt: skip
        self.size = pn.widgets.FloatInput(
            label="Diameter (mm), new and selected",
            value=0.3, start=0.05, end=20, step=0.05, width=210,
        )  # fmt: skip
        self.undo = pn.widgets.Button(label="Undo", disabled=True)
        self.clear = pn.widgets.Button(label="Clear")
        self.points = pn.widgets.TextAreaInput(
            label="Points, one per line", rows=8, max_length=800_000, sizing_mode="stretch_width"
        )  # fmt: skip
        self.apply = pn.widgets.Button(label="Read these points", color="primary")
        self.listed = pn.widgets.Select(
            label="Clusters, those to look at first", size=6, options={}, sizing_mode="stretch_width",
            stylesheets=[style.LIST],
        )  # fmt: skip
        self.why = _card("Explain this reading", self.explanation, collapsed=True)
        self.why.visible = can_explain
        self.exports = [
            pn.widgets.FileDownload(callback=write, filename=name, label=label)
            for write, name, label in exports
        ]

    def layout(self, drawing: Any) -> Any:
        """Return all of it, around the drawing, for Panel to show."""
        parts = {
            "open": [
                _fields(self.example, self.upload),
                _card("How the file is to be read", _fields(*self.reading.values()), collapsed=True),
            ],
            "drawing": [drawing, _html(text=f"<p class='quiet'>{HINT}</p>"), pn.FlexBox(self.size, self.undo, self.clear, align_items="end")],
            # Cards, since their headings are buttons that the keyboard reaches; those of tabs are none.
            "reading": [
                self.verdict,
                self.listed,
                pn.FlexBox(*self.exports),
                _card("Rules in words", self.rules),
                _card("Probabilities", self.probabilities),
                self.why,
            ],
            "points": [self.points, _html(text=f"<p class='quiet'>{TEXT_HINT}</p>"), self.apply],
        }  # fmt: skip
        grid = pn.Column(
            *(
                pn.Column(*part, sizing_mode="stretch_width", styles={"grid-area": area})
                for area, part in parts.items()
            ),
            stylesheets=[style.GRID],
            sizing_mode="stretch_width",
        )
        head = pn.Column(
            _html(style.HEAD, text=words.HEAD_HTML),
            self.message,
            stylesheets=[style.HEAD],
            sizing_mode="stretch_width",
        )
        return pn.Column(head, grid, sizing_mode="stretch_width", styles=style.WHOLE)


def _html(*sheets: str, text: str = "") -> Any:
    return pn.pane.HTML(
        text, stylesheets=[style.TEXT, *sheets], sizing_mode="stretch_width", margin=(2, 5)
    )


def _fields(*widgets: Any) -> Any:
    for widget in widgets:
        widget.styles = style.FIELD
    return pn.FlexBox(*widgets, sizing_mode="stretch_width")


def _card(title: str, inner: Any, *, collapsed: bool = False) -> Any:
    inner.margin = (4, 12)
    return pn.Card(
        inner, title=title, collapsed=collapsed, stylesheets=[style.CARD], sizing_mode="stretch_width"
    )  # fmt: skip
