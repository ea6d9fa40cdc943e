"""Sites along ducts and vessels: linear, branching and segmental arrangements."""

from __future__ import annotations

import numpy as np

from .anatomy import (
    STEP_MM,
    Array,
    Breast,
    Generator,
    Sites,
    Twig,
    bezier,
    length_mm,
    loose_sites,
    on_path,
    sites_on_twigs,
    turned,
    unit,
    wander,
)


def _start(rng: Generator, breast: Breast, extent_mm: float, aimed: bool) -> tuple[Array, Array]:
    """Draw where a path begins and where it heads: to the nipple (`aimed`) or anywhere."""
    options = breast.draw(rng, 16)
    for start in options:
        way = unit(breast.nipple_mm - start)
        way[2] *= 0.3
        if aimed:
            heading = turned(way, rng.normal(0, 0.15))
        else:
            heading = turned(np.array([1.0, 0, rng.normal(0, 0.1)]), rng.uniform(0, 2 * np.pi))
        if breast.reach_mm(start, heading) >= extent_mm:
            return start, heading
    return options[0], unit(breast.nipple_mm - options[0]) * [1, 1, 0.3]


def duct_to_nipple(rng: Generator, breast: Breast, n: int) -> Sites:
    """Linear: one duct that wanders towards the nipple."""
    extent = rng.uniform(9, 50)
    start, heading = _start(rng, breast, extent, aimed=True)
    path = wander(rng, start, heading, extent, rng.uniform(25, 80))
    return sites_on_twigs(rng, [Twig(path)], n, rng.uniform(0.03, 0.35))


def swung_line(rng: Generator, breast: Breast, n: int) -> Sites:
    """Linear: a curve swung in one bow or two, in any direction (a side duct, a scar)."""
    extent = rng.uniform(8, 35)
    start, heading = _start(rng, breast, extent, aimed=False)
    path = bezier(rng, start, heading, extent, rng.uniform(0.02, 0.3))
    return sites_on_twigs(rng, [Twig(path)], n, rng.uniform(0.03, 0.3))


def vessel_wandering(rng: Generator, breast: Breast, n: int) -> Sites:
    """Linear: a vessel with smoothly changing curvature."""
    extent = rng.uniform(20, 80)
    start, heading = _start(rng, breast, extent, aimed=False)
    path = wander(rng, start, heading, extent, rng.uniform(15, 60))
    return sites_on_twigs(rng, [Twig(path)], n, 0.04)


def _wavy(rng: Generator, start: Array, heading: Array, extent_mm: float) -> Array:
    t = np.arange(0, extent_mm, STEP_MM)
    across = np.array([-heading[1], heading[0], 0.0])
    sway = np.zeros_like(t)
    for _ in range(2):
        wave = rng.uniform(12, 45)
        sway += rng.uniform(0.02, 0.1) * wave * np.sin(2 * np.pi * t / wave + rng.uniform(0, 6))
    return start + t[:, None] * heading + sway[:, None] * across


def vessel_winding(rng: Generator, breast: Breast, n: int) -> Sites:
    """Linear: an artery of old age, that winds from side to side."""
    extent = rng.uniform(20, 70)
    start, heading = _start(rng, breast, extent, aimed=False)
    return sites_on_twigs(rng, [Twig(_wavy(rng, start, heading, extent))], n, 0.04)


def _side_twig(
    rng: Generator, twigs: list[Twig], parent: int, share: float, extent: float, turn: float
) -> Twig:
    path = twigs[parent].path_mm
    joint = share * length_mm(path)
    xyz, along = on_path(path, np.array([joint]))
    side = wander(rng, xyz[0], turned(along[0], turn), extent, rng.uniform(20, 60))
    return Twig(side, parent, joint)


def forking_tree(rng: Generator, breast: Breast, n: int) -> Sites:
    """Branching: a duct that forks again and again, each stretch shorter than the one before."""
    extent = rng.uniform(14, 40)
    start, heading = _start(rng, breast, extent, aimed=True)
    far = start + extent * heading  # ducts fork away from the nipple: begin at the near end
    twigs = [Twig(wander(rng, far, -heading, extent, rng.uniform(25, 80)))]
    queue = [(0, extent, 1)]
    while queue:
        parent, size, generation = queue.pop(0)
        if generation > rng.integers(1, 4) or len(twigs) > 6:
            continue
        for share in np.sort(rng.uniform(0.25, 0.75, 1 if generation > 1 else 2)):
            turn = rng.choice([-1, 1]) * np.radians(rng.uniform(22, 60))
            child = size * rng.uniform(0.4, 0.75)
            twigs.append(_side_twig(rng, twigs, parent, share, child, turn))
            queue.append((len(twigs) - 1, child, generation + 1))
    return sites_on_twigs(rng, twigs, n, rng.uniform(0.03, 0.25))


def single_fork(rng: Generator, breast: Breast, n: int) -> Sites:
    """Branching: one smooth duct with one side branch, or two, at any angle to the nipple."""
    extent = rng.uniform(10, 35)
    start, heading = _start(rng, breast, extent, aimed=False)
    twigs = [Twig(bezier(rng, start, heading, extent, rng.uniform(0, 0.15)))]
    sign = rng.choice([-1, 1])
    for k in range(int(rng.integers(1, 3))):
        turn = sign * (-1) ** k * np.radians(rng.uniform(30, 75))
        size = extent * rng.uniform(0.35, 0.8)
        twigs.append(_side_twig(rng, twigs, 0, rng.uniform(0.3, 0.7), size, turn))
    return sites_on_twigs(rng, twigs, n, rng.uniform(0.03, 0.3))


def _reaching_tree(rng: Generator, root: Array, targets_mm: Array, bow: float) -> list[Twig]:
    """Join targets, the nearest to the root first, each to the nearest point of the tree."""
    order = np.argsort(np.linalg.norm(targets_mm - root, axis=1))
    twigs: list[Twig] = []
    nodes, twig_of = root[None], np.array([-1])
    first_of: list[int] = []
    for target in targets_mm[order]:
        gaps = ((nodes - target) ** 2).sum(1)
        gaps[0] *= 1.3 if twigs else 1.0  # rather a branch than one more duct from the root
        at = int(gaps.argmin())
        parent = int(twig_of[at])
        joint = length_mm(nodes[first_of[parent] : at + 1]) if parent >= 0 else 0.0
        way = target - nodes[at]
        reach = float(np.linalg.norm(way))
        if reach > 2:
            path = bezier(rng, nodes[at], way / reach, reach, bow)
            twigs.append(Twig(path, parent, joint))
            first_of.append(len(nodes))
            nodes = np.concatenate([nodes, path])
            twig_of = np.concatenate([twig_of, np.full(len(path), len(twigs) - 1)])
    return twigs


def reaching_tree(rng: Generator, breast: Breast, n: int) -> Sites:
    """Branching: a tree that grew towards lobules and joined each by the shortest way."""
    extent = rng.uniform(14, 32)
    start, heading = _start(rng, breast, extent, aimed=bool(rng.random() < 0.7))
    t = rng.uniform(0.3, 1, int(rng.integers(3, 6)))
    across = np.array([-heading[1], heading[0], 0.0])
    spread = rng.uniform(-0.6, 0.6, t.size) * t * extent
    targets = start + (t * extent)[:, None] * heading + spread[:, None] * across
    targets = np.concatenate([targets, [start + extent * heading]])
    twigs = _reaching_tree(rng, start, targets, rng.uniform(0, 0.1))
    return sites_on_twigs(rng, twigs, n, rng.uniform(0.03, 0.25))


def vessel_fork(rng: Generator, breast: Breast, n: int) -> Sites:
    """Branching: a vessel with one fork and long arms."""
    extent = rng.uniform(24, 60)
    start, heading = _start(rng, breast, extent, aimed=False)
    twigs = [Twig(wander(rng, start, heading, extent, rng.uniform(30, 90)))]
    turn = rng.choice([-1, 1]) * np.radians(rng.uniform(28, 65))
    size = extent * rng.uniform(0.35, 0.7)
    twigs.append(_side_twig(rng, twigs, 0, rng.uniform(0.3, 0.65), size, turn))
    return sites_on_twigs(rng, twigs, n, 0.04)


def vessel_arcade(rng: Generator, breast: Breast, n: int) -> Sites:
    """Branching: a winding artery that gives off two twigs on opposite sides."""
    extent = rng.uniform(30, 70)
    start, heading = _start(rng, breast, extent, aimed=False)
    twigs = [Twig(_wavy(rng, start, heading, extent))]
    for sign, low in ((-1, 0.2), (1, 0.5)):
        share = rng.uniform(low, low + 0.25)
        turn, size = sign * np.radians(rng.uniform(35, 75)), extent * rng.uniform(0.25, 0.5)
        twigs.append(_side_twig(rng, twigs, 0, share, size, turn))
    return sites_on_twigs(rng, twigs, n, 0.04)


def _lobe(rng: Generator, breast: Breast) -> tuple[Array, float, float, float]:
    """Draw a lobe: its axis from the nipple, half angle, and where calcium begins and ends."""
    for _ in range(12):
        axis = turned(np.array([-float(breast.side), 0, rng.normal(0, 0.08)]), rng.normal(0, 0.5))
        reach = breast.reach_mm(breast.nipple_mm, axis)
        if reach > 34:
            break
    near = rng.uniform(4, max(5.0, min(0.45 * reach, reach - 30)))
    far = min(reach, near + rng.uniform(26, 70))
    return unit(axis), np.radians(rng.uniform(11, 28)), near, far


def _in_lobe(breast: Breast, axis: Array, radius_mm: Array, angle: Array, z_mm: Array) -> Array:
    base = np.arctan2(axis[1], axis[0]) + angle
    flat = np.column_stack([np.cos(base), np.sin(base), np.zeros_like(base)])
    xyz = breast.nipple_mm + radius_mm[:, None] * flat
    xyz[:, 2] = np.clip(xyz[:, 2] + axis[2] * radius_mm + z_mm, 1.5, breast.thickness_mm - 1.5)
    return xyz


def lobe_ducts(rng: Generator, breast: Breast, n: int) -> Sites:
    """Segmental: within the ducts of one lobe, which join on their way to the nipple."""
    axis, half, near, far = _lobe(rng, breast)
    m = int(rng.integers(14, 36))
    radius = near + (far - near) * rng.uniform(0.05, 1, m) ** 0.6
    targets = _in_lobe(breast, axis, radius, rng.uniform(-half, half, m), rng.normal(0, 3, m))
    root = breast.nipple_mm + axis * near * 0.8
    twigs = _reaching_tree(rng, root, targets, rng.uniform(0, 0.12))
    sites = sites_on_twigs(rng, twigs, n + n // 4, rng.uniform(0.1, 0.9))
    away_mm = np.linalg.norm(sites.xyz_mm - breast.nipple_mm, axis=1)
    return sites.take(np.flatnonzero(away_mm > near)[:n])


def lobe_wedge(rng: Generator, breast: Breast, n: int) -> Sites:
    """Segmental: evenly in the wedge, ducts too fine and too many to be distinguished."""
    axis, half, near, far = _lobe(rng, breast)
    radius = np.sqrt(rng.uniform(near**2, far**2, n))
    angle = rng.uniform(-half, half, n)
    xyz = _in_lobe(breast, axis, radius, angle, rng.normal(0, 0.1 * radius))
    along = unit(breast.nipple_mm - xyz)
    return loose_sites(xyz, along)


def lobe_lobules(rng: Generator, breast: Breast, n: int) -> Sites:
    """Segmental: lobules of one lobe with a crooked border, a few points in each."""
    axis, half, near, far = _lobe(rng, breast)
    m = max(n // int(rng.integers(2, 6)), 8)
    radius = near + (far - near) * rng.beta(1.6, 1, m)
    crook = 0.15 * half * np.sin(radius / rng.uniform(4, 10))
    angle = half * (2 * rng.beta(0.9, 0.9, m) - 1) * rng.uniform(0.85, 1) + crook
    seeds = _in_lobe(breast, axis, radius, angle, rng.normal(0, 4, m))
    xyz = seeds[rng.integers(0, m, n)] + rng.normal(0, rng.uniform(0.3, 1.2), (n, 3))
    return loose_sites(xyz, unit(breast.nipple_mm - xyz))
