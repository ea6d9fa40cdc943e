"""Features of the single calcifications: size, form, contrast, and how much they vary."""

from __future__ import annotations

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.features.particles import CORRELATED
from numpy_features.frame import Points
from numpy_features.layout import Layout, cut, fraction
from numpy_features.pairs import Pairs

_LOWEST_CNR = 0.1
_LEAST_VARIANCE = 1e-9
_SMOOTH_SOLIDITY = np.float32(0.9)


def measure_particles(points: Points, pairs: Pairs, clusters: ClusterSet) -> dict[str, np.ndarray]:
    """Return the family's columns. Where a mark is known of some points only, those are used."""
    layout, rows = points.layout, points.rows
    d, aspect, solidity, cnr = (
        mark[rows].astype(float)
        for mark in (clusters.diameter_mm, clusters.aspect_ratio, clusters.solidity, clusters.cnr)
    )
    logs = {
        "size": np.log(np.maximum(d, 1e-6)),
        "aspect": np.log(np.maximum(aspect, 1.0)),
        "contrast": np.log(np.maximum(cnr, _LOWEST_CNR)),
        "solidity": solidity,
    }
    log_d, log_aspect, log_cnr, solid = (
        _deviation(layout, logs[name]) for name in ("size", "aspect", "contrast", "solidity")
    )
    root = np.sqrt(aspect)
    correlations = {
        f"{one}_{other}_correlation": _correlation(layout, logs[one], logs[other])
        for one, other in CORRELATED
    }
    table = np.stack([d, aspect, solidity, cnr, d / root, d * root])
    known = layout.count(~np.isnan(table))
    layout.sort(table)

    def quantile(mark: int, q: float) -> np.ndarray:
        return layout.quantile(table[mark], known[mark], q)

    square = np.where(np.isnan(d), 0.0, d * d)
    total = layout.total(np.where(np.isnan(d), 0.0, d))
    return {
        "diameter_median_mm": quantile(0, 0.5),
        "diameter_area_mean_mm": layout.total(square * np.where(np.isnan(d), 0.0, d))
        / layout.total(square),
        "diameter_max_mm": quantile(0, 1.0),
        "diameter_p10_mm": quantile(0, 0.1),
        "diameter_cv": _deviation(layout, d) / (total / known[0]),
        "diameter_log_sd": log_d,
        "macro_share": layout.count(d >= 0.5) / known[0],
        "calibre_median_mm": quantile(4, 0.5),
        "length_p90_mm": quantile(5, 0.9),
        **_kinds(layout, d, aspect, solidity),
        "aspect_median": quantile(1, 0.5),
        "aspect_p25": quantile(1, 0.25),
        "aspect_p90": quantile(1, 0.9),
        "aspect_sd": _deviation(layout, aspect),
        "elongated_share": layout.count(aspect >= 2.5) / known[1],
        "solidity_median": quantile(2, 0.5),
        "solidity_p75": quantile(2, 0.75),
        "solidity_p10": quantile(2, 0.1),
        "solidity_sd": solid,
        "cnr_median": quantile(3, 0.5),
        "cnr_p10": quantile(3, 0.1),
        "cnr_log_sd": log_cnr,
        "faint_share": layout.count(cnr < 5.0) / known[3],
        **correlations,
        "contact_share": _contact_share(layout, pairs, d),
        "form_variety": (log_d + log_aspect + solid) / 3,
    }


def _deviation(layout: Layout, values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the known values; NaN of fewer than two."""
    known = ~np.isnan(values)
    count = layout.count(known)
    mean = layout.total(np.where(known, values, 0.0)) / count
    off = np.where(known, values - layout.to_points(mean), 0.0)
    return cut(np.sqrt(layout.total(off * off) / count), count >= 2)


def _correlation(layout: Layout, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlation where both are known; NaN of fewer than three, or without variation."""
    known = ~np.isnan(one + other)
    count = layout.count(known)
    x, y = (
        np.where(known, a - layout.to_points(layout.total(np.where(known, a, 0.0)) / count), 0.0)
        for a in (one, other)
    )
    xx, yy, xy = layout.total(x * x), layout.total(y * y), layout.total(x * y)
    some = (count >= 3) & (xx > _LEAST_VARIANCE * count) & (yy > _LEAST_VARIANCE * count)
    return cut(np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0), some)


def _kinds(layout: Layout, d, aspect, solidity) -> dict[str, np.ndarray]:
    """Shares of thin lines, rods, dots and balls, each among those whose marks are known."""
    both, three = (
        layout.count(~np.isnan(d + aspect)),
        layout.count(~np.isnan(d + aspect + solidity)),
    )
    long, narrow = aspect >= 2, d * d < 0.25 * aspect
    even = (aspect < 1.5) & (solidity >= _SMOOTH_SOLIDITY)
    return {
        "thin_share": fraction(layout.count(long & narrow), both),
        "rod_share": fraction(layout.count(long & ~np.isnan(d) & ~narrow), both),
        "dot_share": fraction(layout.count(even & (d < 0.5)), three),
        "ball_share": fraction(layout.count(even & (d >= 0.5)), three),
    }


def _contact_share(layout: Layout, pairs: Pairs, d: np.ndarray) -> np.ndarray:
    """Share nearer to their nearest neighbour than 1.5 times the sum of both radii."""
    limit = 0.75 * (d + d[pairs.nearest_of])
    counted = layout.count(~np.isnan(limit))
    return cut(fraction(layout.count(pairs.nearest < limit), counted), layout.n >= 2)
