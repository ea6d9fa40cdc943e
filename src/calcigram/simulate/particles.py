"""Particle models: the outlines of the calcifications of each form.

The first two models of a form draw one solid outline each. The others, of training only, are a mixture or a
chain, or are hollow or dented: a lumen, a lucent centre or a bite lowers the solidity, which a solid outline
never does. Compact forms lie any way; rod-like, fine linear and vascular ones lie along what they fill.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology
from calcigram.simulate._outlines import (
    Outlines,
    bands,
    blobs,
    capsules,
    chains,
    contrasts,
    directions,
    drops,
    ellipses,
    lognormal,
    notched,
    shaken,
    shards,
    single,
    tubes_with_lumen,
    unions,
)
from calcigram.simulate.mechanisms import Floats, Ints, Rng, mechanism, polar
from calcigram.simulate.presets import Draw

_FULL = 2.0 * math.pi


def _aspects(rng: Rng, sd: float, n: int) -> Floats:
    return np.exp(np.abs(rng.normal(0.0, sd, n)))


@mechanism(Morphology.ROUND)
def spheres(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Smooth balls."""
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = blobs(rng, size, np.ones(n), np.zeros(n), p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROUND)
def lucent_discs(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Casts that fill widened acini: slightly oval, squared off, paler in the middle."""
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = ellipses(
        size, _aspects(rng, p.aspect_sd, n), rng.uniform(0.0, math.pi, n), p.squareness
    )
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROUND)
def pearls(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Pearls with a lucent centre, full ones between them, some levelled like milk of calcium."""
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
def dots(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Small round points."""
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 0.5)
    parts = blobs(rng, size, np.ones(n), np.zeros(n), p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.PUNCTATE)
def acinar_ovals(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Small ovals of nearly one size, as the acini are that hold them."""
    sigma = p.log_sigma
    size = p.median_mm * (1.0 + sigma * rng.uniform(-1.7, 1.7, n))
    parts = ellipses(size, _aspects(rng, p.aspect_sd, n), rng.uniform(0.0, math.pi, n), 2.0)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.PUNCTATE)
def pinpoints(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Grains of a pixel or a few, of unequal brightness; now and then two seen as one."""
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
def lobulated(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """A few large ones, each a heap of rounded lobes, with smaller ones about them."""
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
def rough_coarse(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Coarse blobs of a broad range of sizes, their outline wavy all round."""
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 10.0)
    parts = blobs(rng, size, _aspects(rng, 0.2, n), rng.uniform(0.0, math.pi, n), p.roughness, 6)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.POPCORN)
def shells(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Thick curved plates of an involuting fibroadenoma's rim, with angular crumbs about them."""
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
def haze(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Tiny faint spots with no edge to speak of."""
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    parts = blobs(rng, size, _aspects(rng, 0.3, n), rng.uniform(0.0, math.pi, n), p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n), p.softness_mm)


@mechanism(Morphology.AMORPHOUS)
def powder(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Faint clumps of grains too small to be distinguished."""
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    n_grains = rng.integers(2, int(p.n_grains) + 1, n)
    owner = np.repeat(np.arange(n), n_grains)
    grain = size[owner] * p.grain_ratio * rng.uniform(0.7, 1.3, owner.size)
    centre = rng.normal(0.0, 1.0, (owner.size, 2)) * (0.28 * size[owner])[:, None]
    parts = ellipses(grain, np.ones(owner.size), np.zeros(owner.size), 2.0) + centre[:, None, :]
    return unions([parts], [owner], contrasts(rng, p.contrast, n), p.softness_mm)


@mechanism(Morphology.AMORPHOUS)
def smudges(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Clouds in which wandering chains of specks blur into one: any outline, any aspect."""
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
def crushed(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Angular pieces like crushed stone."""
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.9)
    aspect = _aspects(rng, p.aspect_sd, n)
    parts = shards(rng, size, aspect, rng.uniform(0.0, math.pi, n), p.spikiness, int(p.corners))
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.COARSE_HETEROGENEOUS)
def coalescing(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Irregular lumps, some of them grown together in twos and threes."""
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
def plates(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Angular plates with a bite out of one side or a lucent patch, of very mixed sizes."""
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
def splinters(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Small sharp splinters, no two alike in size or shape."""
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.0)
    aspect = np.minimum(_aspects(rng, p.aspect_sd, n), 3.0)
    parts = shards(rng, size, aspect, rng.uniform(0.0, math.pi, n), p.spikiness, int(p.corners))
    return single(parts, lognormal(rng, p.contrast, 0.3, n))


@mechanism(Morphology.FINE_PLEOMORPHIC)
def granular(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Small uneven granules, a few of them drawn out."""
    size = np.minimum(lognormal(rng, p.median_mm, p.log_sigma, n), 1.0)
    aspect = _aspects(rng, p.aspect_sd, n)
    drawn_out = rng.random(n) < p.elongated_share
    aspect[drawn_out] = rng.uniform(2.0, 3.5, int(drawn_out.sum()))
    parts = blobs(rng, size, aspect, rng.uniform(0.0, math.pi, n), p.roughness, 5)
    return single(parts, lognormal(rng, p.contrast, 0.3, n))


@mechanism(Morphology.FINE_PLEOMORPHIC)
def crushed_stone(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Chipped stones and dust of two sizes, commas and tear-drops among them."""
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


# Elongated forms, which lie along a duct or a vessel.


def _side_branches(
    rng: Rng, forked: Ints, length: Floats, calibre: Floats, angle: Floats
) -> Floats:
    """Return one arm for each forked calcification, leaving it near one end."""
    turn = angle[forked] + rng.choice([-1.0, 1.0], forked.size) * rng.uniform(0.5, 1.2, forked.size)
    arm_length = length[forked] * rng.uniform(0.35, 0.6, forked.size)
    arms = capsules(arm_length, 0.9 * calibre[forked], turn, np.zeros(forked.size))
    start = rng.uniform(0.0, 0.3, forked.size) * length[forked]
    centre = polar(start, angle[forked]) + polar(arm_length / 2, turn)
    result: Floats = arms + centre[:, None, :]
    return result


@mechanism(Morphology.ROD_LIKE)
def smooth_rods(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Smooth solid rods with round ends, gently bent."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), 1.3 * calibre, 12.0)
    angle = directions(rng, along, p.angle_sd_deg)
    parts = capsules(length, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROD_LIKE)
def cigars(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Tapered rods, a few of them forked, as in duct ectasia."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.3, 12.0)
    angle = directions(rng, along, p.angle_sd_deg)
    parts = ellipses(calibre * np.sqrt(aspect), aspect, angle, 2.3)
    forked = np.flatnonzero(rng.random(n) < p.forked_share)
    arms = _side_branches(rng, forked, calibre * aspect, calibre, angle)
    return unions([parts, arms], [np.arange(n), forked], contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROD_LIKE)
def stout_rods(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Rods of any size given by the diameter of equal area, as detectors list it."""
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.3, 12.0)
    stretch = np.sqrt(aspect)
    angle = directions(rng, along, p.angle_sd_deg)
    bend = p.bend * rng.uniform(-1, 1, n)
    parts = capsules(np.minimum(size * stretch, 15.0), size / stretch, angle, bend)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROD_LIKE)
def secretory(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Clubbed and bent rods of duct ectasia, many with a lucent core, and globules with them."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.4, 14.0)
    globule = rng.random(n) < p.globule_share
    aspect[globule] = rng.uniform(1.0, 1.6, int(globule.sum()))
    lumen = np.where(rng.random(n) < p.lucent_share, p.lumen_ratio * rng.uniform(0.6, 1.0, n), 0.02)
    angle = directions(rng, along, p.angle_sd_deg)
    parts = tubes_with_lumen(
        np.minimum(calibre * aspect, 14.0),
        calibre,
        lumen,
        angle,
        p.bend * rng.uniform(-1, 1, n) * (~globule),
        p.clubbing * rng.uniform(-1, 1, n),
    )
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.FINE_LINEAR)
def casting(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Thin ragged casts of a duct's lumen, with some dots between."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.2, 14.0)
    dot = rng.random(n) < p.dot_share
    aspect[dot] = rng.uniform(1.0, 2.0, int(dot.sum()))
    angle = directions(rng, along, p.angle_sd_deg)
    parts = capsules(calibre * aspect, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(shaken(rng, parts, p.roughness, calibre), lognormal(rng, p.contrast, 0.25, n))


@mechanism(Morphology.FINE_LINEAR)
def branched_casts(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Dashes and Y- and V-shaped casts, some interrupted."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), 2.0 * calibre, 5.0)
    angle = directions(rng, along, p.angle_sd_deg)
    # An interrupted cast is two dashes in line, with a gap of a calibre between them.
    broken = rng.random(n) < p.interrupted_share
    piece = np.where(broken, (length - calibre) / 2, length)
    shift = polar(np.where(broken, (length + calibre) / 4, 0.0), angle)
    first = ellipses(np.sqrt(piece * calibre), piece / calibre, angle, 2.4) + shift[:, None, :]
    second = first[broken] - 2 * shift[broken, None, :]
    forked = np.flatnonzero(rng.random(n) < p.forked_share)
    arms = _side_branches(rng, forked, length, calibre, angle)
    return unions(
        [first, second, arms],
        [np.arange(n), np.flatnonzero(broken), forked],
        lognormal(rng, p.contrast, 0.25, n),
    )


@mechanism(Morphology.FINE_LINEAR)
def dot_dash(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Strings of beads that fill a duct, touching or nearly, with lone dots between them."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    n_beads = rng.integers(2, int(p.n_beads) + 1, n)
    n_beads[rng.random(n) < p.dot_share] = 1
    owner = np.repeat(np.arange(n), n_beads)
    bead = calibre[owner] * np.exp(p.bead_log_sigma * rng.normal(size=owner.size))
    aspect = rng.uniform(1.0, p.bead_aspect, owner.size)
    along = directions(rng, along, p.angle_sd_deg)
    step = p.spacing * bead * np.sqrt(aspect)
    centre = chains(rng, n_beads, step, along, p.bend_rad)
    parts = ellipses(bead, aspect, along[owner], 2.0) + centre[:, None, :]
    contrast = lognormal(rng, p.contrast, p.contrast_log_sigma, n)
    return unions([parts], [owner], contrast)


@mechanism(Morphology.VASCULAR)
def plaques(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Small flat plaques that lie against the wall."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.0, 8.0)
    angle = directions(rng, along, p.angle_sd_deg)
    parts = blobs(rng, calibre * np.sqrt(aspect), aspect, angle, p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.VASCULAR)
def tubes(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Long stretches of calcified wall that run together."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), calibre, 8.0)
    angle = directions(rng, along, p.angle_sd_deg)
    parts = capsules(length, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.VASCULAR)
def wall_rings(rng: Rng, n: int, along: Floats, p: Draw) -> Outlines:
    """Arcs along the wall, dashes across it where a ring is seen edge-on, and grains."""
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.0, 12.0)
    grain = rng.random(n) < p.grain_share
    aspect[grain] = rng.uniform(1.0, 1.8, int(grain.sum()))
    across = rng.random(n) < p.across_share
    angle = directions(rng, along, p.angle_sd_deg) + np.where(across, 0.5 * math.pi, 0.0)
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
