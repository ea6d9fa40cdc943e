"""How kernels are compiled, and the order statistics that all of them use.

Arrays handed to these kernels are padded: they have room for `padded(n)` elements, so that
compiled loops run over whole blocks and no slow remainder is left. What is geometry
stands in `geometry`, `pairs` and `tree`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    # No "nnan" or "ninf": unknown values are NaN and must stay so.
    "fastmath": {"reassoc", "contract", "nsz"},
    "no_cfunc_wrapper": True,
}
"""How every kernel of the package is compiled."""

kernel: Any = njit(**OPTIONS)
"""Compile a kernel that Python, too, may call."""

inner_kernel: Any = njit(**OPTIONS, no_cpython_wrapper=True)
"""Compile a kernel that only other kernels call; that saves much of the compiling."""

BLOCK = 32
"""Elements of the vector loops' body: four registers of eight floats."""

_INF_BITS = np.int32(0x7F800000)


@kernel
def padded(n):
    """Return `n` rounded up to whole blocks.

    Examples
    --------
    >>> padded(33)
    64
    """
    return (n + BLOCK - 1) // BLOCK * BLOCK


@kernel
def index_of_least(bits, n):
    """Return the first index of the least of `n` non-negative floats, given as their bits.

    Such floats sort as their bits do, and integer minima vectorise where float minima do not.

    Examples
    --------
    >>> index_of_least(np.array([3, 1, 2], np.float32).view(np.int32), 3)
    1
    """
    least = _INF_BITS
    for i in range(n):
        least = bits[i] if bits[i] < least else least
    i = 0
    while i < n - 1 and bits[i] != least:
        i += 1
    return i


@inner_kernel
def _count_at_most(bits, m, limit):
    # Counting in float32 keeps eight to a register; int32 sums would widen to int64.
    one, zero = np.float32(1.0), np.float32(0.0)
    count = zero
    for i in range(m):
        count += one if bits[i] <= limit else zero
    return int(count)


@inner_kernel
def _as_float(values, bits, n, wanted):
    bits[n] = wanted
    value = float(values[n])
    bits[n] = _INF_BITS
    return value


@kernel
def quantile(values, bits, n, q):
    """Return the `q` quantile of `n` non-negative values, interpolated as numpy does.

    Narrows an interval of bit patterns, counting in whole blocks and guessing the next limit
    from the counts: for some hundred values that beats sorting.

    Parameters
    ----------
    values : float32 (padded(n + 1),)
        Overwritten with inf beyond `n`.
    bits : int32
        The same memory.

    Examples
    --------
    >>> values = np.zeros(32, np.float32)
    >>> values[:4] = 3, 1, 2, 8
    >>> quantile(values, values.view(np.int32), 4, 0.5)
    2.5
    """
    if n == 0:
        return np.nan
    m = padded(n + 1)
    high = np.int32(0)
    for i in range(n):
        high = bits[i] if bits[i] > high else high
    for i in range(n, m):
        bits[i] = _INF_BITS
    place = q * (n - 1)
    rank = min(int(place), n - 1)
    # The wanted value lies in (low, high]; so many are at most either limit.
    low, at_low, at_high, turn = np.int32(-1), 0, n, 0
    while at_high - at_low > 1 and high - low > 1:
        guess = (rank + 0.5 - at_low) / (at_high - at_low) if turn % 3 < 2 else 0.5
        middle = np.int32(min(high - 1, max(low + 1, low + int(guess * (high - low)))))
        count = _count_at_most(bits, m, middle)
        if count > rank:
            high, at_high = middle, count
        else:
            low, at_low = middle, count
        turn += 1
    found, above = np.int32(0), _INF_BITS
    for i in range(m):
        b = bits[i]
        under = b if b <= high else np.int32(0)
        over = b if b > high else _INF_BITS
        found = under if under > found else found
        above = over if over < above else above
    value = _as_float(values, bits, n, found)
    share = place - rank
    if share <= 0.0 or rank == n - 1 or at_high > rank + 1:
        return value
    return value + share * (_as_float(values, bits, n, above) - value)
