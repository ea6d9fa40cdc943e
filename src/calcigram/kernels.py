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


@kernel
def quantile(values, bits, n, q):
    """Return the `q` quantile of `n` non-negative values, interpolated as numpy does.

    Bisects on the bits, counting in whole blocks: for some hundred values that beats sorting.

    Parameters
    ----------
    values : float32 (padded(n),)
        Overwritten with inf beyond `n`.
    bits : int32
        The same memory.

    Examples
    --------
    >>> values = np.zeros(32, np.float32)
    >>> values[:4] = 3, 1, 2, 8
    >>> float(quantile(values, values.view(np.int32), 4, 0.5))
    2.5
    """
    if n == 0:
        return np.nan
    m = padded(n)
    for i in range(n, m):
        bits[i] = _INF_BITS
    low, high = bits[0], bits[0]
    for i in range(n):
        b = bits[i]
        low = b if b < low else low
        high = b if b > high else high
    place = q * (n - 1)
    rank = min(int(place), n - 1)
    while low < high:
        middle = np.int32(low + (high - low) // 2)
        if _count_at_most(bits, m, middle) > rank:
            high = middle
        else:
            low = np.int32(middle + 1)
    value = _value_of(values, bits, n, low)
    share = place - rank
    if share <= 0.0 or rank == n - 1 or _count_at_most(bits, m, low) > rank + 1:
        return value
    above = _INF_BITS
    for i in range(m):
        b = bits[i]
        b = b if b > low else _INF_BITS
        above = b if b < above else above
    return value + share * (_value_of(values, bits, n, above) - value)


@inner_kernel
def _count_at_most(bits, m, limit):
    # Counting in float32 keeps eight to a register; int32 sums would widen to int64.
    one, zero = np.float32(1.0), np.float32(0.0)
    count = zero
    for i in range(m):
        count += one if bits[i] <= limit else zero
    return int(count)


@inner_kernel
def _value_of(values, bits, n, wanted):
    i = 0
    while i < n - 1 and bits[i] != wanted:
        i += 1
    return float(values[i])
