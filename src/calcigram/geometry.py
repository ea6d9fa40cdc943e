"""Compiled geometry on one cluster's points: order, hull, empty space, centre.

Every kernel works on the first `n` elements of caller-given arrays and allocates nothing,
so that threads can run them side by side. Distances between points are `pairs`' business,
what joins them is `tree`'s; what the numbers mean for a cluster is `features`'.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from calcigram.kernels import inner_kernel, kernel, padded
from calcigram.vectors import (
    LANES,
    any_lane,
    greatest,
    load,
    root,
    smaller,
    splat,
    store,
    total,
    where,
)

FLAT = 1e-5
"""Hulls less wide than this share of their length count as a line (float32 input noise)."""

PLACES = 64
"""Places at which the empty space of a hull is probed."""

_WEISZFELD_STEPS = 200
_INSIDE = 1e-5  # in squares of the extent: what is less surely inside is kept
_DIRECTION_COS = np.cos(2.0 * np.pi * np.arange(LANES) / LANES).astype(np.float32)
_DIRECTION_SIN = np.sin(2.0 * np.pi * np.arange(LANES) / LANES).astype(np.float32)
_BITS = PLACES.bit_length() - 1
_OUTWARDS = np.sqrt(
    [(int(f"{i:0{_BITS}b}"[::-1], 2) + 0.5) / PLACES for i in range(PLACES)]
)  # the square root of the van der Corput sequence: even over an area


class Hull(NamedTuple):
    """Measures of a convex hull; areas and moments are 0 where it is a line or a point."""

    area: float
    perimeter: float
    width: float
    diameter: float
    eccentricity: float
    triangle: float


@kernel
def sort_points(u, v, n, order):
    """Write to `order` the indices of the points by rising `u`, equal ones by `v`.

    Counting how many are smaller is O(n^2) but vectorises. `u` is padded with inf.
    """
    one, zero = np.float32(1.0), np.float32(0.0)
    m = padded(n)
    for i in range(n):
        order[i] = -1
    for i in range(n, m):
        u[i] = np.inf
    for i in range(n):
        value = u[i]
        rank = zero
        for j in range(m):
            rank += one if u[j] < value else zero
        place = int(rank)
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


@inner_kernel
def _turn(u, v, a, b, c):
    """Return twice the signed area of the triangle of points a, b, c."""
    return (float(u[b]) - u[a]) * (float(v[c]) - v[a]) - (float(v[b]) - v[a]) * (float(u[c]) - u[a])


@inner_kernel
def _distance(u, v, a, b):
    du, dv = float(u[b]) - u[a], float(v[b]) - v[a]
    return math.sqrt(du * du + dv * dv)


@inner_kernel
def _outer_points(u, v, n, corners, outer):
    """Write the points that are not inside a polygon of sixteen of them; return how many.

    Its corners are the farthest points in sixteen directions (Akl & Toussaint 1978), a lane each.
    """
    cosine, sine, zero = load(_DIRECTION_COS, 0), load(_DIRECTION_SIN, 0), splat(np.float32(0.0))
    farthest, corner_u, corner_v = splat(np.float32(-np.inf)), zero, zero
    for i in range(n):
        at_u, at_v = splat(u[i]), splat(v[i])
        reach = cosine * at_u + sine * at_v
        farther = farthest < reach
        farthest = where(farther, reach, farthest)
        corner_u, corner_v = where(farther, at_u, corner_u), where(farther, at_v, corner_v)
    for corner, row in ((corner_u, corners[0]), (corner_v, corners[1])):
        store(row, 0, corner)
        row[LANES] = row[0]
    edge_u, edge_v = load(corners[0], 1) - corner_u, load(corners[1], 1) - corner_v
    size = greatest(farthest)
    # An edge between one corner and itself has no outside.
    margin = where(
        zero < edge_u * edge_u + edge_v * edge_v,
        splat(np.float32(_INSIDE) * size * size),
        splat(np.float32(-1.0)),
    )
    count = 0
    for i in range(n):
        inwards = edge_u * (splat(v[i]) - corner_v) - edge_v * (splat(u[i]) - corner_u)
        outer[count] = i
        count += any_lane(inwards <= margin)
    return count


@kernel
def convex_hull(u, v, n, hull, work):
    """Write the hull's vertex indices, anticlockwise, to `hull`; return how many.

    Andrew's monotone chain; the points must come in the order of `sort_points`, about an origin
    among them, and `hull` needs room for n + 2 indices.

    Parameters
    ----------
    work : tuple of scratch
        An int32 array of n + 1 and a float32 array of (2, LANES + 1) or more.
    """
    if n < 3:
        for i in range(n):
            hull[i] = i
        return n
    outer, corners = work
    count = _outer_points(u, v, n, corners, outer) if n > LANES else 0
    if count < 2:  # few points, or all at one place
        count = n
        for i in range(n):
            outer[i] = i
    size = 0
    for k in range(count):
        i = int(outer[k])
        while size >= 2 and _turn(u, v, int(hull[size - 2]), int(hull[size - 1]), i) <= 0.0:
            size -= 1
        hull[size] = i
        size += 1
    lower = size + 1
    for k in range(count - 2, -1, -1):
        i = int(outer[k])
        while size >= lower and _turn(u, v, int(hull[size - 2]), int(hull[size - 1]), i) <= 0.0:
            size -= 1
        hull[size] = i
        size += 1
    return size - 1


@inner_kernel
def _width_and_diameter(u, v, hull, size):
    """Return the least width (over the edges' directions) and the greatest vertex distance."""
    width = np.inf
    diameter2 = 0.0
    for k in range(size):
        a, b = int(hull[k]), int(hull[(k + 1) % size])
        length = _distance(u, v, a, b)
        farthest = 0.0
        for m in range(size):
            c = int(hull[m])
            farthest = max(farthest, _turn(u, v, a, b, c))
            du, dv = float(u[c]) - u[a], float(v[c]) - v[a]
            diameter2 = max(diameter2, du * du + dv * dv)
        if length > 0.0:
            width = min(width, farthest / length)
    return (0.0 if math.isinf(width) else width), math.sqrt(diameter2)


@inner_kernel
def _largest_triangle(u, v, hull, size):
    """Return the area of the largest triangle of hull vertices.

    For a fixed pair of corners the area is unimodal in the third: O(size^2) in all.
    """
    largest = 0.0
    for i in range(size - 2):
        k = i + 2
        for j in range(i + 1, size - 1):
            k = max(k, j + 1)
            area = _turn(u, v, int(hull[i]), int(hull[j]), int(hull[k]))
            while k + 1 < size:
                further = _turn(u, v, int(hull[i]), int(hull[j]), int(hull[k + 1]))
                if further < area:
                    break
                area = further
                k += 1
            largest = max(largest, area)
    return 0.5 * largest


@inner_kernel
def _area_eccentricity(u, v, hull, size):
    """Return the area of the hull and the eccentricity of its second central moments."""
    u0, v0 = float(u[hull[0]]), float(v[hull[0]])
    twice = mu = mv = muu = mvv = muv = 0.0
    for k in range(size):
        a, b = int(hull[k]), int(hull[(k + 1) % size])
        ua, va, ub, vb = u[a] - u0, v[a] - v0, u[b] - u0, v[b] - v0
        cross = ua * vb - ub * va
        twice += cross
        mu += cross * (ua + ub)
        mv += cross * (va + vb)
        muu += cross * (ua * ua + ua * ub + ub * ub)
        mvv += cross * (va * va + va * vb + vb * vb)
        muv += cross * (ua * vb + 2.0 * ua * va + 2.0 * ub * vb + ub * va)
    if twice <= 0.0:
        return 0.0, np.nan
    mu, mv = mu / (3.0 * twice), mv / (3.0 * twice)
    muu = muu / (6.0 * twice) - mu * mu
    mvv = mvv / (6.0 * twice) - mv * mv
    muv = muv / (12.0 * twice) - mu * mv
    spread = math.hypot(muu - mvv, 2.0 * muv)
    major, minor = 0.5 * (muu + mvv + spread), 0.5 * (muu + mvv - spread)
    return 0.5 * twice, math.sqrt(max(0.0, 1.0 - minor / major))


@kernel
def measure_hull(u, v, hull, size):
    """Return the `Hull` measures of the polygon of `size` vertex indices `hull`."""
    perimeter = 0.0
    for k in range(size):
        a, b = int(hull[k]), int(hull[(k + 1) % size])
        perimeter += _distance(u, v, a, b)
    width, diameter = _width_and_diameter(u, v, hull, size)
    if size < 3 or width < FLAT * diameter:
        return Hull(0.0, perimeter, 0.0, diameter, np.nan, 0.0)
    area, eccentricity = _area_eccentricity(u, v, hull, size)
    triangle = _largest_triangle(u, v, hull, size)
    return Hull(area, perimeter, width, diameter, eccentricity, triangle)


@inner_kernel
def _spread_places(u, v, hull, size, area, places_u, places_v):
    """Write PLACES places spread evenly over a convex polygon.

    The fan of triangles about the first corner is cut into pieces of equal area; how far out a
    place lies in its piece is a van der Corput sequence.
    """
    a, k = int(hull[0]), 1
    done, triangle = 0.0, 0.5 * _turn(u, v, a, int(hull[1]), int(hull[2]))
    for i in range(PLACES):
        wanted = (i + 0.5) / PLACES * area
        while done + triangle < wanted and k < size - 2:
            done += triangle
            k += 1
            triangle = 0.5 * _turn(u, v, a, int(hull[k]), int(hull[k + 1]))
        b, c = int(hull[k]), int(hull[k + 1])
        along = min(1.0, (wanted - done) / triangle) if triangle > 0.0 else 0.0
        out = _OUTWARDS[i]
        edge_u, edge_v = u[b] + along * (u[c] - u[b]), v[b] + along * (v[c] - v[b])
        places_u[i], places_v[i] = u[a] + out * (edge_u - u[a]), v[a] + out * (edge_v - v[a])


@kernel
def empty_space(u, v, n, hull, size, area, places_u, places_v):
    """Measure how far places spread evenly over the hull lie from the nearest point.

    Parameters
    ----------
    u, v : float32 (n,)
    hull : int32
        The `size` vertices of a hull of this `area`, above 0.
    places_u, places_v : float32 (PLACES,), scratch

    Returns
    -------
    (float, float)
        Mean distance over the spacing ``sqrt(area / n)``, and share of the places within it.
    """
    _spread_places(u, v, hull, size, area, places_u, places_v)
    spacing = math.sqrt(area / n)
    zero, one, far = splat(np.float32(0.0)), splat(np.float32(1.0)), splat(np.float32(np.inf))
    limit = splat(np.float32(spacing))
    distances = within = zero
    for i in range(0, PLACES, LANES):
        at_u, at_v, nearest = load(places_u, i), load(places_v, i), far
        for j in range(n):
            du, dv = at_u - splat(u[j]), at_v - splat(v[j])
            nearest = smaller(du * du + dv * dv, nearest)
        distance = root(nearest)
        distances = distances + distance
        within = within + where(distance <= limit, one, zero)
    return float(total(distances)) / (PLACES * spacing), float(total(within)) / PLACES


@kernel
def geometric_median(u, v, n, scale):
    """Return the point of least summed distance (Weiszfeld 1937), to some 1e-4 of `scale`.

    Distances are kept above 1e-6 `scale`, so that a step may land on a point.
    """
    if n == 0:
        return np.nan, np.nan
    cu = cv = np.float32(0.0)
    floor = np.float32((1e-6 * scale) ** 2 + 1e-30)
    smallest = np.float32((4e-6 * scale) ** 2)
    for _ in range(_WEISZFELD_STEPS):
        weights = sum_u = sum_v = np.float32(0.0)
        for i in range(n):
            du, dv = u[i] - cu, v[i] - cv
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
        du, dv = u[i] - cu, v[i] - cv
        d2 = du * du + dv * dv
        k, nearest = (i, d2) if d2 < nearest else (k, nearest)
    sum_u = sum_v = at_point = np.float32(0.0)
    for i in range(n):
        du, dv = u[i] - u[k], v[i] - v[k]
        d2 = du * du + dv * dv
        weight = np.float32(1.0) / np.sqrt(d2) if d2 > floor else np.float32(0.0)
        at_point += np.float32(1.0) if d2 <= floor else np.float32(0.0)
        sum_u += weight * du
        sum_v += weight * dv
    # Equality is no such case: between two points every place is a median.
    if sum_u * sum_u + sum_v * sum_v < np.float32(0.999) * at_point * at_point:
        return float(u[k]), float(v[k])
    return float(cu), float(cv)
