"""Arrangements over an area: grouped, regional, segmental and diffuse."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import Distribution
from calcigram.simulate._curves import kept_apart, placed, spaced
from calcigram.simulate._random import kernel_state, seeded
from calcigram.simulate._shape import extent_of, wedge_seen_from_nipple
from calcigram.simulate.anatomy import Breast
from calcigram.simulate.mechanisms import Floats, Placement, Rng, mechanism, polar
from calcigram.simulate.presets import Draw

MIN_DUCTS = 6
LOBES_TRIED = 4

_spaced = seeded(spaced)


def _turned(xy: Floats, angle: float) -> Floats:
    """Return points rotated about the origin by `angle`, radians."""
    return placed(xy, angle, 0.0, 0.0)  # type: ignore[no-any-return]


def _in_ellipse(rng: Rng, n: int, extent_mm: float, axis_ratio: float) -> Floats:
    """Return points uniform in a randomly turned ellipse of major axis `extent_mm`, shape (n, 2)."""
    angle = rng.uniform(0, 2 * math.pi, n)
    radius = np.sqrt(rng.random(n)) * extent_mm / 2
    xy = np.column_stack([radius * np.cos(angle), axis_ratio * radius * np.sin(angle)])
    return _turned(xy, rng.uniform(0, math.pi))


def _in_ball(rng: Rng, n: int, n_axes: int = 3) -> Floats:
    """Return points uniform in the unit ball, shape (n, n_axes)."""
    points = rng.normal(size=(n, n_axes))
    result: Floats = (
        points * (rng.random(n) ** (1 / n_axes) / np.linalg.norm(points, axis=1))[:, None]
    )
    return result


def _cloud(rng: Rng, p: Draw, extent_mm: float) -> Floats:
    """Return ``p.n`` points by chance about the origin, `extent_mm` apart at most, shape (n, 2).

    ``p.shape`` 0 is Gaussian, 1 a disc, 2 a square, 3 a ball seen from one side.
    """
    n, shape = int(p.n), int(p.shape)
    if shape == 2:
        xy = rng.uniform(-1.0, 1.0, (n, 2))
    elif shape == 0:
        xy = rng.normal(size=(n, 2))
    else:
        xy = np.ascontiguousarray(_in_ball(rng, n, 2 if shape == 1 else 3)[:, :2])
    return _turned(xy * (extent_mm / extent_of(xy)[0]), rng.uniform(0, math.pi))


def _in_ragged_outline(
    rng: Rng, xy: Floats, extent_mm: float, roughness: float
) -> npt.NDArray[np.bool_]:
    """Tell which points, about the origin, lie in a random star-shaped outline."""
    angle = np.arctan2(xy[:, 1], xy[:, 0])
    waves = sum(
        rng.normal(0, roughness / k) * np.cos(k * angle + rng.uniform(0, 2 * math.pi))
        for k in (1, 2, 3, 5)
    )
    return np.hypot(xy[:, 0], xy[:, 1]) < extent_mm / 2 * np.clip(1.0 + waves, 0.3, 1.6)


def _in_lobules(
    rng: Rng, p: Draw, lobules: Floats, fewest: int, centre: Floats | float = 0.0
) -> Placement:
    """Fill a share of the lobules, at least `fewest`, whose places are relative to `centre`."""
    n_used = max(fewest, min(len(lobules), round(len(lobules) * p.lobule_share)))
    lobules = lobules[rng.permutation(len(lobules))[:n_used]]
    owner = rng.integers(0, n_used, int(p.n))
    return Placement(centre + lobules[owner] + rng.normal(0.0, p.lobule_radius_mm, (owner.size, 2)))


# Compact groups: up to 2 cm across, and no path runs through them.


@mechanism(Distribution.GROUPED)
def acini(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill the sacs of a few neighbouring lobules: small balls side by side."""
    n_lobules = int(p.n_lobules)
    centre = breast.place(rng, 10.0)
    lobules = rng.normal(0.0, p.lobule_distance_mm / 1.5, (n_lobules, 3))
    radius = p.lobule_radius_mm * rng.uniform(0.6, 1.3, n_lobules)
    share = rng.dirichlet(np.full(n_lobules, 3.0))
    owner = rng.choice(n_lobules, int(p.n), p=share)
    ball = _in_ball(rng, owner.size)
    xyz = lobules[owner] + radius[owner, None] * ball * [1.0, p.flattening, 1.0]
    return Placement(centre + _turned(xyz[:, :2], rng.uniform(0, math.pi)))


@mechanism(Distribution.GROUPED)
def gaussian(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter about a centre: normal, or with heavier tails, in an ellipsoid."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    xyz = rng.normal(size=(n, 3))
    if p.heavy_tails > 0.5:
        xyz /= np.sqrt(rng.chisquare(5, n) / 5)[:, None]
    xy = xyz[:, :2] * p.extent_mm / 4.5 * [1.0, p.axis_ratio]
    return Placement(centre + _turned(xy, rng.uniform(0, math.pi)))


@mechanism(Distribution.GROUPED)
def hard_core(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill a cube, a ball or a ragged outline evenly, no two closer than a distance."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    xyz = rng.uniform(-0.5, 0.5, (4 * n + 20, 3)) * p.extent_mm
    if p.shape == 1:
        xyz = xyz[np.linalg.norm(xyz, axis=1) < p.extent_mm / 2]
    elif p.shape == 2:
        xyz = xyz[_in_ragged_outline(rng, xyz[:, :2], p.extent_mm, 0.25)]
    xyz *= [1.0, p.axis_ratio, 1.0]
    area = p.extent_mm**2 * p.axis_ratio
    distance = p.inhibition * math.sqrt(area / max(n, 1))
    xy = kept_apart(xyz[:, :2], distance, n)
    return Placement(centre + _turned(xy, rng.uniform(0, math.pi)))


@mechanism(Distribution.GROUPED)
def rim(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie in the shell of a small fibroadenoma or cyst, some of them inside it."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    radius = 1.0 - p.shell_share * rng.random(n)
    inside = rng.random(n) < p.inside_share
    radius[inside] *= rng.random(inside.sum()) ** (1 / 3)
    xyz = direction * (radius * p.extent_mm / 2)[:, None] * [1.0, p.axis_ratio, 1.0]
    return Placement(centre + _turned(xyz[:, :2], rng.uniform(0, math.pi)))


@mechanism(Distribution.GROUPED)
def satellites(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Crowd in a dense core, with stragglers over a larger disc around it."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    n_core = max(1, round(n * p.core_share))
    core = _in_ellipse(rng, n_core, p.extent_mm * p.core_size, p.axis_ratio)
    halo = _in_ellipse(rng, n - n_core, p.extent_mm, p.axis_ratio)
    shift = rng.normal(0.0, 0.08 * p.extent_mm, 2)
    return Placement(centre + np.concatenate([core + shift, halo]))


# Regions: more than 2 cm across, following no duct, short of diffuse.


@mechanism(Distribution.REGIONAL)
def lobule_territory(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Fill many lobules, of whichever lobe, across one compact territory."""
    centre = breast.place(rng, p.extent_mm / 2)
    offset = _turned(breast.lobules[:, :2] - centre, rng.uniform(0, math.pi))
    near = (offset[:, 0] ** 2 + (offset[:, 1] / p.axis_ratio) ** 2) < (p.extent_mm / 2) ** 2
    return _in_lobules(rng, p, offset[near], 4, centre) if near.sum() >= 4 else None


@mechanism(Distribution.REGIONAL)
def sub_clusters(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Gather in several small clusters spread over a region (Neyman-Scott)."""
    centre = breast.place(rng, p.extent_mm / 2)
    n_parents = int(p.n_sub_clusters)
    parents = _in_ellipse(rng, n_parents, p.extent_mm, p.axis_ratio)
    owner = rng.choice(n_parents, int(p.n), p=rng.dirichlet(np.full(n_parents, 2.0)))
    spread = p.sub_cluster_sd_mm * rng.uniform(0.5, 1.5, n_parents)
    return Placement(
        centre + parents[owner] + spread[owner, None] * rng.normal(size=(owner.size, 2))
    )


@mechanism(Distribution.REGIONAL)
def ragged_area(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Spread over a ragged outline, denser towards one side (inhomogeneous Poisson)."""
    n = int(p.n)
    centre = breast.place(rng, p.extent_mm / 2)
    xy = rng.uniform(-0.8, 0.8, (6 * n + 60, 2)) * p.extent_mm
    xy = xy[_in_ragged_outline(rng, xy, p.extent_mm, p.roughness)]
    weight = 1.0 + p.gradient * xy[:, 0] / (0.5 * p.extent_mm)
    xy = xy[rng.random(len(xy)) * (1.0 + p.gradient) < weight][:n]
    return Placement(centre + _turned(xy * [1.0, p.axis_ratio], rng.uniform(0, 2 * math.pi)))


@mechanism(Distribution.REGIONAL)
def gland_band(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie in a broad band of glandular tissue that runs across the ducts, along the skin."""
    n = int(p.n)
    distance = rng.uniform(0.35, 0.8) * breast.depth_mm
    angle = rng.uniform(-0.8, 0.8) + (rng.random(n) - 0.5) * p.extent_mm / distance
    across = (rng.random(n) - 0.5 + 0.25 * rng.normal(size=n)) * p.extent_mm * p.width_ratio
    return Placement(polar(distance + across, np.clip(angle, -1.45, 1.45)))


@mechanism(Distribution.REGIONAL, "cloud", "sparse_cloud", structureless=True)
@mechanism(Distribution.GROUPED, "cloud", "sparse_cloud", structureless=True)
def cloud(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter by chance about a centre, without any structure."""
    centre = breast.place(rng, p.extent_mm / 2)
    return Placement(centre + _cloud(rng, p, p.extent_mm))


# The wedge of one lobe: several ducts, the apex to the nipple.


def _window(p: Draw, reach_mm: float) -> tuple[float, float]:
    """Return the distances from the nipple between which the segment is filled, mm."""
    return p.inner_mm, min(p.inner_mm + p.radial_extent_mm, reach_mm)


def _fans_out(xy: Floats) -> bool:
    """Tell whether what a lobe offers could show as a wedge: cheap, and ahead of any placing."""
    if len(xy) < MIN_DUCTS:
        return False
    span, length, distance, filled = wedge_seen_from_nipple(xy)
    result: bool = (
        0.2 < span < 1.45 and length > 20.0 and length > 0.8 * span * distance and filled > 0.5
    )
    return result


def _sector(rng: Rng, breast: Breast, p: Draw) -> tuple[float, float, float]:
    """Return axis (radians), inner and outer radius (mm) of a sector that stays in the breast."""
    axis = rng.uniform(-1.0, 1.0)
    return axis, *_window(p, breast.reach_mm(axis) - 3.0)


@mechanism(Distribution.SEGMENTAL)
def lobe_ducts(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Fill the ducts of a whole lobe, all generations."""
    for lobe in rng.permutation(breast.n_lobes)[:LOBES_TRIED]:
        tree = breast.lobe(int(lobe))
        distance = np.hypot(tree.points[:, 0], tree.points[:, 1])
        inner, outer = _window(p, float(distance.max()))
        usable = np.flatnonzero((distance >= inner) & (distance <= outer))
        if usable.size >= 20 and _fans_out(tree.points[usable[::5], :2]):
            break
    else:
        return None
    at = usable[rng.integers(0, usable.size, int(p.n))]
    if np.unique(np.searchsorted(tree.first, at, side="right")).size < MIN_DUCTS:
        return None
    step = tree.points[np.minimum(at + 1, len(tree.points) - 1)] - tree.points[at]
    xy = tree.points[at, :2] + rng.normal(0.0, p.off_duct_mm, (at.size, 2))
    return Placement(xy, np.arctan2(step[:, 1], step[:, 0]))


@mechanism(Distribution.SEGMENTAL)
def sector(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill a sector at random, denser towards the apex or towards the base."""
    axis, inner, outer = _sector(rng, breast, p)
    n, power = int(p.n), p.radial_power
    u = rng.random(n)
    radius = (inner**power + u * (outer**power - inner**power)) ** (1 / power)
    angle = axis + math.radians(p.span_deg) * (rng.random(n) - 0.5)
    return Placement(polar(radius, angle) + rng.normal(0.0, p.blur_mm, (n, 2)), angle)


@mechanism(Distribution.SEGMENTAL)
def radial_tracks(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie along several roughly radial ducts that converge on the nipple."""
    axis, inner, outer = _sector(rng, breast, p)
    n_tracks = int(p.n_tracks)
    angles = axis + math.radians(p.span_deg) * (
        (np.arange(n_tracks) + rng.uniform(0.2, 0.8, n_tracks)) / n_tracks - 0.5
    )
    owner = np.sort(rng.integers(0, n_tracks, int(p.n)))
    counts = np.bincount(owner, minlength=n_tracks).tolist()
    radius = np.concatenate([inner + _spaced(rng, k, outer - inner, p.spacing) for k in counts])
    wave = rng.normal(0.0, p.waviness, n_tracks)[owner] * np.sin(
        radius / rng.uniform(5, 15, n_tracks)[owner] + rng.uniform(0, 6, n_tracks)[owner]
    )
    angle = angles[owner] + wave / np.maximum(radius, 10.0)
    return Placement(polar(radius, angle) + rng.normal(0.0, p.off_duct_mm, (owner.size, 2)), angle)


@mechanism(Distribution.SEGMENTAL)
def lobe_lobules(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Fill the lobules of one lobe only: the periphery of the wedge, its apex empty."""
    for lobe in rng.permutation(breast.n_lobes)[:LOBES_TRIED]:
        lobules = breast.lobules_of(int(lobe), kernel_state(rng))[:, :2]
        distance = np.hypot(lobules[:, 0], lobules[:, 1])
        inner, outer = _window(p, float(distance.max()))
        lobules = lobules[(distance >= inner) & (distance <= outer)]
        if _fans_out(lobules):
            return _in_lobules(rng, p, lobules, 6)
    return None


@mechanism(Distribution.SEGMENTAL)
def wedge_of_clusters(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Gather in small clusters within a wedge, its sides straight or bowed."""
    axis, inner, outer = _sector(rng, breast, p)
    n_parents = int(p.n_sub_clusters)
    radius = np.sqrt(rng.uniform((inner / outer) ** 2, 1.0, n_parents)) * outer
    widening = (radius / outer) ** (p.bow - 1.0)
    angle = math.radians(p.span_deg) * (rng.random(n_parents) - 0.5) * widening
    xy = polar(radius, axis + angle)[rng.integers(0, n_parents, int(p.n))]
    return Placement(xy + rng.normal(0.0, p.sub_cluster_sd_mm, xy.shape))


# Throughout the breast.


@mechanism(Distribution.DIFFUSE)
def uniform(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Spread evenly over the whole outline, less a rim under the skin."""
    return Placement(breast.uniform(rng, int(p.n), p.skin_margin_mm))


@mechanism(Distribution.DIFFUSE)
def all_lobules(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill lobules of all lobes."""
    n, all_ = int(p.n), breast.lobules
    lobules = all_[rng.integers(0, len(all_), max(8, round(n * p.lobules_per_calcification)))]
    owner = rng.integers(0, len(lobules), n)
    return Placement(lobules[owner, :2] + rng.normal(0.0, p.lobule_radius_mm, (n, 2)))


@mechanism(Distribution.DIFFUSE)
def density_field(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Follow a smooth random field of glandular density over most of the breast."""
    n, n_waves = int(p.n), 8
    xy = breast.uniform(rng, 8 * n + 40, 4.0)
    wave = rng.normal(size=(2, n_waves)) * 2 * math.pi / p.wavelength_mm
    field = np.cos(xy @ wave + rng.uniform(0, 2 * math.pi, n_waves)).sum(axis=1) / 2.0
    weight = np.exp(p.contrast * (field - field.max()))
    return Placement(xy[np.argsort(-np.log(rng.random(len(xy))) / weight)[:n]])


@mechanism(Distribution.DIFFUSE)
def loose_clusters(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Gather in loose clusters all over, with single calcifications between them."""
    n = int(p.n)
    parents = breast.uniform(rng, int(p.n_clusters), 6.0)
    owner = rng.integers(0, len(parents), n)
    xy = parents[owner] + rng.normal(0.0, p.cluster_sd_mm, (n, 2))
    single = rng.random(n) < p.single_share
    xy[single] = breast.uniform(rng, int(single.sum()), 4.0)
    return Placement(xy)


@mechanism(Distribution.DIFFUSE, "cloud", structureless=True)
def cloud_over_the_breast(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Scatter by chance about the middle of the breast, without any structure."""
    xy = _cloud(rng, p, p.extent_share * 2 * breast.half_width_mm)
    return Placement(np.array([0.5 * breast.depth_mm, 0.0]) + xy)
