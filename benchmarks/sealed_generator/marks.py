"""From an image to marks: threshold, connected pixels, measurements; misses come by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, gaussian_filter, label, uniform_filter
from scipy.spatial import ConvexHull

from .anatomy import Array, Generator
from .optics import Image

WINDOW_PX = 25
"""Side of the window in which the background is measured."""


@dataclass(frozen=True)
class Segmenter:
    """How marks are found.

    Attributes
    ----------
    threshold : float
        Least height over the background, in its standard deviations.
    peak_share : float
        A mark ends where the signal falls below this share of its peak; 0 for no such rule.
    smooth_px : float
        Smoothing before the threshold; 0 for none.
    closes : bool
        Whether narrow gaps between marks are closed, which merges neighbours.
    least_px : int
        Marks of fewer pixels are dropped.
    miss_share : float
        Share of marks lost at random.
    """

    threshold: float
    peak_share: float
    smooth_px: float
    closes: bool
    least_px: int
    miss_share: float


def draw_segmenter(rng: Generator) -> Segmenter:
    """Draw a way to find marks."""
    return Segmenter(
        threshold=float(rng.uniform(3.2, 4.5)),
        peak_share=float(rng.choice([0.0, 0.3, 0.5])),
        smooth_px=float(rng.choice([0.0, 0.7])),
        closes=bool(rng.random() < 0.2),
        least_px=int(rng.choice([2, 3, 4])),
        miss_share=float(rng.beta(1.2, 12)),
    )


@dataclass(frozen=True)
class Marks:
    """What was measured; `site` is the calcification behind a mark, -1 where there is none."""

    x_mm: Array
    y_mm: Array
    diameter_mm: Array
    aspect_ratio: Array
    orientation_deg: Array
    solidity: Array
    cnr: Array
    site: NDArray[np.int64]

    def __len__(self) -> int:
        return self.x_mm.size

    @property
    def xy_mm(self) -> Array:
        """Centres, shape (n, 2)."""
        return np.column_stack([self.x_mm, self.y_mm])

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Marks:
        """Return some of the marks."""
        return Marks(**{name: values[index] for name, values in vars(self).items()})


def _spread(signal: Array) -> float:
    """Standard deviation of what is not bright, by the median."""
    sample = signal.ravel()[::7]
    return float(1.48 * np.median(np.abs(sample - np.median(sample))))


def _background(signal: Array) -> tuple[Array, Array]:
    """Local mean and standard deviation of what is not bright; the sheet's where all is bright."""
    middle, spread = float(np.median(signal.ravel()[::7])), _spread(signal)
    dark = (signal < middle + 3 * spread).astype(np.float32)
    prior = np.float32(0.03)
    share = np.maximum(uniform_filter(dark, WINDOW_PX), 0) + prior
    mean = (uniform_filter(signal * dark, WINDOW_PX) + prior * middle) / share
    square = uniform_filter((signal - mean) ** 2 * dark, WINDOW_PX) + prior * spread**2
    return mean, np.sqrt(np.maximum(square / share, 0.25 * spread**2))


def _convex_areas(labels: Array, rows: Array, columns: Array, n: int) -> Array:
    """Convex area of each mark in pixels: the hull of the middles of its pixels' sides.

    The hull of a mark is that of the first and last pixel of each of its rows.
    """
    order = np.argsort(labels, kind="stable")  # rows and columns already rise within a label
    labels, rows, columns = labels[order], rows[order], columns[order]
    change = (np.diff(labels) != 0) | (np.diff(rows) != 0)
    ends = np.flatnonzero(np.concatenate([[True], change]) | np.concatenate([change, [True]]))
    end_px, of = np.stack([columns[ends], rows[ends]], axis=1), labels[ends]
    side = np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])
    corners = end_px[:, None] + side
    starts = np.searchsorted(of, np.arange(1, n + 2))
    areas = np.empty(n)
    seen: dict[bytes, float] = {}  # small marks often have the same pixels
    for k, (a, b) in enumerate(pairwise(starts)):
        key = (end_px[a:b] - end_px[a]).tobytes()
        if key not in seen:
            seen[key] = ConvexHull(corners[a:b].reshape(-1, 2)).volume
        areas[k] = seen[key]
    return areas


def find_marks(
    rng: Generator, image: Image, pixel_mm: float, segmenter: Segmenter, n_sites: int
) -> Marks:
    """Find and measure the marks of an image; owners from `n_sites` on are false marks."""
    signal = image.signal
    mean, noise = _background(signal)
    height = signal - mean
    if segmenter.smooth_px:
        rough = _spread(height)
        height = gaussian_filter(height, segmenter.smooth_px, truncate=3)
        least = segmenter.threshold * _spread(height) / rough * noise
    else:
        least = segmenter.threshold * noise
    bright = (height > least) & (image.patch >= 0)
    if segmenter.closes:
        bright = binary_closing(bright)
    corners_meet = np.ones((3, 3), int)
    labels, n = label(bright, corners_meet)
    if n and segmenter.peak_share:
        peak = np.zeros(n + 1)
        np.maximum.at(peak, labels[bright], height[bright])
        bright &= height > segmenter.peak_share * peak[labels]
        labels, n = label(bright, corners_meet)

    rows, columns = np.nonzero(bright)
    of = labels[rows, columns]
    area = np.bincount(of, minlength=n + 1)
    big = area >= segmenter.least_px
    big[0] = False
    number = np.cumsum(big) * big
    kept = big[of]
    rows, columns, of = rows[kept], columns[kept], number[of[kept]]
    n, area = int(big.sum()), area[big].astype(float)
    if n == 0:
        return Marks(*(np.empty(0) for _ in range(7)), np.empty(0, np.int64))

    def mean_of(values: Array) -> Array:
        return np.bincount(of, values, n + 1)[1:] / area

    x, y = mean_of(columns), mean_of(rows)
    dx, dy = columns - x[of - 1], rows - y[of - 1]
    xx, yy, xy = mean_of(dx * dx) + 1 / 12, mean_of(dy * dy) + 1 / 12, mean_of(dx * dy)
    root = np.sqrt((xx - yy) ** 2 / 4 + xy**2)
    middle = (xx + yy) / 2
    aspect = np.sqrt((middle + root) / np.maximum(middle - root, 1e-9))
    angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)) % 180
    owner, cnr = np.full(n, -1), np.zeros(n)
    np.maximum.at(owner, of - 1, image.owner[rows, columns])
    np.maximum.at(cnr, of - 1, (signal - mean)[rows, columns] / noise[rows, columns])
    convex = _convex_areas(of, rows, columns, n)
    patch = np.zeros(n, np.int64)
    patch[of - 1] = image.patch[rows, columns]
    place = (np.column_stack([x, y]) + image.shift_px[patch] + 0.5) * pixel_mm
    marks = Marks(
        place[:, 0],
        place[:, 1],
        2 * np.sqrt(area / np.pi) * pixel_mm,
        np.maximum(aspect, 1),
        np.where(angle >= 179.9999, 0, angle),
        np.clip(area / convex, 0.01, 1),
        cnr,
        np.where(owner < n_sites, owner, -1),
    )
    lost = rng.random(n) < np.where(owner < 0, 0.6, segmenter.miss_share)
    return marks.take(~lost)
