"""Features of roundness: the outline of a cluster as a whole."""

from __future__ import annotations

import numpy as np

from numpy_features.frame import Points
from numpy_features.hull import PLACES, Hulls
from numpy_features.layout import cut, fraction


def measure_roundness(points: Points, hulls: Hulls) -> dict[str, np.ndarray]:
    """Return the family's columns."""
    layout, area = points.layout, hulls.area
    wide = area > 0
    spacing = np.sqrt(area / layout.n)
    distance = _empty_space(points, hulls)
    distance /= spacing[:, None]
    radius = np.sqrt(points.u * points.u + points.v * points.v)
    inverse = np.where(radius > 0, 1 / radius, 0.0)
    together = np.hypot(layout.total(points.u * inverse), layout.total(points.v * inverse))
    columns = {
        "hull_circularity": np.minimum(1.0, fraction(4 * np.pi * area, hulls.perimeter**2)),
        "hull_solidity": cut(np.count_nonzero(distance <= 1, axis=1) / PLACES, wide),
        "empty_space_ratio": cut(distance.mean(axis=1), wide),
        "hull_eccentricity": cut(hulls.eccentricity, wide),
        "hull_width_ratio": np.minimum(1.0, fraction(hulls.width, hulls.diameter)),
        "hull_triangularity": np.minimum(1.0, fraction(hulls.triangle, area)),
        "angular_resultant": np.minimum(1.0, fraction(together, layout.count(radius > 0))),
    }
    return {name: cut(column, layout.n >= 3) for name, column in columns.items()}


def _empty_space(points: Points, hulls: Hulls) -> np.ndarray:
    """Measure how far places spread evenly over each hull, (C, PLACES), are from the nearest point."""
    nearest = np.empty_like(hulls.places_u)
    for block in points.layout.blocks(3):
        here = block.clusters
        squares = hulls.places_u[here, None, :] - block.of(points.u)[:, :, None]
        other = hulls.places_v[here, None, :] - block.of(points.v)[:, :, None]
        squares *= squares
        other *= other
        squares += other
        nearest[here] = squares.min(axis=1)
    return np.sqrt(nearest, out=nearest)
