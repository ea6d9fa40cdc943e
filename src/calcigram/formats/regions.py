"""One region that a person or a program drew on an image: its name, its marks and its outline.

What INbreast's annotations, COCO, LabelMe, ImageJ and 3D Slicer have in common. Which regions are calcifications: `annotated`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike, read_at_most
from calcigram.formats.maskparts import Ints, Pixels, measure, outline_px
from calcigram.formats.outlines import (
    Points,
    Shape,
    circle_polygon,
    circle_shape,
    ellipse_polygon,
    ellipse_shape,
    rings_shape,
)

if TYPE_CHECKING:
    from calcigram.formats.dicom.report import Spacing


MAX_BYTES = 64 << 20
"""Of a file of annotations."""

MAX_POINTS = 1_000_000
"""Of all regions of an image together."""

POLYGON, CIRCLE, ELLIPSE, BOX = "polygon", "circle", "ellipse", "box"

_CALCIFICATION = re.compile(r"(micro)?[ _-]?calc(ification)?s?([ _-]?\d+)?", re.IGNORECASE)
_CLUSTER = re.compile(
    r"((micro)?[ _-]?calc(ification)?s?[ _-])?clusters?( of (micro)?[ -]?calcifications)?([ _-]?\d+)?",
    re.IGNORECASE,
)
"""Names of regions, as in INbreast and with users' additions."""

GENERAL = re.compile(
    r"([\d_ -]*|(f|p|roi|region|markups?|(markups)?fiducial|mark|point|curve|closedcurve|object|annotation|lesion|"
    r"finding|detection|segment|mask|abnormality|label|shape|polygon|spot)s?([ _-]?\d+)*)",
    re.IGNORECASE,
)
"""Names that programs give, or that may mean anything."""


@dataclass(frozen=True, eq=False)
class Region:
    """One region of interest.

    Attributes
    ----------
    name : str
    points : ndarray, shape (n, 2)
        In pixels: corners (x, y) of a polygon or of a box, of which one is a point; centre and rim of a circle; ends
        of the axes of an ellipse.
    where : str
        Its place in the file, for messages.
    kind : {"polygon", "circle", "ellipse", "box"}
    number : int, optional
        Of its category.
    rings : tuple of ndarray
        Further parts of a polygon; those that run the other way round are holes.
    pixels : (ndarray, ndarray), optional
        Rows and columns of its pixels, in place of `points`.
    confidence : float
        What a detector says of it.
    area_cm2 : float
        As the file states it; NaN where it does not.
    """

    name: str
    points: Points
    where: str
    kind: str = POLYGON
    number: int | None = None
    rings: tuple[Points, ...] = ()
    pixels: tuple[Ints, Ints] | None = None
    confidence: float = math.nan
    area_cm2: float = math.nan

    @property
    def is_calcification(self) -> bool:
        """Whether it is named as a calcification, or several."""
        return bool(_CALCIFICATION.fullmatch(self.name))

    @property
    def is_cluster(self) -> bool:
        """Whether it is named as a cluster."""
        return bool(_CLUSTER.fullmatch(self.name))

    @property
    def is_empty(self) -> bool:
        """Whether it has no place."""
        return not len(self.points) and self.pixels is None

    def is_named(self, labels: Iterable[int | str]) -> bool:
        """Tell whether it has one of some names, or a category of one of some numbers."""
        return any(label == self.number or str(label) == self.name for label in labels)

    def shape(self, size: tuple[float, float]) -> Shape:
        """Return its marks, where a pixel has a width and height in mm."""
        if self.pixels is not None:
            rows, columns = self.pixels
            own = Pixels(rows, columns, np.array([0, len(rows)]))
            found = measure(own, size, (0, 0)).shapes[0]
        elif self.kind == CIRCLE:
            found = circle_shape(self.points * size)
        elif self.kind == ELLIPSE:
            found = ellipse_shape(self.points * size)
        elif self.kind == BOX:
            (x, y), (width, height) = self._middle() * size, np.ptp(self.points, axis=0) * size
            across = math.sqrt(width * height)
            found = Shape(float(x), float(y), across if across > 0 else math.nan)
        elif len(self.points) < 3:  # of one or two points only the place is known
            found = Shape(*(float(value) for value in self._middle() * size))
        else:
            found = rings_shape([ring * size for ring in (self.points, *self.rings)])
        return replace(found, confidence=self.confidence)

    def outline(self, size: tuple[float, float]) -> Points:
        """Return its corners in mm, also of a circle, an ellipse or pixels; of a point, itself."""
        points = self.points
        if self.pixels is not None:
            rows, columns = self.pixels
            top, left = int(rows.min()), int(columns.min())
            marked = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), bool)
            marked[rows - top, columns - left] = True
            points = outline_px(marked, (top, left))
        elif self.kind == CIRCLE:
            points = circle_polygon(points)
        elif self.kind == ELLIPSE:
            points = ellipse_polygon(points)
        return points * size

    def extent(self, size: tuple[float, float]) -> float:
        """Return the length of the longer side of the box around it in mm."""
        points = np.column_stack(self.pixels[::-1]) if self.pixels is not None else self.points
        if self.kind == CIRCLE:
            return 2 * math.dist(*(points * size))
        return float((np.ptp(points, axis=0) * size).max())

    def _middle(self) -> Points:
        result: Points = self.points.mean(axis=0)
        return result


@dataclass(eq=False)
class ImageRegions:
    """The regions of one image.

    Attributes
    ----------
    name : str
        Of the image; its file begins so.
    regions : list of Region
    size : (int, int), optional
        Rows and columns of the image, as the file states them.
    spacing : Spacing, optional
        Of the coordinates, where they are lengths and not pixels.
    default : Spacing, optional
        Of the pixels, where no other is stated.
    """

    name: str
    regions: list[Region] = field(default_factory=list)
    size: tuple[int, int] | None = None
    spacing: Spacing | None = None
    default: Spacing | None = None


MAX_VALUES = 10_000_000
"""Commas and brackets of a file."""

LARGEST = 1e6
"""Of a coordinate, in pixels or mm."""

_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


@dataclass(frozen=True)
class Json:
    """A value in JSON, and where it stands.

    Examples
    --------
    >>> Json({"a": [{"b": 1}]})["a"][0]["b"].whole()
    1
    """

    value: Any
    where: str = ""

    def __getitem__(self, key: str | int) -> Json:
        """Return a value within it; what is not there is None."""
        if isinstance(key, int):
            return Json(self.value[key], f"{self.where}[{key}]")
        where = f"{self.where}.{key}" if self.where else key
        return Json(self.of(dict).get(key), where)

    def __iter__(self) -> Iterator[Json]:
        for index in range(len(self.of(list))):
            yield self[index]

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing, or null."""
        return self.value is None

    def of(self, kind: type) -> Any:
        """Return the value, which must be of a type."""
        if not isinstance(self.value, kind) or isinstance(self.value, bool):
            self.refuse(_KINDS[kind])
        return self.value

    def items(self) -> list[Json]:
        """Return the values of a list; none where there is nothing."""
        return [] if self.is_missing else list(self)

    def text(self) -> str:
        """Return a text; empty where there is nothing. Half characters, which no file can hold, are replaced."""
        text = "" if self.is_missing else str(self.of(str))
        return text.encode(errors="replace").decode().strip()

    def whole(self) -> int:
        """Return a whole number."""
        result: int = self.of(int)
        return result

    def number(self) -> float:
        """Return a finite number of a size that a coordinate may have."""
        value = self.value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= LARGEST:
            self.refuse(f"a number up to {LARGEST:,.0f} either way")
        return float(value)

    def points(self, n_axes: int = 2, largest: float = LARGEST) -> Points:
        """Return a list of points, such as ``[[x, y], ...]`` or ``[x, y, ...]``, shape (n, n_axes)."""
        given = self.of(list)
        if given and isinstance(given[0], list):
            if any(not isinstance(p, list) or len(p) != n_axes for p in given):
                self.refuse(f"points of {n_axes} numbers each")
            given = [value for point in given for value in point]
        if len(given) % n_axes or len(given) > n_axes * MAX_POINTS:
            self.refuse(f"{n_axes} numbers for each of at most {MAX_POINTS} points")
        if any(type(value) not in (int, float) or not abs(value) <= largest for value in given):
            self.refuse(f"numbers up to {largest:,.0f} either way")
        return np.array(given, float).reshape(-1, n_axes)

    def refuse(self, expected: str) -> NoReturn:
        """Raise `BadInputError` of this place."""
        raise BadInputError(expected, column=self.where or "the file", value=self.value)


def load_json(path: PathLike) -> Json:
    """Load a file of annotations.

    Raises
    ------
    BadInputError
        It is too large, damaged, nested too deeply, or holds NaN.
    """
    data = read_at_most(path, MAX_BYTES)
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise BadInputError(f"an annotation file of at most {MAX_VALUES:,} values")

    def no_number(text: str) -> float:
        raise ValueError(f"{text} is no JSON")

    try:
        return Json(json.loads(data, parse_constant=no_number))
    except RecursionError:
        raise BadInputError("JSON that is not nested so deeply") from None
    except ValueError as error:  # of digits, of UTF-8 and of JSON itself
        raise BadInputError("complete JSON in UTF-8", value=str(error)[:200]) from None
