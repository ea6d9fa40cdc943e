"""The first step of every cluster: its points in the frame of their own principal axes.

All geometry is done there, sorted along the major axis: results then depend neither on where
the cluster lies nor on how it is turned, and float32 keeps its precision far from the
origin.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from calcigram.features.workspace import ORDER, U, V
from calcigram.geometry import FLAT, sort_points
from calcigram.kernels import BLOCK, inner_kernel, padded


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
    for i in range(n, padded(n) + BLOCK):
        work.f[U, i] = work.f[V, i] = np.inf
    if flat:
        minor = 0.0
    return Frame(mean_x, mean_y, cos, sin, hand, major / n, minor / n)
