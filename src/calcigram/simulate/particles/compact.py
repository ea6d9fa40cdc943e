"""Compact forms: round, punctate, popcorn, amorphous, coarse heterogeneous, fine pleomorphic."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology
from calcigram.simulate._points import points_of
from calcigram.simulate.particles._outlines import (
    Floats,
    Outlines,
    Rng,
    blobs,
    contrasts,
    ellipses,
    lognormal,
    particle_model,
    shards,
    single,
    unions,
)
from calcigram.simulate.presets import Draw


def _any_angle(rng: Rng, n: int) -> Floats:
    return rng.uniform(0.0, math.pi, n)


def _aspects(rng: Rng, sd: float, n: int) -> Floats:
    return np.exp(np.abs(rng.normal(0.0, sd, n)))


@particle_model(Morphology.ROUND)
def spheres(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Smooth balls."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = blobs(rng, size, np.ones(n), np.zeros(n), p.roughness)
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.ROUND)
def lucent_discs(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Casts that fill widened acini: slightly oval, squared off, paler in the middle."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = ellipses(size, _aspects(rng, p.aspect_sd, n), _any_angle(rng, n), p.squareness)
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.PUNCTATE)
def dots(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small round points."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 0.5)
    parts = blobs(rng, size, np.ones(n), np.zeros(n), p.roughness)
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.PUNCTATE)
def acinar_ovals(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small ovals of nearly one size, as the acini are that hold them."""
    n = direction.size
    sigma = p.log_sigma
    size = p.median_mm * (1.0 + sigma * rng.uniform(-1.7, 1.7, n))
    parts = ellipses(size, _aspects(rng, p.aspect_sd, n), _any_angle(rng, n))
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.POPCORN)
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
    turn = _any_angle(rng, owner.size) * 2
    centre = points_of(away * np.cos(turn), away * np.sin(turn))
    parts = ellipses(lobe, _aspects(rng, 0.15, lobe.size), turn) + centre[:, None, :]
    return unions([parts], [owner], contrasts(rng, p.contrast, n), 0.0)


@particle_model(Morphology.POPCORN)
def rough_coarse(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Coarse blobs of a broad range of sizes, their outline wavy all round."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 10.0)
    parts = blobs(rng, size, _aspects(rng, 0.2, n), _any_angle(rng, n), p.roughness, 6)
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.AMORPHOUS)
def haze(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Tiny faint spots with no edge to speak of."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = blobs(rng, size, _aspects(rng, 0.3, n), _any_angle(rng, n), p.roughness)
    return single(parts, contrasts(rng, p.contrast, n), p.softness_mm)


@particle_model(Morphology.AMORPHOUS)
def powder(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Faint heaps of grains too small to be told apart."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    n_grains = rng.integers(2, int(p.n_grains) + 1, n)
    owner = np.repeat(np.arange(n), n_grains)
    grain = size[owner] * p.grain_ratio * rng.uniform(0.7, 1.3, owner.size)
    centre = rng.normal(0.0, 1.0, (owner.size, 2)) * (0.28 * size[owner])[:, None]
    parts = ellipses(grain, np.ones(owner.size), np.zeros(owner.size)) + centre[:, None, :]
    return unions([parts], [owner], contrasts(rng, p.contrast, n), p.softness_mm)


@particle_model(Morphology.COARSE_HETEROGENEOUS)
def crushed(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Angular pieces like crushed stone."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.9)
    aspect = _aspects(rng, p.aspect_sd, n)
    parts = shards(rng, size, aspect, _any_angle(rng, n), p.spikiness, int(p.corners))
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.COARSE_HETEROGENEOUS)
def coalescing(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Irregular lumps, some of them grown together in twos and threes."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.6)
    n_lumps = np.where(rng.random(n) < p.joined_share, rng.integers(2, 4, n), 1)
    owner = np.repeat(np.arange(n), n_lumps)
    lump = size[owner] / np.sqrt(n_lumps[owner]) * rng.uniform(0.8, 1.25, owner.size)
    turn = 2 * _any_angle(rng, owner.size)
    away = np.where(n_lumps[owner] > 1, 0.5 * lump, 0.0)
    centre = points_of(away * np.cos(turn), away * np.sin(turn))
    parts = blobs(rng, lump, _aspects(rng, 0.25, lump.size), turn, p.roughness)
    return unions([parts + centre[:, None, :]], [owner], contrasts(rng, p.contrast, n), 0.0)


@particle_model(Morphology.FINE_PLEOMORPHIC)
def splinters(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small sharp splinters, no two alike in size or shape."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.0)
    aspect = np.minimum(_aspects(rng, p.aspect_sd, n), 3.0)
    parts = shards(rng, size, aspect, _any_angle(rng, n), p.spikiness, int(p.corners))
    return single(parts, lognormal(rng, p.contrast, 0.3, n))


@particle_model(Morphology.FINE_PLEOMORPHIC)
def granular(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small uneven granules, a few of them drawn out."""
    n = direction.size
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.0)
    aspect = _aspects(rng, p.aspect_sd, n)
    drawn_out = rng.random(n) < p.elongated_share
    aspect[drawn_out] = rng.uniform(2.0, 3.5, int(drawn_out.sum()))
    parts = blobs(rng, size, aspect, _any_angle(rng, n), p.roughness)
    return single(parts, lognormal(rng, p.contrast, 0.3, n))
