"""All pairs of a cluster: distances, neighbours, local directions and the spanning tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numpy_features.forest import subtree_sizes
from numpy_features.frame import Points
from numpy_features.layout import BLOCK, Block, Layout, row_quantile

NEAR, WIDE = 4, 8
CORRELATION_RATIO = 4.0

_SLACK = 1 + 1e-5
_ROUNDING = 1e-13


@dataclass(frozen=True)
class Pairs:
    """What the distances within C clusters of N points say; NaN where there are too few points.

    `within` counts the pairs within some distance. Of the spanning tree, rooted at each cluster's
    first point, there is the `parent` of each point (a root's is itself), the `edge` to it, the `size`
    of what descends from it, itself included, and in numbers of the cluster the edges' sum, median,
    longest and second longest.
    """

    mean_distance: np.ndarray
    within: dict[str, np.ndarray]
    most_within_5mm: np.ndarray
    most_within_10mm: np.ndarray
    linearity_near: np.ndarray
    linearity_wide: np.ndarray
    edge_total: np.ndarray
    edge_median: np.ndarray
    edge_longest: np.ndarray
    edge_second: np.ndarray
    cos2: np.ndarray
    sin2: np.ndarray
    parent: np.ndarray
    edge: np.ndarray
    size: np.ndarray
    nearest: np.ndarray
    nearest_of: np.ndarray

    @classmethod
    def unknown(cls, c: int, n: int) -> Pairs:
        within = {name: np.zeros(c) for name in ("1mm", "3mm", "10mm", "small", "large")}
        mean, *of_cluster = np.full((9, c), np.nan)
        cos2, sin2, edge = np.zeros((3, n))
        size, nearest_of = np.ones((2, n), np.int64)
        return cls(
            mean, within, *of_cluster, cos2, sin2, np.arange(n), edge, size, np.zeros(n), nearest_of
        )  # fmt: skip


def measure_pairs(points: Points) -> Pairs:
    """Measure the distances within each cluster, and grow its spanning tree."""
    layout = points.layout
    pairs = Pairs.unknown(len(layout.n), len(points.u))
    room = np.empty((2, max(BLOCK, int(layout.n[-1]) ** 2)))
    for block in layout.blocks():
        u, v = block.of(points.u), block.of(points.v)
        c, n = u.shape
        squares, other = room[:, : c * n * n].reshape(2, c, n, n)
        _square_distances(u, v, squares, other)
        _count_pairs(squares, block, points.gyration[block.clusters] ** 2, pairs)
        if n >= 2:
            np.sqrt(squares, out=other)
            pairs.mean_distance[block.clusters] = other.sum(axis=(1, 2)) / (n * (n - 1))
            _grow_trees(squares, block, pairs)
        if n >= 3:
            _find_directions(u, v, squares, other, block, pairs)
    pairs.size[:] = subtree_sizes(pairs.parent)
    _find_nearest(layout, pairs)
    return pairs


def _square_distances(u, v, squares, other) -> None:
    np.subtract(u[:, :, None], u[:, None, :], out=squares)
    np.subtract(v[:, :, None], v[:, None, :], out=other)
    squares *= squares
    other *= other
    squares += other


def _count_pairs(squares, block: Block, large: np.ndarray, pairs: Pairs) -> None:
    here = block.clusters
    count_10 = _count(squares <= 100.0)
    pairs.most_within_5mm[here] = _count(squares <= 25.0).max(axis=1)
    pairs.most_within_10mm[here] = count_10.max(axis=1)
    large = large[:, None, None]
    for name, count in (
        ("1mm", _count(squares <= 1.0)),
        ("3mm", _count(squares <= 9.0)),
        ("10mm", count_10),
        ("small", _count(squares <= large / CORRELATION_RATIO**2)),
        ("large", _count(squares <= large)),
    ):
        # Each pair comes twice; a point and itself are none.
        pairs.within[name][here] = (count.sum(axis=1) - float(block.n)) / 2


def _count(close: np.ndarray) -> np.ndarray:
    """Count the points close to each; the matrix is symmetric, and summing its rows is faster."""
    return close.view(np.uint8).sum(axis=1, dtype=np.uint16)


def _find_directions(u, v, squares, ordered, block: Block, pairs: Pairs) -> None:
    """Take the linearities with few and with many neighbours, and the directions of the latter.

    All points as far as the last neighbour belong.
    """
    ordered[:] = squares
    ordered.sort(axis=-1)
    moments = np.stack([np.ones_like(u), u, v, u * u, v * v, u * v], axis=1)
    for neighbours, linearity in ((NEAR, pairs.linearity_near), (WIDE, pairs.linearity_wide)):
        limit = ordered[:, None, :, min(neighbours, block.n - 1)] * _SLACK
        cos2, sin2, linear = _linearity(moments @ (squares <= limit).astype(float))
        linearity[block.clusters] = _known_mean(linear)
    block.of(pairs.cos2)[:], block.of(pairs.sin2)[:] = cos2, sin2


def _known_mean(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    return np.sum(values, axis=1, where=known) / np.count_nonzero(known, axis=1)


def _linearity(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a cos 2t, a sin 2t and 1 - l2/l1 of summed moments; zeros and NaN without extent."""
    count, su, sv, suu, svv, suv = np.moveaxis(moments, 1, 0)
    uu, vv, uv = suu - su * su / count, svv - sv * sv / count, suv - su * sv / count
    trace = uu + vv
    some = trace > _ROUNDING * (suu + svv)
    cos2, sin2 = np.where(some, (uu - vv) / trace, 0.0), np.where(some, 2 * uv / trace, 0.0)
    a = np.minimum(np.sqrt(cos2 * cos2 + sin2 * sin2), 1.0)
    return cos2, sin2, np.where(some, 2 * a / (1 + a), np.nan)


def _grow_trees(squares, block: Block, pairs: Pairs) -> None:
    """Grow the minimum spanning trees of a block from each first point (Prim 1957)."""
    c, n, _ = squares.shape
    rows, base = squares.reshape(c * n, n), np.arange(0, c * n, n)
    key, parent, joined = np.full((c, n), np.inf), np.zeros((c, n), np.int64), np.zeros((c, n))
    row, nearer, edge = np.empty((c, n)), np.empty((c, n), bool), np.zeros(c * n)
    flat_key, flat_joined = key.ravel(), joined.ravel()
    chosen, newest = np.zeros(c, np.int64), base
    for _ in range(n - 1):
        flat_joined[newest] = flat_key[newest] = np.inf
        rows.take(newest, axis=0, out=row, mode="clip")
        row += joined
        np.less(row, key, out=nearer)
        np.copyto(parent, chosen[:, None], where=nearer)
        np.minimum(key, row, out=key)
        chosen = key.argmin(axis=1)
        newest = base + chosen
        edge[newest] = flat_key[newest]
    block.of(pairs.parent)[:] = parent + (block.points.start + base)[:, None]
    edge = block.of(pairs.edge)[:] = np.sqrt(edge).reshape(c, n)
    here, ordered = block.clusters, np.sort(edge[:, 1:], axis=1)
    pairs.edge_total[here] = ordered.sum(axis=1)
    pairs.edge_median[here] = row_quantile(ordered, 0.5)
    pairs.edge_longest[here] = ordered[:, -1]
    pairs.edge_second[here] = ordered[:, max(n - 3, 0)]


def _find_nearest(layout: Layout, pairs: Pairs) -> None:
    """Read the nearest neighbour of each point off the spanning tree, which holds that edge."""
    child = np.ones(len(pairs.edge), bool)
    child[layout.start[:-1]] = False
    child = np.flatnonzero(child)
    own = pairs.edge.copy()
    own[layout.start[:-1]] = np.inf
    pairs.nearest[:], pairs.nearest_of[:] = own, pairs.parent
    above, length = pairs.parent[child], own[child]
    np.minimum.at(pairs.nearest, above, length)
    closer = (length == pairs.nearest[above]) & (length < own[above])
    pairs.nearest_of[above[closer]] = child[closer]
