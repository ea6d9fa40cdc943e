"""Features of the single calcifications: size, form, contrast, and how much they vary.

Where a mark is known of some calcifications only, those are used; NaN where of none.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram.features.catalogue import family_columns
from calcigram.features.workspace import NEAREST, NEAREST_OF, ORDER
from calcigram.kernels import inner_kernel, natural_logs, quantile

_C = family_columns("particles")

MACRO_MM = 0.5
COARSE_MM = 2.0
ELONGATED_ASPECT = 2.5
FAINT_CNR = 5.0
CONTACT_RADII = 1.5
LOWEST_CNR = 0.1


@inner_kernel
def _known(mark, start, n, values):
    """Copy the known values; return how many."""
    count = 0
    for i in range(start, start + n):
        if not math.isnan(mark[i]):
            values[count] = mark[i]
            count += 1
    return count


@inner_kernel
def _mean_sd(values, n):
    """Mean and population standard deviation, the latter NaN below two values."""
    total = 0.0
    for i in range(n):
        total += float(values[i])
    mean = total / n
    square = 0.0
    for i in range(n):
        square += (float(values[i]) - mean) ** 2
    return mean, (math.sqrt(square / n) if n >= 2 else np.nan)


@inner_kernel
def _share_at_least(values, n, limit):
    count = 0
    for i in range(n):
        count += values[i] >= limit
    return count / n


@inner_kernel
def _log_sd(values, n, lowest, work):
    """Standard deviation of the logarithms, values under `lowest` raised to it."""
    raised = work.f[1]
    least = np.float32(lowest)
    for i in range(n):
        raised[i] = values[i] if values[i] > least else least
    natural_logs(work.bits[1], n, work.f[2], work.bits[2])
    return _mean_sd(work.f[2], n)[1]


@inner_kernel
def _sizes(values, bits, m, n, hull_area, work, out):
    square = cube = 0.0
    for i in range(m):
        d = float(values[i])
        square += d * d
        cube += d * d * d
    mean, deviation = _mean_sd(values, m)
    log_sd = _log_sd(values, m, 1e-6, work)
    out[_C.diameter_median_mm] = quantile(values, bits, m, 0.5)
    out[_C.diameter_p10_mm] = quantile(values, bits, m, 0.1)
    out[_C.diameter_max_mm] = values[:m].max()
    out[_C.diameter_area_mean_mm] = cube / square
    out[_C.diameter_cv] = deviation / mean
    out[_C.diameter_log_sd] = log_sd
    out[_C.macro_share] = _share_at_least(values, m, MACRO_MM)
    out[_C.coarse_share] = _share_at_least(values, m, COARSE_MM)
    if hull_area > 0.0:
        out[_C.coverage_share] = 0.25 * math.pi * square / m * n / hull_area
    return log_sd


@inner_kernel
def _forms(values, bits, m, work, out):
    out[_C.aspect_median] = quantile(values, bits, m, 0.5)
    out[_C.aspect_p90] = quantile(values, bits, m, 0.9)
    out[_C.aspect_sd] = _mean_sd(values, m)[1]
    out[_C.elongated_share] = _share_at_least(values, m, ELONGATED_ASPECT)
    return _log_sd(values, m, 1.0, work)


@inner_kernel
def _axes(diameter, aspect, start, n, work, out):
    """Minor and major axes of the ellipses of equal area."""
    minor, major = work.f[0], work.f[1]
    m = 0
    for i in range(start, start + n):
        if not (math.isnan(diameter[i]) or math.isnan(aspect[i])):
            root = np.sqrt(aspect[i])
            minor[m], major[m] = diameter[i] / root, diameter[i] * root
            m += 1
    if m == 0:
        return
    out[_C.calibre_median_mm] = quantile(minor, work.bits[0], m, 0.5)
    out[_C.length_p90_mm] = quantile(major, work.bits[1], m, 0.9)


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
def measure_particles(work, start, n, hull, diameter, aspect, solidity, cnr, out):
    """Write the family's columns to `out`, a view of one row."""
    values, bits = work.f[0], work.bits[0]
    size_sd = form_sd = solidity_sd = np.nan
    m = _known(diameter, start, n, values)
    if m > 0:
        size_sd = _sizes(values, bits, m, n, hull.area, work, out)
        if n >= 2:
            out[_C.contact_share] = _contact_share(work, n, diameter, start)
    m = _known(aspect, start, n, values)
    if m > 0:
        form_sd = _forms(values, bits, m, work, out)
    m = _known(solidity, start, n, values)
    if m > 0:
        solidity_sd = _mean_sd(values, m)[1]
        out[_C.solidity_median] = quantile(values, bits, m, 0.5)
        out[_C.solidity_p10] = quantile(values, bits, m, 0.1)
        out[_C.solidity_sd] = solidity_sd
    m = _known(cnr, start, n, values)
    if m > 0:
        out[_C.cnr_median] = quantile(values, bits, m, 0.5)
        out[_C.cnr_p10] = quantile(values, bits, m, 0.1)
        out[_C.cnr_log_sd] = _log_sd(values, m, LOWEST_CNR, work)
        out[_C.faint_share] = 1.0 - _share_at_least(values, m, FAINT_CNR)
    _axes(diameter, aspect, start, n, work, out)
    out[_C.form_variety] = (size_sd + form_sd + solidity_sd) / 3.0
