"""The points of all clusters in the frames of their own principal axes, tails positive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcigram.clusters import ClusterSet
from numpy_features.layout import Layout

FLAT = 1e-5
"""Clusters less wide than this share of their length are a line."""


@dataclass(frozen=True)
class Points:
    """N points by rising place along the major axis, and the frames of their C clusters."""

    layout: Layout
    rows: np.ndarray
    u: np.ndarray
    v: np.ndarray
    mean_x: np.ndarray
    mean_y: np.ndarray
    cos: np.ndarray
    sin: np.ndarray
    hand: np.ndarray
    major: np.ndarray
    minor: np.ndarray

    @property
    def gyration(self) -> np.ndarray:
        """Radius of gyration of each cluster."""
        return np.sqrt(self.major + self.minor)


def load_points(clusters: ClusterSet, chosen: np.ndarray) -> Points:
    """Turn the chosen clusters, which come by rising size, into their frames."""
    layout = Layout.of_sizes(np.diff(clusters.offsets)[chosen])
    rows = np.arange(layout.start[-1])
    rows += layout.to_points(clusters.offsets[chosen] - layout.start[:-1])
    x, y = clusters.x_mm[rows].astype(float), clusters.y_mm[rows].astype(float)
    mean_x, mean_y = layout.mean(x), layout.mean(y)
    x -= layout.to_points(mean_x)
    y -= layout.to_points(mean_y)
    xx, yy, xy = layout.total(x * x), layout.total(y * y), layout.total(x * y)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    cos, sin = np.cos(angle), np.sin(angle)
    wide_cos, wide_sin = layout.to_points(cos), layout.to_points(sin)
    u, v = wide_cos * x + wide_sin * y, wide_cos * y - wide_sin * x
    uu, vv = u * u, v * v
    major, minor = layout.mean(uu), layout.mean(vv)
    tail = np.where(layout.total(uu * u) < 0, -1.0, 1.0)
    side = np.where(layout.total(vv * v) < 0, -1.0, 1.0)
    flat = minor < FLAT**2 * major
    u *= layout.to_points(tail)
    v *= layout.to_points(np.where(flat, 0.0, side))
    order = _order(layout, u, v)
    # Turning the major axis about turns the minor one, too.
    return Points(
        layout, rows[order], u[order], v[order], mean_x, mean_y, tail * cos, tail * sin,
        tail * side, major, np.where(flat, 0.0, minor),
    )  # fmt: skip


def _order(layout: Layout, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the points of each cluster by rising `u`, equal ones by `v`."""
    order = np.empty(len(u), np.int64)
    for block in layout.blocks():
        along = block.of(u)
        by = np.argsort(along, axis=-1)
        ordered = np.take_along_axis(along, by, axis=-1)
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            by = np.lexsort((block.of(v), along), axis=-1)
        by += np.arange(block.points.start, block.points.stop, block.n)[:, None]
        order[block.points] = by.ravel()
    return order
