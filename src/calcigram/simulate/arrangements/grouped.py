"""Compact groups: up to 2 cm across, and no path runs through them."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Distribution
from calcigram.simulate._random import between
from calcigram.simulate.anatomy import Breast
from calcigram.simulate.arrangements._common import (
    Placement,
    Rng,
    apart,
    arrangement,
    cloud_of,
    ellipse_offsets,
    polygon_mask,
    turned,
)
from calcigram.simulate.presets import Draw


@arrangement(Distribution.GROUPED)
def acini(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill the sacs of a few neighbouring lobules: small balls side by side."""
    n_lobules = int(p.n_lobules)
    centre = breast.place(rng, 10.0)
    lobules = rng.normal(0.0, p.lobule_distance_mm / 1.5, (n_lobules, 3))
    radius = p.lobule_radius_mm * rng.uniform(0.6, 1.3, n_lobules)
    share = rng.dirichlet(np.full(n_lobules, 3.0))
    owner = rng.choice(n_lobules, int(p.n), p=share)
    ball = rng.normal(size=(owner.size, 3))
    ball *= (rng.random(owner.size) ** (1 / 3) / np.linalg.norm(ball, axis=1))[:, None]
    xyz = lobules[owner] + radius[owner, None] * ball * [1.0, p.flattening, 1.0]
    return Placement(centre + turned(xyz[:, :2], between(rng, 0, math.pi)))


@arrangement(Distribution.GROUPED)
def gaussian(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter about a centre: normal, or with heavier tails, in an ellipsoid."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    xyz = rng.normal(size=(n, 3))
    if p.heavy_tails > 0.5:
        xyz /= np.sqrt(rng.chisquare(5, n) / 5)[:, None]
    xy = xyz[:, :2] * p.extent_mm / 4.5 * [1.0, p.axis_ratio]
    return Placement(centre + turned(xy, between(rng, 0, math.pi)))


@arrangement(Distribution.GROUPED)
def hard_core(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill a cube, a ball or a ragged outline evenly, no two closer than a distance."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    xyz = rng.uniform(-0.5, 0.5, (4 * n + 20, 3)) * p.extent_mm
    if p.shape == 1:
        xyz = xyz[np.linalg.norm(xyz, axis=1) < p.extent_mm / 2]
    elif p.shape == 2:
        xyz = xyz[polygon_mask(rng, xyz[:, :2], p.extent_mm, 0.25)]
    xyz *= [1.0, p.axis_ratio, 1.0]
    area = p.extent_mm**2 * p.axis_ratio
    distance = p.inhibition * math.sqrt(area / max(n, 1))
    return Placement(centre + turned(apart(xyz[:, :2], distance, n), between(rng, 0, math.pi)))


@arrangement(Distribution.GROUPED)
def rim(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie in the shell of a small fibroadenoma or cyst, some of them inside it."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    radius = 1.0 - p.shell_share * rng.random(n)
    inside = rng.random(n) < p.inside_share
    radius[inside] *= rng.random(inside.sum()) ** (1 / 3)
    xyz = direction * (radius * p.extent_mm / 2)[:, None] * [1.0, p.axis_ratio, 1.0]
    return Placement(centre + turned(xyz[:, :2], between(rng, 0, math.pi)))


@arrangement(Distribution.GROUPED)
def satellites(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Crowd in a dense core, with stragglers over a larger disc around it."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    n_core = max(1, round(n * p.core_share))
    core = ellipse_offsets(rng, n_core, p.extent_mm * p.core_size, p.axis_ratio)
    halo = ellipse_offsets(rng, n - n_core, p.extent_mm, p.axis_ratio)
    shift = rng.normal(0.0, 0.08 * p.extent_mm, 2)
    return Placement(centre + np.concatenate([core + shift, halo]))


@arrangement(Distribution.GROUPED, structureless=True)
def cloud(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter by chance about a centre, without any structure."""
    centre = breast.place(rng, p.extent_mm / 2)
    return Placement(centre + cloud_of(rng, int(p.n), p.extent_mm, int(p.shape)))


@arrangement(Distribution.GROUPED, structureless=True)
def sparse_cloud(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Scatter a few by chance about a centre."""
    return cloud(rng, breast, p)
