"""Features of spread: how large, how dense and how evenly filled a cluster is.

Shape is not looked at here; see `linearity`, `branching` and `roundness`.
"""

from __future__ import annotations

import math
from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.geometry import geometric_median
from calcigram._kernels.statistics import mean_and_deviation, quantile, rising
from calcigram.features.rows import COMMON, Rows, columns

ROWS: Rows = (
    ("n_calcifications", "1", 0, inf, "How many calcifications the cluster has.", "Number of calcifications, n", "definition", ()),
    ("radius_of_gyration_mm", "mm", 0, inf, "How far the calcifications typically lie from the middle of the cluster.", "Root mean square distance to the centroid", COMMON, ()),
    ("max_distance_mm", "mm", 0, inf, "How far apart the two outermost calcifications are.", "Greatest distance between two points", COMMON, ()),
    ("core_radius_mm", "mm", 0, inf, "The radius around the densest place that holds half of the calcifications.", "Median distance to the geometric median", "Weiszfeld 1937", ()),
    ("core_radius_90_mm", "mm", 0, inf, "The radius around the densest place that holds nine in ten calcifications.", "90th percentile of the distance to the geometric median", "Weiszfeld 1937", ()),
    ("hull_area_mm2", "mm2", 0, inf, "The area within a tight line around the cluster.", "Area of the convex hull", COMMON, ()),
    ("density_per_cm2", "1/cm2", 0, inf, "How many calcifications there are per square centimetre of that area.", "100 n / hull area in mm2; undefined for a line", COMMON, ()),
    ("mean_distance_mm", "mm", 0, inf, "How far apart two calcifications are on average.", "Mean distance over all pairs", COMMON, ()),
    ("nn_mean_mm", "mm", 0, inf, "How far each calcification is, on average, from the one next to it.", "Mean distance to the nearest neighbour", "DICOM PS3.16 code 112200; " + COMMON, ()),
    ("nn_sd_mm", "mm", 0, inf, "How much that distance to the next calcification varies.", "Standard deviation of the distance to the nearest neighbour", "DICOM PS3.16 code 112201; " + COMMON, ()),
    ("nn_cv", "1", 0, inf, "How uneven the spacing is, whatever the size of the cluster.", "nn_sd_mm / nn_mean_mm", COMMON, ()),
    ("clark_evans_ratio", "1", 0, 15, "Whether calcifications are more crowded (below 1) or more even (above 1) than by chance.", "nn_mean_mm / (0.5 sqrt(A/n) + (0.0514 + 0.041/sqrt(n)) P/n), A and P area and perimeter of the hull; n >= 3", "Clark & Evans 1954; edge correction of Donnelly 1978", ()),
    ("ripley_l_1mm", "mm", -1, inf, "Whether more neighbours lie within 1 mm than chance would place there.", "L(r) - r at r = 1 mm, L = sqrt(A K / pi), K = ordered pairs within r / (n (n - 1)), A hull area; no edge correction; n >= 3", "Ripley 1977", ()),
    ("ripley_l_3mm", "mm", -3, inf, "Whether more neighbours lie within 3 mm than chance would place there.", "As ripley_l_1mm at 3 mm", "Ripley 1977", ()),
    ("ripley_l_10mm", "mm", -10, inf, "Whether more neighbours lie within 10 mm than chance would place there.", "As ripley_l_1mm at 10 mm", "Ripley 1977", ()),
    ("max_count_1cm", "1", 0, inf, "The largest number of calcifications in a circle of 1 cm.", "Greatest number of points within 5 mm of a calcification, itself included", "BI-RADS 5th ed., grouped (5 within 1 cm)", ()),
    ("share_2cm", "1", 0, 1, "The share of the calcifications that one circle of 2 cm can hold.", "Greatest share of the points within 10 mm of a calcification, itself included", "BI-RADS 5th ed., grouped (2 cm)", ()),
    ("radial_kurtosis", "1", 1, inf, "Whether the calcifications form a ring, an even disc, or a dense core with a sparse rim.", "mean(r^4) / mean(r^2)^2, r the distance to the centroid: 1 ring, 4/3 disc, 2 Gaussian; n >= 3", COMMON, ()),
    ("breast_share", "1", 0, inf, "The share of the breast that the cluster covers.", "hull_area_mm2 / breast_area_mm2", "lexicon, diffuse", ("breast_area_mm2",)),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _nearest(nearest, hull, out):
    """Nearest-neighbour distances and the Clark-Evans ratio."""
    n = nearest.size
    mean, deviation = mean_and_deviation(nearest)
    out[_C.nn_mean_mm] = mean
    out[_C.nn_sd_mm] = deviation
    out[_C.nn_cv] = deviation / mean if mean > 0.0 else np.nan
    edge = (0.0514 + 0.041 / math.sqrt(n)) * hull.perimeter / n
    expected = 0.5 * math.sqrt(hull.area / n) + edge
    out[_C.clark_evans_ratio] = mean / expected if n >= 3 and expected > 0.0 else np.nan


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
    fourth = np.float32(0.0)
    for i in range(x.size):
        square = x[i] * x[i] + y[i] * y[i]
        fourth += square * square
    if x.size < 3 or second <= 0.0:
        return np.nan
    return max(1.0, float(fourth) / x.size / (second * second))


@kernel(fast=True)
def _ripley(area, n, pairs_within, radius):
    if n < 3 or area <= 0.0:
        return np.nan
    return math.sqrt(2.0 * area * pairs_within / (math.pi * n * (n - 1))) - radius


@kernel(fast=True)
def measure_spread(frame, hull, pairs, nearest, breast_area, out):
    """Write the family's columns to `out`, a view of one row."""
    n = frame.x.size
    out[_C.n_calcifications] = n
    out[_C.radius_of_gyration_mm] = math.sqrt(frame.major + frame.minor)
    out[_C.max_distance_mm] = hull.diameter
    out[_C.hull_area_mm2] = hull.area
    out[_C.density_per_cm2] = 100.0 * n / hull.area if hull.area > 0.0 else np.nan
    out[_C.breast_share] = hull.area / breast_area
    out[_C.max_count_1cm] = pairs.most_within_5mm
    out[_C.share_2cm] = pairs.most_within_10mm / n
    out[_C.ripley_l_1mm] = _ripley(hull.area, n, pairs.within_1mm, 1.0)
    out[_C.ripley_l_3mm] = _ripley(hull.area, n, pairs.within_3mm, 3.0)
    out[_C.ripley_l_10mm] = _ripley(hull.area, n, pairs.within_10mm, 10.0)
    out[_C.radial_kurtosis] = _radial_kurtosis(frame.x, frame.y, frame.major + frame.minor)
    _core(frame.x, frame.y, hull, out)
    if n >= 2:
        out[_C.mean_distance_mm] = pairs.distance_sum / (0.5 * n * (n - 1))
        _nearest(nearest, hull, out)
