"""Forms as other sources state them: by ranges of marks, not by an outline that was measured.

An annotation, a vendor's report or another generator gives a calcification an aspect ratio
and a solidity that no pixel grid of ours ever saw. Part of the training clusters get their
marks that way, so that no reader can lean on what our outlines and our grid have in common.
Part of those state another size than the diameter of equal area, as callipers do: the greatest
length, or the mean of length and calibre. Positions and labels stay as they are.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import Morphology
from calcigram.simulate._detector import EQUAL_AREA, GREATEST_LENGTH, MEAN_AXIS, restated
from calcigram.simulate._random import kernel_state
from calcigram.simulate.acquisition import TrueMarks
from calcigram.simulate.presets import Draw, Preset

SECTION = "described"

# What a preset that says nothing of these gets: sizes as they are.
_COMMON = {
    "greatest_length_share": 0.0,
    "mean_axis_share": 0.0,
    "size_log_bias": 0.0,
    "cnr_log_sigma": 0.3,
}


def draw_description(
    rng: np.random.Generator, morphology: Morphology, ranges: Preset
) -> Draw | None:
    """Draw how a cluster of this form is described; None where its marks are measured.

    Parameters
    ----------
    rng : numpy.random.Generator
    morphology : Morphology
    ranges : Preset
        One without a section ``described`` describes nothing.

    Returns
    -------
    Draw or None
    """
    if SECTION not in ranges.sections:
        return None
    common = ranges.draw(SECTION, rng)
    if rng.random() >= common.share:
        return None
    return Draw({**_COMMON, **common, **ranges.draw(f"{SECTION}.{morphology}", rng)})


def describe(
    rng: np.random.Generator,
    truth: TrueMarks,
    direction: npt.NDArray[np.float64],
    drawn: Draw,
) -> TrueMarks:
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
    chance = rng.random()
    length, mean = drawn.greatest_length_share, drawn.mean_axis_share
    size = (
        GREATEST_LENGTH if chance < length else MEAN_AXIS if chance < length + mean else EQUAL_AREA
    )
    table, contrast = restated(
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
    return TrueMarks(truth.xy, truth.outlines.with_contrast(contrast), table)
