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
    LOCAL_COS,
    LOCAL_SIN,
    OFFSET,
    ORDER,
    PATH,
    TRUNK_EDGE,
    U,
)
from calcigram.kernels import inner_kernel, quantile

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
def _turning_deg(knots, size):
    """Sum of the absolute turns; pieces without length have no direction."""
    total = 0.0
    last_u = last_v = 0.0
    for k in range(size - 1):
        du = float(knots[0, k + 1]) - knots[0, k]
        dv = float(knots[1, k + 1]) - knots[1, k]
        if du == 0.0 and dv == 0.0:
            continue
        if last_u != 0.0 or last_v != 0.0:
            total += abs(math.atan2(last_u * dv - last_v * du, last_u * du + last_v * dv))
        last_u, last_v = du, dv
    return math.degrees(total)


@inner_kernel
def _curve(work, n, curve, out):
    distances = work.f[0]
    if curve.size < 2 or curve.length <= 0.0:
        return
    square = 0.0
    for i in range(n):
        distances[i] = abs(work.f[OFFSET, i])
        square += float(work.f[OFFSET, i]) ** 2
    residual = math.sqrt(square / n)
    last = curve.size - 1
    chord = math.hypot(
        float(work.curves[0, 0, last]) - work.curves[0, 0, 0],
        float(work.curves[0, 1, last]) - work.curves[0, 1, 0],
    )
    out[_C.curve_residual_mm] = residual
    out[_C.curve_residual_median_mm] = quantile(distances, work.bits[0], n, 0.5)
    out[_C.curve_residual_ratio] = residual / curve.length
    out[_C.curve_length_mm] = curve.length
    out[_C.tortuosity] = max(1.0, curve.length / chord) if chord > 0.0 else np.nan
    out[_C.curve_turning_deg] = _turning_deg(work.curves[0], curve.size)


@inner_kernel
def _path(work, n, branches, out):
    size = branches.main_size
    if size < 2 or branches.main_length <= 0.0:
        return
    out[_C.path_share] = min(1.0, branches.main_length / branches.tree_length)
    out[_C.path_members] = size / n
    mean = branches.main_length / (size - 1)
    square = 0.0
    for k in range(1, size):
        square += (float(work.f[TRUNK_EDGE, work.i[PATH, k]]) - mean) ** 2
    out[_C.path_gap_cv] = math.sqrt(square / (size - 1)) / mean


@inner_kernel
def _directions(work, n, out):
    cos_sum = sin_sum = weights = 0.0
    for i in range(n):
        c, s = float(work.f[LOCAL_COS, i]), float(work.f[LOCAL_SIN, i])
        cos_sum += c
        sin_sum += s
        weights += math.sqrt(c * c + s * s)
    if weights > 0.0:
        out[_C.direction_order] = min(
            1.0, math.sqrt(cos_sum * cos_sum + sin_sum * sin_sum) / weights
        )


@inner_kernel
def _orientations(work, n, frame, orientation, aspect, start, out):
    """Compare the marks' major axes with the local directions and with one another."""
    doubled_frame_cos = frame.cos * frame.cos - frame.sin * frame.sin
    doubled_frame_sin = 2.0 * frame.sin * frame.cos
    along = along_weights = cos_sum = sin_sum = weights = 0.0
    for i in range(n):
        row = start + work.i[ORDER, i]
        angle, ratio = float(orientation[row]), float(aspect[row])
        if math.isnan(angle) or math.isnan(ratio):
            continue
        weight = 1.0 - 1.0 / ratio
        doubled = np.float32(math.radians(2.0 * angle))
        c, s = float(math.cos(doubled)), float(math.sin(doubled))
        c, s = (
            c * doubled_frame_cos + s * doubled_frame_sin,
            frame.hand * (s * doubled_frame_cos - c * doubled_frame_sin),
        )
        cos_sum += weight * c
        sin_sum += weight * s
        weights += weight
        tc, ts = float(work.f[LOCAL_COS, i]), float(work.f[LOCAL_SIN, i])
        along += weight * (c * tc + s * ts)
        along_weights += weight * math.sqrt(tc * tc + ts * ts)
    if weights > 0.0:
        out[_C.orientation_order] = min(
            1.0, math.sqrt(cos_sum * cos_sum + sin_sum * sin_sum) / weights
        )
    if n >= 3 and along_weights > 0.0:
        out[_C.orientation_coherence] = max(-1.0, min(1.0, along / along_weights))


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
def _mixing(offset, arc, n, split, length, p, lows, highs):
    """Return how far both sides share each stretch of the curve: 1 as by chance, 0 apart."""
    bins = max(1, min(_RAIL_BINS, n // 6))
    for b in range(bins):
        lows[b] = highs[b] = 0
    scale = bins / length
    for i in range(n):
        b = max(0, min(bins - 1, int(arc[i] * scale)))
        if offset[i] < split:
            lows[b] += 1
        else:
            highs[b] += 1
    inside = 0.0
    counted = 0
    for b in range(bins):
        in_bin = lows[b] + highs[b]
        if in_bin >= 2:
            inside += lows[b] * highs[b] / (in_bin - 1)
            counted += in_bin
    return min(1.0, inside / (counted * p * (1.0 - p))) if counted else 0.0


@inner_kernel
def _rails(work, n, curve, out):
    """Score two rails: see `rail_score` in the catalogue."""
    values, bits = work.f[0], work.bits[0]
    lowest = np.float32(0.0)
    for i in range(n):
        lowest = min(lowest, work.f[OFFSET, i])
    for i in range(n):
        values[i] = work.f[OFFSET, i] - lowest
    middle = lowest + quantile(values, bits, n, 0.5)
    for i in range(n):
        values[i] = abs(work.f[OFFSET, i] - middle)
    limit = _RAIL_TRIM * quantile(values, bits, n, FAR_QUANTILE)
    kept, arc = work.f[1], work.f[2]
    m = 0
    for i in range(n):
        o = work.f[OFFSET, i] - middle
        if abs(o) <= limit:
            kept[m], arc[m] = o, work.f[ARC, i]
            m += 1
    split, low, high, n_low, _, share = _two_means(kept, m)
    separation = high - low
    out[_C.rail_score] = 0.0
    out[_C.rail_separation_mm] = separation
    if separation <= 0.0:
        return
    central = 0
    for i in range(m):
        central += abs(kept[i] - split) < separation / 6.0
    p = n_low / m
    bimodality = max(0.0, (share - _UNIFORM_SHARE) / (1.0 - _UNIFORM_SHARE))
    emptiness = max(0.0, 1.0 - central / n / _UNIFORM_CENTER)
    mixing = _mixing(kept, arc, m, split, curve.length, p, work.i[1], work.i[2])
    out[_C.rail_center_share] = central / n
    out[_C.rail_score] = min(1.0, bimodality * emptiness * mixing * 4.0 * p * (1.0 - p))


@inner_kernel
def measure_linearity(work, n, frame, curve, branches, local_4, local_8, orientation, aspect, start, out):  # fmt: skip
    """Write the family's columns to `out`, a view of one row."""
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
