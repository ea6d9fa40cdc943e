"""Measures of points: extent, hull, elongation, wedge, distances."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .breast import Array


def distances_between(xy: Array) -> Array:
    return np.hypot(*(xy[:, None, :] - xy[None, :, :]).transpose(2, 0, 1))


def greatest_distance(xy: Array) -> float:
    """Return the greatest distance between two points."""
    return float(distances_between(xy).max()) if len(xy) else 0.0


def hull_area(xy: Array) -> float:
    """Return the area of the convex hull (Andrew's monotone chain)."""
    points = sorted(map(tuple, xy.tolist()))
    if len(points) < 3:
        return 0.0
    area = 0.0
    for sequence in (points, points[::-1]):
        chain: list[tuple[float, ...]] = []
        for x, y in sequence:
            while len(chain) > 1:
                (ax, ay), (bx, by) = chain[-2], chain[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        area += sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(chain))
    return abs(area) / 2


def slimness_of(xy: Array) -> float:
    """Return the minor over the major standard deviation."""
    values = np.linalg.eigvalsh(np.cov(xy.T))
    return math.sqrt(max(values[0], 0) / values[1])


def wedge_widths(xy: Array, nipple: Array) -> tuple[float, float, float]:
    """Return near over far width, length along the axis and far width, seen from the nipple."""
    rel = xy - nipple
    axis = rel.mean(axis=0) / np.hypot(*rel.mean(axis=0))
    along, across = rel @ axis, rel @ np.array([-axis[1], axis[0]])
    low, high = np.quantile(along, [1 / 3, 2 / 3])
    near, far = across[along <= low].std(), across[along >= high].std()
    return float(near / max(far, 1e-9)), float(np.ptp(along)), float(4 * far)


def are_apart(xy: Array, gap: float) -> npt.NDArray[np.bool_]:
    """Mark the points that no earlier point lies nearer to than `gap`."""
    return ~(
        np.tril(distances_between(xy), -1) + np.triu(np.full((len(xy),) * 2, np.inf)) < gap
    ).any(1)


def spun(xy: Array, angle: float) -> Array:
    cos, sin = math.cos(angle), math.sin(angle)
    return xy @ np.array([[cos, sin], [-sin, cos]])
