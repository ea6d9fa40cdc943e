"""Hollow and dented forms: rings, shells, tubes and plates, drawn as bent bands.

The third particle model of round, popcorn, rod-like, coarse heterogeneous and vascular. They
share no outline with `compact` or `elongated`: a lucent centre or a bite lowers the solidity,
which a solid outline never does.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology
from calcigram.simulate._points import points_of
from calcigram.simulate._random import between
from calcigram.simulate.particles._outlines import (
    Floats,
    Outlines,
    Rng,
    bands,
    capsules,
    contrasts,
    directions,
    lognormal,
    notched,
    particle_model,
    shards,
    single,
    tubes_with_lumen,
    unions,
)
from calcigram.simulate.presets import Draw

_FULL = 2.0 * math.pi


@particle_model(Morphology.ROUND)
def pearls(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Pearls with a lucent centre, full ones between them, some levelled like milk of calcium."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    small = rng.random(n) < p.small_share
    size[small] *= p.small_ratio
    hole = np.where(rng.random(n) < p.lucent_share, p.hole_ratio * rng.uniform(0.5, 1.0, n), 0.02)
    aspect = np.exp(np.abs(rng.normal(0.0, p.aspect_sd, n)))
    parts = bands(size, hole, np.full(n, _FULL), aspect, rng.uniform(0.0, math.pi, n))
    # The fluid in a cyst finds one level: what lies above the same side of each is empty.
    level = (0.5 - p.levelling * rng.uniform(0.5, 1.0, n)) * size
    upward = between(rng, 0.0, _FULL)
    height = parts[:, :, 0] * math.cos(upward) + parts[:, :, 1] * math.sin(upward)
    excess = np.maximum(height - level[:, None], 0.0)
    parts[:, :, 0] -= excess * math.cos(upward)
    parts[:, :, 1] -= excess * math.sin(upward)
    return single(parts, lognormal(rng, p.contrast, 0.25, n))


@particle_model(Morphology.POPCORN)
def shells(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Thick curved plates of an involuting fibroadenoma's rim, with angular crumbs about them."""
    n = direction.size
    n_large = int(min(n, max(p.n_large, round(p.large_share * n))))
    size = np.minimum(lognormal(rng, p.crumb_median_mm, p.crumb_log_sigma, n), 1.9)
    size[:n_large] = p.largest_mm * rng.uniform(0.35, 1.0, n_large)
    size[0] = p.largest_mm
    size = size[rng.permutation(n)]
    large = size >= 0.35 * p.largest_mm
    plates, crumbs = np.flatnonzero(large), np.flatnonzero(~large)
    # Two plates each, joined at a hinge: a lobed heap with a bay.
    twice = np.repeat(plates, 2)
    arc = math.radians(p.arc_deg) * rng.uniform(0.5, 1.0, twice.size)
    turn = rng.uniform(0.0, _FULL, twice.size)
    thick = 1.0 - p.thickness * rng.uniform(0.7, 1.3, twice.size)
    plate = bands(0.8 * size[twice], np.clip(thick, 0.05, 0.9), arc, np.ones(twice.size), turn)
    hinge = 0.22 * size[twice] * np.where(np.arange(twice.size) % 2, 1.0, -1.0)
    lean = np.repeat(rng.uniform(0.0, _FULL, plates.size), 2)
    plate += points_of(hinge * np.cos(lean), hinge * np.sin(lean))[:, None, :]
    stretch = np.exp(np.abs(rng.normal(0.0, 0.3, crumbs.size)))
    crumb = shards(
        rng, size[crumbs], stretch, rng.uniform(0.0, math.pi, crumbs.size), 0.4, int(p.corners)
    )
    return unions([plate, crumb], [twice, crumbs], lognormal(rng, p.contrast, 0.25, n), 0.0)


@particle_model(Morphology.ROD_LIKE)
def secretory(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Clubbed and bent rods of duct ectasia, many with a lucent core, and globules with them."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.4, 14.0)
    globule = rng.random(n) < p.globule_share
    aspect[globule] = rng.uniform(1.0, 1.6, int(globule.sum()))
    lumen = np.where(rng.random(n) < p.lucent_share, p.lumen_ratio * rng.uniform(0.6, 1.0, n), 0.02)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = tubes_with_lumen(
        np.minimum(calibre * aspect, 14.0),
        calibre,
        lumen,
        angle,
        p.bend * rng.uniform(-1, 1, n) * (~globule),
        p.clubbing * rng.uniform(-1, 1, n),
    )
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.COARSE_HETEROGENEOUS)
def plates(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Angular plates with a bite out of one side or a lucent patch, of very mixed sizes."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 2.2)
    aspect = np.exp(np.abs(rng.normal(p.aspect_log, p.aspect_sd, n)))
    angle = rng.uniform(0.0, math.pi, n)
    shell = rng.random(n) < p.shell_share
    parts = notched(
        rng, size, aspect, angle, p.bite * rng.uniform(0.3, 1.0, n), p.squareness, p.roughness
    )
    arc = rng.uniform(0.5, 1.0, int(shell.sum())) * _FULL
    hole = rng.uniform(0.2, 0.6, arc.size)
    parts[shell] = bands(size[shell], hole, arc, np.minimum(aspect[shell], 1.5), angle[shell])
    return single(parts, lognormal(rng, p.contrast, 0.3, n))


@particle_model(Morphology.VASCULAR)
def wall_rings(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Arcs along the wall, dashes across it where a ring is seen edge-on, and grains."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.0, 12.0)
    grain = rng.random(n) < p.grain_share
    aspect[grain] = rng.uniform(1.0, 1.8, int(grain.sum()))
    across = rng.random(n) < p.across_share
    angle = directions(rng, direction, p.angle_sd_deg) + np.where(across, 0.5 * math.pi, 0.0)
    length = np.minimum(calibre * aspect, 7.0)
    parts = capsules(length, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    # A stretch whose two walls are listed as one mark: a short tube with its lumen open.
    double = np.flatnonzero((rng.random(n) < p.double_share) & ~across)
    parts[double] = tubes_with_lumen(
        1.3 * length[double],
        np.minimum(2.2 * calibre[double], 1.3 * length[double]),
        np.full(double.size, 0.45),
        angle[double],
        np.zeros(double.size),
        np.zeros(double.size),
    )
    return single(parts, lognormal(rng, p.contrast, 0.35, n))
