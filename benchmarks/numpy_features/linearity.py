"""Features of linearity: how far a cluster follows a line, a curve, or two rails."""

from __future__ import annotations

import numpy as np

from calcigram.clusters import ClusterSet
from numpy_features.branches import Branches
from numpy_features.curve import FAR_QUANTILE, Curves
from numpy_features.frame import FLAT, Points
from numpy_features.layout import cut, fraction, row_quantile
from numpy_features.pairs import Pairs

RAIL_MIN_POINTS = 6

_RAIL_STEPS = 8
_RAIL_TRIM = 2.0
_RAIL_BINS = 8
_UNIFORM_SHARE = 0.75
_UNIFORM_CENTER = 1 / 6
_RAILS = ("rail_score", "rail_between_share", "rail_mixing", "rail_separation_mm")


def measure_linearity(
    points: Points, pairs: Pairs, branches: Branches, curves: Curves, clusters: ClusterSet
) -> dict[str, np.ndarray]:
    """Return the family's columns."""
    layout = points.layout
    n, main = layout.n, branches.main
    some = points.major > 0
    extent = points.u[layout.start[1:] - 1] - points.u[layout.start[:-1]]
    main_length = branches.reach[main]
    away = np.abs(curves.offset)[None]
    squares = layout.mean(away[0] * away[0])
    layout.sort(away)
    residual = np.sqrt(squares)
    columns = {
        "pca_axis_ratio": cut(np.sqrt(points.minor / points.major), some),
        "line_residual_mm": cut(np.sqrt(points.minor), some),
        "line_residual_ratio": cut(np.sqrt(points.minor) / extent, some),
        "curve_residual_mm": residual,
        "curve_residual_median_mm": layout.quantile(away[0], n, 0.5),
        "curve_residual_ratio": residual / curves.length,
        "curve_length_mm": curves.length,
        "tortuosity": np.maximum(1.0, fraction(curves.length, curves.chord)),
        "curve_turning_deg": curves.turning_deg,
        "path_share": np.where(main_length > 0, main_length / branches.length, np.nan),
        "path_members": np.where(main_length > 0, branches.count[main] / n, np.nan),
        "local_linearity_4": pairs.linearity_near,
        "local_linearity_8": pairs.linearity_wide,
        **_directions(points, pairs),
    }
    columns = {name: cut(column, n >= 3) for name, column in columns.items()}
    return columns | _orientations(points, pairs, clusters) | _rails(points, curves)


def _directions(points: Points, pairs: Pairs) -> dict[str, np.ndarray]:
    layout = points.layout
    weight = np.sqrt(pairs.cos2 * pairs.cos2 + pairs.sin2 * pairs.sin2)
    together = np.hypot(layout.total(pairs.cos2), layout.total(pairs.sin2))
    outwards, most = layout.total(pairs.sin2 * points.v), layout.total(weight * np.abs(points.v))
    return {
        "direction_order": fraction(together, layout.total(weight)),
        "direction_fan": fraction(outwards, most),
    }


def _orientations(points: Points, pairs: Pairs, clusters: ClusterSet) -> dict[str, np.ndarray]:
    """Compare the marks' major axes with the local directions and with one another."""
    layout = points.layout
    angle, aspect = clusters.orientation_deg[points.rows], clusters.aspect_ratio[points.rows]
    turn = np.arctan2(points.sin, points.cos)
    doubled = np.radians(2.0 * angle.astype(float)) - layout.to_points(2 * turn)
    weight = np.where(np.isnan(doubled) | np.isnan(aspect), 0.0, 1 - 1 / aspect.astype(float))
    doubled = np.where(np.isnan(doubled), 0.0, doubled)
    c, s = weight * np.cos(doubled), weight * layout.to_points(points.hand) * np.sin(doubled)
    local = np.sqrt(pairs.cos2 * pairs.cos2 + pairs.sin2 * pairs.sin2)
    along = layout.total(c * pairs.cos2 + s * pairs.sin2)
    return {
        "orientation_coherence": cut(fraction(along, layout.total(weight * local)), layout.n >= 3),
        "orientation_order": fraction(
            np.hypot(layout.total(c), layout.total(s)), layout.total(weight)
        ),
    }


def _rails(points: Points, curves: Curves) -> dict[str, np.ndarray]:
    layout = points.layout
    columns = {name: np.full(len(layout.n), np.nan) for name in _RAILS}
    for block in layout.blocks(RAIL_MIN_POINTS):
        here = block.clusters
        with_curve = curves.length[here] > 0
        offset, arc = block.of(curves.offset)[with_curve], block.of(curves.arc)[with_curve]
        found = _score_rails(offset, arc, curves.length[here][with_curve])
        for name, column in zip(_RAILS, found, strict=True):
            column_here = columns[name][here]
            column_here[with_curve] = column
    return columns


def _score_rails(offset, arc, length):
    """Return score, share of variance between the halves, mixing and separation of a block."""
    n = offset.shape[1]
    offset = offset - row_quantile(offset, 0.5)[:, None]
    away = np.abs(offset)
    kept = away <= _RAIL_TRIM * row_quantile(away, FAR_QUANTILE)[:, None]
    number = np.count_nonzero(kept, axis=1)
    offset = np.where(kept, offset, 0.0)
    split, low, high, n_high = _two_means(offset, kept, number)
    separation = high - low
    variance = np.einsum("cn,cn->c", offset, offset) / number - (offset.sum(axis=1) / number) ** 2
    p = (number - n_high) / number
    between = p * (1 - p) * separation**2
    share = np.where(variance > 0, between / variance, 0.0)
    central = np.count_nonzero(
        kept & (np.abs(offset - split[:, None]) < separation[:, None] / 6), axis=1
    )
    bimodality = np.maximum(0.0, (share - _UNIFORM_SHARE) / (1 - _UNIFORM_SHARE))
    emptiness = np.maximum(0.0, 1 - central / n / _UNIFORM_CENTER)
    mixing = _mixing(offset >= split[:, None], kept, arc, length, number, p)
    score = np.minimum(1.0, bimodality * emptiness * mixing * 4 * p * (1 - p))
    # What rounding leaves of a straight line is no rail.
    two = separation > FLAT * length
    separation = np.where(two, separation, 0.0)
    return (
        np.where(two, score, 0.0), cut(np.clip(share, 0.0, 1.0), two), cut(mixing, two), separation
    )  # fmt: skip


def _two_means(offset, kept, number):
    """Split offsets about the midpoint of two means, from 0; return it, the means, the upper count.

    Offsets that are not kept are 0. Both means are 0 where one side is empty.
    """
    c = len(offset)
    split, low, high, n_high = np.zeros((4, c))
    total = offset.sum(axis=1)
    moving = np.ones(c, bool)
    for _ in range(_RAIL_STEPS):
        upper = kept & (offset >= split[:, None])
        count = np.count_nonzero(upper, axis=1)
        above = np.sum(offset, axis=1, where=upper)
        empty = (count == 0) | (count == number)
        n_high = np.where(moving, count, n_high)
        low = np.where(moving, np.where(empty, 0.0, (total - above) / (number - count)), low)
        high = np.where(moving, np.where(empty, 0.0, above / count), high)
        moving &= ~empty
        middle = 0.5 * (low + high)
        moving, split = moving & (middle != split), np.where(moving, middle, split)
        if not moving.any():
            break
    return split, low, high, n_high


def _mixing(upper, kept, arc, length, number, p):
    """Return how far both sides share each stretch of the curve: 1 as by chance, 0 apart."""
    bins = np.clip(number // 6, 1, _RAIL_BINS)
    place = (arc * (bins / length)[:, None]).clip(0, bins[:, None] - 1).astype(np.int64)
    place += np.arange(0, _RAIL_BINS * len(arc), _RAIL_BINS)[:, None]
    size = _RAIL_BINS * len(arc)
    inside = np.bincount(place[kept], minlength=size).reshape(-1, _RAIL_BINS)
    highs = np.bincount(place[kept & upper], minlength=size).reshape(-1, _RAIL_BINS)
    some = inside >= 2
    mixed = np.sum((inside - highs) * highs / np.maximum(inside - 1, 1), axis=1, where=some)
    counted = np.sum(inside, axis=1, where=some)
    return np.where(counted > 0, np.minimum(1.0, mixed / (counted * p * (1 - p))), 0.0)
