"""Features of regularity: how much a pattern looks made, not grown.

Even steps, one wide gap, a circle around nothing: the marks of grids, of two findings in one
list, of drawn rings. What is concluded from them is `calcigram.oddities`' business.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import EDGE, PARENT, SEQUENCE, U, V
from calcigram.kernels import arc_tangents, inner_kernel

_C = family_columns("regularity")

EVEN_TOLERANCE = 0.12
MIN_POINTS = 5

_SECTORS = 36


@inner_kernel
def _measure_tree(work, n, median_edge, out):
    """How even the spanning tree's edges are, and what its longest parts."""
    edge, sequence, parent, size = work.f[EDGE], work.i[SEQUENCE], work.i[PARENT], work.i[1]
    longest = second = np.float32(0.0)
    at = sequence[1]
    for k in range(1, n):
        i = sequence[k]
        length = edge[i]
        second = max(second, min(length, longest))
        at = i if length > longest else at
        longest = max(longest, length)
    tolerance = np.float32(EVEN_TOLERANCE * median_edge)
    median = np.float32(median_edge)
    even = -1 if median <= tolerance else 0  # the root has no edge: its 0 is none
    for i in range(n):
        size[i] = 1
        even += abs(edge[i] - median) <= tolerance
    for k in range(n - 1, 0, -1):
        i = sequence[k]
        size[parent[i]] += size[i]
    out[_C.tree_even_share] = even / (n - 1)
    out[_C.gap_mm] = longest
    if second > 0.0:
        out[_C.gap_ratio] = longest / second
    out[_C.gap_share] = min(size[at], n - size[at]) / n


@inner_kernel
def _measure_ring(work, n, sectors, out):
    """Fit a circle (Kasa 1976); measure how near to it all are, and its largest empty arc."""
    # The centroid is the origin, and the axes are the principal ones: uv sums to nothing.
    u, v = work.f[U], work.f[V]
    uu = vv = along_u = along_v = np.float32(0.0)
    half = np.float32(0.5)
    for i in range(n):
        a, b = u[i], v[i]
        square = a * a + b * b
        uu += a * a
        vv += b * b
        along_u += half * a * square
        along_v += half * b * square
    if not vv > 1e-9 * uu:
        return
    centre_u, centre_v = np.float32(along_u / uu), np.float32(along_v / vv)
    from_u, from_v, angles = work.f[0], work.f[1], work.f[2]
    total = squares = np.float32(0.0)
    for i in range(n):
        a, b = u[i] - centre_u, v[i] - centre_v
        from_u[i], from_v[i] = a, b
        square = a * a + b * b
        total += np.sqrt(square)
        squares += square
    mean = float(total) / n
    out[_C.ring_cv] = math.sqrt(max(float(squares) / n - mean * mean, 0.0)) / mean
    arc_tangents(from_v, from_u, n, angles)
    for k in range(_SECTORS):
        sectors[k] = 0
    a_sector, half_turn = np.float32(_SECTORS / (2.0 * math.pi)), np.float32(math.pi)
    for i in range(n):
        sector = int((angles[i] + half_turn) * a_sector)
        sectors[min(max(sector, 0), _SECTORS - 1)] = 1
    longest = run = 0
    for k in range(2 * _SECTORS):
        run = 0 if sectors[k % _SECTORS] else run + 1
        longest = max(longest, run)
    out[_C.ring_gap_deg] = min(longest, _SECTORS) * (360.0 / _SECTORS)


@inner_kernel
def measure_regularity(work, n, median_edge, out):
    """Write the family's columns to `out`, a view of one row."""
    if n < MIN_POINTS:
        return
    _measure_tree(work, n, median_edge, out)
    _measure_ring(work, n, work.i[1], out)
