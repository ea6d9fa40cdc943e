"""Measures the marks of calcifications in masks, with scikit-image; also their contrast.

A mask has one 2-D array a thing; where masks come from is the business of `masks` and of
`dicom.segmentation`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.formats.extras import load_extra
from calcigram.formats.gathering import Cluster, ImageMarks, Mark
from calcigram.formats.outlines import NAN, ROUND, Shape
from calcigram.linking import MAX_LOOSE
from calcigram.wording import counted

Mask = npt.NDArray[np.bool_]

MAX_PIXELS = 60_000_000
"""A film of 24 x 30 cm scanned at 0.05 mm has 29 million."""

MAX_LABELS = 65_535

BACKGROUND_MM = 1.0
"""Width of the surroundings that a calcification's contrast is measured against."""

CLUSTER_PARTS = 3
"""Labels of so many parts each, in the median, are clusters: fewer have no distribution."""

GREY_LEVELS = 3
"""Where connected marks have so many values each, in the mean, these may be grey levels."""


def fill_from_labels(
    image: ImageMarks,
    labels: npt.NDArray[Any],
    spacing: tuple[float, float],
    source: str,
    intensity: npt.NDArray[Any] | None = None,
) -> list[str]:
    """Measure a label image and add what it holds to an image's marks.

    Parameters
    ----------
    image : ImageMarks
        Changed in place.
    labels : ndarray of int or bool, shape (rows, columns)
        0 is background. One value else: each connected part is a calcification. Several: each label
        is one, unless labels have many parts; then they are clusters, and the parts calcifications.
    spacing : (float, float)
        Width and height of a pixel in mm.
    source : str
        Name of the file.
    intensity : ndarray, optional
        The image itself, of the same shape; it gives contrast and weighted centres.

    Returns
    -------
    list of str
        How the mask was understood.

    Raises
    ------
    BadInputError
        There are more marks than calcifications can be, or the values are grey levels.
    """
    values, labels, corner = _cropped(labels, source)
    if intensity is not None:
        rows, columns = labels.shape
        intensity = intensity[corner[0] : corner[0] + rows, corner[1] : corner[1] + columns]
    if len(values) == 0:
        return ["the mask is empty: no calcification"]
    measure = _Measurer(spacing, corner, intensity, labels > 0)
    if len(values) == 1:
        image.loose += measure.parts(labels > 0, source)
        return [f"one value: each of its {len(image.loose)} connected parts is a calcification"]
    boxes = _boxes(labels, values)
    n_parts = [_label(labels[box] == value)[1] for value, box in boxes]
    are_clusters = float(np.median(n_parts)) >= CLUSTER_PARTS
    _check_count(sum(n_parts) if are_clusters else len(boxes), source)
    _check_labels(labels, n_parts, source)
    if not are_clusters:
        for value, box in boxes:
            image.loose.append(measure.one(labels[box] == value, box))
        return [f"{counted(len(values), 'label')}: each is a calcification"]
    for value, box in boxes:
        marks = measure.parts(labels[box] == value, source, box)
        image.clusters.append(Cluster(marks, name=str(value), formed_by="one label of the mask"))
    return [
        f"{counted(len(values), 'label')} of several parts: each is a cluster, its parts calcifications"
    ]


def _cropped(
    labels: npt.NDArray[Any], source: str
) -> tuple[list[int], npt.NDArray[Any], tuple[int, int]]:
    """Return the labels that occur, the image cut to where they do, and the corner of the cut."""
    if labels.ndim != 2:
        raise BadInputError(
            "a mask of two dimensions", source=source, value=f"shape {labels.shape}"
        )
    if labels.size > MAX_PIXELS:
        raise BadInputError(
            f"at most {MAX_PIXELS} pixels", source=source, value=f"shape {labels.shape}"
        )
    rows, columns = np.flatnonzero(labels.any(axis=1)), np.flatnonzero(labels.any(axis=0))
    if not rows.size:
        return [], labels[:0, :0], (0, 0)
    corner = (int(rows[0]), int(columns[0]))
    cut = labels[corner[0] : rows[-1] + 1, corner[1] : columns[-1] + 1]
    values = [int(value) for value in np.unique(cut) if value]
    if len(values) > MAX_LABELS:
        raise BadInputError(f"at most {MAX_LABELS} labels", source=source, value=len(values))
    return values, cut, corner


def _boxes(labels: npt.NDArray[Any], values: list[int]) -> list[tuple[int, tuple[slice, slice]]]:
    from scipy.ndimage import find_objects

    index = np.searchsorted([0, *values], labels).astype(np.int32)
    found = find_objects(index)
    return [(value, box) for value, box in zip(values, found, strict=True) if box is not None]


def _check_count(n_marks: int, source: str) -> None:
    if n_marks > MAX_LOOSE:
        raise BadInputError(f"at most {MAX_LOOSE} marks", source=source, value=n_marks)


def _check_labels(labels: npt.NDArray[Any], n_parts: list[int], source: str) -> None:
    """Refuse grey levels: values that run into each other, each of them in several places.

    So do the rims of a mask that was smoothed, scaled or stored as JPEG; each level would be a label.
    """
    numbered, n_connected = _label(labels > 0)
    marked = labels > 0
    pairs = np.unique(np.column_stack([numbered[marked], labels[marked]]), axis=0)
    if len(pairs) / n_connected >= GREY_LEVELS and float(np.median(n_parts)) > 1:
        raise BadInputError(
            "0 and one other value, or labels; grey levels are to be thresholded first",
            source=source,
            value=f"{len(n_parts)} values that run into each other",
        )


def _label(mask: Mask) -> tuple[Any, int]:
    measure = load_extra("skimage.measure", "A mask")
    numbered, count = measure.label(mask, connectivity=2, return_num=True)
    return numbered, int(count)


class _Measurer:
    """Measures parts of one mask."""

    def __init__(
        self,
        spacing: tuple[float, float],
        corner: tuple[int, int],
        intensity: npt.NDArray[Any] | None,
        marked: Mask,
    ) -> None:
        self._x_mm, self._y_mm = spacing
        self._corner = corner
        self._intensity = intensity
        self._marked = marked
        self._measure = load_extra("skimage.measure", "A mask")

    def parts(self, mask: Mask, source: str, box: tuple[slice, slice] | None = None) -> list[Mark]:
        """Return a mark for each connected part (of eight neighbours)."""
        numbered, count = _label(mask)
        _check_count(count, source)
        return [self._mark(region, box) for region in self._regions(numbered)]

    def one(self, mask: Mask, box: tuple[slice, slice]) -> Mark:
        """Return one mark for all that is set."""
        return self._mark(self._regions(mask.astype(np.uint8))[0], box)

    def _regions(self, numbered: Any) -> Any:
        return self._measure.regionprops(numbered, spacing=(self._y_mm, self._x_mm))

    def _mark(self, region: Any, box: tuple[slice, slice] | None) -> Mark:
        offset = (0, 0) if box is None else (box[0].start, box[1].start)
        row, column = region.centroid[0] / self._y_mm, region.centroid[1] / self._x_mm
        place = (slice(*(region.bbox[0] + offset[0], region.bbox[2] + offset[0])),
                 slice(*(region.bbox[1] + offset[1], region.bbox[3] + offset[1])))  # fmt: skip
        cnr = NAN
        if self._intensity is not None:
            cnr, weighted = self._contrast(region.image, place)
            if weighted is not None:
                row, column = weighted[0] - offset[0], weighted[1] - offset[1]
        major, minor = region.axis_major_length, region.axis_minor_length
        aspect = major / minor if minor > 0 else NAN
        # skimage counts from the row axis, counter-clockwise
        angle = (90.0 - math.degrees(region.orientation)) % 180.0
        return Mark(
            Shape(
                (column + offset[1] + self._corner[1] + 0.5) * self._x_mm,
                (row + offset[0] + self._corner[0] + 0.5) * self._y_mm,
                2 * math.sqrt(region.area / math.pi),
                max(1.0, aspect) if aspect == aspect else NAN,
                angle % 180.0 if aspect > 1 + ROUND else NAN,
                _solidity(region),
                cnr,
            )
        )

    def _contrast(
        self, shape: Mask, place: tuple[slice, slice]
    ) -> tuple[float, tuple[float, float] | None]:
        """Return (peak - mean of the surroundings) / their standard deviation, and the weighted centre."""
        assert self._intensity is not None
        around = tuple(
            slice(max(0, span.start - width), span.stop + width)
            for span, width in zip(place, self._margins(), strict=True)
        )
        values = self._intensity[place].astype(float)
        free = self._intensity[around][~self._marked[around]].astype(float)
        if free.size < 9 or not free.std() > 0:
            return NAN, None
        above = np.where(shape, np.clip(values - free.mean(), 0, None), 0.0)
        cnr = float(max(0.0, (values[shape].max() - free.mean()) / free.std()))
        if not above.sum() > 0:
            return cnr, None
        rows, columns = np.indices(shape.shape)
        total = above.sum()
        row = float((rows * above).sum() / total) + place[0].start
        return cnr, (row, float((columns * above).sum() / total) + place[1].start)

    def _margins(self) -> tuple[int, int]:
        return (
            max(2, round(BACKGROUND_MM / self._y_mm)),
            max(2, round(BACKGROUND_MM / self._x_mm)),
        )


def _solidity(region: Any) -> float:
    """Return area over convex area; pixels in a line are their own hull."""
    if min(region.image.shape) < 2:
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the hull of a few pixels in a slanted line is flat
        solidity = float(region.solidity)
    return min(1.0, solidity) if solidity > 0 else NAN
