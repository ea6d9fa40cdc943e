"""Features of linearity: how far a cluster follows a line, a curve, or two rails.

The curve itself is fitted in `curve`. Side branches are `branching`'s.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.curve import FAR_QUANTILE
from calcigram.features.workspace import (
    ARC,
    DEVIATION,
    LOCAL_COS,
    LOCAL_SIN,
    MEAN,
    OFFSET,
    ORDER,
    RESIDUAL,
    SIGNED,
    U,
    V,
)
from calcigram.geometry import FLAT
from calcigram.kernels import arc_tangents, column_quantile, inner_kernel, quantile
from calcigram.vectors import LANES

_C = family_columns("linearity")

RAIL_MIN_POINTS = 6
_RAIL_STEPS = 8
_RAIL_TRIM = 2.0
_RAIL_BINS = 8
_UNIFORM_SHARE = 0.75
_UNIFORM_CENTER = 1.0 / 6.0


@inner_kernel
def _line(work, n, frame, out):
    extent = float(work.f[U, n - 1]) - work.f[U, 0]
    if frame.major > 0.0:
        residual = math.sqrt(frame.minor)
        out[_C.pca_axis_ratio] = min(1.0, math.sqrt(frame.minor / frame.major))
        out[_C.line_residual_mm] = residual
        out[_C.line_residual_ratio] = residual / extent


@inner_kernel
def _turning_deg(work, knots, size, length):
    """Sum of the absolute turns; pieces that are rounding, or nothing, have no direction."""
    across, along, turns = work.f[0], work.f[1], work.f[2]
    least = np.float32((FLAT * length) ** 2)
    last_u = last_v = np.float32(0.0)
    for k in range(size - 1):
        du, dv = knots[0, k + 1] - knots[0, k], knots[1, k + 1] - knots[1, k]
        some = du * du + dv * dv > least
        zero = np.float32(0.0)
        across[k] = last_u * dv - last_v * du if some else zero
        along[k] = last_u * du + last_v * dv if some else zero
        last_u, last_v = du if some else last_u, dv if some else last_v
    arc_tangents(across, along, size - 1, turns)
    total = np.float32(0.0)
    for k in range(size - 1):
        total += abs(turns[k])
    return math.degrees(total)


@inner_kernel
def place_linearity(work, n, curve):
    """Write the distances to the principal curve to the table."""
    if curve.size < 2:
        return
    offset = work.f[OFFSET]
    for i in range(n):
        work.table[LANES * i + RESIDUAL] = abs(offset[i])
        work.table[LANES * i + SIGNED] = offset[i]


@inner_kernel
def _curve(work, n, curve, out):
    if curve.size < 2 or curve.length <= 0.0:
        return
    mean, deviation = work.moments[MEAN, RESIDUAL], work.moments[DEVIATION, RESIDUAL]
    residual = math.sqrt(mean * mean + deviation * deviation)
    last = curve.size - 1
    chord = math.hypot(
        float(work.curves[0, 0, last]) - work.curves[0, 0, 0],
        float(work.curves[0, 1, last]) - work.curves[0, 1, 0],
    )
    out[_C.curve_residual_mm] = residual
    out[_C.curve_residual_median_mm] = column_quantile(work.table[RESIDUAL:], n, 0.5)
    out[_C.curve_residual_ratio] = residual / curve.length
    out[_C.curve_length_mm] = curve.length
    out[_C.tortuosity] = max(1.0, curve.length / chord) if chord > 0.0 else np.nan
    out[_C.curve_turning_deg] = _turning_deg(work, work.curves[0], curve.size, curve.length)


@inner_kernel
def _path(work, n, branches, out):
    size = branches.main_size
    if size < 2 or branches.main_length <= 0.0:
        return
    out[_C.path_share] = min(1.0, branches.main_length / branches.tree_length)
    out[_C.path_members] = size / n


@inner_kernel
def _directions(work, n, out):
    cos2, sin2 = work.f[LOCAL_COS], work.f[LOCAL_SIN]
    across = work.f[V]
    cos_sum = sin_sum = weights = outwards = most = np.float32(0.0)
    for i in range(n):
        c, s, v = cos2[i], sin2[i], across[i]
        weight = np.sqrt(c * c + s * s)
        cos_sum += c
        sin_sum += s
        weights += weight
        outwards += s * v
        most += weight * abs(v)
    if weights > 0.0:
        out[_C.direction_order] = min(1.0, math.hypot(cos_sum, sin_sum) / weights)
    if most > 0.0:
        out[_C.direction_fan] = max(-1.0, min(1.0, outwards / most))


@inner_kernel
def _doubled_axes(orientation, n, cos2, sin2):
    """Write cosine and sine of twice the angle, given in [0, 180) degrees, to 3e-7.

    Taylor series of cosine and sine about 90 degrees, then doubled.
    """
    one, radian = np.float32(1.0), np.float32(math.pi / 180.0)
    for i in range(n):
        t = (orientation[i] - np.float32(90.0)) * radian
        x = t * t
        c = one + x * (
            np.float32(-1 / 2) + x * (
                np.float32(1 / 24) + x * (
                    np.float32(-1 / 720) + x * (np.float32(1 / 40320) - x * np.float32(1 / 3628800))
                )
            )
        )  # fmt: skip
        s = t * (
            one + x * (
                np.float32(-1 / 6) + x * (
                    np.float32(1 / 120) + x * (
                        np.float32(-1 / 5040)
                        + x * (np.float32(1 / 362880) - x * np.float32(1 / 39916800))
                    )
                )
            )
        )  # fmt: skip
        # Half a turn of twice the angle lies between it and t.
        cos2[i], sin2[i] = s * s - c * c, -(s + s) * c


@inner_kernel
def _orientations(work, n, frame, orientation, aspect, start, out):
    """Compare the marks' major axes with the local directions and with one another."""
    zero, one = np.float32(0.0), np.float32(1.0)
    degrees, weight_of, mark_cos, mark_sin = work.f[0], work.f[1], work.f[2], work.f[3]
    for i in range(n):
        row = start + work.i[ORDER, i]
        angle, ratio = orientation[row], aspect[row]
        known = angle == angle and ratio == ratio
        degrees[i] = angle if known else zero
        weight_of[i] = one - one / ratio if known else zero
    _doubled_axes(degrees, n, mark_cos, mark_sin)
    turn_cos = np.float32(frame.cos * frame.cos - frame.sin * frame.sin)
    turn_sin = np.float32(2.0 * frame.sin * frame.cos)
    hand = np.float32(frame.hand)
    local_cos, local_sin = work.f[LOCAL_COS], work.f[LOCAL_SIN]
    along = along_weights = cos_sum = sin_sum = weights = zero
    for i in range(n):
        weight = weight_of[i]
        c = weight * (mark_cos[i] * turn_cos + mark_sin[i] * turn_sin)
        s = weight * hand * (mark_sin[i] * turn_cos - mark_cos[i] * turn_sin)
        cos_sum += c
        sin_sum += s
        weights += weight
        tc, ts = local_cos[i], local_sin[i]
        along += c * tc + s * ts
        along_weights += weight * np.sqrt(tc * tc + ts * ts)
    if weights > 0.0:
        out[_C.orientation_order] = min(1.0, math.hypot(cos_sum, sin_sum) / weights)
    if n >= 3 and along_weights > 0.0:
        out[_C.orientation_coherence] = max(-1.0, min(1.0, float(along) / along_weights))


@inner_kernel
def _two_means(offset, n):
    """Split offsets in two about the midpoint of the two means, starting from 0.

    Returns the midpoint, both means, both counts, and the share of variance between them.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
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


@inner_kernel
def _mixing(offset, arc, n, split, length, p, points, highs):
    """Return how far both sides share each stretch of the curve: 1 as by chance, 0 apart."""
    bins = max(1, min(_RAIL_BINS, n // 6))
    for b in range(bins):
        points[b] = highs[b] = 0
    scale, last = np.float32(bins / length), np.float32(bins - 1)
    limit = np.float32(split)
    for i in range(n):
        b = int(max(np.float32(0.0), min(last, arc[i] * scale)))
        points[b] += 1
        highs[b] += offset[i] >= limit
    inside = 0.0
    counted = 0
    for b in range(bins):
        in_bin = points[b]
        if in_bin >= 2:
            inside += (in_bin - highs[b]) * highs[b] / (in_bin - 1)
            counted += in_bin
    return min(1.0, inside / (counted * p * (1.0 - p))) if counted else 0.0


@inner_kernel
def _rails(work, n, curve, out):
    """Score two rails: see `rail_score` in the catalogue."""
    middle = np.float32(column_quantile(work.table[SIGNED:], n, 0.5))
    kept, arc, away = work.f[1], work.f[2], work.f[0]
    for i in range(n):
        away[i] = abs(work.f[OFFSET, i] - middle)
    limit = np.float32(_RAIL_TRIM * quantile(away, work.bits[0], n, FAR_QUANTILE))
    m = np.int64(0)  # for a plain 0, which is a type of its own, callees are compiled once more
    for i in range(n):
        o = work.f[OFFSET, i] - middle
        kept[m], arc[m] = o, work.f[ARC, i]
        m += abs(o) <= limit
    split, low, high, n_low, _, share = _two_means(kept, m)
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
    mixing = _mixing(kept, arc, m, split, curve.length, p, work.i[1], work.i[2])
    out[_C.rail_between_share] = min(1.0, max(0.0, share))
    out[_C.rail_mixing] = mixing
    out[_C.rail_score] = min(1.0, bimodality * emptiness * mixing * 4.0 * p * (1.0 - p))


@inner_kernel
def measure_linearity(work, n, frame, curve, branches, local_4, local_8, orientation, aspect, start, out):  # fmt: skip
    """Write the family's columns to `out`, a view of one row; the table is sorted."""
    _orientations(work, n, frame, orientation, aspect, start, out)
    if n < 3:
        return
    _line(work, n, frame, out)
    _curve(work, n, curve, out)
    _path(work, n, branches, out)
    out[_C.local_linearity_4] = local_4
    out[_C.local_linearity_8] = local_8
    _directions(work, n, out)
    if n >= RAIL_MIN_POINTS and curve.size >= 2 and curve.length > 0.0:
        _rails(work, n, curve, out)
