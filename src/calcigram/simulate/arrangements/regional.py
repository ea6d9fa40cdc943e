"""Regions: more than 2 cm across, following no duct, short of diffuse."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Distribution
from calcigram.simulate._points import points_of
from calcigram.simulate._random import between
from calcigram.simulate.anatomy import Breast
from calcigram.simulate.arrangements._common import (
    Placement,
    Rng,
    arrangement,
    cloud_of,
    ellipse_offsets,
    polygon_mask,
    turned,
)
from calcigram.simulate.presets import Draw


@arrangement(Distribution.REGIONAL)
def lobule_territory(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Fill many lobules, of whichever lobe, across one compact territory."""
    centre = breast.place(rng, p.extent_mm / 2)
    offset = turned(breast.tdlus()[:, :2] - centre, between(rng, 0, math.pi))
    near = (offset[:, 0] ** 2 + (offset[:, 1] / p.axis_ratio) ** 2) < (p.extent_mm / 2) ** 2
    lobules = offset[near]
    if len(lobules) < 4:
        return None
    n_used = max(4, min(len(lobules), round(len(lobules) * p.lobule_share)))
    lobules = lobules[rng.permutation(len(lobules))[:n_used]]
    owner = rng.integers(0, n_used, int(p.n))
    return Placement(centre + lobules[owner] + rng.normal(0.0, p.lobule_radius_mm, (owner.size, 2)))


@arrangement(Distribution.REGIONAL)
def sub_clusters(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Gather in several small clusters spread over a region (Neyman-Scott)."""
    centre = breast.place(rng, p.extent_mm / 2)
    n_parents = int(p.n_sub_clusters)
    parents = ellipse_offsets(rng, n_parents, p.extent_mm, p.axis_ratio)
    owner = rng.choice(n_parents, int(p.n), p=rng.dirichlet(np.full(n_parents, 2.0)))
    spread = p.sub_cluster_sd_mm * rng.uniform(0.5, 1.5, n_parents)
    return Placement(
        centre + parents[owner] + spread[owner, None] * rng.normal(size=(owner.size, 2))
    )


@arrangement(Distribution.REGIONAL)
def ragged_area(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Spread over a ragged outline, denser towards one side (inhomogeneous Poisson)."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    xy = rng.uniform(-0.8, 0.8, (6 * n + 60, 2)) * p.extent_mm
    xy = xy[polygon_mask(rng, xy, p.extent_mm, p.roughness)]
    weight = 1.0 + p.gradient * xy[:, 0] / (0.5 * p.extent_mm)
    xy = xy[rng.random(len(xy)) * (1.0 + p.gradient) < weight][:n]
    return Placement(centre + turned(xy * [1.0, p.axis_ratio], between(rng, 0, 2 * math.pi)))


@arrangement(Distribution.REGIONAL)
def gland_band(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie in a broad band of glandular tissue that runs across the ducts, along the skin."""
    n = int(p.n)
    distance = between(rng, 0.35, 0.8) * breast.depth_mm
    angle = between(rng, -0.8, 0.8) + (rng.random(n) - 0.5) * p.extent_mm / distance
    angle = np.clip(angle, -1.45, 1.45)
    across = (rng.random(n) - 0.5 + 0.25 * rng.normal(size=n)) * p.extent_mm * p.width_ratio
    radius = distance + across
    return Placement(points_of(radius * np.cos(angle), radius * np.sin(angle)))


@arrangement(Distribution.REGIONAL, structureless=True)
def cloud(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter by chance about a centre, without any structure."""
    centre = breast.place(rng, p.extent_mm / 2)
    return Placement(centre + cloud_of(rng, int(p.n), p.extent_mm, int(p.shape)))


@arrangement(Distribution.REGIONAL, structureless=True)
def sparse_cloud(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Scatter a few by chance about a centre."""
    return cloud(rng, breast, p)
