"""Sites that follow no single duct: diffuse, regional and grouped arrangements."""

from __future__ import annotations

import numpy as np

from .anatomy import Array, Breast, Generator, Sites, loose_sites, on_path, unit, wander


def _ball(rng: Generator, n: int) -> Array:
    """Draw points evenly in the unit ball."""
    return unit(rng.normal(size=(n, 3))) * rng.random((n, 1)) ** (1 / 3)


def _weights(rng: Generator, xyz_mm: Array, wave_mm: tuple[float, float], contrast: float) -> Array:
    """Chances from a smooth random field: eight waves of random length and direction."""
    waves = unit(rng.normal(size=(8, 3))) * (2 * np.pi / rng.uniform(*wave_mm, (8, 1)))
    field = np.cos(xyz_mm @ waves.T + rng.uniform(0, 2 * np.pi, 8)).sum(1) / 2
    chance = np.exp(contrast * field)
    return chance / chance.sum()


def _lobules(rng: Generator, seeds_mm: Array, n: int) -> Array:
    """Fill lobules (1 to 2 mm long, half as wide) at `seeds_mm` with `n` points."""
    shares = rng.gamma(rng.uniform(0.5, 3), size=len(seeds_mm)) + 1e-6
    seed = np.sort(rng.choice(len(seeds_mm), n, p=shares / shares.sum()))
    size = rng.uniform(0.5, 1.0, (len(seeds_mm), 1)) * rng.uniform(0.5, 1.0, (len(seeds_mm), 3))
    return seeds_mm[seed] + _ball(rng, n) * size[seed]


def _centre(rng: Generator, breast: Breast, room_mm: float) -> Array:
    """Draw a middle with about `room_mm` of gland around it, as far as there is that much."""
    options = breast.draw(rng, 24)
    for rim in (room_mm, 0.6 * room_mm, 0.3 * room_mm):
        roomy = breast.inside(options, 3 + rim)
        if roomy.any():
            return options[roomy.argmax()]
    return options[0]


def _kept(breast: Breast, xyz_mm: Array) -> Sites:
    """Keep what lies in the gland; thickness is no reason to drop a point."""
    xyz_mm[:, 2] = np.clip(xyz_mm[:, 2], 1.5, breast.thickness_mm - 1.5)
    return loose_sites(xyz_mm[breast.inside(xyz_mm)])


def lobule_lottery(rng: Generator, breast: Breast, n: int) -> Sites:
    """Diffuse: lobules all over the gland, of which some have calcified."""
    seeds = breast.draw(rng, max(n // int(rng.integers(1, 4)), 12))
    return _kept(breast, _lobules(rng, seeds, n))


def whole_field(rng: Generator, breast: Breast, n: int) -> Sites:
    """Diffuse: uneven with the glandular tissue, here a random field."""
    xyz = breast.draw(rng, 6 * n)
    chance = _weights(rng, xyz, (25, 90), rng.uniform(0.2, 0.9))
    return _kept(breast, xyz[rng.choice(len(xyz), n, replace=False, p=chance)])


def many_nests(rng: Generator, breast: Breast, n: int) -> Sites:
    """Diffuse: many similar nests, with loose points between them."""
    nests = breast.draw(rng, int(rng.integers(7, 20)))
    n_loose = int(n * rng.uniform(0.15, 0.5))
    spread = rng.uniform(2, 6, len(nests))
    nest = rng.integers(0, len(nests), n - n_loose)
    xyz = nests[nest] + rng.normal(size=(n - n_loose, 3)) * spread[nest, None]
    return _kept(breast, np.concatenate([xyz, breast.draw(rng, n_loose)]))


def all_ducts(rng: Generator, breast: Breast, n: int) -> Sites:
    """Diffuse: secretory disease, in the ducts of every lobe, each of which ends in the nipple."""
    n_ducts = int(rng.integers(12, 26))
    ends = breast.draw(rng, 4 * n_ducts)
    far = np.linalg.norm(ends - breast.nipple_mm, axis=1)
    ends = ends[np.argsort(-far * rng.uniform(0.6, 1, len(far)))[:n_ducts]]
    parts, directions = [], []
    for k, end in enumerate(ends):
        way = breast.nipple_mm - end
        reach = np.linalg.norm(way)
        path = wander(rng, end, way / reach, reach * 0.85, 60)
        xyz, along = on_path(path, rng.uniform(0, 0.85 * reach, n // n_ducts + (k < n % n_ducts)))
        parts.append(xyz)
        directions.append(along)
    xyz, along = np.concatenate(parts), np.concatenate(directions)
    xyz[:, 2] = np.clip(xyz[:, 2], 1.5, breast.thickness_mm - 1.5)
    inside = breast.inside(xyz, 0)
    return loose_sites(xyz[inside], along[inside])


def patchy_region(rng: Generator, breast: Breast, n: int) -> Sites:
    """Regional: an ellipse of tissue, filled by a random field."""
    radius = rng.uniform(14, 32)
    axes = radius * np.array([1, rng.uniform(0.55, 1), rng.uniform(0.3, 0.7)])
    turn = rng.uniform(0, np.pi)
    xyz = _ball(rng, 6 * n) * axes
    c, s = np.cos(turn), np.sin(turn)
    xyz[:, :2] = xyz[:, :2] @ np.array([[c, s], [-s, c]])
    chance = _weights(rng, xyz, (8, 30), rng.uniform(0.3, 1.2))
    chosen = rng.choice(len(xyz), n, replace=False, p=chance)
    return _kept(breast, _centre(rng, breast, radius) + xyz[chosen])


def several_groups(rng: Generator, breast: Breast, n: int) -> Sites:
    """Regional: three to seven tight groups, too far apart to be one."""
    radius, n_groups = rng.uniform(13, 28), int(rng.integers(3, 8))
    middles = unit(rng.normal(size=(n_groups, 3))) * rng.uniform(0.5, 1, (n_groups, 1))
    spread = rng.uniform(1, 4, n_groups)
    group = rng.integers(0, n_groups, n)
    xyz = (middles * radius)[group] + rng.normal(size=(n, 3)) * spread[group, None]
    return _kept(breast, _centre(rng, breast, radius) + xyz)


def band_under_skin(rng: Generator, breast: Breast, n: int) -> Sites:
    """Regional: a broad arc of the gland, across the ducts rather than along them."""
    depth = rng.uniform(0.45, 0.8)
    span = rng.uniform(24, 55) / breast.half_height_mm
    angle = rng.uniform(-0.7, 0.7) + rng.uniform(-span, span, n) / 2
    level = depth + rng.uniform(-1, 1, n) * rng.uniform(6, 11) / breast.depth_mm
    u = breast.depth_mm * level * np.cos(angle) ** (2 / breast.power)
    v = breast.half_height_mm * level * np.sign(angle) * np.abs(np.sin(angle))
    middle = rng.uniform(0.3, 0.7) * breast.thickness_mm
    return _kept(breast, breast.point(u, v, middle + rng.normal(0, 5, n)))


def lobule_region(rng: Generator, breast: Breast, n: int) -> Sites:
    """Regional: neighbouring lobules of one part of the gland, each with its few points."""
    radius = rng.uniform(13, 30)
    seeds = rng.uniform(-1, 1, (max(n // int(rng.integers(2, 6)), 6), 3)) * radius
    seeds[:, 2] *= 0.5
    return _kept(breast, _centre(rng, breast, radius) + _lobules(rng, seeds, n))


def few_lobules(rng: Generator, breast: Breast, n: int) -> Sites:
    """Grouped: the acini of one to four terminal lobules."""
    seeds = _ball(rng, int(rng.integers(1, 5))) * rng.uniform(1.5, 4)
    xyz = _lobules(rng, seeds, n) * rng.uniform(1.0, 2.5)
    return _kept(breast, _centre(rng, breast, 6) + xyz)


def heavy_cloud(rng: Generator, breast: Breast, n: int) -> Sites:
    """Grouped: dense in the middle with a long tail (Student's t), turned at random."""
    xyz = rng.standard_t(rng.uniform(2.5, 12), (n, 3)) * rng.uniform(0.9, 3.2)
    xyz[:, 1] *= rng.uniform(0.5, 1)
    turn = rng.uniform(0, np.pi)
    c, s = np.cos(turn), np.sin(turn)
    xyz[:, :2] = xyz[:, :2] @ np.array([[c, s], [-s, c]])
    return _kept(breast, _centre(rng, breast, 10) + xyz)


def mass_shell(rng: Generator, breast: Breast, n: int) -> Sites:
    """Grouped: on and under the surface of a round mass, such as a fibroadenoma."""
    radius = rng.uniform(3, 9)
    xyz = unit(rng.normal(size=(n, 3))) * radius * rng.beta(6, 1.5, (n, 1))
    xyz[:, 1] *= rng.uniform(0.7, 1)
    return _kept(breast, _centre(rng, breast, radius) + xyz)


def angular_field(rng: Generator, breast: Breast, n: int) -> Sites:
    """Grouped: a triangle or trapezoid filled evenly, as intraductal groups tend to look."""
    size = rng.uniform(3, 9)
    corners = np.column_stack([rng.uniform(-1, 1, (5, 2)), rng.uniform(-0.6, 0.6, 5)]) * size
    corner = np.argsort(rng.random((n, 5)), axis=1)[:, :3]
    mix = rng.dirichlet([1, 1, 1], n)
    return _kept(breast, _centre(rng, breast, size) + np.einsum("nk,nkd->nd", mix, corners[corner]))
