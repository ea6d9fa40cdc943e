"""The compiled walk over a stretch of clusters: shared measures once, then each family.

It is the only kernel called from Python; `extract` gives it arrays and a workspace.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.branching import CORRELATION_RATIO, measure_branching
from calcigram.features.catalogue import family_slice
from calcigram.features.curve import fit_curve
from calcigram.features.frame import load_points, local_directions
from calcigram.features.linearity import measure_linearity
from calcigram.features.nipple import measure_nipple
from calcigram.features.particles import measure_particles
from calcigram.features.roundness import measure_roundness
from calcigram.features.spread import measure_spread
from calcigram.geometry import convex_hull, kernel, measure_hull, quantile, sort_values
from calcigram.tree import (
    TWIG_EDGES,
    nearest_neighbours,
    prune_twigs,
    root_at_path_end,
    spanning_tree,
)

_SPREAD, _SPREAD_END = family_slice("spread").start, family_slice("spread").stop
_LINEARITY, _LINEARITY_END = family_slice("linearity").start, family_slice("linearity").stop
_BRANCHING, _BRANCHING_END = family_slice("branching").start, family_slice("branching").stop
_ROUNDNESS, _ROUNDNESS_END = family_slice("roundness").start, family_slice("roundness").stop
_NIPPLE, _NIPPLE_END = family_slice("nipple").start, family_slice("nipple").stop
_PARTICLES, _PARTICLES_END = family_slice("particles").start, family_slice("particles").stop


@kernel
def _grow_tree(work, n, frame):
    """Build the spanning tree; return the pair sums and the median edge."""
    radius = math.sqrt(frame.major + frame.minor)
    scratch = (
        work.f[0], work.f[1], work.f[2], work.f[3], work.i[0], work.i[1], work.i[2], work.i[3],
    )  # fmt: skip
    pairs = spanning_tree(
        work.u, work.v, n, radius / CORRELATION_RATIO, radius, scratch,
        work.sequence, work.parent, work.edge, work.nearest,
    )  # fmt: skip
    edges, ordered = work.f[0], work.f[1]
    for k in range(1, n):
        edges[k - 1] = work.edge[work.sequence[k]]
    sort_values(edges, n - 1, ordered)
    return pairs, quantile(ordered, n - 1, 0.5)


@kernel
def _find_branches(work, n, median_edge):
    """Free the tree of strays and twigs; return the size of the trunk and its branches."""
    count = root_at_path_end(
        work.sequence, work.parent, work.edge, n, median_edge,
        work.trunk, work.trunk_parent, work.trunk_edge, (work.i[0], work.i[1], work.f[0]),
    )  # fmt: skip
    branches = prune_twigs(
        work.trunk, work.trunk_parent, work.trunk_edge, count, TWIG_EDGES * median_edge,
        work.height, work.arm, work.branch, work.path,
    )  # fmt: skip
    return count, branches


@kernel
def _find_directions(work, n):
    """Find neighbours and local directions; return the linearities at 4 and at 8 neighbours."""
    if n < 3:
        for i in range(n):
            work.local_cos[i] = work.local_sin[i] = 0.0
            work.neighbours[i, 0] = n - 1 - i
        return np.nan, np.nan
    k = nearest_neighbours(work.u, work.v, n, work.neighbours)
    cos, sin = work.local_cos, work.local_sin
    local_4 = local_directions(work.u, work.v, work.neighbours, n, min(4, k), cos, sin)
    return local_4, local_directions(work.u, work.v, work.neighbours, n, k, cos, sin)


@kernel
def extract_range(start, stop, offsets, columns, work, values):
    """Write the rows ``start:stop`` of `values`, which must hold NaN.

    Parameters
    ----------
    offsets : int64 (C + 1,)
    columns : tuple of float32 arrays
        Seven marks (N,) then nipple x, nipple y and breast area (C,).
    work : Workspace
        Not used by any other thread meanwhile; large enough for the largest cluster.
    values : float32 (C, F), written
    """
    x, y, diameter, aspect, orientation, solidity, cnr, nipple_x, nipple_y, breast = columns
    for c in range(start, stop):
        begin, n = offsets[c], offsets[c + 1] - offsets[c]
        row = values[c]
        if n == 0:
            row[_SPREAD] = 0.0
            continue
        frame = load_points(x, y, begin, n, work)
        hull_index = work.i[0]
        pairs, median_edge = _grow_tree(work, n, frame)
        count, branches = _find_branches(work, n, median_edge)
        local_4, local_8 = _find_directions(work, n)
        curve = fit_curve(work, n, branches.main_size)
        hull_size = convex_hull(work.u, work.v, n, hull_index)
        hull = measure_hull(work.u, work.v, hull_index, hull_size)
        measure_spread(work, n, frame, hull, pairs, breast[c], row[_SPREAD:_SPREAD_END])
        measure_linearity(
            work, n, frame, curve, branches, local_4, local_8, orientation, aspect, begin,
            row[_LINEARITY:_LINEARITY_END],
        )  # fmt: skip
        measure_branching(
            work, n, count, hull, pairs, curve, branches, median_edge,
            row[_BRANCHING:_BRANCHING_END],
        )  # fmt: skip
        measure_roundness(
            work, n, hull, hull_index, hull_size, row[_ROUNDNESS:_ROUNDNESS_END]
        )
        measure_nipple(work, n, frame, nipple_x[c], nipple_y[c], row[_NIPPLE:_NIPPLE_END])
        measure_particles(
            work, begin, n, hull, diameter, aspect, solidity, cnr,
            row[_PARTICLES:_PARTICLES_END],
        )  # fmt: skip
