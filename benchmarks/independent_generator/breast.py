"""The breast of one image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Breast:
    """Half a superellipse on the chest wall, seen in one image."""

    depth: float
    half_height: float
    power: float
    nipple: Array
    laterality: str
    view: str
    tilt: float
    margin: Array
    pixel: float
    quality: float
    nipple_known: bool
    area_known: bool
    image_id: str
    group_id: str

    @property
    def area(self) -> float:
        """Area of the outline in mm2."""
        p = self.power
        quarter = math.gamma(1 + 1 / p) ** 2 / math.gamma(1 + 2 / p)
        return 2 * quarter * self.depth * self.half_height

    def holds(self, xy: Array, scale: float = 0.97) -> npt.NDArray[np.bool_]:
        """Tell which points lie in the outline shrunk by `scale`."""
        u, v = xy[:, 0] / self.depth, np.abs(xy[:, 1]) / self.half_height
        inside = np.abs(u) ** self.power + v**self.power <= scale**self.power
        return inside & (u >= 0.02)

    def uniform(self, rng: Rng, n: int, scale: float = 0.93) -> Array:
        """Draw `n` points evenly from the outline shrunk by `scale`."""
        box = rng.uniform((0.03, -1), (1, 1), (3 * n + 20, 2)) * (self.depth, self.half_height)
        return box[self.holds(box, scale)][:n]

    def spot(self, rng: Rng, scale: float = 0.85) -> Array:
        """Draw one point of the outline shrunk by `scale`."""
        return self.uniform(rng, 4, scale)[0]


def new_breast(rng: Rng, image: int, patient: int, previous: Breast | None) -> Breast:
    """Draw the breast of one image; another image of the same patient keeps its build."""
    if previous is None:
        depth, half_height = rng.uniform(66, 118), rng.uniform(56, 92)
        power, pixel = rng.uniform(1.8, 2.5), float(rng.choice([0.05, 0.065, 0.07, 0.085, 0.1]))
        laterality = str(rng.choice(["L", "R"]))
    else:
        depth = previous.depth * rng.uniform(0.93, 1.07)
        half_height = previous.half_height * rng.uniform(0.93, 1.07)
        power, pixel = previous.power, previous.pixel
        laterality = previous.laterality if rng.random() < 0.7 else str(rng.choice(["L", "R"]))
    view = str(rng.choice(["CC", "MLO"]))
    tilt = rng.normal(0, 0.05) if view == "CC" else rng.uniform(0.15, 0.55)
    return Breast(
        depth=depth,
        half_height=half_height,
        power=power,
        nipple=np.array([depth + rng.uniform(0, 4), rng.normal(0, 3)]),
        laterality=laterality,
        view=view,
        tilt=tilt,
        margin=rng.uniform(2, 25, 2),
        pixel=pixel,
        quality=float(np.exp(rng.normal(0, 0.18))),
        nipple_known=bool(rng.random() < 0.75),
        area_known=bool(rng.random() < 0.65),
        image_id=f"other-i{image:06d}",
        group_id=f"other-p{patient:06d}",
    )


def to_image(breast: Breast, xy: Array, direction: Array) -> tuple[Array, Array]:
    """Turn breast coordinates and directions into image ones (x right, y down)."""
    cos, sin = math.cos(breast.tilt), math.sin(breast.tilt)
    turn = np.array([[cos, -sin], [sin, cos]])
    corners = np.array([[0, 1], [1, 1], [0, -1], [1, -1]]) * (breast.depth, breast.half_height)
    if breast.laterality == "R":
        turn = np.diag([-1.0, 1.0]) @ turn
    low = (corners @ turn.T).min(axis=0)
    arrow = np.column_stack([np.cos(direction), np.sin(direction)]) @ turn.T
    return xy @ turn.T - low + breast.margin, np.arctan2(arrow[:, 1], arrow[:, 0])
