"""Scratch memory and hand-over types of the feature kernels: one `Workspace` a thread.

Nothing is computed here. Sharing a workspace between threads corrupts their results;
`extract` gives each its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from calcigram.tree import MAX_NEIGHBOURS

MAX_KNOTS = 33
"""Most knots of a curve, whether the decimated path it starts from or the fitted one."""


U, V, EDGE, NEAREST, LOCAL_COS, LOCAL_SIN, TRUNK_EDGE, HEIGHT, ARC, OFFSET = range(8, 18)
"""Rows of ``f`` (the first eight are scratch): places along and across the major axis, edge to the parent in the
spanning tree, distance to the nearest neighbour, local direction (``a cos 2t``, ``a sin 2t``),
edge and height in the trunk, foot on the principal curve and signed distance to it."""

ORDER, SEQUENCE, PARENT, TRUNK, TRUNK_PARENT, ARM, BRANCH, PATH = range(4, 12)
"""Rows of ``i`` (the first four are scratch): row of each point within its cluster, the spanning tree and its trunk
(as `calcigram.tree` writes them), and the nodes of the main path."""


class Workspace(NamedTuple):
    """Arrays of one cluster at a time, its points in order along the major axis.

    Few arrays with many rows, not many arrays: each array handed to a kernel costs time.
    """

    f: Any  # float32 (18, n + 2)
    bits: Any  # the bits of the scratch rows of f, int32
    i: Any  # int32 (12, n + 2)
    neighbours: Any  # int32 (n + 2, 8), nearest first
    curves: Any  # float32 (3, 2, MAX_KNOTS): the principal curve, then two for scratch


def make_workspace(capacity: int) -> Workspace:
    """Return a workspace for clusters of up to `capacity` calcifications."""
    size = capacity + 2  # the hull needs two more
    f = np.zeros((OFFSET + 1, size), np.float32)
    return Workspace(
        f,
        f[:8].view(np.int32),
        np.zeros((PATH + 1, size), np.int32),
        np.zeros((size, MAX_NEIGHBOURS), np.int32),
        np.zeros((3, 2, MAX_KNOTS), np.float32),
    )
