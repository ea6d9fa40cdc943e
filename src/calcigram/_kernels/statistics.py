"""Compiled order statistics: the sum of what many features ask of a list of values."""

from __future__ import annotations

import numpy as np

from calcigram._kernels.compiler import kernel

BLOCK = 64
"""Arrays that hot loops run over are padded to whole blocks: LLVM unrolls a loop to up to 64 elements
a turn, and what is left over would run one element at a time."""

LANES = 16
"""Loops over this many neighbours in memory become one or two vector operations."""

FAR = np.float32(np.inf)
_LARGEST = np.int32(0x7FFFFFFF)


@kernel(fast=True)
def padded(values, filler):
    """Return a copy, filled up to whole blocks with `filler`; float32."""
    n = values.size
    copy = np.full((n + BLOCK - 1) // BLOCK * BLOCK, filler, np.float32)
    for i in range(n):
        copy[i] = values[i]
    return copy


@kernel(fast=True)
def _count_at_most(keys, limit):
    # Counted in float32, sixteen to a register; an integer would be widened to int64.
    count = np.float32(0.0)
    for i in range(keys.size):
        count += np.float32(1.0) if keys[i] <= limit else np.float32(0.0)
    return int(count)


@kernel(fast=True)
def quantile(values, q):
    """Return the `q` quantile of contiguous float32 values, interpolated as numpy does; NaN of none.

    Sorting branches on data, which a processor guesses wrong half of the time. This narrows an
    interval instead: the bits of a float, as an integer, have its order (of a negative one all but
    the sign are turned over), and counting how many are at most a limit is one vectorised pass.
    The next limit is guessed from the counts, twice in three times, and halved else: 5 to 9 passes.
    """
    n = values.size
    if n == 0:
        return np.nan
    keys = np.full((n + BLOCK - 1) // BLOCK * BLOCK, _LARGEST)
    bits = values.view(np.int32)
    low = high = bits[0] ^ ((bits[0] >> 31) & _LARGEST)
    for i in range(n):
        key = bits[i] ^ ((bits[i] >> 31) & _LARGEST)
        keys[i] = key
        low = min(low, key)
        high = max(high, key)
    place = q * (n - 1)
    rank = int(place)
    # The wanted key lies in (low, high], in int64, lest a difference overflow.
    below, above, at_below, at_above, turn = int(low) - 1, int(high), 0, n, 0
    while at_above - at_below > 1 and above - below > 1:
        guess = (rank + 0.5 - at_below) / (at_above - at_below) if turn % 3 < 2 else 0.5
        middle = min(above - 1, max(below + 1, below + int(guess * (above - below))))
        count = _count_at_most(keys, np.int32(middle))
        if count > rank:
            above, at_above = middle, count
        else:
            below, at_below = middle, count
        turn += 1
    limit, found, following = np.int32(above), low, _LARGEST
    for i in range(keys.size):
        key = keys[i]
        found = max(found, key if key <= limit else low)
        following = min(following, key if key > limit else _LARGEST)
    keys[0] = found ^ ((found >> 31) & _LARGEST)
    keys[1] = following ^ ((following >> 31) & _LARGEST)
    pair = keys.view(np.float32)
    value, share = float(pair[0]), place - rank
    if share <= 0.0 or at_above > rank + 1:
        return value
    return value + share * (float(pair[1]) - value)


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
