"""Synthetic mammograms with known calcifications, to develop and test the detector on.

Breast outline with skin, power-law tissue, ligaments and vessels as smooth ridges, calcifications of
several shapes, blur of the detector, quantum noise. It shares no code with the simulator.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from calcigram.mammogram import Mammogram


@dataclass
class Phantom:
    """An image under construction, in units of attenuation; `mammogram` adds blur and noise."""

    attenuation: np.ndarray
    spacing_mm: float
    rng: np.random.Generator
    inside: np.ndarray
    truth: list = field(default_factory=list)  # x_mm, y_mm, diameter_mm, cluster

    def mammogram(self, *, quanta=2500.0, blur_mm=0.08, bits=12, raw=False, **about) -> Mammogram:
        """Project: exposure falls with attenuation, noise is that of counted quanta."""
        blurred = ndimage.gaussian_filter(self.attenuation, blur_mm / self.spacing_mm)
        exposure = quanta * np.exp(-blurred)
        noisy = exposure + np.sqrt(exposure) * self.rng.normal(size=exposure.shape)
        # quanta at the back of the thickest breast are a tenth of those in air
        noisy = np.clip(noisy, 1, None)
        if raw:
            pixels = noisy.max() - noisy
        else:
            pixels = -np.log(noisy / quanta)
            low, high = -0.1, 3.2
            pixels = np.clip(
                np.round((pixels - low) / (high - low) * (2**bits - 1)), 0, 2**bits - 1
            )
        return Mammogram(
            pixels.astype(np.float32), (self.spacing_mm, self.spacing_mm), raw=raw, **about
        )


def power_law(shape, spacing_mm, rng, exponent=3.0):
    """Return a texture whose power falls with the exponent of the spatial frequency, of deviation 1."""
    fy = np.fft.fftfreq(shape[0], spacing_mm)[:, None]
    fx = np.fft.rfftfreq(shape[1], spacing_mm)[None]
    f = np.hypot(fy, fx)
    f[0, 0] = 1
    spectrum = (rng.normal(size=f.shape) + 1j * rng.normal(size=f.shape)) * f ** (-exponent / 2)
    spectrum *= f > 0.02  # nothing slower than the breast itself
    texture = np.fft.irfft2(spectrum, shape)
    return texture / texture.std()


def tissue(shape, spacing_mm, seed, *, breast=True, texture=0.13) -> Phantom:
    """Return a breast (or a patch of tissue) without calcifications."""
    rng = np.random.default_rng(seed)
    rows, columns = shape
    y, x = np.ogrid[:rows, :columns]
    if breast:
        height, width = rows * 0.46, columns * rng.uniform(0.7, 0.9)
        radius = np.sqrt(((y - rows / 2) / height) ** 2 + (x / width) ** 2)
        inside = radius < 1
        depth = ndimage.distance_transform_edt(inside) * spacing_mm
        thickness = 1.0 * (1 - np.exp(-depth / 4.0))
    else:
        inside = np.ones(shape, bool)
        depth, thickness = np.full(shape, 50.0), np.ones(shape)
    attenuation = thickness * (
        1.0 + texture * power_law(shape, spacing_mm, rng) * np.minimum(1, depth / 10)
    )
    attenuation[(depth > 0) & (depth < 1.5)] += 0.12 if breast else 0
    attenuation[~inside] = 0
    return Phantom(attenuation, spacing_mm, rng, inside)


def _paint(phantom, along_mm, radii_mm, height, margin_mm=2.0):
    """Add a tube of round profile along a path, as its projection."""
    mm = phantom.spacing_mm
    low = np.maximum(0, ((along_mm.min(0) - margin_mm) / mm).astype(int))
    high = ((along_mm.max(0) + margin_mm) / mm).astype(int) + 1
    part = phantom.attenuation[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    from scipy.spatial import cKDTree

    tree = cKDTree(along_mm)
    points = np.column_stack([(x.ravel() + 0.5 + low[0]) * mm, (y.ravel() + 0.5 + low[1]) * mm])
    distance, nearest = tree.query(points, distance_upper_bound=float(np.max(radii_mm)) + 1e-6)
    radii = np.append(np.broadcast_to(radii_mm, len(along_mm)), 0.0)[nearest]
    with np.errstate(invalid="ignore"):
        profile = np.sqrt(np.clip(1 - (distance / np.maximum(radii, 1e-9)) ** 2, 0, None))
    profile[~np.isfinite(profile)] = 0
    part += (
        height * profile.reshape(part.shape) * (phantom.inside[low[1] : high[1], low[0] : high[0]])
    )


def path(rng, start, length_mm, direction, bend, step=0.1):
    n = max(2, int(length_mm / step))
    angle = direction + np.cumsum(rng.normal(0, bend * np.sqrt(step), n))
    return np.asarray(start) + np.cumsum(np.column_stack([np.cos(angle), np.sin(angle)]) * step, 0)


def add_ridges(phantom, n_ligaments=40, n_vessels=6):
    """Add Cooper's ligaments (thin, a few cm) and vessels (wider, winding, uncalcified)."""
    rng, mm = phantom.rng, phantom.spacing_mm
    size = np.array(phantom.attenuation.shape[::-1]) * mm
    for k in range(n_ligaments + n_vessels):
        is_vessel = k >= n_ligaments
        line = path(
            rng,
            rng.uniform(0, 1, 2) * size,
            rng.uniform(30, 90) if is_vessel else rng.uniform(5, 40),
            rng.uniform(0, 2 * np.pi),
            0.12 if is_vessel else 0.08,
        )
        radius = rng.uniform(0.5, 1.2) if is_vessel else rng.uniform(0.1, 0.5)
        height = rng.uniform(0.04, 0.1) if is_vessel else rng.uniform(0.02, 0.08)
        _paint(phantom, line, radius, height)
    return phantom


def add_calcification(phantom, x_mm, y_mm, diameter_mm, contrast, kind="round", cluster=-1):
    """Add one calcification of a given peak attenuation; `truth` gets its diameter of equal area."""
    rng, mm = phantom.rng, phantom.spacing_mm
    centre = np.array([x_mm, y_mm])
    radius = diameter_mm / 2
    fine = 5
    if kind == "linear":
        length = diameter_mm * rng.uniform(3, 5)
        line = path(rng, centre, length, rng.uniform(0, 2 * np.pi), 0.3, 0.02)
        points = line - line.mean(0) + centre
        equal = np.sqrt(4 / np.pi * length * diameter_mm)
    elif kind == "irregular":
        n = rng.integers(3, 6)
        points = centre + rng.normal(0, radius * 0.55, (n, 2))
        radius, equal = radius * 0.7, diameter_mm
    else:
        points, equal = centre[None], diameter_mm
    reach = np.abs(points - centre).max() + radius + 3 * mm
    low = np.floor((centre - reach) / mm).astype(int)
    n = int(np.ceil(2 * reach / mm)) + 1
    grid = (np.arange(n * fine) + 0.5) / fine
    x, y = (low[0] + grid) * mm, (low[1] + grid) * mm
    from scipy.spatial import cKDTree

    where = np.column_stack([a.ravel() for a in np.meshgrid(x, y)])
    distance = cKDTree(points).query(where)[0].reshape(len(y), len(x))
    if kind == "disc":
        shape = (distance < radius).astype(float)
    else:
        shape = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, None))
    shape = shape.reshape(n, fine, n, fine).mean((1, 3)) * contrast
    rows, columns = phantom.attenuation.shape
    if low.min() < 0 or low[0] + n > columns or low[1] + n > rows:
        return False
    own = phantom.inside[low[1] : low[1] + n, low[0] : low[0] + n]
    if not own.all():
        return False
    phantom.attenuation[low[1] : low[1] + n, low[0] : low[0] + n] += shape
    phantom.truth.append((x_mm, y_mm, equal, cluster))
    return True


def typical(seed, shape=(2400, 1800), spacing_mm=0.08, *, n_clusters=3, n_single=4) -> Phantom:
    """Return a breast with ligaments, vessels, a few clusters and single calcifications."""
    phantom = add_ridges(tissue(shape, spacing_mm, seed))
    rng = phantom.rng
    depth = ndimage.distance_transform_edt(phantom.inside) * spacing_mm
    rows, columns = np.nonzero(depth[::20, ::20] > 10)
    for cluster in range(n_clusters + 1):
        at = rng.integers(len(rows))
        centre = np.array([columns[at] * 20, rows[at] * 20]) * spacing_mm
        n = n_single if cluster == n_clusters else rng.integers(5, 25)
        spread = 30.0 if cluster == n_clusters else rng.uniform(1.5, 5)
        kinds = ["round"] if rng.random() < 0.5 else ["round", "irregular", "linear"]
        for x, y in centre + rng.normal(0, spread, (n, 2)):
            diameter = np.clip(rng.lognormal(np.log(0.32), 0.35), 0.12, 1.0)
            kind = str(rng.choice(kinds))
            if kind == "linear":
                diameter = min(diameter, 0.3) * 0.8
            # attenuation of calcium: about 1 per mm beyond tissue at mammographic energies
            contrast = diameter * rng.uniform(0.5, 1.1)
            name = -1 if cluster == n_clusters else cluster
            add_calcification(phantom, x, y, diameter, contrast, kind, name)
    return phantom
