"""Compiled measuring: outlines are drawn on a pixel grid, blurred, cut and measured.

The measures are those of scikit-image's ``regionprops``: moments with the 1/12 of a pixel's
own extent, convex area over the midpoints of pixel edges.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from calcigram.simulate._random import rough_normal

MEASURES = ("x", "y", "area", "aspect", "orientation", "solidity", "box_aspect", "peak", "pixels")
_MAX_SIDE = 220


@njit(cache=True, nogil=True)
def _fill(grid, vertices, x0, y0, step, n_rows, n_columns):
    """Set bit 1 of the cells of `grid` whose centres lie inside one polygon (even-odd rule).

    Every edge flips bit 2 of the first cell to its right on each row; a running parity along
    the row then tells inside from outside.
    """
    n = vertices.shape[0]
    row_first, row_last, column_first, column_last = n_rows, -1, n_columns, -1
    j = n - 1
    for k in range(n):
        xa, ya = vertices[j, 0], vertices[j, 1]
        xb, yb = vertices[k, 0], vertices[k, 1]
        j = k
        if ya == yb:
            continue
        if ya > yb:
            xa, ya, xb, yb = xb, yb, xa, ya
        low = max(0, math.ceil((ya - y0) / step - 0.5))
        high = min(n_rows, math.ceil((yb - y0) / step - 0.5))
        slope = (xb - xa) / (yb - ya)
        for row in range(low, high):
            x = xa + (y0 + (row + 0.5) * step - ya) * slope
            column = max(0, math.ceil((x - x0) / step - 0.5))
            # Beyond the last column there is nothing to fill.
            column_last = max(column_last, min(column, n_columns - 1))
            if column < n_columns:
                grid[row, column] ^= 2
                column_first = min(column_first, column)
        row_first, row_last = min(row_first, low), max(row_last, high - 1)
    for row in range(row_first, row_last + 1):
        inside = 0
        for column in range(column_first, column_last + 1):
            value = grid[row, column]
            inside ^= value >> 1
            grid[row, column] = (value & 1) | inside


@njit(cache=True, nogil=True)
def _add(target, source, weight):
    # Counted from 0, for only then does the compiler know that no index is negative.
    for k in range(target.size):
        target[k] += weight * source[k]


@njit(cache=True, nogil=True)
def _cover(grid, image, finer, rows, columns, margin, left, right):
    """Turn filled cells into the covered share of each pixel; return the rows that hold some.

    ``left[r]`` and ``right[r]`` are set to the first covered pixel of a row and the one past
    the last. The margin is empty by construction, but for the cell an edge may round into.
    """
    top, bottom = rows, 0
    for r in range(rows):
        left[r], right[r] = columns, 0
    for r in range(margin - 1, rows - margin + 1):
        for c in range(margin - 1, columns - margin + 1):
            covered = 0
            for a in range(finer):
                for b in range(finer):
                    covered += grid[r * finer + a, c * finer + b]
            image[r, c] = covered / (finer * finer)
            if covered > 0:
                left[r], right[r] = min(left[r], c), c + 1
                top, bottom = min(top, r), r + 1
    return top, bottom


@njit(cache=True, nogil=True)
def _blur(image, spare, left, right, top, bottom, rows, columns, first_column, last_column, sigma):
    """Blur in place with a Gaussian cut at three standard deviations.

    Only rows ``top:bottom`` hold anything, each in columns ``left:right``. What is written are
    the rows within reach of those, in columns ``first_column:last_column``.
    """
    reach = math.ceil(3.0 * sigma)
    kernel = np.empty(2 * reach + 1)
    total = 0.0
    for k in range(-reach, reach + 1):
        kernel[k + reach] = math.exp(-0.5 * (k / sigma) ** 2)
        total += kernel[k + reach]
    for k in range(2 * reach + 1):
        kernel[k] /= total
    # Tap by tap over whole rows, so that the inner loop is one the compiler vectorises.
    for r in range(top, bottom):
        for c in range(first_column, last_column):
            spare[r, c] = 0.0
        for k in range(-reach, reach + 1):
            weight = kernel[k + reach]
            low, high = max(0, left[r] - k), min(columns, right[r] - k)
            if low < high:
                _add(spare[r, low:high], image[r, low + k : high + k], weight)
    for r in range(max(0, top - reach), min(rows, bottom + reach)):
        for c in range(first_column, last_column):
            image[r, c] = 0.0
        for source in range(max(top, r - reach), min(bottom, r + reach + 1)):
            weight = kernel[source - r + reach]
            low, high = max(0, left[source] - reach), min(columns, right[source] + reach)
            _add(image[r, low:high], spare[source, low:high], weight)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _insert(points, n, x, y):
    """Insert a point into `n` points sorted by x, then y."""
    at = n
    while at > 0 and (points[at - 1, 0] > x or (points[at - 1, 0] == x and points[at - 1, 1] > y)):
        points[at, 0], points[at, 1] = points[at - 1, 0], points[at - 1, 1]
        at -= 1
    points[at, 0], points[at, 1] = x, y


@njit(cache=True, nogil=True)
def _measure_mask(mask, top, bottom, first_column, last_column, x0, y0, pixel, points, stack, out):
    """Write position, area, shape and pixel count of one mask into a row of measures.

    The mask is ``mask[top:bottom, first_column:last_column]``.
    """
    count = 0
    sum_x = sum_y = sum_xx = sum_yy = sum_xy = 0
    low_c, high_c, low_r, high_r = last_column, -1, bottom, -1
    n_points = np.int64(0)
    # Column by column, so that the candidates for the hull come nearly sorted by x.
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
            for k in range(6):
                across = 0.5 * (k // 2 - 1)
                along = 0.0 if k // 2 != 1 else (-0.5 if k == 2 else 0.5)
                row = first if k % 2 == 0 else last
                _insert(points, n_points, c + across, row + along)
                n_points += 1
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
    convex = _convex_area(points, n_points, stack)
    out[5] = min(1.0, count / max(convex, 1e-9))
    wide, tall = high_c - low_c + 1, high_r - low_r + 1
    out[6] = max(wide, tall) / min(wide, tall)
    out[8] = count


@njit(cache=True, nogil=True)
def measure(state, vertices, first, pixel_mm, origin, blur_pixels, threshold, noise):
    """Measure each calcification on its pixel grid.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    vertices : ndarray of float64, shape (P, V, 2)
        Polygons in mm, in image coordinates.
    first : ndarray of int64, shape (n + 1,)
        Calcification ``i`` is the union of polygons ``first[i]:first[i + 1]``.
    pixel_mm : ndarray of float64, shape (n,)
        Pitch of the grid; raised where a calcification would exceed 220 pixels.
    origin : ndarray of float64, shape (2,)
        A corner of the grid.
    blur_pixels, threshold, noise : ndarray of float64, shape (n,)
        Standard deviation of the blur; cut as a share of the peak; standard deviation of the
        noise as a share of the peak.

    Returns
    -------
    ndarray of float64, shape (n, 9)
        Columns `MEASURES`: centre in mm, area in mm2, aspect ratio, orientation in [0, 180)
        degrees, solidity, aspect ratio of the upright box, peak of the blurred coverage
        (1 = a full pixel), number of pixels.
    """
    n = first.size - 1
    out = np.empty((n, 9))
    image = np.empty((_MAX_SIDE, _MAX_SIDE))
    spare = np.empty((_MAX_SIDE, _MAX_SIDE))
    grid = np.empty((_MAX_SIDE, _MAX_SIDE), np.uint8)
    points = np.empty((6 * _MAX_SIDE, 2))
    stack = np.empty((12 * _MAX_SIDE + 2, 2))
    left, right = np.empty(_MAX_SIDE, np.int64), np.empty(_MAX_SIDE, np.int64)
    for i in range(n):
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        for part in range(first[i], first[i + 1]):
            for k in range(vertices.shape[1]):
                low_x, high_x = min(low_x, vertices[part, k, 0]), max(high_x, vertices[part, k, 0])
                low_y, high_y = min(low_y, vertices[part, k, 1]), max(high_y, vertices[part, k, 1])
        sigma = blur_pixels[i]
        margin = 1 + math.ceil(2.0 * sigma)
        room = _MAX_SIDE - 2 * margin - 3
        pixel = max(pixel_mm[i], max(high_x - low_x, high_y - low_y) / room)
        column0 = math.floor((low_x - origin[0]) / pixel) - margin
        row0 = math.floor((low_y - origin[1]) / pixel) - margin
        x0, y0 = origin[0] + column0 * pixel, origin[1] + row0 * pixel
        columns = math.ceil((high_x - x0) / pixel) + margin
        rows = math.ceil((high_y - y0) / pixel) + margin
        side = max(rows, columns)
        finer = 4 if side - 2 * margin <= 16 else (2 if side - 2 * margin <= 40 else 1)
        for r in range((margin - 1) * finer, (rows - margin + 1) * finer):
            for c in range(columns * finer):
                grid[r, c] = 0
        for part in range(first[i], first[i + 1]):
            _fill(grid, vertices[part], x0, y0, pixel / finer, rows * finer, columns * finer)
        top, bottom = _cover(grid, image, finer, rows, columns, margin, left, right)
        first_column, last_column = margin - 1, columns - margin + 1
        if sigma > 0.2 and top < bottom:
            reach = math.ceil(3.0 * sigma)
            first_column = max(0, first_column - reach)
            last_column = min(columns, last_column + reach)
            _blur(
                image, spare, left, right, top, bottom, rows, columns, first_column, last_column,
                sigma,
            )  # fmt: skip
            top, bottom = max(0, top - reach), min(rows, bottom + reach)
        peak, peak_r, peak_c = 0.0, rows // 2, columns // 2
        for r in range(top, bottom):
            for c in range(first_column, last_column):
                if image[r, c] > peak:
                    peak, peak_r, peak_c = image[r, c], r, c
        if peak == 0.0:
            top, bottom, first_column, last_column = peak_r, peak_r + 1, peak_c, peak_c + 1
            image[peak_r, peak_c] = 0.0
        cutoff = threshold[i] * peak
        # Noise matters where there is some signal (elsewhere a detector's size filter removes
        # it) and where it can reach the cut: it is bounded by 3.5 standard deviations.
        level = noise[i] * peak
        low_r, high_r, low_c, high_c = peak_r, peak_r, peak_c, peak_c
        for r in range(top, bottom):
            for c in range(first_column, last_column):
                value = image[r, c]
                if value > 0.1 * peak and abs(value - cutoff) < 3.5 * level:
                    value += level * rough_normal(state)
                grid[r, c] = value >= cutoff
                if value >= cutoff:
                    high_r = r
                    low_r, low_c, high_c = min(low_r, r), min(low_c, c), max(high_c, c)
        grid[peak_r, peak_c] = 1
        _measure_mask(
            grid, low_r, max(high_r, peak_r) + 1, low_c, high_c + 1, x0, y0, pixel, points, stack,
            out[i],
        )  # fmt: skip
        out[i, 7] = peak
    return out


@njit(cache=True, nogil=True)
def _measure_polygon(vertices, out, points, stack):
    """Write area, aspect ratio, orientation and solidity of one polygon (Green's theorem)."""
    n = vertices.shape[0]
    area = mx = my = mxx = myy = mxy = 0.0
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
        _insert(points, k, xa, ya)
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


@njit(cache=True, nogil=True)
def measure_polygons(vertices):
    """Measure simple polygons exactly.

    Parameters
    ----------
    vertices : ndarray of float64, shape (n, V, 2)
        mm.

    Returns
    -------
    ndarray of float64, shape (n, 9)
        Columns `MEASURES`; area, aspect ratio, orientation and solidity are set, the rest 0.
    """
    n, n_vertices = vertices.shape[0], vertices.shape[1]
    out = np.zeros((n, 9))
    points, stack = np.empty((n_vertices, 2)), np.empty((2 * n_vertices + 2, 2))
    for i in range(n):
        _measure_polygon(vertices[i], out[i], points, stack)
    return out
