"""Arteries: winding tubes with calcium in their walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .breast import Breast
from .paths import Array, Path, Rng, frame_about, log_uniform, unit

RADIUS_MM = (0.3, 1.3)  # rails 0.5-3 mm apart; VICTRE's root radius is 0.75 mm
FORK_DEG = (25.0, 60.0)
CHILD_RADIUS = (0.65, 0.9)
LONGEST_MM = 110.0
STEP_MM = 1.0


@dataclass(frozen=True)
class Vessel:
    """One unforked stretch of artery: its middle line and its radius in mm."""

    path: Path
    radius_mm: float


def grow_artery(rng: Rng, breast: Breast, length_mm: float) -> Vessel | None:
    """Let an artery run through the gland, or return None where it would leave it."""
    start = breast.scatter(rng, 1)[0]
    heading = rng.uniform(-np.pi, np.pi)
    path = _wander(rng, start, heading, length_mm)
    if not breast.inside(path.points).all():
        return None
    return Vessel(path, log_uniform(rng, *RADIUS_MM))


def fork_off(
    rng: Rng, breast: Breast, mother: Vessel, length_mm: float
) -> tuple[Vessel, float] | None:
    """Grow a daughter artery out of the middle half of its mother.

    Returns
    -------
    (Vessel, float) or None
        The daughter and how far along its mother it leaves; None where it would leave the gland.
    """
    leaves_at_mm = rng.uniform(0.25, 0.75) * mother.path.length_mm
    start = mother.path.at(leaves_at_mm)
    along = mother.path.tangent(leaves_at_mm)
    turn = rng.choice([-1, 1]) * np.radians(rng.uniform(*FORK_DEG))
    heading = float(np.arctan2(along[1], along[0]) + turn)
    path = _wander(rng, start, heading, length_mm)
    if not breast.inside(path.points).all():
        return None
    return Vessel(path, mother.radius_mm * rng.uniform(*CHILD_RADIUS)), float(leaves_at_mm)


def on_wall(vessel: Vessel, s_mm: Array, around_rad: Array) -> tuple[Array, Array]:
    """Return places on the wall and the vessel's direction there, both of shape (n, 3)."""
    tangent = vessel.path.tangent(s_mm)
    sideways, across = frame_about(tangent)
    out = np.cos(around_rad)[:, None] * sideways + np.sin(around_rad)[:, None] * across
    return vessel.path.at(s_mm) + vessel.radius_mm * out, tangent


def _wander(rng: Rng, start: Array, heading_rad: float, length_mm: float) -> Path:
    """Walk from `start` with a heading that swings, as tortuous arteries do."""
    s = np.arange(0, length_mm + STEP_MM, STEP_MM)
    turn = np.zeros_like(s)
    for _ in range(3):
        wave_mm = log_uniform(rng, 18, 120)
        phase = rng.uniform(0, 2 * np.pi)
        turn += rng.uniform(0, 0.35) * (np.sin(2 * np.pi * s / wave_mm + phase) - np.sin(phase))
    dip = rng.uniform(-0.5, 0.5) + 0.3 * np.sin(2 * np.pi * s / log_uniform(rng, 25, 90))
    heading = heading_rad + turn
    steps = unit(np.stack([np.cos(heading), np.sin(heading), dip], axis=-1)) * STEP_MM
    return Path.of(start + np.cumsum(steps, axis=0) - steps[0])
