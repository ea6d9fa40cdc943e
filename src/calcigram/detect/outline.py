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

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcigram.formats.maskparts import Pixels, measure
from calcigram.formats.outlines import Shape
from calcigram.mammogram import Image

Ints = npt.NDArray[np.int64]

FINE_MM = 0.025
"""Largest pixel of the finer grid."""

WINDOWS_MM = (1.0, 2.5, 6.0, 10.0)
"""Half sides of the windows around a peak; the next is tried where a region fills more than `FULL` of one."""

FULL = 0.25
"""A region of a larger share of its window leaves too few pixels of background."""

LARGE_MM = 0.8
"""Regions wider than this must have sharp edges."""

LARGEST_MM = 10.0
"""No calcification is larger."""

EDGE_SHARE = 0.55
"""Most that the radius may fall from a quarter to three quarters of the height, over the radius at half height.

The projection of a sphere has 0.36, of a Gaussian blob 0.77; calcifications have edges, tissue has none.
"""

N_MEDIANS = 4
"""How often the region of a large calcification is grown to half of its median height."""

LEVELS = (0.5, 0.6, 0.7, 0.8)
"""Shares of the height at which a region is tried."""

BLUR = 0.55
"""Sigma in pixels of the interpolating Gaussian: the pixel's own width."""

SEARCH_MM = 0.3
"""How far from a given point the peak may be."""


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


@lru_cache(maxsize=64)
def _weights(n: int, factor: int) -> Image:
    """Return the weights of Gaussian interpolation from n pixels to ``n * factor``."""
    place = (np.arange(n * factor) + 0.5) / factor - 0.5
    weights = np.exp(-(((place[:, None] - np.arange(n)) / BLUR) ** 2) / 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _finer(values: Image, factors: tuple[int, int]) -> Image:
    """Return pixels interpolated on the finer grid."""
    if factors == (1, 1):
        return np.asarray(ndimage.gaussian_filter(values, BLUR, truncate=3.0), np.float32)
    down, right = (_weights(n, k) for n, k in zip(values.shape, factors, strict=True))
    return np.asarray(down @ values @ right.T, np.float32)


def _factors(spacing_mm: tuple[float, float], half_mm: float) -> tuple[int, int]:
    """Return odd factors, so that the centre of a pixel is the centre of a finer one."""
    if half_mm > WINDOWS_MM[0]:
        return (1, 1)  # large regions have pixels enough
    first, second = (max(3, math.ceil(mm / FINE_MM) | 1) for mm in spacing_mm)
    return (first, second)


def grow(
    image: Image,
    row: int,
    column: int,
    spacing_mm: tuple[float, float],
    *,
    taken: npt.NDArray[np.int32] | None = None,
    first_window: int = 0,
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
    first_window : int
        Index in `WINDOWS_MM` to begin with.

    Returns
    -------
    Region or None
        None where no level gives a region that ends in the background.

    Examples
    --------
    >>> y, x = np.ogrid[:60, :60]
    >>> disc = 10.0 * (np.hypot(y - 30, x - 20) < 4.5).astype(np.float32)
    >>> region = grow(disc, 30, 21, (0.1, 0.1))
    >>> round(shape_of(region, (0.1, 0.1)).diameter_mm, 1)
    0.9
    """
    for index in range(first_window, len(WINDOWS_MM)):
        half_mm = WINDOWS_MM[index]
        region, is_full = _in_window(image, row, column, spacing_mm, half_mm, taken)
        if region is not None or not is_full:
            return region
    return None


def _in_window(
    image: Image,
    row: int,
    column: int,
    spacing_mm: tuple[float, float],
    half_mm: float,
    taken: npt.NDArray[np.int32] | None,
) -> tuple[Region | None, bool]:
    """Return the region within one window, and whether the window was too small for it."""
    half = [max(4, round(half_mm / mm)) for mm in spacing_mm]
    top, left = max(0, row - half[0]), max(0, column - half[1])
    window = (slice(top, row + half[0] + 1), slice(left, column + half[1] + 1))
    values = image[window]
    free = None if taken is None else taken[window] == 0
    background = float(np.median(values if free is None or not free.any() else values[free]))
    factors = _factors(spacing_mm, half_mm)
    fine = _finer(values, factors)
    if free is not None and not free.all():
        blocked = np.repeat(np.repeat(~free, factors[0], axis=0), factors[1], axis=1)
        fine[blocked] = background
    at = _peak(fine, (row - top, column - left), factors, spacing_mm)
    height = float(fine[at]) - background
    if not height > 0:
        return None, False
    fine_mm = (spacing_mm[0] / factors[0], spacing_mm[1] / factors[1])
    is_last = half_mm >= WINDOWS_MM[-1]
    for share in LEVELS:
        inside = _component(fine >= background + share * height, at)
        touches = _touches(inside)
        at_image_edge = touches and _only_at_image_edge(inside, window, image.shape)
        if (touches and not at_image_edge) or inside.mean() > FULL:
            if share == LEVELS[0] and not is_last:
                return None, True
            continue
        if _extent_mm(inside, fine_mm) > LARGE_MM:
            grown = _large(fine, inside, at, background, fine_mm)
            if grown is None:
                continue
            inside = grown
        return _region(inside, at, factors, (top, left)), False
    return None, False


def _peak(
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


def _component(over: npt.NDArray[np.bool_], at: tuple[int, int]) -> npt.NDArray[np.bool_]:
    numbered, _ = ndimage.label(over)
    result: npt.NDArray[np.bool_] = numbered == numbered[at]
    return result


def _touches(inside: npt.NDArray[np.bool_]) -> bool:
    """Tell whether a region reaches the edge of its window."""
    return bool(inside[[0, -1]].any() or inside[:, [0, -1]].any())


def _only_at_image_edge(
    inside: npt.NDArray[np.bool_], window: tuple[slice, slice], shape: tuple[int, ...]
) -> bool:
    """Tell whether a region touches its window only where the image ends."""
    open_sides = (
        (inside[0], window[0].start > 0),
        (inside[-1], window[0].stop < shape[0]),
        (inside[:, 0], window[1].start > 0),
        (inside[:, -1], window[1].stop < shape[1]),
    )
    return not any(side.any() for side, is_open in open_sides if is_open)


def _extent_mm(inside: npt.NDArray[np.bool_], fine_mm: tuple[float, float]) -> float:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return float(max(np.ptp(rows) * fine_mm[0], np.ptp(columns) * fine_mm[1]))


def _large(
    fine: Image,
    inside: npt.NDArray[np.bool_],
    at: tuple[int, int],
    background: float,
    fine_mm: tuple[float, float],
) -> npt.NDArray[np.bool_] | None:
    """Return the region of a large calcification, or None for what has no edges, as tissue.

    The brightest lump is no measure of its height: the level is half of the median height within, which is
    the same for a flat one.
    """
    for _ in range(N_MEDIANS):
        level = (float(np.median(fine[inside])) - background) / 2
        wider = _component(fine >= background + level, at)
        if _touches(wider) or wider.mean() > FULL:
            break
        if wider.sum() == inside.sum():
            break
        inside = wider
    if _extent_mm(inside, fine_mm) > LARGEST_MM:
        return None
    height = float(np.median(fine[inside])) - background
    wide, narrow = (
        math.sqrt(_component(fine >= background + share * height, at).sum())
        for share in (0.25, 0.75)
    )
    return inside if wide - narrow <= EDGE_SHARE * math.sqrt(inside.sum()) else None


def _region(
    inside: npt.NDArray[np.bool_],
    at: tuple[int, int],
    factors: tuple[int, int],
    corner: tuple[int, int],
) -> Region:
    fine_rows, fine_columns = np.nonzero(inside)
    centres = inside[factors[0] // 2 :: factors[0], factors[1] // 2 :: factors[1]]
    rows, columns = np.nonzero(centres)
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
    return measure(fine, pixel, (0, 0), "").shapes[0]


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
    in_pixels = measure(
        pixels, (spacing_mm[1], spacing_mm[0]), (0, 0), source, image, labels != 0
    ).shapes
    return [
        replace(shape_of(region, spacing_mm), x_mm=shape.x_mm, y_mm=shape.y_mm, cnr=shape.cnr)
        for region, shape in zip(regions, in_pixels, strict=True)
    ]
