"""A smooth path in space, measured along its length: a duct or the middle of a vessel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator

PER_KNOT = 6
_T = np.linspace(0.0, 1.0, PER_KNOT, endpoint=False)
_HERMITE = np.stack(
    [1 - 3 * _T**2 + 2 * _T**3, 3 * _T**2 - 2 * _T**3, _T**3 - 2 * _T**2 + _T, _T**3 - _T**2],
    axis=1,
)


@dataclass(frozen=True)
class Path:
    """A polyline fine enough to pass for a curve.

    Attributes
    ----------
    points : ndarray, shape (m, 3)
        In mm.
    arc_mm : ndarray, shape (m,)
        Distance of each point from the first, along the path.
    """

    points: Array
    arc_mm: Array

    @classmethod
    def of(cls, points: Array) -> Path:
        """Measure a polyline."""
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        return cls(points, np.concatenate([[0.0], np.cumsum(steps)]))

    @classmethod
    def through(cls, knots: Array) -> Path:
        """Draw a Catmull-Rom curve through knots of shape (k, 3), in `PER_KNOT` steps each."""
        step = np.diff(knots, axis=0)
        slope = np.concatenate([step[:1], (step[:-1] + step[1:]) / 2, step[-1:]])
        corners = np.stack([knots[:-1], knots[1:], slope[:-1], slope[1:]])
        curve = np.einsum("tc,ckx->ktx", _HERMITE, corners).reshape(-1, 3)
        return cls.of(np.concatenate([curve, knots[-1:]]))

    @property
    def length_mm(self) -> float:
        """Length along the path."""
        return float(self.arc_mm[-1])

    def at(self, s_mm: npt.ArrayLike) -> Array:
        """Return the points at distances `s_mm` along the path, shape (n, 3)."""
        s = np.asarray(s_mm)
        return np.stack([np.interp(s, self.arc_mm, axis) for axis in self.points.T], axis=-1)

    def tangent(self, s_mm: npt.ArrayLike, reach_mm: float = 0.75) -> Array:
        """Return unit tangents at distances `s_mm` along the path, shape (n, 3)."""
        s = np.asarray(s_mm)
        return unit(self.at(s + reach_mm) - self.at(s - reach_mm))

    def cut(self, start_mm: float, stop_mm: float) -> Path:
        """Return the stretch between two distances along the path."""
        inner = self.arc_mm[(self.arc_mm > start_mm) & (self.arc_mm < stop_mm)]
        return Path.of(self.at(np.concatenate([[start_mm], inner, [stop_mm]])))


def unit(vectors: Array) -> Array:
    """Scale the last axis to length 1; a null vector becomes the first axis."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    first = np.zeros(vectors.shape[-1])
    first[0] = 1.0
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), first)


def frame_about(axis: Array) -> tuple[Array, Array]:
    """Return two unit vectors at right angles to each `axis`, the first in the picture plane."""
    in_plane = np.stack([-axis[..., 1], axis[..., 0], np.zeros(axis.shape[:-1])], axis=-1)
    first = unit(in_plane)
    return first, np.cross(axis, first)


def scattered_about(rng: Rng, axis: Array, spread_rad: float) -> Array:
    """Tilt unit vectors, shape (n, 3), away from `axis` by about `spread_rad`."""
    return unit(axis + spread_rad * rng.standard_normal(axis.shape))


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
