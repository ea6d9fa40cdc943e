"""Compiled measuring: outlines are drawn on a pixel grid, blurred, cut and measured.

The cover of each pixel is exact. Measures of a mask or a polygon are those of scikit-image's
``regionprops``: moments with the 1/12 of a pixel's own extent, convex area over the midpoints of
pixel edges.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import rough_normal
from calcigram.simulate._shape import convex_hull, hull_area

MEASURES = ("x", "y", "area", "aspect", "orientation", "solidity", "box_aspect", "peak", "pixels")
_MAX_SIDE = 48
_MAX_BLUR = 2.5
_TRUTH_CELLS = 20
_NEGLIGIBLE = 1e-6


@kernel
def _accumulate(image, vertices, x0, y0, pixel):
    """Add to each pixel by how much a polygon's cover exceeds that of the pixel to its left.

    A running sum along a row then is the covered area of each pixel, exactly, with the sign of
    the polygon's turn. The scheme is that of font rasterisers (libart; Levien, font-rs).
    """
    n = vertices.shape[0]
    xj, yj = (vertices[n - 1, 0] - x0) / pixel, (vertices[n - 1, 1] - y0) / pixel
    for k in range(n):
        xa, ya = xj, yj
        xj, yj = (vertices[k, 0] - x0) / pixel, (vertices[k, 1] - y0) / pixel
        xb, yb, sign = xj, yj, 1.0
        if ya == yb:
            continue
        if ya > yb:
            xa, ya, xb, yb, sign = xb, yb, xa, ya, -1.0
        slope = (xb - xa) / (yb - ya)
        x = xa
        for row in range(int(ya), math.ceil(yb)):
            height = min(row + 1.0, yb) - max(float(row), ya)
            beyond = x + slope * height
            left, right = min(x, beyond), max(x, beyond)
            x = beyond
            first, last = int(left), math.ceil(right)
            height *= sign
            if last <= first + 1:
                share = 0.5 * (left + right) - first
                image[row, first] += height * (1.0 - share)
                image[row, first + 1] += height * share
                continue
            # The edge crosses several pixels of this row: a triangle, trapezoids, a triangle.
            per_pixel = height / (right - left)
            before = 0.0
            for column in range(first, last):
                a, b = max(left, float(column)), min(right, column + 1.0)
                mean = column + 1.0 - 0.5 * (a + b)
                covered = per_pixel * ((b - a) * mean + max(0.0, column - left))
                image[row, column] += covered - before
                before = covered
            image[row, last] += height - before


@kernel
def _add(target, source, weight):
    # Counted from 0, for only then does the compiler know that no index is negative.
    for k in range(target.size):
        target[k] += weight * source[k]


@kernel
def _box(vertices, begin, end):
    """Return least x, least y, greatest x and greatest y of polygons ``begin:end``."""
    x, y = vertices[begin:end, :, 0], vertices[begin:end, :, 1]
    return x.min(), y.min(), x.max(), y.max()


@kernel
def _cover(image, spare, vertices, begin, end, x0, y0, pixel, rows, columns, left, right):
    """Write the covered share of each pixel by polygons ``begin:end``; return the rows covered.

    ``left[r]`` and ``right[r]`` are set to the first covered pixel of a row and the one past
    the last. Where polygons overlap their shares add up, to 1 at most.
    """
    left[:rows], right[:rows] = columns, 0
    image[:rows, :columns] = 0.0
    top, bottom = rows, 0
    for part in range(begin, end):
        target = image if part == begin else spare
        low_x, low_y, high_x, high_y = _box(vertices, part, part + 1)
        low, high = int((low_y - y0) / pixel), int((high_y - y0) / pixel) + 1
        begin_c, end_c = int((low_x - x0) / pixel), int((high_x - x0) / pixel) + 2
        if part > begin:
            spare[low:high, begin_c:end_c] = 0.0
        _accumulate(target, vertices[part], x0, y0, pixel)
        for r in range(low, high):
            total = 0.0
            for c in range(begin_c, end_c):
                total += target[r, c]
                share = min(1.0, abs(total))
                if part > begin:
                    share = min(1.0, image[r, c] + share)
                if share > _NEGLIGIBLE:
                    left[r], right[r] = min(left[r], c), max(right[r], c + 1)
                    image[r, c] = share
                else:
                    image[r, c] = 0.0
        top, bottom = min(top, low), max(bottom, high)
    return top, bottom


@kernel
def _blur(image, spare, left, right, top, bottom, rows, columns, first_column, last_column, sigma):
    """Blur in place with a Gaussian cut at two and a half standard deviations.

    Only rows ``top:bottom`` hold anything, each in columns ``left:right``. What is written are
    the rows within reach of those, in columns ``first_column:last_column``.
    """
    reach = math.ceil(2.5 * sigma)
    kernel = np.empty(2 * reach + 1)
    for k in range(-reach, reach + 1):
        kernel[k + reach] = math.exp(-0.5 * (k / sigma) ** 2)
    kernel /= kernel.sum()
    # Tap by tap over whole rows, so that the inner loop is one the compiler vectorises.
    for r in range(top, bottom):
        spare[r, first_column:last_column] = 0.0
        for k in range(-reach, reach + 1):
            weight = kernel[k + reach]
            low, high = max(0, left[r] - k), min(columns, right[r] - k)
            if low < high:
                _add(spare[r, low:high], image[r, low + k : high + k], weight)
    for r in range(max(0, top - reach), min(rows, bottom + reach)):
        image[r, first_column:last_column] = 0.0
        for source in range(max(top, r - reach), min(bottom, r + reach + 1)):
            weight = kernel[source - r + reach]
            low, high = max(0, left[source] - reach), min(columns, right[source] + reach)
            _add(image[r, low:high], spare[source, low:high], weight)


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
def _measure_mask(mask, top, bottom, first_column, last_column, x0, y0, pixel, lower, upper, out):
    """Write position, area, shape and pixel count of one mask into a row of measures.

    The mask is ``mask[top:bottom, first_column:last_column]``; `lower` and `upper` are room for
    3 points per column each.
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
def _measure_polygon(vertices, out):
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
    mean_x, mean_y = mx / (3.0 * area), my / (3.0 * area)
    vxx = mxx / (6.0 * area) - mean_x * mean_x
    vyy = myy / (6.0 * area) - mean_y * mean_y
    vxy = mxy / (12.0 * area) - mean_x * mean_y
    half = 0.5 * math.sqrt((vxx - vyy) ** 2 + 4.0 * vxy * vxy)
    middle = 0.5 * (vxx + vyy)
    out[2] = 0.5 * abs(area)
    out[3] = math.sqrt((middle + half) / max(middle - half, 1e-9 * middle))
    out[4] = math.degrees(0.5 * math.atan2(2.0 * vxy, vxx - vyy)) % 180.0
    out[5] = min(1.0, out[2] / hull_area(convex_hull(vertices)))


@kernel
def gathered(parts, part_owner, xy, owner):
    """Move polygons to their places, those of calcifications taken together side by side.

    Parameters
    ----------
    parts : ndarray of float64, shape (P, V, 2)
        mm, about the centre of the calcification.
    part_owner : ndarray of int64, shape (P,)
        Calcification of each polygon, never falling.
    xy : ndarray of float64, shape (N, 2)
    owner : ndarray of int64, shape (N,)
        Whom each calcification is taken together with: itself, or one before it that owns
        itself and no other.

    Returns
    -------
    vertices : ndarray of float64, shape (P, V, 2)
    first : ndarray of int64, shape (n + 1,)
        What is seen as calcification ``i`` is the union of polygons ``first[i]:first[i + 1]``.
    """
    n_all, n_parts = len(owner), len(part_owner)
    follower, begin = np.full(n_all, -1), np.full(n_all + 1, n_parts)
    for part in range(n_parts - 1, -1, -1):
        begin[part_owner[part]] = part
    for i in range(n_all):
        if owner[i] != i:
            follower[owner[i]] = i
    vertices, first = np.empty(parts.shape), np.zeros(n_all + 1, np.int64)
    m, n = 0, 0
    for i in range(n_all):
        if owner[i] != i:
            continue
        member = i
        while member >= 0:
            for part in range(begin[member], begin[member + 1]):
                for k in range(parts.shape[1]):
                    vertices[m, k, 0] = parts[part, k, 0] + xy[member, 0]
                    vertices[m, k, 1] = parts[part, k, 1] + xy[member, 1]
                m += 1
            member = follower[member] if member == i else -1
        n += 1
        first[n] = m
    return vertices, first[: n + 1]


@kernel
def measure(
    state, vertices, first, pixel_mm, origin, psf_pixels, threshold, threshold_sd, noise,
    softness_mm, contrast,
):  # fmt: skip
    """Measure each calcification on its pixel grid.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    vertices, first
        From `gathered`.
    pixel_mm : float
        Pitch of the grid; raised where a calcification would exceed 33 to 43 pixels.
    origin : tuple of 2 floats
        A corner of the grid, mm.
    psf_pixels, threshold, threshold_sd, noise : float
        Standard deviation of the blur; cut as a share of the peak, and its standard deviation
        from one calcification to the next; standard deviation of the noise on an edge of
        contrast 0.8 as a share of the peak.
    softness_mm, contrast : ndarray of float64, shape (n,)
        Standard deviation of a calcification's own blur; contrast, to which the noise is in
        inverse proportion, within bounds.

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
    mask = np.empty((_MAX_SIDE, _MAX_SIDE), np.uint8)
    lower, upper = np.empty((3 * _MAX_SIDE, 2)), np.empty((3 * _MAX_SIDE, 2))
    left, right = np.empty(_MAX_SIDE, np.int64), np.empty(_MAX_SIDE, np.int64)
    for i in range(n):
        low_x, low_y, high_x, high_y = _box(vertices, first[i], first[i + 1])
        sigma = min(_MAX_BLUR, math.hypot(psf_pixels, softness_mm[i] / pixel_mm))
        margin = 1 + math.ceil(2.0 * sigma)
        room = _MAX_SIDE - 2 * margin - 3
        pixel = max(pixel_mm, max(high_x - low_x, high_y - low_y) / room)
        column0 = math.floor((low_x - origin[0]) / pixel) - margin
        row0 = math.floor((low_y - origin[1]) / pixel) - margin
        x0, y0 = origin[0] + column0 * pixel, origin[1] + row0 * pixel
        columns = math.ceil((high_x - x0) / pixel) + margin
        rows = math.ceil((high_y - y0) / pixel) + margin
        top, bottom = _cover(
            image, spare, vertices, first[i], first[i + 1], x0, y0, pixel, rows, columns, left,
            right,
        )  # fmt: skip
        first_column, last_column = margin - 1, columns - margin + 1
        if sigma > 0.2 and top < bottom:
            reach = math.ceil(2.5 * sigma)
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
        cutoff = peak * min(0.75, max(0.2, threshold + threshold_sd * rough_normal(state)))
        # Noise matters where there is some signal (elsewhere a detector's size filter removes
        # it) and where it can reach the cut: it is bounded by 3.5 standard deviations.
        level = noise * min(3.0, max(0.5, 0.8 / contrast[i])) * peak
        low_r, high_r, low_c, high_c = peak_r, peak_r, peak_c, peak_c
        for r in range(top, bottom):
            for c in range(first_column, last_column):
                value = image[r, c]
                if value > 0.1 * peak and abs(value - cutoff) < 3.5 * level:
                    value += level * rough_normal(state)
                mask[r, c] = value >= cutoff
                if value >= cutoff:
                    high_r = r
                    low_r, low_c, high_c = min(low_r, r), min(low_c, c), max(high_c, c)
        mask[peak_r, peak_c] = 1
        _measure_mask(
            mask, low_r, max(high_r, peak_r) + 1, low_c, high_c + 1, x0, y0, pixel, lower, upper,
            out[i],
        )  # fmt: skip
        out[i, 7] = peak
    return out


@kernel
def measure_outlines(vertices, owner, n):
    """Measure outlines free of noise: one polygon exactly, a union on a grid of 20 cells.

    Parameters
    ----------
    vertices : ndarray of float64, shape (P, V, 2)
        mm.
    owner : ndarray of int64, shape (P,)
        Never falling, every outline named: outline ``i`` is the union of the polygons it owns.
    n : int
        Number of outlines.

    Returns
    -------
    ndarray of float64, shape (n, 4)
        Diameter of equal area (mm), aspect ratio, orientation (degrees), solidity.
    """
    side = _TRUTH_CELLS + 4
    out, row = np.empty((n, 4)), np.empty(9)
    lower, upper = np.empty((3 * side, 2)), np.empty((3 * side, 2))
    image, spare = np.empty((side, side)), np.empty((side, side))
    mask = np.empty((side, side), np.uint8)
    left, right = np.empty(side, np.int64), np.empty(side, np.int64)
    begin = np.int64(0)
    for i in range(n):
        end = begin
        while end < len(owner) and owner[end] == i:
            end += 1
        if end == begin + 1:
            _measure_polygon(vertices[begin], row)
        else:
            low_x, low_y, high_x, high_y = _box(vertices, begin, end)
            cell = max(max(high_x - low_x, high_y - low_y) / _TRUTH_CELLS, 1e-3)
            x0, y0 = low_x - cell, low_y - cell
            rows, columns = int((high_y - y0) / cell) + 3, int((high_x - x0) / cell) + 3
            top, bottom = _cover(
                image, spare, vertices, begin, end, x0, y0, cell, rows, columns, left, right
            )  # fmt: skip
            n_covered, low_c, high_c = 0, columns, 0
            for r in range(top, bottom):
                low_c, high_c = min(low_c, left[r]), max(high_c, right[r])
            for r in range(top, bottom):
                for c in range(low_c, high_c):
                    mask[r, c] = image[r, c] >= 0.5
                    n_covered += mask[r, c]
            if n_covered == 0:
                top, low_c = rows // 2, columns // 2
                bottom, high_c = top + 1, low_c + 1
                mask[top, low_c] = 1
            _measure_mask(mask, top, bottom, low_c, high_c, x0, y0, cell, lower, upper, row)
        out[i, 0] = math.sqrt(4.0 / math.pi * row[2])
        out[i, 1], out[i, 2], out[i, 3] = row[3], row[4], row[5]
        begin = end
    return out
