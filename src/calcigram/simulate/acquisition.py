"""From true calcifications to a detector's list: drawing, measuring, missing, inventing.

Marks are measured on a pixel grid rather than disturbed by formula, and by one of several
conventions, so that nothing downstream can lean on one. Degradation never touches a label.

Part of the clusters are described instead: an annotation, a vendor's report or another generator
gives a calcification an aspect ratio and a solidity that no pixel grid of ours ever saw. Part of
those state another size than the diameter of equal area, as callipers do: the greatest length, or
the mean of length and calibre. Positions and labels stay as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import MIN_CALCIFICATIONS, Morphology
from calcigram.simulate import _detector, _raster
from calcigram.simulate._outlines import Outlines
from calcigram.simulate._random import Words, kernel_state
from calcigram.simulate.mechanisms import Floats, Ints, Rng
from calcigram.simulate.presets import Draw, Preset

COLUMNS = ("x_mm", "y_mm", "diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr")

CONVENTIONS: tuple[tuple[int, float], ...] = (
    (_detector.MASK, 0.55),
    (_detector.ANALYTIC, 0.85),
    (_detector.BOX, 1.0),
)
"""Measuring convention and the cumulative share of clusters measured by it."""

THRESHOLD_SD = 0.05

DESCRIBED = -1.0
"""Not a draw of the convention: the marks are taken as they are stated, with little noise."""

NO_RESPONSE: Floats = np.array([[1.0, 1.0]] * 4 + [[0.0, 0.0]])
"""A response that changes no mark."""

# What a preset that says nothing of these gets: sizes as they are.
_DESCRIPTION_DEFAULTS = {
    "greatest_length_share": 0.0,
    "mean_axis_share": 0.0,
    "size_log_bias": 0.0,
    "cnr_log_sigma": 0.3,
}


@dataclass(frozen=True)
class TrueMarks:
    """Noise-free calcifications in image coordinates.

    Attributes
    ----------
    xy : ndarray of float64, shape (n, 2)
        mm.
    outlines : Outlines
    table : ndarray of float64, shape (n, 4)
        Diameter of the circle of equal area (mm), aspect ratio, orientation (degrees from +x
        towards +y, in [0, 180)) and solidity.
    """

    xy: Floats
    outlines: Outlines
    table: Floats

    def take(self, chosen: Ints) -> TrueMarks:
        """Return the chosen calcifications; `chosen` ascends."""
        xy, table = self.xy.take(chosen, axis=0), self.table.take(chosen, axis=0)
        return TrueMarks(xy, self.outlines.take(chosen), table)


def measure_truth(xy: Floats, outlines: Outlines) -> TrueMarks:
    """Measure outlines free of noise."""
    table = _raster.measure_outlines(outlines.parts, outlines.owner, len(outlines))
    return TrueMarks(xy, outlines, table)


def draw_description(rng: Rng, morphology: Morphology, preset: Preset) -> Draw | None:
    """Draw how a cluster of this form is described; None where its marks are measured.

    Parameters
    ----------
    rng : numpy.random.Generator
    morphology : Morphology
    preset : Preset
        One without a section ``described`` describes nothing.

    Returns
    -------
    Draw or None
    """
    if "described" not in preset.sections:
        return None
    common = preset.draw("described", rng)
    if rng.random() >= common.share:
        return None
    return Draw(_DESCRIPTION_DEFAULTS | common | preset.draw(f"described.{morphology}", rng))


def describe(rng: Rng, truth: TrueMarks, direction: Floats, drawn: Draw) -> TrueMarks:
    """Replace the form marks of a cluster by values drawn from its form's ranges.

    Parameters
    ----------
    rng : numpy.random.Generator
    truth : TrueMarks
        n calcifications.
    direction : ndarray of float64, shape (n,)
        Direction of the duct or vessel in the image, radians.
    drawn : Draw
        From `draw_description`.

    Returns
    -------
    TrueMarks
        With other aspect ratios, orientations, solidities and contrasts, and sizes of the drawn
        convention. A detector of gain 1 sees the contrasts as the drawn contrast-to-noise ratios.
    """
    chance, size = rng.random(), _detector.EQUAL_AREA
    if chance < drawn.greatest_length_share:
        size = _detector.GREATEST_LENGTH
    elif chance < drawn.greatest_length_share + drawn.mean_axis_share:
        size = _detector.MEAN_AXIS
    table, contrast = _detector.restated(
        kernel_state(rng),
        truth.table,
        direction,
        drawn.aspect_shape,
        drawn.aspect_excess,
        drawn.angle_sd_deg,
        bool(rng.random() < drawn.along_share),
        drawn.solidity,
        drawn.solidity_sd,
        size,
        math.exp(drawn.size_log_bias),
        drawn.cnr,
        drawn.cnr_log_sigma,
    )
    return TrueMarks(truth.xy, replace(truth.outlines, contrast=contrast), table)


def draw_response(rng: Rng, preset: Preset) -> Floats:
    """Draw how a detector's marks depend on those of `acquire`: two numbers a row, shape (5, 2).

    Parameters
    ----------
    rng : numpy.random.Generator
    preset : Preset
        With the sections ``response`` and ``noise_floor``, or without.

    Returns
    -------
    ndarray of float64
        Factor and power of diameter, aspect ratio less 1, 1 less solidity, and contrast-to-noise
        ratio; last the ratio that noise alone reaches, which adds to the others in squares.
    """
    response = NO_RESPONSE.copy()
    if preset.happens("response", rng):
        drawn = preset.draw("response", rng)
        for row, mark in enumerate(("diameter", "aspect", "dent", "cnr")):
            response[row] = drawn[f"{mark}_factor"], drawn[f"{mark}_power"]
    if preset.happens("noise_floor", rng):
        response[4, 0] = preset.draw("noise_floor", rng).cnr
    return response


def _measured(
    rng: Rng, state: Words, truth: TrueMarks, owner: Ints, device: Draw, edge_noise: float
) -> Floats:
    """Return what images of the calcifications that are seen measure, merged ones as one."""
    outlines, pixel = truth.outlines, device.pixel_mm
    vertices, first = _raster.gathered(outlines.parts, outlines.owner, truth.xy, owner)
    leaders = np.flatnonzero(owner == np.arange(owner.size))
    measures: Floats = _raster.measure(
        state,
        vertices,
        first,
        pixel,
        (pixel * rng.random(), pixel * rng.random()),
        device.psf_pixels,
        device.threshold,
        THRESHOLD_SD,
        edge_noise,
        outlines.softness_mm[leaders],
        outlines.contrast[leaders],
    )
    return measures


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
        From `draw_response`.

    Returns
    -------
    ndarray of float32, shape (m, 7), or None
        Columns `COLUMNS`, within the ranges of `ClusterSet`; None where fewer than 3 are left.
    """
    state, pixel = kernel_state(rng), device.pixel_mm
    owner = _detector.merge_close(
        state, truth.xy, truth.table[:, 0] / 2, grade.merge_gap_mm, grade.merge_probability
    )
    table, contrast = truth.table, truth.outlines.contrast
    sensitivity = device.gain, device.cnr_log_sigma, device.analytic_log_sigma
    if device.convention == DESCRIBED:
        marks = _detector.state_marks(state, owner, truth.xy, table, contrast, *sensitivity)
    else:
        measures = _measured(rng, state, truth, owner, device, grade.edge_noise)
        convention = next(code for code, share in CONVENTIONS if device.convention <= share)
        marks = _detector.read_out(
            state,
            measures,
            owner,
            table,
            contrast,
            pixel,
            *sensitivity,
            convention,
            device.tiny_rule > 0.5,
        )
    marks = _detector.responded(marks, response)
    marks = _detector.keep_seen(state, marks, grade.miss_rate, grade.cropped)
    if len(marks) < MIN_CALCIFICATIONS:
        return None
    marks = _detector.add_false(state, marks, field, pixel, grade.false_rate, grade.far_false_share)
    rounding_mm = pixel if device.rounded > 0.5 else 0.0
    listed: npt.NDArray[np.float32] = _detector.write_list(
        state, marks, grade.jitter_mm, rounding_mm, grade.marks_missing, grade.single_missing
    )
    return listed
