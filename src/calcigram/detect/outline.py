"""The outline of one bright spot: the region over half of its height, grown from the peak.

Level: halfway between the local background and the peak, which for anything wider than the blur of the detector
is where its edge is. A region that leaks into its surroundings is tried at higher levels, then refused.
Outlines are found on a finer grid than the pixels, so that areas and axes of calcifications of a few pixels are
not steps; `maskparts` measures them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcigram._kernels import regions
from calcigram.errors import naming
from calcigram.formats.maskparts import Pixels, measure
from calcigram.formats.outlines import Shape
from calcigram.mammogram import Image

Ints = npt.NDArray[np.int64]

FINE_MM = 0.025
"""Largest pixel of the finer grid."""

WINDOW_MM = 1.0
"""Half side of the window around a peak."""

LARGE_WINDOWS_MM = (2.5, 6.0, 12.0)
"""The same for large calcifications; the next is tried where a region does not fit into one."""

FULL = 0.25
"""A region of a larger share of its window leaves too few pixels of background."""

SURFACE_MM = 0.2
"""Pixels of the background's surface."""

LARGE_MM = 0.8
"""Regions wider than this must have sharp edges."""

LARGEST_MM = 10.0
"""No calcification is larger."""

EDGE_MM, EDGE_SHARE = (0.15, 0.35), 0.3
"""Distances from the region at which at most this share of its height is left, in the mean."""

STANDS_OUT = 2.5
"""Least median height over the deviation around it; small calcifications on a bump of tissue have about 2."""

MOST_PEAKED = 2.2
"""Highest peak over the median height; lumps of popcorn have up to 2, a small calcification on a bump more."""

WHOLE = (0.75, 0.65)
"""At this share of the height, a large calcification has still this share of its area in one piece.

A sphere or cylinder has 0.76 to 0.8; two small calcifications that run into each other have less than half.
"""

N_ROUNDS = 5
"""How often level and background of a large calcification are found again."""

LEVELS = (0.5, 0.6, 0.7, 0.8)
"""Shares of the height at which a region is tried."""

PEAK_QUANTILE = 0.95
"""Of the region over a share of the highest pixel; 0.97 of the peak of a blurred spot."""

BLUR = 0.55
"""Sigma in pixels of the interpolating Gaussian: the pixel's own width."""

LEAST_WEIGHT = 1e-20
"""Smaller weights of interpolation change nothing in single precision."""

SEARCH_MM = 0.3
"""How far from a given point the peak may be."""

_SMOOTHING = np.exp(-(np.arange(4.0) ** 2) / 2)
_SMOOTHING /= _SMOOTHING[0] + 2 * _SMOOTHING[1:].sum()


class Part(NamedTuple):
    """A connected part of a window: `regions.flooded`.

    Attributes
    ----------
    flat : ndarray of int64
        Rising indices of its pixels.
    box : tuple of int
        First and last row, first and last column.
    """

    flat: Ints
    box: tuple[int, int, int, int]

    def extent_mm(self, pixel_mm: tuple[float, float]) -> float:
        """Return the longer side of the box."""
        top, bottom, left, right = self.box
        return max((bottom - top) * pixel_mm[0], (right - left) * pixel_mm[1])

    def leaves(
        self, window: tuple[slice, slice], own: tuple[int, ...], shape: tuple[int, ...]
    ) -> bool:
        """Tell whether it reaches the edge of its window, other than where the image ends."""
        top, bottom, left, right = self.box
        return (
            (top == 0 and window[0].start > 0)
            or (bottom == own[0] - 1 and window[0].stop < shape[0])
            or (left == 0 and window[1].start > 0)
            or (right == own[1] - 1 and window[1].stop < shape[1])
        )


@dataclass(frozen=True, eq=False)
class Region:
    """The pixels of one calcification.

    Attributes
    ----------
    rows, columns : ndarray of int64
        Pixels whose centre is inside; the pixel of the peak if there is none.
    fine_rows, fine_columns : ndarray of int64
        Of the finer grid.
    factors : (int, int)
        How many rows and columns of the finer grid a pixel has.
    """

    rows: Ints
    columns: Ints
    fine_rows: Ints
    fine_columns: Ints
    factors: tuple[int, int]

    def diameter_mm(self, spacing_mm: tuple[float, float]) -> float:
        """Return the diameter of the circle of equal area."""
        area = self.fine_rows.size * math.prod(spacing_mm) / math.prod(self.factors)
        return math.sqrt(4 * area / math.pi)


@lru_cache(maxsize=64)
def _weights(n: int, factor: int) -> Image:
    """Return the weights of Gaussian interpolation from n pixels to ``n * factor``."""
    place = (np.arange(n * factor) + 0.5) / factor - 0.5
    weights = np.exp(-(((place[:, None] - np.arange(n)) / BLUR) ** 2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    weights[weights < LEAST_WEIGHT] = 0.0
    return np.asarray(weights, np.float32)


def _finer(values: Image, factors: tuple[int, int]) -> Image:
    """Return pixels interpolated on the finer grid."""
    down, right = (_weights(n, k) for n, k in zip(values.shape, factors, strict=True))
    finer: Image = regions.weighted(down, np.array(values, np.float32), right)
    return finer


def _factors(spacing_mm: tuple[float, float]) -> tuple[int, int]:
    """Return odd factors, so that the centre of a pixel is the centre of a finer one."""
    first, second = (max(3, math.ceil(mm / FINE_MM) | 1) for mm in spacing_mm)
    return (first, second)


def grow(
    image: Image,
    row: int,
    column: int,
    spacing_mm: tuple[float, float],
    *,
    taken: npt.NDArray[np.int32] | None = None,
) -> Region | None:
    """Grow a region from a peak.

    Parameters
    ----------
    image : ndarray of float32
    row, column : int
        Pixel of the peak, or near to it.
    spacing_mm : (float, float)
    taken : ndarray of int32, optional
        Pixels (not 0) of other calcifications: no part of the region or of its background.

    Returns
    -------
    Region or None
        None where no level gives a region that ends in the background.

    Examples
    --------
    >>> y, x = np.ogrid[:60, :60]
    >>> disc = 10.0 * (np.hypot(y - 30, x - 20) < 4.5).astype(np.float32)
    >>> region = grow(disc, 30, 21, (0.1, 0.1))
    >>> bool(abs(shape_of(region, (0.1, 0.1)).diameter_mm - 0.9) < 0.1)
    True
    """
    window = window_about(row, column, WINDOW_MM, spacing_mm)
    values = image[window]
    free = None if taken is None else taken[window] == 0
    background = float(np.median(values if free is None or not free.any() else values[free]))
    factors = _factors(spacing_mm)
    fine = _finer(values, factors)
    if free is not None and not free.all():
        blocked = np.repeat(np.repeat(~free, factors[0], axis=0), factors[1], axis=1)
        fine[blocked] = background
    top, left = window[0].start, window[1].start
    at = peak_about(fine, (row - top, column - left), factors, spacing_mm)
    height = float(fine[at]) - background
    if not height > 0:
        return None
    fine_mm = (spacing_mm[0] / factors[0], spacing_mm[1] / factors[1])
    for share in LEVELS:
        inside = _part(fine, background + share * height, at)
        # the highest pixel is high by its noise: a quantile of the region is the peak
        peak = float(regions.quantile_at(fine, inside.flat, PEAK_QUANTILE)) - background
        inside = _part(fine, background + share * peak, at)
        fits = inside.flat.size <= FULL * fine.size
        if (
            fits
            and inside.extent_mm(fine_mm) <= LARGE_MM
            and not inside.leaves(window, fine.shape, image.shape)
        ):
            return region_of(inside.flat, fine.shape, at, factors, (top, left))
        if share == LEVELS[0]:
            large = grow_large(image, row, column, spacing_mm, taken=taken)
            if large is not None:
                return large
    return None


def _part(height: Image, level: float, at: tuple[int, int]) -> Part:
    return Part(*regions.flooded(height, np.float32(level), *at))


def grow_large(
    image: Image,
    row: int,
    column: int,
    spacing_mm: tuple[float, float],
    *,
    taken: npt.NDArray[np.int32] | None = None,
) -> Region | None:
    """Grow a region that may be as large as a rod or a popcorn calcification.

    The tissue under it is not level: the background is a smooth surface through what lies around the
    region. The brightest lump is no measure of its height: the level is half of the median height within, which
    is the same for a flat one. Both are found again until the region stays the same.

    Returns
    -------
    Region or None
        None for what is small, has no end, or has no edges, as tissue.
    """
    for half_mm in LARGE_WINDOWS_MM:
        window = window_about(row, column, half_mm, spacing_mm)
        values = regions.smoothed(np.array(image[window], np.float32), _SMOOTHING)
        outside = np.ones(values.shape, bool) if taken is None else taken[window] == 0
        at = peak_about(
            values, (row - window[0].start, column - window[1].start), (1, 1), spacing_mm
        )
        if not outside[at]:
            return None
        inside = Part(np.array([at[0] * values.shape[1] + at[1]]), (at[0], at[0], at[1], at[1]))
        around = _Surroundings(values, outside, half_mm, spacing_mm)
        for _ in range(N_ROUNDS):
            height_at = around.heights(inside.flat)
            height = float(regions.median_at(height_at, inside.flat))
            if not height > 0:
                return None
            before, inside = inside, _part(height_at, height / 2, at)
            extent = inside.extent_mm(spacing_mm)
            # what has grown so large does not shrink again
            if (
                np.array_equal(before.flat, inside.flat)
                or inside.flat.size > FULL * values.size
                or extent > LARGEST_MM
            ):
                break
        if extent > LARGEST_MM:
            return None
        if inside.flat.size > FULL * values.size or inside.leaves(
            window, values.shape, image.shape
        ):
            continue
        if extent <= LARGE_MM:
            return None
        mask = np.zeros(values.shape, bool)
        mask.ravel()[inside.flat] = True
        if (
            height >= STANDS_OUT * float(height_at[outside & ~mask].std())
            and float(height_at.ravel()[inside.flat].max()) <= MOST_PEAKED * height
            and _part(height_at, WHOLE[0] * height, at).flat.size >= WHOLE[1] * inside.flat.size
            and _has_edges(height_at, mask, outside, height, spacing_mm)
        ):
            corner = (window[0].start, window[1].start)
            return region_of(inside.flat, values.shape, at, (1, 1), corner)
        return None
    return None


class _Surroundings:
    """A smooth surface through what lies around a region: means over about 0.6 of the window's half side."""

    def __init__(
        self,
        values: Image,
        outside: npt.NDArray[np.bool_],
        half_mm: float,
        spacing_mm: tuple[float, float],
    ) -> None:
        self.values, self.outside = values, outside
        self.steps = [max(1, round(SURFACE_MM / mm)) for mm in spacing_mm]
        # Sums over blocks once per window; those of the region, which changes, are subtracted.
        self.sums, self.counts = regions.block_sums_of(values, outside, *self.steps)
        widths = [
            max(3, round(0.6 * half_mm / mm / step))
            for mm, step in zip(spacing_mm, self.steps, strict=True)
        ]
        self.down, self.right = (
            _smoother(n, width) for n, width in zip(self.sums.shape, widths, strict=True)
        )

    def heights(self, inside: Ints) -> Image:
        """Return the height of each pixel over the surface through what counts and is not inside; 0 of others."""
        left = regions.without(
            self.sums, self.counts, self.values, self.outside, inside, *self.steps
        )
        sums, counts = (regions.weighted(self.down, each, self.right) for each in left)
        known = counts > 0.01 * math.prod(self.steps)
        if not known.any():
            return np.zeros_like(self.values)
        surface = np.divide(sums, counts, where=known, out=np.zeros_like(sums))
        if not known.all():
            surface[~known] = np.median(self.values)
        result: Image = regions.heights(self.values, self.outside, surface, *self.steps)
        return result


@lru_cache(maxsize=256)
def _smoother(n: int, width: int) -> Image:
    """Return the matrix that takes n values to their running means, twice."""
    matrix = np.eye(n, dtype=np.float32)
    for _ in range(2):
        matrix = ndimage.uniform_filter1d(matrix, width, axis=0, mode="nearest")
    return matrix


def _has_edges(
    height_at: Image,
    inside: npt.NDArray[np.bool_],
    outside: npt.NDArray[np.bool_],
    height: float,
    spacing_mm: tuple[float, float],
) -> bool:
    """Tell whether little of the height is left close around the region: calcium has edges, tissue has none."""
    near, far = EDGE_MM
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    margins = [math.ceil(far / mm) for mm in spacing_mm]
    box = (
        slice(max(0, rows[0] - margins[0]), rows[-1] + margins[0] + 1),
        slice(max(0, columns[0] - margins[1]), columns[-1] + margins[1] + 1),
    )
    distance = ndimage.distance_transform_edt(~inside[box], sampling=spacing_mm)
    shell = (distance >= near) & (distance <= far) & outside[box]
    return bool(shell.any()) and float(height_at[box][shell].mean()) <= EDGE_SHARE * height


def window_about(
    row: int, column: int, half_mm: float, spacing_mm: tuple[float, float]
) -> tuple[slice, slice]:
    """Return the window of an image about a pixel; it may reach beyond the end, not before the beginning."""
    half = [max(4, round(half_mm / mm)) for mm in spacing_mm]
    return (
        slice(max(0, row - half[0]), row + half[0] + 1),
        slice(max(0, column - half[1]), column + half[1] + 1),
    )


def peak_about(
    fine: Image, pixel: tuple[int, int], factors: tuple[int, int], spacing_mm: tuple[float, float]
) -> tuple[int, int]:
    """Return the brightest place of the finer grid about a pixel."""
    spans = []
    for at, factor, n, mm in zip(pixel, factors, fine.shape, spacing_mm, strict=True):
        reach = max(factor, round(0.1 / mm * factor))
        middle = at * factor + factor // 2
        spans.append(slice(max(0, middle - reach), min(n, middle + reach + 1)))
    near = fine[spans[0], spans[1]]
    place = np.unravel_index(int(near.argmax()), near.shape)
    return int(place[0]) + spans[0].start, int(place[1]) + spans[1].start


def region_of(
    inside: Ints,
    shape: tuple[int, ...],
    at: tuple[int, int],
    factors: tuple[int, int],
    corner: tuple[int, int],
) -> Region:
    """Return a region of the finer grid (of a shape) as one of the image; `corner` is the window's first pixel."""
    fine_rows, fine_columns = np.divmod(inside, shape[1])
    centres = (fine_rows % factors[0] == factors[0] // 2) & (
        fine_columns % factors[1] == factors[1] // 2
    )
    rows, columns = fine_rows[centres] // factors[0], fine_columns[centres] // factors[1]
    if not rows.size:
        rows, columns = np.array([at[0] // factors[0]]), np.array([at[1] // factors[1]])
    return Region(
        rows + corner[0],
        columns + corner[1],
        fine_rows + corner[0] * factors[0],
        fine_columns + corner[1] * factors[1],
        factors,
    )


def shape_of(region: Region, spacing_mm: tuple[float, float]) -> Shape:
    """Measure the outline of a region, without its contrast."""
    pixel = (spacing_mm[1] / region.factors[1], spacing_mm[0] / region.factors[0])
    fine = Pixels(region.fine_rows, region.fine_columns, np.array([0, len(region.fine_rows)]))
    return measure(fine, pixel, (0, 0)).shapes[0]


def shapes_of(
    regions: list[Region],
    image: Image,
    labels: npt.NDArray[np.int32],
    spacing_mm: tuple[float, float],
    source: str,
) -> list[Shape]:
    """Measure regions: outline on the finer grid, contrast and weighted centre on the pixels.

    Parameters
    ----------
    regions : list of Region
    image : ndarray of float32
    labels : ndarray of int32
        Not 0 in the pixels of all regions.
    spacing_mm : (float, float)
    source : str
        Name of the image.

    Returns
    -------
    list of Shape
        In mm, as `maskparts.measure` measures masks.
    """
    counts = [len(region.rows) for region in regions]
    none = np.zeros(0, np.int64)
    pixels = Pixels(
        np.concatenate([none, *(region.rows for region in regions)]),
        np.concatenate([none, *(region.columns for region in regions)]),
        np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
    )
    with naming(source):
        in_pixels = measure(pixels, spacing_mm[::-1], (0, 0), image, labels != 0).shapes
    return [
        replace(shape_of(region, spacing_mm), x_mm=shape.x_mm, y_mm=shape.y_mm, cnr=shape.cnr)
        for region, shape in zip(regions, in_pixels, strict=True)
    ]
