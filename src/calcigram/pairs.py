"""Compiled kernels on all pairs of points: distances, counts, nearest neighbours.

They read points padded with inf (see `kernels`), which lie beyond every distance. Which of
those pairs make the spanning tree is `tree`'s business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calcigram.kernels import inner_kernel, kernel, padded

NEAR, WIDE = 4, 8
"""Numbers of neighbours a local direction is taken over."""

_LANES = 16
_KEPT = WIDE + 1
NEIGHBOUR_SCRATCH = (_KEPT + 2) * _LANES
"""Float32 elements of scratch that `neighbour_distances` needs."""


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
    m = padded(n)
    zero, one, finite = np.float32(0.0), np.float32(1.0), np.float32(1e30)
    r1, r3, r5, r10 = np.float32(1.0), np.float32(9.0), np.float32(25.0), np.float32(100.0)
    small2, large2 = np.float32(small * small), np.float32(large * large)
    distance_sum = np.float64(0.0)
    n1 = n3 = n10 = ns = nl = 0
    most5 = most10 = 0
    for i in range(n):
        ui, vi = u[i], v[i]
        total = c1 = c3 = c5 = c10 = cs = cl = zero
        for j in range(m):
            du, dv = u[j] - ui, v[j] - vi
            x = du * du + dv * dv
            total += np.sqrt(x) if x < finite else zero
            c1 += one if x <= r1 else zero
            c3 += one if x <= r3 else zero
            c5 += one if x <= r5 else zero
            c10 += one if x <= r10 else zero
            cs += one if x <= small2 else zero
            cl += one if x <= large2 else zero
        distance_sum += total
        n1 += int(c1)
        n3 += int(c3)
        n10 += int(c10)
        ns += int(cs)
        nl += int(cl)
        most5 = max(most5, int(c5))
        most10 = max(most10, int(c10))
    return Pairs(
        0.5 * distance_sum, (n1 - n) // 2, (n3 - n) // 2, (n10 - n) // 2, (ns - n) // 2,
        (nl - n) // 2, most5, most10,
    )  # fmt: skip


@inner_kernel
def _insert(qu, qv, best, u, v):
    """Sort the squared distances from a candidate into the lists of the sixteen points.

    Written out stage by stage: the compiler does not vectorise a loop around a loop.
    """
    for k in range(_LANES):
        du, dv = qu[k] - u, qv[k] - v
        x = du * du + dv * dv
        b = best[k]
        best[k] = x if x < b else b
        x = b if x < b else x
        b = best[16 + k]
        best[16 + k] = x if x < b else b
        x = b if x < b else x
        b = best[32 + k]
        best[32 + k] = x if x < b else b
        x = b if x < b else x
        b = best[48 + k]
        best[48 + k] = x if x < b else b
        x = b if x < b else x
        b = best[64 + k]
        best[64 + k] = x if x < b else b
        x = b if x < b else x
        b = best[80 + k]
        best[80 + k] = x if x < b else b
        x = b if x < b else x
        b = best[96 + k]
        best[96 + k] = x if x < b else b
        x = b if x < b else x
        b = best[112 + k]
        best[112 + k] = x if x < b else b
        x = b if x < b else x
        b = best[128 + k]
        best[128 + k] = x if x < b else b


@kernel
def neighbour_distances(u, v, n, near2, wide2, scratch):
    """Write the squared distances to the NEAR-th and WIDE-th neighbour of each point.

    The farthest stands in where there are fewer. Sixteen points search side by side, each
    keeping its nine least squares (its own 0 among them) in order. The points come by
    rising `u`, so candidates are taken outwards from the sixteen until the gap in `u` alone
    is too great.

    Parameters
    ----------
    u, v : float32 (padded(n),)
        By rising `u`, padded with inf.
    near2, wide2 : float32 (padded(n),), written
    scratch : float32 (NEIGHBOUR_SCRATCH,)
    """
    near_row, wide_row = min(NEAR, n - 1) * _LANES, min(WIDE, n - 1) * _LANES
    qu, qv, best = scratch[:_LANES], scratch[_LANES : 2 * _LANES], scratch[2 * _LANES :]
    for start in range(0, n, _LANES):
        for k in range(_LANES):
            i = min(start + k, n - 1)
            qu[k], qv[k] = u[i], v[i]
        for k in range(_KEPT * _LANES):
            best[k] = np.inf
        low, high = start - 1, start
        first, last = qu[0], qu[_LANES - 1]
        worst = np.float32(np.inf)
        while low >= 0 or high < n:
            below = first - u[low] if low >= 0 else np.float32(np.inf)
            above = u[high] - last if high < n else np.float32(np.inf)
            gap = min(below, above)
            if gap > 0.0 and gap * gap > worst:
                break
            if below < above:
                j = low
                low -= 1
            else:
                j = high
                high += 1
            _insert(qu, qv, best, u[j], v[j])
            if (high - low) % 8 == 0:
                worst = np.float32(0.0)
                for k in range(_LANES):
                    worst = max(worst, best[wide_row + k])
        for k in range(min(_LANES, n - start)):
            near2[start + k] = best[near_row + k]
            wide2[start + k] = best[wide_row + k]


@inner_kernel
def _linearity(count, su, sv, suu, svv, suv):
    """Return a cos 2t, a sin 2t and 1 - l2/l1 of summed moments; zeros and -1 without extent."""
    suu -= su * su / count
    svv -= sv * sv / count
    suv -= su * sv / count
    trace = suu + svv
    if not trace > 0.0:
        return 0.0, 0.0, -1.0
    c, s = (suu - svv) / trace, 2.0 * suv / trace
    a = min(1.0, np.sqrt(c * c + s * s))
    return c, s, 2.0 * a / (1.0 + a)


@kernel
def local_directions(u, v, n, near2, wide2, cos2, sin2):
    """Take the direction of each point with its neighbours; return the mean linearities.

    All points at the distance of the last neighbour belong, so ties need no choice.

    Parameters
    ----------
    u, v : float32 (padded(n) + BLOCK,)
        By rising `u`, padded with inf.
    near2, wide2 : float32 (n,)
        As `neighbour_distances` writes them.
    cos2, sin2 : float32 (n,), written
        ``a cos 2t`` and ``a sin 2t`` of the major direction t over WIDE neighbours with the
        anisotropy ``a = (l1 - l2) / (l1 + l2)``; zeros where all those points are one.

    Returns
    -------
    (float, float)
        Means over the points of ``1 - l2 / l1 = 2 a / (1 + a)`` with NEAR and with WIDE
        neighbours; NaN where no point has a direction.
    """
    zero, one, slack = np.float32(0.0), np.float32(1.0), np.float32(1.0 + 1e-5)
    total_near = total_wide = 0.0
    n_near = n_wide = 0
    low = high = 0
    for i in range(n):
        ui, vi = u[i], v[i]
        near, wide = near2[i] * slack, wide2[i] * slack
        reach = np.sqrt(wide)
        while low < i and ui - u[low] > reach:
            low += 1
        while low > 0 and ui - u[low - 1] <= reach:
            low -= 1
        high = max(high, i + 1)
        while high < n and u[high] - ui <= reach:
            high += 1
        while high > i + 1 and u[high - 1] - ui > reach:
            high -= 1
        a0 = a1 = a2 = a3 = a4 = a5 = zero
        b0 = b1 = b2 = b3 = b4 = b5 = zero
        stop = low + padded(high - low)
        nu, nv = u[low:stop], v[low:stop]
        for j in range(nu.size):
            du, dv = nu[j] - ui, nv[j] - vi
            d2 = du * du + dv * dv
            # Not by a weight of 0: what lies at inf would give NaN.
            du, dv = du if d2 <= wide else zero, dv if d2 <= wide else zero
            uu, vv, uv = du * du, dv * dv, du * dv
            a0 += one if d2 <= wide else zero
            a1 += du
            a2 += dv
            a3 += uu
            a4 += vv
            a5 += uv
            b0 += one if d2 <= near else zero
            b1 += du if d2 <= near else zero
            b2 += dv if d2 <= near else zero
            b3 += uu if d2 <= near else zero
            b4 += vv if d2 <= near else zero
            b5 += uv if d2 <= near else zero
        c, s, linearity = _linearity(b0, b1, b2, b3, b4, b5)
        if linearity >= 0.0:
            total_near += linearity
            n_near += 1
        c, s, linearity = _linearity(a0, a1, a2, a3, a4, a5)
        cos2[i], sin2[i] = c, s
        if linearity >= 0.0:
            total_wide += linearity
            n_wide += 1
    mean_near = total_near / n_near if n_near else np.nan
    return mean_near, (total_wide / n_wide if n_wide else np.nan)
