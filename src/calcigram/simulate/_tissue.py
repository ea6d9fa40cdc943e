"""Tissue as X-rays show it: a power-law texture, with ligaments and vessels as smooth ridges.

All is attenuation (natural logarithm), relative to the mean tissue.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import normal, uniform

Image = npt.NDArray[np.float32]

TILE = 1024
TILE_PIXEL_MM = 0.15
REFERENCE_MM = 20.0
"""The texture's variance is 1 at wavelengths below this."""

OUTER_MM = 60.0
"""Beyond this wavelength the spectrum is flat: a breast has an end."""

EXPONENT_STEP = 0.2


@lru_cache(maxsize=8)
def _tile(steps: int) -> Image:
    exponent = steps * EXPONENT_STEP
    rng = np.random.default_rng((TILE, steps))
    frequency = np.fft.fftfreq(TILE, TILE_PIXEL_MM)
    radius = np.hypot(frequency[:, None], frequency[None, : TILE // 2 + 1])
    power = np.maximum(radius, 1.0 / OUTER_MM) ** -exponent
    power[0, 0] = 0.0
    waves = np.fft.rfft2(rng.standard_normal((TILE, TILE))) * np.sqrt(power)
    fine = np.fft.irfft2(np.where(radius > 1.0 / REFERENCE_MM, waves, 0.0), (TILE, TILE))
    tile: Image = (np.fft.irfft2(waves, (TILE, TILE)) / fine.std()).astype(np.float32)
    return tile


def texture(exponent: float) -> Image:
    """Return a periodic Gaussian texture whose power falls with frequency to the power ``-exponent``.

    Parameters
    ----------
    exponent : float
        Rounded to steps of 0.2.

    Returns
    -------
    ndarray of float32, shape (TILE, TILE)
        Pixels of `TILE_PIXEL_MM`; mean 0. The same in every process.

    Examples
    --------
    >>> texture(3.0).shape, texture(3.0) is texture(3.05)
    ((1024, 1024), True)
    """
    return _tile(round(exponent / EXPONENT_STEP))


@kernel
def add_texture(image, tile, contrast, tile_pixels, angle, row0, column0):
    """Add a part of a periodic texture, turned about a corner, by bilinear interpolation.

    Parameters
    ----------
    image : ndarray of float32
    tile : ndarray of float32, shape (n, n)
        n is a power of 2.
    contrast : float
        What the texture is multiplied by.
    tile_pixels : float
        Pixels of the tile per pixel of the image.
    angle, row0, column0 : float
        Turn (radians), and where in the tile the image begins.
    """
    mask, amplitude = tile.shape[0] - 1, np.float32(contrast)
    c, s = tile_pixels * math.cos(angle), tile_pixels * math.sin(angle)
    for i in range(image.shape[0]):
        y, x = row0 + c * i, column0 - s * i
        for j in range(image.shape[1]):
            top, left = math.floor(y), math.floor(x)
            v, u = np.float32(y - top), np.float32(x - left)
            r0, r1, c0, c1 = top & mask, (top + 1) & mask, left & mask, (left + 1) & mask
            above = tile[r0, c0] + u * (tile[r0, c1] - tile[r0, c0])
            below = tile[r1, c0] + u * (tile[r1, c1] - tile[r1, c0])
            image[i, j] += amplitude * (above + v * (below - above))
            y += s
            x += c


@kernel
def _add_ridge(image, line, slope, first, last, half_width, attenuation, tubular):
    """Add a ridge whose centre in column c is row ``line[c]``; it fades in and out at its ends."""
    rows = image.shape[0]
    for c in range(max(0, first), min(image.shape[1], last)):
        along = (c - first) / (last - first)
        fade = attenuation * min(1.0, 6.0 * along, 6.0 * (1.0 - along))
        steep = math.sqrt(1.0 + slope[c] * slope[c])
        reach = half_width * steep * (1.2 if tubular else 2.5)
        for r in range(max(0, int(line[c] - reach)), min(rows, int(line[c] + reach) + 2)):
            away = abs(r - line[c]) / (half_width * steep)
            if tubular:
                # A cylinder with a soft edge.
                depth = 1.0 - away * away
                image[r, c] += fade * (
                    math.sqrt(depth) if depth > 0.04 else 0.2 * math.exp(25.0 * (depth - 0.04))
                )
            else:
                image[r, c] += fade * math.exp(-0.6931 * away * away)


@kernel
def add_ridges(state, image, pixel, density, width_mm, length_mm, attenuation, tubular):
    """Add wandering lines at random places.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    image : ndarray of float32
    pixel : float
        mm.
    density : float
        Lines per cm2, in the mean.
    width_mm, length_mm, attenuation : float
        Full width at half maximum, and length; each line has its own, about these.
    tubular : bool
        The profile is that of a cylinder; otherwise of a sheet seen edge on, a Gaussian.
    """
    rows, columns = image.shape
    expected = density * (rows * pixel + length_mm) * (columns * pixel + length_mm) / 100.0
    n = int(expected + uniform(state))
    longest = max(rows, columns)
    line, slope = np.empty(longest), np.empty(longest)
    for _ in range(n):
        along = uniform(state) < 0.5
        target = image if along else image.T
        n_rows, n_columns = target.shape
        length = length_mm / pixel * math.exp(0.4 * normal(state))
        first = int(-length + (n_columns + length) * uniform(state))
        last = int(first + length) + 2
        centre = -0.5 * length + (n_rows + length) * uniform(state)
        tilt = 2.0 * uniform(state) - 1.0
        half = max(0.5 * width_mm / pixel * math.exp(0.3 * normal(state)), 0.7)
        weight = attenuation * math.exp(0.4 * normal(state))
        # Two slow waves: a long bow and a shorter one.
        bow, bow_phase = length * 0.1 * normal(state), 2.0 * math.pi * uniform(state)
        kink, kink_phase = length * 0.015 * normal(state), 2.0 * math.pi * uniform(state)
        for c in range(max(0, first), min(n_columns, last)):
            t = (c - first) / length - 0.5
            line[c] = centre + length * tilt * t
            line[c] += bow * math.sin(4.0 * t + bow_phase) + kink * math.sin(17.0 * t + kink_phase)
            slope[c] = (
                tilt
                + (
                    4.0 * bow * math.cos(4.0 * t + bow_phase)
                    + 17.0 * kink * math.cos(17.0 * t + kink_phase)
                )
                / length
            )
        _add_ridge(target, line, slope, first, last, half, weight, tubular)


def add_tissue(
    image: Image, pixel_mm: float, drawn: dict[str, Any], state: npt.NDArray[np.uint64]
) -> None:
    """Add texture, ligaments and vessels to an image of attenuation.

    Parameters
    ----------
    image : ndarray of float32
    pixel_mm : float
    drawn : dict
        Drawn values of the preset's ``render.tissue``, ``render.ligaments``, ``render.vessels``.
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    """
    tissue = drawn["tissue"]
    turn, row, column = (uniform(state) for _ in range(3))
    add_texture(
        image,
        texture(tissue.exponent),
        tissue.contrast,
        pixel_mm / TILE_PIXEL_MM,
        2.0 * math.pi * turn,
        TILE * row,
        TILE * column,
    )
    for name in ("ligaments", "vessels"):
        lines = drawn[name]
        add_ridges(
            state,
            image,
            pixel_mm,
            lines.per_cm2,
            lines.width_mm,
            lines.length_mm,
            lines.attenuation,
            name == "vessels",
        )
