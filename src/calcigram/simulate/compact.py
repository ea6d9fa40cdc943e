"""Particle models of compact forms.

Round, punctate, popcorn, amorphous, coarse heterogeneous and fine pleomorphic. The first two models
of a form draw one solid outline each. The third, of training only, is a mixture or a chain, or is
hollow or dented: a lucent centre or a bite lowers the solidity, which a solid outline never does.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology
from calcigram.simulate._outlines import (
    Outlines,
    bands,
    blobs,
    chains,
    contrasts,
    drops,
    ellipses,
    lognormal,
    notched,
    shards,
    single,
    unions,
)
from calcigram.simulate.mechanisms import Floats, Rng, mechanism, polar
from calcigram.simulate.presets import Draw

_FULL = 2.0 * math.pi


def _aspects(rng: Rng, sd: float, n: int) -> Floats:
    return np.exp(np.abs(rng.normal(0.0, sd, n)))


@mechanism(Morphology.ROUND)
def spheres(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Smooth balls."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = blobs(rng, size, np.ones(n), np.zeros(n), p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROUND)
def lucent_discs(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Casts that fill widened acini: slightly oval, squared off, paler in the middle."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = ellipses(
        size, _aspects(rng, p.aspect_sd, n), rng.uniform(0.0, math.pi, n), p.squareness
    )
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROUND)
def pearls(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Pearls with a lucent centre, full ones between them, some levelled like milk of calcium."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    small = rng.random(n) < p.small_share
    size[small] *= p.small_ratio
    hole = np.where(rng.random(n) < p.lucent_share, p.hole_ratio * rng.uniform(0.5, 1.0, n), 0.02)
    aspect = _aspects(rng, p.aspect_sd, n)
    parts = bands(size, hole, np.full(n, _FULL), aspect, rng.uniform(0.0, math.pi, n))
    # The fluid in a cyst finds one level: what lies above the same side of each is empty.
    level = (0.5 - p.levelling * rng.uniform(0.5, 1.0, n)) * size
    upward = rng.uniform(0.0, _FULL)
    height = parts[:, :, 0] * math.cos(upward) + parts[:, :, 1] * math.sin(upward)
    excess = np.maximum(height - level[:, None], 0.0)
    parts[:, :, 0] -= excess * math.cos(upward)
    parts[:, :, 1] -= excess * math.sin(upward)
    return single(parts, lognormal(rng, p.contrast, 0.25, n))


@mechanism(Morphology.PUNCTATE)
def dots(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small round points."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 0.5)
    parts = blobs(rng, size, np.ones(n), np.zeros(n), p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.PUNCTATE)
def acinar_ovals(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small ovals of nearly one size, as the acini are that hold them."""
    n = direction.size
    sigma = p.log_sigma
    size = p.median_mm * (1.0 + sigma * rng.uniform(-1.7, 1.7, n))
    parts = ellipses(size, _aspects(rng, p.aspect_sd, n), rng.uniform(0.0, math.pi, n), 2.0)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.PUNCTATE)
def pinpoints(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Grains of a pixel or a few, of unequal brightness; now and then two seen as one."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 0.5)
    twin = np.flatnonzero(rng.random(n) < p.twin_share)
    turn = rng.uniform(0.0, math.pi, n)
    aspect = 1.0 + rng.gamma(1.0, p.aspect_excess, n)
    grain = shards(rng, size, aspect, turn, 0.1, 6)
    other = shards(rng, 0.8 * size[twin], np.ones(twin.size), turn[twin], 0.1, 6)
    shift = 0.7 * size[twin]
    other += polar(shift, turn[twin])[:, None, :]
    contrast = lognormal(rng, p.contrast, p.contrast_log_sigma, n)
    return unions([grain, other], [np.arange(n), twin], contrast, p.softness_mm)


@mechanism(Morphology.POPCORN)
def lobulated(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """A few large ones, each a heap of rounded lobes, with smaller ones about them."""
    n = direction.size
    share = 0.15 + 0.35 * rng.random()
    n_large = int(min(n, max(p.n_large, round(share * n) if n > 12 else 0)))
    size = lognormal(rng, p.small_median_mm, p.small_log_sigma, n)
    size[:n_large] = p.largest_mm * rng.uniform(0.6, 1.0, n_large)
    size[0] = p.largest_mm
    size = size[rng.permutation(n)]
    n_lobes = np.where(size > 1.2, int(p.n_lobes), rng.integers(1, 3, n))
    owner = np.repeat(np.arange(n), n_lobes)
    lobe = size[owner] * rng.uniform(0.4, 0.75, owner.size)
    lobe[n_lobes[owner] == 1] = size[n_lobes == 1]
    away = np.where(n_lobes == 1, 0.0, 1.0)[owner] * (size[owner] - lobe) / 2
    turn = rng.uniform(0.0, math.pi, owner.size) * 2
    centre = polar(away, turn)
    parts = ellipses(lobe, _aspects(rng, 0.15, lobe.size), turn, 2.0) + centre[:, None, :]
    return unions([parts], [owner], contrasts(rng, p.contrast, n))


@mechanism(Morphology.POPCORN)
def rough_coarse(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Coarse blobs of a broad range of sizes, their outline wavy all round."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 10.0)
    parts = blobs(rng, size, _aspects(rng, 0.2, n), rng.uniform(0.0, math.pi, n), p.roughness, 6)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.POPCORN)
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
    plate += polar(hinge, lean)[:, None, :]
    stretch = _aspects(rng, 0.3, crumbs.size)
    crumb = shards(
        rng, size[crumbs], stretch, rng.uniform(0.0, math.pi, crumbs.size), 0.4, int(p.corners)
    )
    return unions([plate, crumb], [twice, crumbs], lognormal(rng, p.contrast, 0.25, n))


@mechanism(Morphology.AMORPHOUS)
def haze(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Tiny faint spots with no edge to speak of."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = blobs(rng, size, _aspects(rng, 0.3, n), rng.uniform(0.0, math.pi, n), p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n), p.softness_mm)


@mechanism(Morphology.AMORPHOUS)
def powder(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Faint clumps of grains too small to be distinguished."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    n_grains = rng.integers(2, int(p.n_grains) + 1, n)
    owner = np.repeat(np.arange(n), n_grains)
    grain = size[owner] * p.grain_ratio * rng.uniform(0.7, 1.3, owner.size)
    centre = rng.normal(0.0, 1.0, (owner.size, 2)) * (0.28 * size[owner])[:, None]
    parts = ellipses(grain, np.ones(owner.size), np.zeros(owner.size), 2.0) + centre[:, None, :]
    return unions([parts], [owner], contrasts(rng, p.contrast, n), p.softness_mm)


@mechanism(Morphology.AMORPHOUS)
def smudges(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Clouds in which wandering chains of specks blur into one: any outline, any aspect."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 2.0)
    n_specks = rng.integers(2, int(p.n_specks) + 1, n)
    owner = np.repeat(np.arange(n), n_specks)
    speck = (size / np.sqrt(n_specks))[owner] * rng.uniform(0.7, 1.3, owner.size)
    heading = rng.uniform(0.0, 2.0 * math.pi, n)
    centre = chains(rng, n_specks, p.spacing * speck, heading, p.bend_rad)
    aspect = 1.0 + rng.gamma(1.5, 0.2, owner.size)
    parts = ellipses(speck, aspect, rng.uniform(0.0, math.pi, owner.size), 2.0)
    return unions(
        [parts + centre[:, None, :]],
        [owner],
        lognormal(rng, p.contrast, p.contrast_log_sigma, n),
        p.softness_mm * rng.uniform(0.5, 1.5, n),
    )


@mechanism(Morphology.COARSE_HETEROGENEOUS)
def crushed(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Angular pieces like crushed stone."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.9)
    aspect = _aspects(rng, p.aspect_sd, n)
    parts = shards(rng, size, aspect, rng.uniform(0.0, math.pi, n), p.spikiness, int(p.corners))
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.COARSE_HETEROGENEOUS)
def coalescing(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Irregular lumps, some of them grown together in twos and threes."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.6)
    n_lumps = np.where(rng.random(n) < p.joined_share, rng.integers(2, 4, n), 1)
    owner = np.repeat(np.arange(n), n_lumps)
    lump = size[owner] / np.sqrt(n_lumps[owner]) * rng.uniform(0.8, 1.25, owner.size)
    turn = 2 * rng.uniform(0.0, math.pi, owner.size)
    away = np.where(n_lumps[owner] > 1, 0.5 * lump, 0.0)
    centre = polar(away, turn)
    parts = blobs(rng, lump, _aspects(rng, 0.25, lump.size), turn, p.roughness, 5)
    return unions([parts + centre[:, None, :]], [owner], contrasts(rng, p.contrast, n))


@mechanism(Morphology.COARSE_HETEROGENEOUS)
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


@mechanism(Morphology.FINE_PLEOMORPHIC)
def splinters(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small sharp splinters, no two alike in size or shape."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.0)
    aspect = np.minimum(_aspects(rng, p.aspect_sd, n), 3.0)
    parts = shards(rng, size, aspect, rng.uniform(0.0, math.pi, n), p.spikiness, int(p.corners))
    return single(parts, lognormal(rng, p.contrast, 0.3, n))


@mechanism(Morphology.FINE_PLEOMORPHIC)
def granular(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small uneven granules, a few of them drawn out."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.0)
    aspect = _aspects(rng, p.aspect_sd, n)
    drawn_out = rng.random(n) < p.elongated_share
    aspect[drawn_out] = rng.uniform(2.0, 3.5, int(drawn_out.sum()))
    parts = blobs(rng, size, aspect, rng.uniform(0.0, math.pi, n), p.roughness, 5)
    return single(parts, lognormal(rng, p.contrast, 0.3, n))


@mechanism(Morphology.FINE_PLEOMORPHIC)
def crushed_stone(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Chipped stones and dust of two sizes, commas and tear-drops among them."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    size[rng.random(n) < p.dust_share] *= p.dust_ratio
    size = np.clip(size, 0.05, 1.1)
    aspect = 1.0 + rng.gamma(2.0, p.aspect_excess / 2.0, n)
    angle = rng.uniform(0.0, 2.0 * math.pi, n)
    bite = p.bite * rng.random(n)
    parts = notched(rng, size, np.minimum(aspect, 3.5), angle, bite, p.squareness, p.roughness)
    tailed = np.flatnonzero(rng.random(n) < p.tailed_share)
    parts[tailed] = drops(
        size[tailed],
        rng.uniform(1.2, p.tail_aspect, tailed.size),
        angle[tailed],
        p.hook * rng.uniform(-1, 1, tailed.size),
    )
    return single(parts, lognormal(rng, p.contrast, p.contrast_log_sigma, n))
