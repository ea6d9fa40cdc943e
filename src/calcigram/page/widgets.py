"""The widgets of the page, and their places; what they do is defined in `view`.

Their style sheets stand in ``templates/page.css.j2``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import panel as pn

from calcigram.charts import BLUE, VERMILION
from calcigram.htmlfile import templates
from calcigram.limits import PIXEL_SPACING_MM
from calcigram.options import UNITS
from calcigram.page.files import MAX_IMAGE_BYTES, examples
from calcigram.page.texts import head_html

FIELD = {"flex": "1 1 13em", "min-width": "15em", "width": "auto"}
"""Of one of several fields: side by side on a wide screen."""

WHOLE = {"container-type": "inline-size", "max-width": "1500px", "margin": "0 auto", "padding": "0 8px"}  # fmt: skip

HINT = (
    "Click to draw, drag to move; click a point to select it, with Shift for more, and press "
    "Backspace to delete."
)
TEXT_HINT = (
    "One calcification a line: x and y (mm) and, as far as known, diameter (mm), aspect ratio, "
    "orientation (deg), solidity and contrast, with - for what is not known."
)


class Upload(pn.widgets.FileDropper):
    """Takes one file in chunks, and keeps no more than `MAX_IMAGE_BYTES` of it."""

    def __init__(self, **parameters: Any) -> None:
        most = f"{MAX_IMAGE_BYTES // 1_000_000}MB"
        # Its own alert would be a second one beside `message`, and speak of the upload alone.
        sheets = [".filepond--assistant { display: none; }"]
        super().__init__(
            previews=[], layout="compact", max_file_size=most, stylesheets=sheets, **parameters
        )

    def _process_event(self, event: Any) -> None:
        if event.event_name != "upload_event":  # what is taken off the list stays shown
            return
        data = event.data
        if data["chunk"] == 1:
            self._file_buffer.clear()
            self.value.clear()
            self._file_buffer[data["name"]] = []
        chunks = self._file_buffer.get(data["name"])
        if chunks is None:
            return
        # the browser was to refuse it
        if sum(map(len, chunks)) + len(data["data"]) > MAX_IMAGE_BYTES:
            self._file_buffer.clear()
            return
        event.data = {**data, "type": ""}  # else text would be decoded
        super()._process_event(event)


def uploaded(value: Any) -> bytes:
    """Return the file that was dropped, and release it: of `Upload` or of `FileInput`."""
    if not isinstance(value, dict):
        return bytes(value or b"")
    content = next(iter(value.values()), b"")
    value.clear()
    return bytes(content)


class Widgets:
    """The parts of the view.

    Parameters
    ----------
    exports : sequence of (callable, str, str)
        What writes a file, its name, and what the button says.
    can_explain : bool
    name : str
        Of the view.
    in_chunks : bool
        Whether files come in chunks, as they must through the socket of a server.
    """

    def __init__(
        self,
        exports: list[tuple[Callable[[], Any], str, str]],
        *,
        can_explain: bool,
        name: str,
        in_chunks: bool,
    ) -> None:
        changed = "stale", name
        # what comes through a server's socket is served
        self._head = head_html(has_atlas=in_chunks)
        self.image = _html()
        self.message, self.verdict = _html("head"), _html("verdict", changed)
        self.rules, self.probabilities = _html(changed), _html("bars", changed)
        self.explanation = _html("bars", changed)
        self.example = pn.widgets.Select(
            label="Load an example", options=["", *examples()], sizing_mode="stretch_width"
        )
        self.upload = (Upload if in_chunks else pn.widgets.FileInput)(
            label="Open a file, or drop it here", multiple=False, sizing_mode="stretch_width"
        )
        text, number, choice = pn.widgets.TextInput, pn.widgets.FloatInput, pn.widgets.Select
        smallest, largest = PIXEL_SPACING_MM
        self.reading = {
            name: kind(label=label, sizing_mode="stretch_width", **more)
            for name, kind, label, more in (
                ("columns", text, "Columns, ours=theirs", {"placeholder": "id=lesion, x=posX, y=posY"}),
                ("units", choice, "Unit of its lengths", {"options": list(UNITS)}),
                ("pixel_spacing", number, "Pixel size (mm)", {"value": None, "start": smallest, "end": largest, "step": 0.005}),
                ("single_cluster", text, "Id, where it is one cluster", {}),
                ("labels", text, "Labels or names of calcifications", {"placeholder": "1, calcification"}),
                ("regions", text, "Labels or names of outlines of clusters", {"placeholder": "2, cluster"}),
                ("threshold", number, "Least probability", {"value": None, "start": 0.01, "end": 1, "step": 0.05}),
                ("sheet", text, "Sheet of a workbook", {}),
            )
        }  # fmt: skip
        self.size = pn.widgets.FloatInput(
            label="Diameter (mm), new and selected",
            value=0.3, start=0.05, end=20, step=0.05, width=210,
        )  # fmt: skip
        self.undo = pn.widgets.Button(label="Undo", disabled=True)
        self.delete = pn.widgets.Button(label="Delete selected")
        self.clear = pn.widgets.Button(label="Clear")
        self.points = pn.widgets.TextAreaInput(
            label="Points, one per line", rows=8, max_length=800_000, sizing_mode="stretch_width"
        )  # fmt: skip
        self.apply = pn.widgets.Button(label="Read these points", color="primary")
        self.listed = pn.widgets.Select(
            label="Clusters, those to look at first", size=6, options={}, sizing_mode="stretch_width",
            stylesheets=[sheet("list")],
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
            "drawing": [drawing, self.image, _html(text=f"<p class='quiet'>{HINT}</p>"), pn.FlexBox(self.size, self.delete, self.undo, self.clear, align_items="end")],
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
            stylesheets=[sheet("grid")],
            sizing_mode="stretch_width",
        )
        head = pn.Column(
            _html("head", text=self._head),
            self.message,
            stylesheets=[sheet("head")],
            sizing_mode="stretch_width",
        )
        return pn.Column(head, grid, sizing_mode="stretch_width", styles=WHOLE)


def sheet(name: str, *values: str) -> str:
    """Return a style sheet of ``templates/page.css.j2``."""
    return str(getattr(_sheets(), name)(*values))


@cache
def _sheets() -> Any:
    environment = templates(escape=False)
    environment.globals |= {"blue": BLUE, "vermilion": VERMILION}
    return environment.get_template("page.css.j2").module


def _html(*sheets: str | tuple[str, str], text: str = "") -> Any:
    """Return a text; `sheets` are names of style sheets, or with what they are given."""
    chosen = [sheet("text")]
    chosen += [sheet(*([one] if isinstance(one, str) else one)) for one in sheets]
    return pn.pane.HTML(text, stylesheets=chosen, sizing_mode="stretch_width", margin=(2, 5))


def _fields(*widgets: Any) -> Any:
    for widget in widgets:
        widget.styles = FIELD
    return pn.FlexBox(*widgets, sizing_mode="stretch_width")


def _card(title: str, inner: Any, *, collapsed: bool = False) -> Any:
    inner.margin = (4, 12)
    return pn.Card(
        inner, title=title, collapsed=collapsed, stylesheets=[sheet("card")], sizing_mode="stretch_width"
    )  # fmt: skip
