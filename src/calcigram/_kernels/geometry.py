"""Compiled geometry of one cluster's points: its own axes, hull, centre."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.statistics import FAR, MOST_COUNTED, count_smaller, merge_order, padded

FLAT = 1e-5
"""Hulls less wide than this share of their length count as a line (float32 input noise)."""

ONE_PLACE = 1e-9
"""Points whose spread is less, in mm, are at one place: their fourth powers are no float32 numbers."""

_WEISZFELD_STEPS = 200
_DIRECTIONS = 16
_COS = np.cos(2.0 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS).astype(np.float32)
_SIN = np.sin(2.0 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS).astype(np.float32)
_INSIDE = 1e-5  # in squares of the extent: what is less surely inside is kept


class Frame(NamedTuple):
    """The points of a cluster in the frame of their own principal axes, along the major one.

    ``x`` and ``y`` are float32 (n,), about the centroid, by rising ``x``; ``order`` says which point
    each was. Centroid, unit vector of the major axis, and the variances along and across it; the
    minor axis is ``hand`` times the major one turned by a right angle.
    """

    x: Any
    y: Any
    order: Any
    centre_x: float
    centre_y: float
    cos: float
    sin: float
    hand: float
    major: float
    minor: float


@kernel(fast=True)
def _sorted_order(u, v):
    """Return the indices of the points by rising `u`, equal ones by `v`."""
    n, keys = u.size, padded(u, FAR)
    if n > MOST_COUNTED:
        order = merge_order(keys, n)
    else:
        order, rank = np.empty(n, np.int32), count_smaller(keys, n)
        order[:] = -1
        for i in range(n):
            place = int(rank[i])
            while order[place] >= 0:
                place += 1
            order[place] = i
    for k in range(1, n):
        i = order[k]
        j = k
        while j > 0 and u[order[j - 1]] == u[i] and v[order[j - 1]] > v[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    return order


@kernel(fast=True)
def principal_frame(x, y):
    """Return the `Frame` of points: all else is measured in it.

    So results depend neither on where the cluster lies nor on how it is turned, and float32 keeps
    its precision far from the origin. Both axes point where the third moment is positive, so that
    a cluster turned or mirrored gives the same coordinates, and every later choice falls alike.

    Parameters
    ----------
    x, y : float32 (n,)
    """
    n = x.size
    mean_x = mean_y = 0.0
    for i in range(n):
        mean_x += float(x[i])
        mean_y += float(y[i])
    mean_x /= n
    mean_y /= n
    xx = yy = xy = 0.0
    for i in range(n):
        dx, dy = float(x[i]) - mean_x, float(y[i]) - mean_y
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    angle = 0.5 * math.atan2(2.0 * xy, xx - yy)
    cos, sin = math.cos(angle), math.sin(angle)
    major = minor = skew_u = skew_v = 0.0
    for i in range(n):
        dx, dy = float(x[i]) - mean_x, float(y[i]) - mean_y
        pu, pv = cos * dx + sin * dy, cos * dy - sin * dx
        major += pu * pu
        minor += pv * pv
        skew_u += pu * pu * pu
        skew_v += pv * pv * pv
    one_place = major < n * ONE_PLACE * ONE_PLACE
    flat = one_place or minor < FLAT * FLAT * major
    major, minor = 0.0 if one_place else major, 0.0 if flat else minor
    sign = -1.0 if skew_u < 0.0 else 1.0
    cos, sin = sign * cos, sign * sin
    hand = -sign if skew_v < 0.0 else sign
    u, v = np.empty(n, np.float32), np.empty(n, np.float32)
    for i in range(n):
        dx, dy = float(x[i]) - mean_x, float(y[i]) - mean_y
        u[i] = 0.0 if one_place else cos * dx + sin * dy
        v[i] = 0.0 if flat else hand * (cos * dy - sin * dx)
    order = _sorted_order(u, v)
    return Frame(u[order], v[order], order, mean_x, mean_y, cos, sin, hand, major / n, minor / n)


class Hull(NamedTuple):
    """Measures of a convex hull; areas are 0 where it is a line or a point."""

    area: float
    perimeter: float
    diameter: float
    triangle: float


@kernel(fast=True)
def _turn(x, y, a, b, c):
    """Return twice the signed area of the triangle of points a, b, c."""
    return (float(x[b]) - x[a]) * (float(y[c]) - y[a]) - (float(y[b]) - y[a]) * (float(x[c]) - x[a])


@kernel(fast=True)
def _distance(x, y, a, b):
    du, dv = float(x[b]) - x[a], float(y[b]) - y[a]
    return math.sqrt(du * du + dv * dv)


@kernel(fast=True)
def _outer_points(x, y):
    """Return the indices of the points not surely inside a polygon of sixteen of them.

    Its corners are the farthest points in sixteen directions (Akl & Toussaint 1978). Most points are
    inside, and the test vectorises, where the chain of `convex_hull` branches at each.
    """
    n = x.size
    farthest, widest = np.empty(_DIRECTIONS, np.float32), np.float32(0.0)
    farthest[:] = -FAR
    corner_x = np.empty(_DIRECTIONS + 1, np.float32)
    corner_y = np.empty(_DIRECTIONS + 1, np.float32)
    for i in range(n):
        px, py = x[i], y[i]
        for k in range(_DIRECTIONS):
            reach = _COS[k] * px + _SIN[k] * py
            farther = reach > farthest[k]
            farthest[k] = reach if farther else farthest[k]
            corner_x[k] = px if farther else corner_x[k]
            corner_y[k] = py if farther else corner_y[k]
    corner_x[-1], corner_y[-1] = corner_x[0], corner_y[0]
    for reach in farthest:
        widest = max(widest, reach)
    margin = np.float32(_INSIDE) * widest * widest
    px, py = padded(x, np.float32(0.0)), padded(y, np.float32(0.0))
    outer = np.empty(px.size, np.float32)
    outer[:] = 0.0
    for k in range(_DIRECTIONS):
        ax, ay = corner_x[k], corner_y[k]
        dx, dy = corner_x[k + 1] - ax, corner_y[k + 1] - ay
        if dx * dx + dy * dy > 0.0:  # an edge between one corner and itself has no outside
            for i in range(px.size):
                inwards = dx * (py[i] - ay) - dy * (px[i] - ax)
                outer[i] += np.float32(1.0) if inwards <= margin else np.float32(0.0)
    kept, count = np.empty(n + 1, np.int32), 0
    for i in range(n):
        kept[count] = i
        count += outer[i] > 0.0
    return kept[:count]


@kernel(fast=True)
def convex_hull(x, y):
    """Return the indices of the hull's vertices, anticlockwise.

    Andrew's monotone chain (1979), which is O(n) as the points come by rising `x`, equal ones by `y`;
    about an origin among them.
    """
    n = x.size
    points = np.empty(n, np.int32)
    for i in range(n):
        points[i] = i
    if n < 3:
        return points
    if n > _DIRECTIONS:
        outer = _outer_points(x, y)
        if outer.size >= 2:  # else all are at one place
            points = outer
    hull, size = np.empty(points.size + 2, np.int32), 0
    for i in points:
        while size >= 2 and _turn(x, y, hull[size - 2], hull[size - 1], i) <= 0.0:
            size -= 1
        hull[size] = i
        size += 1
    lower = size + 1
    for k in range(points.size - 2, -1, -1):
        i = points[k]
        while size >= lower and _turn(x, y, hull[size - 2], hull[size - 1], i) <= 0.0:
            size -= 1
        hull[size] = i
        size += 1
    return hull[: size - 1]


@kernel(fast=True)
def _width_and_diameter(x, y, hull):
    """Return the least width (over the edges' directions) and the greatest vertex distance."""
    size = hull.size
    width = np.inf
    diameter2 = 0.0
    for k in range(size):
        a, b = int(hull[k]), int(hull[(k + 1) % size])
        length = _distance(x, y, a, b)
        farthest = 0.0
        for m in range(size):
            c = int(hull[m])
            farthest = max(farthest, _turn(x, y, a, b, c))
            du, dv = float(x[c]) - x[a], float(y[c]) - y[a]
            diameter2 = max(diameter2, du * du + dv * dv)
        if length > 0.0:
            width = min(width, farthest / length)
    return (0.0 if math.isinf(width) else width), math.sqrt(diameter2)


@kernel(fast=True)
def _largest_triangle(x, y, hull):
    """Return the area of the largest triangle of hull vertices.

    For a fixed pair of corners the area is unimodal in the third: O(size^2) in all.
    """
    size, largest = hull.size, 0.0
    for i in range(size - 2):
        k = i + 2
        for j in range(i + 1, size - 1):
            k = max(k, j + 1)
            area = _turn(x, y, int(hull[i]), int(hull[j]), int(hull[k]))
            while k + 1 < size:
                further = _turn(x, y, int(hull[i]), int(hull[j]), int(hull[k + 1]))
                if further < area:
                    break
                area = further
                k += 1
            largest = max(largest, area)
    return 0.5 * largest


@kernel(fast=True)
def _area(x, y, hull):
    """Return the area of the hull, by the fan of triangles about its first vertex."""
    twice = 0.0
    for k in range(1, hull.size - 1):
        twice += _turn(x, y, int(hull[0]), int(hull[k]), int(hull[k + 1]))
    return 0.5 * max(0.0, twice)


@kernel(fast=True)
def measure_hull(x, y, hull):
    """Return the `Hull` measures of the polygon of vertex indices `hull`; O(h^2) of h vertices."""
    size, perimeter = hull.size, 0.0
    for k in range(size):
        a, b = int(hull[k]), int(hull[(k + 1) % size])
        perimeter += _distance(x, y, a, b)
    width, diameter = _width_and_diameter(x, y, hull)
    if size < 3 or width < FLAT * diameter:
        return Hull(0.0, perimeter, diameter, 0.0)
    return Hull(_area(x, y, hull), perimeter, diameter, _largest_triangle(x, y, hull))


@kernel(fast=True)
def geometric_median(x, y, scale):
    """Return the point of least summed distance (Weiszfeld 1937), to some 1e-4 of `scale`.

    Distances are kept above 1e-6 `scale`, so that a step may land on a point.
    """
    n = x.size
    if n == 0:
        return np.nan, np.nan
    cu = cv = np.float32(0.0)
    floor = np.float32((1e-6 * scale) ** 2 + 1e-30)
    smallest = np.float32((4e-6 * scale) ** 2)
    for _ in range(_WEISZFELD_STEPS):
        weights = sum_u = sum_v = np.float32(0.0)
        for i in range(n):
            du, dv = x[i] - cu, y[i] - cv
            weight = np.float32(1.0) / np.sqrt(du * du + dv * dv + floor)
            weights += weight
            sum_u += weight * du
            sum_v += weight * dv
        # Over-relaxation by 1.5 keeps descent and saves a third of the steps.
        step_u, step_v = np.float32(1.5) * sum_u / weights, np.float32(1.5) * sum_v / weights
        cu += step_u
        cv += step_v
        if step_u * step_u + step_v * step_v < smallest:
            break
    # Near a point the steps die away; say exactly whether the point itself is the median.
    k, nearest = 0, np.float32(np.inf)
    for i in range(n):
        du, dv = x[i] - cu, y[i] - cv
        d2 = du * du + dv * dv
        k, nearest = (i, d2) if d2 < nearest else (k, nearest)
    sum_u = sum_v = at_point = np.float32(0.0)
    for i in range(n):
        du, dv = x[i] - x[k], y[i] - y[k]
        d2 = du * du + dv * dv
        weight = np.float32(1.0) / np.sqrt(d2) if d2 > floor else np.float32(0.0)
        at_point += np.float32(1.0) if d2 <= floor else np.float32(0.0)
        sum_u += weight * du
        sum_v += weight * dv
    # Equality is no such case: between two points every place is a median.
    if sum_u * sum_u + sum_v * sum_v < np.float32(0.999) * at_point * at_point:
        return float(x[k]), float(y[k])
    return float(cu), float(cv)
