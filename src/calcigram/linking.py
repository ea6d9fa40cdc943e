"""Forms clusters of loose calcifications: which of one image's belong together.

By distance alone. What pattern a cluster has is not asked here, and calcifications that
are too few to be a cluster are left out by number, not by look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.limits import LARGEST_POSITION_MM, MARKS

LINK_MM = 10.0
"""Calcifications within 1 cm of each other may be of one group (BI-RADS 5th ed., grouped)."""

MIN_NUMBER = 5
"""The lower limit of a group is five calcifications within 1 cm (BI-RADS 5th ed., grouped)."""

METHODS = ("dbscan", "hdbscan")

MAX_LOOSE = 8_000
"""More marks than this on one image are no calcifications."""


@dataclass(frozen=True)
class Linking:
    """How clusters are formed.

    Attributes
    ----------
    link_mm : float, optional
        Calcifications closer than this are linked; by default 10 mm, and in a mammogram the gaps between outlines decide.
    min_number : int
        A cluster begins where so many lie within `link_mm` of one, itself counted.
    method : {"dbscan", "hdbscan"}
        DBSCAN has one distance for all; HDBSCAN (Campello et al. 2013) finds denser clusters
        within, and does not split below `link_mm`.
    """

    link_mm: float | None = None
    min_number: int = MIN_NUMBER
    method: str = METHODS[0]

    def __post_init__(self) -> None:
        if not 0 < self.reach_mm <= LARGEST_POSITION_MM:
            expected = f"a distance above 0 and at most {LARGEST_POSITION_MM:,.0f} mm"
            raise BadInputError(expected, column="link_mm", value=self.link_mm)
        if self.min_number < 1:
            raise BadInputError("at least 1", column="min_number", value=self.min_number)
        if self.method not in METHODS:
            raise BadInputError(f"one of {', '.join(METHODS)}", column="method", value=self.method)

    @property
    def reach_mm(self) -> float:
        """Largest distance of the centres of linked calcifications."""
        return LINK_MM if self.link_mm is None else self.link_mm

    def __str__(self) -> str:
        noun = "calcification" if self.min_number == 1 else "calcifications"
        return (
            f"linked by {self.method.upper()}: at least {self.min_number} {noun} "
            f"within {self.reach_mm:g} mm"
        )


def link(
    x_mm: npt.ArrayLike, y_mm: npt.ArrayLike, linking: Linking | None = None
) -> npt.NDArray[np.int64]:
    """Say which cluster each of one image's calcifications belongs to.

    Parameters
    ----------
    x_mm, y_mm : array_like, shape (N,)
        Centres in mm.
    linking : Linking, optional
        By default five within 1 cm.

    Returns
    -------
    ndarray of int64, shape (N,)
        Clusters count from 0 by first appearance; -1 for those in none.

    Raises
    ------
    BadInputError
        There are more than `MAX_LOOSE`, or x and y are not as many finite numbers.

    Notes
    -----
    Ester et al. 1996 (DBSCAN). The answer does not depend on the order of the calcifications: one on
    the rim of two clusters is of the nearer.

    Examples
    --------
    >>> link([0, 1, 2, 3, 4, 60], [0, 0, 0, 0, 0, 0])
    array([ 0,  0,  0,  0,  0, -1])
    """
    linking = Linking() if linking is None else linking
    if not isinstance(linking, Linking):
        raise BadInputError("a Linking", column="linking", value=linking)
    try:
        x, y = (np.asarray(values, float) for values in (x_mm, y_mm))
    except (TypeError, ValueError):
        raise BadInputError("numbers in mm", column="x_mm, y_mm") from None
    if x.ndim != 1 or x.shape != y.shape:
        expected = "two rows of as many numbers"
        raise BadInputError(expected, column="x_mm, y_mm", value=f"{x.shape}, {y.shape}")
    points = np.column_stack([x, y])
    bad = ~(np.abs(points) <= LARGEST_POSITION_MM).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise BadInputError(MARKS[0].expected, row=row, value=points[row].tolist())
    if len(points) > MAX_LOOSE:
        raise BadInputError(f"at most {MAX_LOOSE} calcifications on one image", value=len(points))
    if len(points) < linking.min_number:
        return np.full(len(points), -1, np.int64)
    labels = _dbscan(points, linking) if linking.method == METHODS[0] else _hdbscan(points, linking)
    return _by_appearance(labels)


def _dbscan(points: npt.NDArray[np.float64], linking: Linking) -> npt.NDArray[np.int64]:
    """Return the labels of DBSCAN; a rim point is of the cluster of its nearest core point.

    Neighbours are counted, not listed: of thousands that lie together each list has thousands.
    """
    from scipy.spatial import cKDTree

    reach = linking.reach_mm
    counts = cKDTree(points).query_ball_point(points, reach, return_length=True)
    core = counts >= linking.min_number
    labels = np.full(len(points), -1, np.int64)
    if core.any():
        labels[core] = _connected(points[core], reach)
        distance, nearest = cKDTree(points[core]).query(points[~core])
        labels[~core] = np.where(distance <= reach, labels[core][nearest], -1)
    return labels


def _connected(points: npt.NDArray[np.float64], reach: float) -> npt.NDArray[np.int64]:
    """Say which points are linked over any number of steps of at most `reach`.

    The points of a square cell of side ``reach / sqrt(2)`` are all linked, so that cells are held
    against each other.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    side = reach / np.sqrt(2) * (1 - 1e-9)
    cells, cell = np.unique(np.floor(points / side), axis=0, return_inverse=True)
    order = np.argsort(cell, kind="stable")
    trees = [cKDTree(part) for part in np.split(points[order], np.cumsum(np.bincount(cell))[:-1])]
    near = cKDTree(cells).query_pairs(2.5, p=np.inf, output_type="ndarray")
    linked = np.array(
        [trees[a].query(trees[b].data)[0].min() <= reach for a, b in near.tolist()], bool
    )
    one, other = near[linked].T
    links = coo_matrix((np.ones(len(one)), (one, other)), shape=(len(cells), len(cells)))
    result: npt.NDArray[np.int64] = connected_components(links, directed=False)[1][cell].astype(
        np.int64
    )
    return result


def _hdbscan(points: npt.NDArray[np.float64], linking: Linking) -> npt.NDArray[np.int64]:
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(
        min_cluster_size=max(2, linking.min_number),
        cluster_selection_epsilon=linking.reach_mm,
        allow_single_cluster=True,
        copy=True,
    )
    result: npt.NDArray[np.int64] = model.fit_predict(points)
    return result


def _by_appearance(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    _, first = np.unique(labels[labels >= 0], return_index=True)
    old = labels[labels >= 0][np.sort(first)]
    new = np.full(int(labels.max(initial=-1)) + 2, -1, np.int64)
    new[old] = np.arange(len(old))
    return new[labels]
