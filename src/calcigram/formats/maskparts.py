"""The connected parts of a mask, found in one pass, and what can be told of their labels by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.formats.extras import load_extra
from calcigram.formats.pixelmarks import Ints

MAX_PIXELS = 40_000_000
"""A film of 24 x 30 cm scanned at 0.0435 mm has 38 million."""

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
    def of(cls, labels: npt.NDArray[Any], source: str) -> MaskParts | None:
        """Return the parts of a label image; None where it is empty."""
        if labels.ndim != 2:
            raise BadInputError(
                "a mask of two dimensions", source=source, value=f"shape {labels.shape}"
            )
        if labels.size > MAX_PIXELS:
            raise BadInputError(
                f"at most {MAX_PIXELS} pixels", source=source, value=f"shape {labels.shape}"
            )
        rows, columns = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return None
        corner = (int(rows[0]), int(columns[0]))
        cut = labels[corner[0] : rows[-1] + 1, corner[1] : columns[-1] + 1]
        numbered, count = _connected(cut)
        if count > MAX_PARTS:
            raise BadInputError(f"at most {MAX_PARTS} connected parts", source=source, value=count)
        first = np.zeros(count + 1, np.int64)
        flat = numbered.ravel()
        begins = np.append(0, 1 + np.flatnonzero(flat[1:] != flat[:-1]))[::-1]  # the first one last
        first[flat[begins]] = begins
        label = cut.ravel()[first].astype(np.int64)
        label[0] = 0
        parts = cls(numbered, label, first, corner, np.zeros(count + 1, bool))
        if len(parts.values) > MAX_LABELS:
            raise BadInputError(
                f"at most {MAX_LABELS} labels", source=source, value=len(parts.values)
            )
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
        return ((self.label > 0) | self.rim)[self.numbered]

    def extents_mm(self, spacing: tuple[float, float]) -> npt.NDArray[np.float64]:
        """Return rows and columns (least, one behind the greatest) of each part in mm, shape (n + 1, 4)."""
        from scipy.ndimage import find_objects

        boxes = np.zeros((len(self.label), 4))
        for number, box in enumerate(find_objects(self.numbered), start=1):
            boxes[number] = box[0].start, box[0].stop, box[1].start, box[1].stop
        return boxes * np.repeat([spacing[1], spacing[0]], 2)

    def spanning(self) -> npt.NDArray[np.bool_]:
        """Tell which of `values` reach from edge to edge of all that is marked, both ways."""
        kept = np.flatnonzero(self.label)
        boxes = self.extents_mm((1.0, 1.0))[kept]
        values, of_label = np.unique(self.label[kept], return_inverse=True)
        low, high = np.full((len(values), 2), np.inf), np.zeros((len(values), 2))
        np.minimum.at(low, of_label, boxes[:, [0, 2]])
        np.maximum.at(high, of_label, boxes[:, [1, 3]])
        return ((low == low.min(axis=0)) & (high == high.max(axis=0))).all(axis=1)

    def areas(self) -> Ints:
        """Return the number of pixels of each part."""
        return np.bincount(self.numbered.ravel(), minlength=len(self.label))

    def check_grey_levels(self, source: str) -> None:
        """Refuse grey levels: values that run into each other, each of them in several places.

        So do the rims of a mask that was smoothed, scaled or stored as JPEG; each level would be a label.
        """
        kept = np.flatnonzero(self.label)
        if not kept.size:
            return
        together, n_connected = _connected((self.label > 0)[self.numbered])
        pairs = np.column_stack([together.ravel()[self.first[kept]], self.label[kept]])
        n_parts = np.unique(self.label[kept], return_counts=True)[1]
        n_levels = len(np.unique(pairs, axis=0)) / max(1, n_connected)
        if n_levels >= GREY_LEVELS and float(np.median(n_parts)) > 1:
            raise BadInputError(
                "0 and one other value, or labels; grey levels are to be thresholded first",
                source=source,
                value=f"{len(n_parts)} values that run into each other",
            )

    def share_enclosed(self, value: int, others: npt.NDArray[np.bool_]) -> float:
        """Return the share of parts that lie in holes of a label."""
        from scipy.ndimage import label

        outside_of, _ = label(np.pad((self.label != value)[self.numbered], 1, constant_values=True))
        places = np.column_stack(np.divmod(self.first[others], self.numbered.shape[1])) + 1
        return float((outside_of[places[:, 0], places[:, 1]] != outside_of[0, 0]).mean())

    def touching(self) -> npt.NDArray[np.int64]:
        """Return (part, index in `values`, from 1, of a label that it touches), each pair once."""
        index = np.searchsorted([0, *self.values], self.label).astype(np.int32)
        by_label = index[self.numbered]
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


def _connected(image: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int]:
    tools = load_extra("skimage.measure", "A mask")
    numbered, count = tools.label(image, connectivity=2, return_num=True, background=0)
    return numbered.astype(np.int32, copy=False), int(count)
