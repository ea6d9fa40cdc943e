"""Features of how a cluster lies to the nipple, and whether it widens like a lobe's wedge.

The wedge and widening features need no nipple; all others are NaN without it.
"""

from __future__ import annotations

import math
from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.statistics import (
    LANES,
    mean_and_deviation,
    quantile,
    rising,
    slope_and_correlation,
)
from calcigram.features.rows import COMMON, Rows, columns

_NIPPLE = ("nipple_x_mm", "nipple_y_mm")
_WEDGE_MIN_POINTS = 5

_TURNS = 12
_TURN_COS = np.cos(np.arange(LANES) * math.pi / _TURNS).astype(np.float32)
_TURN_SIN = np.sin(np.arange(LANES) * math.pi / _TURNS).astype(np.float32)
_SEAM = 0.1
"""Half the width of the seam between two halves, in radii of gyration: without one a point at
the centroid would leap from half to half."""

_AHEAD, _BEHIND = 0, 3 * LANES
"""Where the sums of either half begin: weights, places across, and their squares, a lane per direction."""

_LEAST_BREADTH = 0.01
"""Breadth added to both halves, in radii of gyration: a half in a line has none."""

_THIRD_DEVIATIONS = 0.4
"""About a third of the points lies this many standard deviations beyond the mean."""

ROWS: Rows = (
    ("wedge_slope", "1", 0, inf, "How fast the cluster widens along its length.", "|slope| of the distance from the major axis against the position along it; n >= 5", COMMON, ()),
    ("wedge_correlation", "1", 0, 1, "How steadily the cluster widens along its length.", "|correlation| of the same two; n >= 5", COMMON, ()),
    ("widening_mean", "1", 0, inf, "How much wider one half is than the other, averaged over all directions.", "Mean over 12 directions, 15 deg apart from the major axis on, of |log of the ratio of the breadths of the two halves|; the breadth is the standard deviation across the direction plus 0.01 radii of gyration, the halves meet at the centroid, where a point within a tenth of the radius of gyration counts for both in part; n >= 5", COMMON, ()),
    ("widening_max", "1", 0, inf, "How much wider one half is than the other, in the direction where it is most.", "Greatest of the same 12; n >= 5", COMMON, ()),
    ("nipple_distance_mm", "mm", 0, inf, "How far the middle of the cluster is from the nipple.", "Distance from the centroid to the nipple", COMMON, _NIPPLE),
    ("nipple_axis_angle_deg", "deg", 0, 90, "How well the length of the cluster points to the nipple: 0 is exactly.", "Angle between the major axis and the direction from the centroid to the nipple; n >= 3", COMMON, _NIPPLE),
    ("nipple_wedge_slope", "1", -inf, inf, "How fast the cluster widens away from the nipple.", "Slope of the distance from the ray nipple-centroid against the distance to the nipple; n >= 5", COMMON, _NIPPLE),
    ("nipple_span_deg", "deg", 0, 360, "How wide the cluster looks from the nipple, as an angle.", "10-90 % range of the angle seen from the nipple; n >= 3", COMMON, _NIPPLE),
    ("nipple_radial_span_mm", "mm", 0, inf, "How deep the cluster is, in the direction away from the nipple.", "10-90 % range of the distance to the nipple; n >= 3", COMMON, _NIPPLE),
    ("nipple_span_ratio", "1", 0, inf, "Whether the cluster is longer towards the nipple than across.", "nipple_radial_span_mm / (mean distance x nipple_span in radians)", COMMON, _NIPPLE),
    ("nipple_nearness", "1", 0, 1, "How close to the nipple the nearest part is, compared with the farthest.", "5th / 95th percentile of the distance to the nipple; n >= 3", COMMON, _NIPPLE),
    ("nipple_widening", "1", -inf, inf, "How much wider the part far from the nipple is than the part near it.", "Log of the mean distance from the ray nipple-centroid of the points farther from the nipple than 0.4 standard deviations above the mean distance, over that of those nearer than 0.4 below it; n >= 5", COMMON, _NIPPLE),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _halves(x, y, gyration):
    """Return for each direction the sums of weight, place across and its square, of both halves.

    Directions lie side by side, a vector lane each, and points come one after another: that ends in
    no sum across a vector.
    """
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    per_seam = np.float32(0.5 / (_SEAM * gyration))
    sums = np.empty(6 * LANES, np.float32)
    sums[:] = zero
    for i in range(x.size):
        px, py = x[i], y[i]
        for k in range(LANES):
            ahead = half + (_TURN_COS[k] * px + _TURN_SIN[k] * py) * per_seam
            ahead = ahead if ahead > zero else zero
            ahead = ahead if ahead < one else one
            across = _TURN_COS[k] * py - _TURN_SIN[k] * px
            far, near = ahead * across, (one - ahead) * across
            sums[_AHEAD + k] += ahead
            sums[_AHEAD + LANES + k] += far
            sums[_AHEAD + 2 * LANES + k] += far * across
            sums[_BEHIND + k] += one - ahead
            sums[_BEHIND + LANES + k] += near
            sums[_BEHIND + 2 * LANES + k] += near * across
    return sums


@kernel(fast=True)
def _breadth(sums, at):
    """Return the standard deviation across, from the sums of one half in one direction; 0 where nothing weighs."""
    weight, first, second = sums[at], sums[at + LANES], sums[at + 2 * LANES]
    if not weight > 0.0:
        return 0.0
    return math.sqrt(max(0.0, second / weight - (first / weight) ** 2))


@kernel(fast=True)
def _shape(frame, out):
    """Write how the cluster widens, along its major axis and in 12 directions; no nipple is needed."""
    x, y = frame.x, frame.y
    slope, correlation = slope_and_correlation(x, np.abs(y))
    out[_C.wedge_slope] = abs(slope)
    out[_C.wedge_correlation] = min(1.0, abs(correlation)) if correlation == correlation else np.nan
    gyration = math.sqrt(frame.major + frame.minor)
    if not gyration > 0.0:
        return
    total, greatest, least = 0.0, 0.0, _LEAST_BREADTH * gyration
    sums = _halves(x, y, gyration)
    for k in range(_TURNS):
        ahead, behind = _breadth(sums, _AHEAD + k) + least, _breadth(sums, _BEHIND + k) + least
        ratio = abs(math.log(ahead / behind))
        total += ratio
        greatest = max(greatest, ratio)
    out[_C.widening_mean] = total / _TURNS
    out[_C.widening_max] = greatest


@kernel(fast=True)
def _nipple_widening(radius, aside, mean, deviation):
    """Log of the breadth far from the nipple over that near it; NaN where either is nothing."""
    middle, beyond = np.float32(mean), np.float32(_THIRD_DEVIATIONS * deviation)
    near = far = 0.0
    n_near = n_far = 0
    for i in range(radius.size):
        if radius[i] > middle + beyond:
            far += aside[i]
            n_far += 1
        elif radius[i] < middle - beyond:
            near += aside[i]
            n_near += 1
    if not (near > 0.0 and far > 0.0):
        return np.nan
    return math.log(far / n_far) - math.log(near / n_near)


@kernel(fast=True)
def measure_nipple(frame, nipple_x, nipple_y, out):
    """Write the family's columns to `out`, a view of one row."""
    x, y, n = frame.x, frame.y, frame.x.size
    if n >= _WEDGE_MIN_POINTS:
        _shape(frame, out)
    dx, dy = nipple_x - frame.centre_x, nipple_y - frame.centre_y
    to_x = frame.cos * dx + frame.sin * dy
    to_y = frame.hand * (frame.cos * dy - frame.sin * dx)
    distance = math.sqrt(to_x * to_x + to_y * to_y)
    if not distance >= 0.0:
        return
    out[_C.nipple_distance_mm] = distance
    if n < 3:
        return
    if distance > 0.0 and frame.major > 0.0:
        out[_C.nipple_axis_angle_deg] = math.degrees(math.atan2(abs(to_y), abs(to_x)))
    radius, angle = np.empty(n, np.float32), np.empty(n, np.float32)
    aside = np.empty(n, np.float32)
    ray_x = np.float32(-to_x / distance if distance > 0.0 else 1.0)
    ray_y = np.float32(-to_y / distance if distance > 0.0 else 0.0)
    at_x, at_y = np.float32(to_x), np.float32(to_y)
    for i in range(n):
        px, py = x[i] - at_x, y[i] - at_y
        along, across = px * ray_x + py * ray_y, py * ray_x - px * ray_y
        radius[i] = np.sqrt(along * along + across * across)
        angle[i] = math.atan2(across, along)
        aside[i] = abs(across)
    mean, deviation = mean_and_deviation(radius)
    if n >= _WEDGE_MIN_POINTS:
        out[_C.nipple_wedge_slope] = slope_and_correlation(radius, aside)[0]
        out[_C.nipple_widening] = _nipple_widening(radius, aside, mean, deviation)
    angle, radius = rising(angle), rising(radius)
    span = quantile(angle, 0.9) - quantile(angle, 0.1)
    radial = quantile(radius, 0.9) - quantile(radius, 0.1)
    farthest = quantile(radius, 0.95)
    if farthest > 0.0:
        out[_C.nipple_nearness] = quantile(radius, 0.05) / farthest
    out[_C.nipple_span_deg] = math.degrees(span)
    out[_C.nipple_radial_span_mm] = radial
    out[_C.nipple_span_ratio] = radial / (mean * span) if mean * span > 0.0 else np.nan
