"""Smooth paths, places along them, and what an arrangement returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .breast import Array, Rng

CLOSEST_MM = 0.2  # two calcifications nearer than this are seen as one


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
