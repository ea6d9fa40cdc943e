"""The compiled walk over a stretch of clusters: shared measures once, then each family.

It is the only kernel called from Python; `extract` gives it arrays and a workspace.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.branching import CORRELATION_RATIO, measure_branching
from calcigram.features.catalogue import family_slice
from calcigram.features.curve import fit_curve
from calcigram.features.frame import load_points
from calcigram.features.linearity import measure_linearity, place_linearity
from calcigram.features.nipple import measure_nipple, place_nipple
from calcigram.features.particles import measure_particles, place_particles
from calcigram.features.regularity import measure_regularity
from calcigram.features.roundness import measure_roundness
from calcigram.features.spread import measure_spread, place_spread
from calcigram.features.workspace import (
    ARM,
    BRANCH,
    COUNT,
    DEVIATION,
    EDGE,
    HEIGHT,
    LOCAL_COS,
    LOCAL_SIN,
    MEAN,
    NEAREST,
    NEAREST_OF,
    PARENT,
    PATH,
    SEQUENCE,
    TRUNK,
    TRUNK_EDGE,
    TRUNK_PARENT,
    U,
    V,
)
from calcigram.geometry import convex_hull, measure_hull
from calcigram.kernels import column_moments, inner_kernel, kernel, quantile, sort_columns
from calcigram.pairs import local_directions, measure_pairs
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
_REGULARITY, _REGULARITY_END = family_slice("regularity").start, family_slice("regularity").stop
_PARTICLES, _PARTICLES_END = family_slice("particles").start, family_slice("particles").stop


@inner_kernel
def _grow_tree(work, n):
    """Build the spanning tree, read off it who is nearest; return the median edge."""
    scratch = (work.f[0], work.f[1], work.f[2])
    spanning_tree(work.f[U], work.f[V], n, scratch, work.i[SEQUENCE], work.i[PARENT], work.f[EDGE])
    nearest_neighbours(
        work.i[SEQUENCE], work.i[PARENT], work.f[EDGE], n, work.f[NEAREST], work.i[NEAREST_OF]
    )
    for k in range(1, n):
        work.f[0, k - 1] = work.f[EDGE, work.i[SEQUENCE, k]]
    return quantile(work.f[0], work.bits[0], n - 1, 0.5)


@inner_kernel
def _find_branches(work, n, median_edge):
    """Free the tree of strays and twigs; return the size of the trunk and its branches."""
    count = root_at_path_end(
        work.i[SEQUENCE], work.i[PARENT], work.f[EDGE], n, median_edge,
        work.i[TRUNK], work.i[TRUNK_PARENT], work.f[TRUNK_EDGE], (work.i[0], work.i[1], work.f[0]),
    )  # fmt: skip
    branches = prune_twigs(
        work.i[TRUNK], work.i[TRUNK_PARENT], work.f[TRUNK_EDGE], count, TWIG_EDGES * median_edge,
        work.f[HEIGHT], work.i[ARM], work.i[BRANCH], work.i[PATH],
    )  # fmt: skip
    return count, branches


@inner_kernel
def _find_directions(work, n):
    """Find local directions; return the linearities at 4 and at 8 neighbours."""
    if n < 3:
        for i in range(n):
            work.f[LOCAL_COS, i] = work.f[LOCAL_SIN, i] = 0.0
        return np.nan, np.nan
    return local_directions(
        work.f[U], work.f[V], n, work.f[0], work.f[1], work.f[LOCAL_COS], work.f[LOCAL_SIN]
    )


@inner_kernel
def _summarise(work, n):
    """Take the moments of the table's columns and sort them."""
    column_moments(work.table, n, work.moments[COUNT], work.moments[MEAN], work.moments[DEVIATION])
    sort_columns(work.table, n)


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
        radius = math.sqrt(frame.major + frame.minor)
        pairs = measure_pairs(work.f[U], work.f[V], n, radius / CORRELATION_RATIO, radius)
        median_edge = _grow_tree(work, n)
        count, branches = _find_branches(work, n, median_edge)
        local_4, local_8 = _find_directions(work, n)
        curve = fit_curve(work, n, branches.main_size, median_edge)
        hull_size = convex_hull(work.f[U], work.f[V], n, hull_index, (work.i[1], work.f))
        hull = measure_hull(work.f[U], work.f[V], hull_index, hull_size)
        measure_branching(
            work, n, count, hull, pairs, curve, branches, median_edge,
            row[_BRANCHING:_BRANCHING_END],
        )  # fmt: skip
        place_spread(work, n, hull)
        place_linearity(work, n, curve)
        place_nipple(work, n, frame, nipple_x[c], nipple_y[c], row[_NIPPLE:_NIPPLE_END])
        particles = row[_PARTICLES:_PARTICLES_END]
        place_particles(work, begin, n, diameter, aspect, solidity, cnr, particles)
        _summarise(work, n)
        measure_spread(work, n, frame, hull, pairs, breast[c], row[_SPREAD:_SPREAD_END])
        measure_linearity(
            work, n, frame, curve, branches, local_4, local_8, orientation, aspect, begin,
            row[_LINEARITY:_LINEARITY_END],
        )  # fmt: skip
        measure_roundness(work, n, hull, hull_index, hull_size, row[_ROUNDNESS:_ROUNDNESS_END])
        measure_nipple(work, n, frame, nipple_x[c], nipple_y[c], row[_NIPPLE:_NIPPLE_END])
        measure_particles(work, begin, n, diameter, aspect, solidity, particles)
        measure_regularity(work, n, median_edge, row[_REGULARITY:_REGULARITY_END])
