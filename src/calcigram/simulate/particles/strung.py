"""Forms made of specks: pinpoints, smudges of grains, crushed stone with tails, strings of beads.

The third particle model of punctate, amorphous, fine pleomorphic and fine linear. Where
`compact` and `elongated` draw one outline with a law of its own, these draw a mixture or a
chain, whose measures vary from one calcification to the next.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology
from calcigram.simulate._points import points_of
from calcigram.simulate.particles._outlines import (
    Floats,
    Outlines,
    Rng,
    chains,
    directions,
    drops,
    ellipses,
    lognormal,
    notched,
    particle_model,
    shards,
    single,
    unions,
)
from calcigram.simulate.presets import Draw


@particle_model(Morphology.PUNCTATE)
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
    other += points_of(shift * np.cos(turn[twin]), shift * np.sin(turn[twin]))[:, None, :]
    contrast = lognormal(rng, p.contrast, p.contrast_log_sigma, n)
    return unions([grain, other], [np.arange(n), twin], contrast, p.softness_mm)


@particle_model(Morphology.AMORPHOUS)
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
    parts = ellipses(speck, aspect, rng.uniform(0.0, math.pi, owner.size))
    return unions(
        [parts + centre[:, None, :]],
        [owner],
        lognormal(rng, p.contrast, p.contrast_log_sigma, n),
        p.softness_mm * rng.uniform(0.5, 1.5, n),
    )


@particle_model(Morphology.FINE_PLEOMORPHIC)
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


@particle_model(Morphology.FINE_LINEAR)
def dot_dash(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Strings of beads that fill a duct, touching or nearly, with lone dots between them."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    n_beads = rng.integers(2, int(p.n_beads) + 1, n)
    n_beads[rng.random(n) < p.dot_share] = 1
    owner = np.repeat(np.arange(n), n_beads)
    bead = calibre[owner] * np.exp(p.bead_log_sigma * rng.normal(size=owner.size))
    aspect = rng.uniform(1.0, p.bead_aspect, owner.size)
    along = directions(rng, direction, p.angle_sd_deg)
    step = p.spacing * bead * np.sqrt(aspect)
    centre = chains(rng, n_beads, step, along, p.bend_rad)
    parts = ellipses(bead, aspect, along[owner]) + centre[:, None, :]
    contrast = lognormal(rng, p.contrast, p.contrast_log_sigma, n)
    return unions([parts], [owner], contrast, 0.0)
