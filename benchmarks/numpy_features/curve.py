"""Principal curves of all clusters: from the main path of the tree, smoothed on arc length.

Clusters of one size have as many knots and try the same bandwidths, so a block of them is
fitted at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numpy_features.branches import Branches
from numpy_features.frame import FLAT, Points
from numpy_features.layout import row_quantile
from numpy_features.pairs import Pairs

FAR_QUANTILE = 0.75

_BANDWIDTHS = (1 / 12, 1 / 7, 1 / 4)
_POINTS_PER_BANDWIDTH = 4.0
_BISQUARE_CUT = 6.0
_REACH = 0.1
_FREEDOM_COST = 2.0
_EPANECHNIKOV_PEAK = 0.75
_PATH_KNOTS, _CURVE_KNOTS = 25, 16


@dataclass(frozen=True)
class Curves:
    """C fitted curves: length, mean distance, chord, turning; foot and signed distance of N points.

    NaN where a cluster has fewer than three points, or all at one place.
    """

    length: np.ndarray
    residual: np.ndarray
    chord: np.ndarray
    turning_deg: np.ndarray
    arc: np.ndarray
    offset: np.ndarray


def fit_curves(points: Points, pairs: Pairs, branches: Branches) -> Curves:
    """Fit the curve of every cluster of three points or more."""
    c, n = len(points.layout.n), len(points.u)
    curves = Curves(*np.full((4, c), np.nan), *np.full((2, n), np.nan))
    begin, count = branches.begin[branches.main], branches.count[branches.main]
    for block in points.layout.blocks(3):
        here = block.clusters
        u, v = block.of(points.u), block.of(points.v)
        path = branches.nodes[_thinned(begin[here], count[here])]
        ku, kv, arc, offset = _fit(u, v, points.u[path], points.v[path], pairs.edge_median[here])
        du, dv = np.diff(ku), np.diff(kv)
        length = np.sqrt(du * du + dv * dv).sum(axis=1)
        some = length > 0
        curves.length[here] = np.where(some, length, np.nan)
        curves.residual[here] = np.where(some, np.abs(offset).mean(axis=1), np.nan)
        curves.chord[here] = np.hypot(ku[:, -1] - ku[:, 0], kv[:, -1] - kv[:, 0])
        curves.turning_deg[here] = _turning_deg(du, dv, length)
        block.of(curves.arc)[:], block.of(curves.offset)[:] = arc, offset
    return curves


def _thinned(begin: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the places of at most 25 nodes of each path, both ends among them; the last fills its row."""
    kept = np.minimum(count, _PATH_KNOTS)[:, None]
    k = np.minimum(np.arange(kept.max()), kept - 1)
    return begin[:, None] + k * (count[:, None] - 1) // np.maximum(kept - 1, 1)


def _fit(u, v, ku, kv, median_edge):
    """Return knots, feet and signed distances of a block, from the knots of its paths."""
    n = u.shape[1]
    size = min(_CURVE_KNOTS, n + 2)
    moments = np.stack([np.ones_like(u), u, v], axis=-1)
    length = _length(ku, kv)
    arc, offset = nearest_places(u, v, ku, kv)
    weight, cap = _bisquare(offset, median_edge)
    lowest = np.full(len(u), np.inf)
    best_arc, best_offset = arc, offset
    best_width, best_length = np.zeros(len(u)), np.zeros(len(u))
    for width in dict.fromkeys(max(share, _POINTS_PER_BANDWIDTH / n) for share in _BANDWIDTHS):
        ku, kv = _smooth(moments, arc, weight, length, width * length, size)
        length = _length(ku, kv)
        arc, offset = nearest_places(u, v, ku, kv, _REACH * length)
        freedom = _FREEDOM_COST * (1.5 + _EPANECHNIKOV_PEAK / width)
        capped = np.minimum(np.abs(offset), cap[:, None])
        criterion = np.sqrt(np.einsum("cn,cn->c", capped, capped) / n) / max(0.05, 1 - freedom / n)
        better = criterion < lowest
        lowest = np.where(better, criterion, lowest)
        best_width, best_length = (
            np.where(better, width, best_width),
            np.where(better, length, best_length),
        )
        best_arc = np.where(better[:, None], arc, best_arc)
        best_offset = np.where(better[:, None], offset, best_offset)
    weight, _ = _bisquare(best_offset, median_edge)
    ku, kv = _smooth(moments, best_arc, weight, best_length, best_width * best_length, size)
    return ku, kv, *nearest_places(u, v, ku, kv, _REACH * _length(ku, kv))


def _length(ku: np.ndarray, kv: np.ndarray) -> np.ndarray:
    du, dv = np.diff(ku), np.diff(kv)
    return np.sqrt(du * du + dv * dv).sum(axis=1)


def _bisquare(offset: np.ndarray, least: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights that fall to 0 at six times the upper quartile of the distances, and that cut."""
    limit = _BISQUARE_CUT * np.maximum(row_quantile(np.abs(offset), FAR_QUANTILE), least)
    t = offset * np.where(limit > 0, 1 / limit, 0.0)[:, None]
    weight = np.maximum(1 - t * t, 0.0)
    return weight * weight, limit


def _smooth(moments, arc, weight, length, bandwidth, size):
    """Return knots evenly spaced along the arc: local-linear fits of u and v on arc length.

    Where too few points lie within the bandwidth, it grows.
    """
    at = length[:, None] * np.linspace(0.0, 1.0, size)
    width = np.repeat(bandwidth[:, None], size, axis=1)
    sums = _local_sums(moments, arc[:, None] - at[:, :, None], weight[:, None], width)
    while True:
        c, k = np.nonzero((sums[..., 0] <= 1) & (width <= length[:, None]))
        if len(c) == 0:
            break
        width[c, k] *= 1.5
        apart = (arc[c] - at[c, k, None])[:, None]
        sums[c, k] = _local_sums(moments[c], apart, weight[c, None], width[c, k, None])[:, 0]
    s0, x0, y0, s1, x1, y1, s2 = np.moveaxis(sums, -1, 0)
    determinant = s0 * s2 - s1 * s1
    # A slope from points all at one place would be noise: their mean instead.
    sloped = 1e-3 * s0 * s0 < determinant
    ku = np.where(sloped, (s2 * x0 - s1 * x1) / determinant, x0 / s0)
    kv = np.where(sloped, (s2 * y0 - s1 * y1) / determinant, y0 / s0)
    for knots in (ku, kv):
        for k in np.flatnonzero((s0 <= 0).any(axis=0)):  # no point at all: the knot before
            if k:
                knots[:, k] = np.where(s0[:, k] <= 0, knots[:, k - 1], knots[:, k])
    return ku, kv


def _local_sums(moments, apart, weight, width):
    """Return the kernel's sums of 1, u, v, then of the same times t, then of t squared."""
    t = apart / width[..., None]
    w = np.maximum(1 - t * t, 0.0)
    w *= weight
    wt = w * t
    square = np.einsum("ckn,ckn->ck", wt, t)
    return np.concatenate([w @ moments, wt @ moments, square[..., None]], axis=-1)


def nearest_places(u, v, ku, kv, reach=None):
    """Return arc length and signed distance of the nearest place on polylines.

    Parameters
    ----------
    u, v : ndarray, shape (c, n)
    ku, kv : ndarray, shape (c, k)
        Knots; a shorter polyline repeats its last.
    reach : ndarray, shape (c,), optional
        How far both ends go on.
    """
    c, n = u.shape
    k = ku.shape[1] - 1
    au, av, du, dv = ku[:, :-1], kv[:, :-1], np.diff(ku), np.diff(kv)
    length = np.sqrt(du * du + dv * dv)
    scale = np.where(length > 0, 1 / length, 0.0)
    du *= scale
    dv *= scale
    low, high = np.zeros((c, k)), length.copy()
    if reach is not None:
        low[:, 0] -= np.where(length[:, 0] > 0, reach, 0.0)
        high[:, -1] += np.where(length[:, -1] > 0, reach, 0.0)
    start = np.cumsum(length, axis=1) - length
    # The squared distance less that to the origin is bilinear: two products of small matrices.
    at = np.stack([u, v, np.ones_like(u)], axis=1)
    foot = np.stack([du, dv, -(du * au + dv * av)], axis=-1) @ at
    squares = np.stack([-2 * au, -2 * av, au * au + av * av], axis=-1) @ at
    along = np.maximum(foot, low[:, :, None])
    np.minimum(along, high[:, :, None], out=along)
    foot *= 2
    foot -= along
    foot *= along
    squares -= foot
    best = squares.argmin(axis=1)
    piece = best + np.arange(0, c * k, k)[:, None]
    along = along.ravel()[piece * n + np.arange(n)]
    side_u, side_v = _side_of(best, along, du, dv, low, high)
    du, dv = du.ravel()[piece], dv.ravel()[piece]
    away_u = u - np.ascontiguousarray(au).ravel()[piece] - along * du
    away_v = v - np.ascontiguousarray(av).ravel()[piece] - along * dv
    distance = np.sqrt(away_u * away_u + away_v * away_v)
    side = side_u * away_v - side_v * away_u
    return along + start.ravel()[piece], np.where(side < 0, -distance, distance)


def _side_of(best, along, du, dv, low, high):
    """Return the direction against which a side is told: at a knot that of both its pieces together."""
    rows = np.arange(len(best))[:, None]
    sums = [np.pad(step, ((0, 0), (1, 1))) for step in (du, dv)]
    sums = [step[:, :-1] + step[:, 1:] for step in sums]  # of the pieces before and after each knot
    at_start, at_end = along <= low[rows, best], along >= high[rows, best]
    return [
        np.where(
            at_start, both[rows, best], np.where(at_end, both[rows, best + 1], own[rows, best])
        )
        for own, both in zip((du, dv), sums, strict=True)
    ]


def _turning_deg(du: np.ndarray, dv: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Sum the absolute turns; pieces without length have no direction."""
    # Of points all at one place rounding leaves pieces.
    empty = du * du + dv * dv <= (FLAT * length[:, None]) ** 2
    for k in np.flatnonzero(empty.any(axis=0)):
        for step in (du, dv):
            step[:, k] = np.where(empty[:, k], step[:, k - 1] if k else 0.0, step[:, k])
    across = du[:, :-1] * dv[:, 1:] - dv[:, :-1] * du[:, 1:]
    along = du[:, :-1] * du[:, 1:] + dv[:, :-1] * dv[:, 1:]
    return np.degrees(np.abs(np.arctan2(across, along)).sum(axis=1))
