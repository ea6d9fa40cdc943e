"""Numbers the connected parts of a mask, in memory that follows its runs of equal pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.geometry import convex_hull
from calcigram.errors import BadInputError
from calcigram.formats.extras import load_extra
from calcigram.formats.outlines import NAN, Shape, axes
from calcigram.limits import MAX_PIXELS, check_most

MAX_RUNS = 2_000_000
"""Runs of equal pixels along the rows: 8,000 calcifications of 1 mm have 0.4 million at 0.02 mm per pixel."""


def connected(image: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int32], int]:
    """Number the connected parts (of eight neighbours) of an image in the order of their first pixels.

    Parameters
    ----------
    image : ndarray of int or bool, shape (rows, columns)
        0 is background; pixels of a part have one value.

    Returns
    -------
    numbered : ndarray of int32, shape (rows, columns)
        0, or the number of a part, from 1.
    int
        How many parts there are.

    Raises
    ------
    BadInputError
        Rows change their value so often that this is no mask.

    Notes
    -----
    Runs of equal pixels along the rows are joined, not pixels, so that the memory taken above that of the result
    follows the number of runs (scikit-image takes 16 bytes per pixel).

    Examples
    --------
    >>> connected(np.array([[0, 1, 2], [1, 0, 2]]))
    (array([[0, 1, 2],
           [1, 0, 2]], dtype=int32), 2)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    begins = np.ones(image.shape, bool)
    np.not_equal(image[:, 1:], image[:, :-1], out=begins[:, 1:])
    if (n_runs := int(np.count_nonzero(begins))) > MAX_RUNS + len(image):
        expected = f"a mask: rows of at most {MAX_RUNS:,} runs of equal pixels, all together"
        raise BadInputError(expected, value=n_runs)
    start = np.flatnonzero(begins)
    del begins
    stop = np.append(start[1:], image.size)
    value, width = image.ravel()[start], image.shape[1]
    marked = np.flatnonzero(value)
    row = start[marked] // width
    # The runs of the row above that each touches, as positions of pixels
    low = np.maximum(start[marked] - 1, row * width) - width
    high = np.minimum(stop[marked], (row + 1) * width - 1) - width
    first, last = (np.searchsorted(start, at, "right") - 1 for at in (low, high))
    n_above = np.where(row > 0, last - first + 1, 0)
    here = np.repeat(np.arange(len(marked)), n_above)
    above = np.arange(len(here)) + np.repeat(first - np.cumsum(n_above) + n_above, n_above)
    same = value[above] == value[marked[here]]
    here, above = here[same], np.searchsorted(marked, above[same])
    pairs = coo_array((np.ones(len(here), bool), (here, above)), shape=(len(marked), len(marked)))
    count, part = connected_components(pairs, directed=False) if len(marked) else (0, marked)
    numbers = np.zeros(len(start), np.int32)
    numbers[marked] = part + 1
    return np.repeat(numbers, stop - start).reshape(image.shape), int(count)


Ints = npt.NDArray[np.int64]

BACKGROUND_MM = 1.0
"""Width of the surroundings that a calcification's contrast is measured against."""

MAX_MARKED = 5_000_000
"""Pixels of calcifications; 8,000 of 1 mm have 1.3 million at 0.07 mm per pixel. Each takes 60 bytes."""

MAX_SURROUNDINGS = 100_000_000
"""Pixels looked at for contrast, all calcifications together."""

LEAST_SURROUNDINGS = 9


@dataclass(frozen=True)
class Pixels:
    """The pixels of things in an image, one thing after the other.

    Attributes
    ----------
    rows, columns : ndarray of int64, shape (M,)
    offsets : ndarray of int64, shape (N + 1,)
        Thing k has the pixels from ``offsets[k]`` to ``offsets[k + 1]``.
    """

    rows: Ints
    columns: Ints
    offsets: Ints

    def of(self, thing: int) -> tuple[Ints, Ints]:
        """Return rows and columns of the pixels of one thing."""
        own = slice(self.offsets[thing], self.offsets[thing + 1])
        return self.rows[own], self.columns[own]


def pixels_of(numbered: npt.NDArray[Any], things: npt.NDArray[Any]) -> Pixels:
    """Return the pixels of the numbered parts of an image, sorted by the thing they belong to.

    Parameters
    ----------
    numbered : ndarray of int, shape (rows, columns)
        0, or the number of a part.
    things : ndarray of int, shape (number of parts + 1,)
        Index of the thing that each part belongs to; -1 for none, and for ``things[0]``.

    Raises
    ------
    BadInputError
        They have more pixels than calcifications can have.

    Examples
    --------
    >>> pixels = pixels_of(np.array([[1, 0, 2], [1, 0, 0]]), np.array([-1, 1, 0]))
    >>> pixels.of(0), pixels.of(1)
    ((array([0]), array([2])), (array([0, 1]), array([0, 0])))
    """
    kept = _by_part(things >= 0, numbered)
    check_most(int(np.count_nonzero(kept)), MAX_MARKED, "pixels of calcifications")
    flat = np.flatnonzero(kept)
    owner = things[numbered.ravel()[flat]]
    order = np.argsort(owner, kind="stable")
    rows, columns = np.divmod(flat[order], numbered.shape[1])
    counts = np.bincount(owner, minlength=int(things.max(initial=-1)) + 1)
    return Pixels(rows, columns, np.concatenate([[0], np.cumsum(counts)]))


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes
    ----------
    shapes : list of Shape
        In mm, one for each thing.
    n_darker, n_compared : int
        Things darker than their surroundings, and things that could be compared; 0 without an image.
    """

    shapes: list[Shape]
    n_darker: int = 0
    n_compared: int = 0


def measure(
    pixels: Pixels,
    spacing: tuple[float, float],
    corner: tuple[int, int],
    intensity: npt.NDArray[Any] | None = None,
    marked: npt.NDArray[np.bool_] | None = None,
) -> Measured:
    """Measure things by their pixels.

    Parameters
    ----------
    pixels : Pixels
    spacing : (float, float)
        Width and height of a pixel in mm.
    corner : (int, int)
        Row and column of the first pixel in the whole image.
    intensity : ndarray, optional
        The image itself; it gives contrast and weighted centres.
    marked : ndarray of bool, optional
        With `intensity`, of its shape: pixels that belong to no surroundings.

    Raises
    ------
    BadInputError
        Their surroundings are too large to be looked at.
    """
    things = [pixels.of(thing) for thing in range(len(pixels.offsets) - 1)]
    if intensity is None or marked is None:
        return Measured([_shape(*thing, spacing, corner) for thing in things])
    contrast = _Contrast(intensity, marked, spacing)
    contrast.check_cost(things)
    shapes = [_shape(*thing, spacing, corner, contrast.of(*thing)) for thing in things]
    return Measured(shapes, contrast.n_darker, contrast.n_compared)


def _shape(
    rows: Ints,
    columns: Ints,
    spacing: tuple[float, float],
    corner: tuple[int, int],
    weighted: tuple[float, float, float] | None = None,
) -> Shape:
    x_mm, y_mm = spacing
    row, column = float(rows.mean()), float(columns.mean())
    x, y = (columns - column) * x_mm, (rows - row) * y_mm
    aspect, orientation = axes(float(x @ x), float(y @ y), float(x @ y))
    cnr, row, column = weighted or (NAN, row, column)
    return Shape(
        (column + corner[1] + 0.5) * x_mm,
        (row + corner[0] + 0.5) * y_mm,
        2 * math.sqrt(len(rows) * x_mm * y_mm / math.pi),
        aspect,
        orientation,
        min(1.0, len(rows) / hull_pixels(rows, columns)),
        cnr,
    )


def hull_pixels(rows: Ints, columns: Ints) -> int:
    """Count the pixels whose centre lies in the convex hull of the given pixels.

    The hull is that of the middles of their edges, as `skimage.morphology.convex_hull_image` has
    it; the hull's width in each row is counted, so the box around the pixels costs nothing.

    Examples
    --------
    >>> hull_pixels(np.array([0, 0, 0, 1, 2]), np.array([0, 1, 2, 0, 0]))
    6
    """
    top = int(rows.min())
    n_rows = int(rows.max()) - top + 1
    low, high = np.full(n_rows, np.iinfo(np.int64).max), np.full(n_rows, -1)
    np.minimum.at(low, rows - top, columns)
    np.maximum.at(high, rows - top, columns)
    taken = np.flatnonzero(high >= 0)
    sides = [(0.0, low - 0.5), (0.0, high + 0.5)]
    sides += [(half, side * 1.0) for half in (-0.5, 0.5) for side in (low, high)]
    corners = np.concatenate([np.column_stack([taken + at, s[taken]]) for at, s in sides])
    # Halves, about a point among them, are exact as float32.
    across = (corners - (0, columns[0])).astype(np.float32)
    corners = across[np.lexsort(across.T[::-1])]
    hull = convex_hull(corners[:, 0].copy(), corners[:, 1].copy())
    end = int(hull.argmax())  # the last corner; from there the hull goes back to the first
    left, right = corners[hull[: end + 1]], corners[np.append(hull[end:], hull[0])[::-1]]
    lines = np.arange(n_rows)
    first = np.ceil(np.interp(lines, left[:, 0], left[:, 1]) - 1e-9)
    last = np.floor(np.interp(lines, right[:, 0], right[:, 1]) + 1e-9)
    return int((last - first + 1).sum())


def outline_px(marked: npt.NDArray[np.bool_], corner: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the outer outline (x, y) in pixels of the largest thing that is marked; holes are filled.

    Parameters
    ----------
    marked : ndarray of bool, shape (rows, columns)
    corner : (int, int)
        Row and column of its first pixel in the whole image.

    Examples
    --------
    >>> outline_px(np.ones((2, 3), bool), (10, 20)).min(axis=0)
    array([20., 10.])
    """
    contours = load_extra("skimage.measure", "A mask").find_contours(np.pad(marked, 1), 0.5)
    largest = max(contours, key=len)  # in rows and columns of pixel centres, of the padded mask
    return np.asarray(largest[:, ::-1] + (corner[1] - 0.5, corner[0] - 0.5))


class _Contrast:
    """Holds things in an image against what is around them."""

    def __init__(
        self,
        intensity: npt.NDArray[Any],
        marked: npt.NDArray[np.bool_],
        spacing: tuple[float, float],
    ) -> None:
        self._intensity = intensity
        self._marked = marked
        self._margins = [max(2, round(BACKGROUND_MM / size)) for size in (spacing[1], spacing[0])]
        self.n_darker = self.n_compared = 0

    def check_cost(self, things: Sequence[tuple[Ints, Ints]]) -> None:
        total = 0.0
        for thing in things:
            spans = zip(thing, self._margins, strict=True)
            total += math.prod(float(np.ptp(at)) + 1 + 2 * width for at, width in spans)
        if total > MAX_SURROUNDINGS:
            raise BadInputError(
                f"calcifications whose surroundings have at most {MAX_SURROUNDINGS} pixels together",
                value=f"{total:.3g}",
            )

    def of(self, rows: Ints, columns: Ints) -> tuple[float, float, float] | None:
        """Return (peak - mean of the surroundings) / their standard deviation, and the weighted centre.

        None where too few pixels are around.
        """
        around = tuple(
            slice(max(0, int(at.min()) - width), int(at.max()) + width + 1)
            for at, width in zip((rows, columns), self._margins, strict=True)
        )
        free = self._intensity[around][~self._marked[around]].astype(float)
        if free.size < LEAST_SURROUNDINGS:
            return None
        values = self._intensity[rows, columns].astype(float)
        level, noise = float(free.mean()), float(free.std())
        self.n_compared += 1
        self.n_darker += bool(values.mean() <= level)
        if not noise > 0:
            return None
        cnr = max(0.0, (float(values.max()) - level) / noise)
        above = np.clip(values - level, 0, None)
        total = float(above.sum())
        if not total > 0:
            return cnr, float(rows.mean()), float(columns.mean())
        return cnr, float(rows @ above) / total, float(columns @ above) / total


MAX_LABELS = 65_535

MAX_PARTS = 200_000
"""Connected parts of all labels together, of those left out too."""

GREY_LEVELS = 3
"""Where connected marks have so many values each, in the mean, these may be grey levels."""


@dataclass
class MaskParts:
    """The connected parts (of eight neighbours) of a label image, cut to where labels are.

    Attributes
    ----------
    numbered : ndarray of int, shape (rows, columns)
        0, or the number of a part.
    label : ndarray of int64, shape (number of parts + 1,)
        Label of each part; 0 for those dropped, and for ``label[0]``.
    first : ndarray of int64
        Index of each part's first pixel in ``numbered.ravel()``; of ``first[0]`` nothing is meant.
    corner : (int, int)
        Row and column of the first pixel in the whole image.
    rim : ndarray of bool
        Parts that are neither calcifications nor surroundings.
    """

    numbered: npt.NDArray[Any]
    label: Ints
    first: Ints
    corner: tuple[int, int]
    rim: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, labels: npt.NDArray[Any]) -> MaskParts | None:
        """Return the parts of a label image; None where it is empty."""
        if labels.ndim != 2:
            raise BadInputError("a mask of two dimensions", value=f"shape {labels.shape}")
        check_most(labels.size, MAX_PIXELS, "pixels", value=f"shape {labels.shape}")
        rows, columns = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return None
        corner = (int(rows[0]), int(columns[0]))
        cut = labels[corner[0] : rows[-1] + 1, corner[1] : columns[-1] + 1]
        numbered, count = connected(cut)
        check_most(count, MAX_PARTS, "connected parts")
        first = np.zeros(count + 1, np.int64)
        flat = numbered.ravel()
        begins = np.append(0, 1 + np.flatnonzero(flat[1:] != flat[:-1]))[::-1]  # the first one last
        first[flat[begins]] = begins
        label = cut.ravel()[first].astype(np.int64)
        label[0] = 0
        parts = cls(numbered, label, first, corner, np.zeros(count + 1, bool))
        check_most(len(parts.values), MAX_LABELS, "labels")
        return parts

    @property
    def values(self) -> list[int]:
        """The labels that occur, in order."""
        return [int(value) for value in np.unique(self.label) if value]

    def drop(self, parts: npt.NDArray[np.bool_]) -> None:
        """Leave parts out."""
        self.label[parts] = 0

    def marked(self) -> npt.NDArray[np.bool_]:
        """Tell which pixels are no surroundings of a calcification."""
        return _by_part((self.label > 0) | self.rim, self.numbered)

    def extents_mm(self, spacing: tuple[float, float]) -> npt.NDArray[np.float64]:
        """Return rows and columns (least, one behind the greatest) of each part in mm, shape (n + 1, 4)."""
        from scipy.ndimage import find_objects

        boxes = np.zeros((len(self.label), 4))
        for number, box in enumerate(find_objects(self.numbered), start=1):
            boxes[number] = box[0].start, box[0].stop, box[1].start, box[1].stop
        return np.asarray(boxes * np.repeat([spacing[1], spacing[0]], 2))

    def spanning(self) -> npt.NDArray[np.bool_]:
        """Tell which of `values` reach from edge to edge of all that is marked, both ways."""
        kept = np.flatnonzero(self.label)
        boxes = self.extents_mm((1.0, 1.0))[kept]
        values, of_label = np.unique(self.label[kept], return_inverse=True)
        low, high = np.full((len(values), 2), np.inf), np.zeros((len(values), 2))
        np.minimum.at(low, of_label, boxes[:, [0, 2]])
        np.maximum.at(high, of_label, boxes[:, [1, 3]])
        reaches = (low == low.min(axis=0)) & (high == high.max(axis=0))
        return np.asarray(reaches.all(axis=1))

    def areas(self) -> Ints:
        """Return the number of pixels of each part."""
        areas = np.zeros(len(self.label), np.int64)
        for part in np.array_split(self.numbered.ravel(), 1 + self.numbered.size // 1_000_000):
            areas += np.bincount(part, minlength=len(areas))  # which makes 64-bit numbers of a part
        return areas

    def check_grey_levels(self) -> None:
        """Refuse grey levels: values that run into each other, each of them in several places.

        So do the rims of a mask that was smoothed, scaled or stored as JPEG; each level would be a label.
        """
        kept = np.flatnonzero(self.label)
        if not kept.size:
            return
        together, n_connected = connected(_by_part(self.label > 0, self.numbered))
        pairs = np.column_stack([together.ravel()[self.first[kept]], self.label[kept]])
        n_parts = np.unique(self.label[kept], return_counts=True)[1]
        n_levels = len(np.unique(pairs, axis=0)) / max(1, n_connected)
        if n_levels >= GREY_LEVELS and float(np.median(n_parts)) > 1:
            expected = "0 and one other value, or labels; threshold grey levels first"
            raise BadInputError(expected, value=f"{len(n_parts)} values that run into each other")

    def share_enclosed(self, value: int, others: npt.NDArray[np.bool_]) -> float:
        """Return the share of parts that lie in holes of a label."""
        from scipy.ndimage import label

        outside_of, _ = label(
            np.pad(_by_part(self.label != value, self.numbered), 1, constant_values=True)
        )
        places = np.column_stack(np.divmod(self.first[others], self.numbered.shape[1])) + 1
        return float((outside_of[places[:, 0], places[:, 1]] != outside_of[0, 0]).mean())

    def touching(self) -> npt.NDArray[np.int64]:
        """Return (part, index in `values`, from 1, of a label that it touches), each pair once."""
        index = np.searchsorted([0, *self.values], self.label).astype(np.int32)
        by_label = _by_part(index, self.numbered)
        found = []
        for one, other in (
            ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
            ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
            ((slice(1, None), slice(1, None)), (slice(None, -1), slice(None, -1))),
            ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))),
        ):
            a, b = by_label[one], by_label[other]
            at = (a != b) & (a > 0) & (b > 0)
            found.append(np.column_stack([self.numbered[one][at], b[at]]))
            found.append(np.column_stack([self.numbered[other][at], a[at]]))
        return np.unique(np.concatenate(found).astype(np.int64), axis=0)


def _by_part(values: npt.NDArray[Any], numbered: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Return ``values[numbered]``, row by row: numpy would first make 64-bit indices of the whole image."""
    found = np.empty(numbered.shape, values.dtype)
    for row, numbers in zip(found, numbered, strict=True):
        np.take(values, numbers, out=row, mode="clip")
    return found
