"""Compiled order statistics: the sum of what many features ask of a list of values."""

from __future__ import annotations

import numpy as np

from calcigram._kernels.compiler import kernel

BLOCK = 64
"""Arrays that hot loops run over are padded to whole blocks: LLVM unrolls a loop to up to 64 elements
a turn, and what is left over would run one element at a time."""

LANES = 16
"""Loops over this many neighbours in memory become one or two vector operations."""

TILE = 4
"""Points that a loop over lanes meets a turn: its sums are loaded and stored once for all of them."""

FAR = np.float32(np.inf)
MOST_COUNTED = 512
"""Values up to which counting how many are smaller is faster than sorting."""


@kernel(fast=True)
def padded(values, filler):
    """Return a copy, filled up to whole blocks with `filler`; float32."""
    n = values.size
    copy = np.empty((n + BLOCK - 1) // BLOCK * BLOCK, np.float32)
    for i in range(n):
        copy[i] = values[i]
    for i in range(n, copy.size):
        copy[i] = filler
    return copy


@kernel(fast=True)
def merge_order(keys, n):
    """Return the indices of the first `n` keys by rising key, equal ones as they come: merge sort."""
    order, other = np.empty(n, np.int32), np.empty(n, np.int32)
    for i in range(n):
        order[i] = i
    width = 1
    while width < n:
        for start in range(0, n, 2 * width):
            middle, end = min(start + width, n), min(start + 2 * width, n)
            i, j = start, middle
            for k in range(start, end):
                if j == end or (i < middle and keys[order[i]] <= keys[order[j]]):
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
        order, other = other, order
        width *= 2
    return order


@kernel(fast=True)
def count_smaller(keys, n):
    """Return for each of padded keys how many of the first `n` are smaller; float32.

    Sorting branches on data, which a processor guesses wrong half of the time. Up to some hundred
    values it is faster to count, since that vectorises, though it is O(n^2).
    """
    rank, zero, one = np.empty(keys.size, np.float32), np.float32(0.0), np.float32(1.0)
    rank[:] = zero
    for j in range(0, n, 4):  # four at a time, so that ranks are loaded and stored less often
        a, b, c, d = keys[j], keys[j + 1], keys[j + 2], keys[j + 3]
        for i in range(keys.size):
            key = keys[i]
            smaller = (one if a < key else zero) + (one if b < key else zero)
            smaller += (one if c < key else zero) + (one if d < key else zero)
            rank[i] += smaller
    return rank


@kernel(fast=True)
def rising(values):
    """Return a sorted copy of float32 values, those that are NaN left out."""
    n, known = values.size, 0
    keys, ordered = padded(values, FAR), np.empty(n, np.float32)
    for i in range(n):
        known += keys[i] == keys[i]
        keys[i] = keys[i] if keys[i] == keys[i] else FAR
    if n > MOST_COUNTED:
        order = merge_order(keys, n)
        for i in range(n):
            ordered[i] = keys[order[i]]
        return ordered[:known]
    rank = count_smaller(keys, n)
    ordered[:] = -FAR
    for i in range(n):
        ordered[int(rank[i])] = keys[i]
    highest = -FAR
    for i in range(n):  # of equal values one has been written
        highest = max(highest, ordered[i])
        ordered[i] = highest
    return ordered[:known]


@kernel(fast=True)
def quantile(ordered, q):
    """Return the `q` quantile of `rising` values, interpolated as numpy does; NaN of none."""
    last = ordered.size - 1
    if last < 0:
        return np.nan
    place = q * last
    rank = int(place)
    low, high = np.float64(ordered[rank]), np.float64(ordered[min(rank + 1, last)])
    return low + (place - rank) * (high - low)


@kernel(fast=True)
def share_from(values, limit):
    """Return the share of values that are at least `limit`."""
    count = np.float32(0.0)
    for i in range(values.size):
        count += np.float32(1.0) if values[i] >= limit else np.float32(0.0)
    return float(count) / values.size


@kernel(fast=True)
def mean_and_deviation(values):
    """Return mean and standard deviation, which divides by the number of values; NaN of none."""
    added = squares = np.float32(0.0)
    for i in range(values.size):
        added += values[i]
    mean = added / np.float32(values.size)
    for i in range(values.size):
        squares += (values[i] - mean) * (values[i] - mean)
    return float(mean), np.sqrt(float(squares) / values.size)


@kernel(fast=True)
def slope_and_correlation(x, y):
    """Return the least-squares slope of y on x, and their correlation; NaN where undefined."""
    # Measured from the first point, so that equal values leave exact zeros.
    n, x0, y0 = x.size, x[0], y[0]
    sx = sy = np.float32(0.0)
    for i in range(n):
        sx += x[i] - x0
        sy += y[i] - y0
    sx /= np.float32(n)
    sy /= np.float32(n)
    xx = yy = xy = np.float32(0.0)
    for i in range(n):
        dx, dy = (x[i] - x0) - sx, (y[i] - y0) - sy
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    slope = float(xy) / xx if xx > 0.0 else np.nan
    correlation = xy / np.sqrt(float(xx) * yy) if xx > 0.0 and yy > 0.0 else np.nan
    return slope, correlation
