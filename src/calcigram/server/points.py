"""`Points`: the clusters of a small request, before they become a `ClusterSet` with others'.

Making a table of meta for each of a thousand requests a second would cost more than to read
the clusters; so arrays are gathered first, and the set is made once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet

FULL_TURN_DEG = 180.0

_ORIENTATION = MARK_NAMES.index("orientation_deg")


@dataclass(frozen=True, eq=False)
class Points:
    """The clusters of one request as arrays, NaN where unknown.

    Attributes
    ----------
    cluster_id : list of str, length C
    lengths : list of int, length C
        Calcifications of each.
    marks : ndarray of float64, shape (7, N)
        Rows in the order of `clusters.MARKS`, as they were sent.
    context : ndarray of float64, shape (3, C)
        Rows in the order of `clusters.CLUSTER_COLUMNS`.
    """

    cluster_id: list[str]
    lengths: list[int]
    marks: npt.NDArray[np.float64]
    context: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_points(self) -> int:
        """Calcifications of all clusters."""
        return self.marks.shape[1]


def as_float32(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return numbers at the precision clusters are kept in; what is beyond it is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def marks_as_float32(marks: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return marks at the precision clusters are kept in.

    Angles that float32 rounds up to 180 are the same axis as 0.

    Examples
    --------
    >>> marks = np.full((7, 2), np.nan)
    >>> marks[_ORIENTATION] = 179.99999999, 180
    >>> marks_as_float32(marks)[_ORIENTATION]
    array([  0., 180.], dtype=float32)
    """
    rounded = as_float32(marks)
    angles = rounded[_ORIENTATION]
    angles[(angles == FULL_TURN_DEG) & (marks[_ORIENTATION] < FULL_TURN_DEG)] = 0.0
    return rounded


def gather(requests: Sequence[Points]) -> ClusterSet:
    """Make one set of the clusters of several requests, in order, checking every value.

    Parameters
    ----------
    requests : sequence of Points

    Returns
    -------
    ClusterSet

    Raises
    ------
    BadInputError
        A value is out of range.

    Examples
    --------
    >>> one = Points(["a"], [2], np.full((7, 2), 1.0), np.full((3, 1), np.nan))
    >>> gather([one, one]).offsets
    array([0, 2, 4])
    """
    lengths = [n for request in requests for n in request.lengths]
    x_mm, y_mm, *marks = marks_as_float32(
        np.concatenate([request.marks for request in requests], axis=1)
    )
    context = as_float32(np.concatenate([request.context for request in requests], axis=1))
    columns: dict[str, Any] = dict(
        zip((*MARK_NAMES[2:], *CLUSTER_NAMES), (*marks, *context), strict=True)
    )
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        x_mm,
        y_mm,
        cluster_id=np.array([i for request in requests for i in request.cluster_id], object),
        **columns,
    )
