"""What an outline of a calcification says of it: centre, size, elongation, direction, solidity.

Outlines come as people and programs draw them (polygon, circle, ellipse), in mm. For pixels see `maskparts`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError

Points = npt.NDArray[np.float64]

NAN = float("nan")

MAX_TESTS = 200_000_000
"""Comparisons of points with edges of outlines, in one image."""

ROUND = 1e-4
"""Where the aspect ratio is closer to 1 than this there is no major axis."""


@dataclass(frozen=True)
class Shape:
    """The marks of one calcification, in mm; NaN where the outline does not tell.

    Attributes
    ----------
    x_mm, y_mm : float
        Centre of area.
    diameter_mm : float
        Of the circle of equal area.
    aspect_ratio : float
        Major over minor axis of the ellipse of equal second moments.
    orientation_deg : float
        Of the major axis from +x towards +y, in [0, 180).
    solidity : float
        Area over area of the convex hull.
    cnr : float
        Never known from an outline; masks with an image give it.
    confidence : float
        What a detector says of it: the peak of a map of probabilities, the score of an outline.
    """

    x_mm: float
    y_mm: float
    diameter_mm: float = NAN
    aspect_ratio: float = NAN
    orientation_deg: float = NAN
    solidity: float = NAN
    cnr: float = NAN
    confidence: float = NAN


def polygon_shape(points: Points) -> Shape:
    """Measure a polygon; it need not be closed.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        Corners (x, y) in mm.

    Returns
    -------
    Shape
        Corners that enclose no area give their mean as the centre, and nothing else.

    Notes
    -----
    Area, centroid and second moments by Green's theorem (Steger 1996, "On the calculation
    of arbitrary moments of polygons").

    Examples
    --------
    >>> shape = polygon_shape(np.array([[0.0, 0], [2, 0], [2, 1], [0, 1]]))
    >>> shape.x_mm, shape.y_mm, round(shape.aspect_ratio, 3), shape.solidity
    (1.0, 0.5, 2.0, 1.0)
    """
    return rings_shape([points])


def rings_shape(rings: Sequence[Points]) -> Shape:
    """Measure a polygon of several parts, as `polygon_shape` does of one.

    Parameters
    ----------
    rings : sequence of ndarray, shape (n, 2)
        Parts run the one way round, and holes the other.

    Examples
    --------
    >>> square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    >>> shape = rings_shape([square, square + (3, 0)])
    >>> shape.x_mm, round(shape.diameter_mm, 3), shape.solidity
    (2.0, 1.596, 0.5)
    """
    from scipy.spatial import ConvexHull

    rings = [np.asarray(ring, float) for ring in rings]
    points = np.concatenate(rings)
    middle = points.mean(axis=0)
    x, y = (points - middle).T  # near the origin, where nothing cancels
    u, v = np.concatenate([np.roll(ring - middle, -1, axis=0) for ring in rings]).T
    cross = x * v - u * y
    area = cross.sum() / 2
    extent = float(np.ptp(points, axis=0).max())
    if not abs(area) > 1e-9 * extent**2:
        return Shape(float(middle[0]), float(middle[1]))
    cx = ((x + u) * cross).sum() / (6 * area)
    cy = ((y + v) * cross).sum() / (6 * area)
    ixx = ((x * x + x * u + u * u) * cross).sum() / (12 * area) - cx * cx
    iyy = ((y * y + y * v + v * v) * cross).sum() / (12 * area) - cy * cy
    ixy = ((x * v + 2 * x * y + 2 * u * v + u * y) * cross).sum() / (24 * area) - cx * cy
    aspect, orientation = axes(ixx, iyy, ixy)
    return Shape(
        float(middle[0] + cx),
        float(middle[1] + cy),
        2 * math.sqrt(abs(area) / math.pi),
        aspect,
        orientation,
        min(1.0, float(abs(area) / ConvexHull(points - middle).volume)),
    )


def circle_shape(points: Points) -> Shape:
    """Measure a circle given by its centre and a point on it.

    It tells size alone: a circle is drawn around a calcification whatever its form.

    Examples
    --------
    >>> circle_shape(np.array([[1.0, 1], [1, 1.25]])).diameter_mm
    0.5
    """
    centre, rim = np.asarray(points, float)[:2]
    diameter = 2 * math.dist(centre, rim)
    return Shape(float(centre[0]), float(centre[1]), diameter if diameter > 0 else NAN)


def ellipse_shape(points: Points) -> Shape:
    """Measure an ellipse given by the end points of its major, then its minor axis.

    Examples
    --------
    >>> shape = ellipse_shape(np.array([[0.0, 1], [4, 1], [2, 0], [2, 2]]))
    >>> shape.aspect_ratio, shape.orientation_deg, round(shape.diameter_mm, 3)
    (2.0, 0.0, 2.828)
    """
    points = np.asarray(points, float)[:4]
    x, y = points.mean(axis=0)
    axes = [points[1] - points[0], points[3] - points[2]]
    lengths = [math.hypot(*axis) for axis in axes]
    if min(lengths) <= 0:
        return Shape(float(x), float(y))
    major = axes[int(lengths[1] > lengths[0])]
    aspect = max(lengths) / min(lengths)
    orientation = _degrees(math.atan2(major[1], major[0])) if aspect > 1 + ROUND else NAN
    return Shape(float(x), float(y), math.sqrt(lengths[0] * lengths[1]), aspect, orientation)


def polygon_area(points: Points) -> float:
    """Return the area a polygon encloses.

    Examples
    --------
    >>> polygon_area(np.array([[0, 0], [2, 0], [2, 1], [0, 1]]))
    2.0
    """
    return abs(_signed_area(np.asarray(points, float)))


def turned(ring: Points, *, is_hole: bool = False) -> Points:
    """Return a ring that runs the way of all parts of a polygon, or, of a hole, the other."""
    return ring if (_signed_area(ring) < 0) == is_hole else ring[::-1]


def _signed_area(points: Points) -> float:
    x, y = (points - points[0]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def inside(points: Points, polygon: Points) -> npt.NDArray[np.bool_]:
    """Tell which points lie in a polygon (crossing number).

    Examples
    --------
    >>> inside(np.array([[1.0, 0.5], [3, 0.5]]), np.array([[0.0, 0], [2, 0], [2, 1], [0, 1]]))
    array([ True, False])
    """
    points, corners = np.asarray(points, float).reshape(-1, 2), np.asarray(polygon, float)
    found = np.zeros(len(points), bool)
    if not len(points) or not len(corners):
        return found
    near = _in_box(points, corners)
    found[near] = _crossed(points[near, 0], points[near, 1], corners)
    return found


def check_cost(points: Points, outlines: Sequence[Points]) -> None:
    """Refuse outlines and points that take too long to be held against each other.

    Raises
    ------
    BadInputError
        Corners of outlines, times points in the boxes around them, are more than `MAX_TESTS`.
    """
    n_tests = 0
    for outline in outlines:
        n_tests += len(outline) * int(_in_box(points, outline).sum())
        if n_tests > MAX_TESTS:
            expected = f"outlines of which corners times points within are at most {MAX_TESTS:,}"
            raise BadInputError(expected)


def _in_box(points: Points, polygon: Points) -> npt.NDArray[np.bool_]:
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    within: npt.NDArray[np.bool_] = ((points >= low) & (points <= high)).all(axis=1)
    return within


def _crossed(x: Any, y: Any, corners: Points) -> npt.NDArray[np.bool_]:
    """Tell which points have an odd number of edges to their right."""
    found = np.zeros(len(x), bool)
    if not len(x):
        return found
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        spans = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = (bx - ax) * (y - ay) / (by - ay) + ax
        found ^= spans & (x < crossing)
    return found


def ellipse_polygon(points: Points, n_corners: int = 72) -> Points:
    """Return an ellipse, given by the ends of its axes, as a polygon of equal area."""
    points = np.asarray(points, float)[:4]
    middle = points.mean(axis=0)
    first, second = (points[1] - points[0]) / 2, (points[3] - points[2]) / 2
    angle = np.linspace(0, 2 * np.pi, n_corners, endpoint=False)
    # the polygon lies within the ellipse
    swell = math.sqrt(2 * math.pi / (n_corners * math.sin(2 * math.pi / n_corners)))
    rim = np.outer(np.cos(angle), first) + np.outer(np.sin(angle), second)
    return np.asarray(middle + swell * rim)


def circle_polygon(points: Points) -> Points:
    """Return a polygon as large as a circle, given by its centre and a point of its rim."""
    centre, across = points[0], points[1] - points[0]
    turned = np.array([-across[1], across[0]])
    return ellipse_polygon(centre + np.array([across, -across, turned, -turned]))


def axes(ixx: float, iyy: float, ixy: float) -> tuple[float, float]:
    """Return aspect ratio and direction of the ellipse of these second moments; NaN for a line.

    Examples
    --------
    >>> axes(4.0, 1.0, 0.0), axes(1.0, 0.0, 0.0)
    ((2.0, 0.0), (nan, nan))
    """
    mean, half = (ixx + iyy) / 2, math.hypot((ixx - iyy) / 2, ixy)
    if not mean - half > 1e-12 * mean:
        return NAN, NAN
    aspect = math.sqrt((mean + half) / (mean - half))
    if aspect <= 1 + ROUND:
        return max(1.0, aspect), NAN
    return aspect, _degrees(math.atan2(2 * ixy, ixx - iyy) / 2)


def _degrees(radians: float) -> float:
    """Return a direction in [0, 180), also after rounding to float32."""
    degrees = math.degrees(radians) % 180.0
    return 0.0 if np.float32(degrees) >= 180 else degrees


POLYGON, CIRCLE, ELLIPSE, BOX = "POLYLINE", "CIRCLE", "ELLIPSE", "BOX"
"""How outlines are drawn, as DICOM has it: corners; centre and rim; ends of the major, then of the minor axis. And two corners of a box."""


def box_shape(points: Points) -> Shape:
    """Measure the box around points: its size is that of the ellipse within, and its form is not known.

    Examples
    --------
    >>> box_shape(np.array([[0.0, 0], [4, 1]]))
    Shape(x_mm=2.0, y_mm=0.5, diameter_mm=2.0, ...)
    """
    (x, y), across = points.mean(axis=0), math.sqrt(np.ptp(points, axis=0).prod())
    return Shape(float(x), float(y), across if across > 0 else NAN)


def box_polygon(points: Points) -> Points:
    """Return the four corners of a box."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


SHAPES = {POLYGON: polygon_shape, CIRCLE: circle_shape, ELLIPSE: ellipse_shape, BOX: box_shape}
"""What measures an outline."""

POLYGONS = {CIRCLE: circle_polygon, ELLIPSE: ellipse_polygon, BOX: box_polygon}
"""What makes a polygon of an outline of another type."""
