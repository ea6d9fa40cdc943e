"""The X-ray machine takes the picture, a detector marks and measures what it sees in it.

Matter falls into pixels, is blurred by focal spot and scintillator, weakens the beam
exponentially under scatter, and drowns more or less in noise. The detector grows a region about
every peak down to a share of it; regions that touch are one mark. Only the pixels about
calcifications are ever computed: the picture is sparse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .grains import Matter
from .paths import Array, Rng

PIXELS_MM = (0.05, 0.065, 0.07, 0.07, 0.07, 0.085, 0.1, 0.1, 0.2)  # detectors 70-100 um typical
ATTENUATION_PER_MM = 1.3  # solid mineral less tissue, some 20 keV
HAZE = 0.12  # below this share of its own peak a grain adds nothing to the picture
ROW = 1 << 20  # pixels per row of the sparse picture
N_CALIPERS = 24


@dataclass(frozen=True)
class Machine:
    """An X-ray machine and the detector that reads its pictures.

    Attributes
    ----------
    pixel_mm : float
    blur_px : float
        Standard deviation of all blur, and of the detector's own smoothing.
    noise : float
        Standard deviation of the local background, as a share of the beam.
    scatter_loss : float
        What scatter leaves of the contrast.
    level : float
        Share of its peak at which a mark ends.
    least_px : int
        Smaller marks are noise.
    """

    pixel_mm: float
    blur_px: float
    noise: float
    scatter_loss: float
    level: float
    least_px: int


@dataclass(frozen=True)
class Marks:
    """What the detector reports; the columns of `calcigram.clusters.MARKS`, shape (m,) each.

    `owner` is the grain that makes up most of each mark.
    """

    owner: np.ndarray
    x_mm: Array
    y_mm: Array
    diameter_mm: Array
    aspect_ratio: Array
    orientation_deg: Array
    solidity: Array
    cnr: Array

    def columns(self, keep: np.ndarray) -> dict[str, Array]:
        """Return the chosen marks without their owners."""
        names = (name for name in self.__dataclass_fields__ if name != "owner")
        return {name: getattr(self, name)[keep] for name in names}


def draw_machine(rng: Rng, thickness_mm: float) -> Machine:
    """Draw a machine; thick breasts scatter more and are noisier."""
    pixel_mm = float(rng.choice(PIXELS_MM))
    quantum = rng.uniform(0.0005, 0.001) / pixel_mm * np.sqrt(thickness_mm / 45)
    return Machine(
        pixel_mm=pixel_mm,
        blur_px=float(np.hypot(rng.uniform(0.4, 0.7), rng.uniform(0.02, 0.05) / pixel_mm)),
        noise=float(np.hypot(quantum, rng.uniform(0.005, 0.01))),  # quanta, anatomy
        scatter_loss=1 / (1 + rng.uniform(0.3, 0.7) * thickness_mm / 45),
        level=rng.uniform(0.3, 0.5),
        least_px=1 if pixel_mm > 0.15 else 2 if pixel_mm > 0.08 else 3,
    )


def read_picture(rng: Rng, machine: Machine, place: Array, specks: Matter) -> Marks:
    """Photograph grains and mark them.

    Parameters
    ----------
    rng : numpy.random.Generator
    machine : Machine
    place : ndarray, shape (n, 2)
        Origins of the grains' frames in the image, mm.
    specks : Matter
        In frames already turned into the image's directions.

    Returns
    -------
    Marks
        In no particular order; two grains may share a mark, one may break into several.
    """
    corner, patch = _expose(machine, place, specks)
    signal = machine.scatter_loss * -np.expm1(-ATTENUATION_PER_MM * patch) / machine.noise
    noise = _blurred(rng.standard_normal(signal.shape, np.float32), machine.blur_px)
    noise /= noise.std()
    key, owner, value = _picture(machine, corner, signal, noise)
    return _measure(rng, machine, key, owner, value, _touching(key))


def _expose(machine: Machine, place: Array, specks: Matter) -> tuple[np.ndarray, Array]:
    """Return each grain's patch of the picture, in mm of mineral, and its corner pixel."""
    n, pixel_mm = len(place), machine.pixel_mm
    centre = np.floor(place / pixel_mm).astype(int)
    column = np.floor((place[specks.owner, 0] + specks.x_mm) / pixel_mm).astype(int)
    row = np.floor((place[specks.owner, 1] + specks.y_mm) / pixel_mm).astype(int)
    column -= centre[specks.owner, 0]
    row -= centre[specks.owner, 1]
    reach = int(max(np.abs(column).max(), np.abs(row).max())) + int(3 * machine.blur_px) + 1
    size = 2 * reach + 1
    flat = (specks.owner * size + row + reach) * size + column + reach
    mass = np.bincount(flat, specks.mass_mm3, minlength=n * size * size)
    patch = (mass / pixel_mm**2).astype(np.float32).reshape(n, size, size)
    return centre - reach, _blurred(patch, machine.blur_px)


def _blurred(patch: Array, sigma_px: float) -> Array:
    """Blur a stack of patches with a Gaussian."""
    apart = np.subtract.outer(np.arange(patch.shape[-1]), np.arange(patch.shape[-1]))
    kernel = np.exp(-0.5 * (apart / sigma_px) ** 2).astype(np.float32)
    kernel /= kernel[len(kernel) // 2].sum()
    return kernel @ patch @ kernel


def _picture(
    machine: Machine, corner: np.ndarray, signal: Array, noise: Array
) -> tuple[np.ndarray, np.ndarray, Array]:
    """Lay the patches over one another; return the pixels above the bar, by rising key."""
    peak = signal.max(axis=(1, 2))
    owner, row, column = np.nonzero(signal > HAZE * peak[:, None, None])
    strength = signal[owner, row, column]
    key = (corner[owner, 1] + row) * ROW + corner[owner, 0] + column
    strongest_first = np.argsort(-strength, kind="stable")
    pixel, first, back = np.unique(key[strongest_first], return_index=True, return_inverse=True)
    first = strongest_first[first]
    value = (
        np.bincount(back, strength[strongest_first])
        + noise[owner[first], row[first], column[first]]
    )
    bar = np.maximum(machine.level * peak, np.minimum(1.3, 0.7 * peak))[owner[first]]
    above = value > bar
    return pixel[above], owner[first][above], value[above]


def _touching(key: np.ndarray) -> np.ndarray:
    """Number the connected regions of pixels given by their rising keys."""
    pairs = []
    for step in (1, ROW - 1, ROW, ROW + 1):
        there = np.minimum(np.searchsorted(key, key + step), len(key) - 1)
        here = np.flatnonzero(key[there] == key + step)
        pairs.append((here, there[here]))
    here, there = (np.concatenate(side) for side in zip(*pairs, strict=True))
    links = coo_array((np.ones(len(here)), (here, there)), shape=(len(key), len(key)))
    return connected_components(links, directed=False)[1]


def _measure(
    rng: Rng,
    machine: Machine,
    key: np.ndarray,
    owner: np.ndarray,
    value: Array,
    region: np.ndarray,
) -> Marks:
    order = np.argsort(region, kind="stable")
    key, owner, value, region = key[order], owner[order], value[order], region[order]
    area = np.bincount(region)
    large = (area >= machine.least_px)[region]
    key, owner, value = key[large], owner[large], value[large]
    region = np.unique(region[large], return_inverse=True)[1]
    if not len(key):
        nothing = np.empty(0)
        return Marks(nothing.astype(int), *[nothing] * 7)
    area = np.bincount(region).astype(float)
    start = np.concatenate([[0], np.cumsum(area)[:-1]]).astype(int)
    row, column = (key + ROW // 2) // ROW, (key + ROW // 2) % ROW - ROW // 2
    mean_x, mean_y = np.bincount(region, column) / area, np.bincount(region, row) / area
    dx, dy = column - mean_x[region], row - mean_y[region]
    # Second moments of a set of square pixels, each of which spreads 1/12 itself.
    xx, yy, xy = (np.bincount(region, m) / area for m in (dx * dx, dy * dy, dx * dy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    split = np.hypot(xx - yy, 2 * xy)
    total = xx + yy + 1 / 6
    hull = _hull_px(dx, dy, region, start, angle)
    peak = np.maximum.reduceat(value, start)
    return Marks(
        owner=owner[start],
        x_mm=(mean_x + 0.5) * machine.pixel_mm,
        y_mm=(mean_y + 0.5) * machine.pixel_mm,
        diameter_mm=2 * np.sqrt(area / np.pi) * machine.pixel_mm,
        aspect_ratio=np.sqrt((total + split) / (total - split)),
        orientation_deg=(np.degrees(angle) % 180).astype(np.float32) % 180,
        solidity=np.minimum(area / hull, 1.0),
        # The background's mean and deviation are themselves estimates, from some 100 pixels.
        cnr=np.maximum(peak + rng.normal(0, 0.1, len(peak)), 0) * rng.normal(1, 0.07, len(peak)),
    )


def _hull_px(dx: Array, dy: Array, region: np.ndarray, start: np.ndarray, angle: Array) -> Array:
    """Return the area within calipers put about each region at many angles, its long axis first.

    The hull is of the middles of the pixels' sides, as scikit-image takes it.
    """
    step = 2 * np.pi / N_CALIPERS
    turn = angle[:, None] + step * np.arange(N_CALIPERS)
    cos, sin = np.cos(turn), np.sin(turn)
    out = dx[:, None] * cos[region] + dy[:, None] * sin[region]
    width = np.maximum.reduceat(out, start) + 0.5 * np.maximum(np.abs(cos), np.abs(sin))
    ahead, behind = np.roll(width, -1, axis=1), np.roll(width, 1, axis=1)
    side = (ahead + behind - 2 * np.cos(step) * width) / np.sin(step)
    return (width * side).sum(axis=1) / 2
