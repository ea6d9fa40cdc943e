"""Detects calcifications in a mammogram, or grows given points to outlines by the same rule."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcigram.detect.breast import (
    FOREIGN,
    NOT_OF_INTEREST,
    REASONS,
    Mask,
    find_breast,
    whole_image,
)
from calcigram.detect.grouping import CORE_MM, WEAKER_Z, are_kept
from calcigram.detect.noise import equalise
from calcigram.detect.outline import SEARCH_MM, Region, grow, grow_large, shapes_of
from calcigram.detect.spots import Spots, best_z, find_large, find_spots, z_at
from calcigram.errors import BadInputError
from calcigram.formats.outlines import NAN, Shape
from calcigram.linking import MAX_LOOSE
from calcigram.mammogram import Image, Mammogram
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD_Z = 5.5
"""Least z of a mark."""

WIDE_MM, LEAST_WIDE_Z = 1.0, 8.0
"""A mark of a larger diameter needs this z at least: calcium of that size is bright, and most fainter ones are tissue.

Of 73 true marks over 1 mm on rendered images of the development split 2 have less, of 46 false ones 44.
"""

RIM = 2
"""Pixels; what is so close to a large calcification is a part of it."""

COLUMNS = (
    "x_mm",
    "y_mm",
    "diameter_mm",
    "aspect_ratio",
    "orientation_deg",
    "solidity",
    "cnr",
    "confidence",
)


@dataclass(frozen=True, eq=False)
class Detection:
    """The calcifications of one image.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per calcification, the most certain first: ``x_mm, y_mm`` (origin at the outer corner of the first
        pixel), ``diameter_mm, aspect_ratio, orientation_deg, solidity, cnr`` and ``confidence``, which is z: the
        response of the filter over its local deviation. It is no probability.
    labels : ndarray of int32, shape (rows, columns)
        0, or 1 + the row of the calcification in `table`.
    breast : ndarray of bool, shape (rows, columns)
    breast_area_mm2 : float
    nipple_mm : (float, float) or None
        Tip (x, y) of a nipple in profile.
    left_out : dict of str to int
        How many spots were left out for each reason; of labels beside the breast, and of metal, text and implants in
        it, the number of bright objects.
    notices : tuple of str
    """

    table: pd.DataFrame
    labels: npt.NDArray[np.int32]
    breast: Mask
    breast_area_mm2: float
    nipple_mm: tuple[float, float] | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def detect_calcifications(
    mammogram: Mammogram,
    *,
    roi: Mask | None = None,
    threshold_z: float = THRESHOLD_Z,
    find_outline: bool = True,
    with_weaker: bool = False,
) -> Detection:
    """Detect the calcifications of a mammogram.

    Parameters
    ----------
    mammogram : Mammogram
    roi : ndarray of bool, shape (rows, columns), optional
        Marks outside this region are left out.
    threshold_z : float
        Least response over its local deviation.
    find_outline : bool
        Find the breast first. False for a patch of tissue: all of it is searched.
    with_weaker : bool
        Keep weaker marks near several of the threshold too (`grouping.are_kept`).

    Returns
    -------
    Detection

    Raises
    ------
    BadInputError
        The region has another shape than the image, or the threshold is not positive.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(500, 5, (200, 200)).astype(np.float32)
    >>> pixels[100:103, 50:53] += 60
    >>> found = detect_calcifications(Mammogram(pixels, (0.1, 0.1)), find_outline=False)
    >>> found.table[["x_mm", "y_mm"]].round(2).values.tolist()
    [[5.15, 10.15]]
    """
    if not threshold_z > 0:
        raise BadInputError("a number above 0", column="threshold_z", value=threshold_z)
    mammogram = _finite(mammogram)
    breast = find_breast(mammogram) if find_outline else whole_image(mammogram)
    reason = breast.reason
    if roi is not None:
        if roi.shape != reason.shape:
            raise BadInputError(
                f"a region of interest of the image's shape {reason.shape}",
                source=mammogram.image_id,
                value=f"shape {roi.shape}",
            )
        reason = np.where((reason == 0) & ~roi, np.uint8(NOT_OF_INTEREST), reason)
    image, spacing = mammogram.pixels, mammogram.spacing_mm
    seen = breast.mask & (breast.reason != FOREIGN)  # metal would set the range, and its edges ring
    equal = equalise(image, seen, raw=mammogram.raw)
    large = find_large(equal, seen, spacing, max(threshold_z, THRESHOLD_Z))
    lowest_z = threshold_z - WEAKER_Z if with_weaker else threshold_z
    small = find_spots(equal, seen, spacing, lowest_z)
    del equal
    strong = small.z >= threshold_z
    counts = np.bincount(reason[small.rows[strong], small.columns[strong]], minlength=len(REASONS))
    counts[FOREIGN] = breast.n_foreign
    # Left out before they are grown: a skin edge has hundreds of spots, and growing is most of the work.
    large, small = (spots.where(reason[spots.rows, spots.columns] == 0) for spots in (large, small))
    if with_weaker:
        small = small.where(_near_strong(large, small, threshold_z, spacing))
    regions, z, labels = _grown(image, large, small, spacing)
    left_out = {reason: int(n) for reason, n in zip(REASONS, counts, strict=True) if reason and n}
    if breast.n_labels:
        left_out["label or text beside the breast"] = breast.n_labels
    is_faint = [
        own_z < LEAST_WIDE_Z and region.diameter_mm(spacing) > WIDE_MM
        for region, own_z in zip(regions, z, strict=True)
    ]
    if n_faint := sum(f and own_z >= threshold_z for f, own_z in zip(is_faint, z, strict=True)):
        left_out["large and faint"] = n_faint
    kept = [k for k in np.argsort(-np.array(z), kind="stable").tolist() if not is_faint[k]]
    if with_weaker:
        middles = np.array([(regions[k].columns.mean(), regions[k].rows.mean()) for k in kept])
        confirmed = are_kept(middles.reshape(-1, 2) * spacing[::-1], np.array(z)[kept], threshold_z)
        kept = [k for k, is_kept in zip(kept, confirmed, strict=True) if is_kept]
    notices = [*mammogram.notices, *breast.notices]
    if len(kept) > MAX_LOOSE:
        notices.append(
            f"{len(kept) - MAX_LOOSE} marks of the lowest z left out: at most {MAX_LOOSE} are kept"
        )
        left_out[f"beyond {MAX_LOOSE} marks"] = len(kept) - MAX_LOOSE
        kept = kept[:MAX_LOOSE]
    labels = _renumber(labels, kept, len(regions))
    shapes = shapes_of([regions[k] for k in kept], image, labels, spacing, mammogram.image_id)
    table = _table(shapes, [z[k] for k in kept])
    return Detection(
        table, labels, breast.mask, breast.area_mm2, breast.nipple_mm, left_out, tuple(notices)
    )


def measure_points(
    mammogram: Mammogram, x_mm: npt.ArrayLike, y_mm: npt.ArrayLike, *, search_mm: float = SEARCH_MM
) -> Detection:
    """Grow given points to outlines, by the rule that detected calcifications are grown by.

    Parameters
    ----------
    mammogram : Mammogram
    x_mm, y_mm : array_like, shape (N,)
        Points in mm; the origin is the outer corner of the first pixel.
    search_mm : float
        How far from a point the brightest pixel may be.

    Returns
    -------
    Detection
        `table` has one row per point, in their order. Where no outline ends in the background, or another point
        has the same one, the row has the point and NaN for the other marks.

    Raises
    ------
    BadInputError
        A point lies outside the image.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(500, 5, (200, 200)).astype(np.float32)
    >>> pixels[100:103, 50:53] += 60
    >>> found = measure_points(Mammogram(pixels, (0.1, 0.1)), [5.3, 15.0], [10.1, 15.0])
    >>> found.table["diameter_mm"].round(1).tolist()
    [0.3, nan]
    """
    mammogram = _finite(mammogram)
    spacing, shape = mammogram.spacing_mm, mammogram.pixels.shape
    x, y = (np.asarray(values, float).ravel() for values in (x_mm, y_mm))
    with np.errstate(invalid="ignore"):
        columns, rows = np.floor(x / spacing[1]), np.floor(y / spacing[0])
        outside = ~((rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1]))
    if len(x) != len(y) or outside.any():
        _refuse_points(x, y, outside, mammogram)
    breast = find_breast(mammogram)
    equal = equalise(mammogram.pixels, breast.mask, raw=mammogram.raw)
    best = best_z(equal, breast.mask, spacing)
    reach = [max(1, round(search_mm / mm)) for mm in spacing]
    places = [
        _brightest(mammogram.pixels, int(r), int(c), reach)
        for r, c in zip(rows, columns, strict=True)
    ]
    rows, columns = np.array(places, np.int64).reshape(-1, 2).T
    z = z_at(best, rows, columns, spacing)
    del best
    large = find_large(equal, breast.mask, spacing, THRESHOLD_Z)
    del equal
    order = np.argsort(-z, kind="stable")
    spots = Spots(rows[order], columns[order], z[order])
    regions, _, labels = _grown(mammogram.pixels, large, spots, spacing)
    owner = labels[rows, columns]
    first = np.full(len(regions) + 1, -1)
    for point in order[::-1]:  # the highest z last: it keeps the region
        first[owner[point]] = point
    kept = [point for point in range(len(x)) if owner[point] and first[owner[point]] == point]
    numbers = np.zeros(len(regions) + 1, np.int32)
    numbers[owner[kept]] = np.array(kept, np.int32) + 1
    labels = numbers[labels]
    measured = shapes_of(
        [regions[owner[point] - 1] for point in kept],
        mammogram.pixels,
        labels,
        spacing,
        mammogram.image_id,
    )
    shapes = [Shape(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    confidence = [NAN] * len(shapes)
    for point, one in zip(kept, measured, strict=True):
        shapes[point], confidence[point] = one, float(z[point])
    notices = [*mammogram.notices, *breast.notices]
    if len(kept) < len(x):
        notices.append(
            f"{len(x) - len(kept)} of {counted(len(x), 'point')} not measured: no closed outline found, or another "
            "point has the same outline"
        )
    return Detection(
        _table(shapes, confidence),
        labels,
        breast.mask,
        breast.area_mm2,
        breast.nipple_mm,
        notices=tuple(notices),
    )


def _brightest(image: Image, row: int, column: int, reach: list[int]) -> tuple[int, int]:
    """Return the brightest pixel about a point, of means over 3 x 3 pixels."""
    top, left = max(0, row - reach[0]), max(0, column - reach[1])
    near = image[top : row + reach[0] + 1, left : column + reach[1] + 1]
    place = np.unravel_index(int(ndimage.uniform_filter(near, 3).argmax()), near.shape)
    return int(place[0]) + top, int(place[1]) + left


def _refuse_points(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    outside: npt.NDArray[np.bool_],
    mammogram: Mammogram,
) -> None:
    """Raise: say which point is not in the image."""
    if len(x) != len(y):
        raise BadInputError("as many y_mm as x_mm", value=f"{len(x)} and {len(y)}")
    (rows, columns), (row_mm, column_mm) = mammogram.pixels.shape, mammogram.spacing_mm
    row = int(outside.argmax())
    raise BadInputError(
        f"points within the image, which is {columns * column_mm:.1f} mm wide and {rows * row_mm:.1f} mm high",
        source=mammogram.image_id,
        row=row,
        value=(float(x[row]), float(y[row])),
    )


def _finite(mammogram: Mammogram) -> Mammogram:
    """Take pixels that are no numbers as padding, and say so."""
    finite = np.isfinite(mammogram.pixels)
    n_bad = finite.size - int(np.count_nonzero(finite))
    if not finite.size or n_bad == finite.size:
        raise BadInputError(
            "an image with finite pixels", source=mammogram.image_id, value=f"shape {finite.shape}"
        )
    valid = mammogram.valid
    if n_bad:
        valid = finite if valid is None else valid & finite
    if valid is None:
        return mammogram
    pixels = mammogram.pixels
    if n_bad:
        pixels = np.where(finite, pixels, pixels[finite].min())
    notice = f"{counted(n_bad, 'pixel')} without a finite value, taken as padding"
    notices = (*mammogram.notices, notice) if n_bad else mammogram.notices
    return replace(mammogram, pixels=pixels, valid=valid, notices=notices)


def _near_strong(
    large: Spots, small: Spots, threshold_z: float, spacing_mm: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    """Tell which small spots may be kept, so that others need not be grown: a strong one is near, or is itself."""
    strong = small.z >= threshold_z
    first, second = (np.column_stack([s.rows, s.columns]) * spacing_mm for s in (large, small))
    sure = np.concatenate([first, second[strong]])
    if not len(sure):
        return strong
    # the middle of a large one may be farther away than its spot
    near: npt.NDArray[np.bool_] = cKDTree(sure).query(second)[0] <= 2 * CORE_MM
    return near


def _grown(
    image: Image, large: Spots, small: Spots, spacing_mm: tuple[float, float]
) -> tuple[list[Region], list[float], npt.NDArray[np.int32]]:
    """Grow spots to regions; large ones first, and what lies in one belongs to it."""
    labels = np.zeros(image.shape, np.int32)
    regions: list[Region] = []
    z: list[float] = []

    def take(region: Region, own_z: float) -> None:
        regions.append(region)
        z.append(own_z)
        labels[region.rows, region.columns] = len(regions)

    for row, column, own_z in zip(large.rows, large.columns, large.z, strict=True):
        if labels[row, column]:
            continue
        region = grow_large(image, int(row), int(column), spacing_mm, taken=labels)
        if region is not None:
            take(region, float(own_z))
    n_large = len(regions)
    for row, column, own_z in zip(small.rows, small.columns, small.z, strict=True):
        owner = labels[row, column]
        if owner:
            z[owner - 1] = max(z[owner - 1], float(own_z))
            continue
        region = grow(image, int(row), int(column), spacing_mm, taken=labels)
        if region is not None and not _touches_any(region, labels, n_large):
            take(region, float(own_z))
    return regions, z, labels


def _touches_any(region: Region, labels: npt.NDArray[np.int32], n_large: int) -> bool:
    """Tell whether a region overlaps another, or is a fragment at the rim of a large one."""
    if labels[region.rows, region.columns].any():
        return True
    if not n_large:
        return False
    top, left = (max(0, int(at.min()) - RIM) for at in (region.rows, region.columns))
    around = labels[top : region.rows.max() + RIM + 1, left : region.columns.max() + RIM + 1]
    return bool(((around > 0) & (around <= n_large)).any())


def _renumber(
    labels: npt.NDArray[np.int32], kept: list[int], n_regions: int
) -> npt.NDArray[np.int32]:
    numbers = np.zeros(n_regions + 1, np.int32)
    numbers[np.array(kept, int) + 1] = np.arange(1, len(kept) + 1)
    result: npt.NDArray[np.int32] = numbers[labels]
    return result


def _table(shapes: list[Shape], z: list[float]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        [*(getattr(s, name) for name in COLUMNS[:-1]), c] for s, c in zip(shapes, z, strict=True)
    ]
    return pd.DataFrame(np.array(rows, float).reshape(-1, len(COLUMNS)), columns=list(COLUMNS))
