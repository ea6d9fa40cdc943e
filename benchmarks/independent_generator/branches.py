"""Branching arrangements of ducts and of vessels."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Morphology

from .breast import Array, Breast, Rng
from .lines import duct_step, rail_along
from .paths import Path, Pattern, joined, stations_along, walked, without_direction


def arm_along(rng: Rng, path: Path, step: float, first: float, loose: float) -> tuple[Array, Array]:
    s = stations_along(rng, path.length, step, first)
    return path.at(s, rng.normal(0, loose, s.size))


def _stands_out(arms: list[tuple[Array, Array]], step: float) -> bool:
    """Tell whether every arm has three points and leads clear of the others."""
    for i, (xy, _) in enumerate(arms):
        others = np.vstack([a[0] for j, a in enumerate(arms) if j != i])
        clear = np.hypot(*(xy[:, None] - others[None]).transpose(2, 0, 1)).min(axis=1)
        if len(xy) < 3 or clear.max() < 2 * step:
            return False
    return True


def branched_off(
    rng: Rng, path: Path, where: float, side: float, turn: float, length: float
) -> Path:
    """Let a duct leave `path` at arc length `where`, turned by `turn` to a side."""
    root, heading = path.at(np.array([where]))
    return walked(rng, root[0], float(heading[0]) + side * turn, length, bend=0.3, wiggle=0.12)


def trunk_of(rng: Rng, breast: Breast, step: float, steps: tuple[float, float]) -> Path:
    """Draw a duct that leads away from the nipple, as side branches leave it."""
    length = min(max(6.0, step * rng.uniform(*steps)), 45)
    start = breast.spot(rng, 0.9)
    aim = start - breast.nipple
    heading = math.atan2(aim[1], aim[0]) + rng.normal(0, 0.35)
    return walked(rng, start, heading, length, bend=0.35, wiggle=0.12)


def branching_fork(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Part one duct in two, and sometimes one of these in two again."""
    step, loose = duct_step(rng, name), rng.uniform(0.04, 0.18)
    trunk = trunk_of(rng, breast, step, (4.5, 9))
    arms = [arm_along(rng, trunk, step, 0, loose)]
    stems, generations = [trunk], int(rng.integers(1, 3))
    junction: list[tuple[Array, Array]] = []
    for generation in range(generations):
        grown = []
        for stem in stems[: 2 if generation == 0 else int(rng.integers(1, 3))]:
            for side in (-1, 1):
                length = max(4.6 * step, stem.length * rng.uniform(0.6, 1.05))
                child = branched_off(rng, stem, stem.length, side, rng.uniform(0.32, 0.65), length)
                grown.append(child)
                arms.append(arm_along(rng, child, step, rng.uniform(0.5, 0.9) * step, loose))
        junction = junction or arms[:3]
        stems = grown
    return (
        joined(arms, 0.3 * step)
        if _stands_out(junction, step)
        else without_direction(np.zeros((0, 2)))
    )


def branching_sides(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Let one to four side branches leave a main duct."""
    step, loose = duct_step(rng, name), rng.uniform(0.04, 0.2)
    trunk = trunk_of(rng, breast, step, (9, 18))
    arms = [arm_along(rng, trunk, step, 0, loose)]
    k, side = int(rng.integers(1, 5)), float(rng.choice([-1, 1]))
    for where in (np.arange(k) + rng.uniform(0.3, 0.7, k)) / k * 0.8 + 0.08:
        length = max(4.6 * step, trunk.length * rng.uniform(0.25, 0.6))
        child = branched_off(rng, trunk, where * trunk.length, side, rng.uniform(0.55, 1.1), length)
        arms.append(arm_along(rng, child, step, rng.uniform(0.5, 0.9) * step, loose))
        side *= -1 if rng.random() < 0.75 else 1
    return (
        joined(arms, 0.3 * step)
        if _stands_out(arms[:2], step)
        else without_direction(np.zeros((0, 2)))
    )


def branching_tree(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Grow a small tree: a duct that forks and whose arms bear twigs."""
    step, loose = duct_step(rng, name), rng.uniform(0.04, 0.15)
    trunk = trunk_of(rng, breast, step, (4.5, 8))
    arms = [arm_along(rng, trunk, step, 0, loose)]
    for side in (-1, 1):
        length = max(5.0 * step, trunk.length * rng.uniform(0.8, 1.4))
        child = branched_off(rng, trunk, trunk.length, side, rng.uniform(0.3, 0.6), length)
        arms.append(arm_along(rng, child, step, rng.uniform(0.5, 0.9) * step, loose))
        if rng.random() < 0.8:
            where, reach = length * rng.uniform(0.35, 0.65), max(3.2 * step, length * 0.45)
            twig = branched_off(rng, child, where, side * rng.choice([-1, 1]), 0.8, reach)
            arms.append(arm_along(rng, twig, step, rng.uniform(0.5, 0.9) * step, loose))
    second = 2 if len(arms) == 3 else len(arms) - 1
    clear = _stands_out([arms[0], arms[1], arms[second]], step)
    return joined(arms, 0.3 * step) if clear else without_direction(np.zeros((0, 2)))


def vessel_fork(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Line the walls of a vessel and of the two it parts into."""
    radius, step = rng.uniform(0.5, 1.1), 0.9 * duct_step(rng, name)
    stem = walked(
        rng,
        breast.spot(rng),
        rng.uniform(0, 2 * math.pi),
        rng.uniform(12, 30),
        bend=0.4,
        wiggle=0.3,
    )
    bare = rng.uniform(0.05, 0.25)
    walls = [rail_along(rng, stem, side * radius, step, 0, bare) for side in (-1, 1)]
    for turn in (-1, 1):
        small = radius * rng.uniform(0.6, 0.85)
        child = branched_off(
            rng, stem, stem.length, turn, rng.uniform(0.4, 0.75), rng.uniform(12, 30)
        )
        for side in (-1, 1):
            first = radius * (2.2 if side != turn else 0.5)
            walls.append(rail_along(rng, child, side * small, step, first, bare))
    return joined(walls)


def vessel_offshoot(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Line the walls of a vessel and of one that leaves it, the latter on one wall or two."""
    radius, step = rng.uniform(0.5, 1.2), 0.9 * duct_step(rng, name)
    stem = walked(
        rng,
        breast.spot(rng),
        rng.uniform(0, 2 * math.pi),
        rng.uniform(25, 55),
        bend=0.5,
        wiggle=0.35,
    )
    bare = rng.uniform(0.05, 0.25)
    walls = [rail_along(rng, stem, side * radius, step, 0, bare) for side in (-1, 1)]
    turn = float(rng.choice([-1, 1]))
    where = stem.length * rng.uniform(0.3, 0.65)
    child = branched_off(rng, stem, where, turn, rng.uniform(0.6, 1.1), rng.uniform(12, 28))
    walls += [
        rail_along(rng, child, side * radius * 0.7, step, 1.7 * radius, bare)
        for side in (-1, 1)[: 1 if rng.random() < 0.3 else 2]
    ]
    return joined(walls)
