"""Scratch memory of the feature kernels: one `Workspace` a thread.

Nothing is computed here. Sharing a workspace between threads corrupts their results;
`extract` gives each its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from calcigram.kernels import BLOCK, padded
from calcigram.vectors import LANES

MAX_KNOTS = 25
"""Most knots of a curve, whether the decimated path it starts from or the fitted one."""

_SCRATCH_F, _SCRATCH_I = 8, 4

U, V, EDGE, NEAREST, LOCAL_COS, LOCAL_SIN, TRUNK_EDGE, HEIGHT, ARC, OFFSET = range(8, 18)
"""Rows of ``f`` (the first eight are scratch): places along and across the major axis, padded
with inf, edge to the parent in the spanning tree, distance to the nearest neighbour, local
direction (``a cos 2t``, ``a sin 2t``), edge and height in the trunk, foot on the principal
curve and signed distance to it."""

ORDER, NEAREST_OF, SEQUENCE, PARENT, TRUNK, TRUNK_PARENT, ARM, BRANCH, PATH = range(4, 13)
"""Rows of ``i`` (the first four are scratch): row of each point within its cluster, its nearest
neighbour, the spanning tree and its trunk (as `calcigram.tree` writes them), and the nodes of
the main path."""

(
    DIAMETER, ASPECT, SOLIDITY, CNR, MINOR, MAJOR, LOG_DIAMETER, LOG_ASPECT, LOG_CNR,
    CORE, RESIDUAL, SIGNED, ANGLE, RADIUS, NEIGHBOUR,
) = range(15)  # fmt: skip
"""Columns of ``table``, a row a point in no common order, inf where unknown: the marks, the axes
of their ellipses and logarithms, distance to the geometric median, distance and signed
distance to the principal curve, angle and distance as seen from the nipple, distance to the
nearest neighbour. All their moments and quantiles are taken at once."""

COUNT, MEAN, DEVIATION = range(3)
"""Rows of ``moments``."""


class Workspace(NamedTuple):
    """Arrays of one cluster at a time, its points in order along the major axis.

    Few arrays with many rows, not many arrays: each array handed to a kernel costs time.
    """

    f: Any  # float32 (18, capacity)
    bits: Any  # the bits of the scratch rows of f, int32
    i: Any  # int32 (13, capacity)
    table: Any  # float32 (16 capacity,): rows of sixteen columns
    moments: Any  # float32 (3, 16): count, mean and standard deviation of each column
    pieces: Any  # float32 (9, MAX_KNOTS): scratch, the pieces of a curve
    curves: Any  # float32 (2, 2, MAX_KNOTS): the principal curve, then one for scratch


def make_workspace(n: int) -> Workspace:
    """Return a workspace for clusters of up to `n` calcifications."""
    # The hull needs two more, windows that slide a block, the neighbour search 176 for itself.
    capacity = max(padded(n + 2) + BLOCK, 256)
    f = np.zeros((OFFSET + 1, capacity), np.float32)
    return Workspace(
        f,
        f[:_SCRATCH_F].view(np.int32),
        np.zeros((PATH + 1, capacity), np.int32),
        np.zeros(LANES * capacity, np.float32),
        np.zeros((DEVIATION + 1, LANES), np.float32),
        np.zeros((9, MAX_KNOTS), np.float32),
        np.zeros((2, 2, MAX_KNOTS), np.float32),
    )
