"""Features of spread: how large, how dense and how evenly filled a cluster is."""

from __future__ import annotations

import numpy as np

from numpy_features.frame import Points
from numpy_features.hull import Hulls
from numpy_features.layout import cut, fraction
from numpy_features.pairs import Pairs

_WEISZFELD_STEPS = 200


def measure_spread(
    points: Points, pairs: Pairs, hulls: Hulls, breast_area: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the family's columns; `breast_area` is known of each cluster, or NaN."""
    layout = points.layout
    n, area = layout.n, hulls.area
    two, three = n >= 2, n >= 3
    core = _distances_to_median(points, hulls.diameter)[None]
    layout.sort(core)
    mean = layout.mean(pairs.nearest)
    off = pairs.nearest - layout.to_points(mean)
    deviation = np.sqrt(layout.mean(off * off))
    edge = (0.0514 + 0.041 / np.sqrt(n)) * hulls.perimeter / n
    expected = 0.5 * np.sqrt(area / n) + edge
    square = points.u * points.u + points.v * points.v
    second = points.major + points.minor
    kurtosis = np.maximum(1.0, layout.mean(square * square) / (second * second))
    per_pair = 2 * area / (np.pi * n * (n - 1))
    return {
        "n_calcifications": n.astype(float),
        "radius_of_gyration_mm": points.gyration,
        "max_distance_mm": hulls.diameter,
        "core_radius_mm": layout.quantile(core[0], n, 0.5),
        "core_radius_90_mm": layout.quantile(core[0], n, 0.9),
        "hull_area_mm2": area,
        "density_per_cm2": fraction(100.0 * n, area),
        "mean_distance_mm": pairs.mean_distance,
        "nn_mean_mm": cut(mean, two),
        "nn_sd_mm": cut(deviation, two),
        "nn_cv": cut(fraction(deviation, mean), two),
        "clark_evans_ratio": cut(fraction(mean, expected), three),
        **{
            f"ripley_l_{r}mm": cut(
                np.sqrt(per_pair * pairs.within[f"{r}mm"]) - r, three & (area > 0)
            )
            for r in (1, 3, 10)
        },
        "max_count_1cm": pairs.most_within_5mm,
        "share_2cm": pairs.most_within_10mm / n,
        "radial_kurtosis": cut(kurtosis, three & (second > 0)),
        "breast_share": area / breast_area,
    }


def _distances_to_median(points: Points, scale: np.ndarray) -> np.ndarray:
    """Measure how far each point is from its cluster's geometric median."""
    distances = np.empty_like(points.u)
    for block in points.layout.blocks():
        u, v = block.of(points.u), block.of(points.v)
        center_u, center_v = _geometric_medians(u, v, scale[block.clusters])
        du, dv = u - center_u[:, None], v - center_v[:, None]
        distances[block.points] = np.sqrt(du * du + dv * dv).ravel()
    return distances


def _geometric_medians(u: np.ndarray, v: np.ndarray, scale: np.ndarray):
    """Return the points of least summed distance (Weiszfeld 1937), steps enlarged by half."""
    found_u, found_v = np.zeros((2, len(u)))
    moving = np.arange(len(u))
    at_u, at_v = u, v
    floor, smallest = (1e-6 * scale) ** 2 + 1e-30, (4e-6 * scale) ** 2
    for _ in range(_WEISZFELD_STEPS):
        du, dv = at_u - found_u[moving, None], at_v - found_v[moving, None]
        weight = du * du
        weight += dv * dv
        weight += floor[moving, None]
        np.sqrt(weight, out=weight)
        np.reciprocal(weight, out=weight)
        weights = weight.sum(axis=1)
        step_u = 1.5 * np.einsum("cn,cn->c", weight, du) / weights
        step_v = 1.5 * np.einsum("cn,cn->c", weight, dv) / weights
        found_u[moving] += step_u
        found_v[moving] += step_v
        on = step_u * step_u + step_v * step_v >= smallest[moving]
        if not on.all():
            moving, at_u, at_v = moving[on], at_u[on], at_v[on]
            if len(moving) == 0:
                break
    _move_to_points(u, v, found_u, found_v, floor)
    return found_u, found_v


def _move_to_points(u, v, found_u, found_v, floor):
    """Near a point the steps die away: say exactly whether the point itself is the median."""
    each = np.arange(len(u))
    nearest = ((u - found_u[:, None]) ** 2 + (v - found_v[:, None]) ** 2).argmin(axis=1)
    at_u, at_v = u[each, nearest], v[each, nearest]
    du, dv = u - at_u[:, None], v - at_v[:, None]
    squares = du * du + dv * dv
    apart = squares > floor[:, None]
    weight = np.where(apart, 1 / np.sqrt(squares), 0.0)
    pull = np.einsum("cn,cn->c", weight, du) ** 2 + np.einsum("cn,cn->c", weight, dv) ** 2
    here = pull < 0.999 * np.count_nonzero(~apart, axis=1) ** 2
    found_u[here], found_v[here] = at_u[here], at_v[here]
