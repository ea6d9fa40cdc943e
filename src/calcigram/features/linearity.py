"""Features of linearity: how far a cluster follows a line, a curve, two rails, or the walls of a vessel.

Side branches are measured in `branching`.
"""

from __future__ import annotations

import math
from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.curve import FAR_QUANTILE
from calcigram._kernels.geometry import FLAT
from calcigram._kernels.statistics import quantile, rising
from calcigram.features.rows import COMMON, Rows, columns

RAIL_MIN_POINTS = 6
_RAIL_STEPS = 8
_RAIL_TRIM = 2.0
_RAIL_BINS = 8
_UNIFORM_SHARE = 0.75
_UNIFORM_CENTER = 1.0 / 6.0
_AXES = ("orientation_deg", "aspect_ratio")

ROWS: Rows = (
    ("pca_axis_ratio", "1", 0, 1, "How narrow the cluster is for its length: 0 is a straight line, 1 is as wide as long.", "sqrt(l2 / l1), l1 >= l2 the eigenvalues of the covariance: 0 is a line; n >= 3", COMMON, ()),
    ("curve_residual_median_mm", "mm", 0, inf, "How far half of the calcifications lie at most from a smooth curve through the cluster.", "Median distance to the principal curve, whose ends go on by a tenth of its length; n >= 3", "Hastie & Stuetzle 1989", ()),
    ("curve_residual_ratio", "1", 0, inf, "The distance from the curve, compared with the length of the curve.", "Root mean square of those distances / curve_length_mm", "Hastie & Stuetzle 1989; " + COMMON, ()),
    ("curve_length_mm", "mm", 0, inf, "How long that curve is, as a duct or a vessel would be.", "Length of the principal curve", "Hastie & Stuetzle 1989", ()),
    ("tortuosity", "1", 1, inf, "How much longer the way along the curve is than the straight way: 1 is straight.", "curve_length_mm / distance between the ends of the curve", COMMON, ()),
    ("curve_turning_deg", "deg", 0, inf, "How much the curve turns in all, to the left and to the right.", "Sum of the absolute turns between the pieces of the principal curve", COMMON, ()),
    ("path_members", "1", 0, 1, "The share of the calcifications on the longest path from neighbour to neighbour.", "Share of the calcifications on that path", COMMON, ()),
    ("local_linearity_4", "1", 0, 1, "How well each calcification and its four neighbours lie on a line.", "Mean of 1 - l2/l1 of a point and its 4 nearest neighbours, ties (within 1e-5 of the squared distance) all included, over the points where those have an extent; n >= 3", COMMON, ()),
    ("local_linearity_8", "1", 0, 1, "How well each calcification and its eight neighbours lie on a line.", "As local_linearity_4 with 8 neighbours", COMMON, ()),
    ("direction_order", "1", 0, 1, "Whether such local lines all run the same way across the cluster.", "|sum a_k exp(2i t_k)| / sum a_k over the 8-neighbour directions t_k with anisotropies a_k = (l1 - l2)/(l1 + l2)", COMMON, ()),
    ("direction_fan", "1", -1, 1, "Whether the local lines fan out towards one end, as in a segment.", "sum a_k sin(2t_k) v_k / sum a_k |v_k| of the same directions, v_k the distance from the major axis: above 0 where they fan out towards the longer tail; n >= 3", "lexicon, segmental; own formula", ()),
    ("orientation_coherence", "1", -1, 1, "Whether elongated calcifications lie along the line that they are part of.", "Mean cos 2(o_k - t_k) of major axis o_k and local direction t_k, weighted by (1 - 1/aspect) a_k", "after Valvano et al. 2019 (tram tracks)", _AXES),
    ("orientation_order", "1", 0, 1, "Whether elongated calcifications all point the same way.", "|sum w_k exp(2i o_k)| / sum w_k, w_k = 1 - 1/aspect", COMMON, _AXES),
    ("rail_score", "1", 0, 1, "How clearly the calcifications form two parallel rows, as vessel walls do.", "Bimodality of the signed offsets from the principal curve, from their median, those beyond twice the upper quartile of distance left out, in two halves by at most 8 steps of two means from 0: product of the share of variance between the halves above the uniform's 3/4, the emptiness of the middle third (of all n), the mixing of both along the curve, and 4pq; n >= 6", "after Valvano et al. 2019 (tram tracks)", ()),
    ("rail_separation_mm", "mm", 0, inf, "How far apart the two rows are, as the walls of a vessel.", "Distance between the mean offsets of the two halves; n >= 6", "after Valvano et al. 2019 (tram tracks)", ()),
    ("wall_unevenness", "1", 0, inf, "Whether they lie in two walls that may bend and fork: 0 is two thin walls, 1 a loose line.", "Median of |u^2 / l2 - 1|, u the distance of a point from the major axis of all points within 3.5 mm, l2 their variance across that axis; over the points (512 at most) with 5 or more within reach whose l2 is at most 0.8 l1; 4 such points", "own formula, after Valvano et al. 2019 (tram tracks)", ()),
    ("wall_width_mm", "mm", 0, 7, "How wide the cluster is across, at the median of its places: for two walls, their distance.", "Median of 2 sqrt(l2) over the same points", "own formula, after Valvano et al. 2019 (tram tracks)", ()),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _turning_deg(x, y, length):
    """Sum of the absolute turns; pieces that are rounding, or nothing, have no direction."""
    least = (FLAT * length) ** 2
    total = last_x = last_y = 0.0
    for k in range(x.size - 1):
        dx, dy = float(x[k + 1]) - x[k], float(y[k + 1]) - y[k]
        if dx * dx + dy * dy > least:
            if k > 0:
                total += abs(math.atan2(last_x * dy - last_y * dx, last_x * dx + last_y * dy))
            last_x, last_y = dx, dy
    return math.degrees(total)


@kernel(fast=True)
def _curve(curve, out):
    """Write how far the points are from the principal curve, and how long and bent it is."""
    if not curve.length > 0.0:
        return
    squares = np.float32(0.0)
    for offset in curve.offset:
        squares += offset * offset
    residual = math.sqrt(squares / curve.offset.size)
    chord = math.hypot(
        float(curve.x[-1]) - curve.x[0],
        float(curve.y[-1]) - curve.y[0],
    )
    out[_C.curve_residual_median_mm] = quantile(rising(np.abs(curve.offset)), 0.5)
    out[_C.curve_residual_ratio] = residual / curve.length
    out[_C.curve_length_mm] = curve.length
    out[_C.tortuosity] = max(1.0, curve.length / chord) if chord > 0.0 else np.nan
    out[_C.curve_turning_deg] = _turning_deg(curve.x, curve.y, curve.length)


@kernel(fast=True)
def _directions(y, directions, out):
    """Write how alike the local directions are, and whether they fan out from the axis.

    They have no sign, so their angles are doubled; each counts by how linear its neighbours lie.
    """
    cos_sum = sin_sum = weights = outwards = most = np.float32(0.0)
    for i in range(y.size):
        c, s = directions.cos2[i], directions.sin2[i]
        weight = np.sqrt(c * c + s * s)
        cos_sum += c
        sin_sum += s
        weights += weight
        outwards += s * y[i]
        most += weight * abs(y[i])
    if weights > 0.0:
        out[_C.direction_order] = min(1.0, math.hypot(cos_sum, sin_sum) / weights)
    if most > 0.0:
        out[_C.direction_fan] = max(-1.0, min(1.0, outwards / most))


@kernel(fast=True)
def _orientations(frame, directions, orientation, aspect, out):
    """Compare the marks' major axes with the local directions and with one another."""
    zero, one, radian = np.float32(0.0), np.float32(1.0), np.float32(math.pi / 180.0)
    turn_cos = np.float32(frame.cos * frame.cos - frame.sin * frame.sin)
    turn_sin, hand = np.float32(2.0 * frame.sin * frame.cos), np.float32(frame.hand)
    along = along_weights = cos_sum = sin_sum = weights = zero
    for i in range(orientation.size):
        if not (orientation[i] == orientation[i] and aspect[i] == aspect[i]):
            continue
        angle = np.float32(2.0) * orientation[i] * radian
        mark_cos, mark_sin = np.cos(angle), np.sin(angle)
        weight = one - one / aspect[i]
        c = weight * (mark_cos * turn_cos + mark_sin * turn_sin)
        s = weight * hand * (mark_sin * turn_cos - mark_cos * turn_sin)
        cos_sum += c
        sin_sum += s
        weights += weight
        tc, ts = directions.cos2[i], directions.sin2[i]
        along += c * tc + s * ts
        along_weights += weight * np.sqrt(tc * tc + ts * ts)
    if weights > 0.0:
        out[_C.orientation_order] = min(1.0, math.hypot(cos_sum, sin_sum) / weights)
    if orientation.size >= 3 and along_weights > 0.0:
        out[_C.orientation_coherence] = max(-1.0, min(1.0, float(along) / along_weights))


@kernel(fast=True)
def _two_means(offset):
    """Split offsets in two about the midpoint of the two means, starting from 0.

    Returns the midpoint, both means, both counts, and the share of variance between them.
    """
    n, zero, one = offset.size, np.float32(0.0), np.float32(1.0)
    total = square = zero
    for i in range(n):
        total += offset[i]
        square += offset[i] * offset[i]
    split = low = high = 0.0
    n_high = 0
    for _ in range(_RAIL_STEPS):
        limit = np.float32(split)
        sum_high = count = zero
        for i in range(n):
            o = offset[i]
            sum_high += o if o >= limit else zero
            count += one if o >= limit else zero
        n_high = int(count)
        if n_high == 0 or n_high == n:
            return split, 0.0, 0.0, n - n_high, n_high, 0.0
        low, high = float(total - sum_high) / (n - n_high), float(sum_high) / n_high
        last, split = split, 0.5 * (low + high)
        if split == last:
            break
    variance = square / n - (total / n) ** 2
    between = (n - n_high) * n_high * (high - low) ** 2 / (n * n)
    return split, low, high, n - n_high, n_high, (between / variance if variance > 0.0 else 0.0)


@kernel(fast=True)
def _mixing(offset, arc, split, length, p):
    """Return how far both sides share each stretch of the curve: 1 as by chance, 0 apart."""
    n = offset.size
    bins = max(1, min(_RAIL_BINS, n // 6))
    points, highs = np.empty(bins, np.int32), np.empty(bins, np.int32)
    points[:], highs[:] = 0, 0
    scale, last = np.float32(bins / length), np.float32(bins - 1)
    limit = np.float32(split)
    for i in range(n):
        b = int(max(np.float32(0.0), min(last, arc[i] * scale)))
        points[b] += 1
        highs[b] += offset[i] >= limit
    inside = counted = 0.0
    for b in range(bins):
        in_bin, high = float(points[b]), float(highs[b])
        if in_bin >= 2.0:
            inside += (in_bin - high) * high / (in_bin - 1.0)
            counted += in_bin
    return min(1.0, inside / (counted * p * (1.0 - p))) if counted > 0.0 else 0.0


@kernel(fast=True)
def _rails(curve, out):
    """Score two rails: see `rail_score` in the catalogue."""
    n = curve.offset.size
    offset = curve.offset - np.float32(quantile(rising(curve.offset), 0.5))
    limit = np.float32(_RAIL_TRIM * quantile(rising(np.abs(offset)), FAR_QUANTILE))
    kept, arc, m = np.empty(n, np.float32), np.empty(n, np.float32), 0
    for i in range(n):
        kept[m], arc[m] = offset[i], curve.arc[i]
        m += abs(offset[i]) <= limit
    kept, arc = kept[:m], arc[:m]
    split, low, high, n_low, _, share = _two_means(kept)
    separation = high - low
    out[_C.rail_score] = 0.0
    out[_C.rail_separation_mm] = separation
    # What rounding leaves of a straight line is no rail.
    if not separation > FLAT * curve.length:
        return
    central = 0
    for i in range(m):
        central += abs(kept[i] - split) < separation / 6.0
    p = n_low / m
    bimodality = max(0.0, (share - _UNIFORM_SHARE) / (1.0 - _UNIFORM_SHARE))
    emptiness = max(0.0, 1.0 - central / n / _UNIFORM_CENTER)
    mixing = _mixing(kept, arc, split, curve.length, p)
    out[_C.rail_score] = min(1.0, bimodality * emptiness * mixing * 4.0 * p * (1.0 - p))


@kernel(fast=True)
def measure_linearity(frame, curve, branches, directions, walls, orientation, aspect, out):
    """Write the family's columns to `out`, a view of one row."""
    _orientations(frame, directions, orientation, aspect, out)
    n = frame.x.size
    if n < 3:
        return
    if frame.major > 0.0:
        out[_C.pca_axis_ratio] = min(1.0, math.sqrt(frame.minor / frame.major))
    _curve(curve, out)
    if branches.main_length > 0.0:
        out[_C.path_members] = branches.path.size / n
    out[_C.local_linearity_4] = directions.linearity_near
    out[_C.local_linearity_8] = directions.linearity_wide
    _directions(frame.y, directions, out)
    out[_C.wall_unevenness] = walls.unevenness
    out[_C.wall_width_mm] = walls.width
    if n >= RAIL_MIN_POINTS and curve.length > 0.0:
        _rails(curve, out)
