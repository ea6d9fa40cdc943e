"""From millimetres of fat, gland and calcium to grey values: X-rays, detector, vendor's processing.

One effective energy of 20 keV. Attenuation of fat and gland: Johns and Yaffe, Physics in Medicine and
Biology 32, 1987. Calcium is hydroxyapatite of lower density than the mineral, as in Warren et al.,
Medical Physics 39, 2012.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

FAT_PER_MM, GLAND_PER_MM, CALCIUM_PER_MM = 0.0456, 0.0802, 1.25

PATTERNS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
    "C": ("01110", "10001", "10000", "10000", "10000", "10001", "01110"),
    "M": ("10001", "11011", "10101", "10101", "10001", "10001", "10001"),
    "O": ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
}
"""Letters of lead, 5 x 7."""


def expose(rng, thickness_mm, gland_mm, calcium_mm, metal, spacing_mm, grade):
    """Return the signal of a flat detector in quanta per pixel."""
    path = FAT_PER_MM * (thickness_mm - gland_mm) + GLAND_PER_MM * gland_mm
    path += CALCIUM_PER_MM * calcium_mm
    typical = np.median(path[thickness_mm > 0.8 * thickness_mm.max()])
    primary = np.exp(typical - path, dtype=np.float32)
    primary[metal] = np.exp(typical - 8.0)
    primary = np.minimum(primary, 60.0)
    primary = gaussian_filter(primary, grade.blur_mm / spacing_mm)
    coarse = zoom(primary, 0.1, order=1)
    spread = gaussian_filter(np.minimum(coarse, 8.0), 6.0 / (10 * spacing_mm))
    scatter = grade.scatter * _fit(spread, primary.shape)
    quanta = np.float32(grade.quanta_per_mm2 * spacing_mm**2)
    signal = quanta * (primary + scatter)
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    signal += np.sqrt(signal) * noise
    if grade.light_mm:  # light spreads in a scintillator, after the quanta were counted
        signal = gaussian_filter(signal, grade.light_mm / spacing_mm)
    signal += quanta * np.float32(0.004) * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.maximum(signal, 1.0), quanta


def _fit(coarse, shape):
    found = zoom(coarse, (shape[0] / coarse.shape[0], shape[1] / coarse.shape[1]), order=1)
    return found[: shape[0], : shape[1]]


def for_processing(signal, quanta):
    """Return a linear image, inverted so that calcium is bright: large values are little exposure."""
    counts = np.clip(np.round(signal / quanta * 700), 0, 16383)
    return (16383 - counts).astype(np.float32)


def for_presentation(rng, signal, quanta, thickness_mm, grade):
    """Return a logarithmic 12-bit image with the edge of the breast evened out, clipped at both ends."""
    attenuation = -np.log(signal / quanta)
    # vendors even out the edge, where the breast is thin, though not wholly
    missing = thickness_mm.max() - gaussian_filter(thickness_mm, 8.0)
    even = attenuation + FAT_PER_MM * rng.uniform(0.6, 0.9) * missing * (thickness_mm > 0)
    if grade.sharpen:
        even = even + grade.sharpen * (even - gaussian_filter(even, 3.0))
    inside = even[thickness_mm > 0.5 * thickness_mm.max()]
    low, high = np.percentile(inside, [1, 99.5])
    grey = 900 + (even - low) / (high - low) * rng.uniform(1300, 1800)
    grey[thickness_mm <= 0] = np.minimum(grey[thickness_mm <= 0], 400)
    return np.clip(np.round(grey), 0, 4095).astype(np.float32)


def lead_letters(text, shape, spacing_mm, corner_mm):
    """Return a mask of letters 5 mm high, their upper left corner at (x, y) in mm."""
    mask = np.zeros(shape, bool)
    cell = max(1, round(0.7 / spacing_mm))
    row, column = (round(at / spacing_mm) for at in corner_mm[::-1])
    for letter in text:
        dots = np.array([[dot == "1" for dot in line] for line in PATTERNS[letter]])
        dots = np.kron(dots, np.ones((cell, cell), bool))
        part = mask[row : row + dots.shape[0], column : column + dots.shape[1]]
        part |= dots[: part.shape[0], : part.shape[1]]
        column += 6 * cell
    return mask


def clip(rng, shape, spacing_mm, x_mm, y_mm):
    """Return a mask of a surgical clip: a bent wire of 3 mm."""
    mask = np.zeros(shape, bool)
    s = np.linspace(-1, 1, 200)
    turn = rng.uniform(0, np.pi)
    u, v = 1.5 * s, 0.7 * (s**2 - 0.5)
    x = x_mm + u * np.cos(turn) - v * np.sin(turn)
    y = y_mm + u * np.sin(turn) + v * np.cos(turn)
    half = max(1, round(0.2 / spacing_mm))
    for row, column in zip((y / spacing_mm).astype(int), (x / spacing_mm).astype(int), strict=True):
        mask[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1] = True
    return mask
