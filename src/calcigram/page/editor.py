"""The drawing: points in mm that can be drawn, dragged and deleted, with the lines over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.events import DoubleTap
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, HoverTool, PointDrawTool, Range1d
from bokeh.plotting import figure

from calcigram.charts import BLACK, BLUE, GREEN, ORANGE
from calcigram.clusters import MARK_NAMES
from calcigram.page.sketch import DRAWN_SIZE_MM, N_POSITIONS, overlays, with_outlines

LINES = {
    "tree": ("spanning tree", ORANGE, "solid", 1.5),
    "hull": ("convex hull", BLUE, "dashed", 1.5),
    "centre": ("centre line", GREEN, "solid", 3),
}
"""Line over the points -> its name, colour, dash and width."""

HANDLE_PX = 11

CHANGED_JS = """
told.revision = (told.revision ?? 0) + 1
document.documentElement.style.setProperty(`--stale-${name}`, '"Not of these points; reading them …"')
document.documentElement.style.setProperty(`--faint-${name}`, '.35')
if (told.is_waiting) return
told.is_waiting = true
setTimeout(() => {
  told.is_waiting = false
  told.sent_at = Date.now()
  const {x_mm, y_mm} = source.data
  told.data = {revision: [told.revision], x_mm: [Array.from(x_mm)], y_mm: [Array.from(y_mm)]}
}, Math.max(10, 150 - (Date.now() - (told.sent_at ?? 0))))
"""
"""Marks the verdict as not of these points, at once, and tells the number of the change: after the
points themselves, and also while one is dragged, of which the tool says nothing until it is let go."""

SECOND_CLICK_JS = """
if (!tool.active) return
const mm_a_pixel = Math.abs(figure.x_range.end - figure.x_range.start) / figure.inner_width
const {x_mm, y_mm} = source.data
for (let i = 0; i < x_mm.length; i++) {
  if (Math.hypot(x_mm[i] - cb_obj.x, y_mm[i] - cb_obj.y) < handle_px * mm_a_pixel) return
}
const given = tool.default_overrides
const unsaid = (name) => given instanceof Map ? given.get(name) : given[name]
for (const name of source.columns()) {
  source.get_array(name).push(({x_mm: cb_obj.x, y_mm: cb_obj.y})[name] ?? unsaid(name))
}
source.setv({data: source.data}, {check_eq: false})
"""
"""Draws the second of two quick clicks, too: Bokeh takes them for a double click wherever they are."""

READ_JS = """
if (read.data.revision[0] !== (told.revision ?? 0)) return
document.documentElement.style.removeProperty(`--stale-${name}`)
document.documentElement.style.removeProperty(`--faint-${name}`)
"""
"""Takes the mark away when the verdict is of the newest change."""

FRAME_PX = {"inner_width": 500, "inner_height": 370}
"""Width and height of the frame, in pixels, until the browser has told them."""


Told = Callable[[dict[str, list[Any]]], None]


class Editor:
    """One cluster in a figure.

    Parameters
    ----------
    changed : callable
        Called with the columns as they were, when someone drew, dragged or deleted a point.
    moved : callable
        Called with the columns as they are while a point is on its way.
    told : callable
        Called when the browser has told of all changes so far: time for `say_read`, if all are read.
    name : str
        Of the view: what `style.stale` was given.
    """

    def __init__(self, changed: Told, moved: Told, told: Callable[[], None], name: str) -> None:
        self._changed, self._moved, self._told = changed, moved, told
        self._is_ours = False
        self._frame_px = dict(FRAME_PX)
        self.source = ColumnDataSource(with_outlines({"x_mm": [], "y_mm": []}), name="points")
        self._shown = self.columns
        self._draw_tool = PointDrawTool()
        self.set_new_size(DRAWN_SIZE_MM)
        self._lines = {name: ColumnDataSource({"xs": [], "ys": []}) for name in LINES}
        self.figure = self._draw()
        self.source.on_change("data", self._on_change)
        moves = ColumnDataSource({"revision": [0], "x_mm": [[]], "y_mm": [[]]}, name="told")
        moves.on_change("data", self._on_told)
        self._revision = 0
        self._read = ColumnDataSource({"revision": [0]}, name="read")
        args = {"source": self.source, "told": moves, "read": self._read, "name": name}
        self.source.js_on_change("change", CustomJS(args=args, code=CHANGED_JS))
        self._read.js_on_change("data", CustomJS(args=args, code=READ_JS))
        for name in FRAME_PX:
            self.figure.on_change(name, self._on_frame)

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
        unknown = dict.fromkeys(MARK_NAMES[N_POSITIONS:], float("nan"))
        sizes = {"width": diameter_mm, "height": diameter_mm, "angle": 0.0}
        self._draw_tool.default_overrides = {**unknown, "diameter_mm": diameter_mm, **sizes}

    def say_read(self) -> None:
        """Tell the browser that the verdict is of all changes that it has told of."""
        self._read.data = {"revision": [self._revision]}

    def show(self, columns: Mapping[str, Sequence[Any]], *, frame: bool = True) -> None:
        """Put other points into the figure, without a call to `changed`.

        Parameters
        ----------
        columns : mapping of str to sequence
            As `sketch.columns_of` gives them.
        frame : bool
            Whether to look at all of them, none selected; else what is in sight stays.
        """
        self._is_ours = True
        try:
            self.source.data = dict(columns)
        finally:
            self._is_ours = False
        self._shown = self.columns
        self._draw_lines(self._shown)
        if frame:
            self.source.selected.indices = []
            self._frame()

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
            tools="pan,wheel_zoom,reset,save",
            toolbar_location="above",
        )
        fig.toolbar.logo = None
        for name, (label, colour, dash, width) in LINES.items():
            fig.multi_line(
                "xs", "ys", source=self._lines[name], line_color=colour, line_dash=dash,
                line_width=width, legend_label=label,
            )  # fmt: skip
        fig.ellipse(
            "x_mm", "y_mm", width="width", height="height", angle="angle", source=self.source,
            fill_color=BLACK, fill_alpha=0.75, line_color=None,
        )  # fmt: skip
        handles = fig.scatter(
            "x_mm", "y_mm", size=HANDLE_PX, source=self.source, fill_alpha=0.08, fill_color=BLUE,
            line_color=BLACK, line_alpha=0.5, selection_line_color=ORANGE, selection_line_width=3,
            nonselection_fill_alpha=0.08,
        )  # fmt: skip
        draw = self._draw_tool
        draw.renderers = [handles]
        fig.add_tools(BoxZoomTool(match_aspect=True), draw, HoverTool(renderers=[handles], tooltips=[("x", "@x_mm{0.00} mm"), ("y", "@y_mm{0.00} mm"), ("diameter", "@diameter_mm{0.00} mm")]))  # fmt: skip
        fig.toolbar.active_tap = draw
        args = {"figure": fig, "tool": draw, "source": self.source, "handle_px": HANDLE_PX}
        fig.js_on_event(DoubleTap, CustomJS(args=args, code=SECOND_CLICK_JS))
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

    def _on_told(self, _: str, old: Any, new: Any) -> None:
        """Draw the lines through points on their way; the points themselves are the browser's."""
        ours = self._shown
        self._revision = new["revision"][0]
        places = {name: list(new[name][0]) for name in ("x_mm", "y_mm")}
        if all(places[name] == ours[name] for name in places):
            self._told()
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
        """Show all points, with room around them."""
        x, y = (np.array(self.source.data[name], float) for name in ("x_mm", "y_mm"))
        if not x.size:
            return
        # A millimetre is as long across as it is down: the frame's sides say how much fits.
        tall = self._frame_px["inner_height"] / self._frame_px["inner_width"]
        largest = max(self.source.data["width"], default=0.0)
        half = max(float(np.ptp(x)) + largest, (float(np.ptp(y)) + largest) / tall, 4.0) * 0.56
        cx, cy = (float(v.min() + v.max()) / 2 for v in (x, y))
        for axis, start, end in (
            (self.figure.x_range, cx - half, cx + half),
            (self.figure.y_range, cy + half * tall, cy - half * tall),
        ):
            axis.update(start=start, end=end, reset_start=start, reset_end=end)
