"""Features of spread: how large a cluster is, and how its calcifications crowd to a core.

Shape is not looked at here; see `linearity`, `branching` and `roundness`.
"""

from __future__ import annotations

from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.geometry import geometric_median
from calcigram._kernels.statistics import quantile, rising
from calcigram.features.rows import COMMON, Rows, columns

ROWS: Rows = (
    ("n_calcifications", "1", 0, inf, "How many calcifications the cluster has.", "Number of calcifications, n", "definition", ()),
    ("max_distance_mm", "mm", 0, inf, "How far apart the two outermost calcifications are.", "Greatest distance between two points", COMMON, ()),
    ("core_radius_mm", "mm", 0, inf, "The radius around the densest place that holds half of the calcifications.", "Median distance to the geometric median", "Weiszfeld 1937", ()),
    ("core_radius_90_mm", "mm", 0, inf, "The radius around the densest place that holds nine in ten calcifications.", "90th percentile of the distance to the geometric median", "Weiszfeld 1937", ()),
    ("hull_area_mm2", "mm2", 0, inf, "The area within a tight line around the cluster.", "Area of the convex hull", COMMON, ()),
    ("mean_distance_mm", "mm", 0, inf, "How far apart two calcifications are on average.", "Mean distance over all pairs", COMMON, ()),
    ("share_2cm", "1", 0, 1, "The share of the calcifications that one circle of 2 cm can hold.", "Greatest share of the points within 10 mm of a calcification, itself included", "BI-RADS 5th ed., grouped (2 cm)", ()),
    ("radial_kurtosis", "1", 1, inf, "Whether the calcifications form a ring, an even disc, or a dense core with a sparse rim.", "mean(r^4) / mean(r^2)^2, r the distance to the centroid: 1 ring, 4/3 disc, 2 Gaussian; n >= 3", COMMON, ()),
    ("breast_share", "1", 0, inf, "The share of the breast that the cluster covers.", "hull_area_mm2 / breast_area_mm2", "lexicon, diffuse", ("breast_area_mm2",)),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _core(x, y, hull, out):
    """Quantiles of the distance to the geometric median."""
    cx, cy = geometric_median(x, y, hull.diameter)
    distance = np.empty(x.size, np.float32)
    cx, cy = np.float32(cx), np.float32(cy)
    for i in range(x.size):
        dx, dy = x[i] - cx, y[i] - cy
        distance[i] = np.sqrt(dx * dx + dy * dy)
    distance = rising(distance)
    out[_C.core_radius_mm] = quantile(distance, 0.5)
    out[_C.core_radius_90_mm] = quantile(distance, 0.9)


@kernel(fast=True)
def _radial_kurtosis(x, y, second):
    """Return the mean fourth power of the distance from the centroid over its squared mean square, `second`."""
    fourth = np.float32(0.0)
    for i in range(x.size):
        square = x[i] * x[i] + y[i] * y[i]
        fourth += square * square
    if x.size < 3 or second <= 0.0:
        return np.nan
    return max(1.0, float(fourth) / x.size / (second * second))


@kernel(fast=True)
def measure_spread(frame, hull, pairs, breast_area, out):
    """Write the family's columns to `out`, a view of one row."""
    n = frame.x.size
    out[_C.n_calcifications] = n
    out[_C.max_distance_mm] = hull.diameter
    out[_C.hull_area_mm2] = hull.area
    out[_C.breast_share] = hull.area / breast_area
    out[_C.share_2cm] = pairs.most_within_10mm / n
    out[_C.radial_kurtosis] = _radial_kurtosis(frame.x, frame.y, frame.major + frame.minor)
    _core(frame.x, frame.y, hull, out)
    if n >= 2:
        out[_C.mean_distance_mm] = pairs.distance_sum / (0.5 * n * (n - 1))
