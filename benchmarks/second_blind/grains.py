"""The nine forms as solid bodies.

A grain is made of pieces. A piece is a tapered, bent rod with round ends (a ball where it has no
length) from which planes may cut chips. Only one thing matters to X-rays, how much mineral they
meet, so pieces are handed on as `Matter`: many small specks of known mass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from .paths import Array, Rng, unit


@dataclass
class Pieces:
    """Pieces of grains; all arrays have shape (m,).

    Attributes
    ----------
    owner : ndarray of int
        The grain each is part of.
    x_mm, y_mm, angle_rad : ndarray
        Middle and direction in the grain's own frame, whose x axis follows the duct.
    half_length_mm, radius_mm, end_radius_mm : ndarray
        Of the rod without its round ends; the radius runs from one end to the other.
    bend_per_mm : ndarray
        Curvature.
    mineral : ndarray
        Share of solid mineral, 0 to 1.
    n_chips : int
        Planes that cut each piece; 0 leaves it smooth.
    """

    owner: np.ndarray
    radius_mm: Array
    mineral: Array | float
    x_mm: Array | float = 0.0
    y_mm: Array | float = 0.0
    angle_rad: Array | float = 0.0
    half_length_mm: Array | float = 0.0
    end_radius_mm: Array | float | None = None
    bend_per_mm: Array | float = 0.0
    n_chips: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if self.end_radius_mm is None:
            self.end_radius_mm = self.radius_mm
        for item in fields(self):
            if item.name != "n_chips":
                value = getattr(self, item.name)
                setattr(self, item.name, np.broadcast_to(value, np.shape(self.owner)))


@dataclass(frozen=True)
class Matter:
    """Specks of mineral in the grains' own frames; all arrays have shape (k,)."""

    owner: np.ndarray
    x_mm: Array
    y_mm: Array
    mass_mm3: Array


def matter(rng: Rng, pieces: Pieces, spacing_mm: float) -> Matter:
    """Cut pieces into columns along the beam on a lattice finer than `spacing_mm`."""
    single = {
        item.name: np.asarray(getattr(pieces, item.name), np.float32) for item in fields(pieces)
    }
    radius = np.maximum(single["radius_mm"], single["end_radius_mm"])
    half = single["half_length_mm"] + radius
    n_long = int(np.ceil(2 * half.max() / spacing_mm)) + 1
    n_wide = int(np.ceil(2 * radius.max() / spacing_mm)) + 1
    phase = rng.random((2, len(radius), 1), np.float32)
    u = (np.arange(n_long, dtype=np.float32) + phase[0]) * np.float32(2 / n_long) - 1
    v = (np.arange(n_wide, dtype=np.float32) + phase[1]) * np.float32(2 / n_wide) - 1
    along, wide = (half[:, None] * u)[:, :, None], (radius[:, None] * v)[:, None, :]
    column = {name: values[..., None, None] for name, values in single.items()}
    rod = column["half_length_mm"]
    beyond = np.maximum(np.abs(along) - rod, 0)
    part = np.clip(along / np.maximum(rod, 1e-6), -1, 1) / 2 + 0.5
    start, end = column["radius_mm"], column["end_radius_mm"]
    local_radius = start + (end - start) * part
    top = np.sqrt(np.maximum(local_radius**2 - wide**2 - beyond**2, 0))
    if pieces.n_chips:
        thickness = _chipped(rng, pieces.n_chips, u[:, :, None], v[:, None, :], top, radius)
    else:
        thickness = 2 * top
    cell = (2 * half / n_long) * (2 * radius / n_wide) * single["mineral"]
    bent = wide + column["bend_per_mm"] * (along**2 - rod**2 / 3) / 2
    cos, sin = np.cos(column["angle_rad"]), np.sin(column["angle_rad"])
    x = column["x_mm"] + cos * along - sin * bent
    y = column["y_mm"] + sin * along + cos * bent
    solid = thickness > 0
    owner = np.broadcast_to(pieces.owner[:, None, None], solid.shape)
    return Matter(owner[solid], x[solid], y[solid], (cell[:, None, None] * thickness)[solid])


def _chipped(rng: Rng, n_chips: int, u: Array, v: Array, top: Array, radius: Array) -> Array:
    """Return the thickness left of bodies between -`top` and `top` after planes cut them."""
    normal = unit(rng.standard_normal((n_chips, len(radius), 3), np.float32)).astype(np.float32)
    depth = 0.35 + 0.5 * rng.random((n_chips, len(radius)), np.float32)
    upper, lower = top.copy(), -top
    for (nx, ny, nz), cut in zip(normal.transpose(0, 2, 1), depth, strict=True):
        steep = np.where(np.abs(nz) < 0.05, 0.05, nz)[:, None, None]
        plane = (cut[:, None, None] - nx[:, None, None] * u - ny[:, None, None] * v) / steep
        plane = plane * radius[:, None, None]
        upper = np.where(steep > 0, np.minimum(upper, plane), upper)
        lower = np.where(steep < 0, np.maximum(lower, plane), lower)
    return np.maximum(upper - lower, 0)
