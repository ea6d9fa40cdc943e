"""Features of the single calcifications: size, form, contrast, and how much they vary.

Where a mark is known of some calcifications only, those are used; NaN where of none.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import (
    ASPECT,
    CNR,
    COUNT,
    DEVIATION,
    DIAMETER,
    LOG_ASPECT,
    LOG_CNR,
    LOG_DIAMETER,
    MAJOR,
    MEAN,
    MINOR,
    NEAREST,
    NEAREST_OF,
    ORDER,
    SOLIDITY,
)
from calcigram.kernels import column_quantile, column_share_from, inner_kernel, natural_logs
from calcigram.vectors import LANES

_C = family_columns("particles")

MACRO_MM = 0.5
ELONGATED_ASPECT = 2.5
THIN_ASPECT, THIN_MM = 2.0, 0.5
ROUND_ASPECT, SMOOTH_SOLIDITY = 1.5, 0.9
FAINT_CNR = 5.0
CONTACT_RADII = 1.5
LOWEST_CNR = 0.1
CORRELATION_MIN_POINTS = 3
LEAST_VARIANCE = 1e-9


@inner_kernel
def _place(mark, n, column):
    for i in range(n):
        value = mark[i]
        column[LANES * i] = value if value == value else np.float32(np.inf)


@inner_kernel
def _place_logs(mark, n, lowest, work, row, row_bits, column):
    """Write the logarithms, values under `lowest` raised to it, to a row of scratch and a column."""
    raised = work.f[0]
    least = np.float32(lowest)
    for i in range(n):
        value = mark[i]
        raised[i] = value if value > least else least
    natural_logs(work.bits[0], n, row, row_bits)
    for i in range(n):
        value = mark[i]
        known = value == value
        column[LANES * i] = row[i] if known else np.float32(np.inf)
        row[i] = row[i] if known else np.float32(np.nan)


@inner_kernel
def _correlation(one, other, n):
    """Correlation of two marks over the calcifications of which both are known, or NaN."""
    zero, unit = np.float32(0.0), np.float32(1.0)
    count = sum_x = sum_y = zero
    for i in range(n):
        known = one[i] == one[i] and other[i] == other[i]
        count += unit if known else zero
        sum_x += one[i] if known else zero
        sum_y += other[i] if known else zero
    if count < np.float32(CORRELATION_MIN_POINTS):
        return np.nan
    mean_x, mean_y = sum_x / count, sum_y / count
    xx = yy = xy = zero
    for i in range(n):
        known = one[i] == one[i] and other[i] == other[i]
        x = one[i] - mean_x if known else zero
        y = other[i] - mean_y if known else zero
        xx += x * x
        yy += y * y
        xy += x * y
    # What rounding leaves of equal values is no variation.
    least = np.float32(LEAST_VARIANCE) * count
    if not (xx > least and yy > least):
        return np.nan
    return max(-1.0, min(1.0, xy / math.sqrt(float(xx) * yy)))


@inner_kernel
def place_particles(work, start, n, diameter, aspect, solidity, cnr, out):
    """Write the marks to their columns of the table, and their correlations to `out`."""
    _place(diameter[start:], n, work.table[DIAMETER:])
    _place(aspect[start:], n, work.table[ASPECT:])
    _place(solidity[start:], n, work.table[SOLIDITY:])
    _place(cnr[start:], n, work.table[CNR:])
    size, elongation, contrast, outline = work.f[1], work.f[2], work.f[3], work.f[0]
    bits = work.bits
    _place_logs(diameter[start:], n, 1e-6, work, size, bits[1], work.table[LOG_DIAMETER:])
    _place_logs(aspect[start:], n, 1.0, work, elongation, bits[2], work.table[LOG_ASPECT:])
    _place_logs(cnr[start:], n, LOWEST_CNR, work, contrast, bits[3], work.table[LOG_CNR:])
    for i in range(n):  # copied, as `_correlation` is compiled for one kind of array alone
        outline[i] = solidity[start + i]
    out[_C.size_contrast_correlation] = _correlation(size, contrast, n)
    out[_C.size_aspect_correlation] = _correlation(size, elongation, n)
    out[_C.size_solidity_correlation] = _correlation(size, outline, n)
    out[_C.aspect_solidity_correlation] = _correlation(elongation, outline, n)
    out[_C.contrast_solidity_correlation] = _correlation(contrast, outline, n)
    out[_C.contrast_aspect_correlation] = _correlation(contrast, elongation, n)
    minor, major = work.f[0], work.f[1]
    for i in range(n):
        d, root = diameter[start + i], np.sqrt(aspect[start + i])
        minor[i], major[i] = d / root, d * root
    _place(minor, n, work.table[MINOR:])
    _place(major, n, work.table[MAJOR:])


@inner_kernel
def _deviation(moments):
    """Standard deviation of the first column of the moments, NaN below two values."""
    return moments[DEVIATION, 0] if moments[COUNT, 0] >= 2 else np.nan


@inner_kernel
def _sizes(work, start, n, diameter, out):
    m = int(work.moments[COUNT, DIAMETER])
    if m == 0:
        return
    square = cube = np.float32(0.0)
    for i in range(start, start + n):
        d = diameter[i] if diameter[i] == diameter[i] else np.float32(0.0)
        square += d * d
        cube += d * d * d
    table = work.table
    out[_C.diameter_median_mm] = column_quantile(table[DIAMETER:], m, 0.5)
    out[_C.diameter_p10_mm] = column_quantile(table[DIAMETER:], m, 0.1)
    out[_C.diameter_max_mm] = column_quantile(table[DIAMETER:], m, 1.0)
    out[_C.diameter_area_mean_mm] = cube / square
    out[_C.diameter_cv] = _deviation(work.moments[:, DIAMETER:]) / work.moments[MEAN, DIAMETER]
    out[_C.diameter_log_sd] = _deviation(work.moments[:, LOG_DIAMETER:])
    out[_C.macro_share] = column_share_from(table[DIAMETER:], m, MACRO_MM)


@inner_kernel
def _contact_share(work, n, diameter, start):
    touching, counted = 0, 0
    for i in range(n):
        j = work.i[NEAREST_OF, i]
        radii = 0.5 * (diameter[start + work.i[ORDER, i]] + diameter[start + work.i[ORDER, j]])
        if math.isnan(radii):
            continue
        counted += 1
        touching += work.f[NEAREST, i] < CONTACT_RADII * radii
    return touching / counted if counted else np.nan


@inner_kernel
def _kinds(work, start, n, diameter, aspect, solidity, out):
    """Shares of thin lines, rods, dots and balls, each among those whose marks are known."""
    zero, one = np.float32(0.0), np.float32(1.0)
    both = three = thin = rods = dots = balls = zero
    for i in range(start, start + n):
        d, a, s = diameter[i], aspect[i], solidity[i]
        sized = d == d and a == a
        long = a >= np.float32(THIN_ASPECT)
        narrow = d * d < np.float32(THIN_MM * THIN_MM) * a
        even = a < np.float32(ROUND_ASPECT) and s >= np.float32(SMOOTH_SOLIDITY)
        small = d < np.float32(MACRO_MM)
        both += one if sized else zero
        three += one if sized and s == s else zero
        thin += one if long and narrow else zero
        rods += one if long and d == d and not narrow else zero
        dots += one if even and small else zero
        balls += one if even and d == d and not small else zero
    if both > zero:
        out[_C.thin_share], out[_C.rod_share] = thin / both, rods / both
    if three > zero:
        out[_C.dot_share], out[_C.ball_share] = dots / three, balls / three


@inner_kernel
def measure_particles(work, start, n, diameter, aspect, solidity, out):
    """Write the family's columns to `out`, a view of one row; the table is sorted."""
    table, counts = work.table, work.moments[COUNT]
    _kinds(work, start, n, diameter, aspect, solidity, out)
    _sizes(work, start, n, diameter, out)
    if n >= 2:
        out[_C.contact_share] = _contact_share(work, n, diameter, start)
    m = int(counts[MINOR])
    out[_C.calibre_median_mm] = column_quantile(table[MINOR:], m, 0.5)
    out[_C.length_p90_mm] = column_quantile(table[MAJOR:], m, 0.9)
    m = int(counts[ASPECT])
    out[_C.aspect_median] = column_quantile(table[ASPECT:], m, 0.5)
    out[_C.aspect_p25] = column_quantile(table[ASPECT:], m, 0.25)
    out[_C.aspect_p90] = column_quantile(table[ASPECT:], m, 0.9)
    out[_C.aspect_sd] = _deviation(work.moments[:, ASPECT:])
    out[_C.elongated_share] = column_share_from(table[ASPECT:], m, ELONGATED_ASPECT)
    m = int(counts[SOLIDITY])
    out[_C.solidity_median] = column_quantile(table[SOLIDITY:], m, 0.5)
    out[_C.solidity_p75] = column_quantile(table[SOLIDITY:], m, 0.75)
    out[_C.solidity_p10] = column_quantile(table[SOLIDITY:], m, 0.1)
    out[_C.solidity_sd] = _deviation(work.moments[:, SOLIDITY:])
    m = int(counts[CNR])
    out[_C.cnr_median] = column_quantile(table[CNR:], m, 0.5)
    out[_C.cnr_p10] = column_quantile(table[CNR:], m, 0.1)
    out[_C.cnr_log_sd] = _deviation(work.moments[:, LOG_CNR:])
    out[_C.faint_share] = 1.0 - column_share_from(table[CNR:], m, FAINT_CNR)
    out[_C.form_variety] = (
        _deviation(work.moments[:, LOG_DIAMETER:])
        + _deviation(work.moments[:, LOG_ASPECT:])
        + _deviation(work.moments[:, SOLIDITY:])
    ) / 3.0
