"""The breast under the paddle, and its projection onto the detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .paths import Array, Rng, unit

FOCUS_TO_DETECTOR_MM = 650.0  # VICTRE 630 mm, clinical units 630-700 mm
DETECTOR_GAP_MM = 15.0  # breast support and grid
# Compressed thickness by density, dense to fatty, and breast sizes: VICTRE.
THICKNESS_MM = (35.0, 45.0, 55.0, 60.0)
DEPTH_MM = (62.0, 110.0)
SKIN_MM = 5.0


@dataclass(frozen=True)
class Breast:
    """One compressed breast in one view.

    Attributes
    ----------
    depth_mm : float
        From the nipple straight back to the chest wall.
    half_width_mm : float
        Half the breadth at the chest wall.
    up, down : float
        How much broader than that it is above and below the nipple in the picture: the MLO view
        reaches into the axilla.
    bluntness : float
        Exponent of the outline: 2 is an ellipse, more is blunter.
    thickness_mm : float
        Between the paddles.
    gland_share : float
        How far the gland reaches towards the skin, in (0, 1].
    view, laterality : str
        ``CC`` or ``MLO``; ``L`` or ``R``.
    tilt_rad : float
        Turn of the nipple axis in the picture.
    origin_mm : tuple of float
        Where the middle of the chest wall falls in the picture.
    """

    depth_mm: float
    half_width_mm: float
    up: float
    down: float
    bluntness: float
    thickness_mm: float
    gland_share: float
    view: str
    laterality: str
    tilt_rad: float
    origin_mm: tuple[float, float]

    def fullness(self, points: Array) -> Array:
        """Say how far out points of shape (n, 3) lie: 0 on the nipple axis, 1 at the skin."""
        half_width = np.maximum(self._half_width(points[..., 0]), 1e-6)
        sideways = points[..., 1] / np.where(points[..., 1] < 0, self.up, self.down)
        out = np.hypot(sideways, points[..., 2]) / half_width
        within = (points[..., 0] > 0) & (points[..., 0] < self.depth_mm)
        return np.where(within, out, np.inf)

    def inside(self, points: Array) -> np.ndarray:
        """Tell which points lie in the gland, off the skin and off the chest wall."""
        off_skin = (points[..., 0] > SKIN_MM) & (points[..., 0] < self.depth_mm - SKIN_MM)
        return off_skin & (self.fullness(points) < self.gland_share)

    def scatter(self, rng: Rng, n: int) -> Array:
        """Draw `n` points evenly in the gland, shape (n, 3)."""
        side = self.half_width_mm * max(self.up, self.down)
        box = np.array([self.depth_mm, 2 * side, 2 * self.half_width_mm])
        found = np.empty((0, 3))
        while len(found) < n:
            points = (rng.random((6 * n + 20, 3)) - [0.0, 0.5, 0.5]) * box
            found = np.concatenate([found, points[self.inside(points)]])
        return found[:n]

    def reach(self, direction: Array) -> float:
        """Say how far the gland goes from the nipple in a direction."""
        along = np.linspace(SKIN_MM + 1, 1.5 * self.depth_mm, 80)
        inside = self.inside(along[:, None] * direction)
        return float(along[inside].max(initial=0.0))

    def project(self, points: Array) -> Array:
        """Cast points of shape (n, 3) onto the detector.

        Returns
        -------
        ndarray, shape (n, 2)
            x and y in mm in the image. What lies nearer the focus falls larger.
        """
        squeeze = self.thickness_mm / (2 * self.half_width_mm)
        height = DETECTOR_GAP_MM + self.thickness_mm / 2 + squeeze * points[..., 2]
        magnified = FOCUS_TO_DETECTOR_MM / (FOCUS_TO_DETECTOR_MM - height)
        plane = (points[..., :2] - [self.depth_mm, 0.0]) * magnified[..., None]
        return self.turn(plane) + self.origin_mm

    def turn(self, plane: Array) -> Array:
        """Turn directions of shape (n, 2) from the body's plane into the image's."""
        cos, sin = np.cos(self.tilt_rad), np.sin(self.tilt_rad)
        x = cos * plane[..., 0] - sin * plane[..., 1]
        y = sin * plane[..., 0] + cos * plane[..., 1]
        # Hung as usual: the left breast's nipple looks right, the right breast's looks left.
        return np.stack([-x if self.laterality == "L" else x, y], axis=-1)

    def nipple(self) -> Array:
        """Return the nipple's place in the image, shape (2,)."""
        return self.project(np.zeros(3))

    def outline(self) -> Array:
        """Return the outline of the breast in the image as a polygon, shape (82, 2)."""
        back = self.depth_mm * (1 - np.cos(np.linspace(0, np.pi / 2, 41)))
        half_width = self._half_width(back)
        upper = np.stack([back, -self.up * half_width, 0 * back], axis=-1)
        lower = np.stack([back, self.down * half_width, 0 * back], axis=-1)
        return self.project(np.concatenate([upper[::-1], lower]))

    def area_mm2(self) -> float:
        """Return the area of the outline in the image."""
        x, y = self.outline().T
        return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)

    def _half_width(self, back_mm: Array) -> Array:
        forward = np.clip(1 - back_mm / self.depth_mm, 0, 1)
        return self.half_width_mm * (1 - forward**self.bluntness) ** (1 / self.bluntness)


def draw_breast(rng: Rng, view: str) -> Breast:
    """Draw a breast of any size and density, in the view asked for."""
    density = int(rng.integers(4))
    depth_mm = rng.uniform(*DEPTH_MM)
    mlo = view == "MLO"
    return Breast(
        depth_mm=depth_mm,
        half_width_mm=depth_mm * rng.uniform(0.75, 1.05),
        up=rng.uniform(1.1, 1.4) if mlo else rng.uniform(0.9, 1.1),
        down=rng.uniform(0.75, 0.95) if mlo else rng.uniform(0.9, 1.1),
        bluntness=rng.uniform(1.8, 2.4),
        thickness_mm=THICKNESS_MM[density] * rng.uniform(0.85, 1.15),
        gland_share=rng.uniform(0.84, 0.95),
        view=view,
        laterality=str(rng.choice(["L", "R"])),
        tilt_rad=-np.radians(rng.uniform(5, 30) if mlo else rng.normal(0, 4)),
        origin_mm=(rng.uniform(-150, 250), rng.uniform(-150, 250)),
    )


def away_from_nipple(points: Array) -> Array:
    """Return the unit directions in which ducts run at `points`: away from the nipple."""
    return unit(points)
