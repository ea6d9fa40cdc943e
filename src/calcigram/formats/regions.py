"""One region that a person or a program drew on an image: its name, its marks and its outline.

What INbreast's annotations, COCO, LabelMe, ImageJ and 3D Slicer have in common. Which regions are calcifications: `annotated`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

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
            found = measure(own, size, (0, 0), self.where).shapes[0]
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
