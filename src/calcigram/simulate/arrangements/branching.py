"""Branching: one duct with its side branches, or a vessel that forks."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from calcigram.lexicon import Distribution
from calcigram.simulate import _curves
from calcigram.simulate._random import between, kernel_state
from calcigram.simulate.anatomy import Breast
from calcigram.simulate.arrangements._common import (
    Floats,
    Ints,
    Placement,
    Rng,
    arrangement,
    placed,
    smooth_curve,
)
from calcigram.simulate.presets import Draw


@dataclass(frozen=True)
class Twigs:
    """A flat tree: one polyline a branch, children starting where the parent ends."""

    paths: list[Floats]
    parent: Ints

    def fill(self, rng: Rng, p: Draw) -> Placement:
        """Put calcifications along all branches in proportion to length, at least one each."""
        first = np.cumsum([0, *map(len, self.paths)])
        points = np.concatenate(self.paths)
        vessel = "calibre_mm" in p
        xy, direction, branch = _curves.fill_twigs(
            kernel_state(rng),
            points,
            first,
            int(p.n),
            p.spacing,
            p.unevenness,
            0.0 if vessel else p.off_line_mm,
            p.calibre_mm if vessel else 0.0,
            p.wall_share if vessel else 0.0,
            p.off_wall_mm if vessel else 0.0,
        )
        return Placement(
            xy,
            direction,
            branch=branch,
            parent=self.parent,
            branch_end=points[first[1:] - 1],
        )


def _sprout(rng: Rng, start: Floats, heading: float, length: float, turn_deg: float) -> Floats:
    """Return a gently bent path from `start` in direction `heading` (radians)."""
    path: Floats = _curves.sprout(
        kernel_state(rng), start[0], start[1], heading, length, math.radians(turn_deg), False
    )
    return path


def _sub_tree(rng: Rng, breast: Breast, p: Draw, vessel: bool) -> Twigs | None:
    """Cut a subtree of a few generations out of a grown tree."""
    tree = (
        breast.vessel(int(rng.integers(0, 4)))
        if vessel
        else breast.lobe(int(rng.integers(0, breast.n_lobes)))
    )
    depth = int(p.n_generations)
    parents = tree.parent.tolist()
    # A branch has two children at most, so the first 16 that fork are among the first 32 parents.
    forked = sorted(set(parents[1:33]))[:16]
    if not forked:
        return None
    root = forked[int(rng.integers(0, len(forked)))]
    chosen, generation = [root], {root: 0}
    for b in range(root + 1, len(parents)):
        level = generation.get(parents[b])
        if level is not None and level + 1 < depth:
            chosen.append(b)
            generation[b] = level + 1
    if len(chosen) < 3:
        return None
    order = {b: i for i, b in enumerate(chosen)}
    parent = np.array([order.get(parents[b], -1) for b in chosen])
    return Twigs([tree.branch(b)[:, :2] for b in chosen], parent)


@arrangement(Distribution.BRANCHING)
def duct_subtree(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Fill a duct of a lobe's tree and what branches off it."""
    twigs = _sub_tree(rng, breast, p, vessel=False)
    return None if twigs is None else twigs.fill(rng, p)


@arrangement(Distribution.BRANCHING)
def forking(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fork again and again into two, at random angles and shrinking lengths."""
    centre = breast.place(rng, p.root_length_mm)
    heading = [between(rng, 0, 2 * math.pi)]
    paths = [_sprout(rng, centre, heading[0], p.root_length_mm, p.turn_deg)]
    parent, length, level = [-1], [p.root_length_mm], [0]
    at = 0
    while at < len(paths):
        if level[at] < int(p.n_generations) - 1 and (at == 0 or rng.random() < 0.8):
            last = paths[at][-1] - paths[at][-3]
            onward = math.atan2(last[1], last[0])
            opening = math.radians(p.fork_angle_deg) * between(rng, 0.8, 1.2)
            lean = opening * between(rng, 0.25, 0.75)
            for turn in (lean, lean - opening):
                grown = length[at] * p.length_ratio * between(rng, 0.7, 1.3)
                paths.append(_sprout(rng, paths[at][-1], onward + turn, grown, p.turn_deg))
                parent.append(at)
                length.append(grown)
                level.append(level[at] + 1)
        at += 1
    return Twigs(paths, np.array(parent)).fill(rng, p)


@arrangement(Distribution.BRANCHING)
def herringbone(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Run along a main duct with short side twigs, alternating or at random sides."""
    main = placed(
        smooth_curve(rng, p.main_length_mm, p.turn_deg, 0.1, False),
        between(rng, 0, 2 * math.pi),
        breast.place(rng, p.main_length_mm / 2),
    )
    n_twigs = int(p.n_twigs)
    at = np.sort(rng.uniform(0.15, 0.85, n_twigs) * (len(main) - 1)).astype(int)
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
        turn = sign * math.radians(p.twig_angle_deg) * between(rng, 0.8, 1.2)
        twig = p.main_length_mm * p.twig_ratio * between(rng, 0.6, 1.4)
        paths.append(_sprout(rng, main[b], onward + turn, twig, p.turn_deg))
        parent.append(up)
    return Twigs(paths, np.array(parent)).fill(rng, p)


def _fork(rng: Rng, breast: Breast, p: Draw) -> Twigs:
    stem = _sprout(
        rng, breast.place(rng, p.stem_mm), between(rng, 0, 2 * math.pi), p.stem_mm, p.turn_deg
    )
    last = stem[-1] - stem[-3]
    onward = math.atan2(last[1], last[0])
    opening = math.radians(p.fork_angle_deg)
    lean = opening * p.lean
    arms = [
        _sprout(
            rng,
            stem[-1],
            onward + turn,
            p.stem_mm * p.arm_ratio * between(rng, 0.7, 1.4),
            p.turn_deg,
        )
        for turn in (lean, lean - opening)
    ]
    return Twigs([stem, *arms], np.array([-1, 0, 0]))


@arrangement(Distribution.BRANCHING)
def single_fork(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Form one Y or T: a stem and two arms."""
    return _fork(rng, breast, p).fill(rng, p)


@arrangement(Distribution.BRANCHING, vessel=True)
def vessel_fork(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Line the walls of one vessel that forks once."""
    return _fork(rng, breast, p).fill(rng, p)


@arrangement(Distribution.BRANCHING, vessel=True)
def vessel_tree(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Line the walls of a piece of a grown vessel tree."""
    twigs = _sub_tree(rng, breast, p, vessel=True)
    return None if twigs is None else twigs.fill(rng, p)
