"""Centres in the tissue: diffuse, regional, segmental and grouped arrangements."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from .breast import Array, Breast, Rng

# What an arrangement must know of the calcifications it is to place.
Grain = namedtuple("Grain", ["n", "gap_mm", "spacing_mm", "few"])


def kept_apart(points: Array, n: int, gap_mm: float) -> Array:
    """Keep the first `n` points no two of which are closer than `gap_mm`."""
    points = points[: 4 * n]
    close = np.abs(points[:, None] - points) < gap_mm
    kept, blocked = [], np.zeros(len(points), bool)
    for i in range(len(points)):
        if len(kept) < n and not blocked[i]:
            kept.append(i)
            blocked |= close[i]
    return points[kept]


def normal_cloud(rng: Rng, n: int) -> Array:
    """Return `n` points of a round normal cloud of unit spread each way."""
    return rng.normal(size=n) + 1j * rng.normal(size=n)


def _ball(rng: Rng, n: int) -> Array:
    """Return `n` points of a filled unit ball, seen in projection."""
    xyz = rng.normal(size=(3, n))
    xyz *= rng.random(n) ** (1 / 3) / np.linalg.norm(xyz, axis=0)
    return xyz[0] + 1j * xyz[1]


def _lobules(rng: Rng, sites: Array, grain: Grain) -> Array:
    """Return candidates in terminal lobules, large enough for what they must hold."""
    crowd_mm = 0.55 * grain.gap_mm * np.sqrt(max(1, 1.1 * grain.n / len(sites)))
    radius_mm = rng.uniform(0.7, 1.6, len(sites)) + crowd_mm
    weights = rng.dirichlet(np.full(len(sites), 4.0))
    owner = rng.choice(len(sites), 4 * grain.n + 20, p=weights)
    return sites[owner] + radius_mm[owner] * _ball(rng, len(owner))


def _blob(rng: Rng, centre: complex, long_mm: float, ratio: float, tilt: float, n: int) -> Array:
    """Return `n` uniform points in an uneven ellipse of width over length `ratio`."""
    theta = rng.uniform(0, 2 * np.pi, n)
    r = np.sqrt(rng.random(n)) * long_mm / 2
    for k in (2, 3, 4):
        r *= 1 + rng.normal(0, 0.12 / k) * np.cos(k * theta + rng.uniform(0, 2 * np.pi))
    return centre + (r * np.cos(theta) + 1j * ratio * r * np.sin(theta)) * np.exp(1j * tilt)


def candidates(rng: Rng, breast: Breast, grain: Grain, arrangement: str) -> Array:
    """Return more than enough centres for an arrangement in the tissue, in random order."""
    n, few = 8 * grain.n + 60, int(rng.integers(3, 6))
    centre, region_mm = breast.scatter(rng, 1, scale=0.8)[0], rng.uniform(27, 50)
    tilt, ratio = rng.uniform(0, np.pi), rng.uniform(0.65, 1)
    across = np.angle(centre - breast.nipple) + np.pi / 2 + rng.uniform(-0.6, 0.6)
    group_mm = min(16.5, max(1.7 * grain.gap_mm * np.sqrt(grain.n), rng.uniform(3, 15)))
    match arrangement:
        case "scattered" | "patchy_gland" | "denser_behind_nipple":
            pool = breast.scatter(rng, n)
            patches = np.exp(-((np.abs(pool[:, None] - breast.scatter(rng, 9)) / 16) ** 2))
            patchy = 0.15 + patches.max(axis=1)
            graded = np.clip(1.15 - 0.55 * np.abs(pool - breast.nipple) / breast.depth_mm, 0.3, 1)
            share = {"patchy_gland": patchy, "denser_behind_nipple": graded}.get(arrangement, 1)
            return pool[rng.random(len(pool)) < share]
        case "lobules_throughout":
            return _lobules(rng, breast.scatter(rng, rng.integers(16, 36), 0.93), grain)
        case "uneven_patch" | "crosswise_band":
            narrow = rng.uniform(0.45, 0.6) if arrangement == "crosswise_band" else ratio
            return _blob(rng, centre, region_mm, narrow, across, n)
        case "several_lobules":
            sites = _blob(rng, centre, region_mm, ratio, across, int(rng.integers(7, 16)))
            return _lobules(rng, sites, grain)
        case "soft_clouds":
            humps = _blob(rng, centre, 0.7 * region_mm, ratio, across, few)
            return rng.choice(humps, n) + 0.16 * region_mm * normal_cloud(rng, n)
        case "filled_lobe" | "lobules_of_lobe":
            turn = across - np.pi / 2 + np.deg2rad(rng.uniform(14, 29)) * rng.uniform(-1, 1, n)
            far_mm = rng.uniform(38, min(78, 0.9 * breast.depth_mm))
            reach_mm = np.sqrt(rng.uniform(rng.uniform(5, 14) ** 2, far_mm**2, n))
            pool = breast.nipple + reach_mm * np.exp(1j * turn)
            sites = pool[: rng.integers(14, 26)]
            return pool if arrangement == "filled_lobe" else _lobules(rng, sites, grain)
        case "even_patch":
            return _blob(rng, centre, group_mm, ratio, tilt, n)
        case "one_lobule":
            return centre + max(0.25 * group_mm, grain.gap_mm * np.sqrt(grain.n)) * _ball(rng, n)
        case "neighbouring_lobules":
            sites = _blob(rng, centre, 0.65 * group_mm, 0.8, tilt, few)
            return rng.choice(sites, n) + 0.24 * group_mm * _ball(rng, n)
        case _:  # angular_outline
            corners = np.exp(1j * (tilt + 2 * np.pi / few * (np.arange(few) + rng.random(few) / 2)))
            return centre + 0.55 * group_mm * (rng.dirichlet(np.ones(few), n) @ corners)
