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

inner_kernel: Any = njit(**{**OPTIONS, "no_cpython_wrapper": True})
"""Compile a kernel that only other kernels call; that saves much of the compiling."""

BLOCK = 32
"""Elements of the vector loops' body: four registers of eight floats."""

_SORTED = 20
"""Up to so many values are sorted for a quantile."""

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
def _insertion_sort(values, n):
    for i in range(1, n):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


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
        May be reordered, and overwritten with inf beyond `n`.
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
    place = q * (n - 1)
    rank = min(int(place), n - 1)
    if n <= _SORTED:
        _insertion_sort(values, n)
        value = float(values[rank])
        return value if rank == n - 1 else value + (place - rank) * (values[rank + 1] - value)
    m = padded(n + 1)
    low, high = bits[0], bits[0]
    for i in range(n):
        b = bits[i]
        low = b if b < low else low
        high = b if b > high else high
    for i in range(n, m):
        bits[i] = _INF_BITS
    # The wanted value lies in (low, high]; so many are at most either limit.
    low, at_low, at_high, turn = np.int32(low - 1), 0, n, 0
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


@kernel
def natural_logs(bits, n, out, out_bits):
    """Write the natural logarithms of `n` positive normal floats, given as their bits.

    The compiler has no vector logarithm; this one is one, to 3e-7: with m in [1, 2) and
    t = (m - 1) / (m + 1), ln(m 2^e) = e ln 2 + 2 (t + t^3/3 + t^5/5 + ...).

    Parameters
    ----------
    out, out_bits : float32 (n,), written, and its int32 view
    """
    for i in range(n):
        out_bits[i] = (bits[i] & 0x7FFFFF) | 0x3F800000
    ln2, one = np.float32(0.6931471805599453), np.float32(1.0)
    c3, c5, c7 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)
    c9, c11 = np.float32(1 / 9), np.float32(1 / 11)
    for i in range(n):
        exponent = np.float32((bits[i] >> 23) - 127)
        t = (out[i] - one) / (out[i] + one)
        t2 = t * t
        series = one + t2 * (c3 + t2 * (c5 + t2 * (c7 + t2 * (c9 + t2 * c11))))
        out[i] = exponent * ln2 + np.float32(2.0) * t * series
