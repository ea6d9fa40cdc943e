"""The careful SciPy version: every feature of the catalogue, in float64, without compiled code of our own.

It is what `features_vs_scipy` times the compiled kernels against, and what `tests/test_numpy_features.py`
holds them against: the definitions are the catalogue's, the code is not the kernels'. No loop
of Python's runs over clusters or calcifications:

* clusters of equal size lie side by side, so that all their distances, neighbours, curves and rails
  are arrays of one more dimension (`layout`);
* trees, hulls and sums run over all calcifications of many clusters at once: trees by pointer jumping
  and level by level, hulls by dropping, again and again, whoever lies inside its neighbours.

What is left to Python is what depends on its own last step: a point joins the spanning tree, a
step towards the median, a level of the tree, a bandwidth. SciPy's own routines take a cluster a
call: 40 us for the hull of 64 points, 50 for their neighbours by a k-d tree, 100 for Delaunay
before any spanning tree; here all that is read off a hull takes 14, neighbours 20, trees 35.

It gains from numbers: with thousands of clusters there are many of each size. Where rounding is all that
is left, of pieces of a curve between points at one place or of offsets from a straight line, there is nothing
here: no turn, no rail.
"""

from __future__ import annotations

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from numpy_features.branches import find_branches
from numpy_features.branching import measure_branching
from numpy_features.curve import fit_curves
from numpy_features.frame import load_points
from numpy_features.hull import measure_hulls
from numpy_features.linearity import measure_linearity
from numpy_features.nipple import measure_nipple
from numpy_features.pairs import measure_pairs
from numpy_features.particles import measure_particles
from numpy_features.regularity import measure_regularity
from numpy_features.roundness import measure_roundness
from numpy_features.spread import measure_spread

__all__ = ["numpy_features"]

PORTION = 1 << 16
"""Calcifications of the clusters that are measured together."""


def numpy_features(clusters: ClusterSet) -> np.ndarray:
    """Compute all features of every cluster on NumPy alone.

    Parameters
    ----------
    clusters : ClusterSet
        C clusters.

    Returns
    -------
    ndarray of float64, shape (C, F)
        The columns are those of the catalogue; NaN where a feature is undefined.
    """
    values = np.full((len(clusters), len(FEATURE_NAMES)), np.nan)
    sizes = np.diff(clusters.offsets)
    rising = np.argsort(sizes, kind="stable")[np.count_nonzero(sizes == 0) :]
    # In portions that the processor's cache holds.
    portion = np.cumsum(sizes[rising]) // PORTION
    for chosen in np.split(rising, np.flatnonzero(np.diff(portion)) + 1):
        if len(chosen):
            columns = measure_columns(clusters, chosen)
            values[chosen] = np.stack([columns[name] for name in FEATURE_NAMES], axis=1)
    values[sizes == 0, FEATURE_NAMES.index("n_calcifications")] = 0.0
    return values


@np.errstate(divide="ignore", invalid="ignore")
def measure_columns(clusters: ClusterSet, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of the chosen clusters, which come by rising size."""
    points = load_points(clusters, chosen)
    pairs = measure_pairs(points)
    hulls = measure_hulls(points)
    branches = find_branches(points, pairs)
    curves = fit_curves(points, pairs, branches)
    return {
        **measure_spread(points, pairs, hulls, clusters.breast_area_mm2[chosen]),
        **measure_linearity(points, pairs, branches, curves, clusters),
        **measure_branching(points, pairs, hulls, branches, curves),
        **measure_roundness(points, hulls),
        **measure_nipple(points, clusters.nipple_x_mm[chosen], clusters.nipple_y_mm[chosen]),
        **measure_particles(points, pairs, clusters),
        **measure_regularity(points, pairs),
    }
