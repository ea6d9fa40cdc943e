"""Linear arrangements: along a duct, or along the walls of a vessel."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology

from .breast import Array, Breast, Rng
from .forms import FORMS, log_uniform
from .paths import Path, Pattern, joined, stations_along, walked, without_direction


def duct_step(rng: Rng, name: Morphology) -> float:
    return log_uniform(rng, *FORMS[name].step)


def _duct_path(rng: Rng, breast: Breast, length: float, to_nipple: float) -> Path:
    """Draw a duct; `to_nipple` is the scatter of its heading about the nipple in radians."""
    start = breast.spot(rng, 0.9)
    aim = breast.nipple - start
    heading = math.atan2(aim[1], aim[0]) + rng.normal(0, to_nipple)
    return walked(rng, start, heading, length, bend=0.6, wiggle=0.22)


def linear_duct(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Fill one duct that heads for the nipple at fairly even intervals."""
    step = duct_step(rng, name)
    length = min(max(9.0, step * rng.uniform(6, 26)), 58)
    path = _duct_path(rng, breast, length, 0.25)
    s = stations_along(rng, length, step)
    return joined([path.at(s, rng.normal(0, rng.uniform(0.05, 0.25), s.size))], 0.35 * step)


def linear_cord(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Scatter irregularly along a wider, freely directed curve."""
    step = duct_step(rng, name)
    length = min(max(12.0, step * rng.uniform(7, 24)), 58)
    path = _duct_path(rng, breast, length, 2.0)
    s = np.sort(
        stations_along(rng, length, step) + rng.normal(0, 0.55 * step, int(length / step) + 1)
    )
    s = np.concatenate([[0.0], np.clip(s[1:-1], 0, length), [length]])
    if np.diff(np.sort(s)).max() > 0.28 * length:
        return without_direction(np.zeros((0, 2)))
    wide = min(rng.uniform(0.15, 0.5), 0.025 * length)
    return joined([path.at(s, rng.normal(0, wide, s.size))], 0.3 * step)


def linear_beads(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """String short runs along a duct with bare stretches between them."""
    step = duct_step(rng, name)
    s, here = [], 0.0
    for _ in range(int(rng.integers(3, 7))):
        run = int(rng.integers(2, 6))
        s.append(here + 0.75 * step * np.arange(run) + rng.normal(0, 0.1 * step, run))
        here = float(s[-1].max()) + step * rng.uniform(1.6, 2.8)
    stations = np.clip(np.concatenate(s), 0, None)
    length = float(stations.max())
    if length > 62 or length < 8 or np.diff(np.sort(stations)).max() > 0.3 * length:
        return without_direction(np.zeros((0, 2)))
    path = _duct_path(rng, breast, length, 0.35)
    off = rng.normal(0, rng.uniform(0.05, 0.22), stations.size)
    return joined([path.at(stations, off)], 0.35 * step)


def _vessel_path(rng: Rng, breast: Breast, longest: float = 85) -> Path:
    length = rng.uniform(24, min(longest, 1.0 * breast.depth))
    heading = rng.uniform(0, 2 * math.pi)
    return walked(rng, breast.spot(rng, 0.92), heading, length, bend=0.7, wiggle=0.45)


def rail_along(
    rng: Rng, path: Path, offset: float, step: float, first: float, bare: float
) -> tuple[Array, Array]:
    """Line one wall with calcium, leaving about `bare` of it out in patches."""
    s = stations_along(rng, path.length, step, first)
    patch = max(4.0, path.length / 6)
    wall = np.sin(2 * math.pi * s / patch + rng.uniform(0, 2 * math.pi)) + rng.normal(
        0, 0.6, s.size
    )
    s = s[wall >= np.quantile(wall, bare)]
    return path.at(s, offset + rng.normal(0, 0.09, s.size))


def vessel_rails(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Line both walls of a winding vessel."""
    path, radius = _vessel_path(rng, breast), rng.uniform(0.45, 1.3)
    step, bare = duct_step(rng, name), rng.uniform(0.05, 0.3)
    return joined([rail_along(rng, path, side * radius, step, 0, bare) for side in (-1, 1)])


def vessel_uneven(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Line one wall of a vessel throughout and about half of the other."""
    path, radius = _vessel_path(rng, breast), rng.uniform(0.5, 1.3)
    step, side = duct_step(rng, name), rng.choice([-1, 1])
    full = rail_along(rng, path, side * radius, step, 0, rng.uniform(0, 0.15))
    return joined([full, rail_along(rng, path, -side * radius, step, 0, rng.uniform(0.4, 0.6))])


def vessel_wall(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Line one wall only, as early disease does."""
    path, step = _vessel_path(rng, breast, 65), 0.85 * duct_step(rng, name)
    return joined([rail_along(rng, path, rng.uniform(0.4, 1.1), step, 0, rng.uniform(0.05, 0.3))])
