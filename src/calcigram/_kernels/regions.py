"""Compiled work on the window around one spot of an image: smoothing, connected regions, medians."""

from __future__ import annotations

import numpy as np

from calcigram._kernels.compiler import kernel


@kernel
def _mirrored(at, n):
    """Return an index beyond an end as the one that mirrors it, the last pixel repeated."""
    at %= 2 * n
    return 2 * n - 1 - at if at >= n else at


@kernel
def smoothed(image, taps):
    """Return an image convolved with a symmetric kernel along rows and columns, mirrored at its ends.

    Each sum is taken in double precision, in the order of `scipy.ndimage.correlate1d`, so that
    the result is that of `gaussian_filter`, bit by bit.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
    taps : ndarray of float64
        From the middle outwards.
    """
    rows, columns = image.shape
    reach = len(taps) - 1
    out = np.empty((rows, columns), np.float32)
    sums = np.empty(columns)
    line = np.empty(columns + 2 * reach)
    for r in range(rows):
        for c in range(columns):
            sums[c] = image[r, c] * taps[0]
        for k in range(reach, 0, -1):
            up, down, weight = _mirrored(r - k, rows), _mirrored(r + k, rows), taps[k]
            for c in range(columns):
                sums[c] += (np.float64(image[up, c]) + np.float64(image[down, c])) * weight
        for c in range(columns):
            line[reach + c] = np.float32(sums[c])
        for k in range(reach):
            line[k] = line[reach + _mirrored(k - reach, columns)]
            line[reach + columns + k] = line[reach + _mirrored(columns + k, columns)]
        for c in range(columns):
            sums[c] = line[reach + c] * taps[0]
        for k in range(reach, 0, -1):
            weight = taps[k]
            for c in range(columns):
                sums[c] += (line[reach + c - k] + line[reach + c + k]) * weight
        for c in range(columns):
            out[r, c] = np.float32(sums[c])
    return out


@kernel
def flooded(height, level, row, column):
    """Return the pixels of at least a level that are connected (by four neighbours) with one pixel.

    Parameters
    ----------
    height : ndarray of float32, shape (rows, columns)
    level : float32
    row, column : int
        Where it is lower, all lower pixels are returned: they have no end.

    Returns
    -------
    flat : ndarray of int64
        Rising indices of the pixels in ``height.ravel()``.
    box : tuple of int
        First and last row, first and last column.
    """
    rows, columns = height.shape
    inside = np.zeros((rows, columns), np.bool_)
    top = bottom = row
    left = right = column
    n = 0
    if height[row, column] >= level:
        waiting = np.empty(rows * columns, np.int64)
        waiting[0], inside[row, column], n_waiting = row * columns + column, True, 1
        while n_waiting:
            n_waiting -= 1
            r, c = divmod(waiting[n_waiting], columns)
            n += 1
            top, bottom, left, right = min(top, r), max(bottom, r), min(left, c), max(right, c)
            for k in range(4):
                y, x = r + (k == 0) - (k == 1), c + (k == 2) - (k == 3)
                if (
                    0 <= y < rows
                    and 0 <= x < columns
                    and not inside[y, x]
                    and height[y, x] >= level
                ):
                    inside[y, x] = True
                    waiting[n_waiting] = y * columns + x
                    n_waiting += 1
    else:
        for r in range(rows):
            for c in range(columns):
                if not height[r, c] >= level:
                    inside[r, c] = True
                    n += 1
                    top, bottom = min(top, r), max(bottom, r)
                    left, right = min(left, c), max(right, c)
    flat, at = np.empty(n, np.int64), 0
    for r in range(top, bottom + 1):
        for c in range(left, right + 1):
            if inside[r, c]:
                flat[at] = r * columns + c
                at += 1
    return flat, (top, bottom, left, right)


@kernel
def _sorted_at(image, flat):
    """Return some pixels of an image, the smallest first."""
    columns = image.shape[1]
    values = np.empty(len(flat), np.float32)
    for k, at in enumerate(flat):
        values[k] = image[at // columns, at % columns]
    values.sort()
    return values


@kernel
def median_at(image, flat):
    """Return the median of some pixels of an image, bit by bit that of `numpy.median`.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
    flat : ndarray of int64
        Indices in ``image.ravel()``; at least one.
    """
    values = _sorted_at(image, flat)
    n = len(values)
    return values[n // 2] if n % 2 else np.float32((values[n // 2 - 1] + values[n // 2]) / 2)


@kernel
def quantile_at(image, flat, share):
    """Return a quantile of some pixels of an image, bit by bit that of `numpy.quantile`."""
    values = _sorted_at(image, flat)
    place = (len(values) - 1) * share
    first = int(place)
    low, high = values[first], values[min(first + 1, len(values) - 1)]
    part = place - first
    step = np.float32(high - low)
    if part >= 0.5:
        return np.float32(high - np.float32(step * np.float32(1.0 - part)))
    return np.float32(low + np.float32(step * np.float32(part)))


@kernel
def block_sums_of(image, free, down, right):
    """Return the sums of the free pixels in blocks of `down` x `right`, and their numbers.

    Returns
    -------
    sums, counts : ndarray of float32, shape (block rows, block columns)
    """
    rows, columns = image.shape
    shape = (-(-rows // down), -(-columns // right))
    sums, counts = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    line, number = np.empty(columns, np.float32), np.empty(columns, np.float32)
    for block in range(shape[0]):
        line[:] = 0
        number[:] = 0
        for r in range(block * down, min(rows, (block + 1) * down)):
            for c in range(columns):
                if free[r, c]:
                    line[c] += image[r, c]
                    number[c] += np.float32(1)
        for c in range(columns):
            sums[block, c // right] += line[c]
            counts[block, c // right] += number[c]
    return sums, counts


@kernel
def without(sums, counts, image, free, flat, down, right):
    """Return sums and numbers of `block_sums_of` without some of the pixels."""
    columns = image.shape[1]
    sum_of, number_of = np.zeros(sums.shape), np.zeros(sums.shape)
    for at in flat:
        r, c = divmod(at, columns)
        if free[r, c]:
            sum_of[r // down, c // right] += image[r, c]
            number_of[r // down, c // right] += 1
    return sums - sum_of.astype(np.float32), counts - number_of.astype(np.float32)


@kernel
def heights(image, free, surface, down, right):
    """Return an image above a surface that is known in blocks; 0 where it is not free."""
    rows, columns = image.shape
    out = np.zeros((rows, columns), np.float32)
    for r in range(rows):
        for c in range(columns):
            if free[r, c]:
                out[r, c] = image[r, c] - surface[r // down, c // right]
    return out


@kernel(fast=True)
def _weighted(weights, image):
    """Return ``weights @ image``; of each row of weights only what lies between its zeros at the ends is looked at."""
    rows, columns = weights.shape[0], image.shape[1]
    out = np.zeros((rows, columns), np.float32)
    for i in range(rows):
        first, last = 0, weights.shape[1]
        while first < last and weights[i, first] == 0:
            first += 1
        while last > first and weights[i, last - 1] == 0:
            last -= 1
        for k in range(first, last):
            weight = weights[i, k]
            for j in range(columns):
                out[i, j] += weight * image[k, j]
    return out


@kernel
def weighted(down, image, right):
    """Return ``down @ image @ right.T``; what is 0 at the ends of rows of `down` and `right` costs nothing.

    Unlike those of numpy, the products of small matrices start no threads.
    """
    half = _weighted(down, image)
    return _weighted(right, half.T.copy()).T.copy()
