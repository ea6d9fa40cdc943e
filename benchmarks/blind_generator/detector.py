"""One site's equipment and software."""

from __future__ import annotations

import numpy as np

from .areas import normal_cloud
from .breast import Array, Breast, Rng
from .tables import PIXEL_SIZES_MM


class Detector:
    """One site's equipment and software, with its own conventions."""

    def __init__(self, rng: Rng) -> None:
        self.pixel_mm = rng.choice(PIXEL_SIZES_MM)
        self.blur_mm = self.pixel_mm * rng.uniform(0.4, 0.9)
        self.diameter_bias = rng.uniform(0.94, 1.1)
        self.aspect_power = rng.choice([1.0, 0.9])  # axes of the moments, or of the outline
        self.cnr_factor = np.exp(rng.normal(0, 0.2))
        self.jitter_sd_mm = rng.uniform(0.03, 0.12)
        self.miss_share = rng.uniform(0.05, 0.3)
        self.false_share = max(0.0, rng.uniform(-0.06, 0.2))


def _merge_touching(rng: Rng, points: Array, marks: Array, cnr: Array, pixel_mm: float) -> None:
    """Fuse, in place, neighbours the detector cannot part; the lost one gets a CNR of NaN."""
    distance = np.abs(points[:, None] - points) + np.diag(np.full(len(points), np.inf))
    partner, radius = distance.argmin(axis=1), np.sqrt(marks[0] / np.pi)
    for i in np.flatnonzero(partner[partner] == np.arange(len(points))):
        j = partner[i]
        parted = distance[i, j] > 0.95 * (radius[i] + radius[j]) + 1.2 * pixel_mm
        if i > j or parted or rng.random() < 0.2:
            continue
        area, major, minor, _, solidity = marks[:, [i, j]]
        centre, along = points[[i, j]] @ area / area.sum(), np.angle(points[j] - points[i])
        long_mm = max(distance[i, j] + 2 * radius[[i, j]].mean(), major.max())
        hollow = rng.uniform(0.8, 0.95) * solidity.mean()
        marks[:, i] = [area.sum(), long_mm, max(minor.max(), 0.4 * long_mm), along, hollow]
        points[i], cnr[i], cnr[j] = centre, cnr[[i, j]].max(), np.nan


def observe(
    rng: Rng, detector: Detector, breast: Breast, points: Array, marks: Array, cnr: Array
) -> dict[str, Array]:
    """Return the columns this detector reports, positions as one complex column."""
    dimness = 0.15 + np.exp(-cnr / 4)
    n_seen = len(points) - min(round(detector.miss_share * len(points)), len(points) - 3)
    # Gumbel keys draw without replacement: the dim ones are missed first.
    seen = np.argsort(np.log(dimness) + rng.gumbel(size=len(points)))[:n_seen]
    points, marks, cnr = points[seen], marks[:, seen], cnr[seen]
    if n_seen > 4:
        _merge_touching(rng, points, marks, cnr, detector.pixel_mm)
    points, marks, cnr = (values[..., np.isfinite(cnr)] for values in (points, marks, cnr))
    area, major, minor, direction, solidity = marks
    n, true_mm = len(points), np.sqrt(4 * area / np.pi)
    wide, narrow = np.hypot(major, detector.blur_mm), np.hypot(minor, detector.blur_mm)
    unsure = np.clip(0.25 * detector.pixel_mm / true_mm + 0.18 / cnr + 0.02, 0, 0.35)
    diameter = detector.diameter_bias * true_mm * np.sqrt(wide * narrow / (major * minor))
    diameter *= np.exp(0.6 * unsure * rng.normal(size=n))
    log_aspect = detector.aspect_power * np.log(wide / narrow) + unsure * rng.normal(size=n)
    axis_deg = np.rad2deg(direction) + np.where(log_aspect < 0, 90.0, 0.0)
    axis_deg += 6 * rng.normal(size=n) * unsure / np.maximum(np.abs(log_aspect), 0.05)
    smoothing = 1 / (1 + (1.2 * detector.blur_mm / true_mm) ** 2)
    solidity = solidity**smoothing - 0.25 * unsure * np.abs(rng.normal(size=n))

    reach_mm, n_false = max(1.5, 0.1 * np.ptp(points.real)), round(detector.false_share * n)
    ghosts = rng.choice(points, n_false) + reach_mm * normal_cloud(rng, n_false)
    ghosts = ghosts[breast.contains(ghosts, 0.99)]
    k = len(ghosts)
    points = points + detector.jitter_sd_mm * normal_cloud(rng, n)
    order = rng.permutation(n + k)
    columns = {
        "points": (points, ghosts),
        "diameter_mm": (diameter, rng.gamma(6, 0.045, k)),
        "aspect_ratio": (np.exp(np.abs(log_aspect)), 1 + np.abs(rng.normal(0, 0.5, k))),
        "orientation_deg": (axis_deg, rng.uniform(0, 180, k)),
        "solidity": (np.clip(solidity, 0.3, 1), rng.uniform(0.75, 1, k)),
        "cnr": (cnr * np.exp(rng.normal(0, 0.1, n)), rng.uniform(1.2, 4.0, k)),
    }
    return {name: np.concatenate(parts)[order] for name, parts in columns.items()}
