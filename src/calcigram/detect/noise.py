"""The noise of a mammogram: made equal over grey levels, then estimated locally and robustly.

Quantum noise depends on the exposure, so on the grey level; texture of tissue depends on the place. The first is
removed by a transform of grey values, the second by dividing each filtered image by its own local deviation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcigram.detect.breast import Mask, block_means, enlarge
from calcigram.mammogram import Image

N_LEVELS = 24
"""Grey levels at which noise is estimated."""

LEAST_SAMPLES = 200
"""Differences of pixels per grey level."""

MAD = 0.6745
"""Median of the absolute value of a standard normal variable."""

LEAST_NOISE = 5e-4
"""Least noise as a share of the range of grey values; stored values of 11 bits have such steps."""

LEAST_OF_MEDIAN = 0.1
"""Least noise of a grey level as a share of the median of all levels."""

BLOCK_MM = 2.0
"""Side of the blocks in which the deviation of a filtered image is estimated."""

CLIP, N_CLIPS = 3.0, 2
"""Values over so many deviations are left out, so many times, before the deviation is estimated again."""

MOST_UNUSUAL = 2.0
"""A block's deviation counts up to so many times that of its neighbours: a dense cluster is no noise."""

SAMPLES = 14
"""Pixels per side of a block that are looked at."""

LEAST_IN_BLOCK = 30
"""Pixels that a block needs for an estimate."""

N_TABLE = 65_536
"""Grey values of the table of a transform: as many as stored pixels have."""

FILL_STEPS = [12, 12]
"""Pixels of the blocks whose means stand for what is not searched, about 1 mm."""

LEAST_SHARE = 0.3
"""Share of a block that must count for its mean to be used."""

STRIP = 128
"""Rows that are worked on at a time."""


def grey_step(sample: npt.NDArray[np.float32]) -> float:
    """Return the smallest step between grey values; 8-bit data scaled to 16 bits have one of 257.

    Examples
    --------
    >>> grey_step(np.array([0, 257, 771], np.float32))
    257.0
    """
    values = np.unique(sample)
    return float(np.diff(values).min()) if len(values) > 1 else 0.0


def noise_by_level(image: Image, mask: Mask, *, raw: bool) -> tuple[Image, Image]:
    """Estimate the noise of single pixels at several grey levels.

    Parameters
    ----------
    image : ndarray of float32
    mask : ndarray of bool
        Pixels that count.
    raw : bool
        The variance is a straight line over grey levels, as of counted quanta.

    Returns
    -------
    levels, deviations : ndarray of float32
        Rising grey levels, and the standard deviation there; never 0.

    Notes
    -----
    The mask [[1, -1], [-1, 1]] cancels constant and linear structure (the idea of Immerkaer 1996); its response
    has twice the deviation of white noise. The median makes it robust.
    """
    rows, columns = (n // 2 * 2 for n in image.shape)
    cells = image[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2)
    inside = mask[:rows:2, :columns:2] & mask[1:rows:2, 1:columns:2]
    thin = max(1, int(np.sqrt(inside.size / 250_000)))
    cells, inside = cells[::thin, :, ::thin], inside[::thin, ::thin]
    a, b, c, d = (cells[:, i, :, j][inside] for i in (0, 1) for j in (0, 1))
    if not a.size:
        return np.zeros(1, np.float32), np.ones(1, np.float32)
    level = (a + b + c + d) / 4
    residual = np.abs(a - b - c + d) / 2
    low, high = np.quantile(level, [0.01, 0.99])
    floor = max(
        grey_step(a) / np.sqrt(12), LEAST_NOISE * float(high - low), np.finfo(np.float32).tiny
    )
    n_levels = int(np.clip(a.size // LEAST_SAMPLES, 1, N_LEVELS))
    order = np.argsort(level)
    parts = [part for part in np.array_split(order, n_levels) if part.size]
    levels = np.array([np.median(level[part]) for part in parts], float)
    deviations = np.array([np.median(residual[part]) for part in parts], float) / MAD
    if raw and np.ptp(levels) > 0:
        variances, about = deviations**2, levels - levels.mean()
        slope = about @ (variances - variances.mean()) / (about @ about)
        line = variances.mean() + slope * about
        deviations = np.sqrt(np.maximum(line, (0.2 * deviations) ** 2))
    elif n_levels > 2:  # neighbours agree: one level of much texture makes no step
        deviations = np.convolve(np.pad(deviations, 1, mode="edge"), np.full(3, 1 / 3), "valid")
    # saturated parts have no noise, yet their edges must not be stretched
    floor = max(floor, LEAST_OF_MEDIAN * float(np.median(deviations)))
    levels, first = np.unique(levels, return_index=True)
    return levels.astype(np.float32), np.maximum(deviations[first], floor).astype(np.float32)


def equalise(image: Image, mask: Mask, *, raw: bool = False) -> Image:
    """Transform grey values so that the noise of a pixel has a deviation of about 1 at all levels.

    Parameters
    ----------
    image : ndarray of float32
    mask : ndarray of bool
        Pixels that count; the others get the level of the nearest of these.
    raw : bool
        See `noise_by_level`.

    Notes
    -----
    The variance-stabilising transform, the integral of 1 / sd (Bartlett 1947); for counts it is
    the square root.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = rng.poisson(np.linspace(100, 4000, 300), (300, 300)).astype(np.float32)
    >>> equal = equalise(image, np.ones(image.shape, bool))
    >>> noise = np.diff(equal, axis=0).std(axis=0)
    >>> bool(abs(noise[:30].mean() / noise[-30:].mean() - 1) < 0.15)
    True
    """
    levels, deviations = noise_by_level(image, mask, raw=raw)
    inside = image[mask]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
    del inside
    grid = np.linspace(low, max(high, low + 1e-6), N_TABLE)
    rates = 1 / np.interp(grid, levels, deviations)
    step = float(grid[1] - grid[0])
    table = np.concatenate([[0], np.cumsum((rates[1:] + rates[:-1]) / 2 * step)])
    table = (table - np.interp(np.median(levels), grid, table)).astype(np.float32)
    result = np.empty_like(image)
    for top in range(0, len(image), STRIP):  # a strip at a time: no second image is needed
        rows = slice(top, top + STRIP)
        place = (image[rows] - np.float32(low)) * np.float32(1 / step)
        np.clip(place, 0, N_TABLE - 1, out=place)
        np.take(table, place.astype(np.int32), out=result[rows])
        result[rows] *= mask[rows]
    _fill(result, mask)
    return result


def _fill(image: Image, mask: Mask) -> None:
    """Give pixels that do not count the mean of the nearest block that counts, in place: there is no edge."""
    share = block_means(mask, FILL_STEPS)
    known = share > LEAST_SHARE
    if mask.all() or not known.any():
        return
    means = block_means(image, FILL_STEPS) / np.maximum(share, LEAST_SHARE)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    filled = enlarge(means[tuple(nearest)], FILL_STEPS, image.shape)
    np.copyto(image, filled, where=~mask)


def local_deviation(
    response: Image, mask: Mask, spacing_mm: tuple[float, float], block_mm: float = BLOCK_MM
) -> Blocks:
    """Return the robust deviation of a filtered image, in blocks and averaged over neighbouring ones.

    Parameters
    ----------
    response : ndarray of float32
        Of mean 0, as a band-pass filter gives it.
    mask : ndarray of bool
        Pixels that count.
    spacing_mm : (float, float)
    block_mm : float

    Returns
    -------
    Blocks

    Examples
    --------
    >>> response = np.random.default_rng(0).normal(0, 3, (200, 200)).astype(np.float32)
    >>> blocks = local_deviation(response, np.ones((200, 200), bool), (0.1, 0.1))
    >>> bool((abs(blocks.values - 3) < 0.5).all())
    True
    """
    strides = [max(1, int(block_mm / mm / SAMPLES)) for mm in spacing_mm]
    widths = [
        max(1, min(-(-n // stride), round(block_mm / mm / stride)))
        for mm, n, stride in zip(spacing_mm, response.shape, strides, strict=True)
    ]
    # a copy: the median is of absolute values, and those that do not count go to the end
    sample = np.abs(response[:: strides[0], :: strides[1]])
    sample[~mask[:: strides[0], :: strides[1]]] = np.inf
    counts = [-(-n // width) for n, width in zip(sample.shape, widths, strict=True)]
    margins = [(0, c * w - n) for c, w, n in zip(counts, widths, sample.shape, strict=True)]
    sample = np.pad(sample, margins, constant_values=np.inf)
    cells = sample.reshape(counts[0], widths[0], counts[1], widths[1]).swapaxes(1, 2)
    cells = np.sort(cells.reshape(*counts, -1), axis=-1)
    n_known = np.isfinite(cells).sum(axis=-1)
    known = n_known >= max(1, min(LEAST_IN_BLOCK, cells.shape[-1] // 2))
    if not known.any():
        return Blocks(np.ones(known.shape, np.float32), (1, 1))
    deviation = _middle(cells, n_known)
    for _ in range(N_CLIPS):
        usual = _median_of_neighbours(deviation, known)
        limit = CLIP * np.minimum(deviation, MOST_UNUSUAL * usual)
        deviation = _middle(cells, (cells <= limit[..., None]).sum(axis=-1))
    steps = (widths[0] * strides[0], widths[1] * strides[1])
    return Blocks(_smooth(np.where(known, deviation, np.nan)), steps)


def _middle(ordered: Image, n: npt.NDArray[np.int64]) -> Image:
    """Return the deviation by the median of the first n absolute values of each block."""
    middle = np.take_along_axis(ordered, np.maximum(n - 1, 0)[..., None] // 2, axis=-1)
    return np.asarray(middle[..., 0] / MAD, np.float32)


def _median_of_neighbours(blocks: Image, known: Mask) -> Image:
    """Return the median over 5 x 5 blocks; blocks without a value have that of all."""
    filled = np.where(known, blocks, np.median(blocks[known]))
    return np.asarray(ndimage.median_filter(filled, 5, mode="nearest"), np.float32)


@dataclass(frozen=True, eq=False)
class Blocks:
    """A smooth image known in blocks of pixels.

    Attributes
    ----------
    values : ndarray of float32, shape (block rows, block columns)
    steps : (int, int)
        Rows and columns of pixels per block.
    """

    values: Image
    steps: tuple[int, int]

    def divide(self, image: Image) -> None:
        """Divide an image by the one of full size, linear between the middles of blocks, in place."""
        rows, columns = (
            np.clip((np.arange(n) + 0.5) / step - 0.5, 0, k - 1)
            for n, step, k in zip(image.shape, self.steps, self.values.shape, strict=True)
        )
        inverse = 1 / self.values
        left = np.minimum(columns.astype(int), max(0, inverse.shape[1] - 2))
        right = np.minimum(left + 1, inverse.shape[1] - 1)
        inverse = inverse[:, left] + (columns - left) * (inverse[:, right] - inverse[:, left])
        inverse = inverse.astype(np.float32)
        above = np.minimum(rows.astype(int), max(0, len(inverse) - 2))
        for block in np.unique(above):
            part = slice(*np.searchsorted(above, [block, block + 1]))
            share = (rows[part] - block).astype(np.float32)
            below = inverse[min(block + 1, len(inverse) - 1)]
            image[part] *= inverse[block] + share[:, None] * (below - inverse[block])


def _smooth(blocks: Image) -> Image:
    """Average over neighbouring blocks that have a value, and fill the others from these."""
    known = np.isfinite(blocks)
    weight = ndimage.gaussian_filter(known.astype(np.float32), 1.0, mode="constant")
    mean = ndimage.gaussian_filter(np.where(known, blocks, 0), 1.0, mode="constant")
    result: Image = np.where(
        weight > 1e-3, mean / np.maximum(weight, 1e-3), np.median(blocks[known])
    ).astype(np.float32)
    return result
