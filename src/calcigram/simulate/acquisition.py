"""From true calcifications to a detector's list: drawing, measuring, missing, inventing.

Marks are measured on a pixel grid rather than disturbed by formula, and by one of several
conventions, so that nothing downstream can lean on one. Degradation never touches a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import MIN_CALCIFICATIONS
from calcigram.simulate._raster import measure, measure_polygons
from calcigram.simulate._shape import close_pairs
from calcigram.simulate.particles import Outlines
from calcigram.simulate.presets import Draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator

COLUMNS = ("x_mm", "y_mm", "diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr")
X, Y, DIAMETER, ASPECT, ORIENTATION, SOLIDITY, CNR = range(len(COLUMNS))

MISSING_PATTERNS: tuple[tuple[int, ...], ...] = (
    (DIAMETER, ASPECT, ORIENTATION, SOLIDITY, CNR),
    (DIAMETER, ASPECT, ORIENTATION, SOLIDITY, CNR),
    (ASPECT, ORIENTATION, SOLIDITY, CNR),
    (ASPECT, ORIENTATION, SOLIDITY),
    (ASPECT, ORIENTATION),
    (ORIENTATION,),
    (SOLIDITY,),
    (CNR,),
    (SOLIDITY, CNR),
)
"""Which columns are lost together; positions alone counts double, for it is the commonest."""

CONVENTIONS: tuple[tuple[str, float], ...] = (("mask", 0.55), ("analytic", 0.85), ("box", 1.0))
"""Measuring convention and the cumulative share of clusters measured by it."""


@dataclass(frozen=True)
class TrueMarks:
    """Noise-free calcifications in image coordinates.

    Attributes
    ----------
    xy : ndarray of float64, shape (n, 2)
        mm.
    outlines : Outlines
    diameter_mm, aspect, orientation_deg, solidity : ndarray of float64, shape (n,)
    """

    xy: Floats
    outlines: Outlines
    diameter_mm: Floats
    aspect: Floats
    orientation_deg: Floats
    solidity: Floats

    @property
    def calibre_mm(self) -> Floats:
        """Diameter / sqrt(aspect)."""
        return self.diameter_mm / np.sqrt(self.aspect)

    def take(self, chosen: Ints) -> TrueMarks:
        """Return the chosen calcifications; `chosen` ascends."""
        return TrueMarks(
            self.xy[chosen],
            self.outlines.take(chosen),
            self.diameter_mm[chosen],
            self.aspect[chosen],
            self.orientation_deg[chosen],
            self.solidity[chosen],
        )


def _first_part(owner: Ints, n: int) -> Ints:
    return np.searchsorted(owner, np.arange(n + 1)).astype(np.int64)


def measure_truth(rng: Rng, xy: Floats, outlines: Outlines) -> TrueMarks:
    """Measure outlines free of noise: one polygon exactly, unions on a grid of 24 cells."""
    first = _first_part(outlines.owner, len(outlines))
    got = measure_polygons(outlines.parts[first[:-1]])
    union = np.diff(first) > 1
    if union.any():
        parts = outlines.parts[union[outlines.owner]]
        starts = np.concatenate([[0], np.cumsum(np.diff(first)[union])])
        low = np.minimum.reduceat(parts.min(axis=1), starts[:-1], axis=0)
        high = np.maximum.reduceat(parts.max(axis=1), starts[:-1], axis=0)
        pixel = np.maximum((high - low).max(axis=1) / 24.0, 1e-3)
        zero = np.zeros(pixel.size)
        got[union] = measure(rng, parts, starts, pixel, np.zeros(2), zero, zero + 0.5, zero)
    return TrueMarks(
        xy, outlines, np.sqrt(4.0 / np.pi * got[:, 2]), got[:, 3], got[:, 4], got[:, 5]
    )


def merge_owners(rng: Rng, truth: TrueMarks, gap_mm: float, probability: float) -> Ints:
    """Return, for each calcification, whom it is taken together with: itself or a neighbour.

    Two merge where the gap between them is below `gap_mm`; each merges at most once.
    """
    owner = np.arange(len(truth.xy))
    if gap_mm <= 0.0:
        return owner
    pairs = close_pairs(truth.xy, truth.diameter_mm / 2, gap_mm)
    pairs = pairs[rng.random(len(pairs)) < probability]
    taken = np.zeros(owner.size, bool)
    for i, j in rng.permutation(pairs).tolist():
        if not (taken[i] or taken[j]):
            taken[i] = taken[j] = True
            owner[j] = i
    return owner


def _measure_image(
    rng: Rng, truth: TrueMarks, owner: Ints, device: Draw, edge_noise: float
) -> tuple[Floats, Ints]:
    """Return the measures of what is left after merging, and whose they are."""
    outlines = truth.outlines
    leaders, number = np.unique(owner, return_inverse=True)
    part_owner = number[outlines.owner]
    order = np.argsort(part_owner, kind="stable")
    vertices = (outlines.parts + truth.xy[outlines.owner][:, None, :])[order]
    n = leaders.size
    contrast = outlines.contrast[leaders]
    got = measure(
        rng,
        vertices,
        _first_part(part_owner[order], n),
        np.full(n, device.pixel_mm),
        device.pixel_mm * rng.random(2),
        np.hypot(device.psf_pixels, outlines.softness_mm[leaders] / device.pixel_mm),
        np.clip(device.threshold + 0.05 * rng.normal(size=n), 0.2, 0.75),
        edge_noise * np.clip(0.8 / contrast, 0.5, 3.0),
    )
    return got, leaders


def _marks(rng: Rng, truth: TrueMarks, owner: Ints, device: Draw, grade: Draw) -> Floats:
    """Return the seven columns of every calcification that is there to be seen, shape (m, 7)."""
    got, leaders = _measure_image(rng, truth, owner, device, grade.edge_noise)
    n = leaders.size
    merged = np.bincount(owner, minlength=len(owner))[leaders] > 1
    marks = np.empty((n, len(COLUMNS)))
    marks[:, [X, Y]] = got[:, :2]
    marks[:, DIAMETER] = np.sqrt(4.0 / np.pi * got[:, 2])
    marks[:, [ASPECT, ORIENTATION, SOLIDITY]] = got[:, [3, 4, 5]]
    thickness = truth.calibre_mm[leaders] ** 0.8
    signal = truth.outlines.contrast[leaders] * thickness * got[:, 7]
    marks[:, CNR] = device.gain * signal * np.exp(device.cnr_log_sigma * rng.normal(size=n))
    convention = next(name for name, share in CONVENTIONS if device.convention <= share)
    if convention == "analytic":
        alone = ~merged
        mine = leaders[alone]
        error = np.exp(device.analytic_log_sigma * rng.normal(size=(3, mine.size)))
        marks[alone, DIAMETER] = truth.diameter_mm[mine] * error[0]
        marks[alone, ASPECT] = np.maximum(truth.aspect[mine] * error[1], 1.0)
        turn = 60.0 * device.analytic_log_sigma / truth.aspect[mine]
        marks[alone, ORIENTATION] = truth.orientation_deg[mine] + turn * rng.normal(size=mine.size)
        marks[alone, SOLIDITY] = 1.0 - (1.0 - truth.solidity[mine]) * error[2]
    elif convention == "box":
        marks[:, ASPECT] = got[:, 6]
    if device.tiny_rule > 0.5:
        marks[got[:, 8] <= 3, SOLIDITY] = 1.0
        marks[got[:, 8] == 1, ASPECT] = 1.0
    return marks


def _kept(rng: Rng, marks: Floats, miss_rate: float) -> Floats:
    """Drop missed calcifications, the faint ones first to go."""
    n_missed = int(rng.binomial(len(marks), miss_rate))
    faintness = (marks[:, CNR] + 0.5) ** -0.7
    order = np.argsort(-np.log(rng.random(len(marks))) / faintness)
    return marks[np.sort(order[n_missed:])]


def _false_marks(rng: Rng, marks: Floats, field: Floats, device: Draw, grade: Draw) -> Floats:
    """Return marks where nothing is: noise, or what looks like the cluster's own."""
    n = int(rng.binomial(len(marks), grade.false_rate))
    if n == 0:
        return np.empty((0, len(COLUMNS)))
    false = marks[rng.integers(0, len(marks), n)]
    noise = rng.random(n) < 0.6
    k = int(noise.sum())
    false[noise, DIAMETER] = device.pixel_mm * 1.13 * np.sqrt(rng.integers(1, 9, k))
    false[noise, ASPECT] = 1.0 + rng.exponential(0.6, k)
    false[noise, SOLIDITY] = np.clip(rng.normal(0.92, 0.07, k), 0.5, 1.0)
    false[noise, CNR] *= rng.uniform(0.3, 0.9, k)
    false[:, ORIENTATION] = rng.uniform(0.0, 180.0, n)
    low, high = marks[:, :2].min(axis=0), marks[:, :2].max(axis=0)
    margin = 0.15 * (high - low) + 2.0
    false[:, :2] = rng.uniform(low - margin, high + margin, (n, 2))
    far = rng.random(n) < grade.far_false_share
    false[far, :2] = field[rng.integers(0, len(field), int(far.sum()))]
    return false


def _crop(rng: Rng, marks: Floats) -> Floats:
    """Cut off what lies beyond a random edge of the field of view."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    along = marks[:, 0] * np.cos(angle) + marks[:, 1] * np.sin(angle)
    return marks[along <= along.min() + rng.uniform(0.6, 1.0) * np.ptp(along)]


def _forget(rng: Rng, marks: Floats, grade: Draw) -> None:
    """Set to NaN whole columns, and single values, in place."""
    if rng.random() < grade.marks_missing:
        marks[:, MISSING_PATTERNS[rng.integers(0, len(MISSING_PATTERNS))]] = np.nan
    single = rng.random((len(marks), len(COLUMNS) - 2)) < grade.single_missing
    marks[:, 2:][single] = np.nan


def acquire(
    rng: Rng, truth: TrueMarks, field: Floats, device: Draw, grade: Draw
) -> npt.NDArray[np.float32] | None:
    """Return what a detector would list of a cluster.

    Parameters
    ----------
    rng : numpy.random.Generator
    truth : TrueMarks
        In image coordinates.
    field : ndarray of float64, shape (k, 2)
        Points of the breast where false marks far from the cluster may lie.
    device, grade : Draw
        Drawn values of the preset's ``acquisition`` and ``grade.*`` sections.

    Returns
    -------
    ndarray of float32, shape (m, 7), or None
        Columns `COLUMNS`, within the ranges of `ClusterSet`; None where fewer than 3 are left.
    """
    owner = merge_owners(rng, truth, grade.merge_gap_mm, grade.merge_probability)
    marks = _kept(rng, _marks(rng, truth, owner, device, grade), grade.miss_rate)
    if rng.random() < grade.cropped and len(marks):
        marks = _crop(rng, marks)
    if len(marks) < MIN_CALCIFICATIONS:
        return None
    marks = np.concatenate([marks, _false_marks(rng, marks, field, device, grade)])
    marks[:, :2] += rng.normal(0.0, 1.0, (len(marks), 2)) * grade.jitter_mm
    if device.rounded > 0.5:
        marks[:, :2] = (np.floor(marks[:, :2] / device.pixel_mm) + 0.5) * device.pixel_mm
    marks = marks[rng.permutation(len(marks))]
    _forget(rng, marks, grade)
    return _in_range(marks)


def _in_range(marks: Floats) -> npt.NDArray[np.float32]:
    marks[:, ASPECT] = np.clip(marks[:, ASPECT], 1.0, 30.0)
    marks[:, SOLIDITY] = np.clip(marks[:, SOLIDITY], 0.05, 1.0)
    marks[:, CNR] = np.clip(marks[:, CNR], 0.2, 500.0)
    small = marks.astype(np.float32)
    orientation = small[:, ORIENTATION] % np.float32(180.0)
    orientation[orientation >= 180.0] = 0.0
    small[:, ORIENTATION] = orientation
    return small
