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


class Workspace(NamedTuple):
    """Arrays of one cluster at a time, in the order of points along the major axis."""

    u: Any  # position along the major axis, centred, mm
    v: Any  # position across it
    order: Any  # row of each point within its cluster
    sequence: Any  # nodes in the order they joined the spanning tree
    parent: Any
    edge: Any
    nearest: Any  # distance to the nearest neighbour, mm
    neighbours: Any  # (n, 8) indices, nearest first
    local_cos: Any  # a cos 2t of the local direction t with anisotropy a
    local_sin: Any
    trunk: Any  # the tree again, without strays, rooted at an end of its longest path
    trunk_parent: Any
    trunk_edge: Any
    height: Any
    arm: Any
    branch: Any
    path: Any
    arc: Any  # arc length of each point's foot on the principal curve, mm
    offset: Any  # signed distance to the principal curve, mm
    knots: Any  # (2, MAX_KNOTS) of the principal curve
    curves: Any  # (2, 2, MAX_KNOTS) scratch
    f: Any  # (8, n) float32 scratch
    i: Any  # (4, n) int32 scratch


def make_workspace(capacity: int) -> Workspace:
    """Return a workspace for clusters of up to `capacity` calcifications."""
    size = capacity + 2  # the hull needs two more
    shapes: dict[str, tuple[tuple[int, ...], type]] = dict.fromkeys(
        Workspace._fields, ((size,), np.float32)
    )
    for name in (
        "order", "sequence", "parent", "trunk", "trunk_parent", "arm", "branch", "path",
    ):  # fmt: skip
        shapes[name] = ((size,), np.int32)
    shapes["neighbours"] = ((size, MAX_NEIGHBOURS), np.int32)
    shapes["knots"] = ((2, MAX_KNOTS), np.float32)
    shapes["curves"] = ((2, 2, MAX_KNOTS), np.float32)
    shapes["f"] = ((8, size), np.float32)
    shapes["i"] = ((4, size), np.int32)
    return Workspace(**{name: np.zeros(shape, dtype) for name, (shape, dtype) in shapes.items()})
