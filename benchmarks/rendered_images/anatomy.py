"""A breast under the paddle: outline, compressed thickness, skin, nipple, chest muscle.

Lengths are in mm. The chest wall is at x = 0, x grows towards the nipple, y downwards; `image`
mirrors what is to be a right breast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

STEP_MM = 0.5
"""Smooth maps are made on a grid of this step, then enlarged."""

SKIN_MM = 1.5


@dataclass(frozen=True)
class Breast:
    """Smooth maps on the coarse grid, and what they say at a point.

    Attributes
    ----------
    depth_mm : ndarray
        Distance to the air beside the breast; 0 outside of it.
    thickness_mm, muscle_mm : ndarray
        Path of a ray through the breast, and through the chest muscle; not yet cut off at the skin.
    edge_mm : ndarray
        Where the skin is, by row of the grid.
    nipple_mm : tuple of float
    area_mm2 : float
    compressed_mm : float
    """

    depth_mm: np.ndarray
    thickness_mm: np.ndarray
    muscle_mm: np.ndarray
    edge_mm: np.ndarray
    nipple_mm: tuple[float, float]
    area_mm2: float
    compressed_mm: float

    def depth_at(self, x, y):
        """Return the distance to the skin; 0 outside of the image too."""
        at = np.floor(np.array([y, x]) / STEP_MM).astype(int)
        high = np.array(self.depth_mm.shape).reshape(2, *[1] * (at.ndim - 1))
        inside = ((at >= 0) & (at < high)).all(axis=0)
        return np.where(inside, self.depth_mm[tuple(np.clip(at, 0, high - 1))], 0.0)

    def holds(self, x, y, margin_mm=4.0):
        """Tell which points lie deep enough, and off the edges of the image."""
        height, width = (n * STEP_MM for n in self.depth_mm.shape)
        off_edge = (x > margin_mm) & (x < width - 2) & (y > 3) & (y < height - 3)
        return off_edge & (self.depth_at(x, y) > margin_mm)

    def mask(self, shape, spacing_mm):
        """Tell which pixels are breast."""
        grid = (np.arange(len(self.edge_mm)) + 0.5) * STEP_MM
        edge = np.interp((np.arange(shape[0]) + 0.5) * spacing_mm, grid, self.edge_mm)
        return (np.arange(shape[1]) + 0.5) * spacing_mm < edge[:, None]

    @property
    def centre_mm(self):
        """The deepest point."""
        row, column = np.unravel_index(self.depth_mm.argmax(), self.depth_mm.shape)
        return (column + 0.5) * STEP_MM, (row + 0.5) * STEP_MM


def make_breast(rng, field_mm, view):
    """Return a breast that fills most of a field of (height, width) in mm."""
    height, width = field_mm
    ny, nx = (round(side / STEP_MM) for side in field_mm)
    y, x = (np.arange(n)[:, None] * STEP_MM + STEP_MM / 2 for n in (ny, nx))
    x = x.T
    half = height * rng.uniform(0.42, 0.49)
    reach = min(width * rng.uniform(0.68, 0.86), 1.15 * half)
    middle = height * (0.5 if view == "CC" else rng.uniform(0.5, 0.56))
    across = np.clip(np.abs(y - middle) / half, 0, 1)
    sag = 0.06 * reach * np.sin(np.pi * (y - middle) / half) * (view != "CC")
    edge = (reach + sag) * (1 - across ** rng.uniform(2.0, 2.6)) ** rng.uniform(0.48, 0.6)
    nipple_y = middle + rng.uniform(-0.08, 0.08) * half
    in_profile = rng.random() < 0.7
    bump = rng.uniform(4, 7) * np.exp(-(((y - nipple_y) / rng.uniform(2.5, 3.5)) ** 2))
    edge = edge + bump * in_profile
    mask = x < edge
    # beyond the chest wall the body goes on: no skin there
    padded = np.pad(mask, ((0, 0), (60, 0)), constant_values=True)
    depth = distance_transform_edt(np.pad(padded, 1))[1:-1, 61:-1] * STEP_MM
    compressed = rng.uniform(35, 62)
    roll = 0.45 * compressed
    bowed = np.sqrt(np.clip(1 - (1 - np.clip(depth / roll, 0, 1)) ** 2, 0, 1))
    thickness = gaussian_filter(compressed * bowed, 0.7)
    muscle = np.zeros_like(thickness)
    if view == "MLO":
        top, down = rng.uniform(0.3, 0.48) * reach, rng.uniform(0.5, 0.75) * height
        inside = 1 - x / top - y / down
        muscle = (
            thickness * rng.uniform(0.45, 0.7) * np.clip(inside / rng.uniform(0.04, 0.12), 0, 1)
        )
    place = min(int(nipple_y / STEP_MM), ny - 1)
    nipple = (float(edge[place, 0]), float(nipple_y))
    return Breast(
        depth, thickness, muscle, edge[:, 0], nipple, float(mask.sum()) * STEP_MM**2, compressed
    )


def enlarge(coarse, shape, spacing_mm):
    """Return a coarse map on the pixels of an image, by linear interpolation."""
    out = coarse.astype(np.float32)
    for axis, n in enumerate(shape):
        at = np.clip((np.arange(n) + 0.5) * spacing_mm / STEP_MM - 0.5, 0, coarse.shape[axis] - 1)
        low = np.minimum(at.astype(int), coarse.shape[axis] - 2)
        share = (at - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        out = np.take(out, low, axis) * (1 - share) + np.take(out, low + 1, axis) * share
    return out
