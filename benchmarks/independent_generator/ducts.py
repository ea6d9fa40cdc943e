"""Arrangements along ducts and vessels: linear, branching and segmental (the wedge of a lobe)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calcigram.lexicon import Distribution, Morphology

from .breast import Array, Breast, Rng
from .forms import FORMS, log_uniform, number_of
from .geometry import CLOSEST_MM, Path, Pattern, joined, stations_along, walked, without_direction


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


@dataclass(frozen=True)
class _Lobe:
    """The wedge of one lobe: its apex, axis, half opening and the radii it is filled between."""

    apex: Array
    axis: float
    half: float
    near: float
    far: float

    def point(self, radius: Array, turn: Array) -> tuple[Array, Array]:
        """Return points by radius and by turn from the axis in units of the half opening."""
        angle = self.axis + self.half * turn
        return self.apex + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), angle


def _lobe(rng: Rng, breast: Breast) -> _Lobe:
    near = rng.uniform(4, 18)
    longest = 66.0 if breast.area_known else 54.0
    far = near + rng.uniform(24, max(28.0, min(longest, 0.78 * breast.depth - near)))
    back = rng.normal(0, 1.5, 2)
    axis = math.pi + rng.uniform(-0.75, 0.75)
    return _Lobe(breast.nipple + back, axis, rng.uniform(0.2, 0.48), near, far)


def segmental_fan(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Fill several ducts of a lobe, which spread from the nipple and bear twigs."""
    lobe = _lobe(rng, breast)
    low, high = FORMS[name].step
    step = rng.uniform(0.8 * high, 1.7 * high) if high < 4 else rng.uniform(low, high)
    k = int(rng.integers(4, 9))
    parts = []
    for turn in (np.arange(k) + rng.uniform(0.25, 0.75, k)) / k * 2 - 1:
        near = lobe.near + rng.uniform(0, 0.35) * (lobe.far - lobe.near)
        far = lobe.far - rng.uniform(0, 0.25) * (lobe.far - lobe.near)
        root, angle = lobe.point(np.array([near]), np.array([turn]))
        duct = walked(rng, root[0], float(angle[0]), far - near, bend=0.12, wiggle=0.15)
        parts.append(arm_along(rng, duct, step, rng.uniform(0, step), rng.uniform(0.1, 0.4)))
        for _ in range(int(rng.integers(0, 3))):
            where = duct.length * rng.uniform(0.4, 0.9)
            side, reach = float(rng.choice([-1, 1])), rng.uniform(3, 9)
            twig = branched_off(rng, duct, where, side, rng.uniform(0.3, 0.7), reach)
            parts.append(arm_along(rng, twig, step, 0.6 * step, 0.2))
    return joined(parts, max(CLOSEST_MM, 0.5 * FORMS[name].gap))


def segmental_powder(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Fill the wedge of a lobe without showing its ducts."""
    lobe, n = _lobe(rng, breast), number_of(rng, Distribution.SEGMENTAL, name)
    grow = rng.uniform(1.6, 2.4)
    radius = (lobe.near**grow + rng.random(n) * (lobe.far**grow - lobe.near**grow)) ** (1 / grow)
    return Pattern(*lobe.point(radius, rng.uniform(-1, 1, n)), FORMS[name].gap)


def segmental_lobules(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Fill the terminal lobules of one lobe, with some calcium in the ducts between."""
    lobe, n = _lobe(rng, breast), max(18, number_of(rng, Distribution.SEGMENTAL, name))
    k = int(rng.integers(9, 20))
    even = np.sqrt(rng.uniform(lobe.near**2, lobe.far**2, k))
    centre, angle = lobe.point(even, rng.uniform(-1, 1, k) * 0.95)
    owner = rng.integers(0, k, n)
    xy = centre[owner] + rng.normal(0, rng.uniform(0.8, 2.0), (n, 2))
    loose = rng.random(n) < 0.3
    ducts, along = lobe.point(rng.uniform(lobe.near, lobe.far, n), rng.uniform(-1, 1, n))
    xy[loose] = ducts[loose]
    return Pattern(xy, np.where(loose, along, angle[owner]), 0.8 * FORMS[name].gap)
