"""The first step of every cluster: its points in the frame of their own principal axes.

All geometry is done there, sorted along the major axis: results then depend neither on where
the cluster lies nor on how it is turned, and float32 keeps its precision far from the
origin. Local directions are prepared here too, since several families read them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from calcigram.features.workspace import ORDER, U, V
from calcigram.geometry import FLAT, inner_kernel, sort_points


class Frame(NamedTuple):
    """Centroid, unit vector of the major axis, and the variances along and across it.

    The minor axis is ``hand`` times the major one turned by a right angle.
    """

    x: float
    y: float
    cos: float
    sin: float
    hand: float
    major: float
    minor: float


@inner_kernel
def load_points(x, y, start, n, work):
    """Write the points ``start:start + n`` to the workspace; return the `Frame`.

    Both axes point where the third moment is positive, so that a cluster turned or mirrored
    gives the same coordinates, and every later choice falls alike.
    """
    mean_x = mean_y = 0.0
    for i in range(start, start + n):
        mean_x += float(x[i])
        mean_y += float(y[i])
    mean_x /= n
    mean_y /= n
    xx = yy = xy = 0.0
    for i in range(start, start + n):
        dx, dy = float(x[i]) - mean_x, float(y[i]) - mean_y
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    angle = 0.5 * math.atan2(2.0 * xy, xx - yy)
    cos, sin = math.cos(angle), math.sin(angle)
    u, v = work.f[0], work.f[1]
    major = minor = skew_u = skew_v = 0.0
    for i in range(n):
        dx, dy = float(x[start + i]) - mean_x, float(y[start + i]) - mean_y
        pu, pv = cos * dx + sin * dy, cos * dy - sin * dx
        major += pu * pu
        minor += pv * pv
        skew_u += pu * pu * pu
        skew_v += pv * pv * pv
    flat = minor < FLAT * FLAT * major
    sign = -1.0 if skew_u < 0.0 else 1.0
    cos, sin = sign * cos, sign * sin
    hand = -sign if skew_v < 0.0 else sign
    for i in range(n):
        dx, dy = float(x[start + i]) - mean_x, float(y[start + i]) - mean_y
        u[i] = cos * dx + sin * dy
        v[i] = 0.0 if flat else hand * (cos * dy - sin * dx)
    sort_points(u, v, n, work.i[ORDER])
    for i in range(n):
        work.f[U, i], work.f[V, i] = u[work.i[ORDER, i]], v[work.i[ORDER, i]]
    if flat:
        minor = 0.0
    return Frame(mean_x, mean_y, cos, sin, hand, major / n, minor / n)


@inner_kernel
def local_directions(u, v, neighbours, n, k, cos2, sin2):
    """Write the direction of each point with its `k` neighbours; return the mean linearity.

    Parameters
    ----------
    cos2, sin2 : float32 (n,), written
        ``a cos 2t`` and ``a sin 2t`` of the major direction t with the anisotropy
        ``a = (l1 - l2) / (l1 + l2)``; zeros where all those points are one.

    Returns
    -------
    float
        Mean over the points of ``1 - l2 / l1 = 2 a / (1 + a)``; NaN where none has a direction.
    """
    total, count = 0.0, 0
    share = np.float32(1.0 / (k + 1))
    for i in range(n):
        su = sv = suu = svv = suv = np.float32(0.0)
        for m in range(k):
            j = neighbours[i, m]
            du, dv = u[j] - u[i], v[j] - v[i]
            su += du
            sv += dv
            suu += du * du
            svv += dv * dv
            suv += du * dv
        suu -= su * su * share
        svv -= sv * sv * share
        suv -= su * sv * share
        trace = suu + svv
        if trace > 0.0:
            cos2[i], sin2[i] = (suu - svv) / trace, np.float32(2.0) * suv / trace
            a = min(1.0, math.sqrt(cos2[i] * cos2[i] + sin2[i] * sin2[i]))
            total += 2.0 * a / (1.0 + a)
            count += 1
        else:
            cos2[i] = sin2[i] = 0.0
    return total / count if count else np.nan
