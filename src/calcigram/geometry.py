"""Compiled geometry on one cluster's points: order, hull, outline, centre.

Every kernel works on the first `n` elements of caller-given arrays and allocates nothing,
so that threads can run them side by side. Distances between points are `pairs`' business,
what joins them is `tree`'s; what the numbers mean for a cluster is `features`'.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from calcigram.kernels import BLOCK, index_of_least, inner_kernel, kernel, padded

FLAT = 1e-5
"""Hulls less wide than this share of their length count as a line (float32 input noise)."""

_WEISZFELD_STEPS = 200
_APEX_TRIES = 5


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


@kernel
def convex_hull(u, v, n, hull):
    """Write the hull's vertex indices, anticlockwise, to `hull`; return how many.

    Andrew's monotone chain; the points must come in the order of `sort_points`, and
    `hull` needs room for n + 2 indices.
    """
    if n < 3:
        for i in range(n):
            hull[i] = i
        return n
    size = 0
    for i in range(n):
        while size >= 2 and _turn(u, v, hull[size - 2], hull[size - 1], i) <= 0.0:
            size -= 1
        hull[size] = i
        size += 1
    lower = size + 1
    for i in range(n - 2, -1, -1):
        while size >= lower and _turn(u, v, hull[size - 2], hull[size - 1], i) <= 0.0:
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
        a, b = hull[k], hull[(k + 1) % size]
        length = math.hypot(float(u[b]) - u[a], float(v[b]) - v[a])
        farthest = 0.0
        for m in range(size):
            c = hull[m]
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
            area = _turn(u, v, hull[i], hull[j], hull[k])
            while k + 1 < size:
                further = _turn(u, v, hull[i], hull[j], hull[k + 1])
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
        a, b = hull[k], hull[(k + 1) % size]
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
        a, b = hull[k], hull[(k + 1) % size]
        perimeter += math.hypot(float(u[b]) - u[a], float(v[b]) - v[a])
    width, diameter = _width_and_diameter(u, v, hull, size)
    if size < 3 or width < FLAT * diameter:
        return Hull(0.0, perimeter, 0.0, diameter, np.nan, 0.0)
    area, eccentricity = _area_eccentricity(u, v, hull, size)
    triangle = _largest_triangle(u, v, hull, size)
    return Hull(area, perimeter, width, diameter, eccentricity, triangle)


@inner_kernel
def _sides_cross_outline(u, v, n, a, apex, b, end_u, end_v):
    """Say whether a side a-apex or apex-b would cross the outline.

    Two segments cross if the ends of each lie on either side of the other. Where they share
    their first end, or the outline's edge ends where the side begins, a product is exactly 0.
    """
    ua, va, up, vp, ub, vb = u[a], v[a], u[apex], v[apex], u[b], v[b]
    au, av, bu, bv = up - ua, vp - va, ub - up, vb - vp
    crossings, zero, one = np.float32(0.0), np.float32(0.0), np.float32(1.0)
    for i in range(n):
        cu, cv, du, dv = u[i], v[i], end_u[i], end_v[i]
        eu, ev = du - cu, dv - cv
        at_a = eu * (va - cv) - ev * (ua - cu)
        at_p = eu * (vp - cv) - ev * (up - cu)
        at_b = eu * (vb - cv) - ev * (ub - cu)
        c_of_first = au * (cv - va) - av * (cu - ua)
        d_of_first = au * (dv - va) - av * (du - ua)
        c_of_second = bu * (cv - vp) - bv * (cu - up)
        d_of_second = bu * (dv - vp) - bv * (du - up)
        first = one if at_a * at_p < zero else zero
        second = one if at_p * at_b < zero else zero
        crossings += first if c_of_first * d_of_first < zero else zero
        crossings += second if c_of_second * d_of_second < zero else zero
    return crossings > zero


@inner_kernel
def _shortness(u, v, a, b, min_edge):
    """Return one over the length of an edge, inf if it is too short to dig."""
    du, dv = u[b] - u[a], v[b] - v[a]
    length = np.sqrt(du * du + dv * dv)
    return np.float32(1.0) / length if length > min_edge else np.float32(np.inf)


@inner_kernel
def _find_apex(u, v, n, a, b, edge, dig_ratio, successor, work):
    """Return the inner point to dig the edge a-b to, or -1."""
    ua, va, ub, vb = u[a], v[a], u[b], v[b]
    _, _, detour, detour_bits, end_u, end_v = work
    # Whatever is near enough to either end lies in this window, the points being in order.
    near = np.float32(edge / dig_ratio)
    low, high = min(a, b), max(a, b)
    floor, ceiling = u[low] - near, u[high] + near
    while low > 0 and u[low - 1] >= floor:
        low -= 1
    while high < n - 1 and u[high + 1] <= ceiling:
        high += 1
    m = padded(high + 1 - low)
    window_u, window_v, ring = u[low : low + m], v[low : low + m], successor[low : low + m]
    # The edge itself shares an end with either side: for now it has no length.
    end_u[a], end_v[a] = ua, va
    for i in range(window_u.size):
        au, av, bu, bv = window_u[i] - ua, window_v[i] - va, window_u[i] - ub, window_v[i] - vb
        length = np.sqrt(au * au + av * av) + np.sqrt(bu * bu + bv * bv)
        detour[i] = length if ring[i] < 0 else np.float32(np.inf)
    for _ in range(_APEX_TRIES):
        k = index_of_least(detour_bits, m)
        if detour[k] == np.inf:
            break
        apex = low + k
        au, av, bu, bv = u[apex] - ua, v[apex] - va, u[apex] - ub, v[apex] - vb
        if min(au * au + av * av, bu * bu + bv * bv) >= near * near:
            break
        if _turn(u, v, a, b, apex) > 0.0 and not _sides_cross_outline(
            u, v, padded(n), a, apex, b, end_u, end_v
        ):
            return apex
        detour[k] = np.inf
    end_u[a], end_v[a] = ub, vb
    return -1


@kernel
def concave_area(u, v, n, hull, size, hull_area, dig_ratio, min_edge, successor, work):
    """Return the area inside an outline dug inwards from the convex hull.

    After Park & Oh (2012), the longest edge first: an edge gives way to two sides of a
    triangle whose apex is the inner point of least detour, while the edge is longer than
    `min_edge` and than `dig_ratio` times the shorter of those sides. The least detour leaves no
    inner point inside the triangle. Where a side would cross the outline, the next best
    apex is tried.

    Parameters
    ----------
    u, v : float32 (padded(n) + BLOCK,)
        By rising `u`, padded with inf.
    successor : int32 scratch as long
        The outline as a ring of indices; -1 for inner points.
    work : tuple
        Scratch of padded(n): two float32 arrays, each followed by its int32 view, and two more.
    """
    shortness, shortness_bits, _, _, end_u, end_v = work
    m = padded(n)
    for i in range(m + BLOCK):
        successor[i] = -1
    for i in range(m):
        shortness[i] = np.inf
        end_u[i], end_v[i] = u[i], v[i]
    for k in range(size):
        a, b = hull[k], hull[(k + 1) % size]
        successor[a], end_u[a], end_v[a] = b, u[b], v[b]
        shortness[a] = _shortness(u, v, a, b, min_edge)
    area = hull_area
    while True:
        a = index_of_least(shortness_bits, m)
        if shortness[a] == np.inf:
            return area
        b = successor[a]
        edge = 1.0 / shortness[a]
        apex = _find_apex(u, v, n, a, b, edge, dig_ratio, successor, work)
        if apex < 0:
            shortness[a] = np.inf
            continue
        area -= 0.5 * _turn(u, v, a, b, apex)
        successor[a], end_u[a], end_v[a] = apex, u[apex], v[apex]
        successor[apex], end_u[apex], end_v[apex] = b, u[b], v[b]
        shortness[a] = _shortness(u, v, a, apex, min_edge)
        shortness[apex] = _shortness(u, v, apex, b, min_edge)


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
