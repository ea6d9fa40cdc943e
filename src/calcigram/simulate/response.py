"""How another detector's marks depend on ours: each a smooth, rising function of its value."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram.simulate._detector import ASPECT, CNR, DIAMETER, SOLIDITY
from calcigram.simulate.presets import Preset

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

NO_RESPONSE: Floats = np.array([[1.0, 1.0]] * 4 + [[0.0, 0.0]])
"""A response that changes no mark."""


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
        response[:4] = [
            [drawn.diameter_factor, drawn.diameter_power],
            [drawn.aspect_factor, drawn.aspect_power],
            [drawn.dent_factor, drawn.dent_power],
            [drawn.cnr_factor, drawn.cnr_power],
        ]
    if preset.happens("noise_floor", rng):
        response[4, 0] = preset.draw("noise_floor", rng).cnr
    return response


@kernel
def responded(marks, response):
    """Return marks as another detector gives them: each a smooth, rising function of its value.

    Parameters
    ----------
    marks : ndarray of float64, shape (n, 7)
    response : ndarray of float64, shape (5, 2)
        See `draw_response`; powers turn about 0.5 mm, an aspect ratio of 2, a
        solidity of 0.9 and a contrast-to-noise ratio of 10.
    """
    out = marks.copy()
    floor = response[4, 0]
    for i in range(len(marks)):
        out[i, DIAMETER] = 0.5 * response[0, 0] * (marks[i, DIAMETER] / 0.5) ** response[0, 1]
        excess = max(marks[i, ASPECT] - 1.0, 0.0)
        out[i, ASPECT] = 1.0 + response[1, 0] * excess ** response[1, 1]
        dent = max(1.0 - marks[i, SOLIDITY], 0.0)
        out[i, SOLIDITY] = 1.0 - 0.1 * response[2, 0] * (dent / 0.1) ** response[2, 1]
        cnr = 10.0 * response[3, 0] * (max(marks[i, CNR], 0.0) / 10.0) ** response[3, 1]
        out[i, CNR] = math.sqrt(cnr * cnr + floor * floor)
    return out
