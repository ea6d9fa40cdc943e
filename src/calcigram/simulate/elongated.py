"""Particle models of elongated forms, which lie along what they fill: rod-like, fine linear, vascular.

The models of training only are hollow (a lumen left open) or chains of beads, whose measures vary
from one calcification to the next.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology
from calcigram.simulate._outlines import (
    Outlines,
    blobs,
    capsules,
    chains,
    contrasts,
    directions,
    ellipses,
    lognormal,
    shaken,
    single,
    tubes_with_lumen,
    unions,
)
from calcigram.simulate.mechanisms import Floats, Ints, Rng, mechanism, polar
from calcigram.simulate.presets import Draw


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
def smooth_rods(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Smooth solid rods with round ends, gently bent."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), 1.3 * calibre, 12.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = capsules(length, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROD_LIKE)
def cigars(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Tapered rods, a few of them forked, as in duct ectasia."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.3, 12.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = ellipses(calibre * np.sqrt(aspect), aspect, angle, 2.3)
    forked = np.flatnonzero(rng.random(n) < p.forked_share)
    arms = _side_branches(rng, forked, calibre * aspect, calibre, angle)
    return unions([parts, arms], [np.arange(n), forked], contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROD_LIKE)
def stout_rods(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Rods of any size given by the diameter of equal area, as detectors list it."""
    n = direction.size
    size = lognormal(rng, p.median_mm, p.log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.3, 12.0)
    stretch = np.sqrt(aspect)
    angle = directions(rng, direction, p.angle_sd_deg)
    bend = p.bend * rng.uniform(-1, 1, n)
    parts = capsules(np.minimum(size * stretch, 15.0), size / stretch, angle, bend)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.ROD_LIKE)
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


@mechanism(Morphology.FINE_LINEAR)
def casting(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Thin ragged casts of a duct's lumen, with some dots between."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.2, 14.0)
    dot = rng.random(n) < p.dot_share
    aspect[dot] = rng.uniform(1.0, 2.0, int(dot.sum()))
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = capsules(calibre * aspect, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(shaken(rng, parts, p.roughness, calibre), lognormal(rng, p.contrast, 0.25, n))


@mechanism(Morphology.FINE_LINEAR)
def branched_casts(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Dashes and Y- and V-shaped casts, some interrupted."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), 2.0 * calibre, 5.0)
    angle = directions(rng, direction, p.angle_sd_deg)
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
    parts = ellipses(bead, aspect, along[owner], 2.0) + centre[:, None, :]
    contrast = lognormal(rng, p.contrast, p.contrast_log_sigma, n)
    return unions([parts], [owner], contrast)


@mechanism(Morphology.VASCULAR)
def plaques(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small flat plaques that lie against the wall."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.0, 8.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = blobs(rng, calibre * np.sqrt(aspect), aspect, angle, p.roughness, 5)
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.VASCULAR)
def tubes(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Long stretches of calcified wall that run together."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), calibre, 8.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = capsules(length, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(parts, contrasts(rng, p.contrast, n))


@mechanism(Morphology.VASCULAR)
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
