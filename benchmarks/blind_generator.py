"""Simulate labelled calcification clusters from the published definitions alone.

A second opinion: written from the BI-RADS words and breast anatomy without sight of the
project's own simulator, features or models, and meant for one last test. A breast is outlined,
ducts, lobules, lobes or vessels are laid in it, calcifications are drawn as polygons and
measured, and an imperfect detector has the last word. The label is that of the pattern before
the detector. Points are complex numbers x + iy in mm, y down; angles are radians.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import count

import numpy as np
from scipy.spatial import ConvexHull
from scipy.special import gamma

from calcigram.clusters import OPTIONAL_MARKS, ClusterSet
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES

Rng = np.random.Generator
Array = np.ndarray

VERTICES = 40
POOL_SIZE = 170
PATH_STEP_MM = 0.25
THETA = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
PIXEL_SIZES_MM = (0.05, 0.07, 0.07, 0.085, 0.085, 0.1, 0.1, 0.2)
NO_NIPPLE_SHARE, NO_AREA_SHARE, NO_MARKS_SHARE = 0.30, 0.40, 0.08

ARRANGEMENTS: dict[str, tuple[str, ...]] = {
    "diffuse": ("scattered", "patchy_gland", "lobules_throughout", "denser_behind_nipple"),
    "regional": ("uneven_patch", "crosswise_band", "several_lobules", "soft_clouds"),
    "segmental": ("filled_lobe", "lobules_of_lobe", "fan_of_ducts", "lobe_tree"),
    "grouped": ("even_patch", "one_lobule", "neighbouring_lobules", "angular_outline"),
    "linear": ("duct", "duct_with_skips", "duct_wide", "oblique_arc"),
    "branching": ("fork", "two_forks", "side_twigs"),
}
# Form: bulk, contrast-to-noise ratio at 0.3 mm and its log spread, spread in radians of the
# long axis about the duct or vessel (None: they lie anyhow), variants.
_FORMS: dict[str, tuple[str, float, float, float | None, tuple[str, ...]]] = {
    "round": ("medium", 8.5, 0.15, None, ("pearls", "beads")),
    "punctate": ("fine", 7.0, 0.2, None, ("dots", "ovals")),
    "popcorn": ("popcorn", 9.0, 0.2, None, ("lobulated", "knobbly")),
    "rod_like": ("rod", 8.0, 0.15, 0.14, ("needles", "cigars")),
    "amorphous": ("fine", 2.6, 0.22, None, ("powder", "smudges")),
    "coarse_heterogeneous": ("medium", 8.0, 0.35, None, ("stones", "coalescing")),
    "fine_pleomorphic": ("fine", 7.0, 0.4, None, ("crushed_stone", "chips")),
    "fine_linear": ("fine", 6.0, 0.3, 0.28, ("casts", "dashes", "forked")),
    "vascular": ("fine", 5.5, 0.3, 0.14, ("tram_track", "one_wall", "granular")),
}
# Variant: lowest and highest typical diameter in mm, log spread, limits in mm,
# mean excess of the aspect ratio over 1, roughness of the outline.
_GRAINS: dict[str, tuple[float, ...]] = {
    "pearls": (0.58, 0.85, 0.07, 0.5, 1.0, 0.04, 0.015),
    "beads": (0.58, 0.85, 0.16, 0.5, 1.0, 0.06, 0.02),
    "dots": (0.2, 0.36, 0.12, 0.13, 0.46, 0.05, 0.02),
    "ovals": (0.2, 0.36, 0.2, 0.13, 0.46, 0.25, 0.02),
    "lobulated": (2.3, 4.2, 0.2, 2.1, 7.0, 0.15, 0.0),
    "knobbly": (2.3, 4.2, 0.25, 2.1, 7.0, 0.15, 0.0),
    "powder": (0.11, 0.2, 0.25, 0.08, 0.3, 0.25, 0.1),
    "smudges": (0.24, 0.42, 0.25, 0.15, 0.65, 0.3, 0.12),
    "stones": (0.62, 0.85, 0.2, 0.5, 1.1, 0.5, 0.22),
    "coalescing": (0.62, 0.85, 0.2, 0.5, 1.1, 0.45, 0.2),
    "crushed_stone": (0.22, 0.34, 0.4, 0.1, 0.6, 0.45, 0.23),
    "chips": (0.22, 0.34, 0.45, 0.1, 0.6, 0.65, 0.18),
    "granular": (0.25, 0.42, 0.25, 0.15, 0.7, 0.8, 0.08),
}
# Variant: lowest and highest typical calibre, its limits, lowest and highest typical length,
# its limits (all mm), least length over calibre, bend as a share of the length, roughness.
_STRANDS: dict[str, tuple[float, ...]] = {
    "needles": (0.55, 0.85, 0.5, 1.2, 3.0, 5.5, 2.2, 8.0, 3.5, 0.04, 0.03),
    "cigars": (0.6, 0.95, 0.5, 1.3, 2.4, 3.6, 2.0, 6.0, 2.8, 0.03, 0.03),
    "casts": (0.12, 0.28, 0.08, 0.42, 1.2, 2.4, 0.6, 4.5, 3.5, 0.06, 0.16),
    "dashes": (0.12, 0.26, 0.08, 0.42, 0.7, 1.2, 0.5, 3.0, 3.5, 0.05, 0.16),
    "forked": (0.12, 0.26, 0.08, 0.42, 1.2, 2.4, 0.6, 4.5, 4.0, 0.06, 0.15),
    "tram_track": (0.22, 0.42, 0.15, 0.6, 0.9, 2.0, 0.5, 4.0, 2.0, 0.04, 0.12),
    "one_wall": (0.22, 0.42, 0.15, 0.6, 0.9, 2.0, 0.5, 4.0, 2.0, 0.04, 0.12),
}
# Fewest and most calcifications, by how bulky they are.
_COUNTS: dict[str, dict[str, tuple[int, int]]] = {
    "diffuse": {"fine": (40, 160), "medium": (30, 110), "rod": (22, 60), "popcorn": (14, 26)},
    "regional": {"fine": (30, 110), "medium": (22, 75), "rod": (13, 32), "popcorn": (7, 14)},
    "segmental": {"fine": (40, 130), "medium": (32, 90), "rod": (22, 45)},
    "grouped": {"fine": (7, 36), "medium": (6, 24), "rod": (6, 10), "popcorn": (5, 7)},
    "linear": {"fine": (9, 28), "medium": (8, 20), "rod": (6, 11)},
    "branching": {"fine": (14, 15), "medium": (14, 15), "rod": (12, 13)},
}


# What an arrangement must know of the calcifications it is to place.
_Grain = namedtuple("_Grain", ["n", "gap_mm", "spacing_mm", "few"])


class _Breast:
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


def _curve(rng: Rng, start: complex, heading: float, length_mm: float, bend: float) -> Array:
    """Return a smooth path; `bend` is about its total turn."""
    s = np.arange(0, length_mm + PATH_STEP_MM, PATH_STEP_MM) / length_mm
    turn = rng.normal(0, bend) * s
    for waves, swing in enumerate(rng.normal(0, 0.35 * bend, 3), start=1):
        turn += swing / waves * np.sin(2 * np.pi * (waves * s + rng.random()))
    steps = PATH_STEP_MM * np.exp(1j * (heading + turn - turn[0]))
    return start + np.append(0, np.cumsum(steps[:-1]))


def _along_paths(rng: Rng, paths: list[Array], step_mm: float, sd_mm: float, walls: dict) -> Array:
    """Fill `walls` (offset mm: share); rows: points, unit vectors along the duct or vessel."""
    rows = []
    for path, (wall_mm, share) in ((path, wall) for path in paths for wall in walls.items()):
        n = int(2 * len(path) * PATH_STEP_MM / step_mm) + 4
        gaps_mm = step_mm * (0.6 + 0.4 * rng.gamma(3.0, 1 / 3, n))
        at = np.rint((np.cumsum(gaps_mm) - gaps_mm[0] * rng.uniform(0.5, 1)) / PATH_STEP_MM)
        at = at[at < len(path)].astype(int)
        n = int(np.ceil(share * len(at)))
        at = at[rng.integers(0, len(at) - n + 1) :][:n]
        along = np.exp(1j * np.angle(np.gradient(path)))[at]
        side_mm = wall_mm + sd_mm * np.clip(rng.normal(size=n), -2, 2)
        rows.append([path[at] + 1j * along * side_mm, along])
    return np.hstack(rows)


def _apart(points: Array, n: int, gap_mm: float) -> Array:
    """Keep the first `n` points no two of which are closer than `gap_mm`."""
    points = points[: 4 * n]
    close = np.abs(points[:, None] - points) < gap_mm
    kept, blocked = [], np.zeros(len(points), bool)
    for i in range(len(points)):
        if len(kept) < n and not blocked[i]:
            kept.append(i)
            blocked |= close[i]
    return points[kept]


def _normal(rng: Rng, n: int) -> Array:
    """Return `n` points of a round normal cloud of unit spread each way."""
    return rng.normal(size=n) + 1j * rng.normal(size=n)


def _ball(rng: Rng, n: int) -> Array:
    """Return `n` points of a filled unit ball, seen in projection."""
    xyz = rng.normal(size=(3, n))
    xyz *= rng.random(n) ** (1 / 3) / np.linalg.norm(xyz, axis=0)
    return xyz[0] + 1j * xyz[1]


def _lobules(rng: Rng, sites: Array, grain: _Grain) -> Array:
    """Return candidates in terminal lobules, large enough for what they must hold."""
    crowd_mm = 0.55 * grain.gap_mm * np.sqrt(max(1, 1.1 * grain.n / len(sites)))
    radius_mm = rng.uniform(0.7, 1.6, len(sites)) + crowd_mm
    weights = rng.dirichlet(np.full(len(sites), 4.0))
    owner = rng.choice(len(sites), 4 * grain.n + 20, p=weights)
    return sites[owner] + radius_mm[owner] * _ball(rng, len(owner))


def _blob(rng: Rng, centre: complex, long_mm: float, ratio: float, tilt: float, n: int) -> Array:
    """Return `n` uniform points in an uneven ellipse of width over length `ratio`."""
    theta = rng.uniform(0, 2 * np.pi, n)
    r = np.sqrt(rng.random(n)) * long_mm / 2
    for k in (2, 3, 4):
        r *= 1 + rng.normal(0, 0.12 / k) * np.cos(k * theta + rng.uniform(0, 2 * np.pi))
    return centre + (r * np.cos(theta) + 1j * ratio * r * np.sin(theta)) * np.exp(1j * tilt)


def _candidates(rng: Rng, breast: _Breast, grain: _Grain, arrangement: str) -> Array:
    """Return more than enough centres for an arrangement in the tissue, in random order."""
    n, few = 8 * grain.n + 60, int(rng.integers(3, 6))
    centre, region_mm = breast.scatter(rng, 1, scale=0.8)[0], rng.uniform(27, 50)
    tilt, ratio = rng.uniform(0, np.pi), rng.uniform(0.65, 1)
    across = np.angle(centre - breast.nipple) + np.pi / 2 + rng.uniform(-0.6, 0.6)
    group_mm = min(16.5, max(1.7 * grain.gap_mm * np.sqrt(grain.n), rng.uniform(3, 15)))
    match arrangement:
        case "scattered" | "patchy_gland" | "denser_behind_nipple":
            pool = breast.scatter(rng, n)
            patches = np.exp(-((np.abs(pool[:, None] - breast.scatter(rng, 9)) / 16) ** 2))
            patchy = 0.15 + patches.max(axis=1)
            graded = np.clip(1.15 - 0.55 * np.abs(pool - breast.nipple) / breast.depth_mm, 0.3, 1)
            share = {"patchy_gland": patchy, "denser_behind_nipple": graded}.get(arrangement, 1)
            return pool[rng.random(len(pool)) < share]
        case "lobules_throughout":
            return _lobules(rng, breast.scatter(rng, rng.integers(16, 36), 0.93), grain)
        case "uneven_patch" | "crosswise_band":
            narrow = rng.uniform(0.45, 0.6) if arrangement == "crosswise_band" else ratio
            return _blob(rng, centre, region_mm, narrow, across, n)
        case "several_lobules":
            sites = _blob(rng, centre, region_mm, ratio, across, int(rng.integers(7, 16)))
            return _lobules(rng, sites, grain)
        case "soft_clouds":
            humps = _blob(rng, centre, 0.7 * region_mm, ratio, across, few)
            return rng.choice(humps, n) + 0.16 * region_mm * _normal(rng, n)
        case "filled_lobe" | "lobules_of_lobe":
            turn = across - np.pi / 2 + np.deg2rad(rng.uniform(14, 29)) * rng.uniform(-1, 1, n)
            far_mm = rng.uniform(38, min(78, 0.9 * breast.depth_mm))
            reach_mm = np.sqrt(rng.uniform(rng.uniform(5, 14) ** 2, far_mm**2, n))
            pool = breast.nipple + reach_mm * np.exp(1j * turn)
            sites = pool[: rng.integers(14, 26)]
            return pool if arrangement == "filled_lobe" else _lobules(rng, sites, grain)
        case "even_patch":
            return _blob(rng, centre, group_mm, ratio, tilt, n)
        case "one_lobule":
            return centre + max(0.25 * group_mm, grain.gap_mm * np.sqrt(grain.n)) * _ball(rng, n)
        case "neighbouring_lobules":
            sites = _blob(rng, centre, 0.65 * group_mm, 0.8, tilt, few)
            return rng.choice(sites, n) + 0.24 * group_mm * _ball(rng, n)
        case _:  # angular_outline
            corners = np.exp(1j * (tilt + 2 * np.pi / few * (np.arange(few) + rng.random(few) / 2)))
            return centre + 0.55 * group_mm * (rng.dirichlet(np.ones(few), n) @ corners)


def _tree(
    rng: Rng, start: complex, heading: float, legs_mm: list[float], spread: float, full: bool
) -> list[Array]:
    """Return a stem and its forks, one a leg; if not `full`, one of two arms forks no more."""
    stem = _curve(rng, start, heading, legs_mm[0] * rng.uniform(0.85, 1.15), 0.15)
    if len(legs_mm) == 1:
        return [stem]
    last, share, rest = np.angle(stem[-1] - stem[-2]), rng.uniform(0.35, 0.65), legs_mm[1:]
    left = _tree(rng, stem[-1], last + share * spread, rest, 0.7 * spread, full)
    rest, away = rest if full else rest[:1], last - (1 - share) * spread
    return [stem, *left, *_tree(rng, stem[-1], away, rest, 0.7 * spread, full)]


def _paths(rng: Rng, breast: _Breast, grain: _Grain, arrangement: str) -> list[Array]:
    """Return ducts or vessels; of a branching one the trunk comes first."""
    angle, reach_mm = np.pi + rng.uniform(-0.9, 0.9), rng.uniform(5, 0.45 * breast.depth_mm)
    start, heading = breast.nipple + reach_mm * np.exp(1j * angle), angle + rng.normal(0, 0.1)
    if arrangement in ("vessel", "vessel_fork", "oblique_arc"):
        start, heading = breast.scatter(rng, 1, scale=0.75)[0], rng.uniform(0, 2 * np.pi)
    length_mm = np.clip(grain.n * grain.spacing_mm, 11, 62)
    leg_mm = grain.spacing_mm * (rng.uniform(4.6, 6.5) if grain.few else rng.uniform(6.5, 10.5))
    apex, lobe_mm = breast.nipple + 10 * np.exp(1j * angle), rng.uniform(28, 0.75 * breast.depth_mm)
    opening, spread = np.deg2rad(rng.uniform(28, 58)), np.deg2rad(rng.uniform(42, 78))
    match arrangement:
        case "vessel":
            return [_curve(rng, start, heading, rng.uniform(25, 75), rng.uniform(0.3, 0.9))]
        case "vessel_fork":
            return _tree(rng, start, heading, list(rng.uniform(13, 23, 2)), spread, True)
        case "duct_with_skips":
            path, skip = _curve(rng, start, heading, length_mm, 0.2), int(length_mm / 3)
            cuts = np.rint(len(path) * rng.uniform([0.2, 0.6], [0.45, 0.8])).astype(int)
            return [piece[skip:] for piece in np.split(path, cuts)]
        case "fan_of_ducts":
            angles = angle + opening * np.linspace(-0.5, 0.5, rng.integers(5, 7))
            starts = apex + rng.uniform(0, 6, len(angles)) * np.exp(1j * angles)
            ends = [(a + rng.normal(0, 0.05), lobe_mm * rng.uniform(0.75, 1)) for a in angles]
            return [_curve(rng, a, *end, 0.12) for a, end in zip(starts, ends, strict=True)]
        case "lobe_tree":
            angles, legs_mm = angle + opening * np.array([-0.35, 0, 0.35]), [lobe_mm / 2.8] * 3
            trees = [_tree(rng, apex, a, legs_mm, 0.5 * opening, True) for a in angles]
            return [path for tree in trees for path in tree]
        case "fork":
            return _tree(rng, start, heading, [leg_mm, leg_mm], spread, True)
        case "two_forks":
            return _tree(rng, start, heading, [leg_mm] * 3, rng.uniform(1.05, 1.5), False)
        case "side_twigs":
            paths, side = [_curve(rng, start, heading, 2.3 * leg_mm, 0.15)], rng.choice([-1, 1])
            for share in np.linspace(0.22, 0.75, 2 if grain.few else rng.integers(2, 4)):
                at, side = int((share + rng.uniform(-0.05, 0.05)) * len(paths[0])), -side
                away = np.angle(paths[0][at] - paths[0][at - 1]) + side * rng.uniform(0.7, 1.1)
                paths.append(_curve(rng, paths[0][at], away, 0.85 * leg_mm, 0.15))
            return paths
        case _:
            bend = 0.5 if arrangement == "oblique_arc" else 0.2
            return [_curve(rng, start, heading, length_mm, bend)]


def _meets_definition(distribution: str, points: Array, breast: _Breast) -> bool:
    """Tell whether the noise-free pattern is beyond doubt what its label says."""
    extent_mm = np.abs(points[:, None] - points).max()
    if distribution in ("linear", "branching"):
        return bool(10 < extent_mm < (80 if distribution == "linear" else 70))
    xy = np.column_stack([points.real, points.imag])
    share = ConvexHull(xy).volume / breast.area_mm2
    minor, major = np.sqrt(np.linalg.eigvalsh(np.cov(xy.T)))
    lobe = (points - breast.nipple) / np.exp(1j * np.angle((points - breast.nipple).mean()))
    far = lobe.real > np.median(lobe.real)
    widening = lobe.imag[far].std() / lobe.imag[~far].std()
    opening_deg = np.rad2deg(np.ptp(np.quantile(np.angle(lobe), [0.03, 0.97])))
    wedge = widening > 1.35 and np.abs(lobe).min() < 0.42 * np.abs(lobe).max()
    verdicts = {
        "diffuse": share > 0.58 and extent_mm > 72,
        "grouped": extent_mm < 18.5 and minor > 0.5 * major,
        "regional": 26 < extent_mm < 56 and share < 0.36 and minor > 0.42 * major and not wedge,
        "segmental": extent_mm > 26 and share < 0.42 and wedge and 20 < opening_deg < 64,
    }
    return bool(verdicts[distribution])


def _uneven(rng: Rng, diameter_mm: Array, aspect: Array, roughness: Array) -> Array:
    """Return round to jagged outlines, the major axis along x."""
    r = np.ones((len(diameter_mm), VERTICES))
    for k in range(2, 8):
        phase, swing = rng.uniform(0, 2 * np.pi, len(r)), rng.normal(0, roughness / np.sqrt(k))
        r += swing[:, None] * np.cos(k * THETA + phase[:, None])
    r = np.clip(r, 0.25, None) * (diameter_mm / 2)[:, None]
    stretch = np.sqrt(aspect)[:, None]
    return r * (np.cos(THETA) * stretch + 1j * np.sin(THETA) / stretch)


def _lobulated(rng: Rng, diameter_mm: Array, n_lobes: int) -> Array:
    """Return the outer edge of overlapping discs round a centre."""
    shape = (len(diameter_mm), 1, n_lobes)
    spoke = 2 * np.pi * np.arange(n_lobes) / n_lobes + rng.uniform(-0.3, 0.3, shape)
    out, radius = rng.uniform(0.45, 0.75, shape), rng.uniform(0.3, 0.5, shape)
    delta = THETA[:, None] - spoke
    under_root = radius**2 - (out * np.sin(delta)) ** 2
    ray = np.where(under_root > 0, out * np.cos(delta) + np.sqrt(np.abs(under_root)), 0)
    r = np.clip(ray.max(axis=2), 0.35, None)
    r *= (diameter_mm / 2 / np.sqrt((r**2).mean(axis=1)))[:, None]
    return r * np.exp(1j * THETA)


def _strands(
    rng: Rng, length_mm: Array, calibre_mm: Array, bend: float, rough: float, twigged: Array
) -> Array:
    """Return rods and threads along x, bent by about `bend` of their length; some with a twig."""
    n, t = len(length_mm), np.linspace(-1, 1, VERTICES // 2)
    bow = rng.normal(0, bend, (n, 1)) * (t**2 - 0.33)
    bow += rng.normal(0, bend / 3, (n, 1)) * np.sin(np.pi * t)
    spine = length_mm[:, None] * (t / 2 + 1j * bow)
    half = calibre_mm[:, None] / 2 * np.clip(1 - t**8, 0.15, None)
    above, below = half * np.clip(1 + rough * rng.normal(size=(2, n, len(t))), 0.35, 1.8)
    above[twigged, rng.integers(4, 16, n)[twigged]] += 0.35 * length_mm[twigged]
    return np.hstack([spine - 1j * below, (spine + 1j * above)[:, ::-1]])


def _draw_outlines(rng: Rng, variant: str, n: int, compact: bool) -> Array:
    """Return `n` outlines of one variant in mm; `compact` keeps large ones small."""

    def sizes(typical_mm: float, spread: float, low_mm: float, high_mm: float) -> Array:
        return np.clip(typical_mm * np.exp(rng.normal(0, spread, n)), low_mm, high_mm)

    if variant in _STRANDS:
        thin, thick, *limits, short, long, low, high, least, bend, rough = _STRANDS[variant]
        calibre = sizes(rng.uniform(thin, thick), 0.15, *limits)
        length = sizes(rng.uniform(short, min(long, 3.5) if compact else long), 0.3, low, high)
        twigged = rng.random(n) < (0.35 if variant == "forked" else 0)
        return _strands(rng, np.maximum(length, least * calibre), calibre, bend, rough, twigged)
    small, large, spread, low, high, excess, rough = _GRAINS[variant]
    diameter = sizes(rng.uniform(small, min(large, 2.9) if compact else large), spread, low, high)
    n_lobes = {"lobulated": 4, "knobbly": 7}.get(variant, 3)
    share = {"lobulated": 1, "knobbly": 1, "coalescing": 0.5}.get(variant, 0.0)
    aspect = np.clip(1 + rng.gamma(2, excess / 2, n), 1, 3)
    uneven = _uneven(rng, diameter, aspect, rough * rng.uniform(0.5, 1.4, n))
    lobed = rng.random(n) < share
    if lobed.any():
        uneven[lobed] = _lobulated(rng, 1.05 * diameter[lobed], n_lobes)
    return uneven


def _measure(outlines: Array) -> Array:
    """Return area, major and minor axis, direction and solidity of polygons, one row each."""
    x, y = outlines.real, outlines.imag
    x2, y2 = np.roll(x, -1, 1), np.roll(y, -1, 1)
    cross = x * y2 - x2 * y
    area = cross.sum(1) / 2
    cx = ((x + x2) * cross).sum(1) / (6 * area)
    cy = ((y + y2) * cross).sum(1) / (6 * area)
    xx = ((x * x + x * x2 + x2 * x2) * cross).sum(1) / (12 * area) - cx**2
    yy = ((y * y + y * y2 + y2 * y2) * cross).sum(1) / (12 * area) - cy**2
    xy = ((x * y2 + 2 * x * y + 2 * x2 * y2 + x2 * y) * cross).sum(1) / (24 * area) - cx * cy
    root = np.hypot((xx - yy) / 2, xy)
    minor_mm = 4 * np.sqrt(np.maximum((xx + yy) / 2 - root, 1e-5))
    # Area of the convex hull from its support function.
    angles, step = np.linspace(0, 2 * np.pi, 32, endpoint=False, retstep=True)
    support = (np.stack([x, y], axis=2) @ [np.cos(angles), np.sin(angles)]).max(axis=1)
    sides = np.roll(support, 1, 1) + np.roll(support, -1, 1) - 2 * support * np.cos(step)
    solidity = np.clip(2 * area * np.sin(step) / (support * sides).sum(1), 0.2, 1)
    major_mm = 4 * np.sqrt((xx + yy) / 2 + root)
    return np.array([area, major_mm, minor_mm, 0.5 * np.arctan2(2 * xy, xx - yy), solidity])


class _Detector:
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


def _observe(
    rng: Rng, detector: _Detector, breast: _Breast, points: Array, marks: Array, cnr: Array
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
    ghosts = rng.choice(points, n_false) + reach_mm * _normal(rng, n_false)
    ghosts = ghosts[breast.contains(ghosts, 0.99)]
    k = len(ghosts)
    points = points + detector.jitter_sd_mm * _normal(rng, n)
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


def _draw_pattern(
    rng: Rng, distribution: str, form: str, variant: str, arrangement: str
) -> tuple[_Breast, Array, Array]:
    """Draw breast, points with directions, and marks until the definition is met."""
    bulk, *_, axis_sd, _ = _FORMS[form]
    lobar = arrangement in ("fan_of_ducts", "lobe_tree")
    low, high = _COUNTS[distribution][bulk] if form != "vascular" else (10, 11)
    for attempt in count():
        breast = _Breast(rng)
        if attempt % 6 == 0:
            compact = distribution in ("grouped", "branching")
            n_pool = high + 40 if high > 16 else POOL_SIZE
            marks = _measure(_draw_outlines(rng, variant, n_pool, compact))
        long_mm = float(np.median(marks[1]))
        grain = _Grain(
            n=int(np.exp(rng.uniform(np.log(low), np.log(high)))),
            gap_mm=long_mm * (0.6 if axis_sd else 1.15) + 0.05,
            spacing_mm=max(1.25 * long_mm, rng.uniform(0.7, 1.6)),
            few=bulk == "rod",
        )
        if distribution not in ("linear", "branching") and not lobar:
            pool = _candidates(rng, breast, grain, arrangement)
            pool = rng.permutation(pool[breast.contains(pool)])
            points = _apart(pool, grain.n, grain.gap_mm)
            sway = rng.normal(0, 0.2) + rng.normal(0, 0.15, len(points))
            pattern = np.array([points, np.exp(1j * (np.angle(points - breast.nipple) + sway))])
        else:
            paths = _paths(rng, breast, grain, arrangement)
            step_mm, sd_mm, walls = grain.spacing_mm, rng.uniform(0.08, 0.25), {0: 1}
            sd_mm = 0.45 if arrangement == "duct_wide" else sd_mm
            if form == "vascular":
                radius_mm, share = rng.choice([-1, 1]) * rng.uniform(0.5, 1.3), rng.uniform(0.75, 1)
                share = rng.uniform(0.1, 0.25) if variant == "one_wall" else share
                step_mm, sd_mm, walls = 1.5 * long_mm, 0.07, {radius_mm: 1, -radius_mm: share}
            step_mm *= 0.6 if lobar else 1
            pattern = _along_paths(rng, paths, step_mm, sd_mm, walls)
            if lobar:
                pattern = pattern[:, breast.contains(pattern[0])]
                chosen = _apart(rng.permutation(pattern[0]), grain.n, grain.gap_mm)
                pattern = pattern[:, np.isin(pattern[0], chosen)]
        points = pattern[0]
        inside = breast.contains(points, 0.975).all()
        countable = 0.8 * low <= len(points) <= marks.shape[1]
        if countable and inside and _meets_definition(distribution, points, breast):
            return breast, pattern, marks[:, : len(points)].copy()
    raise AssertionError


def _draw_cluster(
    rng: Rng, distribution: str, form: str, detector: _Detector
) -> tuple[str, dict[str, Array], complex, float]:
    """Return mechanism, mark columns, nipple and breast area in mm2 of one cluster."""
    _, level, spread, axis_sd, variants = _FORMS[form]
    variant, arrangement = (str(rng.choice(x)) for x in (variants, ARRANGEMENTS[distribution]))
    if form == "vascular":
        arrangement = "vessel" if distribution == "linear" else "vessel_fork"
    breast, (points, along), marks = _draw_pattern(rng, distribution, form, variant, arrangement)
    n = len(points)
    axis_sd = (axis_sd or 0) * (2 if distribution == "grouped" else 1)
    turn = np.angle(along) + rng.normal(0, axis_sd, n)
    marks[3] += turn if axis_sd else rng.uniform(0, np.pi, n)
    level *= detector.cnr_factor * np.exp(rng.normal(0, 0.12))
    cnr = level * (np.minimum(marks[2], 3.0) / 0.3) ** (0.2 if form == "amorphous" else 0.55)
    cnr = np.maximum(cnr * np.exp(rng.normal(0, spread, n)), 1.0)
    columns = _observe(rng, detector, breast, points, marks, cnr)

    tilt, mirrored = rng.uniform(-0.35, 0.35) * (rng.random() < 0.5), rng.random() < 0.5
    places = np.append(columns.pop("points"), breast.nipple) * np.exp(1j * tilt)
    places = (-places.conj() if mirrored else places) + breast.depth_mm * 1.3 + 160j
    axis_deg = columns["orientation_deg"] + np.rad2deg(tilt)
    # Rounding keeps float32 from turning 179.9999999 into the excluded 180.
    columns["orientation_deg"] = np.mod(np.round(-axis_deg if mirrored else axis_deg, 2), 180.0)
    if rng.random() < NO_MARKS_SHARE:
        columns = {name: np.full(len(places) - 1, np.nan) for name in OPTIONAL_MARKS}
    columns |= {"x_mm": places[:-1].real, "y_mm": places[:-1].imag}
    nipple = places[-1] + 1.5 * _normal(rng, 1)[0]
    nipple = complex("nan+nanj") if rng.random() < NO_NIPPLE_SHARE else nipple
    area_mm2 = breast.area_mm2 * np.exp(rng.normal(0, 0.03))
    area_mm2 = np.nan if rng.random() < NO_AREA_SHARE else area_mm2
    return f"blind.{distribution}.{arrangement}/{form}.{variant}", columns, nipple, area_mm2


def _balanced_pairs(rng: Rng, n: int) -> list[tuple[str, str]]:
    """Return `n` admissible pairs, each axis as balanced as the pairs allow."""
    pairs = [(str(d), str(m)) for d in DISTRIBUTIONS for m in MORPHOLOGIES]
    share = np.array([pair in ADMISSIBLE_PAIRS for pair in pairs], float).reshape(6, 9)
    for _ in range(200):
        share /= 6 * share.sum(axis=1, keepdims=True)  # distributions
        share /= 9 * share.sum(axis=0, keepdims=True)  # forms
    ticks = (np.arange(n) + rng.random()) / n
    cells = np.searchsorted(np.cumsum(share.ravel()) / share.sum(), ticks)
    return [pairs[cell] for cell in rng.permutation(cells)]


def generate(n: int, *, seed: int) -> ClusterSet:
    """Return `n` labelled clusters, the same for `n` and `seed`; 1 to 3 a patient, one detector."""
    rng = np.random.default_rng([seed, 0])
    pairs = _balanced_pairs(rng, n)
    patient = np.repeat(np.arange(n), rng.integers(1, 4, n))[:n]
    drawn, meta = [], []
    for i, (distribution, form) in enumerate(pairs):
        detector = _Detector(np.random.default_rng([seed, 1, int(patient[i])]))
        rng = np.random.default_rng([seed, 2, i])
        mechanism, *rest = _draw_cluster(rng, distribution, form, detector)
        drawn.append(rest)
        meta.append((distribution, form, mechanism, f"blind-{seed}-{patient[i]}", f"image-{i}"))
    columns, nipples, areas = zip(*drawn, strict=True)
    names = ("true_distribution", "true_morphology", "mechanism", "group_id", "image_id")
    return ClusterSet.from_arrays(
        np.cumsum([0, *(len(part["x_mm"]) for part in columns)]),
        **{name: np.concatenate([part[name] for part in columns]) for name in columns[0]},
        nipple_x_mm=np.real(nipples),
        nipple_y_mm=np.imag(nipples),
        breast_area_mm2=areas,
        cluster_id=[f"blind-{seed}-{i:05d}" for i in range(n)],
        meta=dict(zip(names, zip(*meta, strict=True), strict=True)),
    )


def main() -> None:
    """Print counts per class and the median number of calcifications."""
    clusters = generate(1000, seed=0)
    table = clusters.meta.assign(n_calcifications=clusters.n_calcifications)
    for axis in ("true_distribution", "true_morphology"):
        print(table.groupby(axis)["n_calcifications"].agg(["size", "median"]), end="\n\n")
    print(f"{len(clusters)} clusters, median {table.n_calcifications.median():g} calcifications")


if __name__ == "__main__":
    main()
