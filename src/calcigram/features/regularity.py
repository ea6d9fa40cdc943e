"""Features of regularity: how much a pattern looks made, not grown.

Even steps, one wide gap, a circle around nothing: the marks of grids, of two findings in one
list, of drawn rings. `calcigram.oddities` draws conclusions from them.
"""

from __future__ import annotations

import math
from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.tree import descendants
from calcigram.features.rows import Rows, columns

EVEN_TOLERANCE = 0.12
MIN_POINTS = 5

_SECTORS = 36

ROWS: Rows = (
    ("tree_even_share", "1", 0, 1, "The share of neighbours at exactly the usual distance, as in a grid.", "Share of the spanning tree's edges within 12 % of their median; n >= 5", "own choice", ()),
    ("gap_mm", "mm", 0, inf, "How wide the widest gap is that parts the cluster in two.", "Longest edge of the spanning tree; n >= 5", "Prim 1957", ()),
    ("gap_ratio", "1", 1, inf, "How much wider that gap is than the next one.", "Longest edge of the spanning tree / second longest; n >= 5", "own choice", ()),
    ("gap_share", "1", 0, 0.5, "The share of the calcifications on the smaller side of the gap.", "Share of the points on the smaller side of the longest edge; n >= 5", "own choice", ()),
    ("ring_cv", "1", 0, inf, "How well the calcifications lie on one circle: 0 is exactly.", "Standard deviation / mean of the distance to the centre of the fitted circle; unknown for a line; n >= 5", "Kasa 1976", ()),
    ("ring_gap_deg", "deg", 0, 360, "How much of that circle is empty in one piece.", "Largest empty arc of that circle, in steps of 10 deg; n >= 5", "own choice", ()),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _measure_tree(tree, median_edge, out):
    """How even the spanning tree's edges are, and what its longest parts."""
    n, edge = tree.order.size, tree.edge
    longest = second = np.float32(0.0)
    at = tree.order[1]
    for i in range(n):
        length = edge[i]
        second = max(second, min(length, longest))
        at = i if length > longest else at
        longest = max(longest, length)
    tolerance, median = np.float32(EVEN_TOLERANCE * median_edge), np.float32(median_edge)
    even = -1 if median <= tolerance else 0  # the root has no edge: its 0 is none
    for i in range(n):
        even += abs(edge[i] - median) <= tolerance
    beyond = descendants(tree)[at]
    out[_C.tree_even_share] = even / (n - 1)
    out[_C.gap_mm] = longest
    if second > 0.0:
        out[_C.gap_ratio] = longest / second
    out[_C.gap_share] = min(beyond, n - beyond) / n


@kernel(fast=True)
def _measure_ring(x, y, out):
    """Fit a circle (Kasa 1976); measure how near to it all are, and its largest empty arc."""
    # The centroid is the origin, and the axes are the principal ones: xy sums to nothing.
    n = x.size
    xx = yy = along_x = along_y = np.float32(0.0)
    half = np.float32(0.5)
    for i in range(n):
        square = x[i] * x[i] + y[i] * y[i]
        xx += x[i] * x[i]
        yy += y[i] * y[i]
        along_x += half * x[i] * square
        along_y += half * y[i] * square
    if not yy > 1e-9 * xx:
        return
    cx, cy = np.float32(along_x / xx), np.float32(along_y / yy)
    total = squares = np.float32(0.0)
    for i in range(n):
        dx, dy = x[i] - cx, y[i] - cy
        square = dx * dx + dy * dy
        total += np.sqrt(square)
        squares += square
    mean = float(total) / n
    out[_C.ring_cv] = math.sqrt(max(float(squares) / n - mean * mean, 0.0)) / mean
    taken = np.zeros(_SECTORS, np.bool_)
    for i in range(n):
        turn = (math.atan2(y[i] - cy, x[i] - cx) + math.pi) / (2.0 * math.pi)
        taken[min(max(int(turn * _SECTORS), 0), _SECTORS - 1)] = True
    longest = run = 0
    for k in range(2 * _SECTORS):
        run = 0 if taken[k % _SECTORS] else run + 1
        longest = max(longest, run)
    out[_C.ring_gap_deg] = min(longest, _SECTORS) * (360.0 / _SECTORS)


@kernel(fast=True)
def measure_regularity(x, y, tree, median_edge, out):
    """Write the family's columns to `out`, a view of one row."""
    if x.size < MIN_POINTS:
        return
    _measure_tree(tree, median_edge, out)
    _measure_ring(x, y, out)
