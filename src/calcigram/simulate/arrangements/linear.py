"""Lines: along one duct, or along the walls of one vessel, without a junction."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Distribution
from calcigram.simulate._points import points_of
from calcigram.simulate._random import between
from calcigram.simulate.anatomy import Breast, Tree
from calcigram.simulate.arrangements._common import (
    Floats,
    Placement,
    Rng,
    arc_lengths,
    arrangement,
    cut,
    off_path,
    on_path,
    placed,
    positions_along,
    smooth_curve,
    with_gaps,
)
from calcigram.simulate.presets import Draw


def _spread(rng: Rng, path: Floats, n: int, p: Draw) -> Placement:
    """Put `n` calcifications along a path, with the drawn spacing, gaps and scatter."""
    length = float(arc_lengths(path)[-1])
    at = positions_along(rng, n, length, p.spacing)
    if rng.random() < p.gap_probability:
        at = with_gaps(rng, at, length, between(rng, 0.15, 0.4))
    xy, direction = on_path(path, at)
    xy = off_path(xy, direction, rng.normal(0.0, p.off_line_mm, n))
    return Placement(xy, direction, path)


def _tree_path(rng: Rng, tree: Tree, length: float) -> Floats | None:
    """Return a stretch of one way from root to tip, projected, or None if it is too short."""
    tips = tree.tips
    whole = tree.path_to(int(tips[rng.integers(0, tips.size)]))[:, :2]
    slack = arc_lengths(whole)[-1] - length
    if slack < 0:
        return None
    return cut(whole, between(rng, 0, slack), length)


def _placed_curve(rng: Rng, breast: Breast, p: Draw) -> Floats:
    curve = smooth_curve(rng, p.length_mm, p.turn_deg, p.wiggle, bool(rng.random() < 0.35))
    return placed(curve, between(rng, 0, 2 * math.pi), breast.place(rng, p.length_mm / 2))


@arrangement(Distribution.LINEAR)
def duct_walk(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Follow one duct of a lobe's tree past its forks, never into two arms."""
    tree = breast.lobe(int(rng.integers(0, breast.n_lobes)))
    path = _tree_path(rng, tree, p.length_mm)
    return None if path is None else _spread(rng, path, int(p.n), p)


@arrangement(Distribution.LINEAR)
def curve(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Follow a smooth random curve: an arc, a clothoid or an S."""
    return _spread(rng, _placed_curve(rng, breast, p), int(p.n), p)


@arrangement(Distribution.LINEAR)
def chord(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie about a straight chord, off it by as much as a duct is wide."""
    n = int(p.n)
    half = p.length_mm / 2
    path = points_of(np.linspace(-half, half, 24), np.zeros(24))
    path = placed(path, between(rng, 0, math.pi), breast.place(rng, half))
    at = np.sort(rng.random(n)) * p.length_mm
    xy, direction = on_path(path, at)
    offset = p.half_width_mm * rng.uniform(-1.0, 1.0, n)
    return Placement(off_path(xy, direction, offset), direction, path)


@arrangement(Distribution.LINEAR)
def broken_line(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill separate stretches of one line, each a little askew."""
    n_parts = int(p.n_parts)
    curve = _placed_curve(rng, breast, p)
    share = rng.dirichlet(np.full(n_parts, 4.0)) * p.length_mm
    starts = np.concatenate([[0.0], np.cumsum(share)[:-1]])
    filled = share * (1.0 - p.gap_share)
    counts = np.maximum(1, np.round(p.n * filled / filled.sum())).astype(int)
    at = np.concatenate(
        [
            s + positions_along(rng, k, f, p.spacing)
            for s, f, k in zip(starts, filled, counts, strict=True)
        ]
    )
    xy, direction = on_path(curve, at)
    askew = np.repeat(rng.normal(0.0, p.askew_mm, n_parts), counts)
    xy = off_path(xy, direction, askew + rng.normal(0.0, p.off_line_mm, at.size))
    return Placement(xy, direction, curve)


@arrangement(Distribution.LINEAR)
def scattered_line(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter about a gently curved path, by up to a tenth of its length."""
    path = _placed_curve(rng, breast, p)
    n = int(p.n)
    xy, direction = on_path(path, positions_along(rng, n, p.length_mm, p.spacing))
    xy = off_path(xy, direction, rng.normal(0.0, p.scatter * p.length_mm, n))
    return Placement(xy, direction, path)


def _walls(rng: Rng, path: Floats, n: int, p: Draw, both: bool) -> Placement:
    """Put plaques on the walls of a vessel that follows `path` and narrows along it."""
    length = float(arc_lengths(path)[-1])
    side = np.where(rng.random(n) < p.wall_share, 1.0, -1.0) if both else np.ones(n)
    at = positions_along(rng, n, length, p.spacing)
    if rng.random() < p.gap_probability:
        at = with_gaps(rng, at, length, between(rng, 0.1, 0.4))
    xy, direction = on_path(path, at)
    calibre = p.calibre_mm * (1.0 - p.narrowing * at / length)
    offset = side * calibre / 2 + rng.normal(0.0, p.off_wall_mm, n)
    return Placement(off_path(xy, direction, offset), direction, path)


@arrangement(Distribution.LINEAR, vessel=True)
def vessel_rails(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Line both walls of a winding vessel: two parallel rails."""
    return _walls(rng, _placed_curve(rng, breast, p), int(p.n), p, both=True)


@arrangement(Distribution.LINEAR, vessel=True)
def vessel_wall(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Line one wall only, in broken stretches: early disease, which can pass for a duct."""
    return _walls(rng, _placed_curve(rng, breast, p), int(p.n), p, both=False)


@arrangement(Distribution.LINEAR, vessel=True)
def vessel_walk(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Line the walls of one way through a vessel tree, side vessels left empty."""
    path = _tree_path(rng, breast.vessel(int(rng.integers(0, 4))), p.length_mm)
    return None if path is None else _walls(rng, path, int(p.n), p, both=True)


@arrangement(Distribution.LINEAR, vessel=True)
def vessel_plaques(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter a few plaques along a short, nearly straight vessel, on one wall or on both."""
    return _walls(rng, _placed_curve(rng, breast, p), int(p.n), p, both=True)
