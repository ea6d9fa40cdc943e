"""Ducts and vessels, and centres along them."""

from __future__ import annotations

import numpy as np

from .areas import Grain
from .breast import Array, Breast, Rng

PATH_STEP_MM = 0.25


def _curve(rng: Rng, start: complex, heading: float, length_mm: float, bend: float) -> Array:
    """Return a smooth path; `bend` is about its total turn."""
    s = np.arange(0, length_mm + PATH_STEP_MM, PATH_STEP_MM) / length_mm
    turn = rng.normal(0, bend) * s
    for waves, swing in enumerate(rng.normal(0, 0.35 * bend, 3), start=1):
        turn += swing / waves * np.sin(2 * np.pi * (waves * s + rng.random()))
    steps = PATH_STEP_MM * np.exp(1j * (heading + turn - turn[0]))
    return start + np.append(0, np.cumsum(steps[:-1]))


def along_paths(rng: Rng, paths: list[Array], step_mm: float, sd_mm: float, walls: dict) -> Array:
    """Fill `walls` (offset mm: share); rows: points, unit vectors along the duct or vessel."""
    rows = []
    for path, (wall_mm, share) in ((path, wall) for path in paths for wall in walls.items()):
        n = int(2 * len(path) * PATH_STEP_MM / step_mm) + 4
        gaps_mm = step_mm * (0.6 + 0.4 * rng.gamma(3.0, 1 / 3, n))
        at = np.rint((np.cumsum(gaps_mm) - gaps_mm[0] * rng.uniform(0.5, 1)) / PATH_STEP_MM)
        at = at[at < len(path)].astype(int)
        n = int(np.ceil(share * len(at)))
        at = at[rng.integers(0, len(at) - n + 1) :][:n]
        along = np.exp(1j * np.angle(np.gradient(path)))[at]
        side_mm = wall_mm + sd_mm * np.clip(rng.normal(size=n), -2, 2)
        rows.append([path[at] + 1j * along * side_mm, along])
    return np.hstack(rows)


def _tree(
    rng: Rng, start: complex, heading: float, legs_mm: list[float], spread: float, full: bool
) -> list[Array]:
    """Return a stem and its forks, one a leg; if not `full`, one of two arms forks no more."""
    stem = _curve(rng, start, heading, legs_mm[0] * rng.uniform(0.85, 1.15), 0.15)
    if len(legs_mm) == 1:
        return [stem]
    last, share, rest = np.angle(stem[-1] - stem[-2]), rng.uniform(0.35, 0.65), legs_mm[1:]
    left = _tree(rng, stem[-1], last + share * spread, rest, 0.7 * spread, full)
    rest, away = rest if full else rest[:1], last - (1 - share) * spread
    return [stem, *left, *_tree(rng, stem[-1], away, rest, 0.7 * spread, full)]


def draw_paths(rng: Rng, breast: Breast, grain: Grain, arrangement: str) -> list[Array]:
    """Return ducts or vessels; of a branching one the trunk comes first."""
    angle, reach_mm = np.pi + rng.uniform(-0.9, 0.9), rng.uniform(5, 0.45 * breast.depth_mm)
    start, heading = breast.nipple + reach_mm * np.exp(1j * angle), angle + rng.normal(0, 0.1)
    if arrangement in ("vessel", "vessel_fork", "oblique_arc"):
        start, heading = breast.scatter(rng, 1, scale=0.75)[0], rng.uniform(0, 2 * np.pi)
    length_mm = np.clip(grain.n * grain.spacing_mm, 11, 62)
    leg_mm = grain.spacing_mm * (rng.uniform(4.6, 6.5) if grain.few else rng.uniform(6.5, 10.5))
    apex, lobe_mm = breast.nipple + 10 * np.exp(1j * angle), rng.uniform(28, 0.75 * breast.depth_mm)
    opening, spread = np.deg2rad(rng.uniform(28, 58)), np.deg2rad(rng.uniform(42, 78))
    match arrangement:
        case "vessel":
            return [_curve(rng, start, heading, rng.uniform(25, 75), rng.uniform(0.3, 0.9))]
        case "vessel_fork":
            return _tree(rng, start, heading, list(rng.uniform(13, 23, 2)), spread, True)
        case "duct_with_skips":
            path, skip = _curve(rng, start, heading, length_mm, 0.2), int(length_mm / 3)
            cuts = np.rint(len(path) * rng.uniform([0.2, 0.6], [0.45, 0.8])).astype(int)
            return [piece[skip:] for piece in np.split(path, cuts)]
        case "fan_of_ducts":
            angles = angle + opening * np.linspace(-0.5, 0.5, rng.integers(5, 7))
            starts = apex + rng.uniform(0, 6, len(angles)) * np.exp(1j * angles)
            ends = [(a + rng.normal(0, 0.05), lobe_mm * rng.uniform(0.75, 1)) for a in angles]
            return [_curve(rng, a, *end, 0.12) for a, end in zip(starts, ends, strict=True)]
        case "lobe_tree":
            angles, legs_mm = angle + opening * np.array([-0.35, 0, 0.35]), [lobe_mm / 2.8] * 3
            trees = [_tree(rng, apex, a, legs_mm, 0.5 * opening, True) for a in angles]
            return [path for tree in trees for path in tree]
        case "fork":
            return _tree(rng, start, heading, [leg_mm, leg_mm], spread, True)
        case "two_forks":
            return _tree(rng, start, heading, [leg_mm] * 3, rng.uniform(1.05, 1.5), False)
        case "side_twigs":
            paths, side = [_curve(rng, start, heading, 2.3 * leg_mm, 0.15)], rng.choice([-1, 1])
            for share in np.linspace(0.22, 0.75, 2 if grain.few else rng.integers(2, 4)):
                at, side = int((share + rng.uniform(-0.05, 0.05)) * len(paths[0])), -side
                away = np.angle(paths[0][at] - paths[0][at - 1]) + side * rng.uniform(0.7, 1.1)
                paths.append(_curve(rng, paths[0][at], away, 0.85 * leg_mm, 0.15))
            return paths
        case _:
            bend = 0.5 if arrangement == "oblique_arc" else 0.2
            return [_curve(rng, start, heading, length_mm, bend)]
