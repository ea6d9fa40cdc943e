"""The lexicon's definitions, put to the perfect projection of a lesion.

Each function answers one question: would somebody who sees every calcification, without blur or
noise, and knows the ducts, give this lesion the word? Limits the lexicon states come from it;
the others, which say in numbers what its words say in passing, stand here by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from calcigram.lexicon import DIFFUSE_MIN_BREAST_SHARE, DIFFUSE_MIN_MM, GROUPED_MAX_MM

from .disease import Junction, Sites
from .paths import Array

FEWEST = 5  # fewer are no group
LINE_MIN_MM = 8.0
LINE_MIN_CHORD_SHARE = 0.7  # not folded back on itself by the projection
LINE_MAX_WIDTH_SHARE = 0.12  # rms distance from the path, over its length
MAX_GAP_SHARE = 0.35  # a wider gap parts a line in two
THROUGHOUT_MIN_SHARE = 0.35  # of the breast, though the reader cannot know it
NO_PATH_MIN_BREADTH = 0.5  # minor over major standard deviation of a group
REGION_MIN_BREADTH = 0.36
ARM_MIN_MM, ARM_MIN_DEG, ARM_MIN_SITES = 4.5, 25.0, 3
ARM_MIN_WEIGHT, LONG_MM = 4.0, 3.0  # an arm of dots takes four, of dashes or rods three
JUNCTION_CLEAR_MM = 1.0
ARM_CLEAR_MM = 2.5  # half of a side branch lies farther than this from its mother
WEDGE_DEG = (14.0, 75.0)
WEDGE_MIN_MM = 20.0
WEDGE_MIN_BREADTH_MM = 8.0
WEDGE_MIN_WIDENING = 1.25  # breadth of its outer over its inner half
WEDGE_MIN_DUCTS = 4
POINTS_AT_NIPPLE_DEG = 30.0


@dataclass(frozen=True)
class Sight:
    """A perfect picture of a lesion.

    Attributes
    ----------
    place : ndarray, shape (n, 2)
        In the image, mm.
    length_mm : ndarray, shape (n,)
        Longest dimension of each calcification.
    hosts : list of ndarray, shape (m, 2)
        The ducts or vessels in the image.
    nipple : ndarray, shape (2,)
    breast_area_mm2 : float
    area_is_known : bool
        Whether the reader will know the area; if not, diffuse goes by distance.
    sites : Sites
    """

    place: Array
    length_mm: Array
    hosts: list[Array]
    nipple: Array
    breast_area_mm2: float
    area_is_known: bool
    sites: Sites


def meets(distribution: str, sight: Sight, fewest: int = FEWEST) -> bool:
    """Tell whether a lesion is what the word says.

    Parameters
    ----------
    distribution : str
        A word of `calcigram.lexicon.Distribution`.
    sight : Sight
    fewest : int
        Least number of calcifications.

    Returns
    -------
    bool
    """
    return len(sight.place) >= fewest and _DEFINITIONS[distribution](sight)


def across_mm(place: Array) -> float:
    """Return the largest distance between two calcifications."""
    return float(pdist(place).max())


def hull_mm2(place: Array) -> float:
    """Return the area of the convex hull."""
    return float(ConvexHull(place).volume)


def breadth(place: Array) -> float:
    """Return the minor over the major standard deviation: 0 on a line, 1 round."""
    minor, major = np.linalg.eigvalsh(np.cov(place.T))
    return float(np.sqrt(max(minor, 0.0) / major))


def _is_diffuse(sight: Sight) -> bool:
    if sight.area_is_known:
        return _covers_half(sight)
    return across_mm(sight.place) > DIFFUSE_MIN_MM and _share(sight) >= THROUGHOUT_MIN_SHARE


def _covers_half(sight: Sight) -> bool:
    return _share(sight) >= DIFFUSE_MIN_BREAST_SHARE


def _share(sight: Sight) -> float:
    return hull_mm2(sight.place) / sight.breast_area_mm2


def _is_grouped(sight: Sight) -> bool:
    return across_mm(sight.place) <= GROUPED_MAX_MM and breadth(sight.place) >= NO_PATH_MIN_BREADTH


def _is_regional(sight: Sight) -> bool:
    across = across_mm(sight.place)
    if not GROUPED_MAX_MM < across <= DIFFUSE_MIN_MM or _covers_half(sight):
        return False
    return breadth(sight.place) >= REGION_MIN_BREADTH and not _is_wedge(sight)


def _is_segmental(sight: Sight) -> bool:
    if _covers_half(sight):
        return False
    counts = np.bincount(sight.sites.host)
    return int((counts >= 2).sum()) >= WEDGE_MIN_DUCTS and _is_wedge(sight)


def _is_wedge(sight: Sight) -> bool:
    """Tell whether the lesion broadens from the nipple and points at it."""
    ray = sight.place - sight.nipple
    middle = ray.mean(axis=0) / np.linalg.norm(ray.mean(axis=0))
    back = ray @ middle
    side = ray @ np.array([-middle[1], middle[0]])
    opening = np.degrees(np.ptp(np.quantile(np.arctan2(side, back), [0.04, 0.96])))
    outer = back > np.median(back)
    inner_breadth, outer_breadth = (_spread(side[half]) for half in (~outer, outer))
    length = _spread(back)
    if not (WEDGE_DEG[0] <= opening <= WEDGE_DEG[1] and np.ptp(back) >= WEDGE_MIN_MM):
        return False
    covariance = np.cov(back, side)
    lean = 0.5 * np.degrees(np.arctan2(2 * covariance[0, 1], covariance[0, 0] - covariance[1, 1]))
    points = length < 1.25 * _spread(side) or abs(lean) < POINTS_AT_NIPPLE_DEG
    broad = _spread(side) >= WEDGE_MIN_BREADTH_MM
    return bool(points and broad and outer_breadth > WEDGE_MIN_WIDENING * inner_breadth)


def _is_linear(sight: Sight) -> bool:
    path = sight.hosts[0]
    length = _length(path)
    chord = np.linalg.norm(path[-1] - path[0])
    if length < LINE_MIN_MM or chord < LINE_MIN_CHORD_SHARE * length:
        return False
    away = _distances(path, sight.place)
    return bool(
        np.sqrt(np.mean(away**2)) <= LINE_MAX_WIDTH_SHARE * length
        and _largest_gap(sight.sites.arc_mm) <= MAX_GAP_SHARE * np.ptp(sight.sites.arc_mm)
    )


def _is_branching(sight: Sight) -> bool:
    """Tell whether at least one junction is to be seen."""
    for path in sight.hosts:
        if np.linalg.norm(path[-1] - path[0]) < LINE_MIN_CHORD_SHARE * _length(path):
            return False
    return any(_shows(sight, junction) for junction in sight.sites.junctions)


def _shows(sight: Sight, junction: Junction) -> bool:
    """Tell whether three arms leave a junction, apart from one another and each filled."""
    sites, mother = sight.sites, sight.hosts[0]
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(mother, axis=0), axis=1))])
    # Arcs were measured in space; the picture shortens them evenly enough for this.
    fork = _at(mother, arc, junction.at_mm * arc[-1] / sites.hosts[0].length_mm)
    on_mother = sites.host == 0
    past_mm = sites.arc_mm - junction.at_mm
    arms = (
        on_mother & (past_mm < -JUNCTION_CLEAR_MM),
        on_mother & (past_mm > JUNCTION_CLEAR_MM),
        (sites.host == junction.side) & (sites.arc_mm > JUNCTION_CLEAR_MM),
    )
    off_mm = _distances(mother, sight.place[arms[2]])
    if not len(off_mm) or np.median(off_mm) < ARM_CLEAR_MM:
        return False
    angles = []
    for arm in arms:
        ray = sight.place[arm] - fork
        far = np.linalg.norm(ray, axis=1)
        weight = (1 + sight.length_mm[arm] / LONG_MM).sum()
        if arm.sum() < ARM_MIN_SITES or weight < ARM_MIN_WEIGHT or far.max() < ARM_MIN_MM:
            return False
        ray = ray[far < 15.0] if (far < 15.0).sum() >= ARM_MIN_SITES else ray
        angles.append(np.arctan2(*ray.mean(axis=0)[::-1]))
    turn = np.degrees(np.abs(np.subtract.outer(angles, angles)))
    turn = np.minimum(turn, 360 - turn)[np.triu_indices(3, 1)]
    return bool(turn.min() >= ARM_MIN_DEG)


def _spread(values: Array) -> float:
    return float(np.ptp(np.quantile(values, [0.05, 0.95])))


def _largest_gap(arc_mm: Array) -> float:
    return float(np.diff(np.sort(arc_mm)).max())


def _length(path: Array) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def _at(path: Array, arc: Array, s: float) -> Array:
    return np.array([np.interp(s, arc, axis) for axis in path.T])


def _distances(path: Array, place: Array) -> Array:
    """Return the distance of each place from a path."""
    return np.linalg.norm(place[:, None] - path, axis=-1).min(axis=1)


_DEFINITIONS = {
    "diffuse": _is_diffuse,
    "regional": _is_regional,
    "segmental": _is_segmental,
    "grouped": _is_grouped,
    "linear": _is_linear,
    "branching": _is_branching,
}
