"""Shadows of solids on a detector: only the surroundings of calcium are rendered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .anatomy import Array, Generator
from .solids import Batch

SOURCE_MM = 650.0
"""From detector to focal spot."""

MARGIN_PX = 6
"""Background around whatever is rendered."""


@dataclass(frozen=True)
class Detector:
    """How an image was taken.

    Attributes
    ----------
    pixel_mm, blur_px : float
        Pixel pitch; standard deviation of the blur.
    contrast_per_mm : float
        Signal of 1 mm of solid calcium over the standard deviation of the noise.
    ceiling : float
        Where the signal saturates, in the same unit.
    tissue, grain_px : float
        Strength of the uneven background; correlation of the noise.
    """

    pixel_mm: float
    blur_px: tuple[float, float]
    contrast_per_mm: float
    ceiling: float
    tissue: float
    grain_px: float


def draw_detector(rng: Generator) -> Detector:
    """Draw a detector, from sharp and quiet to coarse and noisy."""
    pixel = float(rng.choice([0.05, 0.07, 0.07, 0.085, 0.1]))
    blur = rng.uniform(0.04, 0.085) / pixel * rng.uniform(0.85, 1.2, 2)
    contrast = float(np.clip(52 * np.exp(rng.normal(0, 0.4)), 20, 120))
    grain = float(rng.choice([0.0, 0.4, 0.6]))
    ceiling, tissue = float(rng.uniform(60, 200)), float(rng.uniform(0.2, 1.5))
    return Detector(pixel, tuple(blur), contrast, ceiling, tissue, grain)


@dataclass(frozen=True)
class Image:
    """Patches of an image on one sheet.

    Attributes
    ----------
    signal : ndarray, shape (rows, columns)
        In standard deviations of the noise.
    patch, owner : ndarray, shape (rows, columns)
        Which patch a pixel belongs to, and which calcification casts its shadow there (-1: none).
    shift_px : ndarray, shape (n_patches, 2)
        Column and row in the image, less column and row on the sheet.
    """

    signal: Array
    patch: NDArray[np.int32]
    owner: NDArray[np.int32]
    shift_px: NDArray[np.int64]


def project(xyz_mm: Array) -> tuple[Array, Array]:
    """Project to the detector from a point source above the origin; also the magnification."""
    scale = SOURCE_MM / (SOURCE_MM - xyz_mm[:, 2])
    return xyz_mm[:, :2] * scale[:, None], scale


def _shadow(kind: str, shape: dict[str, Array], x: Array, y: Array, pixel_mm: float) -> Array:
    """Thickness in mm along the beam at (x, y) off the centre, arrays (m, s, s)."""
    wide = {name: value[:, None, None] for name, value in shape.items()}
    if kind == "ellipsoid":
        spread = (0.3 * pixel_mm) ** 2  # a pixel averages over its area
        flat = wide["covariance"]
        xx, yy, xy = flat[..., 0, 0], flat[..., 1, 1], flat[..., 0, 1]
        sharp = xx * yy - xy**2
        xx, yy = xx + spread, yy + spread
        area = xx * yy - xy**2
        q = (yy * x**2 - 2 * xy * x * y + xx * y**2) / area
        thickness = 2 * np.sqrt(wide["volume"] / sharp) * np.sqrt(sharp / area)
        return thickness * np.maximum(1 - q, 0) ** wide["edge"]
    if kind == "rod":
        hx, hy, hz = (wide["half"][..., k] for k in range(3))
        flat = np.maximum(hx**2 + hy**2, 1e-12)
        t = np.clip((x * hx + y * hy) / flat, -1, 1)
        radius = wide["radius"][..., 0] * (1 - t) / 2 + wide["radius"][..., 1] * (1 + t) / 2
        radius = np.sqrt(radius**2 + (0.3 * pixel_mm) ** 2)
        tilt = np.minimum(np.sqrt(1 + hz**2 / flat), 2.0)
        d2 = (x - t * hx) ** 2 + (y - t * hy) ** 2
        return (
            2 * tilt * np.sqrt(np.maximum(radius**2 - d2, 0)) * (1 - 0.09 * pixel_mm**2 / radius**2)
        )
    if kind == "crystal":
        normals, distance = shape["normals"], shape["distance"]
        top, bottom = np.full(x.shape, np.inf), np.full(x.shape, -np.inf)
        for k in range(normals.shape[1]):
            nx, ny, nz = (normals[:, k, j, None, None] for j in range(3))
            z = (distance[:, k, None, None] - nx * x - ny * y) / np.where(nz == 0, 1e-9, nz)
            top = np.where(nz > 0, np.minimum(top, z), top)
            bottom = np.where(nz <= 0, np.maximum(bottom, z), bottom)
        return np.maximum(top - bottom, 0)
    degree = np.degrees(np.arctan2(y, x)).astype(np.int64) % 360
    rim = np.take_along_axis(shape["table"], degree.reshape(len(x), -1), axis=1).reshape(x.shape)
    inside = np.maximum(1 - (x**2 + y**2) / rim**2, 0)
    return shape["table"].mean(1)[:, None, None] * np.sqrt(inside)


def _patches(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[NDArray, Array, Array]:
    """Join boxes that meet; return the patch of each box and the boxes of the patches."""
    meet = ((low[:, None] <= high) & (low <= high[:, None])).all(-1)
    n_patches, patch = connected_components(csr_array(meet), directed=False)
    first = np.full((n_patches, 2), np.iinfo(np.int64).max)
    last = np.full((n_patches, 2), np.iinfo(np.int64).min)
    np.minimum.at(first, patch, low)
    np.maximum.at(last, patch, high)
    return patch, first, last


def _sheet(size_px: NDArray[np.int64]) -> tuple[NDArray[np.int64], int, int]:
    """Lay patches on shelves; return their corners and the size of the sheet."""
    columns = int(max(size_px[:, 0].max(), np.sqrt(size_px.prod(1).sum()) * 1.1))
    corner = np.zeros_like(size_px)
    x = y = shelf = 0
    for i in np.argsort(-size_px[:, 1], kind="stable"):
        width, height = size_px[i]
        if x + width > columns:
            x, y, shelf = 0, y + shelf, 0
        corner[i] = x, y
        x, shelf = x + width, max(shelf, height)
    return corner, int(y + shelf), columns


def _tissue(rng: Generator, n_rows: int, n_columns: int) -> Array:
    """Uneven background: random values 14 pixels apart, linear between them."""
    knots = [np.arange(n // 14 + 2) for n in (n_rows, n_columns)]
    weights = [
        np.maximum(1 - np.abs(np.arange(n)[:, None] / 14 - knot), 0).astype(np.float32)
        for n, knot in zip((n_rows, n_columns), knots, strict=True)
    ]
    coarse = rng.standard_normal((knots[0].size, knots[1].size), dtype=np.float32)
    return weights[0] @ coarse @ weights[1].T


def take_image(rng: Generator, detector: Detector, batches: list[Batch], n_owners: int) -> Image:
    """Render calcifications 0 .. `n_owners` - 1 with blur, tissue and noise."""
    px = detector.pixel_mm
    low, high = np.full((n_owners, 2), np.inf), np.full((n_owners, 2), -np.inf)
    places = []
    for batch in batches:
        xy, scale = project(batch.centre_mm)
        places.append((xy, scale))
        reach = (batch.reach_mm * scale)[:, None]
        np.minimum.at(low, batch.owner, xy - reach)
        np.maximum.at(high, batch.owner, xy + reach)
    first_px = np.floor(low / px).astype(np.int64) - MARGIN_PX
    last_px = np.ceil(high / px).astype(np.int64) + MARGIN_PX
    patch_of, first, last = _patches(first_px, last_px)
    corner, n_rows, n_columns = _sheet(last - first + 1)
    shift = first - corner

    patch = np.full((n_rows, n_columns), -1, np.int32)
    for k, (x, y) in enumerate(corner):
        width, height = last[k] - first[k] + 1
        patch[y : y + height, x : x + width] = k
    body = np.zeros(n_rows * n_columns)
    haze = np.zeros(n_rows * n_columns)
    owner = np.full(n_rows * n_columns, -1, np.int32)
    for batch, (xy, scale) in zip(batches, places, strict=True):
        on_sheet = xy / px - shift[patch_of[batch.owner]]
        half = np.ceil(batch.reach_mm * scale / px).astype(np.int64) + 1
        step = np.maximum(1, half // 4)
        half = -(-half // step) * step  # few sizes, so that many are rendered at once
        for h in np.unique(half):
            m = np.flatnonzero(half == h)
            offset = np.arange(-h, h + 1)
            base = np.floor(on_sheet[m]).astype(np.int64)
            columns, rows = base[:, :1] + offset, base[:, 1:] + offset
            x = (columns + 0.5 - on_sheet[m, :1]) * (px / scale[m, None])
            y = (rows + 0.5 - on_sheet[m, 1:]) * (px / scale[m, None])
            x, y = np.broadcast_arrays(x[:, None, :], y[:, :, None])
            shape = {name: value[m] for name, value in batch.shape.items()}
            depth = _shadow(batch.kind, shape, x, y, px) * batch.density[m, None, None]
            hit = depth > 0
            flat = (rows[:, :, None] * n_columns + columns[:, None, :])[hit]
            owner[flat] = np.repeat(batch.owner[m], np.count_nonzero(hit, axis=(1, 2)))
            ufunc, target = (np.add, haze) if batch.adds else (np.maximum, body)
            ufunc.at(target, flat, depth[hit])
    sheet = (body + haze).reshape(n_rows, n_columns).astype(np.float32)
    sheet *= detector.contrast_per_mm
    signal = gaussian_filter(sheet, detector.blur_px, truncate=3)
    signal = detector.ceiling * (1 - np.exp(-signal / detector.ceiling))
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    if detector.grain_px:
        noise = gaussian_filter(noise, detector.grain_px, truncate=2)
        noise /= noise.std()
    tissue = _tissue(rng, n_rows, n_columns) * detector.tissue
    return Image(signal + noise + tissue, patch, owner.reshape(n_rows, n_columns), shift)
