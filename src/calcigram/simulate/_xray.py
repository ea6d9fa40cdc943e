"""Compiled X-ray physics: tissue, calcifications, blur of the detector, noise.

All is attenuation (natural logarithm), relative to the mean tissue: a power-law texture, with ligaments and
vessels as smooth ridges. A calcification is as deep as it is locally wide, times a ratio: a disc becomes a
ball, a rod a cylinder, an open band a bent rod, and one that closes on itself a shell. A hazy one is a cloud
of specks, as deep as the whole is wide.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import Words, normal, rough_normal, uniform

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


def add_tissue(image: Image, pixel_mm: float, drawn: dict[str, Any], state: Words) -> None:
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


_REACH = 3.0
_CELLS_ACROSS = 8


@kernel
def _loops(polygon):
    """Return the outer and the inner edge of a band that closes on itself; of others the inner is empty.

    A closed band has two edges that run back along one another: where it begins and ends.
    """
    n = len(polygon)
    for i in range(n):
        for j in range(i + 2, n):
            a, b = polygon[i], polygon[(i + 1) % n]
            c, d = polygon[j], polygon[(j + 1) % n]
            if abs(a[0] - d[0]) + abs(a[1] - d[1]) + abs(b[0] - c[0]) + abs(b[1] - c[1]) < 1e-6:
                one = polygon[i + 1 : j + 1].copy()
                other = np.concatenate((polygon[j + 1 :], polygon[: i + 1]))
                if np.ptp(one[:, 0]) + np.ptp(one[:, 1]) < np.ptp(other[:, 0]) + np.ptp(
                    other[:, 1]
                ):
                    return other, one
                return one, other
    return polygon, polygon[:0]


@kernel
def _from_edge(polygon, x, y):
    """Return how far a point lies inside a polygon, 0 outside."""
    inside, nearest, n = False, np.inf, len(polygon)
    xa, ya = polygon[n - 1, 0] - x, polygon[n - 1, 1] - y
    for k in range(n):
        xb, yb = polygon[k, 0] - x, polygon[k, 1] - y
        dx, dy = xb - xa, yb - ya
        if (ya > 0.0) != (yb > 0.0) and (xa * dy - ya * dx > 0.0) == (dy > 0.0):
            inside = not inside
        squared = dx * dx + dy * dy
        if squared > 0.0:
            t = min(1.0, max(0.0, -(xa * dx + ya * dy) / squared))
            px, py = xa + t * dx, ya + t * dy
            nearest = min(nearest, px * px + py * py)
        xa, ya = xb, yb
    return math.sqrt(nearest) if inside else 0.0


@kernel
def _cells(polygon, x0, y0, cell, rows, columns):
    """Return the first and past-the-last row and column of the cells that a polygon may cover."""
    x, y = polygon[:, 0], polygon[:, 1]
    return (
        max(0, int((y.min() - y0) / cell)),
        min(rows, int((y.max() - y0) / cell) + 1),
        max(0, int((x.min() - x0) / cell)),
        min(columns, int((x.max() - x0) / cell) + 1),
    )


@kernel
def _write_depth(out, polygon, x0, y0, cell):
    """Write how deep a solid polygon is at each cell that it may cover.

    A point `e` from the edge, where the polygon is `2 R` wide, is ``2 sqrt(e (2 R - e))`` deep.
    """
    low_r, high_r, low_c, high_c = _cells(polygon, x0, y0, cell, *out.shape)
    widest, x, y = 0.0, 0.0, 0.0
    for r in range(low_r, high_r):
        for c in range(low_c, high_c):
            here_x, here_y = x0 + (c + 0.5) * cell, y0 + (r + 0.5) * cell
            out[r, c] = _from_edge(polygon, here_x, here_y)
            if out[r, c] > widest:
                widest, x, y = out[r, c], here_x, here_y
    # The deepest point lies between the cells: a search by ever smaller steps.
    step = 0.5 * cell
    for _ in range(5):
        at_x, at_y = x, y
        for k in range(4):
            try_x = at_x + step * (k == 0) - step * (k == 1)
            try_y = at_y + step * (k == 2) - step * (k == 3)
            e = _from_edge(polygon, try_x, try_y)
            if e > widest:
                widest, x, y = e, try_x, try_y
        step *= 0.6
    for r in range(low_r, high_r):
        for c in range(low_c, high_c):
            e = out[r, c]
            out[r, c] = 2.0 * math.sqrt(e * (2.0 * widest - e))


@kernel
def _deepen(depth, spare, polygon, x0, y0, cell):
    """Raise a map of depths to those of one polygon; a closed band is a shell, hollow inside."""
    outer, inner = _loops(polygon)
    low_r, high_r, low_c, high_c = _cells(outer, x0, y0, cell, *depth.shape)
    _write_depth(spare, outer, x0, y0, cell)
    if len(inner):
        hollow = np.zeros(depth.shape)
        _write_depth(hollow, inner, x0, y0, cell)
        spare[low_r:high_r, low_c:high_c] -= hollow[low_r:high_r, low_c:high_c]
    for r in range(low_r, high_r):
        for c in range(low_c, high_c):
            depth[r, c] = max(depth[r, c], spare[r, c])


@kernel
def _width(polygons):
    """Return the least of the widths of polygons: 4 times the area over the perimeter, as of a disc."""
    least = np.inf
    for polygon in polygons:
        area = length = 0.0
        for k in range(len(polygon)):
            a, b = polygon[k - 1], polygon[k]
            area += 0.5 * (a[0] * b[1] - b[0] * a[1])
            length += math.hypot(b[0] - a[0], b[1] - a[1])
        least = min(least, 4.0 * abs(area) / length)
    return least


@kernel
def blurred(image, sigma):
    """Return an image convolved with a Gaussian that is cut at three standard deviations."""
    reach = math.ceil(_REACH * sigma)
    taps = np.empty(2 * reach + 1)
    for k in range(-reach, reach + 1):
        taps[k + reach] = math.exp(-0.5 * (k / max(sigma, 1e-9)) ** 2)
    taps /= taps.sum()
    rows, columns = image.shape
    across, out = np.zeros((rows, columns)), np.zeros((rows, columns))
    for k in range(-reach, reach + 1):
        weight = taps[k + reach]
        for r in range(rows):
            for c in range(max(0, -k), min(columns, columns - k)):
                across[r, c] += weight * image[r, c + k]
    for k in range(-reach, reach + 1):
        weight = taps[k + reach]
        for r in range(max(0, -k), min(rows, rows - k)):
            for c in range(columns):
                out[r, c] += weight * across[r + k, c]
    return out


@kernel
def add_calcifications(
    image, labels, parts, owner, xy, per_mm, calibre_mm, softness_mm, pixel, blur_mm, primary_share
):  # fmt: skip
    """Add the attenuation of calcifications to an image.

    Parameters
    ----------
    image : ndarray of float32, shape (rows, columns)
        Attenuation; its outer corner is the origin.
    labels : ndarray of int32, shape (rows, columns)
        Calcification ``i`` is written as ``i + 1`` where it covers half of a pixel, and at its
        fullest pixel at least.
    parts : ndarray of float64, shape (P, V, 2)
        Polygons about the centres of their calcifications, mm.
    owner : ndarray of int64, shape (P,)
        Calcification of each polygon, never falling.
    xy : ndarray of float64, shape (n, 2)
        Centres, mm.
    per_mm : ndarray of float64, shape (n,)
        Attenuation per mm of local width, less that of the tissue.
    calibre_mm : ndarray of float64, shape (n,)
        Width of the whole: depth of those that are hazy.
    softness_mm : ndarray of float64, shape (n,)
        Standard deviation of a calcification's own haze.
    pixel, blur_mm : float
        Size of a pixel, and standard deviation of the detector's blur, mm.
    primary_share : float
        Share of the exposure that is not scatter, and that calcium can thus take away.
    """
    begin = 0
    for i in range(len(xy)):
        end = begin
        while end < len(owner) and owner[end] == i:
            end += 1
        placed = parts[begin:end] + xy[i]
        sigma = math.hypot(blur_mm, softness_mm[i]) / pixel
        margin = math.ceil(_REACH * sigma) + 1
        column0 = math.floor(placed[:, :, 0].min() / pixel) - margin
        row0 = math.floor(placed[:, :, 1].min() / pixel) - margin
        columns = math.ceil(placed[:, :, 0].max() / pixel) + margin - column0
        rows = math.ceil(placed[:, :, 1].max() / pixel) + margin - row0
        fine = min(6, max(1, math.ceil(_CELLS_ACROSS * pixel / _width(parts[begin:end]))))
        depth = np.zeros((rows * fine, columns * fine))
        spare = np.empty((rows * fine, columns * fine))
        for part in range(len(placed)):
            _deepen(depth, spare, placed[part], column0 * pixel, row0 * pixel, pixel / fine)
        if softness_mm[i] > 0.0:
            depth *= calibre_mm[i] / max(depth.max(), 1e-9)
        taken, cover = np.zeros((rows, columns)), np.zeros((rows, columns))
        weight = 1.0 / (fine * fine)
        for r in range(rows * fine):
            for c in range(columns * fine):
                if depth[r, c] > 0.0:
                    taken[r // fine, c // fine] += weight * (
                        1.0 - math.exp(-per_mm[i] * depth[r, c])
                    )
                    cover[r // fine, c // fine] += weight
        begin, least = end, min(0.5, cover.max())
        taken = blurred(taken, sigma)
        for r in range(max(0, -row0), min(rows, image.shape[0] - row0)):
            for c in range(max(0, -column0), min(columns, image.shape[1] - column0)):
                image[row0 + r, column0 + c] -= math.log(1.0 - primary_share * taken[r, c])
                if cover[r, c] >= least and cover[r, c] > 0.0:
                    labels[row0 + r, column0 + c] = i + 1


@kernel
def quantum_noise(state, rows, columns, blur):
    """Return noise of mean 0 and variance 1; `blur` of each pixel's goes to either neighbour.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    rows, columns : int
    blur : float
        0 for noise without correlation, less than 0.5.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    out = np.empty((rows, columns), np.float32)
    before, line = np.empty(columns + 2, np.float32), np.empty(columns + 2, np.float32)
    after = np.empty(columns + 2, np.float32)
    side = np.float32(blur)
    middle = np.float32(1.0) - side - side
    scale = np.float32(math.sqrt(0.5) / (middle * middle + 2.0 * side * side))
    for c in range(columns + 2):
        line[c] = rough_normal(state) + rough_normal(state)
        after[c] = rough_normal(state) + rough_normal(state)
    for r in range(rows):
        before, line, after = line, after, before
        for c in range(columns + 2):
            after[c] = rough_normal(state) + rough_normal(state)
        left = side * (before[0] + after[0]) + middle * line[0]
        here = side * (before[1] + after[1]) + middle * line[1]
        for c in range(columns):
            right = side * (before[c + 2] + after[c + 2]) + middle * line[c + 2]
            out[r, c] = scale * (side * (left + right) + middle * here)
            left, here = here, right
    return out


@kernel
def expose(image, noise, quanta, level, slope, highest):
    """Turn attenuation into the grey values of an image for presentation, in place.

    A pixel of attenuation A receives ``quanta * exp(-A)`` quanta, of which the noise is the square
    root. Grey values are whole, from 0 to `highest`, and linear in the logarithm of the quanta.
    """
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            a = image[r, c]
            a += noise[r, c] * math.exp(0.5 * a) / math.sqrt(quanta)
            image[r, c] = min(highest, max(0.0, math.floor(level + slope * a + 0.5)))


@kernel
def expose_raw(image, noise, quanta, gain, highest):
    """Turn attenuation into the grey values of an image for processing, in place: `highest` less counts.

    Counts are `gain` times the quanta, so their variance grows with the exposure.
    """
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            got = quanta * math.exp(-image[r, c])
            counts = gain * (got + noise[r, c] * math.sqrt(got))
            image[r, c] = min(highest, max(0.0, math.floor(highest - counts + 0.5)))
