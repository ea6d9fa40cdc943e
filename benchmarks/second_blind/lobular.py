"""Disease of lobules and of the tissue about them: one nest, a region, the whole breast."""

from __future__ import annotations

import numpy as np

from .breast import Breast, away_from_nipple
from .disease import Sites, clearance, kept_apart
from .paths import Array, Rng, scattered_about, unit

NEST_RADIUS_MM = (1.5, 9.5)  # groups of 3-20 mm
REGION_RADIUS_MM = (12.0, 32.0)  # regions of 20-60 mm
LOBULE_SD_MM = (0.25, 0.8)  # lobules of 1-2 mm, up to some 4 mm where cystic
OFFERED = 4  # places on offer for each grain
DUCTAL_FORMS = {"rod_like", "fine_linear"}  # these lie as the ducts of the place do


def in_nest(rng: Rng, breast: Breast, form: str, lengths_mm: Array) -> Sites | None:
    """Fill one compact place: a lobule, some neighbours, a fibroadenoma, scarred fat."""
    room_mm = np.sqrt((lengths_mm**2).sum())
    radius_mm = max(rng.uniform(*NEST_RADIUS_MM), 0.85 * room_mm)
    if radius_mm + lengths_mm.max() / 2 > 11:
        return None
    name = str(rng.choice(_NESTS_OF[form]))
    centre = breast.scatter(rng, 1)
    position = centre + radius_mm * _NESTS[name](rng, OFFERED * len(lengths_mm))
    return _settled(rng, position, form, lengths_mm, name)


def in_region(rng: Rng, breast: Breast, form: str, lengths_mm: Array) -> Sites | None:
    """Fill lobules of a stretch of gland that belongs to no single lobe."""
    centre = breast.scatter(rng, 1)[0]
    long_mm = rng.uniform(*REGION_RADIUS_MM)
    radii = long_mm * np.array([1.0, rng.uniform(0.55, 1.0), rng.uniform(0.4, 1.0)])
    name = str(rng.choice(["even patch", "soft patch", "islands", "band across the ducts"]))
    turn = rng.uniform(0, np.pi)
    if name == "band across the ducts":
        radii[1] = long_mm * rng.uniform(0.42, 0.6)
        turn = np.arctan2(centre[1], centre[0]) + np.pi / 2 + rng.normal(0, 0.25)
    n_lobules = max(8, round(len(lengths_mm) / rng.uniform(1, 3.5)))
    lobule: Array
    if name == "soft patch":
        lobule = 0.5 * rng.standard_normal((3 * n_lobules, 3))
    elif name == "islands":
        island = _ball(rng, int(rng.integers(3, 7)))
        lobule = island[rng.integers(len(island), size=3 * n_lobules)]
        lobule = 0.85 * lobule + 0.2 * rng.standard_normal(lobule.shape)
    else:
        lobule = _ball(rng, 3 * n_lobules)
    along = np.array([np.cos(turn), np.sin(turn), 0.0])
    axes = np.stack([along, [-along[1], along[0], 0.0], [0.0, 0.0, 1.0]])
    lobule = centre + (radii * lobule) @ axes
    lobule = lobule[breast.inside(lobule)][:n_lobules]
    if len(lobule) < 5:
        return None
    if form == "popcorn":
        name = "region of adenomas"
        position = _in_adenomas(rng, lobule[:7], OFFERED * len(lengths_mm))
    else:
        position = _in_lobules(rng, lobule, OFFERED * len(lengths_mm))
    return _settled(rng, position, form, lengths_mm, name)


def throughout(rng: Rng, breast: Breast, form: str, lengths_mm: Array) -> Sites | None:
    """Fill lobules all over the gland."""
    if form == "popcorn":
        middle = _far_apart(breast.scatter(rng, 60), max(6, len(lengths_mm) // 2))
        position = _in_adenomas(rng, middle, OFFERED * len(lengths_mm))
        return _settled(rng, position, form, lengths_mm, "several adenomas")
    n_lobules = max(8, round(len(lengths_mm) / rng.uniform(1, 2.5)))
    name = str(rng.choice(["all over", "thinning out", "unevenly all over"]))
    lobule = breast.scatter(rng, 4 * n_lobules)
    if name == "thinning out":
        middle = np.array([rng.uniform(0.3, 0.6) * breast.depth_mm, 0.0, 0.0])
        away = np.linalg.norm(lobule - middle, axis=1) / breast.depth_mm
        lobule = lobule[rng.random(len(lobule)) < np.exp(-((away / 0.6) ** 2))]
    elif name == "unevenly all over":
        wave = rng.normal(0, 0.09, (4, 3))
        field = np.cos(lobule @ wave.T + rng.uniform(0, 2 * np.pi, 4)).sum(axis=1)
        lobule = lobule[field > np.quantile(field, 0.4)]
    position = _in_lobules(rng, lobule[:n_lobules], OFFERED * len(lengths_mm))
    return _settled(rng, position, form, lengths_mm, name)


def _settled(rng: Rng, position: Array, form: str, lengths_mm: Array, name: str) -> Sites | None:
    chosen = kept_apart(position, lengths_mm, clearance(form))
    if chosen is None:
        return None
    position = position[chosen]
    if form in DUCTAL_FORMS:
        tangent = scattered_about(rng, away_from_nipple(position), rng.uniform(0.15, 0.5))
    else:
        tangent = unit(rng.standard_normal(position.shape))
    return Sites(position, tangent, name)


def _in_lobules(rng: Rng, lobule: Array, n: int) -> Array:
    """Scatter `n` grains about lobules, some of which hold far more than others."""
    share = rng.gamma(2.0, size=len(lobule))
    home = rng.choice(len(lobule), n, p=share / share.sum())
    return lobule[home] + rng.normal(0, rng.uniform(*LOBULE_SD_MM), (n, 3))


def _in_adenomas(rng: Rng, middle: Array, n: int) -> Array:
    """Scatter `n` grains in fibroadenomas of one to one and a half centimetres."""
    return middle[rng.integers(len(middle), size=n)] + rng.uniform(3, 7) * _ball(rng, n)


def _far_apart(points: Array, n: int) -> Array:
    """Choose `n` points, each the farthest from those before it."""
    chosen = [0]
    away = np.full(len(points), np.inf)
    while len(chosen) < n:
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(away.argmax()))
    return points[chosen]


def _ball(rng: Rng, n: int) -> Array:
    """Draw `n` points evenly in a ball of radius 1."""
    return unit(rng.standard_normal((n, 3))) * rng.random((n, 1)) ** (1 / 3)


def _acini(rng: Rng, n: int) -> Array:
    """One widened lobule: grains in its 10-30 acini, oval as a whole."""
    acinus = _ball(rng, int(rng.integers(10, 30))) * [1.0, rng.uniform(0.6, 1.0), 0.7]
    return acinus[rng.integers(len(acinus), size=n)] + 0.08 * rng.standard_normal((n, 3))


def _neighbours(rng: Rng, n: int) -> Array:
    """A few lobules side by side."""
    lobule = 0.75 * _ball(rng, int(rng.integers(3, 7)))
    return lobule[rng.integers(len(lobule), size=n)] + 0.22 * rng.standard_normal((n, 3))


def _soft(rng: Rng, n: int) -> Array:
    """Thick in the middle, thinning outwards."""
    return 0.45 * rng.standard_normal((n, 3))


def _shell(rng: Rng, n: int) -> Array:
    """Scarred fat: most of it about the rim of what was lost."""
    return unit(rng.standard_normal((n, 3))) * rng.normal(0.7, 0.2, (n, 1))


def _angular(rng: Rng, n: int) -> Array:
    """Widened ductules: a group with corners (triangle, trapezium), as Lanyi describes it."""
    corner = np.zeros((int(rng.integers(3, 5)), 3))
    angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(len(corner)) / len(corner)
    angle += rng.normal(0, 0.25, len(corner))
    corner[:, 0], corner[:, 1] = np.cos(angle), np.sin(angle)
    weight = rng.dirichlet(np.full(len(corner), 1.1), n)
    return weight @ corner + [0, 0, 1] * rng.normal(0, 0.3, (n, 1))


_NESTS = {
    "one lobule": _acini,
    "neighbouring lobules": _neighbours,
    "soft group": _soft,
    "scarred fat": _shell,
    "widened ductules": _angular,
    "adenoma": _ball,
}
_ACINAR = ("one lobule", "neighbouring lobules", "soft group", "widened ductules")
_DUCTAL = ("neighbouring lobules", "widened ductules", "soft group")
_COARSE = ("adenoma", "scarred fat", "neighbouring lobules", "soft group")
_NESTS_OF = {
    "round": (*_ACINAR, "adenoma", "scarred fat"),
    "punctate": _ACINAR,
    "popcorn": ("adenoma", "adenoma", "scarred fat"),
    "rod_like": _DUCTAL,
    "amorphous": _ACINAR,
    "coarse_heterogeneous": _COARSE,
    "fine_pleomorphic": _ACINAR,
    "fine_linear": _DUCTAL,
}
