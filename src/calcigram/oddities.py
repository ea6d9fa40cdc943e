"""Artefact checks: points that are plainly no cluster of calcifications, and what they look like.

Checks on positions (and known diameters) alone: the features of regularity, and how the points
fill the upright rectangle around them. The limits are fixed, set on simulated clusters such that
few of them raise one; `validate.impostors` draws what they are for. A pattern that is unlike the
training in another way is found by `model.novelty`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram.columns import Words
from calcigram.features.regularity import MIN_POINTS
from calcigram.threads import in_chunks

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features

ODDITIES = {
    "pixels": "its lengths look like pixels, not mm",
    "metres": "its lengths look like metres or cm, not mm",
    "row": "all of it lies in one row or column of the image, as with a dead detector row",
    "ring": "it stands on a circle with nothing inside",
    "spiral": "it winds along one path, as a drawn spiral does",
    "even": "its points have equal spacing, as drawn or printed points do",
    "two": "a gap separates it into two clusters",
    "dust": "it fills an upright rectangle evenly, as dust on a detector does",
}
"""What a cluster looks like instead, and its words; the first that holds is named."""

_CHUNK = 2048

MAX_EXTENT_MM = 300.0
"""No mammogram is larger than its detector, 24 cm x 30 cm at most: own choice."""

MAX_COORDINATE_MM = 500.0
MIN_EXTENT_MM = 0.3
MAX_DIAMETER_MM = 20.0
MIN_DIAMETER_MM = 0.01
MIN_WHOLE = 8
ROW_WIDTH_MM = 0.02
SPIRAL_TORTUOSITY, SPIRAL_MAX_LEAVES, SPIRAL_MIN_POINTS = 2.0, 2, 12
SPIRAL_CIRCULARITY, SPIRAL_RESIDUAL = 0.8, 0.05
EVEN_SHARE, EVEN_MIN_POINTS = 0.7, 9
RING_CV, RING_MAX_GAP_DEG, RING_MIN_POINTS = 0.12, 110.0, 8
GAP_MM, GAP_RATIO, GAP_RATIO_TIMES_N, GAP_MIN_SHARE, GAP_MIN_POINTS = 12.0, 1.5, 8.0, 0.1, 3
CLEAR_GAP_MM, CLEAR_GAP_RATIO, CLEAR_GAP_SHARE = 7.0, 3.0, 0.25
"""A shorter gap parts two clusters where it is far wider than any other and cuts off a quarter."""
DUST_FILL, DUST_MIN_WIDTH_MM, DUST_MIN_POINTS = 0.82, 30.0, 20
DUST_MAX_CHI2 = 30.0
"""Of 16 equal cells of the rectangle: the 98.8 % quantile for an even spread."""

_CELLS, _CORNER = 4, 0.2
_WIDTH, _HEIGHT, _FARTHEST, _WHOLE, _CHI2, _CORNER_POINTS = range(6)


@kernel(fast=True)
def _measure_box(x, y, start, n, cells, row):
    """Measure the upright rectangle around the points: how evenly they fill it."""
    low_x, high_x, low_y, high_y = x[start], x[start], y[start], y[start]
    zero, one, broken = np.float32(0.0), np.float32(1.0), np.float32(0.0)
    for i in range(start, start + n):
        low_x, high_x = min(low_x, x[i]), max(high_x, x[i])
        low_y, high_y = min(low_y, y[i]), max(high_y, y[i])
        broken += abs(x[i] - np.floor(x[i])) + abs(y[i] - np.floor(y[i]))
    width, height = high_x - low_x, high_y - low_y
    row[_WIDTH], row[_HEIGHT], row[_WHOLE] = width, height, one if broken == zero else zero
    row[_FARTHEST] = max(max(abs(low_x), abs(high_x)), max(abs(low_y), abs(high_y)))
    if not (width > zero and height > zero):
        return
    for k in range(_CELLS * _CELLS + 4):
        cells[k] = zero
    columns, rows = np.float32(_CELLS) / width, np.float32(_CELLS) / height
    most, corner = np.float32(_CELLS), np.float32(_CELLS * _CORNER)
    for i in range(start, start + n):
        a, b = (x[i] - low_x) * columns, (y[i] - low_y) * rows
        cells[min(int(a), _CELLS - 1) * _CELLS + min(int(b), _CELLS - 1)] += one
        near = min(a, most - a) < corner and min(b, most - b) < corner
        at = 2 * int(a + a > most) + int(b + b > most)
        cells[_CELLS * _CELLS + at] += one if near else zero
    expected = n / (_CELLS * _CELLS)
    chi2 = 0.0
    for k in range(_CELLS * _CELLS):
        chi2 += (cells[k] - expected) ** 2 / expected
    fewest = cells[_CELLS * _CELLS]
    for k in range(_CELLS * _CELLS + 1, _CELLS * _CELLS + 4):
        fewest = min(fewest, cells[k])
    row[_CHI2], row[_CORNER_POINTS] = chi2, fewest


@kernel(fast=True)
def _measure_boxes(begin, end, offsets, x, y, cells, rows):
    """Write the measures of the rectangle around each cluster of 5 calcifications or more."""
    for c in range(begin, end):
        start, n = offsets[c], offsets[c + 1] - offsets[c]
        if n >= MIN_POINTS:
            _measure_box(x, y, start, n, cells, rows[c])


def find_oddities(
    clusters: ClusterSet, features: Features, *, n_threads: int | None = None
) -> Words:
    """Return what each cluster looks like, if not like a cluster.

    Parameters
    ----------
    clusters : ClusterSet
        C clusters.
    features : Features
        Of these clusters.
    n_threads : int, optional
        Threads to use; by default as many as there are processors this process may use.

    Returns
    -------
    Words, length C
        Codes index `ODDITIES`, words are its values; missing where nothing is found, and below 5
        calcifications.

    Examples
    --------
    >>> import numpy as np
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features.extract import extract_features
    >>> turn = np.linspace(0, 6, 20)
    >>> ring = ClusterSet.from_arrays([0, 20], 9 * np.cos(turn), 9 * np.sin(turn))
    >>> find_oddities(ring, extract_features(ring)).tolist()
    ['it stands on a circle with nothing inside']
    """
    n = clusters.n_calcifications
    rows = np.full((len(clusters), _CORNER_POINTS + 1), np.nan, np.float32)
    columns = [_read_only(column) for column in (clusters.offsets, clusters.x_mm, clusters.y_mm)]

    def scan(part: slice) -> None:
        cells = np.zeros(_CELLS * _CELLS + 4, np.float32)
        _measure_boxes(part.start, part.stop, *columns, cells, rows)

    in_chunks(scan, len(clusters), _CHUNK, n_threads)
    width, height, farthest, whole, chi2, corner_points = rows.T
    extent, across = np.maximum(width, height), np.minimum(width, height)
    column = features.column
    diameter, gap = column("diameter_median_mm"), column("gap_mm")
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "pixels": (extent > MAX_EXTENT_MM)
            | (farthest > MAX_COORDINATE_MM)
            | (diameter > MAX_DIAMETER_MM)
            | ((n >= MIN_WHOLE) & (whole == 1)),
            "metres": (extent < MIN_EXTENT_MM) | (diameter < MIN_DIAMETER_MM),
            "row": across < ROW_WIDTH_MM,
            "ring": (n >= RING_MIN_POINTS)
            & (column("ring_cv") <= RING_CV)
            & (column("ring_gap_deg") < RING_MAX_GAP_DEG),
            "spiral": (n >= SPIRAL_MIN_POINTS)
            & (column("leaves") <= SPIRAL_MAX_LEAVES)
            & (column("tortuosity") >= SPIRAL_TORTUOSITY)
            & (column("hull_circularity") >= SPIRAL_CIRCULARITY)
            & (column("curve_residual_ratio") <= SPIRAL_RESIDUAL),
            "even": (n >= EVEN_MIN_POINTS) & (column("tree_even_share") >= EVEN_SHARE),
            "two": (column("gap_share") * n >= np.maximum(GAP_MIN_POINTS, GAP_MIN_SHARE * n))
            & (
                (gap >= GAP_MM) & (column("gap_ratio") >= GAP_RATIO + GAP_RATIO_TIMES_N / n)
                | (gap >= CLEAR_GAP_MM)
                & (column("gap_ratio") >= CLEAR_GAP_RATIO)
                & (column("gap_share") >= CLEAR_GAP_SHARE)
            ),
            "dust": (n >= DUST_MIN_POINTS)
            & (across > DUST_MIN_WIDTH_MM)
            & (column("hull_area_mm2") > DUST_FILL * width * height)
            & (chi2 < DUST_MAX_CHI2)
            & (corner_points >= 1),
        }
    held = np.stack([found[name] for name in ODDITIES])
    codes = np.where(held.any(axis=0), held.argmax(axis=0), -1).astype(np.int8)
    return Words.of(codes, ODDITIES.values())


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
