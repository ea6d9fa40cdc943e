"""Features of regularity: even steps, one wide gap, a circle around nothing."""

from __future__ import annotations

import numpy as np

from numpy_features.frame import Points
from numpy_features.layout import cut, fraction
from numpy_features.pairs import Pairs

MIN_POINTS = 5

_EVEN_TOLERANCE = 0.12
_SECTORS = 36


def measure_regularity(points: Points, pairs: Pairs) -> dict[str, np.ndarray]:
    """Return the family's columns."""
    layout = points.layout
    n = layout.n
    median = layout.to_points(pairs.edge_median)
    even = np.abs(pairs.edge - median) <= _EVEN_TOLERANCE * median
    even[layout.start[:-1]] = False  # a root has no edge
    gap = pairs.edge == layout.to_points(pairs.edge_longest)
    gap[layout.start[:-1]] = False
    side = pairs.size[layout.first(gap, layout.start[:-1])]
    columns = {
        "tree_even_share": layout.count(even) / (n - 1),
        "gap_mm": pairs.edge_longest,
        "gap_ratio": fraction(pairs.edge_longest, pairs.edge_second),
        "gap_share": np.minimum(side, n - side) / n,
        **_ring(points),
    }
    return {name: cut(column, n >= MIN_POINTS) for name, column in columns.items()}


def _ring(points: Points) -> dict[str, np.ndarray]:
    """Fit a circle (Kasa 1976); measure how near to it all are, and its largest empty arc."""
    layout, u, v = points.layout, points.u, points.v
    c = len(layout.n)
    # The centroid is the origin, and the axes are the principal ones: uv sums to nothing.
    uu, vv = layout.n * points.major, layout.n * points.minor
    half = 0.5 * (u * u + v * v)
    from_u = u - layout.to_points(layout.total(u * half) / uu)
    from_v = v - layout.to_points(layout.total(v * half) / vv)
    radius = np.hypot(from_u, from_v)
    mean = layout.mean(radius)
    off = radius - layout.to_points(mean)
    wide = vv > 1e-9 * uu
    angle = np.where(layout.to_points(wide), np.arctan2(from_v, from_u), 0.0)
    sector = ((angle + np.pi) * (_SECTORS / (2 * np.pi))).astype(np.int64)
    taken = np.zeros((c, _SECTORS), bool)
    taken[layout.owner, np.minimum(sector, _SECTORS - 1)] = True
    # Twice round, how far it is back to the last sector that is taken.
    place = np.arange(2 * _SECTORS)
    last = np.maximum.accumulate(np.where(np.tile(taken, 2), place, -1), axis=1)
    empty = np.minimum((place - last).max(axis=1), _SECTORS)
    return {
        "ring_cv": cut(np.sqrt(layout.mean(off * off)) / mean, wide),
        "ring_gap_deg": cut(empty * (360.0 / _SECTORS), wide),
    }
