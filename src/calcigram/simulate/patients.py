"""Patients: a breast and the two views of it. What lies in the breast is drawn elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from calcigram.simulate._growth import lowest_corner, mapped_directions, mapped_points
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
        mapped: Floats = mapped_points(xy, self.turn, self.offset)
        return mapped

    def direction(self, angle: Floats) -> Floats:
        """Map directions, radians."""
        mapped: Floats = mapped_directions(angle, self.turn)
        return mapped


def _make_view(rng: Rng, breast: Breast, image: int, drawn: Draw) -> View:
    left, mlo = rng.random() < drawn.left, image % 2 == 1
    tilt = drawn.tilt_mlo_deg if mlo else drawn.tilt_cc_deg
    if rng.random() < drawn.any_rotation:
        tilt = 360.0 * rng.random()
    c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    # A left breast is displayed with the nipple to the right, so x is mirrored.
    flip_x, flip_y = -1.0 if left else 1.0, 1.0 if rng.random() < 0.5 else -1.0
    turn = np.array([[c * flip_x, -s * flip_y], [s * flip_x, c * flip_y]])
    lowest = lowest_corner(turn, breast.depth_mm, breast.half_width_mm)
    return View(
        "L" if left else "R",
        "MLO" if mlo else "CC",
        image,
        turn,
        drawn.margin_mm - lowest,
    )


@dataclass(frozen=True, eq=False)
class Patient:
    """A breast, its name, and the two views of it."""

    key: tuple[int, int, int]
    name: str
    breast: Breast
    preset: Preset

    def view(self, image: int) -> View:
        """Return view 0 (CC) or 1 (MLO)."""
        return _view_of(self, image)


@lru_cache(maxsize=16)
def _view_of(patient: Patient, image: int) -> View:
    rng = stream(*patient.key, _VIEW, image)
    return _make_view(rng, patient.breast, image, patient.preset.draw("view", rng))


@lru_cache(maxsize=8)
def patient_of(seed: int, number: int, substitute: int, preset: Preset) -> Patient:
    """Return a patient of a seed, or the `substitute`-th to take that one's place."""
    name = f"sim-{seed}-p{number}" + (f".{substitute}" if substitute else "")
    breast = make_breast((seed, _PATIENT, number, substitute), preset)
    return Patient((seed, number, substitute), name, breast, preset)
