"""What is in a breast besides calcium: gland and fat with a power-law spectrum, strands, vessels."""

from __future__ import annotations

import numpy as np
from scipy import fft

from .anatomy import SKIN_MM, STEP_MM, enlarge


def power_law(rng, shape, spacing_mm, exponent):
    """Return a Gaussian field of unit variance whose power falls as frequency to minus `exponent`."""
    padded = [fft.next_fast_len(n, real=True) for n in shape]
    waves = fft.rfft2(rng.standard_normal(padded, dtype=np.float32), workers=1)
    fy, fx = fft.fftfreq(padded[0], spacing_mm), fft.rfftfreq(padded[1], spacing_mm)
    frequency = np.hypot(fy[:, None], fx).astype(np.float32)
    frequency[0, 0] = 1.0
    frequency = np.maximum(frequency, 1 / 120.0)  # flat beyond the size of a breast
    waves *= frequency ** np.float32(-exponent / 2)
    waves[0, 0] = 0
    field = fft.irfft2(waves, s=padded, workers=1)[: shape[0], : shape[1]]
    return (field - field.mean()) / field.std()


def winding_path(rng, start, heading, length_mm, bend_mm, step_mm):
    """Return points of a path whose curvature drifts; `bend_mm` is its typical radius."""
    n = max(2, int(length_mm / step_mm))
    curvature = np.cumsum(rng.standard_normal(n)) * np.sqrt(step_mm / 10.0)
    curvature = np.clip(curvature, -1.5, 1.5) / bend_mm
    angle = heading + np.cumsum(curvature) * step_mm
    steps = np.column_stack([np.cos(angle), np.sin(angle)]) * step_mm
    return np.asarray(start, float) + np.cumsum(steps, axis=0)


def add_tube(target, path_mm, radius_mm, spacing_mm, weight=1.0):
    """Add the path of rays through a tube to a map, in mm; `radius_mm` may change along it."""
    radii = np.broadcast_to(radius_mm, len(path_mm))
    reach = int(np.ceil(radii.max() / spacing_mm)) + 1
    at = path_mm / spacing_mm - 0.5
    low = np.floor(at.min(axis=0)).astype(int) - reach
    high = np.ceil(at.max(axis=0)).astype(int) + reach + 1
    low, high = np.maximum(low, 0), np.minimum(high, target.shape[::-1])
    if (high <= low).any():
        return
    chord = np.zeros((high[1] - low[1], high[0] - low[0]), np.float32)
    for (column, row), radius in zip(at, radii / spacing_mm, strict=True):
        c0, c1 = max(low[0], int(column) - reach), min(high[0], int(column) + reach + 2)
        r0, r1 = max(low[1], int(row) - reach), min(high[1], int(row) + reach + 2)
        if c1 <= c0 or r1 <= r0:
            continue
        squares = (np.arange(r0, r1)[:, None] - row) ** 2 + (np.arange(c0, c1) - column) ** 2
        ball = 2 * np.sqrt(np.maximum(radius**2 - squares, 0))
        part = chord[r0 - low[1] : r1 - low[1], c0 - low[0] : c1 - low[0]]
        np.maximum(part, ball, out=part)
    target[low[1] : high[1], low[0] : high[0]] += chord * np.float32(weight * spacing_mm)


def gland_mm(rng, breast, shape, spacing_mm, grade):
    """Return the path through gland, muscle and skin: what is not fat, in mm."""
    thickness = enlarge(breast.thickness_mm, shape, spacing_mm)
    thickness *= breast.mask(shape, spacing_mm)
    y, x = np.indices(breast.depth_mm.shape) * STEP_MM
    middle_x, middle_y = breast.centre_mm
    along = (x - 0.6 * middle_x - 0.4 * breast.nipple_mm[0]) / (0.45 * breast.nipple_mm[0])
    across = (y - middle_y) / (0.3 * breast.depth_mm.shape[0] * STEP_MM)
    disc = enlarge(np.exp(-(along**2) - across**2), shape, spacing_mm)
    texture = power_law(rng, shape, spacing_mm, rng.uniform(2.7, 3.3))
    density = rng.uniform(*grade.density)
    share = density * (0.25 + 0.75 * disc) * (1 + grade.clumps * np.tanh(texture))
    gland = thickness * np.clip(share, 0.02, 0.95)
    for _ in range(rng.integers(*grade.strands)):
        _add_strand(rng, breast, gland, spacing_mm)
    for _ in range(rng.integers(2, 6)):
        path, radius = vessel(rng, breast)
        add_tube(gland, path, radius, spacing_mm)
    muscle = enlarge(breast.muscle_mm, shape, spacing_mm)
    gland = np.maximum(gland, muscle * (1 + 0.03 * texture))
    depth = enlarge(breast.depth_mm, shape, spacing_mm)
    # skin above and below; beside the breast a ray runs through nothing else
    skin = np.minimum(thickness, 2 * SKIN_MM + 3 * np.exp(-depth / SKIN_MM))
    return np.minimum(thickness, gland + skin), thickness


def _add_strand(rng, breast, gland, spacing_mm):
    """Add a ligament: a thin curved sheet seen nearly edge-on, so denser than its width."""
    x, y = spot(rng, breast)
    to_nipple = np.arctan2(breast.nipple_mm[1] - y, breast.nipple_mm[0] - x)
    heading = to_nipple + rng.normal(0, 0.6)
    path = winding_path(rng, (x, y), heading, rng.uniform(8, 40), rng.uniform(15, 80), spacing_mm)
    s = np.linspace(0, 1, len(path))
    width = rng.uniform(0.15, 0.5) * (1 + 0.3 * np.sin(rng.uniform(2, 9) * s))
    width *= (
        np.sqrt(np.clip(4 * s, 0, 1) * np.clip(4 - 4 * s, 0, 1)) + 0.05
    )  # thins out at its ends
    inside = breast.depth_at(*path.T) > 1.5
    if inside.any():
        add_tube(gland, path[inside], width[inside], spacing_mm, rng.uniform(1, 3.5))


def spot(rng, breast, margin_mm=4.0):
    """Return a random point of the breast."""
    height, width = (n * STEP_MM for n in breast.depth_mm.shape)
    for _ in range(10_000):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if breast.holds(x, y, margin_mm):
            return x, y
    raise RuntimeError("the breast has no point so deep")


def vessel(rng, breast, length_mm=None, radius_mm=None):
    """Return the path of a vessel and its radius along it, in mm."""
    while True:
        x, y = spot(rng, breast, 6.0)
        length = rng.uniform(25, 90) if length_mm is None else length_mm
        bend = rng.uniform(15, 60)
        path = winding_path(rng, (x, y), rng.uniform(0, 2 * np.pi), length, bend, 0.05)
        inside = breast.holds(*path.T, 3.5)
        stop = len(path) if inside.all() else int(inside.argmin())
        if stop * 0.05 >= min(20.0, 0.7 * length):
            path = path[:stop]
            break
    radius = rng.uniform(0.4, 1.2) if radius_mm is None else radius_mm
    return path, radius * np.linspace(1, 0.75, len(path))
