"""Measures of points, smooth paths with places along them, and what an arrangement returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .breast import Array, Rng

CLOSEST_MM = 0.2  # two calcifications nearer than this are seen as one


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


@dataclass(frozen=True)
class Path:
    """A smooth curve as a fine polyline: arc length, points, heading."""

    s: Array
    xy: Array
    heading: Array

    @property
    def length(self) -> float:
        return float(self.s[-1])

    def at(self, s: Array, offset: Array | float = 0.0) -> tuple[Array, Array]:
        """Return the points at arc lengths `s`, `offset` to the side, and the heading there."""
        heading = np.interp(s, self.s, self.heading)
        x = np.interp(s, self.s, self.xy[:, 0]) - offset * np.sin(heading)
        y = np.interp(s, self.s, self.xy[:, 1]) + offset * np.cos(heading)
        return np.column_stack([x, y]), heading


def walked(
    rng: Rng, start: Array, heading: float, length: float, *, bend: float, wiggle: float
) -> Path:
    """Go `length` from `start`, turning by up to `bend` in all and swaying by `wiggle` rad."""
    s = np.linspace(0, length, max(12, int(length / 0.4)))
    wave = rng.uniform(0.5, 1.3) * max(length, 12) / (1 + length / 45)
    phase = rng.uniform(0, 2 * math.pi)
    theta = heading + rng.uniform(-bend, bend) * (s / length) ** rng.uniform(0.8, 1.6)
    theta = theta + wiggle * rng.uniform(0.4, 1) * (
        np.sin(2 * math.pi * s / wave + phase) - math.sin(phase)
    )
    middle = (theta[1:] + theta[:-1]) / 2
    moves = np.column_stack([np.cos(middle), np.sin(middle)]) * np.diff(s)[:, None]
    return Path(s, start + np.vstack([np.zeros(2), np.cumsum(moves, axis=0)]), theta)


def stations_along(rng: Rng, length: float, step: float, first: float = 0.0) -> Array:
    """Draw arc lengths about `step` apart."""
    s = first + step * np.arange(max(1, int((length - first) / step) + 1))
    return np.clip(s + step * rng.uniform(-0.28, 0.28, s.size), 0, length)


@dataclass(frozen=True)
class Pattern:
    """Noise-free centres and the local direction in radians (NaN where there is none)."""

    xy: Array
    direction: Array
    gap: float = CLOSEST_MM


def without_direction(xy: Array, gap: float = CLOSEST_MM) -> Pattern:
    return Pattern(xy, np.full(len(xy), np.nan), gap)


def joined(parts: list[tuple[Array, Array]], gap: float = CLOSEST_MM) -> Pattern:
    return Pattern(np.vstack([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), gap)
