"""Points as plain columns and as text, and the lines over them: what the drawing is of, without Bokeh."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.geometry import convex_hull
from calcigram._kernels.tree import Tree, root_at_path_end, spanning_tree
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

GIVEN, CLICKED, GROWN, NOT_GROWN = "given", "clicked", "grown", "not grown"
"""How a point came about: from a file, text or an empty sheet; or clicked on an image, then grown to an outline or not."""


def columns_of(cluster: ClusterSet) -> dict[str, list[Any]]:
    """Return the marks of one cluster as lists, and what is drawn: width, height, angle.

    Parameters
    ----------
    cluster : ClusterSet
        Exactly one cluster.

    Returns
    -------
    dict of str to list
    """
    marks = {name: getattr(cluster, name).astype(float).tolist() for name in MARK_NAMES}
    return with_outlines(marks)


def with_outlines(marks: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Add the ellipse of each mark: width and height in mm, angle in rad as Bokeh turns it; and how it came about.

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
    columns: dict[str, list[Any]] = {
        name: values.tolist() for name, values in (filled | drawn).items()
    }
    return columns | {"sign": list(marks.get("sign", [GIVEN] * n))}


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


def columns_from_text(text: str) -> dict[str, list[Any]]:
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


# --- points on an image

Place = tuple[float, float]
Columns = Mapping[str, Sequence[Any]]


def to_grow(before: Columns, columns: Columns) -> list[Place]:
    """Return the places of points that were clicked or dragged and are to be grown to their outlines.

    Examples
    --------
    >>> before = with_outlines({"x_mm": [0, 1], "y_mm": [0, 1]})
    >>> to_grow(before, before | {"x_mm": [0, 1.5]})  # one was dragged: it is another calcification
    [(1.5, 1.0)]
    """
    was, places = (list(zip(one["x_mm"], one["y_mm"], strict=True)) for one in (before, columns))
    is_drag = len(was) == len(places)
    return [
        place
        for i, place in enumerate(places)
        if columns["sign"][i] == CLICKED or (is_drag and place != was[i])
    ]


def grown_into(
    columns: Columns, grown: Mapping[Place, Mapping[str, float] | None]
) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """Return what changes of points that were grown, and which lie on a calcification that has a point already.

    Parameters
    ----------
    columns : mapping of str to sequence
        The points as they stand now.
    grown : mapping of (float, float) to mapping or None
        Place of each point -> its marks; None where it has no outline.

    Returns
    -------
    changes : dict of int to dict
        Number of a point -> values of its columns.
    twice : set of int
    """
    places = list(zip(columns["x_mm"], columns["y_mm"], strict=True))
    changes: dict[int, dict[str, Any]] = {}
    kept = [place for place in places if place not in grown]
    twice: set[int] = set()
    for i, place in enumerate(places):
        if place not in grown:
            continue
        marks = grown[place]
        at = marks or {"x_mm": place[0], "y_mm": place[1]}
        drawn = with_outlines({name: [value] for name, value in at.items()})
        changes[i] = {name: values[0] for name, values in drawn.items()}
        changes[i]["sign"] = GROWN if marks else NOT_GROWN
        if marks:
            reach = marks["diameter_mm"] / 2
            centre = (marks["x_mm"], marks["y_mm"])
            if any(math.dist(centre, other) < reach for other in kept):
                twice.add(i)
            kept.append(centre)
    return changes, twice


def without(columns: Columns, numbers: Container[int]) -> dict[str, list[Any]]:
    """Return the points but those of these numbers."""
    return {
        name: [value for i, value in enumerate(values) if i not in numbers]
        for name, values in columns.items()
    }


# --- lines


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
