"""The calcifications of each form, made of solids in two or three ways that share nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .anatomy import Array, Generator, Sites, unit
from .solids import Batch, crystals, ellipsoids, frames, free, outlines, rods, sizes, waves


def smooth_balls(rng: Generator, sites: Sites, median: float, low: float, high: float) -> Batch:
    """Round bodies: nearly balls, a little unlike in their three axes."""
    n = len(sites)
    half = sizes(rng, n, median, 0.25, low, high)[:, None] / 2 * rng.uniform(0.86, 1.08, (n, 3))
    return ellipsoids(sites.xyz_mm, half, frames(rng, free(n)), np.arange(n), 1.0)


def cobbles(rng: Generator, sites: Sites, median: float, low: float, high: float) -> Batch:
    """Round bodies: three balls each, so far within one another that no notch is left."""
    n = len(sites)
    owner = np.repeat(np.arange(n), 3)
    radius = np.repeat(sizes(rng, n, median, 0.2, low, high) / 2, 3) * rng.uniform(0.8, 0.95, 3 * n)
    shift = unit(rng.normal(size=(3 * n, 3))) * radius[:, None] * rng.uniform(0, 0.22, (3 * n, 1))
    half = np.repeat(radius[:, None], 3, axis=1)
    return ellipsoids(sites.xyz_mm[owner] + shift, half, frames(rng, free(3 * n)), owner, 1.0)


def seeds(rng: Generator, sites: Sites) -> Batch:
    """Punctate: oval grains, like seeds, in any direction."""
    n = len(sites)
    thick = sizes(rng, n, 0.22, 0.3, 0.13, 0.36)
    way = unit(rng.normal(size=(n, 3))) * (thick * rng.uniform(0.05, 0.3, n))[:, None]
    radius = np.repeat(thick[:, None] / 2, 2, axis=1)
    return rods(sites.xyz_mm - way, sites.xyz_mm + way, radius, np.arange(n), 1.0)


def bunches(rng: Generator, sites: Sites) -> Batch:
    """Popcorn: a core with six to fourteen balls on it."""
    n, k = len(sites), int(rng.integers(6, 15))
    core = sizes(rng, n, 3.0, 0.3, 2.2, 8.0) / 2
    owner = np.repeat(np.arange(n), k)
    radius = core[owner] * rng.uniform(0.25, 0.5, n * k)
    radius[::k] = 0.7 * core
    shift = (
        unit(rng.normal(size=(n * k, 3))) * (core[owner] * rng.uniform(0.55, 0.95, n * k))[:, None]
    )
    shift[::k] = 0
    half = np.repeat(radius[:, None], 3, axis=1)
    axes = frames(rng, free(n * k))
    return ellipsoids(sites.xyz_mm[owner] + shift, half, axes, owner, rng.uniform(0.4, 1.0))


def lobed_outlines(rng: Generator, sites: Sites) -> Batch:
    """Popcorn: a flat body with a lobed outline, waves of orders two to eight."""
    n = len(sites)
    wave = waves(rng, n, [2, 3, 4, 5, 6, 7, 8], rng.uniform(0.2, 0.38))
    size = sizes(rng, n, 3.0, 0.3, 2.3, 8.0) / 2
    return outlines(sites.xyz_mm, size, wave, rng.uniform(0.3, 0.9, n), np.arange(n))


def _course(rng: Generator, sites: Sites, stray_rad: float) -> Array:
    """Direction of each body: along its duct, give or take; anywhere where there is none."""
    n = len(sites)
    free = unit(rng.normal(size=(n, 3)) * [1, 1, 0.4])
    along = np.where(np.isnan(sites.along), free, sites.along)
    return unit(along + rng.normal(0, stray_rad, (n, 3)) * [1, 1, 0.5])


def _room_mm(rng: Generator, sites: Sites) -> Array:
    """How long a rod may be: about the way to the next, so that few touch."""
    gaps = ((sites.xyz_mm[:, None, :2] - sites.xyz_mm[:, :2]) ** 2).sum(-1)
    np.fill_diagonal(gaps, np.inf)
    return np.sqrt(gaps.min(1)) * rng.uniform(0.55, 1.05, len(sites))


def smooth_rods(rng: Generator, sites: Sites) -> Batch:
    """Rod-like: four joined pieces of even thickness, a little bent."""
    n, k = len(sites), 4
    thick = sizes(rng, n, 0.65, 0.2, 0.5, 1.3)
    length = thick * sizes(rng, n, 5.0, 0.4, 2.5, 12.0)
    length = np.maximum(np.minimum(length, _room_mm(rng, sites)), 2.2 * thick)
    course = _course(rng, sites, 0.12)
    across = unit(np.cross(course, rng.normal([0, 0, 2], 1, (n, 3))))
    t = np.linspace(-0.5, 0.5, k + 1)
    bow = rng.normal(0, 0.05, n)[:, None] * (4 * t**2 - 0.5)
    path = length[:, None, None] * (t[:, None] * course[:, None] + bow[..., None] * across[:, None])
    path += sites.xyz_mm[:, None]
    radius = np.repeat(thick / 2, k)[:, None].repeat(2, 1)
    owner = np.repeat(np.arange(n), k)
    return rods(path[:, :-1].reshape(-1, 3), path[:, 1:].reshape(-1, 3), radius, owner, 1.0)


def cigars(rng: Generator, sites: Sites) -> Batch:
    """Rod-like: long ellipsoids that taper to both ends."""
    n = len(sites)
    thick = sizes(rng, n, 0.75, 0.25, 0.55, 1.6)
    length = np.minimum(thick * sizes(rng, n, 4.0, 0.35, 2.4, 9.0), _room_mm(rng, sites))
    half = np.column_stack([np.maximum(length, 2.4 * thick), thick, thick]) / 2
    axes = frames(rng, _course(rng, sites, 0.2))
    return ellipsoids(sites.xyz_mm, half, axes, np.arange(n), rng.uniform(0.7, 1.0))


def dust(rng: Generator, sites: Sites) -> Batch:
    """Amorphous: a dozen grains of some 50 um that the detector cannot part."""
    n, k = len(sites), int(rng.integers(8, 20))
    owner = np.repeat(np.arange(n), k)
    cloud = sizes(rng, n, 0.16, 0.4, 0.07, 0.35)
    shift = rng.normal(size=(n * k, 3)) * cloud[owner, None] * rng.uniform(0.5, 1.2, (n, 3))[owner]
    half = np.repeat(rng.uniform(0.02, 0.045, (n * k, 1)), 3, axis=1)
    axes = frames(rng, free(n * k))
    return ellipsoids(sites.xyz_mm[owner] + shift, half, axes, owner, 3.0, adds=True)


def puffs(rng: Generator, sites: Sites) -> Batch:
    """Amorphous: one to three faint puffs that fade out."""
    n, k = len(sites), 3
    owner = np.repeat(np.arange(n), k)
    half = sizes(rng, n, 0.3, 0.4, 0.14, 0.7)[owner, None] * rng.uniform(0.5, 1, (n * k, 3))
    shift = rng.normal(size=(n * k, 3)) * 0.5 * half
    density = rng.uniform(0.18, 0.5, n)[owner]
    axes = frames(rng, free(n * k))
    return ellipsoids(sites.xyz_mm[owner] + shift, half, axes, owner, density, soft=True)


def stones(rng: Generator, sites: Sites, size: Array, n_parts: int) -> Batch:
    """Angular: crystals, `n_parts` grown together in each body, of very unlike proportions."""
    n = len(sites)
    owner = np.repeat(np.arange(n), n_parts)
    half = size[owner, None] / 2 * rng.uniform(0.45, 1.0, (n * n_parts, 3)) * (n_parts**-0.25)
    shift = rng.normal(size=(n * n_parts, 3)) * (size[owner] * 0.28 * (n_parts > 1))[:, None]
    return crystals(rng, sites.xyz_mm[owner] + shift, half, owner)


def accretions(rng: Generator, sites: Sites) -> Batch:
    """Coarse heterogeneous: balls that stuck to one another one by one; some bodies coalesce."""
    n, k = len(sites), int(rng.integers(4, 9))
    size = sizes(rng, n, 0.7, 0.25, 0.5, 1.1)
    radius = size[:, None] * rng.uniform(0.13, 0.32, (n, k))
    place = np.zeros((n, k, 3))
    for j in range(1, k):
        on = rng.integers(0, j, n)
        reach = (radius[np.arange(n), on] + radius[:, j]) * rng.uniform(0.5, 0.8, n)
        place[:, j] = place[np.arange(n), on] + unit(rng.normal(size=(n, 3))) * reach[:, None]
    place += sites.xyz_mm[:, None]
    owner = np.repeat(np.arange(n), k)
    half = np.repeat(radius.reshape(-1, 1), 3, axis=1) * rng.uniform(0.8, 1.2, (n * k, 3))
    return ellipsoids(place.reshape(-1, 3), half, frames(rng, free(n * k)), owner, 1.0)


def splinters(rng: Generator, sites: Sites) -> Batch:
    """Fine pleomorphic: two or three short crooked pieces each, commas and Vs among dots."""
    n, k = len(sites), 3
    size = sizes(rng, n, 0.3, 0.5, 0.14, 0.65)
    turn = (
        unit(rng.normal(size=(n, k, 3)))
        * (size[:, None] * rng.uniform(0.15, 0.5, (n, k)))[..., None]
    )
    path = sites.xyz_mm[:, None] + np.concatenate([np.zeros((n, 1, 3)), np.cumsum(turn, 1)], axis=1)
    radius = size[:, None] * rng.uniform(0.1, 0.3, (n, k + 1))
    ends = np.stack([radius[:, :-1], radius[:, 1:]], axis=-1).reshape(-1, 2)
    owner = np.repeat(np.arange(n), k)
    return rods(path[:, :-1].reshape(-1, 3), path[:, 1:].reshape(-1, 3), ends, owner, 1.0)


def casts(rng: Generator, sites: Sites, broken: bool = False) -> Batch:
    """Fine linear: crooked casts of a duct with uneven calibre; `broken` ones have gaps."""
    n, k = len(sites), 7
    calibre = sizes(rng, n, 0.19, 0.3, 0.1, 0.36)
    length = np.maximum(sizes(rng, n, 1.3, 0.5, 0.6, 4.5), 4.5 * calibre)
    course = _course(rng, sites, 0.15)[:, None] + np.cumsum(rng.normal(0, 0.16, (n, k, 3)), axis=1)
    steps = unit(course) * (length / k)[:, None, None]
    path = np.concatenate([np.zeros((n, 1, 3)), np.cumsum(steps, axis=1)], axis=1)
    path += (sites.xyz_mm - path.mean(1))[:, None]
    radius = calibre[:, None] / 2 * rng.uniform(0.6, 1.25, (n, k + 1))
    start, end = path[:, :-1], path[:, 1:]
    kept = np.ones((n, k), bool)
    if broken:
        kept = rng.random((n, k)) > 0.22
        end = start + (end - start) * rng.uniform(0.3, 1.0, (n, k, 1))
        kept[:, 0] = True
    ends = np.stack([radius[:, :-1], radius[:, 1:]], axis=-1)
    owner = np.repeat(np.arange(n), k).reshape(n, k)
    return rods(start[kept], end[kept], np.minimum(ends[kept], 0.22), owner[kept], 1.0)


def _wall(sites: Sites) -> tuple[Array, Array, Array]:
    along = unit(sites.along)
    flat = unit(np.column_stack([-along[:, 1], along[:, 0], np.zeros(len(along))]))
    return along, flat, np.cross(along, flat)


def plaques(rng: Generator, sites: Sites) -> Batch:
    """Vascular: thin plates in the wall, seen edge-on as rails and face-on hardly at all."""
    n, radius = len(sites), rng.uniform(0.45, 1.3)
    along, flat, up = _wall(sites)
    one_wall = rng.random() < 0.15
    turn = rng.normal(0, 0.5, n) if one_wall else rng.uniform(0, 2 * np.pi, n)
    out = np.cos(turn)[:, None] * flat + np.sin(turn)[:, None] * up
    half = np.column_stack(
        [rng.uniform(0.2, 0.9, n), rng.uniform(0.05, 0.11, n), radius * rng.uniform(0.2, 0.5, n)]
    )
    axes = np.stack([along, out, np.cross(along, out)], axis=1)
    return ellipsoids(sites.xyz_mm + radius * out, half, axes, np.arange(n), 1.0)


def rails(rng: Generator, sites: Sites) -> Batch:
    """Vascular: dashes on two lines beside the middle, here and there a ring between them."""
    n, radius = len(sites), rng.uniform(0.4, 1.2)
    along, flat, _ = _wall(sites)
    side = rng.choice([-1.0, 1.0], n, p=[0.5, 0.5] if rng.random() < 0.85 else [0.08, 0.92])
    across = rng.random(n) < 0.06
    middle = sites.xyz_mm + (side * radius * rng.normal(1, 0.06, n))[:, None] * flat
    middle[across] = sites.xyz_mm[across]
    way = along * rng.uniform(0.15, 1.0, (n, 1))
    way[across] = flat[across] * radius
    thick = rng.uniform(0.06, 0.16, (n, 1)).repeat(2, 1)
    return rods(middle - way, middle + way, thick, np.arange(n), rng.uniform(0.5, 1.0, n))


MODELS: dict[str, dict[str, Callable[[Generator, Sites], Batch]]] = {
    "round": {
        "smooth_balls": lambda rng, sites: smooth_balls(rng, sites, 0.68, 0.5, 1.0),
        "cobbles": lambda rng, sites: cobbles(rng, sites, 0.72, 0.55, 1.05),
    },
    "punctate": {
        "smooth_balls": lambda rng, sites: smooth_balls(rng, sites, 0.26, 0.15, 0.44),
        "seeds": seeds,
        "cobbles": lambda rng, sites: cobbles(rng, sites, 0.3, 0.18, 0.46),
    },
    "popcorn": {"bunches": bunches, "lobed_outlines": lobed_outlines},
    "rod_like": {"smooth_rods": smooth_rods, "cigars": cigars},
    "amorphous": {"dust": dust, "puffs": puffs},
    "coarse_heterogeneous": {
        "stones": lambda rng, s: stones(rng, s, sizes(rng, len(s), 0.75, 0.25, 0.5, 1.15), 3),
        "accretions": accretions,
    },
    "fine_pleomorphic": {
        "shards": lambda rng, s: stones(rng, s, sizes(rng, len(s), 0.34, 0.55, 0.15, 0.8), 1),
        "splinters": splinters,
    },
    "fine_linear": {"casts": casts, "broken_casts": lambda rng, s: casts(rng, s, broken=True)},
    "vascular": {"plaques": plaques, "rails": rails},
}
"""For each form its particle models; they share no code or no parameter."""
