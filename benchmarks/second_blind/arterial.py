"""Calcium in the walls of arteries."""

from __future__ import annotations

import numpy as np

from .breast import Breast
from .disease import Junction, Sites
from .paths import Array, Rng
from .vessels import Vessel, fork_off, grow_artery, on_wall

LENGTH_MM = (20.0, 100.0)
COVERED_SHARE = (0.45, 0.85)  # of the wall, where it is calcified


def along_artery(rng: Rng, breast: Breast, _form: str, lengths_mm: Array) -> Sites | None:
    """Calcify both walls of an artery, or one of them."""
    n_walls, mechanism = _draw_walls(rng)
    length_mm = lengths_mm.sum() / n_walls / rng.uniform(*COVERED_SHARE)
    if not LENGTH_MM[0] <= length_mm <= LENGTH_MM[1]:
        return None
    vessel = grow_artery(rng, breast, length_mm)
    if vessel is None:
        return None
    position, tangent, arc_mm = _calcified(rng, vessel, lengths_mm, n_walls)
    host = np.zeros(len(arc_mm), int)
    return Sites(position, tangent, mechanism, (vessel.path,), host, arc_mm)


def along_forked_artery(rng: Rng, breast: Breast, _form: str, lengths_mm: Array) -> Sites | None:
    """Calcify an artery and the daughter that leaves it."""
    n_walls, mechanism = _draw_walls(rng)
    covered_mm = lengths_mm.sum() / n_walls / rng.uniform(*COVERED_SHARE)
    daughter_mm = covered_mm * rng.uniform(0.25, 0.45)
    if not LENGTH_MM[0] <= covered_mm - daughter_mm <= LENGTH_MM[1] or daughter_mm < 9:
        return None
    mother = grow_artery(rng, breast, covered_mm - daughter_mm)
    fork = mother and fork_off(rng, breast, mother, daughter_mm)
    if not mother or not fork:
        return None
    daughter, at_mm = fork
    n_daughter = round(len(lengths_mm) * daughter_mm / covered_mm)
    parts = lengths_mm[n_daughter:], lengths_mm[:n_daughter]
    wall = [
        _calcified(rng, vessel, part, n_walls)
        for vessel, part in zip((mother, daughter), parts, strict=True)
    ]
    position, tangent, arc_mm = (np.concatenate(column) for column in zip(*wall, strict=True))
    return Sites(
        position,
        tangent,
        f"forked {mechanism}",
        (mother.path, daughter.path),
        np.repeat([0, 1], [len(part) for part in parts]),
        arc_mm,
        (Junction(1, at_mm),),
    )


def _draw_walls(rng: Rng) -> tuple[int, str]:
    """Choose how many walls show; early disease shows one."""
    return (1, "artery, one wall") if rng.random() < 0.4 else (2, "artery, both walls")


def _calcified(
    rng: Rng, vessel: Vessel, lengths_mm: Array, n_walls: int
) -> tuple[Array, Array, Array]:
    """Lay plaques along the walls that the beam grazes, where the wall is thickest to it."""
    side = rng.permutation(np.arange(len(lengths_mm)) % n_walls)
    arc_mm = np.empty(len(lengths_mm))
    length_mm = vessel.path.length_mm
    for wall in range(n_walls):
        here = side == wall
        gaps = rng.gamma(1.2, size=here.sum() + 1)
        gaps *= max(length_mm - lengths_mm[here].sum(), 0.0) / gaps.sum()
        middle = np.cumsum(gaps[:-1] + lengths_mm[here]) - lengths_mm[here] / 2
        arc_mm[here] = middle * min(1.0, length_mm / max(middle.max(), 1e-9))
    around = np.pi * side + rng.normal(0, 0.45, len(side))
    front = rng.random(len(side)) < rng.uniform(0, 0.15)  # seen face on, between the rails
    around = np.where(front, rng.uniform(0, np.pi, len(side)), around)
    position, tangent = on_wall(vessel, arc_mm, around)
    return position, tangent, arc_mm
