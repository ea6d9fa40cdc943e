"""Check that what is left to be seen meets the definitions of its words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from calcigram.lexicon import (
    DIFFUSE_MIN_BREAST_SHARE,
    DIFFUSE_MIN_MM,
    GROUPED_MAX_MM,
    MICRO_MACRO_LIMIT_MM,
    MIN_CALCIFICATIONS,
    Distribution,
    Morphology,
)

from .anatomy import Array, Sites, on_path
from .marks import Marks
from .optics import project

MAX_CALCIFICATIONS = 150
JUNCTION_MM = 15.0
"""How far from a junction its three arms are looked for."""


def extent_mm(xy_mm: Array) -> float:
    """Greatest distance between two marks."""
    return float(pdist(xy_mm).max())


def _slimness(xy_mm: Array) -> float:
    """Length over width, as standard deviations."""
    low, high = np.linalg.eigvalsh(np.cov(xy_mm.T))
    return float(np.sqrt(high / max(low, 1e-9)))


def is_diffuse(xy_mm: Array, breast_area_mm2: float) -> bool:
    """Over at least half of the breast; more than 60 mm where its area is not known."""
    if len(xy_mm) < 6:
        return False
    if np.isnan(breast_area_mm2):
        return extent_mm(xy_mm) > DIFFUSE_MIN_MM and _slimness(xy_mm) < 5
    return ConvexHull(xy_mm).volume >= DIFFUSE_MIN_BREAST_SHARE * breast_area_mm2


def _is_regional(xy_mm: Array, breast_area_mm2: float) -> bool:
    if extent_mm(xy_mm) <= GROUPED_MAX_MM or is_diffuse(xy_mm, breast_area_mm2):
        return False
    if np.isnan(breast_area_mm2) and extent_mm(xy_mm) > DIFFUSE_MIN_MM:
        return False
    return len(xy_mm) >= 5 and _slimness(xy_mm) < 3.5


def _is_grouped(xy_mm: Array) -> bool:
    few = len(xy_mm) < 6
    return extent_mm(xy_mm) <= GROUPED_MAX_MM and _slimness(xy_mm) < (8 if few else 3)


def _is_segmental(xy_mm: Array, nipple_mm: Array) -> bool:
    """A wedge that is filled, its apex to the nipple: wider far from it, and no mere line."""
    if len(xy_mm) < 12:
        return False
    away = xy_mm - nipple_mm
    radius = np.hypot(*away.T)
    axis = np.arctan2(*(away / radius[:, None]).mean(0)[::-1])
    angle = (np.arctan2(away[:, 1], away[:, 0]) - axis + np.pi) % (2 * np.pi) - np.pi
    low, high = np.quantile(angle, [0.05, 0.95])
    across = radius * np.sin(angle)
    outer = radius > np.median(radius)
    sector = np.clip((angle - low) / max(high - low, 1e-9) * 3, 0, 2).astype(int)
    filled = [np.unique(sector[half]).size for half in (outer, ~outer)]
    return bool(
        min(filled) >= 2
        and sum(filled) >= 5
        and np.ptp(radius) >= 20
        and np.radians(12) <= high - low <= np.radians(65)
        and np.ptp(across) >= 8
        and across[outer].std() > across[~outer].std()
        and _slimness(xy_mm) < 5
    )


def _is_linear(xy_mm: Array, path_mm: Array, station_mm: Array) -> bool:
    """Along its path, without a large gap, the path not folded in the projection."""
    station = np.sort(station_mm)
    covered = station[-1] - station[0]
    if len(xy_mm) < 4 or covered < 6:
        return False
    ends, _ = on_path(path_mm, station[[0, -1]])
    ends, _ = project(ends)
    ideal, _ = project(on_path(path_mm, station_mm)[0])
    off_mm = np.sqrt(((xy_mm - ideal) ** 2).sum(1).mean())
    return bool(
        np.linalg.norm(ends[1] - ends[0]) > 0.6 * covered
        and np.diff(station).max() < (0.55 if len(xy_mm) < 7 else 0.35) * covered
        and off_mm < 0.1 * covered
        and off_mm < 2.5
    )


def n_junctions_seen(xy_mm: Array, site: NDArray[np.int64], sites: Sites) -> int:
    """Count the junctions with marks on all three arms, the side branch well off its parent.

    Parameters
    ----------
    xy_mm : ndarray, shape (n, 2)
    site : ndarray of int, shape (n,)
        The site behind each mark, -1 for false marks.
    sites : Sites
        With the twigs that carry them.
    """
    real = site >= 0
    twig, station = sites.twig[site[real]], sites.station_mm[site[real]]
    xy, seen = xy_mm[real], 0
    for k, branch in enumerate(sites.twigs):
        if branch.parent < 0:
            continue
        near = station[(twig == branch.parent)] - branch.joint_mm
        before = ((near < 0) & (near > -JUNCTION_MM)).sum()
        after = ((near > 0) & (near < JUNCTION_MM)).sum()
        here = twig == k
        if before < 2 or after < 2 or here.sum() < 3 or station[here].min() > JUNCTION_MM / 2:
            continue
        parent, _ = project(sites.twigs[branch.parent].path_mm)
        gaps = np.sqrt(((xy[here][:, None] - parent) ** 2).sum(-1)).min(1)
        seen += gaps.max() > 3
    return int(seen)


def form_shows(morphology: str, marks: Marks) -> bool:
    """Tell whether the marks, taken together, can still be called by their form.

    Single marks may not: the detector blurs, merges and breaks them.
    """
    marks = marks.take(marks.site >= 0)
    if len(marks) < MIN_CALCIFICATIONS:
        return False
    size, aspect = np.median(marks.diameter_mm), np.median(marks.aspect_ratio)
    thickness = marks.diameter_mm / np.sqrt(marks.aspect_ratio)
    length = marks.diameter_mm * np.sqrt(marks.aspect_ratio)
    slender = np.quantile(marks.aspect_ratio, 0.7)
    match morphology:
        case Morphology.ROUND:
            shows = 0.45 <= size <= 1.1 and aspect < 1.4
        case Morphology.PUNCTATE:
            shows = size < MICRO_MACRO_LIMIT_MM and aspect < 1.7
        case Morphology.POPCORN:
            shows = np.median(length) > 2
        case Morphology.ROD_LIKE:
            shows = np.median(thickness) > 0.45 and slender > 2
        case Morphology.AMORPHOUS:
            shows = size < 1 and np.median(marks.cnr) < 12
        case Morphology.COARSE_HETEROGENEOUS:
            shows = 0.4 <= size <= 1.2
        case Morphology.FINE_PLEOMORPHIC:
            shows = size < 0.55 and np.ptp(np.log(marks.diameter_mm)) > 0.4
        case Morphology.FINE_LINEAR:
            shows = np.median(thickness) < MICRO_MACRO_LIMIT_MM and slender > 2
        case _:
            shows = len(marks) >= 8
    return bool(shows)


def holds(
    distribution: str,
    xy_mm: Array,
    site: NDArray[np.int64],
    sites: Sites,
    nipple_mm: Array,
    breast_area_mm2: float,
) -> bool:
    """Tell whether marks meet the lexicon's definition of `distribution`.

    Parameters
    ----------
    distribution : str
    xy_mm : ndarray, shape (n, 2)
        All marks, false ones too.
    site : ndarray of int, shape (n,)
        The site behind each mark, -1 for false marks.
    sites : Sites
    nipple_mm : ndarray, shape (2,)
        Where it truly is, even if it will not be told.
    breast_area_mm2 : float
        NaN where it will not be told.
    """
    real = site >= 0
    if real.sum() < MIN_CALCIFICATIONS or len(xy_mm) > MAX_CALCIFICATIONS:
        return False
    try:
        match distribution:
            case Distribution.DIFFUSE:
                return is_diffuse(xy_mm, breast_area_mm2)
            case Distribution.REGIONAL:
                return _is_regional(xy_mm, breast_area_mm2)
            case Distribution.GROUPED:
                return _is_grouped(xy_mm)
            case Distribution.SEGMENTAL:
                return _is_segmental(xy_mm[real], nipple_mm)
            case Distribution.LINEAR:
                path = sites.twigs[0].path_mm
                return _is_linear(xy_mm[real], path, sites.station_mm[site[real]])
            case _:
                return n_junctions_seen(xy_mm, site, sites) >= 1
    except ValueError:  # of the hull: fewer than three marks that are not in a line
        return False
