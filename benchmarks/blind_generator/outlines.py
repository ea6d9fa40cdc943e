"""Outlines of calcifications as polygons, and their measures."""

from __future__ import annotations

import numpy as np

from .breast import Array, Rng
from .tables import GRAINS, STRANDS, VERTICES

THETA = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)


def _uneven(rng: Rng, diameter_mm: Array, aspect: Array, roughness: Array) -> Array:
    """Return round to jagged outlines, the major axis along x."""
    r = np.ones((len(diameter_mm), VERTICES))
    for k in range(2, 8):
        phase, swing = rng.uniform(0, 2 * np.pi, len(r)), rng.normal(0, roughness / np.sqrt(k))
        r += swing[:, None] * np.cos(k * THETA + phase[:, None])
    r = np.clip(r, 0.25, None) * (diameter_mm / 2)[:, None]
    stretch = np.sqrt(aspect)[:, None]
    return r * (np.cos(THETA) * stretch + 1j * np.sin(THETA) / stretch)


def _lobulated(rng: Rng, diameter_mm: Array, n_lobes: int) -> Array:
    """Return the outer edge of overlapping discs round a centre."""
    shape = (len(diameter_mm), 1, n_lobes)
    spoke = 2 * np.pi * np.arange(n_lobes) / n_lobes + rng.uniform(-0.3, 0.3, shape)
    out, radius = rng.uniform(0.45, 0.75, shape), rng.uniform(0.3, 0.5, shape)
    delta = THETA[:, None] - spoke
    under_root = radius**2 - (out * np.sin(delta)) ** 2
    ray = np.where(under_root > 0, out * np.cos(delta) + np.sqrt(np.abs(under_root)), 0)
    r = np.clip(ray.max(axis=2), 0.35, None)
    r *= (diameter_mm / 2 / np.sqrt((r**2).mean(axis=1)))[:, None]
    return r * np.exp(1j * THETA)


def _strands(
    rng: Rng, length_mm: Array, calibre_mm: Array, bend: float, rough: float, twigged: Array
) -> Array:
    """Return rods and threads along x, bent by about `bend` of their length; some with a twig."""
    n, t = len(length_mm), np.linspace(-1, 1, VERTICES // 2)
    bow = rng.normal(0, bend, (n, 1)) * (t**2 - 0.33)
    bow += rng.normal(0, bend / 3, (n, 1)) * np.sin(np.pi * t)
    spine = length_mm[:, None] * (t / 2 + 1j * bow)
    half = calibre_mm[:, None] / 2 * np.clip(1 - t**8, 0.15, None)
    above, below = half * np.clip(1 + rough * rng.normal(size=(2, n, len(t))), 0.35, 1.8)
    above[twigged, rng.integers(4, 16, n)[twigged]] += 0.35 * length_mm[twigged]
    return np.hstack([spine - 1j * below, (spine + 1j * above)[:, ::-1]])


def draw_outlines(rng: Rng, variant: str, n: int, compact: bool) -> Array:
    """Return `n` outlines of one variant in mm; `compact` keeps large ones small."""

    def sizes(typical_mm: float, spread: float, low_mm: float, high_mm: float) -> Array:
        return np.clip(typical_mm * np.exp(rng.normal(0, spread, n)), low_mm, high_mm)

    if variant in STRANDS:
        thin, thick, *limits, short, long, low, high, least, bend, rough = STRANDS[variant]
        calibre = sizes(rng.uniform(thin, thick), 0.15, *limits)
        length = sizes(rng.uniform(short, min(long, 3.5) if compact else long), 0.3, low, high)
        twigged = rng.random(n) < (0.35 if variant == "forked" else 0)
        return _strands(rng, np.maximum(length, least * calibre), calibre, bend, rough, twigged)
    small, large, spread, low, high, excess, rough = GRAINS[variant]
    diameter = sizes(rng.uniform(small, min(large, 2.9) if compact else large), spread, low, high)
    n_lobes = {"lobulated": 4, "knobbly": 7}.get(variant, 3)
    share = {"lobulated": 1, "knobbly": 1, "coalescing": 0.5}.get(variant, 0.0)
    aspect = np.clip(1 + rng.gamma(2, excess / 2, n), 1, 3)
    uneven = _uneven(rng, diameter, aspect, rough * rng.uniform(0.5, 1.4, n))
    lobed = rng.random(n) < share
    if lobed.any():
        uneven[lobed] = _lobulated(rng, 1.05 * diameter[lobed], n_lobes)
    return uneven


def measure(outlines: Array) -> Array:
    """Return area, major and minor axis, direction and solidity of polygons, one row each."""
    x, y = outlines.real, outlines.imag
    x2, y2 = np.roll(x, -1, 1), np.roll(y, -1, 1)
    cross = x * y2 - x2 * y
    area = cross.sum(1) / 2
    cx = ((x + x2) * cross).sum(1) / (6 * area)
    cy = ((y + y2) * cross).sum(1) / (6 * area)
    xx = ((x * x + x * x2 + x2 * x2) * cross).sum(1) / (12 * area) - cx**2
    yy = ((y * y + y * y2 + y2 * y2) * cross).sum(1) / (12 * area) - cy**2
    xy = ((x * y2 + 2 * x * y + 2 * x2 * y2 + x2 * y) * cross).sum(1) / (24 * area) - cx * cy
    root = np.hypot((xx - yy) / 2, xy)
    minor_mm = 4 * np.sqrt(np.maximum((xx + yy) / 2 - root, 1e-5))
    # Area of the convex hull from its support function.
    angles, step = np.linspace(0, 2 * np.pi, 32, endpoint=False, retstep=True)
    support = (np.stack([x, y], axis=2) @ [np.cos(angles), np.sin(angles)]).max(axis=1)
    sides = np.roll(support, 1, 1) + np.roll(support, -1, 1) - 2 * support * np.cos(step)
    solidity = np.clip(2 * area * np.sin(step) / (support * sides).sum(1), 0.2, 1)
    major_mm = 4 * np.sqrt((xx + yy) / 2 + root)
    return np.array([area, major_mm, minor_mm, 0.5 * np.arctan2(2 * xy, xx - yy), solidity])
