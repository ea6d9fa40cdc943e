"""The drawing: points in mm that can be drawn, dragged and deleted, with the lines over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, HoverTool, PointDrawTool, Range1d
from bokeh.plotting import figure

from calcigram.charts import BLACK, BLUE, GREEN, ORANGE
from calcigram.page.sketch import overlays, with_outlines

LINES = {
    "tree": ("spanning tree", ORANGE, "solid", 1.5),
    "hull": ("convex hull", BLUE, "dashed", 1.5),
    "centre": ("centre line", GREEN, "solid", 3),
}
"""Line over the points -> its name, colour, dash and width."""

HANDLE_PX = 11

MOVING_JS = """
const now = Date.now()
if (now - (moving.sent_at ?? 0) < 150) return
moving.sent_at = now
moving.data = {x_mm: Array.from(source.data.x_mm), y_mm: Array.from(source.data.y_mm)}
"""
"""Tells of points on their way: the tool itself tells of them only when they are let go."""

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
    new_size : callable
        Gives the diameter, in mm, of a point that is drawn.
    """

    def __init__(self, changed: Told, moved: Told, new_size: Callable[[], float]) -> None:
        self._changed, self._moved = changed, moved
        self._new_size = new_size
        self._is_ours = False
        self._frame_px = dict(FRAME_PX)
        self.source = ColumnDataSource(with_outlines({"x_mm": [], "y_mm": []}), name="points")
        self._shown = self.columns
        self._lines = {name: ColumnDataSource({"xs": [], "ys": []}) for name in LINES}
        self.figure = self._draw()
        self.source.on_change("data", self._on_change)
        moving = ColumnDataSource({"x_mm": [], "y_mm": []}, name="moving")
        moving.on_change("data", self._on_moving)
        watch = CustomJS(args={"source": self.source, "moving": moving}, code=MOVING_JS)
        self.source.js_on_change("change", watch)
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
        draw = PointDrawTool(renderers=[handles], empty_value=float("nan"))
        fig.add_tools(BoxZoomTool(match_aspect=True), draw, HoverTool(renderers=[handles], tooltips=[("x", "@x_mm{0.00} mm"), ("y", "@y_mm{0.00} mm"), ("diameter", "@diameter_mm{0.00} mm")]))  # fmt: skip
        fig.toolbar.active_tap = draw
        legend = fig.legend[0]
        legend.update(click_policy="hide", orientation="horizontal", border_line_color=None)
        fig.add_layout(legend, "below")  # over the points it would hide some
        return fig

    def _on_change(self, _: str, old: Any, new: Any) -> None:
        if self._is_ours:
            return
        columns = {name: list(values) for name, values in new.items()}
        self._size_new(columns)
        before = self._shown
        self.show(columns, frame=False)
        self._changed(before)

    def _on_moving(self, _: str, old: Any, new: Any) -> None:
        """Draw the lines through points on their way; the points themselves are the browser's."""
        ours = self._shown
        places = {name: list(new[name]) for name in ("x_mm", "y_mm")}
        if all(places[name] == ours[name] for name in places):
            return
        if len(places["x_mm"]) == len(ours["x_mm"]):
            self._draw_lines(places)
            self._moved(ours | places)

    def _on_frame(self, attr: str, old: Any, new: Any) -> None:
        if new:
            self._frame_px[attr] = new
            self._frame()

    def _size_new(self, columns: dict[str, list[Any]]) -> None:
        """Give points that were just drawn the size that is chosen; the tool knows only x and y."""
        sizes, widths = columns["diameter_mm"], columns["width"]
        for i, width in enumerate(widths):
            if not isinstance(width, int | float) or width != width:
                sizes[i] = self._new_size()
        columns.update(with_outlines(columns))

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
