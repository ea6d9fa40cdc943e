"""The compressed breast, paths and trees through it, and sites of calcium.

Coordinates in mm: x to the right, y down, z from the detector towards the tube.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import gamma

Array = NDArray[np.float64]
Generator = np.random.Generator

STEP_MM = 0.25


@dataclass(frozen=True)
class Breast:
    """A breast under compression: half a superellipse in the image, of even thickness.

    Attributes
    ----------
    side : int
        1 where the nipple points to the right, -1 where it points to the left.
    depth_mm, half_height_mm, thickness_mm : float
        From chest wall to tip; half the chest wall; along the beam.
    power : float
        Exponent of the superellipse.
    sag_mm : float
        How far the tip lies below the middle of the chest wall.
    wall_x_mm, middle_y_mm : float
        Middle of the chest wall.
    """

    side: int
    depth_mm: float
    half_height_mm: float
    thickness_mm: float
    power: float
    sag_mm: float
    wall_x_mm: float
    middle_y_mm: float

    @property
    def nipple_mm(self) -> Array:
        """The nipple, shape (3,)."""
        x = self.wall_x_mm + self.side * self.depth_mm
        return np.array([x, self.middle_y_mm + self.sag_mm, self.thickness_mm / 2])

    @property
    def area_mm2(self) -> float:
        """Projected area."""
        p = self.power
        quarter = self.depth_mm * self.half_height_mm * gamma(1 + 1 / p) ** 2 / gamma(1 + 2 / p)
        return float(2 * quarter)

    def inside(self, xyz_mm: Array, rim_mm: float = 3.0) -> NDArray[np.bool_]:
        """Tell which points lie in the gland, more than `rim_mm` under the skin."""
        u = self.side * (xyz_mm[:, 0] - self.wall_x_mm)
        v = xyz_mm[:, 1] - self.middle_y_mm - self.sag_mm * u / self.depth_mm
        depth, half = self.depth_mm - rim_mm, self.half_height_mm - rim_mm
        r = np.abs(u / depth) ** self.power + np.abs(v / half) ** self.power
        z = xyz_mm[:, 2]
        return (r <= 1) & (u > 1) & (z > 1) & (z < self.thickness_mm - 1)

    def point(self, u: Array, v: Array, z: Array) -> Array:
        """Return points from depth `u`, height `v` about the axis and `z`, shape (n, 3)."""
        y = self.middle_y_mm + self.sag_mm * u / self.depth_mm + v
        return np.column_stack([self.wall_x_mm + self.side * u, y, z])

    def draw(self, rng: Generator, n: int) -> Array:
        """Draw `n` points evenly in the gland."""
        parts, n_left = [], n
        while n_left > 0:
            m = 2 * n_left + 8
            u = rng.uniform(1, self.depth_mm, m)
            v = rng.uniform(-1, 1, m) * self.half_height_mm
            xyz = self.point(u, v, rng.uniform(1, self.thickness_mm - 1, m))
            parts.append(xyz[self.inside(xyz)][:n_left])
            n_left -= len(parts[-1])
        return np.concatenate(parts)

    def reach_mm(self, start_mm: Array, heading: Array) -> float:
        """How far one can go from a point before leaving the gland for good."""
        steps = np.arange(1.0, 160.0)
        inside = self.inside(start_mm + steps[:, None] * heading)
        return float(steps[inside][-1]) if inside.any() else 0.0


def draw_breast(rng: Generator) -> tuple[Breast, str, str]:
    """Draw a breast, its laterality and its view."""
    laterality, view = str(rng.choice(["L", "R"])), str(rng.choice(["CC", "MLO"]))
    side = 1 if laterality == "L" else -1
    depth = float(np.clip(rng.normal(78, 18), 45, 125))
    half = float(np.clip(rng.normal(62, 12) + (10 if view == "MLO" else 0), 38, 105))
    sag = float(rng.normal(12, 6) if view == "MLO" else rng.normal(0, 5))
    thickness = float(np.clip(rng.normal(52, 12), 22, 85))
    wall_x = 0.0 if side == 1 else float(depth + rng.uniform(5, 60))
    middle_y = float(half + rng.uniform(2, 40))
    breast = Breast(
        side, depth, half, thickness, float(rng.uniform(1.7, 2.6)), sag, wall_x, middle_y
    )
    return breast, laterality, view


@dataclass(frozen=True)
class Twig:
    """A stretch of duct or vessel: a polyline, and where it leaves its parent (-1: none)."""

    path_mm: Array
    parent: int = -1
    joint_mm: float = 0.0


@dataclass(frozen=True)
class Sites:
    """Where calcium lies.

    Attributes
    ----------
    xyz_mm, along : ndarray, shape (n, 3)
        Places, and the direction of the duct or vessel there (NaN where none).
    twig, station_mm : ndarray, shape (n,)
        Which twig (-1: none), and how far along it.
    twigs : list of Twig
    """

    xyz_mm: Array
    along: Array
    twig: NDArray[np.int64]
    station_mm: Array
    twigs: list[Twig] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.xyz_mm)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Sites:
        """Return some of the sites."""
        parts = (self.xyz_mm, self.along, self.twig, self.station_mm)
        return Sites(*(part[index] for part in parts), self.twigs)


def loose_sites(xyz_mm: Array, along: Array | None = None) -> Sites:
    """Make sites that lie on no duct; without `along` they have no direction either."""
    n = len(xyz_mm)
    directions = np.full((n, 3), np.nan) if along is None else along
    return Sites(xyz_mm, directions, np.full(n, -1), np.full(n, np.nan))


def spaced(rng: Generator, sites: Sites, spacing_mm: float, n: int) -> Sites:
    """Keep up to `n` sites, none nearer than `spacing_mm` to another in the image."""
    order = rng.permutation(len(sites))
    if spacing_mm <= 0:
        return sites.take(np.sort(order[:n]))
    xy = sites.xyz_mm[:, :2]
    near = ((xy[:, None] - xy) ** 2).sum(-1) < spacing_mm**2
    free, kept = np.ones(len(sites), bool), []
    for i in order:
        if free[i]:
            kept.append(i)
            free &= ~near[i]
            if len(kept) == n:
                break
    return sites.take(np.sort(np.array(kept, dtype=np.int64)))


def unit(vectors: Array) -> Array:
    """Scale vectors (last axis) to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def turned(heading: Array, angle_rad: float) -> Array:
    """Turn a direction in the image plane."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([c * heading[0] - s * heading[1], s * heading[0] + c * heading[1], heading[2]])


def wander(rng: Generator, start: Array, heading: Array, length_mm: float, bend_mm: float) -> Array:
    """Walk with smoothly changing curvature, of standard deviation 1 / `bend_mm`."""
    n = max(int(length_mm / STEP_MM), 4)
    smooth = max(3.0 / STEP_MM, n / 12)
    noise = gaussian_filter1d(rng.normal(size=n + 40), smooth, mode="wrap")[:n]
    noise *= np.sqrt(2 * np.sqrt(np.pi) * smooth) / bend_mm
    angle = np.arctan2(heading[1], heading[0]) + np.cumsum(noise) * STEP_MM
    slope = heading[2] + 0.1 * np.sin(np.linspace(0, rng.uniform(1, 4), n) + rng.uniform(0, 6))
    steps = np.column_stack([np.cos(angle), np.sin(angle), slope]) * STEP_MM
    return start + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])


def bezier(rng: Generator, start: Array, heading: Array, length_mm: float, sway: float) -> Array:
    """Draw a cubic Bezier curve about the straight way; `sway` is its share of the length."""
    across = np.array([-heading[1], heading[0], 0.0])
    offset = rng.uniform(-sway, sway, 3) * length_mm
    ahead = length_mm * np.array([0.33, 0.67, 1.0])
    knots = start + ahead[:, None] * heading + offset[:, None] * across
    t = np.linspace(0, 1, max(int(length_mm / STEP_MM), 4))[:, None]
    return (
        (1 - t) ** 3 * start
        + 3 * t * (1 - t) ** 2 * knots[0]
        + 3 * t**2 * (1 - t) * knots[1]
        + t**3 * knots[2]
    )


def on_path(path_mm: Array, station_mm: Array) -> tuple[Array, Array]:
    """Return places and directions at stations along a polyline."""
    edges = np.diff(path_mm, axis=0)
    lengths = np.maximum(np.linalg.norm(edges, axis=1), 1e-9)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    xyz = np.column_stack([np.interp(station_mm, ends, path_mm[:, k]) for k in range(3)])
    edge = np.clip(np.searchsorted(ends, station_mm, side="right") - 1, 0, len(edges) - 1)
    return xyz, edges[edge] / lengths[edge, None]


def length_mm(path_mm: Array) -> float:
    """Length of a polyline."""
    return float(np.linalg.norm(np.diff(path_mm, axis=0), axis=1).sum())


def sites_on_twigs(rng: Generator, twigs: list[Twig], n: int, jitter_mm: float) -> Sites:
    """Lay `n` sites along twigs: evenly with noise, at random, or in runs with gaps."""
    lengths = np.array([length_mm(twig.path_mm) for twig in twigs])
    total, style = lengths.sum(), rng.choice(3, p=[0.4, 0.25, 0.35])
    if style == 0:
        s = (np.arange(n) + rng.uniform(0, 1, n)) / n * total
    elif style == 1:
        s = np.sort(rng.uniform(0, total, n))
    else:
        gaps = rng.exponential(1, n) * np.where(rng.random(n) < 0.2, 4.0, 1.0) + 0.15
        s = (np.cumsum(gaps) - gaps[0] * rng.random()) / gaps.sum() * total
    ends = np.cumsum(lengths)
    twig = np.minimum(np.searchsorted(ends, s, side="right"), len(twigs) - 1)
    station = np.clip(s - (ends - lengths)[twig], 0, lengths[twig])
    xyz, along = np.empty((n, 3)), np.empty((n, 3))
    for k in np.unique(twig):
        here = twig == k
        xyz[here], along[here] = on_path(twigs[k].path_mm, station[here])
    xyz += rng.normal(0, jitter_mm, (n, 3))
    return Sites(xyz, along, twig, station, twigs)
