"""The drawing: points in mm that can be drawn, dragged and deleted, with the lines over them.

Its points as plain columns and as text, and the lines, are made by the functions at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.events import DoubleTap
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, HoverTool, PointDrawTool, Range1d
from bokeh.plotting import figure

from calcigram._kernels.geometry import convex_hull
from calcigram._kernels.tree import Tree, root_at_path_end, spanning_tree
from calcigram.charts import BLACK, BLUE, GREEN, ORANGE
from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet
from calcigram.errors import BadInputError
from calcigram.page.files import MAX_POINTS, check_number

DRAWN_SIZE_MM = 0.3
"""How large a calcification of unknown size is drawn."""

N_POSITIONS = 2

SMOOTHING = 5
"""Points of the longest path that are averaged for the centre line."""

Points = npt.NDArray[np.float64]
Line = tuple[list[float], list[float]]

LINES = {
    "tree": ("spanning tree", ORANGE, "solid", 1.5),
    "hull": ("convex hull", BLUE, "dashed", 1.5),
    "centre": ("centre line", GREEN, "solid", 3),
}
"""Line over the points -> its name, colour, dash and width."""

HANDLE_PX = 11

CHANGED_JS = """
edits.revision = (edits.revision ?? 0) + 1
document.documentElement.style.setProperty(`--stale-${name}`, '"Not of these points; reading them …"')
document.documentElement.style.setProperty(`--faint-${name}`, '.35')
if (edits.is_waiting) return
edits.is_waiting = true
setTimeout(() => {
  edits.is_waiting = false
  edits.sent_at = Date.now()
  const {x_mm, y_mm} = source.data
  edits.data = {revision: [edits.revision], x_mm: [Array.from(x_mm)], y_mm: [Array.from(y_mm)]}
}, Math.max(10, 150 - (Date.now() - (edits.sent_at ?? 0))))
"""
"""Marks the verdict as not of these points, at once, and sends the number of the change: after the
points themselves, and also while one is dragged, which the tool does not report until it is dropped."""

SECOND_CLICK_JS = """
if (!tool.active) return
const mm_a_pixel = Math.abs(figure.x_range.end - figure.x_range.start) / figure.inner_width
const {x_mm, y_mm} = source.data
for (let i = 0; i < x_mm.length; i++) {
  if (Math.hypot(x_mm[i] - cb_obj.x, y_mm[i] - cb_obj.y) < handle_px * mm_a_pixel) return
}
const given = tool.default_overrides
const otherwise = (name) => given instanceof Map ? given.get(name) : given[name]
for (const name of source.columns()) {
  source.get_array(name).push(({x_mm: cb_obj.x, y_mm: cb_obj.y})[name] ?? otherwise(name))
}
source.setv({data: source.data}, {check_eq: false})
"""
"""Draws the second of two quick clicks, too: Bokeh takes them for a double click wherever they are."""

ACKNOWLEDGED_JS = """
if (acknowledged.data.revision[0] !== (edits.revision ?? 0)) return
document.documentElement.style.removeProperty(`--stale-${name}`)
document.documentElement.style.removeProperty(`--faint-${name}`)
"""
"""Takes the mark away when the verdict is of the newest change."""

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
    name : str
        Of the view: what `widgets.stale` was given.
    """

    def __init__(
        self, changed: React, moved: React, settled: Callable[[], None], name: str
    ) -> None:
        self._changed, self._moved, self._settled = changed, moved, settled
        self._is_ours = False
        self._frame_px = dict(FRAME_PX)
        self.source = ColumnDataSource(with_outlines({"x_mm": [], "y_mm": []}), name="points")
        self._shown = self.columns
        self._draw_tool = PointDrawTool()
        self.set_new_size(DRAWN_SIZE_MM)
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
        self.source.js_on_change("change", CustomJS(args=args, code=CHANGED_JS))
        self._acknowledged.js_on_change("data", CustomJS(args=args, code=ACKNOWLEDGED_JS))
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


# --- points as plain columns


def columns_of(cluster: ClusterSet) -> dict[str, list[float]]:
    """Return the marks of one cluster as lists, and what is drawn: width, height, angle.

    Parameters
    ----------
    cluster : ClusterSet
        Exactly one cluster.

    Returns
    -------
    dict of str to list of float
    """
    marks = {name: getattr(cluster, name).astype(float).tolist() for name in MARK_NAMES}
    return with_outlines(marks)


def with_outlines(marks: Mapping[str, Sequence[Any]]) -> dict[str, list[float]]:
    """Add the ellipse of each mark: width and height in mm, angle in rad as Bokeh turns it.

    Examples
    --------
    >>> drawn = with_outlines({"x_mm": [0], "y_mm": [0], "diameter_mm": [0.2], "aspect_ratio": [4]})
    >>> drawn["width"], drawn["height"]
    ([0.4], [0.1])
    """
    n = len(marks["x_mm"])
    filled = {name: _numbers(marks.get(name), n) for name in MARK_NAMES}
    size = np.where(np.isfinite(filled["diameter_mm"]), filled["diameter_mm"], DRAWN_SIZE_MM)
    turned = np.isfinite(filled["aspect_ratio"])
    stretch = np.sqrt(np.where(turned, filled["aspect_ratio"], 1.0))
    angle = -np.deg2rad(np.nan_to_num(filled["orientation_deg"]))  # y runs down, angles with it
    drawn = {"width": size * stretch, "height": size / stretch, "angle": angle}
    return {name: values.tolist() for name, values in (filled | drawn).items()}


def cluster_of(
    columns: Mapping[str, Sequence[Any]],
    cluster_id: str,
    context: Mapping[str, float] | None = None,
) -> ClusterSet:
    """Return the cluster that stands on the page.

    Parameters
    ----------
    columns : mapping of str to sequence
        Marks; what is no number is unknown.
    cluster_id : str
    context : mapping of str to float, optional
        Nipple and breast area, where known.

    Raises
    ------
    BadInputError
        A value is out of range, or there are more than `MAX_POINTS`.
    """
    n = len(columns["x_mm"])
    check_number(n)
    marks: dict[str, Any] = {name: _numbers(columns.get(name), n) for name in MARK_NAMES}
    known: dict[str, Any] = {
        name: [value] for name, value in (context or {}).items() if name in CLUSTER_NAMES
    }
    return ClusterSet.from_arrays([0, n], cluster_id=[cluster_id], **marks, **known)


UNKNOWN = "-"
"""Stands in a line of text for a mark that is not known."""


def text_of(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return the points as lines of text: the marks in order, up to the last that is known.

    Examples
    --------
    >>> text_of({"x_mm": [0, 1.5], "y_mm": [2, 3], "diameter_mm": [0.25, float("nan")]})
    '0 2 0.25\\n1.5 3'
    """
    n = len(columns["x_mm"])
    rows = np.column_stack([_numbers(columns.get(name), n) for name in MARK_NAMES])
    return "\n".join(_line_of_text(row) for row in rows.tolist())


def _line_of_text(row: list[float]) -> str:
    words = [UNKNOWN if value != value else f"{value:.4g}" for value in row]
    while words and words[-1] == UNKNOWN:
        words.pop()
    return " ".join(words)


def columns_from_text(text: str) -> dict[str, list[float]]:
    """Read lines of x, y and, so far as they are known, the other marks in order.

    Raises
    ------
    BadInputError
        A line holds something else; it is named. Or there are more than `MAX_POINTS` lines.

    Examples
    --------
    >>> columns_from_text("0 2 0.25")["diameter_mm"]
    [0.25]
    >>> columns_from_text("0 2 - 3")["aspect_ratio"]
    [3.0]
    """
    rows: list[list[float]] = []
    lines = text.splitlines()
    check_number(len(lines))
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            row = [float("nan") if word == UNKNOWN else float(word) for word in words]
        except ValueError:
            row = []
        if not N_POSITIONS <= len(row) <= len(MARK_NAMES) or not np.isfinite(row[:2]).all():
            raise BadInputError(
                f"numbers ({', '.join(MARK_NAMES)}; {UNKNOWN} or nothing where unknown)",
                row=number,
                value=line[:60],
            )
        rows.append([*row, *[float("nan")] * (len(MARK_NAMES) - len(row))])
    return with_outlines({name: [row[k] for row in rows] for k, name in enumerate(MARK_NAMES)})


def overlays(x_mm: Sequence[float], y_mm: Sequence[float]) -> dict[str, list[Line]]:
    """Return the lines over the points: spanning tree, hull, centre line.

    Parameters
    ----------
    x_mm, y_mm : sequence of float

    Returns
    -------
    dict of str to list of (x, y)
        ``tree`` one line an edge; ``hull`` one closed line; ``centre`` the longest path of the
        tree, smoothed; empty where there are too few points, or more than `MAX_POINTS`.

    Examples
    --------
    >>> lines = overlays([0, 1, 2], [0, 0, 1])
    >>> len(lines["tree"]), len(lines["hull"]), len(lines["centre"])
    (2, 1, 1)
    """
    points = np.unique(np.column_stack([_numbers(x_mm), _numbers(y_mm)]), axis=0)
    points = points[np.isfinite(points).all(axis=1)]
    if not 2 <= len(points) <= MAX_POINTS:
        return {"tree": [], "hull": [], "centre": []}
    centred: Any = np.ascontiguousarray((points - points.mean(axis=0)).T, np.float32)
    x, y = centred
    tree = spanning_tree(x, y)
    path = points[_longest_path(tree)]
    ring = points[[*(hull := convex_hull(x, y)), hull[0]]]
    return {
        "tree": [_line(points[[i, p]]) for i, p in enumerate(tree.parent.tolist()) if p >= 0],
        "hull": [_line(ring)] if len(points) > 2 else [],
        "centre": [_line(_smooth(path))] if len(path) > 2 else [],
    }


def _longest_path(tree: Tree) -> list[int]:
    """Return the points of the longest path of a tree, in order."""
    order, parent, edge = root_at_path_end(tree, np.float32(np.inf))  # no point is a stray
    depth = np.zeros(len(parent))
    for i in order[1:].tolist():
        depth[i] = depth[parent[i]] + edge[i]
    path = [int(depth.argmax())]
    while parent[path[-1]] >= 0:
        path.append(int(parent[path[-1]]))
    return path


def _smooth(path: Points) -> Points:
    reach = min(SMOOTHING, len(path)) // 2
    return np.array(
        [
            path[max(0, i - min(reach, i, len(path) - 1 - i)) : i + min(reach, i, len(path) - 1 - i) + 1].mean(axis=0)
            for i in range(len(path))
        ]
    )  # fmt: skip


def _line(points: Points) -> Line:
    return points[:, 0].tolist(), points[:, 1].tolist()


def _numbers(values: Sequence[Any] | None, n: int | None = None) -> Points:
    """Return values as floats, NaN for whatever is none."""
    if values is None:
        return np.full(n or 0, np.nan)
    return np.array([v if isinstance(v, int | float) else np.nan for v in values], dtype=float)
