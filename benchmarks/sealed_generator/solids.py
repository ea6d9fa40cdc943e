"""The solids that calcifications are made of, and helpers to draw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .anatomy import Array, Generator, unit

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Solids of one kind, of which one or more make up a calcification.

    Attributes
    ----------
    kind : {"ellipsoid", "rod", "crystal", "outline"}
    centre_mm : ndarray, shape (m, 3)
    reach_mm, density : ndarray, shape (m,)
        Radius of a ball that holds the solid; attenuation relative to solid calcium.
    owner : ndarray, shape (m,)
        Which calcification the solid is part of.
    adds : bool
        Whether solids that overlap attenuate more (grains) or are one body.
    shape : dict of str to ndarray
        What `optics` needs to cast the shadow of this kind.
    """

    kind: str
    centre_mm: Array
    reach_mm: Array
    density: Array
    owner: Index
    adds: bool
    shape: dict[str, Array]


def sizes(rng: Generator, n: int, median: float, spread: float, low: float, high: float) -> Array:
    """Lognormal sizes, drawn anew (up to clipping) where out of range."""
    drawn = median * np.exp(rng.normal(0, spread, (4, n)))
    fits = (drawn >= low) & (drawn <= high)
    return np.clip(drawn[fits.argmax(0), np.arange(n)], low, high)


def frames(rng: Generator, first: Array) -> Array:
    """Right-angled frames (n, 3, 3), rows the axes; random about `first`, or random where NaN."""
    n = len(first)
    a = unit(np.where(np.isnan(first), rng.normal(size=(n, 3)), first))
    b = unit(np.cross(a, rng.normal(size=(n, 3))))
    return np.stack([a, b, np.cross(a, b)], axis=1)


def free(n: int) -> Array:
    """No direction, `n` times."""
    return np.full((n, 3), np.nan)


def ellipsoids(
    centre: Array, half: Array, axes: Array, owner: Index, density: Array | float, **how: bool
) -> Batch:
    """Ellipsoids with half axes `half` (m, 3) along `axes`; `soft` ones fade to their edge."""
    covariance = np.einsum("mki,mk,mkj->mij", axes, half**2, axes)
    soft = np.full(len(centre), 1.8 if how.get("soft") else 0.5)
    density = np.broadcast_to(density, soft.shape)
    shape = {"covariance": covariance, "volume": half.prod(1) ** 2, "edge": soft}
    return Batch("ellipsoid", centre, half.max(1), density, owner, how.get("adds", False), shape)


def rods(start: Array, end: Array, radius: Array, owner: Index, density: Array | float) -> Batch:
    """Round-ended rods; `radius` (m, 2) at their starts and ends."""
    middle, half = (start + end) / 2, (end - start) / 2
    reach = np.linalg.norm(half, axis=1) + radius.max(1)
    density = np.broadcast_to(density, reach.shape)
    return Batch("rod", middle, reach, density, owner, False, {"half": half, "radius": radius})


def crystals(rng: Generator, centre: Array, half: Array, owner: Index) -> Batch:
    """Polyhedra with about ten random facets, within boxes of half sides `half` (m, 3)."""
    m, n_cuts = len(centre), 7
    box = np.concatenate([np.eye(3), -np.eye(3)])
    cuts = unit(rng.normal(size=(m, n_cuts, 3)))
    normals = np.concatenate([np.broadcast_to(box, (m, 6, 3)), cuts], axis=1)
    distance = np.concatenate([np.ones((m, 6)), rng.uniform(0.45, 1.0, (m, n_cuts))], axis=1)
    normals = np.einsum("mpk,mkj->mpj", normals / half[:, None], frames(rng, free(m)))
    shape = {"normals": normals, "distance": distance}
    return Batch("crystal", centre, np.linalg.norm(half, axis=1), np.ones(m), owner, False, shape)


def outlines(centre: Array, radius: Array, wave: Array, density: Array, owner: Index) -> Batch:
    """Flat bodies with radius `radius * wave` (m, 360) by the degree, thick in their middle."""
    table = radius[:, None] * wave
    return Batch("outline", centre, table.max(1), density, owner, False, {"table": table})


def waves(rng: Generator, m: int, orders: list[int], height: float) -> Array:
    """Radius by the degree, about 1, from waves of the given orders, shape (m, 360)."""
    angle = np.radians(np.arange(360))
    k = np.array(orders)
    amplitude = rng.normal(0, height, (m, k.size)) / np.sqrt(k.size) * (2.5 / k) ** 0.7
    phase = rng.uniform(0, 2 * np.pi, (m, k.size))
    ripple = amplitude[..., None] * np.cos(k[:, None] * angle + phase[..., None])
    return np.clip(1 + ripple.sum(1), 0.3, 1.9)
