"""The wedge of one lobe: several ducts, the apex to the nipple."""

from __future__ import annotations

import math

import numpy as np

from calcigram.lexicon import Distribution
from calcigram.simulate._points import points_of
from calcigram.simulate._random import between, kernel_state
from calcigram.simulate._shape import wedge_seen_from_nipple
from calcigram.simulate.anatomy import Breast, lobules_of
from calcigram.simulate.arrangements._common import (
    Floats,
    Placement,
    Rng,
    arrangement,
    positions_along,
)
from calcigram.simulate.presets import Draw

MIN_DUCTS = 6
LOBES_TRIED = 4


def _window(p: Draw, reach: float) -> tuple[float, float]:
    """Return the distances from the nipple between which the segment is filled."""
    inner = p.inner_mm
    outer = min(inner + p.radial_extent_mm, reach)
    return inner, outer


def _fans_out(xy: Floats) -> bool:
    """Tell whether what a lobe offers could show as a wedge: cheap, and ahead of any placing."""
    if len(xy) < MIN_DUCTS:
        return False
    span, length, distance, filled = wedge_seen_from_nipple(xy)
    return 0.2 < span < 1.45 and length > 20.0 and length > 0.8 * span * distance and filled > 0.5


@arrangement(Distribution.SEGMENTAL)
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
    ahead = np.minimum(at + 1, len(tree.points) - 1)
    step = tree.points[ahead] - tree.points[at]
    xy = tree.points[at, :2] + rng.normal(0.0, p.off_duct_mm, (at.size, 2))
    return Placement(xy, np.arctan2(step[:, 1], step[:, 0]))


def _sector_axis(rng: Rng, breast: Breast, p: Draw) -> tuple[float, float, float]:
    """Return axis (radians), inner and outer radius of a sector that stays in the breast."""
    axis = between(rng, -1.0, 1.0)
    reach = breast.reach_mm(axis) - 3.0
    inner, outer = _window(p, reach)
    return axis, inner, outer


def _polar(radius: Floats, angle: Floats) -> Floats:
    return points_of(radius * np.cos(angle), radius * np.sin(angle))


@arrangement(Distribution.SEGMENTAL)
def sector(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Fill a sector at random, denser towards the apex or towards the base."""
    axis, inner, outer = _sector_axis(rng, breast, p)
    n = int(p.n)
    u = rng.random(n)
    power = p.radial_power
    radius = (inner**power + u * (outer**power - inner**power)) ** (1 / power)
    angle = axis + math.radians(p.span_deg) * (rng.random(n) - 0.5)
    return Placement(_polar(radius, angle) + rng.normal(0.0, p.blur_mm, (n, 2)), angle)


@arrangement(Distribution.SEGMENTAL)
def radial_tracks(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Lie along several roughly radial ducts that converge on the nipple."""
    axis, inner, outer = _sector_axis(rng, breast, p)
    n_tracks = int(p.n_tracks)
    angles = axis + math.radians(p.span_deg) * (
        (np.arange(n_tracks) + rng.uniform(0.2, 0.8, n_tracks)) / n_tracks - 0.5
    )
    owner = np.sort(rng.integers(0, n_tracks, int(p.n)))
    radius = np.concatenate(
        [
            inner + positions_along(rng, int((owner == t).sum()), outer - inner, p.spacing)
            for t in range(n_tracks)
        ]
    )
    wave = rng.normal(0.0, p.waviness, n_tracks)[owner] * np.sin(
        radius / rng.uniform(5, 15, n_tracks)[owner] + rng.uniform(0, 6, n_tracks)[owner]
    )
    angle = angles[owner] + wave / np.maximum(radius, 10.0)
    return Placement(_polar(radius, angle) + rng.normal(0.0, p.off_duct_mm, (owner.size, 2)), angle)


@arrangement(Distribution.SEGMENTAL)
def lobe_lobules(rng: Rng, breast: Breast, p: Draw) -> Placement | None:
    """Fill the lobules of one lobe only: the periphery of the wedge, its apex empty."""
    for lobe in rng.permutation(breast.n_lobes)[:LOBES_TRIED]:
        lobules = lobules_of(breast.lobe(int(lobe)), kernel_state(rng))[:, :2]
        distance = np.hypot(lobules[:, 0], lobules[:, 1])
        inner, outer = _window(p, float(distance.max()))
        lobules = lobules[(distance >= inner) & (distance <= outer)]
        if _fans_out(lobules):
            break
    else:
        return None
    n_used = max(6, min(len(lobules), round(len(lobules) * p.lobule_share)))
    lobules = lobules[rng.permutation(len(lobules))[:n_used]]
    owner = rng.integers(0, n_used, int(p.n))
    return Placement(lobules[owner] + rng.normal(0.0, p.lobule_radius_mm, (owner.size, 2)))


@arrangement(Distribution.SEGMENTAL)
def wedge_of_clusters(rng: Rng, breast: Breast, p: Draw) -> Placement:
    """Gather in small clusters within a wedge, its sides straight or bowed."""
    axis, inner, outer = _sector_axis(rng, breast, p)
    n_parents = int(p.n_sub_clusters)
    radius = np.sqrt(rng.uniform((inner / outer) ** 2, 1.0, n_parents)) * outer
    widening = (radius / outer) ** (p.bow - 1.0)
    angle = math.radians(p.span_deg) * (rng.random(n_parents) - 0.5) * widening
    owner = rng.integers(0, n_parents, int(p.n))
    xy = _polar(radius, axis + angle)[owner]
    return Placement(xy + rng.normal(0.0, p.sub_cluster_sd_mm, xy.shape))
