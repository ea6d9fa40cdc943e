"""Features of how a cluster lies to the nipple, and whether it widens like a lobe's wedge."""

from __future__ import annotations

import numpy as np

from numpy_features.frame import Points
from numpy_features.layout import Layout, cut, fraction

_WEDGE_MIN_POINTS = 5
_TURNS = 12
_SEAM = 0.1
_LEAST_BREADTH = 0.01
_THIRD_DEVIATIONS = 0.4
_ROUNDING = 1e-24


def measure_nipple(points: Points, nipple_x, nipple_y) -> dict[str, np.ndarray]:
    """Return the family's columns; the nipple is known of each cluster, or NaN."""
    layout = points.layout
    five = layout.n >= _WEDGE_MIN_POINTS
    slope, correlation = _slope_and_correlation(layout, points.u, np.abs(points.v))
    return {
        "wedge_slope": cut(np.abs(slope), five),
        "wedge_correlation": cut(np.minimum(1.0, np.abs(correlation)), five),
        **_widenings(points),
        **_seen_from_nipple(points, nipple_x.astype(float), nipple_y.astype(float)),
    }


def _slope_and_correlation(layout: Layout, x, y):
    """Least-squares slope of y on x and their correlation; NaN where either is constant."""
    dx, dy = x - layout.to_points(layout.mean(x)), y - layout.to_points(layout.mean(y))
    xx, yy, xy = layout.total(dx * dx), layout.total(dy * dy), layout.total(dx * dy)
    # What rounding leaves of equal values is no variation.
    xx = np.where(xx > _ROUNDING * layout.total(x * x), xx, 0.0)
    yy = np.where(yy > _ROUNDING * layout.total(y * y), yy, 0.0)
    return fraction(xy, xx), fraction(xy, np.sqrt(xx * yy))


def _widenings(points: Points) -> dict[str, np.ndarray]:
    """Compare the breadths of both halves in twelve directions."""
    c = len(points.layout.n)
    ratios = np.full((c, _TURNS), np.nan)
    turn = np.arange(_TURNS) * np.pi / _TURNS
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    for block in points.layout.blocks(_WEDGE_MIN_POINTS):
        u, v = block.of(points.u)[:, None], block.of(points.v)[:, None]
        gyration = points.gyration[block.clusters, None]
        ahead = cosine * u
        ahead += sine * v
        ahead *= 0.5 / (_SEAM * gyration[:, :, None])
        ahead += 0.5
        np.clip(ahead, 0.0, 1.0, out=ahead)
        across = cosine * v
        across -= sine * u
        halves = []
        square = across * across
        whole = (block.n, across.sum(axis=2), square.sum(axis=2))
        front = (ahead.sum(axis=2), *(np.einsum("ctn,ctn->ct", ahead, a) for a in (across, square)))
        for part in (front, [w - f for w, f in zip(whole, front, strict=True)]):
            weight, first, second = part
            mean = first / weight
            breadth = np.sqrt(np.maximum(second / weight - mean * mean, 0.0))
            halves.append(np.where(weight > 0, breadth, 0.0) + _LEAST_BREADTH * gyration)
        ratios[block.clusters] = np.log(halves[0] / halves[1])
    size = np.abs(ratios)
    return {
        "widening_axis": ratios[:, 0],
        "widening_mean": size.mean(axis=1),
        "widening_max": size.max(axis=1),
    }


def _seen_from_nipple(points: Points, nipple_x, nipple_y) -> dict[str, np.ndarray]:
    layout = points.layout
    three, five = layout.n >= 3, layout.n >= _WEDGE_MIN_POINTS
    dx, dy = nipple_x - points.mean_x, nipple_y - points.mean_y
    nipple_u = points.cos * dx + points.sin * dy
    nipple_v = points.hand * (points.cos * dy - points.sin * dx)
    distance = np.hypot(nipple_u, nipple_v)
    ray_u = layout.to_points(np.where(distance > 0, -nipple_u / distance, 1.0))
    ray_v = layout.to_points(np.where(distance > 0, -nipple_v / distance, 0.0))
    du, dv = points.u - layout.to_points(nipple_u), points.v - layout.to_points(nipple_v)
    along, across = du * ray_u + dv * ray_v, dv * ray_u - du * ray_v
    table = np.stack([np.hypot(along, across), np.arctan2(across, along)])
    radius, aside = table[0].copy(), np.abs(across)
    layout.sort(table)
    near, low, high, far = (layout.quantile(table[0], layout.n, q) for q in (0.05, 0.1, 0.9, 0.95))
    span = layout.quantile(table[1], layout.n, 0.9) - layout.quantile(table[1], layout.n, 0.1)
    angle = np.degrees(np.arctan2(np.abs(nipple_v), np.abs(nipple_u)))
    known = distance >= 0
    return {
        "nipple_distance_mm": distance,
        "nipple_axis_angle_deg": cut(angle, three & (distance > 0) & (points.major > 0)),
        "nipple_wedge_slope": cut(_slope_and_correlation(layout, radius, aside)[0], five & known),
        "nipple_span_deg": cut(np.degrees(span), three & known),
        "nipple_radial_span_mm": cut(high - low, three & known),
        "nipple_span_ratio": cut(fraction(high - low, layout.mean(radius) * span), three & known),
        "nipple_nearness": cut(fraction(near, far), three & known),
        "nipple_widening": cut(_widening(layout, radius, aside), five & known),
    }


def _widening(layout: Layout, radius, aside):
    """Log of the breadth far from the nipple over that near it; NaN where either is nothing."""
    off = radius - layout.to_points(layout.mean(radius))
    beyond = layout.to_points(_THIRD_DEVIATIONS * np.sqrt(layout.mean(off * off)))
    far, near = off > beyond, off < -beyond
    far_sum, near_sum = (
        layout.total(np.where(far, aside, 0.0)),
        layout.total(np.where(near, aside, 0.0)),
    )
    breadths = far_sum / layout.count(far) / (near_sum / layout.count(near))
    return np.where((near_sum > 0) & (far_sum > 0), np.log(breadths), np.nan)
