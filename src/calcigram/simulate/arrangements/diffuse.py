"""Throughout the breast."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Distribution
from calcigram.simulate.anatomy import Breast
from calcigram.simulate.arrangements._common import Placement, Rng, arrangement, cloud_of
from calcigram.simulate.presets import Draw


@arrangement(Distribution.DIFFUSE)
def uniform(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Spread evenly over the whole outline, less a rim under the skin."""
    return Placement(breast.uniform(rng, int(p.n), p.skin_margin_mm))


@arrangement(Distribution.DIFFUSE)
def all_lobules(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill lobules of all lobes."""
    tdlus = breast.tdlus()
    n = int(p.n)
    lobules = tdlus[rng.integers(0, len(tdlus), max(8, round(n * p.lobules_per_calcification)))]
    owner = rng.integers(0, len(lobules), n)
    return Placement(lobules[owner, :2] + rng.normal(0.0, p.lobule_radius_mm, (n, 2)))


@arrangement(Distribution.DIFFUSE)
def density_field(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Follow a smooth random field of glandular density over most of the breast."""
    n = int(p.n)
    xy = breast.uniform(rng, 8 * n + 40, 4.0)
    n_waves = 8
    wave = rng.normal(size=(2, n_waves)) * 2 * math.pi / p.wavelength_mm
    field = np.cos(xy @ wave + rng.uniform(0, 2 * math.pi, n_waves)).sum(axis=1) / 2.0
    weight = np.exp(p.contrast * (field - field.max()))
    chosen = np.argsort(-np.log(rng.random(len(xy))) / weight)[:n]
    return Placement(xy[chosen])


@arrangement(Distribution.DIFFUSE)
def loose_clusters(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Gather in loose clusters all over, with single calcifications between them."""
    n = int(p.n)
    parents = breast.uniform(rng, int(p.n_clusters), 6.0)
    owner = rng.integers(0, len(parents), n)
    xy = parents[owner] + rng.normal(0.0, p.cluster_sd_mm, (n, 2))
    single = rng.random(n) < p.single_share
    xy[single] = breast.uniform(rng, int(single.sum()), 4.0)
    return Placement(xy)


@arrangement(Distribution.DIFFUSE, structureless=True)
def cloud(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter by chance about the middle of the breast, without any structure."""
    extent = p.extent_share * 2 * breast.half_width_mm
    xy = cloud_of(rng, int(p.n), extent, int(p.shape))
    return Placement(np.array([0.5 * breast.depth_mm, 0.0]) + xy)
