"""Small bright spots: differences of Gaussians at several scales, each over its local noise.

A disc of radius r has its best response to a Laplacian of Gaussian of sigma = r / sqrt(2) (Lindeberg 1998), which a
difference of Gaussians approximates (Marr and Hildreth 1980). So the four scales answer to diameters from 0.25 to
0.76 mm; smaller spots are blurred to that by the detector. A ridge (vessel, ligament, hair) goes on to both sides of
a spot: what it has there is subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcigram.detect.breast import Mask, block_means
from calcigram.detect.noise import BLOCK_MM, Blocks, local_deviation
from calcigram.mammogram import Image

SCALES_MM = (0.09, 0.13, 0.187, 0.27, 0.39)
"""Sigma of the Gaussians; each difference is that of two neighbours, its scale that of the inner one."""

COARSE_MM = (0.5, 0.72, 1.04, 1.5)
"""The same for large calcifications, on an image of block means."""

COARSE_PIXEL_MM = 0.2

COARSE_BLOCK_MM = 10.0
"""Side of the blocks of the local noise at coarse scales."""

RIDGE_MM = (0.6, 2.0)
"""Part of a line to either side of a spot in which a ridge goes on; fine linear calcifications are shorter."""

RIDGE_WEIGHT = 1.5
"""How often the level of the ridge is subtracted; a crossing of two ridges is twice as bright as each."""

LEAST_RIDGE_Z = 1.0
"""Noise alone has ridges up to this level (its 99th percentile)."""

N_DIRECTIONS = 16

RIDGE_QUANTILE = 0.3
"""A ridge is continuous; calcifications on a line leave gaps, so that this quantile of theirs is 0."""

LEAST_OF_WHITE = 0.7
"""Least local deviation over that of white noise: where most pixels of 8 bits are equal, the median is 0."""

LEAST_SHARE = 0.2
"""Least local deviation over the median of all places."""

MAX_SPOTS = 20_000
"""Local maxima looked at; those of the highest z are kept."""


@dataclass(frozen=True, eq=False)
class Spots:
    """Local maxima, the highest z first.

    Attributes
    ----------
    rows, columns : ndarray of int64, shape (N,)
    z : ndarray of float64
        Response over its local deviation, after the ridge has been subtracted.
    """

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    z: npt.NDArray[np.float64]

    def where(self, kept: npt.NDArray[np.bool_]) -> Spots:
        """Return some of them, in the same order."""
        return Spots(self.rows[kept], self.columns[kept], self.z[kept])


def find_spots(
    image: Image, mask: Mask, spacing_mm: tuple[float, float], threshold_z: float
) -> Spots:
    """Find small bright spots.

    Parameters
    ----------
    image : ndarray of float32
        With noise made equal (`noise.equalise`).
    mask : ndarray of bool
        Pixels that count for the local noise, and where spots are looked for.
    spacing_mm : (float, float)
    threshold_z : float

    Returns
    -------
    Spots

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(0, 1, (200, 200)).astype(np.float32)
    >>> image[100:103, 50:53] += 8
    >>> spots = find_spots(image, np.ones((200, 200), bool), (0.1, 0.1), 5.5)
    >>> spots.rows.tolist(), spots.columns.tolist()
    ([101], [51])
    """
    best = best_z(image, mask, spacing_mm)
    rows, columns = _maxima(best, mask, threshold_z)
    z = z_at(best, rows, columns, spacing_mm)
    order = np.argsort(-z, kind="stable")
    order = order[z[order] >= threshold_z]
    return Spots(rows[order], columns[order], z[order])


def z_at(
    best: Image,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    spacing_mm: tuple[float, float],
) -> npt.NDArray[np.float64]:
    """Return z of given pixels: the highest of all scales, the ridge through the pixel subtracted."""
    level = _ridge(best, rows, columns, spacing_mm)
    result: npt.NDArray[np.float64] = best[rows, columns] - RIDGE_WEIGHT * np.maximum(
        level - LEAST_RIDGE_Z, 0
    )
    return result


def best_z(image: Image, mask: Mask, spacing_mm: tuple[float, float]) -> Image:
    """Return the highest z of all scales at each pixel."""
    best = np.full(image.shape, -np.inf, np.float32)
    for number, z in enumerate(differences(image, SCALES_MM, spacing_mm)):
        least = LEAST_OF_WHITE * _white_noise(SCALES_MM[number : number + 2], spacing_mm)
        _over_noise(z, mask, spacing_mm, least=least)
        np.maximum(best, z, out=best)
    return best


def _white_noise(scales_mm: tuple[float, ...], spacing_mm: tuple[float, float]) -> float:
    """Return the deviation of a difference of two Gaussians, of white noise of deviation 1.

    The integral of the product of two Gaussians of variances a and b is 1 / (2 pi (a + b)).
    """
    (inner, outer), pixel = (s**2 for s in scales_mm), spacing_mm[0] * spacing_mm[1]
    variance = 1 / (2 * inner) + 1 / (2 * outer) - 2 / (inner + outer)
    return math.sqrt(min(1.0, variance * pixel / (2 * math.pi)))


def differences(
    image: Image, scales_mm: tuple[float, ...], spacing_mm: tuple[float, float]
) -> Iterator[Image]:
    """Yield the differences of Gaussians of neighbouring scales; positive at bright spots.

    Each Gaussian is made of the one before: variances add up.
    """
    inner, last_mm = image, 0.0
    for number, scale_mm in enumerate(scales_mm):
        sigma = [math.sqrt(scale_mm**2 - last_mm**2) / mm for mm in spacing_mm]
        outer = ndimage.gaussian_filter(inner, sigma, mode="nearest", truncate=3.0)
        if number:
            yield np.subtract(inner, outer)
        inner, last_mm = outer, scale_mm


def _over_noise(
    response: Image,
    mask: Mask,
    spacing_mm: tuple[float, float],
    block_mm: float = BLOCK_MM,
    least: float = 0.0,
) -> None:
    """Divide a response by its local deviation, in place."""
    blocks = local_deviation(response, mask, spacing_mm, block_mm)
    # nowhere so small that flat parts of the image give marks
    positive = blocks.values[blocks.values > 0]
    floor = LEAST_SHARE * float(np.median(positive)) if positive.size else 1.0
    Blocks(np.maximum(blocks.values, max(floor, least)), blocks.steps).divide(response)


def _maxima(
    best: Image, mask: Mask, threshold: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the local maxima (of eight neighbours) over a threshold."""
    over = best >= threshold
    over &= mask
    over[[0, -1]] = False
    over[:, [0, -1]] = False
    rows, columns = np.nonzero(over)
    values = best[rows, columns]
    top = np.ones(len(rows), bool)
    for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
        top &= values > best[rows + down, columns + right]
        top &= values >= best[rows - down, columns - right]
    rows, columns, values = rows[top], columns[top], values[top]
    if len(rows) > MAX_SPOTS:
        kept = np.sort(np.argsort(-values, kind="stable")[:MAX_SPOTS])
        rows, columns = rows[kept], columns[kept]
    return rows, columns


def _ridge(
    best: Image,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    spacing_mm: tuple[float, float],
) -> npt.NDArray[np.float64]:
    """Return the level of the ridge that goes through each spot; 0 where none does.

    Along each direction: a low quantile of what lies to one side, and to the other; the lower of the two;
    of all directions the highest.
    """
    near, far = RIDGE_MM
    at = np.linspace(near, far, max(6, int((far - near) / min(spacing_mm) / 2)))
    level = np.zeros(len(rows))
    for angle in np.arange(N_DIRECTIONS) * np.pi / N_DIRECTIONS:
        down, right = np.sin(angle) * at / spacing_mm[0], np.cos(angle) * at / spacing_mm[1]
        sides = []
        for sign in (1, -1):
            places = [
                rows[:, None] + np.rint(sign * down).astype(int),
                columns[:, None] + np.rint(sign * right).astype(int),
            ]
            beyond = np.zeros(places[0].shape, bool)
            for place, n in zip(places, best.shape, strict=True):
                beyond |= (place < 0) | (place >= n)
                np.clip(place, 0, n - 1, out=place)
            # beyond the edge of the image a ridge goes on: the side within decides
            side = np.where(beyond, np.inf, best[places[0], places[1]])
            sides.append(np.quantile(side, RIDGE_QUANTILE, axis=1, method="lower"))
        lower = np.minimum(*sides)
        np.maximum(level, lower, out=level, where=np.isfinite(lower))
    return level


def find_large(
    image: Image, mask: Mask, spacing_mm: tuple[float, float], threshold_z: float
) -> Spots:
    """Find where large calcifications may be: as `find_spots`, on block means and at coarse scales.

    Returns
    -------
    Spots
        In pixels of `image`. Many are tissue; their outlines decide (`outline`).
    """
    steps = [max(1, round(COARSE_PIXEL_MM / mm)) for mm in spacing_mm]
    small = block_means(image, steps)
    small_mask = block_means(mask, steps) > 0.5
    small_mm = (steps[0] * spacing_mm[0], steps[1] * spacing_mm[1])
    best = np.full(small.shape, -np.inf, np.float32)
    for z in differences(small, COARSE_MM, small_mm):
        _over_noise(z, small_mask, small_mm, COARSE_BLOCK_MM)
        np.maximum(best, z, out=best)
    rows, columns = _maxima(best, small_mask, threshold_z)
    z = np.asarray(best[rows, columns], np.float64)
    order = np.argsort(-z, kind="stable")
    kept = z[order].astype(np.float64)
    return Spots(
        rows[order] * steps[0] + steps[0] // 2, columns[order] * steps[1] + steps[1] // 2, kept
    )
