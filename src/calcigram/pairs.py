"""Compiled kernels on all pairs of points: distances, counts, nearest neighbours.

They read points padded with inf (see `kernels`), which lie beyond every distance. Which of
those pairs make the spanning tree is `tree`'s business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calcigram.kernels import inner_kernel, kernel
from calcigram.vectors import (
    LANES,
    greatest,
    lane_numbers,
    larger,
    load,
    root,
    smaller,
    splat,
    store,
    total,
    where,
)

NEAR, WIDE = 4, 8
"""Numbers of neighbours a local direction is taken over."""

_STEP = 4
_SLACK = 1.0 + 1e-5


class Pairs(NamedTuple):
    """Sums over all unordered pairs of points; the last two count a circle's centre, too."""

    distance_sum: float
    within_1mm: int
    within_3mm: int
    within_10mm: int
    within_small: int
    within_large: int
    most_within_5mm: int
    most_within_10mm: int


@kernel
def measure_pairs(u, v, n, small, large):
    """Sum and count over all pairs.

    Parameters
    ----------
    u, v : float32 (padded(n),)
        Padded with inf.
    small, large : float
        Two further distances to count pairs within.

    Returns
    -------
    Pairs
    """
    zero, one = splat(np.float32(0.0)), splat(np.float32(1.0))
    r1, r3, r5 = splat(np.float32(1.0)), splat(np.float32(9.0)), splat(np.float32(25.0))
    r10 = splat(np.float32(100.0))
    small2, large2 = splat(np.float32(small * small)), splat(np.float32(large * large))
    half = np.float32(0.5)
    distance_sum = n1 = n3 = n10 = ns = nl = 0.0
    most5 = most10 = zero
    for start in range(0, n, LANES):
        qu, qv = load(u, start), load(v, start)
        real = lane_numbers() < splat(np.float32(n - start))
        c5 = c10 = length = c1 = c3 = p10 = cs = cl = zero
        for j in range(start):
            du, dv = splat(u[j]) - qu, splat(v[j]) - qv
            x = du * du + dv * dv
            c5 = c5 + where(x <= r5, one, zero)
            c10 = c10 + where(x <= r10, one, zero)
        for j in range(start, n):
            # Each pair comes once, but those among the sixteen twice.
            share = splat(half if j < start + LANES else np.float32(1.0))
            du, dv = splat(u[j]) - qu, splat(v[j]) - qv
            x = du * du + dv * dv
            length = length + share * root(x)
            c5 = c5 + where(x <= r5, one, zero)
            c10 = c10 + where(x <= r10, one, zero)
            c1 = c1 + where(x <= r1, share, zero)
            c3 = c3 + where(x <= r3, share, zero)
            p10 = p10 + where(x <= r10, share, zero)
            cs = cs + where(x <= small2, share, zero)
            cl = cl + where(x <= large2, share, zero)
        distance_sum += total(where(real, length, zero))
        n1 += total(where(real, c1, zero))
        n3 += total(where(real, c3, zero))
        n10 += total(where(real, p10, zero))
        ns += total(where(real, cs, zero))
        nl += total(where(real, cl, zero))
        most5 = larger(most5, where(real, c5, zero))
        most10 = larger(most10, where(real, c10, zero))
    # A point and itself count for half a pair.
    own = 0.5 * n
    return Pairs(
        distance_sum, int(n1 - own), int(n3 - own), int(n10 - own), int(ns - own), int(nl - own),
        int(greatest(most5)), int(greatest(most10)),
    )  # fmt: skip


@inner_kernel
def _kth_least(one, two, three, four):
    """Return the last of four rising vectors; where it is inf, the last that is not."""
    far = splat(np.float32(np.inf))
    best = where(four < far, four, three)
    best = where(best < far, best, two)
    return where(best < far, best, one)


@inner_kernel
def _search(u, v, n, start):
    """Return the squared distances of sixteen points to their NEAR-th and WIDE-th neighbour.

    Each lane keeps its eight least squares in order. Candidates are taken outwards from the
    sixteen, the points coming by rising `u`, until the gap in `u` alone is too great; the
    last two numbers returned are the stretch that was looked at.
    """
    far = splat(np.float32(np.inf))
    qu, qv, numbers = load(u, start), load(v, start), lane_numbers()
    real = numbers < splat(np.float32(n - start))
    b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = far
    end = min(start + LANES, n)
    first, last = u[start], u[end - 1]
    low, high = start, end
    j, stop = start, end
    while True:
        while j < stop:
            du, dv = splat(u[j]) - qu, splat(v[j]) - qv
            x = du * du + dv * dv
            x = where(numbers == splat(np.float32(j - start)), far, x)
            b0, x = smaller(x, b0), larger(x, b0)
            b1, x = smaller(x, b1), larger(x, b1)
            b2, x = smaller(x, b2), larger(x, b2)
            b3, x = smaller(x, b3), larger(x, b3)
            b4, x = smaller(x, b4), larger(x, b4)
            b5, x = smaller(x, b5), larger(x, b5)
            b6, x = smaller(x, b6), larger(x, b6)
            b7 = smaller(x, b7)
            j += 1
        if low == 0 and high == n:
            break
        below = first - u[low - 1] if low > 0 else np.float32(np.inf)
        above = u[high] - last if high < n else np.float32(np.inf)
        gap = min(below, above)
        if gap * gap > greatest(where(real, b7, splat(np.float32(0.0)))) * np.float32(_SLACK):
            break
        if below < above:
            stop = low
            j = low = max(0, low - _STEP)
        else:
            j = high
            stop = high = min(n, high + _STEP)
    near = _kth_least(b0, b1, b2, b3)
    return near, where(b4 < far, _kth_least(b4, b5, b6, b7), near), low, high


@inner_kernel
def _linearity(count, su, sv, suu, svv, suv):
    """Return a cos 2t, a sin 2t and 1 - l2/l1 of summed moments; zeros and -1 without extent."""
    zero, one, two = splat(np.float32(0.0)), splat(np.float32(1.0)), splat(np.float32(2.0))
    suu = suu - su * su / count
    svv = svv - sv * sv / count
    suv = suv - su * sv / count
    trace = suu + svv
    some = zero < trace
    c, s = where(some, (suu - svv) / trace, zero), where(some, two * suv / trace, zero)
    a = smaller(root(c * c + s * s), one)
    return c, s, where(some, two * a / (one + a), zero - one)


@kernel
def local_directions(u, v, n, near2, wide2, cos2, sin2):
    """Take the direction of each point with its neighbours; return the mean linearities.

    All points at the distance of the last neighbour belong, so ties need no choice. The
    farthest stands in where there are fewer.

    Parameters
    ----------
    u, v : float32 (padded(n),)
        By rising `u`, padded with inf.
    near2, wide2 : float32 (padded(n),), written
        Squared distances to the NEAR-th and to the WIDE-th neighbour.
    cos2, sin2 : float32 (padded(n),), written
        ``a cos 2t`` and ``a sin 2t`` of the major direction t over WIDE neighbours with the
        anisotropy ``a = (l1 - l2) / (l1 + l2)``; zeros where all those points are one.

    Returns
    -------
    (float, float)
        Means over the points of ``1 - l2 / l1 = 2 a / (1 + a)`` with NEAR and with WIDE
        neighbours; NaN where no point has a direction.
    """
    zero, one, slack = splat(np.float32(0.0)), splat(np.float32(1.0)), splat(np.float32(_SLACK))
    total_near = total_wide = n_near = n_wide = zero
    for start in range(0, n, LANES):
        near, wide, low, high = _search(u, v, n, start)
        store(near2, start, near)
        store(wide2, start, wide)
        near, wide = near * slack, wide * slack
        qu, qv = load(u, start), load(v, start)
        a0 = a1 = a2 = a3 = a4 = a5 = zero
        b0 = b1 = b2 = b3 = b4 = b5 = zero
        for j in range(low, high):
            du, dv = splat(u[j]) - qu, splat(v[j]) - qv
            uu, vv, uv = du * du, dv * dv, du * dv
            d2 = uu + vv
            within, close = d2 <= wide, d2 <= near
            a0 = a0 + where(within, one, zero)
            a1 = a1 + where(within, du, zero)
            a2 = a2 + where(within, dv, zero)
            a3 = a3 + where(within, uu, zero)
            a4 = a4 + where(within, vv, zero)
            a5 = a5 + where(within, uv, zero)
            b0 = b0 + where(close, one, zero)
            b1 = b1 + where(close, du, zero)
            b2 = b2 + where(close, dv, zero)
            b3 = b3 + where(close, uu, zero)
            b4 = b4 + where(close, vv, zero)
            b5 = b5 + where(close, uv, zero)
        real = lane_numbers() < splat(np.float32(n - start))
        c, s, linearity = _linearity(b0, b1, b2, b3, b4, b5)
        some = real & (zero <= linearity)
        total_near = total_near + where(some, linearity, zero)
        n_near = n_near + where(some, one, zero)
        c, s, linearity = _linearity(a0, a1, a2, a3, a4, a5)
        some = real & (zero <= linearity)
        total_wide = total_wide + where(some, linearity, zero)
        n_wide = n_wide + where(some, one, zero)
        store(cos2, start, c)
        store(sin2, start, s)
    # Sums of no points make 0 / 0, which is NaN.
    return total(total_near) / total(n_near), total(total_wide) / total(n_wide)
