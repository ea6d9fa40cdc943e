"""Compiled measures of one outline: a mask of pixels, or a polygon.

They are those of scikit-image's ``regionprops``: moments with the 1/12 of a pixel's own extent,
convex area over the midpoints of pixel edges.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel


@kernel
def _convex_area(points, n, stack):
    """Return the area of the convex hull of `n` points sorted by x, then y."""
    m, base = 0, 2
    for step in range(2 * n - 1):
        i = step if step < n else 2 * n - 2 - step
        if step == n:
            base = m + 1
        x, y = points[i, 0], points[i, 1]
        while m >= base:
            ax, ay = stack[m - 2, 0], stack[m - 2, 1]
            if (stack[m - 1, 0] - ax) * (y - ay) - (stack[m - 1, 1] - ay) * (x - ax) > 0.0:
                break
            m -= 1
        stack[m, 0], stack[m, 1] = x, y
        m += 1
    area = 0.0
    for i in range(m - 1):
        area += stack[i, 0] * stack[i + 1, 1] - stack[i + 1, 0] * stack[i, 1]
    return 0.5 * abs(area)


@kernel
def _insert(points, n, x, y):
    """Insert a point into `n` points sorted by x, then y."""
    at = n
    while at > 0 and (points[at - 1, 0] > x or (points[at - 1, 0] == x and points[at - 1, 1] > y)):
        points[at, 0], points[at, 1] = points[at - 1, 0], points[at - 1, 1]
        at -= 1
    points[at, 0], points[at, 1] = x, y


@kernel
def _joined(chain, n, x, y, side):
    """Add a point to a convex chain of `n` that runs towards +x; return how long it is then.

    `side` is 1 where the chain bends towards +y, -1 where it bends away.
    """
    while n >= 2:
        ax, ay = chain[n - 2, 0], chain[n - 2, 1]
        bend = (chain[n - 1, 0] - ax) * (y - ay) - (chain[n - 1, 1] - ay) * (x - ax)
        if side * bend > 0.0:
            break
        n -= 1
    chain[n, 0], chain[n, 1] = x, y
    return n + 1


@kernel
def _area_under(chain, n):
    area = 0.0
    for i in range(n - 1):
        area += 0.5 * (chain[i + 1, 0] - chain[i, 0]) * (chain[i + 1, 1] + chain[i, 1])
    return area


@kernel
def measure_mask(mask, top, bottom, first_column, last_column, x0, y0, pixel, lower, upper, out):
    """Write position, area, shape and pixel count of one mask into a row of measures.

    The mask is ``mask[top:bottom, first_column:last_column]``; `lower` and `upper` are room for
    3 points a column each.
    """
    count = 0
    sum_x = sum_y = sum_xx = sum_yy = sum_xy = 0
    low_c, high_c, low_r, high_r = last_column, -1, bottom, -1
    n_lower = n_upper = np.int64(0)
    # Column by column, so that the midpoints of pixel edges come sorted by x: the hull is two
    # chains, one along the first pixels of the columns and one along the last.
    for c in range(first_column, last_column):
        first, last = -1, -1
        for r in range(top, bottom):
            if mask[r, c]:
                if first < 0:
                    first = r
                last = r
                count += 1
                sum_x += c
                sum_y += r
                sum_xx += c * c
                sum_yy += r * r
                sum_xy += c * r
        if first >= 0:
            low_c, high_c = min(low_c, c), max(high_c, c)
            low_r, high_r = min(low_r, first), max(high_r, last)
            for k in range(-1, 2):
                bulge = 0.0 if k else 0.5
                n_lower = _joined(lower, n_lower, c + 0.5 * k, first - bulge, 1.0)
                n_upper = _joined(upper, n_upper, c + 0.5 * k, last + bulge, -1.0)
    mean_x, mean_y = sum_x / count, sum_y / count
    mxx = sum_xx / count - mean_x * mean_x + 1.0 / 12.0
    myy = sum_yy / count - mean_y * mean_y + 1.0 / 12.0
    mxy = sum_xy / count - mean_x * mean_y
    half = 0.5 * math.sqrt((mxx - myy) ** 2 + 4.0 * mxy * mxy)
    middle = 0.5 * (mxx + myy)
    out[0] = x0 + (mean_x + 0.5) * pixel
    out[1] = y0 + (mean_y + 0.5) * pixel
    out[2] = count * pixel * pixel
    out[3] = math.sqrt((middle + half) / max(middle - half, 1e-9))
    out[4] = math.degrees(0.5 * math.atan2(2.0 * mxy, mxx - myy)) % 180.0
    convex = _area_under(upper, n_upper) - _area_under(lower, n_lower)
    out[5] = min(1.0, count / max(convex, 1e-9))
    wide, tall = high_c - low_c + 1, high_r - low_r + 1
    out[6] = max(wide, tall) / min(wide, tall)
    out[8] = count


@kernel
def measure_polygon(vertices, out, points, stack):
    """Write area, aspect ratio, orientation and solidity of one polygon (Green's theorem)."""
    n = vertices.shape[0]
    area = mx = my = mxx = myy = mxy = 0.0
    leftmost = 0
    for k in range(n):
        j = (k + 1) % n
        xa, ya, xb, yb = vertices[k, 0], vertices[k, 1], vertices[j, 0], vertices[j, 1]
        c = xa * yb - xb * ya
        area += c
        mx += c * (xa + xb)
        my += c * (ya + yb)
        mxx += c * (xa * xa + xa * xb + xb * xb)
        myy += c * (ya * ya + ya * yb + yb * yb)
        mxy += c * (xa * yb + 2.0 * xa * ya + 2.0 * xb * yb + xb * ya)
        if xa < vertices[leftmost, 0]:
            leftmost = k
    # From the leftmost corner on, always the one farther left of the next on either side: most
    # outlines are then sorted by x as they come.
    _insert(points, 0, vertices[leftmost, 0], vertices[leftmost, 1])
    ahead, behind = leftmost, leftmost
    for k in range(1, n):
        following, preceding = (ahead + 1) % n, (behind - 1) % n
        if vertices[following, 0] < vertices[preceding, 0]:
            at = ahead = following
        else:
            at = behind = preceding
        _insert(points, k, vertices[at, 0], vertices[at, 1])
    mean_x, mean_y = mx / (3.0 * area), my / (3.0 * area)
    vxx = mxx / (6.0 * area) - mean_x * mean_x
    vyy = myy / (6.0 * area) - mean_y * mean_y
    vxy = mxy / (12.0 * area) - mean_x * mean_y
    half = 0.5 * math.sqrt((vxx - vyy) ** 2 + 4.0 * vxy * vxy)
    middle = 0.5 * (vxx + vyy)
    out[2] = 0.5 * abs(area)
    out[3] = math.sqrt((middle + half) / max(middle - half, 1e-9 * middle))
    out[4] = math.degrees(0.5 * math.atan2(2.0 * vxy, vxx - vyy)) % 180.0
    out[5] = min(1.0, out[2] / _convex_area(points, n, stack))
