"""The cluster on the page as plain columns, and the lines that are drawn over its points.

Positions and sizes as Bokeh holds them; nothing here knows of Bokeh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.tree import spanning_tree
from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet
from calcigram.errors import BadInputError

DRAWN_SIZE_MM = 0.3
"""How large a calcification of unknown size is drawn."""

MAX_POINTS = 5_000
"""Calcifications of one cluster that the page draws and reads."""

N_POSITIONS = 2

SMOOTHING = 5
"""Points of the longest path that are averaged for the centre line."""

Points = npt.NDArray[np.float64]
Line = tuple[list[float], list[float]]


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


def check_number(n: int) -> None:
    """Refuse more calcifications of one cluster than the page takes."""
    if n > MAX_POINTS:
        raise BadInputError(
            f"at most {MAX_POINTS:,} calcifications per cluster on the page", value=n
        )


UNKNOWN = "-"
"""What a line of text says of a mark that is not known."""


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
    tree = spanning_tree(*(np.float32(c) for c in (points - points.mean(axis=0)).T.copy()))
    path = points[_longest_path(*tree)]
    return {
        "tree": [_line(points[[i, p]]) for i, p in enumerate(tree.parent.tolist()) if p >= 0],
        "hull": [_line(_hull(points))] if len(points) > 2 else [],
        "centre": [_line(_smooth(path))] if len(path) > 2 else [],
    }


def _longest_path(sequence: Any, parent: Any, edge: Any) -> list[int]:
    """Return the points of the longest path of a tree, in order."""
    n = len(sequence)
    deepest, depth = list(range(n)), [0.0] * n  # below each point, and how far
    longest, ends = -1.0, (0, 0)
    for i in sequence[:0:-1].tolist():
        p, reach = int(parent[i]), depth[i] + float(edge[i])
        if depth[p] + reach > longest:
            longest, ends = depth[p] + reach, (deepest[p], deepest[i])
        if reach > depth[p]:
            depth[p], deepest[p] = reach, deepest[i]
    first, second = (_way_up(parent, end) for end in ends)
    while len(first) > 1 and len(second) > 1 and first[-2] == second[-2]:
        first.pop()
        second.pop()
    return first[:-1] + second[::-1]


def _way_up(parent: Any, i: int) -> list[int]:
    way = [i]
    while parent[way[-1]] >= 0:
        way.append(int(parent[way[-1]]))
    return way


def _smooth(path: Points) -> Points:
    reach = min(SMOOTHING, len(path)) // 2
    return np.array(
        [
            path[max(0, i - min(reach, i, len(path) - 1 - i)) : i + min(reach, i, len(path) - 1 - i) + 1].mean(axis=0)
            for i in range(len(path))
        ]
    )  # fmt: skip


def _hull(points: Points) -> Points:
    from scipy.spatial import ConvexHull, QhullError

    try:
        ring = points[ConvexHull(points).vertices]
    except (QhullError, ValueError):  # all on one line
        ring = points[[0, -1]]
    return np.vstack([ring, ring[:1]])


def _line(points: Points) -> Line:
    return points[:, 0].tolist(), points[:, 1].tolist()


def _numbers(values: Sequence[Any] | None, n: int | None = None) -> Points:
    """Return values as floats, NaN for whatever is none."""
    if values is None:
        return np.full(n or 0, np.nan)
    return np.array([v if isinstance(v, int | float) else np.nan for v in values], dtype=float)
