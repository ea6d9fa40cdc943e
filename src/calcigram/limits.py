"""What every value must keep to, whatever entrance it comes by: columns, sizes of pixels and of files.

The command line, Python, HTTP, DICOM and masks all look here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError

LARGEST_POSITION_MM = 1e6
"""Beyond it float32 keeps no tenth of a millimetre."""

LARGEST_LENGTH_MM = 1e4
"""Of a diameter. A table in micrometres that is read as mm stays within it, and is recognised by its values."""

LARGEST_AREA_MM2 = 1e9

LARGEST_RATIO = 1e6
"""Of an aspect ratio or a contrast, which have no unit."""

PIXEL_SPACING_MM = (0.002, 10.0)
"""From a micro-CT of a specimen to a mask in centimetres."""

MAX_CALCIFICATIONS = 150_000
"""Of one cluster: all pairs are looked at, which takes 12 s of these, and 45 s where they are at one place."""

MAX_COLUMNS = 2_000
"""Columns of a table; a table turned on its side has more."""

MAX_PIXELS = 40_000_000
"""Of an image: a film of 24 x 30 cm scanned at 0.0435 mm has 38 million."""

UNPACKED_FLOOR_BYTES, UNPACKED_RATIO = 1 << 27, 64
"""A compressed file may unpack to the first, or to so many times its own size."""


@dataclass(frozen=True)
class Column:
    """One numeric column: unit, the range it must lie in, and what to say where it does not."""

    name: str
    unit: str
    expected: str
    low: float
    high: float
    low_open: bool = False
    high_open: bool = False
    required: bool = False

    def bad(self, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return where `values` break the rules; NaN is allowed in columns not required."""
        below = values <= self.low if self.low_open else values < self.low
        above = values >= self.high if self.high_open else values > self.high
        bad = below | above | np.isinf(values)
        result: npt.NDArray[np.bool_] = bad | np.isnan(values) if self.required else bad
        return result

    def or_missing(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return values of which those that an optional column may not hold are NaN."""
        return values if self.required else np.where(self.bad(values), np.float32(np.nan), values)

    def holds(self, values: npt.NDArray[Any]) -> bool:
        """Tell whether all of one value or more keep the rules."""
        least = float(values.min() if self.required else np.fmin.reduce(values))
        if least != least:  # NaN: one at least where required, else all
            return not self.required
        most = float(np.fmax.reduce(values))
        above = least > self.low if self.low_open else least >= self.low
        return above and (most < self.high if self.high_open else most <= self.high)


_REACH = f"(up to {LARGEST_POSITION_MM:,.0f} either way)"

_POSITION = (-LARGEST_POSITION_MM, LARGEST_POSITION_MM)
_RATIO = f"or nothing (at most {LARGEST_RATIO:,.0f})"

MARKS: tuple[Column, ...] = (
    Column("x_mm", "mm", f"a finite number in mm {_REACH}", *_POSITION, required=True),
    Column("y_mm", "mm", f"a finite number in mm {_REACH}", *_POSITION, required=True),
    Column("diameter_mm", "mm", f"a number above 0 in mm, or nothing (at most {LARGEST_LENGTH_MM:,.0f})",
           0.0, LARGEST_LENGTH_MM, low_open=True),
    Column("aspect_ratio", "1", f"a number of at least 1, {_RATIO}", 1.0, LARGEST_RATIO),
    Column("orientation_deg", "deg", "degrees from 0 up to but not including 180, or nothing",
           0.0, 180.0, high_open=True),
    Column("solidity", "1", "a number above 0 and at most 1, or nothing", 0.0, 1.0, low_open=True),
    Column("cnr", "1", f"a number of at least 0, {_RATIO}", 0.0, LARGEST_RATIO),
)  # fmt: skip
"""The marks of one row per calcification, in file order: what is measured of it."""

CARRIED: tuple[Column, ...] = (
    Column("confidence", "1", f"a number of at least 0, {_RATIO}", 0.0, LARGEST_RATIO),
)
"""Columns of one row per calcification that are carried along and never measured.

``confidence`` is what the detector says of a calcification, on its own scale: the peak of a probability
map, the score of a box.
"""

POINT_COLUMNS: tuple[Column, ...] = (*MARKS, *CARRIED)

_NIPPLE = f"a finite number in mm, or nothing {_REACH}"

CLUSTER_COLUMNS: tuple[Column, ...] = (
    Column("nipple_x_mm", "mm", _NIPPLE, *_POSITION),
    Column("nipple_y_mm", "mm", _NIPPLE, *_POSITION),
    Column("breast_area_mm2", "mm2", f"a number above 0 in mm2, or nothing (at most {LARGEST_AREA_MM2:,.0f})",
           0.0, LARGEST_AREA_MM2, low_open=True),
)  # fmt: skip
"""The optional columns with one value per cluster."""

MARK_NAMES: tuple[str, ...] = tuple(column.name for column in MARKS)
POINT_NAMES: tuple[str, ...] = tuple(column.name for column in POINT_COLUMNS)
OPTIONAL_MARKS: tuple[str, ...] = tuple(c.name for c in MARKS if not c.required)
CLUSTER_NAMES: tuple[str, ...] = tuple(column.name for column in CLUSTER_COLUMNS)
META_COLUMNS: tuple[str, ...] = (
    "image_id",
    "group_id",
    "laterality",
    "view",
    "mechanism",
    "true_distribution",
    "true_morphology",
    "reported_distribution",
    "reported_morphology",
)
"""Reserved names of `ClusterSet.meta`; other names are carried through alike."""


def unpacked_limit(n_bytes: int) -> int:
    """Return how many bytes a file of `n_bytes` may unpack to.

    Examples
    --------
    >>> unpacked_limit(1000) == UNPACKED_FLOOR_BYTES, unpacked_limit(10**9)
    (True, 64000000000)
    """
    return max(UNPACKED_FLOOR_BYTES, UNPACKED_RATIO * n_bytes)


def check_most(number: float, most: int, what: str, **where: Any) -> None:
    """Refuse more than some number of things.

    Parameters
    ----------
    number, most : float, int
    what : str
        Things are called so.
    **where
        As `BadInputError` takes it; by default the number is what was got.

    Examples
    --------
    >>> check_most(3, 2, "labels")
    Traceback (most recent call last):
    calcigram.errors.BadInputError: got 3, expected at most 2 labels
    """
    if number > most:
        raise BadInputError(f"at most {most} {what}", **(where or {"value": number}))


def check_pixel_spacing(
    value: Any, *, column: str = "pixel_spacing"
) -> float | tuple[float, float]:
    """Return a pixel spacing in mm: a float, or, where they differ, those of rows and of columns.

    Parameters
    ----------
    value : object
        A number, or two (also as ``"0.05,0.07"``): from row to row, then from column to column, as
        DICOM has them.
    column : str, optional
        What messages call it.

    Raises
    ------
    BadInputError
        It is no number, or outside of `PIXEL_SPACING_MM`.

    Examples
    --------
    >>> check_pixel_spacing("0.07"), check_pixel_spacing("0.05,0.07"), check_pixel_spacing((0.05, 0.05))
    (0.07, (0.05, 0.07), 0.05)
    >>> check_pixel_spacing(70)
    Traceback (most recent call last):
    calcigram.errors.BadInputError: column 'pixel_spacing': got 70, expected a number above 0 in mm, from 0.002 to 10; or two, ROW,COLUMN
    """
    smallest, largest = PIXEL_SPACING_MM
    parts = value.split(",") if isinstance(value, str) else value
    parts = list(parts) if isinstance(parts, list | tuple) and len(parts) == 2 else [value]
    try:
        sizes = [0.0 if isinstance(part, bool) else float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        sizes = [0.0]
    if not all(smallest <= size <= largest for size in sizes):
        raise BadInputError(
            f"a number above 0 in mm, from {smallest:g} to {largest:g}; or two, ROW,COLUMN",
            column=column,
            value=value,
        )
    return sizes[0] if sizes[0] == sizes[-1] else (sizes[0], sizes[1])
