"""From true calcifications to a detector's list: drawing, measuring, missing, inventing.

Marks are measured on a pixel grid rather than disturbed by formula, and by one of several
conventions, so that nothing downstream can lean on one. Degradation never touches a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.simulate._detector import (
    ANALYTIC,
    BOX,
    MASK,
    degrade,
    merge_close,
    read_out,
    state_marks,
)
from calcigram.simulate._random import kernel_state
from calcigram.simulate._raster import gathered, measure, measure_outlines
from calcigram.simulate.particles import Outlines
from calcigram.simulate.presets import Draw
from calcigram.simulate.response import NO_RESPONSE, responded

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator
State = npt.NDArray[np.uint64]

COLUMNS = ("x_mm", "y_mm", "diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr")

CONVENTIONS: tuple[tuple[int, float], ...] = ((MASK, 0.55), (ANALYTIC, 0.85), (BOX, 1.0))
"""Measuring convention and the cumulative share of clusters measured by it."""

THRESHOLD_SD = 0.05

DESCRIBED = -1.0
"""Not a draw of the convention: the marks are taken as they are stated, with little noise."""


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
        return TrueMarks(
            self.xy.take(chosen, axis=0),
            self.outlines.take(chosen),
            self.table.take(chosen, axis=0),
        )


def measure_truth(xy: Floats, outlines: Outlines) -> TrueMarks:
    """Measure outlines free of noise."""
    table = measure_outlines(outlines.parts, outlines.owner, len(outlines))
    return TrueMarks(xy, outlines, table)


def _measure_image(
    rng: Rng, state: State, truth: TrueMarks, owner: Ints, device: Draw, edge_noise: float
) -> Floats:
    """Return the measures of what is left after merging."""
    outlines = truth.outlines
    vertices, first = gathered(outlines.parts, outlines.owner, truth.xy, owner)
    softness, contrast = outlines.softness_mm, outlines.contrast
    if first.size <= owner.size:
        leaders = np.flatnonzero(owner == np.arange(owner.size))
        softness, contrast = softness[leaders], contrast[leaders]
    got: Floats = measure(
        state,
        vertices,
        first,
        device.pixel_mm,
        (device.pixel_mm * rng.random(), device.pixel_mm * rng.random()),
        device.psf_pixels,
        device.threshold,
        THRESHOLD_SD,
        edge_noise,
        softness,
        contrast,
    )
    return got


def acquire(
    rng: Rng,
    truth: TrueMarks,
    field: Floats,
    device: Draw,
    grade: Draw,
    response: Floats = NO_RESPONSE,
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
    response : ndarray of float64, shape (5, 2)
        From `response.draw_response`.

    Returns
    -------
    ndarray of float32, shape (m, 7), or None
        Columns `COLUMNS`, within the ranges of `ClusterSet`; None where fewer than 3 are left.
    """
    state = kernel_state(rng)
    owner = merge_close(
        state, truth.xy, truth.diameter_mm / 2, grade.merge_gap_mm, grade.merge_probability
    )
    if device.convention == DESCRIBED:
        marks = state_marks(
            state,
            owner,
            truth.xy,
            truth.table,
            truth.outlines.contrast,
            device.gain,
            device.cnr_log_sigma,
            device.analytic_log_sigma,
        )
    else:
        got = _measure_image(rng, state, truth, owner, device, grade.edge_noise)
        marks = read_out(
            state,
            got,
            owner,
            truth.table,
            truth.outlines.contrast,
            device.pixel_mm,
            device.gain,
            device.cnr_log_sigma,
            device.analytic_log_sigma,
            next(code for code, share in CONVENTIONS if device.convention <= share),
            device.tiny_rule > 0.5,
        )
    found: npt.NDArray[np.float32] = degrade(
        state,
        responded(marks, response),
        field,
        device.pixel_mm,
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
