"""The drawing: points in mm that can be drawn, dragged and deleted, with the lines over them, on an image or on none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from bokeh.events import DoubleTap
from bokeh.models import (
    BoxZoomTool,
    CategoricalColorMapper,
    ColumnDataSource,
    CustomJS,
    Glyph,
    HoverTool,
    LinearColorMapper,
    PointDrawTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.palettes import gray
from bokeh.plotting import figure
from bokeh.transform import factor_mark

from calcigram.charts import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION
from calcigram.clusters import MARK_NAMES
from calcigram.htmlfile import templates
from calcigram.page.sketch import (
    CLICKED,
    DRAWN_SIZE_MM,
    GIVEN,
    GROWN,
    N_POSITIONS,
    NOT_GROWN,
    Points,
    overlays,
    with_outlines,
)

Box = tuple[float, float, float, float]

LINES = {
    "tree": ("spanning tree", ORANGE, "solid", 1.5),
    "hull": ("convex hull", BLUE, "dashed", 1.5),
    "centre": ("centre line", GREEN, "solid", 3),
}
"""Line over the points -> its name, colour, dash and width."""

HANDLE_PX, RING_PX = 11, 19
"""Of a point on an empty sheet, and on an image."""

SIGNS = {
    GIVEN: ("circle", ORANGE),
    CLICKED: ("diamond", SKY),
    GROWN: ("square", SKY),
    NOT_GROWN: ("x", VERMILION),
}
"""Marker and colour of each over an image; on an empty sheet all are `BLACK`."""

OTHER = "#ffffffb0"
"""Colour of marks of other clusters, and of none."""

NO_IMAGE: dict[str, list[Any]] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}

FRAME_PX = {"inner_width": 500, "inner_height": 370}
"""Width and height of the frame, in pixels, until the browser has sent them."""


React = Callable[[dict[str, list[Any]]], None]


class Editor:
    """One cluster in a figure.

    Parameters
    ----------
    changed : callable
        Called with the columns as they were, when someone drew, dragged or deleted a point.
    moved : callable
        Called with the columns as they are while a point is on its way.
    settled : callable
        Called when all changes that the browser has sent are in the drawing: if the verdict is of them,
        it calls `acknowledge`.
    looked : callable
        Called when another part of the drawing is in sight.
    name : str
        Of the view: what the style sheet ``stale`` was given.
    """

    def __init__(
        self,
        changed: React,
        moved: React,
        settled: Callable[[], None],
        looked: Callable[[], None],
        name: str,
    ) -> None:
        self._changed, self._moved, self._settled, self._looked = changed, moved, settled, looked
        self._is_ours = False
        self._frame_px = dict(FRAME_PX)
        self.source = ColumnDataSource(with_outlines({"x_mm": [], "y_mm": []}), name="points")
        self._shown = self.columns
        self._draw_tool = PointDrawTool()
        self._whole: Box | None = None
        self.set_new_size(DRAWN_SIZE_MM)
        self._images = [ColumnDataSource(NO_IMAGE, name=name) for name in ("overview", "detail")]
        self._others = ColumnDataSource(with_outlines({"x_mm": [], "y_mm": []}), name="others")
        self._colours = CategoricalColorMapper(factors=list(SIGNS), palette=[BLACK] * len(SIGNS))
        self._lines = {name: ColumnDataSource({"xs": [], "ys": []}) for name in LINES}
        self.figure = self._draw()
        self.source.on_change("data", self._on_change)
        edits = ColumnDataSource({"revision": [0], "x_mm": [[]], "y_mm": [[]]}, name="edits")
        edits.on_change("data", self._on_edits)
        self._revision = 0
        self._acknowledged = ColumnDataSource({"revision": [0]}, name="acknowledged")
        args = {
            "source": self.source,
            "edits": edits,
            "acknowledged": self._acknowledged,
            "name": name,
        }
        self.source.js_on_change("change", _script("changed", args))
        self._acknowledged.js_on_change("data", _script("acknowledged", args))
        for name in FRAME_PX:
            self.figure.on_change(name, self._on_frame)
        self.figure.x_range.on_change("end", lambda attr, old, new: self._looked())

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The marks as they stand, as lists."""
        return {name: list(values) for name, values in self.source.data.items()}

    @property
    def selected(self) -> list[int]:
        """Places of the points that are selected."""
        return [i for i in self.source.selected.indices if i < len(self.source.data["x_mm"])]

    def set_new_size(self, diameter_mm: float) -> None:
        """Give points that are drawn from now on this diameter; their other marks are unknown.

        The browser itself writes them, so that no answer of ours can undo the click after this one.
        """
        drawn: dict[str, Any] = dict.fromkeys(MARK_NAMES[N_POSITIONS:], float("nan"))
        drawn |= {"width": diameter_mm, "height": diameter_mm, "angle": 0.0, "sign": GIVEN}
        if self._whole is None:
            drawn["diameter_mm"] = diameter_mm
        else:  # what is unknown is measured
            drawn["sign"] = CLICKED
        self._draw_tool.default_overrides = drawn

    def acknowledge(self) -> None:
        """Tell the browser that the verdict is of all changes that it has sent."""
        self._acknowledged.data = {"revision": [self._revision]}

    def show(self, columns: Mapping[str, Sequence[Any]], *, frame: bool = True) -> None:
        """Put other points into the figure, without a call to `changed`.

        Parameters
        ----------
        columns : mapping of str to sequence
            As `sketch.columns_of` gives them.
        frame : bool
            Whether to look at all of them, none selected; else what is in sight stays.
        """
        with self._own_change():
            self.source.data = dict(columns)
        if frame:
            self.source.selected.indices = []
            self._frame()

    def show_image(self, overview: Mapping[str, Any] | None, box: Box | None) -> None:
        """Draw over an image from now on; over none where it is None.

        Parameters
        ----------
        overview : mapping, optional
            Columns of the whole image, as `Picture.shown` gives them.
        box : tuple of float, optional
            Where it is.
        """
        self._whole = box
        for source, columns in zip(self._images, (overview, None), strict=True):
            source.data = dict(columns or NO_IMAGE)
        is_image = box is not None
        self._colours.palette = [colour if is_image else BLACK for _, colour in SIGNS.values()]
        for glyph in self._glyphs:  # an outline, through which the image is seen
            glyph.update(
                fill_alpha=0.0 if is_image else 0.75,
                line_alpha=1.0 if is_image else 0.0,
                line_width=2,
            )
        for glyph in self._rings:  # around a calcification, not over it
            glyph.update(
                size=RING_PX if is_image else HANDLE_PX, line_alpha=1.0 if is_image else 0.5
            )
        for renderer in self._over:
            renderer.visible = not is_image
        self.figure.grid.visible = not is_image
        self.figure.background_fill_color = BLACK if is_image else "white"
        self.figure.toolbar.active_scroll = self._wheel if is_image else None

    def show_detail(self, columns: Mapping[str, Any] | None) -> None:
        """Show a part of the image in more detail."""
        self._images[1].data = dict(columns or NO_IMAGE)

    def show_others(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Show marks that are not of this cluster."""
        self._others.data = with_outlines(columns)

    @property
    def in_sight(self) -> Box:
        """What is in sight: left, top, right and bottom in mm."""
        x, y = self.figure.x_range, self.figure.y_range
        return float(x.start), float(y.end), float(x.end), float(y.start)

    def patch(self, marks: Mapping[int, Mapping[str, Any]]) -> None:
        """Change single points, without a call to `changed`; points that are drawn meanwhile stay.

        Parameters
        ----------
        marks : mapping of int to mapping
            Place of a point -> values of columns.
        """
        changes: dict[str, list[tuple[int, Any]]] = {}
        for i, values in marks.items():
            for name, value in values.items():
                changes.setdefault(name, []).append((i, value))
        with self._own_change():
            self.source.patch(changes)

    @contextmanager
    def _own_change(self) -> Iterator[None]:
        """Change points without a call to `changed`, and draw the lines over them."""
        self._is_ours = True
        try:
            yield
        finally:
            self._is_ours = False
        self._shown = self.columns
        self._draw_lines(self._shown)

    def _draw(self) -> Any:
        fig = figure(
            name="cluster",
            sizing_mode="stretch_width",
            height=490,
            min_width=260,
            x_range=Range1d(-12, 12),
            y_range=Range1d(12, -12),
            x_axis_label="x (mm)",
            y_axis_label="y (mm, downwards)",
            tools="pan,reset,save",
            toolbar_location="above",
        )
        fig.toolbar.logo = None
        greys = LinearColorMapper(palette=gray(256), low=0, high=255)
        for source in self._images:
            fig.image("image", "x", "y", "dw", "dh", source=source, color_mapper=greys)
        self._over = [
            fig.multi_line(
                "xs", "ys", source=self._lines[name], line_color=colour, line_dash=dash,
                line_width=width, legend_label=label,
            )
            for name, (label, colour, dash, width) in LINES.items()
        ]  # fmt: skip
        ellipse = {"x": "x_mm", "y": "y_mm", "width": "width", "height": "height", "angle": "angle"}
        fig.ellipse(
            **ellipse, source=self._others, fill_color=None, line_color=OTHER, line_dash="dotted"
        )
        colour = {"field": "sign", "transform": self._colours}
        outlines = fig.ellipse(
            **ellipse, source=self.source, fill_color=BLACK, fill_alpha=0.75, line_color=colour,
            line_alpha=0, nonselection_fill_alpha=0.75, nonselection_line_alpha=0,
        )  # fmt: skip
        self._glyphs = _glyphs_of(outlines)
        marker = factor_mark("sign", [sign for sign, _ in SIGNS.values()], list(SIGNS))
        handles = fig.scatter(
            "x_mm", "y_mm", size=HANDLE_PX, source=self.source, marker=marker, fill_alpha=0.08,
            fill_color=BLUE, line_color=colour, line_alpha=0.5, selection_line_color=ORANGE,
            selection_line_width=3, nonselection_fill_alpha=0.08,
        )  # fmt: skip
        self._rings = _glyphs_of(handles)
        draw = self._draw_tool
        draw.renderers = [handles]
        self._wheel = WheelZoomTool()
        fig.add_tools(self._wheel, BoxZoomTool(match_aspect=True), draw, HoverTool(renderers=[handles], tooltips=[("x", "@x_mm{0.00} mm"), ("y", "@y_mm{0.00} mm"), ("diameter", "@diameter_mm{0.00} mm")]))  # fmt: skip
        fig.toolbar.active_tap = draw
        args = {"figure": fig, "tool": draw, "source": self.source, "handle_px": HANDLE_PX}
        fig.js_on_event(DoubleTap, _script("second_click", args))
        legend = fig.legend[0]
        legend.update(click_policy="hide", orientation="horizontal", border_line_color=None)
        fig.add_layout(legend, "below")  # over the points it would hide some
        return fig

    def _on_change(self, _: str, old: Any, new: Any) -> None:
        if self._is_ours:
            return
        before, self._shown = self._shown, self.columns
        self._draw_lines(self._shown)
        self._changed(before)

    def _on_edits(self, _: str, old: Any, new: Any) -> None:
        """Draw the lines through points on their way; the points themselves are the browser's."""
        ours = self._shown
        self._revision = new["revision"][0]
        places = {name: list(new[name][0]) for name in ("x_mm", "y_mm")}
        if all(places[name] == ours[name] for name in places):
            self._settled()
        elif len(places["x_mm"]) == len(ours["x_mm"]):
            self._draw_lines(places)
            self._moved(ours | places)

    def _on_frame(self, attr: str, old: Any, new: Any) -> None:
        if new:
            self._frame_px[attr] = new
            self._frame()

    def _draw_lines(self, places: Mapping[str, Sequence[float]]) -> None:
        lines = overlays(places["x_mm"], places["y_mm"])
        for name, source in self._lines.items():
            xs, ys = [x for x, _ in lines[name]], [y for _, y in lines[name]]
            source.data = {"xs": xs, "ys": ys}

    def _frame(self) -> None:
        """Show all points, with a margin; of an image without points, all of it."""
        x, y = (np.array(self.source.data[name], float) for name in ("x_mm", "y_mm"))
        whole = self._whole
        if whole is not None and not x.size:
            x, y = np.array(whole[::2]), np.array(whole[1::2])
        if not x.size:
            return
        largest = max(self.source.data["width"], default=0.0)
        ends = reset = self._around(x, y, largest)
        if whole is not None:  # the button "Reset" of an image shows all of it
            reset = self._around(np.array(whole[::2]), np.array(whole[1::2]), 0.0)
        axes = (self.figure.x_range, self.figure.y_range)
        for axis, (start, end), (reset_start, reset_end) in zip(axes, ends, reset, strict=True):
            axis.update(start=start, end=end, reset_start=reset_start, reset_end=reset_end)

    def _around(
        self, x: Points, y: Points, largest: float
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the ends of the axes that show points of at most a size; y points down."""
        # A millimetre is as long across as it is down: the frame's sides say how much fits.
        tall = self._frame_px["inner_height"] / self._frame_px["inner_width"]
        half = max(float(np.ptp(x)) + largest, (float(np.ptp(y)) + largest) / tall, 4.0) * 0.56
        cx, cy = (float(v.min() + v.max()) / 2 for v in (x, y))
        return (cx - half, cx + half), (cy + half * tall, cy - half * tall)


def _glyphs_of(renderer: Any) -> list[Any]:
    """Return the glyphs of points that are selected, that are not, and of all where none is."""
    glyphs = (renderer.glyph, renderer.selection_glyph, renderer.nonselection_glyph)
    return [glyph for glyph in glyphs if isinstance(glyph, Glyph)]


def _script(name: str, args: dict[str, Any]) -> CustomJS:
    """Return a script of ``templates/page.js.j2`` with what it is given."""
    return CustomJS(args=args, code=str(getattr(_scripts(), name)()))


@cache
def _scripts() -> Any:
    return templates(escape=False).get_template("page.js.j2").module
