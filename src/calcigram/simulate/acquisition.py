"""From true calcifications to a detector's list: drawing, measuring, missing, inventing.

Marks are measured on a pixel grid rather than disturbed by formula, and by one of several
conventions, so that nothing downstream can lean on one. Degradation never touches a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.simulate._detector import ANALYTIC, BOX, MASK, degrade, merge_close
from calcigram.simulate._random import kernel_state
from calcigram.simulate._raster import measure, measure_polygons
from calcigram.simulate.particles import Outlines
from calcigram.simulate.presets import Draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator
State = npt.NDArray[np.uint64]

COLUMNS = ("x_mm", "y_mm", "diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr")

CONVENTIONS: tuple[tuple[int, float], ...] = ((MASK, 0.55), (ANALYTIC, 0.85), (BOX, 1.0))
"""Measuring convention and the cumulative share of clusters measured by it."""

DESCRIBED = 0.7
"""A draw of the convention that takes the marks as they are stated, with little noise."""

MAX_BLUR_PIXELS = 2.5


@dataclass(frozen=True)
class TrueMarks:
    """Noise-free calcifications in image coordinates.

    Attributes
    ----------
    xy : ndarray of float64, shape (n, 2)
        mm.
    outlines : Outlines
    table : ndarray of float64, shape (n, 4)
        Diameter (mm), aspect ratio, orientation (degrees) and solidity.
    """

    xy: Floats
    outlines: Outlines
    table: Floats

    @property
    def diameter_mm(self) -> Floats:
        """Diameter of the circle of equal area, shape (n,)."""
        return self.table[:, 0]

    @property
    def aspect(self) -> Floats:
        """Major over minor axis, shape (n,)."""
        return self.table[:, 1]

    @property
    def orientation_deg(self) -> Floats:
        """Major axis from +x towards +y, in [0, 180), shape (n,)."""
        return self.table[:, 2]

    @property
    def solidity(self) -> Floats:
        """Area over convex area, shape (n,)."""
        return self.table[:, 3]

    @property
    def calibre_mm(self) -> Floats:
        """Diameter / sqrt(aspect)."""
        return self.diameter_mm / np.sqrt(self.aspect)

    def take(self, chosen: Ints) -> TrueMarks:
        """Return the chosen calcifications; `chosen` ascends."""
        return TrueMarks(self.xy[chosen], self.outlines.take(chosen), self.table[chosen])


def _first_part(owner: Ints, n: int) -> Ints:
    return np.searchsorted(owner, np.arange(n + 1)).astype(np.int64)


def measure_truth(xy: Floats, outlines: Outlines) -> TrueMarks:
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
        no_noise = np.zeros(1, np.uint64)
        got[union] = measure(no_noise, parts, starts, pixel, np.zeros(2), zero, zero + 0.5, zero)
    table = got[:, 2:6].copy()
    table[:, 0] = np.sqrt(4.0 / np.pi * got[:, 2])
    return TrueMarks(xy, outlines, table)


def _measure_image(
    rng: Rng, state: State, truth: TrueMarks, owner: Ints, device: Draw, edge_noise: float
) -> tuple[Floats, Ints, npt.NDArray[np.bool_]]:
    """Return the measures of what is left after merging, whose they are, and which merged."""
    outlines = truth.outlines
    vertices = outlines.parts + truth.xy[outlines.owner][:, None, :]
    leads = owner == np.arange(owner.size)
    leaders = np.flatnonzero(leads)
    part_owner = outlines.owner
    if not leads.all():
        number = np.cumsum(leads) - 1
        part_owner = number[owner[part_owner]]
        order = np.argsort(part_owner, kind="stable")
        vertices, part_owner = vertices[order], part_owner[order]
    merged = np.zeros(owner.size, bool)
    merged[owner[~leads]] = True
    n = leaders.size
    got = measure(
        state,
        vertices,
        _first_part(part_owner, n),
        np.full(n, device.pixel_mm),
        device.pixel_mm * rng.random(2),
        np.minimum(
            np.hypot(device.psf_pixels, outlines.softness_mm[leaders] / device.pixel_mm),
            MAX_BLUR_PIXELS,
        ),
        np.minimum(np.maximum(device.threshold + 0.05 * rng.normal(size=n), 0.2), 0.75),
        edge_noise * np.minimum(np.maximum(0.8 / outlines.contrast[leaders], 0.5), 3.0),
    )
    return got, leaders, merged[leaders]


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
    state = kernel_state(rng)
    owner = merge_close(
        state, truth.xy, truth.diameter_mm / 2, grade.merge_gap_mm, grade.merge_probability
    )
    got, leaders, merged = _measure_image(rng, state, truth, owner, device, grade.edge_noise)
    found: npt.NDArray[np.float32] = degrade(
        state,
        got,
        leaders,
        merged,
        truth.table,
        truth.outlines.contrast,
        field,
        device.pixel_mm,
        device.gain,
        device.cnr_log_sigma,
        device.analytic_log_sigma,
        next(code for code, share in CONVENTIONS if device.convention <= share),
        device.tiny_rule > 0.5,
        grade.miss_rate,
        grade.cropped,
        grade.false_rate,
        grade.far_false_share,
        grade.jitter_mm,
        device.rounded > 0.5,
        grade.marks_missing,
        grade.single_missing,
    )
    return found if len(found) else None
