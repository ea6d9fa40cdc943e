"""What becomes of a lesion before anybody reads it: false marks, misses, jitter, gaps in tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcigram.clusters import OPTIONAL_MARKS

from .breast import Breast
from .camera import Machine, Marks, read_picture
from .disease import Sites
from .forms import Grains, specks
from .grains import Matter, matter
from .paths import Array, Rng

# Missed and false shares of detectors; the jitter comes on top of the error of measuring.
MISSED_SHARE = (0.05, 0.30)
FALSE_SHARE = (0.0, 0.20)
JITTER_SD_MM = (0.02, 0.1)
LATTICE_PX = 0.55
COARSE_READING = 2  # popcorn is read at half the resolution

# What a table holds, and how often. Dropped: the marks it lacks.
TABLES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.62, ()),
    (0.08, OPTIONAL_MARKS),
    (0.08, tuple(name for name in OPTIONAL_MARKS if name != "diameter_mm")),
    (0.10, ("cnr",)),
    (0.06, ("orientation_deg", "aspect_ratio")),
    (0.06, ("solidity", "cnr")),
)


def photograph(
    rng: Rng, machine: Machine, breast: Breast, form: str, sites: Sites, grains: Grains
) -> Marks:
    """Turn the grains into the picture, add what will be taken for grains, and read it."""
    if form == "popcorn":
        machine = replace(machine, pixel_mm=machine.pixel_mm * COARSE_READING)
    place = breast.project(sites.position)
    n = len(place)
    tangent = breast.turn(sites.tangent[:, :2])
    angle = np.arctan2(tangent[:, 1], tangent[:, 0])
    if np.isinf(grains.wobble_rad):
        angle = rng.uniform(0, np.pi, n)
        shown = np.ones(n)
    else:
        angle += grains.wobble_rad * rng.standard_normal(n)
        shown = np.maximum(np.linalg.norm(tangent, axis=1), 0.5)  # seen askew, a rod is shorter
    parts = [_turned(matter(rng, grains.pieces, LATTICE_PX * machine.pixel_mm), angle, shown)]
    n_false = rng.binomial(n, rng.uniform(*FALSE_SHARE))
    if n_false:
        false = specks(rng, n_false)
        cloud = _turned(
            matter(rng, false.pieces, LATTICE_PX * machine.pixel_mm),
            rng.uniform(0, np.pi, n_false),
            np.ones(n_false),
        )
        parts.append(Matter(cloud.owner + n, cloud.x_mm, cloud.y_mm, cloud.mass_mm3))
        low, high = place.min(axis=0), place.max(axis=0)
        margin = 0.05 * (high - low) + 0.5
        false_place = rng.uniform(low - margin, high + margin, (n_false, 2))
        place = np.concatenate([place, false_place])
    columns = zip(*((p.owner, p.x_mm, p.y_mm, p.mass_mm3) for p in parts), strict=True)
    specks_of_all = Matter(*(np.concatenate(column) for column in columns))
    return read_picture(rng, machine, place, specks_of_all)


def _turned(part: Matter, angle_rad: Array, shown: Array) -> Matter:
    """Turn matter from the grains' frames into the image's."""
    cos, sin = np.cos(angle_rad)[part.owner], np.sin(angle_rad)[part.owner]
    x = part.x_mm * shown[part.owner]
    return Matter(part.owner, cos * x - sin * part.y_mm, sin * x + cos * part.y_mm, part.mass_mm3)


def found(rng: Rng, marks: Marks, n_true: int) -> np.ndarray:
    """Tell which marks are reported: of the true ones the faint are missed first."""
    is_true = marks.owner < n_true
    plainness = np.log(np.maximum(marks.cnr * marks.diameter_mm, 1e-6))
    plainness = plainness + 0.5 * rng.standard_normal(len(plainness))
    n_missed = round(rng.uniform(*MISSED_SHARE) * is_true.sum())
    found = np.ones(len(plainness), bool)
    true_by_plainness = np.flatnonzero(is_true)[np.argsort(plainness[is_true])]
    found[true_by_plainness[:n_missed]] = False
    return found


def as_tabled(rng: Rng, columns: dict[str, Array]) -> dict[str, Array]:
    """Shuffle and jitter the rows, and leave out what this table does not hold."""
    n = len(columns["x_mm"])
    order = rng.permutation(n)
    jitter_mm = rng.uniform(*JITTER_SD_MM)
    shares = [share for share, _ in TABLES]
    dropped = TABLES[int(rng.choice(len(TABLES), p=shares))][1]
    tabled = {}
    for name, values in columns.items():
        tabled[name] = np.full(n, np.nan) if name in dropped else values[order]
        if name in ("x_mm", "y_mm"):
            tabled[name] = tabled[name] + rng.normal(0, jitter_mm, n)
    return tabled
