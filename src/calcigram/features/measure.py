"""The compiled walk over a stretch of clusters: what families share once, then each family.

It is the only kernel of the features that is called from Python, by `extract`.
"""

from __future__ import annotations

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.curve import principal_curve
from calcigram._kernels.geometry import convex_hull, measure_hull, principal_frame
from calcigram._kernels.pairs import local_directions, measure_pairs, measure_walls
from calcigram._kernels.statistics import quantile, rising
from calcigram._kernels.tree import (
    TWIG_EDGES,
    prune_twigs,
    root_at_path_end,
    spanning_tree,
)
from calcigram.features.branching import measure_branching
from calcigram.features.catalogue import family_slice
from calcigram.features.linearity import measure_linearity
from calcigram.features.nipple import measure_nipple
from calcigram.features.particles import measure_particles
from calcigram.features.regularity import measure_regularity
from calcigram.features.roundness import measure_roundness
from calcigram.features.spread import measure_spread

_SPREAD, _SPREAD_END = family_slice("spread").start, family_slice("spread").stop
_LINEARITY, _LINEARITY_END = family_slice("linearity").start, family_slice("linearity").stop
_BRANCHING, _BRANCHING_END = family_slice("branching").start, family_slice("branching").stop
_ROUNDNESS, _ROUNDNESS_END = family_slice("roundness").start, family_slice("roundness").stop
_NIPPLE, _NIPPLE_END = family_slice("nipple").start, family_slice("nipple").stop
_REGULARITY, _REGULARITY_END = family_slice("regularity").start, family_slice("regularity").stop
_PARTICLES, _PARTICLES_END = family_slice("particles").start, family_slice("particles").stop


@kernel(fast=True)
def _ordered(column, begin, order):
    """Return a column's values of one cluster, in the order of its points in their frame."""
    values = np.empty(order.size, np.float32)
    for i in range(order.size):
        values[i] = column[begin + order[i]]
    return values


@kernel(fast=True)
def measure_clusters(start, stop, offsets, columns, values):
    """Write the rows ``start:stop`` of `values`, which must hold NaN.

    Parameters
    ----------
    offsets : int64 (C + 1,)
    columns : tuple of float32 arrays
        Seven marks (N,) then nipple x, nipple y and breast area (C,).
    values : float32 (C, F), written
    """
    all_x, all_y, diameters, aspects, orientations, solidities, cnrs, nipple_x, nipple_y, breast = (
        columns
    )
    for c in range(start, stop):
        begin, end = offsets[c], offsets[c + 1]
        row = values[c]
        if begin == end:
            row[_SPREAD] = 0.0
            continue
        frame = principal_frame(all_x[begin:end], all_y[begin:end])
        x, y, order = frame.x, frame.y, frame.order
        pairs = measure_pairs(x, y)
        tree = spanning_tree(x, y)
        median_edge = quantile(rising(tree.edge[tree.order[1:]]), 0.5)
        trunk = root_at_path_end(tree, median_edge)
        branches = prune_twigs(trunk, TWIG_EDGES * median_edge)
        directions = local_directions(x, y)
        curve = principal_curve(x, y, branches.path, median_edge)
        hull = measure_hull(x, y, convex_hull(x, y))
        measure_spread(frame, hull, pairs, breast[c], row[_SPREAD:_SPREAD_END])
        measure_linearity(
            frame, curve, branches, directions, measure_walls(x, y),
            _ordered(orientations, begin, order), _ordered(aspects, begin, order),
            row[_LINEARITY:_LINEARITY_END],
        )  # fmt: skip
        measure_branching(
            x, y, tree, trunk, branches, hull, curve, median_edge,
            row[_BRANCHING:_BRANCHING_END],
        )  # fmt: skip
        measure_roundness(x.size, hull, row[_ROUNDNESS:_ROUNDNESS_END])
        measure_nipple(frame, nipple_x[c], nipple_y[c], row[_NIPPLE:_NIPPLE_END])
        measure_particles(
            _ordered(diameters, begin, order), _ordered(aspects, begin, order),
            _ordered(solidities, begin, order), _ordered(cnrs, begin, order),
            row[_PARTICLES:_PARTICLES_END],
        )  # fmt: skip
        measure_regularity(x, y, tree, median_edge, row[_REGULARITY:_REGULARITY_END])
