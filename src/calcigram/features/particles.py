"""Features of the single calcifications: size, form, contrast, and how much they vary.

Where a mark is known of some calcifications only, those are used; NaN where of none.
"""

from __future__ import annotations

import math
from math import inf

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram._kernels.statistics import mean_and_deviation, quantile, rising, share_from
from calcigram.features.rows import COMMON, Rows, columns

MACRO_MM = 0.5
ELONGATED_ASPECT = 2.5
THIN_ASPECT, THIN_MM = 2.0, 0.5
ROUND_ASPECT, SMOOTH_SOLIDITY = 1.5, 0.9
FAINT_CNR = 5.0
CONTACT_RADII = 1.5
LOWEST_CNR = 0.1
CORRELATION_MIN_POINTS = 3
LEAST_VARIANCE = 1e-9

_SIZE = ("diameter_mm",)
_FORM = ("aspect_ratio",)
_THIN = ("diameter_mm", "aspect_ratio")
_SOLID = ("solidity",)
_OUTLINED = ("diameter_mm", "aspect_ratio", "solidity")
_CNR = ("cnr",)

CORRELATED = (
    ("size", "contrast"),
    ("size", "aspect"),
    ("size", "solidity"),
    ("aspect", "solidity"),
    ("contrast", "solidity"),
    ("contrast", "aspect"),
)
"""Pairs of marks whose correlation over a cluster's calcifications is a feature, in order."""

_MARK = {"size": "diameter_mm", "contrast": "cnr", "aspect": "aspect_ratio", "solidity": "solidity"}
_SAID = {
    "size": "log d",
    "contrast": "log max(cnr, 0.1)",
    "aspect": "log aspect",
    "solidity": "solidity",
}

ROWS: Rows = (
    ("diameter_median_mm", "mm", 0, inf, "The typical size of a calcification.", "Median diameter d", "common definition", _SIZE),
    ("diameter_area_mean_mm", "mm", 0, inf, "The typical size, counting large calcifications more.", "sum d^3 / sum d^2", "definition (Sauter mean)", _SIZE),
    ("diameter_max_mm", "mm", 0, inf, "The size of the largest calcification.", "Greatest diameter", "BI-RADS 5th ed., popcorn (2 to 3 mm)", _SIZE),
    ("diameter_p10_mm", "mm", 0, inf, "The size of the small ones: one in ten is smaller.", "10th percentile of the diameter", "common definition", _SIZE),
    ("diameter_cv", "1", 0, inf, "How much the sizes differ.", "Standard deviation / mean of the diameter; two known or more", COMMON, _SIZE),
    ("diameter_log_sd", "1", 0, inf, "How much the sizes differ, as a ratio.", "Standard deviation of log d; two known or more", "own choice: sizes are about lognormal", _SIZE),
    ("macro_share", "1", 0, 1, "The share of calcifications of 0.5 mm and more.", "Share with d >= 0.5 mm", "DICOM PS3.16 code 111345", _SIZE),
    ("calibre_median_mm", "mm", 0, inf, "The typical thickness of a calcification.", "Median of d / sqrt(aspect), the minor axis of the ellipse of equal area", "BI-RADS 5th ed., fine linear (under 0.5 mm)", _THIN),
    ("length_p90_mm", "mm", 0, inf, "The length of the long ones: one in ten is longer.", "90th percentile of d sqrt(aspect), the major axis of that ellipse", "common definition", _THIN),
    ("thin_share", "1", 0, 1, "The share of thin lines: elongated and less than 0.5 mm thick.", "Share elongated (aspect ratio >= 2) and under 0.5 mm thick, d / sqrt(aspect)", "BI-RADS 5th ed., fine linear (under 0.5 mm)", _THIN),
    ("rod_share", "1", 0, 1, "The share of rods: elongated and at least 0.5 mm thick.", "Share elongated (aspect ratio >= 2) and at least 0.5 mm thick", "BI-RADS 5th ed., large rod-like", _THIN),
    ("dot_share", "1", 0, 1, "The share of smooth, round dots of less than 0.5 mm.", "Share round (aspect ratio < 1.5), smooth (solidity >= 0.9) and under 0.5 mm", "BI-RADS 5th ed., punctate", _OUTLINED),
    ("ball_share", "1", 0, 1, "The share of smooth, round calcifications of 0.5 mm and more.", "Share round, smooth and at least 0.5 mm", "BI-RADS 5th ed., round", _OUTLINED),
    ("aspect_median", "1", 1, inf, "How elongated a typical calcification is: 1 is round.", "Median aspect ratio", COMMON, _FORM),
    ("aspect_p25", "1", 1, inf, "How elongated the rounder ones are: one in four is rounder.", "25th percentile of the aspect ratio", COMMON, _FORM),
    ("aspect_p90", "1", 1, inf, "How elongated the longest ones are: one in ten is more so.", "90th percentile of the aspect ratio", COMMON, _FORM),
    ("aspect_sd", "1", 0, inf, "How much the elongation differs between calcifications.", "Standard deviation of the aspect ratio; two known or more", COMMON, _FORM),
    ("elongated_share", "1", 0, 1, "The share of calcifications at least two and a half times as long as wide.", "Share with aspect ratio >= 2.5", COMMON, _FORM),
    ("solidity_median", "1", 0, 1, "How smooth a typical outline is: 1 has no notches.", "Median solidity", COMMON, _SOLID),
    ("solidity_p75", "1", 0, 1, "How smooth the smoother outlines are: one in four is smoother.", "75th percentile of the solidity", COMMON, _SOLID),
    ("solidity_p10", "1", 0, 1, "How notched the most irregular outlines are: one in ten is more so.", "10th percentile of the solidity", COMMON, _SOLID),
    ("solidity_sd", "1", 0, 1, "How much the smoothness differs between calcifications.", "Standard deviation of the solidity; two known or more", COMMON, _SOLID),
    ("cnr_median", "1", 0, inf, "How clearly a typical calcification stands out from the tissue.", "Median contrast-to-noise ratio", COMMON, _CNR),
    ("cnr_p10", "1", 0, inf, "How clearly the faintest ones stand out: one in ten is fainter.", "10th percentile of the contrast-to-noise ratio", COMMON, _CNR),
    ("cnr_log_sd", "1", 0, inf, "How much the contrast differs between calcifications.", "Standard deviation of log max(cnr, 0.1); two known or more", COMMON, _CNR),
    ("faint_share", "1", 0, 1, "The share of calcifications too faint to show a shape.", "Share with cnr < 5", "Rose 1948", _CNR),
    *(
        (f"{one}_{other}_correlation", "1", -1, 1, f"Whether {one} and {other} of the calcifications go together.", f"Correlation of {_SAID[one]} with {_SAID[other]}, of the calcifications of which both are known; three or more", COMMON, (_MARK[one], _MARK[other]))
        for one, other in CORRELATED
    ),
    ("contact_share", "1", 0, 1, "The share of calcifications that nearly touch the next one.", "Share nearer to their nearest neighbour than 1.5 times the sum of both radii, of those with both known; n >= 2", "BI-RADS 5th ed., coarse heterogeneous (coalescing)", _SIZE),
    ("form_variety", "1", 0, inf, "How much size, elongation and smoothness differ between calcifications.", "Mean of the standard deviations of log d, log aspect and solidity; two known or more of each", "Willekens et al. 2014 (polymorphy), own formula", _OUTLINED),
)  # fmt: skip
"""The features of this family: name, unit, lowest and highest value, meaning, formula, source, marks needed."""

_C = columns(ROWS)


@kernel(fast=True)
def _deviation(values):
    """Standard deviation of the known values, NaN below two."""
    zero, one = np.float32(0.0), np.float32(1.0)
    count = added = squares = zero
    for i in range(values.size):
        known = values[i] == values[i]
        count += one if known else zero
        added += values[i] if known else zero
    mean = added / count
    for i in range(values.size):
        difference = values[i] - mean if values[i] == values[i] else zero
        squares += difference * difference
    return math.sqrt(float(squares) / count) if count >= 2.0 else np.nan


@kernel(fast=True)
def _correlation(one, other):
    """Correlation of two marks over the calcifications of which both are known, or NaN."""
    n, zero, unit = one.size, np.float32(0.0), np.float32(1.0)
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


@kernel(fast=True)
def _sizes(diameter, log_diameter, out):
    d = rising(diameter)
    if d.size == 0:
        return
    square = cube = np.float32(0.0)
    for i in range(d.size):
        square += d[i] * d[i]
        cube += d[i] * d[i] * d[i]
    mean, deviation = mean_and_deviation(d)
    out[_C.diameter_median_mm] = quantile(d, 0.5)
    out[_C.diameter_p10_mm] = quantile(d, 0.1)
    out[_C.diameter_max_mm] = d[-1]
    out[_C.diameter_area_mean_mm] = cube / square
    out[_C.diameter_cv] = deviation / mean if d.size >= 2 else np.nan
    out[_C.diameter_log_sd] = _deviation(log_diameter)
    out[_C.macro_share] = share_from(d, np.float32(MACRO_MM))


@kernel(fast=True)
def _contact_share(diameter, nearest, neighbour):
    touching, counted = 0, 0
    for i in range(diameter.size):
        radii = 0.5 * (diameter[i] + diameter[neighbour[i]])
        if not math.isnan(radii):
            counted += 1
            touching += nearest[i] < CONTACT_RADII * radii
    return touching / counted if counted else np.nan


@kernel(fast=True)
def _kinds(diameter, aspect, solidity, out):
    """Shares of thin lines, rods, dots and balls, each among those whose marks are known."""
    zero, one = np.float32(0.0), np.float32(1.0)
    both = three = thin = rods = dots = balls = zero
    for i in range(diameter.size):
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


@kernel(fast=True)
def _forms(aspect, solidity, out):
    known = rising(aspect)
    out[_C.aspect_median] = quantile(known, 0.5)
    out[_C.aspect_p25] = quantile(known, 0.25)
    out[_C.aspect_p90] = quantile(known, 0.9)
    out[_C.aspect_sd] = _deviation(known)
    out[_C.elongated_share] = share_from(known, np.float32(ELONGATED_ASPECT))
    known = rising(solidity)
    out[_C.solidity_median] = quantile(known, 0.5)
    out[_C.solidity_p75] = quantile(known, 0.75)
    out[_C.solidity_p10] = quantile(known, 0.1)
    out[_C.solidity_sd] = _deviation(known)


@kernel(fast=True)
def _contrasts(cnr, log_cnr, out):
    known = rising(cnr)
    out[_C.cnr_median] = quantile(known, 0.5)
    out[_C.cnr_p10] = quantile(known, 0.1)
    out[_C.cnr_log_sd] = _deviation(log_cnr)
    out[_C.faint_share] = 1.0 - share_from(known, np.float32(FAINT_CNR))


@kernel(fast=True)
def measure_particles(diameter, aspect, solidity, cnr, nearest, neighbour, out):
    """Write the family's columns to `out`, a view of one row; NaN stands for an unknown mark."""
    n, lowest = diameter.size, np.float32(LOWEST_CNR)
    log_d, log_a, log_c = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    minor, major = np.empty(n, np.float32), np.empty(n, np.float32)
    for i in range(n):
        log_d[i], log_a[i] = np.log(diameter[i]), np.log(aspect[i])
        log_c[i] = np.log(lowest if cnr[i] < lowest else cnr[i])
        root = np.sqrt(aspect[i])
        minor[i], major[i] = diameter[i] / root, diameter[i] * root
    out[_C.size_contrast_correlation] = _correlation(log_d, log_c)
    out[_C.size_aspect_correlation] = _correlation(log_d, log_a)
    out[_C.size_solidity_correlation] = _correlation(log_d, solidity)
    out[_C.aspect_solidity_correlation] = _correlation(log_a, solidity)
    out[_C.contrast_solidity_correlation] = _correlation(log_c, solidity)
    out[_C.contrast_aspect_correlation] = _correlation(log_c, log_a)
    _kinds(diameter, aspect, solidity, out)
    _sizes(diameter, log_d, out)
    _forms(aspect, solidity, out)
    _contrasts(cnr, log_c, out)
    if n >= 2:
        out[_C.contact_share] = _contact_share(diameter, nearest, neighbour)
    out[_C.calibre_median_mm] = quantile(rising(minor), 0.5)
    out[_C.length_p90_mm] = quantile(rising(major), 0.9)
    out[_C.form_variety] = (_deviation(log_d) + _deviation(log_a) + _deviation(solidity)) / 3.0
