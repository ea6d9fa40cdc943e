"""Arrangements along ducts and vessels: linear, without a junction, and branching."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from calcigram.lexicon import Distribution
from calcigram.simulate import _curves
from calcigram.simulate._random import seeded
from calcigram.simulate.anatomy import Breast, Tree
from calcigram.simulate.mechanisms import Floats, Placement, Rng, mechanism
from calcigram.simulate.presets import Draw

_spaced, _gapped, _filled = map(seeded, (_curves.spaced, _curves.gapped, _curves.fill_twigs))
_smooth_curve, _sprouted = map(seeded, (_curves.smooth_curve, _curves.sprout))


# Lines: along one duct, or along the walls of one vessel.


def _along(path: Floats, at: Floats, offset: Floats) -> Placement:
    """Place calcifications at arc lengths of a path, `offset` to the left of its direction, mm."""
    xy, direction = _curves.walk(path, at)
    xy[:, 0] -= np.sin(direction) * offset
    xy[:, 1] += np.cos(direction) * offset
    return Placement(xy, direction, path)


def _with_gaps(rng: Rng, path: Floats, p: Draw, gap_share: tuple[float, float]) -> Floats:
    """Return ``p.n`` rising arc lengths of a path; sometimes a share of it is left empty."""
    length = float(_curves.arc_lengths(path)[-1])
    at: Floats = _spaced(rng, int(p.n), length, p.spacing)
    if rng.random() < p.gap_probability:
        at = _gapped(rng, at, length, rng.uniform(*gap_share))
    return at


def _in_duct(rng: Rng, path: Floats, p: Draw) -> Placement:
    at = _with_gaps(rng, path, p, (0.15, 0.4))
    return _along(path, at, rng.normal(0.0, p.off_line_mm, at.size))


def _piece_of(rng: Rng, tree: Tree, length: float) -> Floats | None:
    """Return a piece of one way from root to tip, projected, or None if the way is too short."""
    tips = tree.tips
    whole = tree.projected_path_to(int(tips[rng.integers(0, tips.size)]))
    total = float(_curves.arc_lengths(whole)[-1])
    if total < length:
        return None
    start = rng.uniform(0, total - length)
    at = np.linspace(start, min(start + length, total), max(3, int(length / 0.5)))
    piece: Floats = _curves.walk(whole, at)[0]
    return piece


def _placed_curve(rng: Rng, breast: Breast, p: Draw) -> Floats:
    flips = bool(rng.random() < 0.35)
    path = _smooth_curve(rng, p.length_mm, math.radians(p.turn_deg), p.wiggle, flips)
    angle = rng.uniform(0, 2 * math.pi)
    return _curves.placed(path, angle, *breast.place(rng, p.length_mm / 2))  # type: ignore[no-any-return]


@mechanism(Distribution.LINEAR)
def duct_walk(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Follow one duct of a lobe's tree past its forks, never into two arms."""
    tree = breast.lobe(int(rng.integers(0, breast.n_lobes)))
    path = _piece_of(rng, tree, p.length_mm)
    return None if path is None else _in_duct(rng, path, p)


@mechanism(Distribution.LINEAR)
def curve(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Follow a smooth random curve: an arc, a clothoid or an S."""
    return _in_duct(rng, _placed_curve(rng, breast, p), p)


@mechanism(Distribution.LINEAR)
def chord(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie about a straight chord, off it by as much as a duct is wide."""
    n, half = int(p.n), p.length_mm / 2
    straight = np.column_stack([np.linspace(-half, half, 24), np.zeros(24)])
    angle = rng.uniform(0, math.pi)
    path = _curves.placed(straight, angle, *breast.place(rng, half))
    at = np.sort(rng.random(n)) * p.length_mm
    return _along(path, at, p.half_width_mm * rng.uniform(-1.0, 1.0, n))


@mechanism(Distribution.LINEAR)
def broken_line(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill separate stretches of one line, each a little askew."""
    n_parts = int(p.n_parts)
    path = _placed_curve(rng, breast, p)
    share = rng.dirichlet(np.full(n_parts, 4.0)) * p.length_mm
    starts = np.concatenate([[0.0], np.cumsum(share)[:-1]])
    filled = share * (1.0 - p.gap_share)
    counts = np.maximum(1, np.round(p.n * filled / filled.sum())).astype(int)
    stretches = zip(starts, filled, counts, strict=True)
    at = np.concatenate([s + _spaced(rng, k, length, p.spacing) for s, length, k in stretches])
    askew = np.repeat(rng.normal(0.0, p.askew_mm, n_parts), counts)
    return _along(path, at, askew + rng.normal(0.0, p.off_line_mm, at.size))


@mechanism(Distribution.LINEAR)
def scattered_line(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter about a gently curved path, by up to a tenth of its length."""
    path, n = _placed_curve(rng, breast, p), int(p.n)
    at = _spaced(rng, n, p.length_mm, p.spacing)
    return _along(path, at, rng.normal(0.0, p.scatter * p.length_mm, n))


def _on_walls(rng: Rng, path: Floats, p: Draw, both: bool = True) -> Placement:
    """Put plaques on the walls of a vessel that follows `path` and narrows along it."""
    n, length = int(p.n), float(_curves.arc_lengths(path)[-1])
    side = np.where(rng.random(n) < p.wall_share, 1.0, -1.0) if both else np.ones(n)
    at = _with_gaps(rng, path, p, (0.1, 0.4))
    calibre = p.calibre_mm * (1.0 - p.narrowing * at / length)
    return _along(path, at, side * calibre / 2 + rng.normal(0.0, p.off_wall_mm, n))


@mechanism(Distribution.LINEAR, vessel=True)
def vessel_rails(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Line both walls of a winding vessel: two parallel rails."""
    return _on_walls(rng, _placed_curve(rng, breast, p), p)


@mechanism(Distribution.LINEAR, vessel=True)
def vessel_wall(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Line one wall only, in broken stretches: early disease, which can pass for a duct."""
    return _on_walls(rng, _placed_curve(rng, breast, p), p, both=False)


@mechanism(Distribution.LINEAR, vessel=True)
def vessel_walk(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Line the walls of one way through a vessel tree, side vessels left empty."""
    path = _piece_of(rng, breast.vessel(int(rng.integers(0, 4))), p.length_mm)
    return None if path is None else _on_walls(rng, path, p)


@mechanism(Distribution.LINEAR, vessel=True)
def vessel_plaques(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter a few plaques along a short, nearly straight vessel, on one wall or on both."""
    return _on_walls(rng, _placed_curve(rng, breast, p), p)


# Branching: one duct with its side branches, or a vessel that forks.


def _filled_twigs(rng: Rng, p: Draw, paths: list[Floats], parent: Sequence[int]) -> Placement:
    """Put calcifications along all branches of a flat tree in proportion to length.

    `paths` holds one polyline per branch, a child starting where its parent ends.
    """
    first = np.cumsum([0, *map(len, paths)])
    points = np.concatenate(paths)
    # A duct has no calibre here, a vessel no line.
    off = (p.get(q, 0.0) for q in ("off_line_mm", "calibre_mm", "wall_share", "off_wall_mm"))
    xy, direction, branch = _filled(rng, points, first, int(p.n), p.spacing, p.unevenness, *off)
    branch_end = points[first[1:] - 1]
    return Placement(xy, direction, branch=branch, parent=np.array(parent), branch_end=branch_end)


def _sprout(rng: Rng, start: Floats, heading: float, length: float, turn_deg: float) -> Floats:
    """Return a gently bent path from `start` in direction `heading` (radians)."""
    path: Floats = _sprouted(rng, *start, heading, length, math.radians(turn_deg), False)
    return path


def _heading_at_end(path: Floats) -> float:
    last = path[-1] - path[-3]
    return math.atan2(last[1], last[0])


def _sub_tree(rng: Rng, tree: Tree, p: Draw) -> Placement | None:
    """Fill a subtree of a few generations that is cut out of a grown tree."""
    parents = tree.parent.tolist()
    # A branch has two children at most, so the first 16 that fork are among the first 32 parents.
    forked = sorted(set(parents[1:33]))[:16]
    if not forked:
        return None
    root = forked[int(rng.integers(0, len(forked)))]
    generation = {root: 0}
    for b in range(root + 1, len(parents)):
        level = generation.get(parents[b])
        if level is not None and level + 1 < int(p.n_generations):
            generation[b] = level + 1
    if len(generation) < 3:
        return None
    order = {b: i for i, b in enumerate(generation)}
    parent = [order.get(parents[b], -1) for b in generation]
    return _filled_twigs(rng, p, [tree.branch(b)[:, :2] for b in generation], parent)


@mechanism(Distribution.BRANCHING)
def duct_subtree(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Fill a duct of a lobe's tree and what branches off it."""
    return _sub_tree(rng, breast.lobe(int(rng.integers(0, breast.n_lobes))), p)


@mechanism(Distribution.BRANCHING)
def forking(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fork again and again into two, at random angles and shrinking lengths."""
    centre = breast.place(rng, p.root_length_mm)
    heading = rng.uniform(0, 2 * math.pi)
    paths = [_sprout(rng, centre, heading, p.root_length_mm, p.turn_deg)]
    parent, length, level = [-1], [p.root_length_mm], [0]
    at = 0
    while at < len(paths):
        if level[at] < int(p.n_generations) - 1 and (at == 0 or rng.random() < 0.8):
            onward = _heading_at_end(paths[at])
            opening = math.radians(p.fork_angle_deg) * rng.uniform(0.8, 1.2)
            lean = opening * rng.uniform(0.25, 0.75)
            for turn in (lean, lean - opening):
                grown = length[at] * p.length_ratio * rng.uniform(0.7, 1.3)
                paths.append(_sprout(rng, paths[at][-1], onward + turn, grown, p.turn_deg))
                parent.append(at)
                length.append(grown)
                level.append(level[at] + 1)
        at += 1
    return _filled_twigs(rng, p, paths, parent)


@mechanism(Distribution.BRANCHING)
def herringbone(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Run along a main duct with short side twigs, alternating or at random sides."""
    curve = _smooth_curve(rng, p.main_length_mm, math.radians(p.turn_deg), 0.1, False)
    angle = rng.uniform(0, 2 * math.pi)
    main = _curves.placed(curve, angle, *breast.place(rng, p.main_length_mm / 2))
    at = np.sort(rng.uniform(0.15, 0.85, int(p.n_twigs)) * (len(main) - 1)).astype(int)
    at = np.unique(np.clip(at, 4, len(main) - 5))
    paths, parent, up = [], [], -1
    sign = 2.0 * rng.integers(0, 2) - 1.0
    edges = [0, *at.tolist(), len(main) - 1]
    for i, (a, b) in enumerate(itertools.pairwise(edges)):
        paths.append(main[a : b + 1])
        parent.append(up)
        up = len(paths) - 1
        if i == len(at):
            break
        onward = math.atan2(*(main[b + 1] - main[b - 1])[::-1])
        sign = -sign if rng.random() < p.alternation else sign
        turn = sign * math.radians(p.twig_angle_deg) * rng.uniform(0.8, 1.2)
        twig = p.main_length_mm * p.twig_ratio * rng.uniform(0.6, 1.4)
        paths.append(_sprout(rng, main[b], onward + turn, twig, p.turn_deg))
        parent.append(up)
    return _filled_twigs(rng, p, paths, parent)


@mechanism(Distribution.BRANCHING, "vessel_fork", vessel=True)
@mechanism(Distribution.BRANCHING)
def single_fork(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Form one Y or T: a stem and two arms, of a duct or of the walls of a vessel."""
    start, heading = breast.place(rng, p.stem_mm), rng.uniform(0, 2 * math.pi)
    stem = _sprout(rng, start, heading, p.stem_mm, p.turn_deg)
    onward = _heading_at_end(stem)
    opening = math.radians(p.fork_angle_deg)
    paths = [stem]
    for turn in (opening * p.lean, opening * p.lean - opening):
        length = p.stem_mm * p.arm_ratio * rng.uniform(0.7, 1.4)
        paths.append(_sprout(rng, stem[-1], onward + turn, length, p.turn_deg))
    return _filled_twigs(rng, p, paths, [-1, 0, 0])


@mechanism(Distribution.BRANCHING, vessel=True)
def vessel_tree(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Line the walls of a piece of a grown vessel tree."""
    return _sub_tree(rng, breast.vessel(int(rng.integers(0, 4))), p)
