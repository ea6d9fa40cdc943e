"""Forms as other sources state them: by ranges of marks, not by an outline that was measured.

An annotation, a vendor's report or another generator gives a calcification an aspect ratio
and a solidity that no pixel grid of ours ever saw. Part of the training clusters get their
marks that way, so that no reader can lean on what our outlines and our grid have in common.
Positions, sizes and labels stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import Morphology
from calcigram.simulate.acquisition import TrueMarks
from calcigram.simulate.presets import Draw, Preset

SECTION = "described"
_THICKNESS_POWER = 0.8  # as the detector takes contrast to grow with thickness
_CNR_LOG_SD = 0.3


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
    share = ranges.draw(SECTION, rng).share
    drawn = ranges.draw(f"{SECTION}.{morphology}", rng)
    return drawn if rng.random() < share else None


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
        With other aspect ratios, orientations, solidities and contrasts; sizes as they were.
        A detector of gain 1 sees the contrasts as the drawn contrast-to-noise ratios.
    """
    n = len(truth.table)
    table = truth.table.copy()
    table[:, 1] = 1.0 + rng.gamma(drawn.aspect_shape, drawn.aspect_excess / drawn.aspect_shape, n)
    turn = np.degrees(direction) + drawn.angle_sd_deg * rng.normal(size=n)
    if rng.random() >= drawn.along_share:
        turn = rng.uniform(0.0, 180.0, n)
    table[:, 2] = turn % 180.0
    table[:, 3] = np.clip(rng.normal(drawn.solidity, drawn.solidity_sd, n), 0.3, 1.0)
    thickness = (table[:, 0] / np.sqrt(table[:, 1])) ** _THICKNESS_POWER
    contrast = drawn.cnr * np.exp(_CNR_LOG_SD * rng.normal(size=n)) / thickness
    return replace(truth, table=table, outlines=replace(truth.outlines, contrast=contrast))
