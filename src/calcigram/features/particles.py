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
FAINT_CNR = 5.0
LOWEST_CNR = 0.1

_SIZE = ("diameter_mm",)
_FORM = ("aspect_ratio",)
_THIN = ("diameter_mm", "aspect_ratio")
_SOLID = ("solidity",)
_CNR = ("cnr",)

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
    ("aspect_median", "1", 1, inf, "How elongated a typical calcification is: 1 is round.", "Median aspect ratio", COMMON, _FORM),
    ("aspect_p25", "1", 1, inf, "How elongated the rounder ones are: one in four is rounder.", "25th percentile of the aspect ratio", COMMON, _FORM),
    ("aspect_p90", "1", 1, inf, "How elongated the longest ones are: one in ten is more so.", "90th percentile of the aspect ratio", COMMON, _FORM),
    ("aspect_sd", "1", 0, inf, "How much the elongation differs between calcifications.", "Standard deviation of the aspect ratio; two known or more", COMMON, _FORM),
    ("elongated_share", "1", 0, 1, "The share of calcifications at least two and a half times as long as wide.", "Share with aspect ratio >= 2.5", COMMON, _FORM),
    ("solidity_median", "1", 0, 1, "How smooth a typical outline is: 1 has no notches.", "Median solidity", COMMON, _SOLID),
    ("cnr_median", "1", 0, inf, "How clearly a typical calcification stands out from the tissue.", "Median contrast-to-noise ratio", COMMON, _CNR),
    ("cnr_p10", "1", 0, inf, "How clearly the faintest ones stand out: one in ten is fainter.", "10th percentile of the contrast-to-noise ratio", COMMON, _CNR),
    ("cnr_log_sd", "1", 0, inf, "How much the contrast differs between calcifications.", "Standard deviation of log max(cnr, 0.1); two known or more", COMMON, _CNR),
    ("faint_share", "1", 0, 1, "The share of calcifications too faint to show a shape.", "Share with cnr < 5", "Rose 1948", _CNR),
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
def _sizes(diameter, log_diameter, out):
    """Write the features of diameters; quantiles are of the known ones in rising order."""
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
def _forms(aspect, solidity, out):
    """Write the features of aspect ratios and solidity."""
    known = rising(aspect)
    out[_C.aspect_median] = quantile(known, 0.5)
    out[_C.aspect_p25] = quantile(known, 0.25)
    out[_C.aspect_p90] = quantile(known, 0.9)
    out[_C.aspect_sd] = _deviation(known)
    out[_C.elongated_share] = share_from(known, np.float32(ELONGATED_ASPECT))
    out[_C.solidity_median] = quantile(rising(solidity), 0.5)


@kernel(fast=True)
def _contrasts(cnr, log_cnr, out):
    """Write the features of contrast-to-noise ratios."""
    known = rising(cnr)
    out[_C.cnr_median] = quantile(known, 0.5)
    out[_C.cnr_p10] = quantile(known, 0.1)
    out[_C.cnr_log_sd] = _deviation(log_cnr)
    out[_C.faint_share] = 1.0 - share_from(known, np.float32(FAINT_CNR))


@kernel(fast=True)
def measure_particles(diameter, aspect, solidity, cnr, out):
    """Write the family's columns to `out`, a view of one row; NaN stands for an unknown mark."""
    n, lowest = diameter.size, np.float32(LOWEST_CNR)
    log_d, log_c = np.empty(n, np.float32), np.empty(n, np.float32)
    minor, major = np.empty(n, np.float32), np.empty(n, np.float32)
    for i in range(n):
        log_d[i], log_c[i] = np.log(diameter[i]), np.log(lowest if cnr[i] < lowest else cnr[i])
        root = np.sqrt(aspect[i])
        minor[i], major[i] = diameter[i] / root, diameter[i] * root
    _sizes(diameter, log_d, out)
    _forms(aspect, solidity, out)
    _contrasts(cnr, log_c, out)
    out[_C.calibre_median_mm] = quantile(rising(minor), 0.5)
    out[_C.length_p90_mm] = quantile(rising(major), 0.9)
