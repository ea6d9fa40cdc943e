"""Patients: a breast and the two views of it. What lies in the breast is drawn elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from calcigram.simulate._points import points_of
from calcigram.simulate._random import stream
from calcigram.simulate.anatomy import Breast, make_breast
from calcigram.simulate.presets import Draw, Preset

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

_PATIENT, _VIEW = 1, 4


@dataclass(frozen=True)
class View:
    """How a patient's breast lies in one image."""

    laterality: str
    projection: str
    image: int
    turn: Floats
    offset: Floats

    def to_image(self, xy: Floats) -> Floats:
        """Map points of the anatomy frame to the image, mm."""
        return xy @ self.turn.T + self.offset

    def direction(self, angle: Floats) -> Floats:
        """Map directions, radians."""
        vector = points_of(np.cos(angle), np.sin(angle)) @ self.turn.T
        return np.arctan2(vector[:, 1], vector[:, 0])


def _make_view(rng: Rng, breast: Breast, image: int, drawn: Draw) -> View:
    left, mlo = rng.random() < drawn.left, image % 2 == 1
    tilt = drawn.tilt_mlo_deg if mlo else drawn.tilt_cc_deg
    if rng.random() < drawn.any_rotation:
        tilt = 360.0 * rng.random()
    c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    # A left breast is displayed with the nipple to the right, so x is mirrored.
    mirror = np.diag([-1.0 if left else 1.0, 2.0 * rng.integers(0, 2) - 1.0])
    turn = np.array([[c, -s], [s, c]]) @ mirror
    rim = breast.samples() @ turn.T
    return View(
        "L" if left else "R",
        "MLO" if mlo else "CC",
        image,
        turn,
        drawn.margin_mm - rim.min(axis=0),
    )


@dataclass(frozen=True)
class Patient:
    """A breast, its name and its two views."""

    name: str
    breast: Breast
    views: tuple[View, View]


@lru_cache(maxsize=8)
def patient_of(seed: int, number: int, substitute: int, preset: Preset) -> Patient:
    """Return a patient of a seed, or the `substitute`-th to take that one's place."""
    breast = make_breast((seed, _PATIENT, number, substitute), preset)
    rng = stream(seed, _VIEW, number, substitute)
    views = [_make_view(rng, breast, image, preset.draw("view", rng)) for image in range(2)]
    name = f"sim-{seed}-p{number}" + (f".{substitute}" if substitute else "")
    return Patient(name, breast, (views[0], views[1]))
