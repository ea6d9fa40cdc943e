"""One projected breast."""

from __future__ import annotations

import numpy as np
from scipy.special import gamma

Rng = np.random.Generator
Array = np.ndarray


class Breast:
    """One projected breast: chest wall along x = 0, the nipple towards +x."""

    def __init__(self, rng: Rng) -> None:
        height_mm = rng.uniform(58, 105)
        self.depth_mm = height_mm * rng.uniform(0.8, 1.3)
        self.lower_mm, self.upper_mm = height_mm * rng.uniform(0.85, 1.1, 2)
        self.power, self.shear = rng.uniform(1.8, 2.3), rng.uniform(-0.15, 0.15)
        self.nipple = self.depth_mm * (1 + 1j * self.shear)
        filling = gamma(1 + 1 / self.power) ** 2 / gamma(1 + 2 / self.power)
        self.area_mm2 = float(self.depth_mm * filling * (self.lower_mm + self.upper_mm))

    def contains(self, points: Array, scale: float = 0.95) -> Array:
        """Tell which points lie inside the outline shrunk to `scale`."""
        x, y = points.real / scale, points.imag / scale
        y = y - self.shear * x
        v = np.abs(y) / np.where(y > 0, self.lower_mm, self.upper_mm)
        return (points.real > 3) & ((np.abs(x) / self.depth_mm) ** self.power + v**self.power < 1)

    def scatter(self, rng: Rng, n: int, scale: float = 0.95) -> Array:
        """Return `n` uniform points inside the shrunk outline."""
        side = 1.2 * max(self.lower_mm, self.upper_mm) * rng.uniform(-1, 1, 6 * n + 60)
        points = rng.uniform(0, self.depth_mm, 6 * n + 60) + 1j * side
        return points[self.contains(points, scale)][:n]
