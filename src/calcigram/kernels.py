"""How kernels are compiled, and the order statistics that all of them use.

Arrays handed to these kernels are padded: they have room for `padded(n)` elements, so that
compiled loops run over whole blocks and no slow remainder is left. What is geometry
stands in `geometry`, `pairs` and `tree`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from calcigram.kernelcache import cached_njit
from calcigram.vectors import (
    LANES,
    larger,
    load,
    root,
    smaller,
    splat,
    store,
    where,
)

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # No "nnan" or "ninf": unknown values are NaN and must stay so.
    "fastmath": {"reassoc", "contract", "nsz"},
    "no_cfunc_wrapper": True,
    # The kernels allocate nothing: counting references costs time, most where threads share arrays.
    "_nrt": False,
}
"""How every kernel of the package is compiled."""

kernel: Any = cached_njit(**OPTIONS)
"""Compile a kernel that Python, too, may call."""

inner_kernel: Any = cached_njit(**{**OPTIONS, "no_cpython_wrapper": True})
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
def sort_columns(table, n):
    """Sort each of sixteen columns of `n` rows, side by side, in place.

    Batcher's merge exchange (Knuth, The Art of Computer Programming 5.2.2, algorithm M):
    which rows are compared depends on `n` alone, so all columns go through it at once.

    Parameters
    ----------
    table : float32 (16 n,)
        Row by row. No NaN.
    """
    top = 1
    while 2 * top < n:
        top *= 2
    p = top
    while p > 0:
        q, rest, gap = top, 0, p
        while True:
            for block in range(rest, n - gap, 2 * p):
                for i in range(block, min(block + p, n - gap)):
                    a, b = load(table, LANES * i), load(table, LANES * (i + gap))
                    store(table, LANES * i, smaller(a, b))
                    store(table, LANES * (i + gap), larger(b, a))
            if q == p:
                break
            gap, rest, q = q - p, p, q // 2
        p //= 2


@kernel
def column_quantile(column, n, q):
    """Return the `q` quantile of the first `n` rows of a sorted column, NaN if there are none.

    Interpolated as numpy does. The column is the table from its first element on.
    """
    if n == 0:
        return np.nan
    place = q * (n - 1)
    rank = int(place)
    value = float(column[LANES * rank])
    if rank >= n - 1:
        return value
    return value + (place - rank) * (float(column[LANES * (rank + 1)]) - value)


@kernel
def column_share_from(column, n, limit):
    """Return the share of the first `n` rows of a sorted column that are at least `limit`."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if column[LANES * middle] < limit:
            low = middle + 1
        else:
            high = middle
    return (n - low) / n


@kernel
def column_moments(table, n, count, mean, deviation):
    """Write how many values each column has, their mean and standard deviation, inf apart.

    Parameters
    ----------
    table : float32 (16 n,)
        Row by row.
    count, mean, deviation : float32 (16,), written
        The deviation divides by the count; NaN where there is no value.
    """
    zero, one, unknown = splat(np.float32(0.0)), splat(np.float32(1.0)), splat(np.float32(np.inf))
    number = added = squares = zero
    for i in range(n):
        x = load(table, LANES * i)
        number = number + where(x < unknown, one, zero)
        added = added + where(x < unknown, x, zero)
    middle = added / number
    for i in range(n):
        x = load(table, LANES * i)
        off = where(x < unknown, x - middle, zero)
        squares = squares + off * off
    store(count, 0, number)
    store(mean, 0, middle)
    store(deviation, 0, root(squares / number))


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


@kernel
def arc_tangents(y, x, n, out):
    """Write the angles of `n` directions in radians, in [-pi, pi], to 1e-6; 0 where both are 0.

    The compiler has no vector arc tangent; this one is a polynomial in the smaller over the greater
    of |x| and |y| (Abramowitz & Stegun 1964, 4.4.49).

    Parameters
    ----------
    y, x : float32 (n,)
    out : float32 (n,), written
    """
    zero, right = np.float32(0.0), np.float32(1.5707963267948966)
    a2, a4, a6 = np.float32(-0.3333314528), np.float32(0.1999355085), np.float32(-0.1420889944)
    a8, a10 = np.float32(0.1065626393), np.float32(-0.0752896400)
    a12, a14, a16 = np.float32(0.0429096138), np.float32(-0.0161657367), np.float32(0.0028662257)
    one = np.float32(1.0)
    for i in range(n):
        across, along = abs(y[i]), abs(x[i])
        greater, smaller_one = max(across, along), min(across, along)
        t = smaller_one / greater if greater > zero else zero
        s = t * t
        tail = a8 + s * (a10 + s * (a12 + s * (a14 + s * a16)))
        angle = t * (one + s * (a2 + s * (a4 + s * (a6 + s * tail))))
        angle = right - angle if across > along else angle
        angle = right + right - angle if x[i] < zero else angle
        out[i] = -angle if y[i] < zero else angle
