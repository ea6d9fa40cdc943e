"""Elongated forms, which lie along what they fill: rod-like, fine linear, vascular."""

from __future__ import annotations

import numpy as np

from calcigram.lexicon import Morphology
from calcigram.simulate._points import points_of
from calcigram.simulate.particles._outlines import (
    Floats,
    Ints,
    Outlines,
    Rng,
    blobs,
    capsules,
    contrasts,
    directions,
    ellipses,
    lognormal,
    particle_model,
    ragged,
    single,
    unions,
)
from calcigram.simulate.presets import Draw


def _side_branches(
    rng: Rng, forked: Ints, length: Floats, calibre: Floats, angle: Floats
) -> Floats:
    """Return one arm for each forked calcification, leaving it near one end."""
    turn = angle[forked] + rng.choice([-1.0, 1.0], forked.size) * rng.uniform(0.5, 1.2, forked.size)
    arm_length = length[forked] * rng.uniform(0.35, 0.6, forked.size)
    arms = capsules(arm_length, 0.9 * calibre[forked], turn)
    start = rng.uniform(0.0, 0.3, forked.size) * length[forked]
    centre = start[:, None] * points_of(np.cos(angle[forked]), np.sin(angle[forked]))
    centre += (arm_length / 2)[:, None] * points_of(np.cos(turn), np.sin(turn))
    return arms + centre[:, None, :]


@particle_model(Morphology.ROD_LIKE)
def smooth_rods(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Smooth solid rods with round ends, gently bent."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), 1.3 * calibre, 12.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = capsules(length, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.ROD_LIKE)
def cigars(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Tapered rods, a few of them forked, as in duct ectasia."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.3, 12.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = ellipses(calibre * np.sqrt(aspect), aspect, angle, 2.3)
    forked = np.flatnonzero(rng.random(n) < p.forked_share)
    arms = _side_branches(rng, forked, calibre * aspect, calibre, angle)
    return unions([parts, arms], [np.arange(n), forked], contrasts(rng, p.contrast, n), 0.0)


@particle_model(Morphology.ROD_LIKE)
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


@particle_model(Morphology.FINE_LINEAR)
def casting(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Thin ragged casts of a duct's lumen, with some dots between."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.2, 14.0)
    dot = rng.random(n) < p.dot_share
    aspect[dot] = rng.uniform(1.0, 2.0, int(dot.sum()))
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = capsules(calibre * aspect, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(ragged(rng, parts, p.roughness, calibre), lognormal(rng, p.contrast, 0.25, n))


@particle_model(Morphology.FINE_LINEAR)
def branched_casts(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Dashes and Y- and V-shaped casts, some interrupted."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), 2.0 * calibre, 5.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    along = points_of(np.cos(angle), np.sin(angle))
    # An interrupted cast is two dashes in line, with a gap of a calibre between them.
    broken = rng.random(n) < p.interrupted_share
    piece = np.where(broken, (length - calibre) / 2, length)
    shift = np.where(broken, (length + calibre) / 4, 0.0)[:, None] * along
    first = ellipses(np.sqrt(piece * calibre), piece / calibre, angle, 2.4) + shift[:, None, :]
    second = first[broken] - 2 * shift[broken, None, :]
    forked = np.flatnonzero(rng.random(n) < p.forked_share)
    arms = _side_branches(rng, forked, length, calibre, angle)
    return unions(
        [first, second, arms],
        [np.arange(n), np.flatnonzero(broken), forked],
        lognormal(rng, p.contrast, 0.25, n),
        0.0,
    )


@particle_model(Morphology.VASCULAR)
def plaques(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Small flat plaques that lie against the wall."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    aspect = np.clip(lognormal(rng, p.aspect, p.aspect_log_sigma, n), 1.0, 8.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = blobs(rng, calibre * np.sqrt(aspect), aspect, angle, p.roughness)
    return single(parts, contrasts(rng, p.contrast, n))


@particle_model(Morphology.VASCULAR)
def tubes(rng: Rng, direction: Floats, p: Draw) -> Outlines:
    """Long stretches of calcified wall that run together."""
    n = direction.size
    calibre = lognormal(rng, p.calibre_mm, p.calibre_log_sigma, n)
    length = np.clip(lognormal(rng, p.length_mm, p.length_log_sigma, n), calibre, 8.0)
    angle = directions(rng, direction, p.angle_sd_deg)
    parts = capsules(length, calibre, angle, p.bend * rng.uniform(-1, 1, n))
    return single(parts, contrasts(rng, p.contrast, n))
