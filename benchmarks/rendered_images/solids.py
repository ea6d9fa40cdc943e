"""Single calcifications: the thickness of calcium along the beam, as a function of the place.

Each form of the lexicon is a family of solids. A solid is a function of (u, v) in mm from its
centre to mm of calcium, and the distance within which it is not 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Thickness = Callable[[np.ndarray, np.ndarray], np.ndarray]
FINER = 5
"""Points per side of a pixel at which a solid is sampled."""

OUTLINE_SHARE = 0.15
"""Calcium thicker than this share of the thickest is within the outline."""


@dataclass(frozen=True)
class Solid:
    """A function of the place, how far it reaches in mm, and the density relative to hydroxyapatite."""

    thickness: Thickness
    reach_mm: float
    density: float


def ellipsoid(a, b, c, angle):
    """Return a solid ellipsoid of half axes a, b in the plane and c along the beam."""

    def thickness(u, v):
        along = u * np.cos(angle) + v * np.sin(angle)
        across = -u * np.sin(angle) + v * np.cos(angle)
        return 2 * c * np.sqrt(np.maximum(1 - (along / a) ** 2 - (across / b) ** 2, 0))

    return thickness, max(a, b)


def lump(rng, radius, roughness, stretch=1.0, angle=0.0, depth=None):
    """Return an irregular solid: a star-shaped outline of random harmonics, domed along the beam."""
    orders = np.arange(2, 8)
    sizes = roughness * rng.uniform(0.4, 1.0, orders.size) / orders**0.7
    phases = rng.uniform(0, 2 * np.pi, orders.size)
    depth = 2 * radius * rng.uniform(0.6, 1.0) if depth is None else depth
    wide = np.sqrt(stretch)

    def thickness(u, v):
        along = (u * np.cos(angle) + v * np.sin(angle)) / wide
        across = (-u * np.sin(angle) + v * np.cos(angle)) * wide
        theta = np.arctan2(across, along)
        waves = np.cos(theta[..., None] * orders + phases) @ sizes
        edge = radius * np.maximum(1 + waves, 0.25)
        return depth * np.sqrt(np.maximum(1 - (np.hypot(along, across) / edge) ** 2, 0))

    return thickness, radius * wide * (1 + sizes.sum())


def balls(centres, radii):
    """Return the union of balls in one plane; a dense row of them is a tube."""
    reach = float((np.hypot(*centres.T) + radii).max())

    def thickness(u, v):
        found = np.zeros(u.shape)
        for (x, y), radius in zip(centres, radii, strict=True):
            squares = (u - x) ** 2 + (v - y) ** 2
            np.maximum(found, 2 * np.sqrt(np.maximum(radius**2 - squares, 0)), out=found)
        return found

    return thickness, reach


def _bent(rng, length, heading, bend):
    """Return points of a bent line about its middle."""
    s = np.linspace(-0.5, 0.5, max(3, int(length / 0.04))) * length
    angle = heading + bend * s / length + 0.15 * np.sin(3 * np.pi * s / length + rng.uniform(0, 6))
    steps = np.column_stack([np.cos(angle), np.sin(angle)]) * (s[1] - s[0])
    points = np.cumsum(steps, axis=0)
    return points - points.mean(axis=0)


def _round(rng, heading):
    radius = rng.uniform(0.26, 0.48)
    return ellipsoid(radius * rng.uniform(1, 1.12), radius, radius, rng.uniform(0, np.pi))


def _punctate(rng, heading):
    radius = np.clip(rng.lognormal(np.log(0.14), 0.22), 0.09, 0.225)
    return ellipsoid(radius * rng.uniform(1, 1.3), radius, radius, rng.uniform(0, np.pi))


def _popcorn(rng, heading):
    size = rng.uniform(1.1, 1.9)
    n = rng.integers(9, 18)
    angle, out = rng.uniform(0, 2 * np.pi, n), size * 0.62 * np.sqrt(rng.random(n))
    centres = np.column_stack([np.cos(angle), np.sin(angle)]) * out[:, None]
    return balls(centres, size * rng.uniform(0.28, 0.5, n))


def _rod_like(rng, heading):
    calibre = rng.uniform(0.5, 0.9)
    line = _bent(rng, rng.uniform(2.2, 6.5), heading + rng.normal(0, 0.12), rng.normal(0, 0.2))
    return balls(line, calibre / 2 * (1 - 0.25 * np.linspace(-1, 1, len(line)) ** 4))


def _amorphous(rng, heading):
    radius = rng.uniform(0.1, 0.24)
    return lump(
        rng, radius, 0.2, rng.uniform(1, 1.4), rng.uniform(0, np.pi), rng.uniform(0.14, 0.26)
    )


def _coarse_heterogeneous(rng, heading):
    angle = rng.uniform(0, np.pi)
    return lump(rng, rng.uniform(0.25, 0.48), 0.33, rng.uniform(1, 1.7), angle)


def _fine_pleomorphic(rng, heading):
    radius = np.clip(rng.lognormal(np.log(0.15), 0.35), 0.07, 0.24)
    return lump(rng, radius, 0.36, rng.uniform(1, 2.6), rng.uniform(0, np.pi))


def _fine_linear(rng, heading):
    length = rng.uniform(0.6, 2.4)
    line = _bent(rng, length, heading + rng.normal(0, 0.2), rng.normal(0, 0.5))
    calibre = rng.uniform(0.12, 0.28)
    radii = calibre / 2 * rng.uniform(0.6, 1.2, max(3, len(line) // 5 + 2))
    radii = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(radii)), radii)
    if rng.random() < 0.2:  # a side branch
        start = line[rng.integers(len(line) // 3, 2 * len(line) // 3 + 1)]
        twig = _bent(rng, 0.4 * length, heading + rng.choice([-1, 1]) * rng.uniform(0.5, 1), 0)
        line = np.concatenate([line, twig - twig[0] + start])
        radii = np.concatenate([radii, np.full(len(twig), 0.8 * radii.mean())])
    return balls(line, radii)


def _vascular(rng, heading):
    length = np.clip(rng.lognormal(np.log(0.9), 0.6), 0.25, 3.0)
    line = _bent(rng, length, heading + rng.normal(0, 0.06), rng.normal(0, 0.08))
    return balls(line, np.full(len(line), rng.uniform(0.12, 0.26) / 2))


FORMS: dict[str, Callable] = {
    "round": _round,
    "punctate": _punctate,
    "popcorn": _popcorn,
    "rod_like": _rod_like,
    "amorphous": _amorphous,
    "coarse_heterogeneous": _coarse_heterogeneous,
    "fine_pleomorphic": _fine_pleomorphic,
    "fine_linear": _fine_linear,
    "vascular": _vascular,
}


def make_solid(rng, form, heading, density):
    """Return a calcification of a form; `heading` is that of the duct or vessel it lies in."""
    thickness, reach = FORMS[form](rng, heading)
    hazy = 0.7 if form == "amorphous" else 1.0
    return Solid(thickness, reach, hazy * rng.uniform(*density))


@dataclass(frozen=True)
class Drawn:
    """A solid on the pixels of an image: its window, calcium in mm, pixels within the outline."""

    rows: slice
    columns: slice
    calcium_mm: np.ndarray
    within: np.ndarray
    x_mm: float
    y_mm: float
    area_mm2: float
    peak_mm: float


def draw(solid, x_mm, y_mm, shape, spacing_mm):
    """Return a solid on pixels; None where it is cut by the edge of the image."""
    reach = int(np.ceil(solid.reach_mm / spacing_mm)) + 1
    column, row = int(x_mm / spacing_mm), int(y_mm / spacing_mm)
    low, high = (row - reach, column - reach), (row + reach + 1, column + reach + 1)
    if min(low) < 0 or high[0] > shape[0] or high[1] > shape[1]:
        return None
    v = (low[0] + (np.arange((2 * reach + 1) * FINER) + 0.5) / FINER) * spacing_mm
    u = (low[1] + (np.arange((2 * reach + 1) * FINER) + 0.5) / FINER) * spacing_mm
    fine = solid.thickness(*np.broadcast_arrays(u[None, :] - x_mm, v[:, None] - y_mm))
    if not fine.any():
        return None
    inside = fine > OUTLINE_SHARE * fine.max()
    blocks = (2 * reach + 1, FINER, 2 * reach + 1, FINER)
    coverage = inside.reshape(blocks).mean(axis=(1, 3))
    within = coverage >= min(0.5, coverage.max())
    total = fine.sum()
    return Drawn(
        slice(low[0], high[0]), slice(low[1], high[1]),
        fine.reshape(blocks).mean(axis=(1, 3)) * solid.density, within,
        float((fine.sum(axis=0) * u).sum() / total), float((fine.sum(axis=1) * v).sum() / total),
        float(inside.sum()) * (spacing_mm / FINER) ** 2, float(fine.max()) * solid.density,
    )  # fmt: skip
