"""Forms clusters of detected marks: by the gaps between outlines, and only about conspicuous marks.

Loose marks of people are linked by distance alone (`calcigram.linking`). Among detected ones there are false marks, and large
calcifications whose centres are far apart although they lie side by side. So gaps are measured between
outlines, a cluster needs conspicuous marks, and calcifications all over the breast are one cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError, cKDTree

if TYPE_CHECKING:
    import pandas as pd

LINK_MM = 10.0
"""Largest gap between the outlines of linked marks: a group lies within 1 cm (BI-RADS 5th ed., grouped)."""

MIN_NUMBER = 5
"""Least marks of a cluster (BI-RADS 5th ed., grouped)."""

CORE_MM = 5.0
"""A dense core is a mark with `MIN_NUMBER` marks, itself counted, in gaps of at most this."""

STRONG_Z = 6.0
"""Marks of this z and more are conspicuous."""

STRONG_IN_CORE = 3
"""Conspicuous marks of a cluster with a dense core; without a core, `MIN_NUMBER` must be conspicuous."""

WEAKER_Z, NEAR_NUMBER = 1.0, 3
"""A mark of up to so much less than the threshold is kept where so many of the threshold lie within `CORE_MM`.

Plaques of a vessel and amorphous calcifications are often that weak (docs/detector.md); false marks seldom lie so.
"""

DIFFUSE_NUMBER = 15
DIFFUSE_SHARE = 0.4
"""So many conspicuous marks whose hull is so large a share of the breast are one diffuse cluster, with all others."""


RULE = (
    f"linked by gaps of at most {LINK_MM:g} mm between outlines: at least {MIN_NUMBER} calcifications, {MIN_NUMBER} of "
    f"z >= {STRONG_Z:g}, or {STRONG_IN_CORE} about a dense core"
)
"""How marks are linked, in words, for docs/detector.md."""


def rule(min_number: int = MIN_NUMBER) -> str:
    """Return in short how marks are linked, for each row of a table."""
    return f"linked by gaps of at most {LINK_MM:g} mm, at least {min_number}"


def are_kept(
    points: npt.NDArray[np.float64], z: npt.NDArray[np.float64], threshold_z: float
) -> npt.NDArray[np.bool_]:
    """Say which marks are kept: those of the threshold, and weaker ones near several of these.

    Parameters
    ----------
    points : ndarray of float64, shape (N, 2)
        Centres in mm.
    z : ndarray of float64, shape (N,)
    threshold_z : float

    Examples
    --------
    >>> points = np.column_stack([np.arange(5.0), np.zeros(5)])
    >>> are_kept(points, np.array([6, 6, 6, 5, 4]), 5.5)
    array([ True,  True,  True,  True, False])
    """
    strong = z >= threshold_z
    kept = strong.copy()
    if strong.sum() < NEAR_NUMBER:
        return kept
    weak = np.flatnonzero(~strong & (z >= threshold_z - WEAKER_Z))
    away, _ = cKDTree(points[strong]).query(points[weak], [NEAR_NUMBER])
    kept[weak] = away[:, 0] <= CORE_MM
    return kept


def group_marks(
    table: pd.DataFrame, breast_area_mm2: float, min_number: int = MIN_NUMBER
) -> npt.NDArray[np.int64]:
    """Say which cluster each detected mark belongs to.

    Parameters
    ----------
    table : pandas.DataFrame
        As `Detection.table`; ``x_mm, y_mm, diameter_mm, aspect_ratio, confidence`` are looked at.
    breast_area_mm2 : float
    min_number : int
        Least marks of a cluster; where it is less than 5, so many conspicuous ones are enough.

    Returns
    -------
    ndarray of int64, shape (N,)
        Clusters count from 0 by first appearance; -1 for marks in none.

    Examples
    --------
    >>> import pandas as pd
    >>> side_by_side = pd.DataFrame({"x_mm": [0.0, 9, 18, 27, 36, 90], "y_mm": 0.0, "confidence": 9.0})
    >>> group_marks(side_by_side.assign(diameter_mm=3.0, aspect_ratio=1.0), 9000.0)
    array([ 0,  0,  0,  0,  0, -1])
    """
    groups = np.full(len(table), -1, np.int64)
    points = table[["x_mm", "y_mm"]].to_numpy(float)
    strong = table["confidence"].to_numpy(float) >= STRONG_Z
    least = min(min_number, MIN_NUMBER)
    if (
        strong.sum() >= max(DIFFUSE_NUMBER, min_number)
        and _hull_mm2(points[strong]) >= DIFFUSE_SHARE * breast_area_mm2
    ):
        groups[:] = 0
        return groups
    near, n_close = _gaps(points, _reach_mm(table))
    left = np.ones(len(table), bool)
    n_clusters = 0
    for first in range(len(table)):
        if not left[first]:
            continue
        own = _linked_to(first, near)
        left &= ~own
        n_strong = (strong & own).sum()
        has_core = (n_close[own] >= least).any()
        needed = min(STRONG_IN_CORE, least) if has_core else least
        if own.sum() >= min_number and n_strong >= needed:
            groups[own] = n_clusters
            n_clusters += 1
    return groups


def _reach_mm(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return half of the length of each mark: of the ellipse of its area and aspect ratio."""
    diameter, aspect = (
        np.nan_to_num(table[name].to_numpy(float), nan=missing)
        for name, missing in (("diameter_mm", 0.0), ("aspect_ratio", 1.0))
    )
    reach: npt.NDArray[np.float64] = diameter / 2 * np.sqrt(aspect)
    return reach


def _gaps(
    points: npt.NDArray[np.float64], reach: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return which marks are linked, (N, N), and how many lie close to each, itself counted, (N,).

    A row at a time: of 8,000 marks only the booleans are held, 64 MB.
    """
    near = np.empty((len(points), len(points)), bool)
    n_close = np.empty(len(points), np.int64)
    for k, (point, own) in enumerate(zip(points, reach, strict=True)):
        gap = np.hypot(*(points - point).T) - reach - own
        near[k] = gap <= LINK_MM
        n_close[k] = (gap <= CORE_MM).sum()
    return near, n_close


def _linked_to(first: int, near: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return all marks linked to one over any number of steps; each row of `near` is read once."""
    own = np.zeros(len(near), bool)
    own[first] = True
    new = own
    while new.any():
        new = near[new].any(axis=0) & ~own
        own = own | new
    return own


def _hull_mm2(points: npt.NDArray[np.float64]) -> float:
    try:
        return float(ConvexHull(points).volume)
    except QhullError:  # all on one line
        return 0.0
