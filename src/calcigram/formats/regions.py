"""Regions drawn on images, in a property list in XML, as OsiriX writes them (and INbreast has them).

Entities and anything from outside the file are refused. What the names mean is said here; what the
regions measure, by `inbreast`.
"""

from __future__ import annotations

import math
import plistlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike, first_bytes
from calcigram.formats.outlines import Points

MAX_BYTES, MAX_TAGS = 64 << 20, 3_000_000

MAX_POINT_TEXT = 200

MAX_POINTS = 1_000_000
"""Of all regions of an image together."""

_NUMERIC = frozenset("0123456789+-.eE \t")
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*", re.ASCII)

_CALCIFICATION = re.compile(r"(micro)?[ -]?calc(ification)?s?([ _-]?\d+)?", re.IGNORECASE)
_CLUSTER = re.compile(
    r"((micro)?[ -]?calcifications? )?clusters?( of (micro)?[ -]?calcifications)?([ _-]?\d+)?",
    re.IGNORECASE,
)
"""Names of regions, as INbreast has them and as people add to them."""


@dataclass(frozen=True)
class Region:
    """One region of interest.

    Attributes
    ----------
    name : str
    points : ndarray, shape (n, 2)
        Corners (x, y) in pixels; one is a point.
    area_cm2 : float
        As the file states it; NaN where it does not.
    where : str
        Its place in the file, for messages.
    """

    name: str
    points: Points
    area_cm2: float
    where: str

    @property
    def is_calcification(self) -> bool:
        """Whether it is named as a calcification, or several."""
        return bool(_CALCIFICATION.fullmatch(self.name))

    @property
    def is_cluster(self) -> bool:
        """Whether it is named as a cluster."""
        return bool(_CLUSTER.fullmatch(self.name))


def load_regions(path: PathLike) -> list[list[Region]]:
    """Return the regions of each image of an annotation file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    list of list of Region

    Raises
    ------
    BadInputError
        It is no XML property list of regions, or a point is not two numbers; the region is named.
    """
    source = str(path)
    first_bytes(path, 1)
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadInputError(f"an annotation file of at most {MAX_BYTES >> 20} MB", source=source)
    if data.count(b"<") > MAX_TAGS:
        raise BadInputError(f"an annotation file of at most {MAX_TAGS} tags", source=source)
    # plistlib refuses entities; expat fetches nothing. What else it raises is not documented.
    try:
        content = plistlib.loads(data.lstrip(), fmt=plistlib.FMT_XML)
    except Exception as error:
        raise BadInputError(
            f"a property list in XML without entities ({type(error).__name__}: {str(error)[:200]})",
            source=source,
        ) from None
    images = content.get("Images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise BadInputError("a list 'Images' of dictionaries with 'ROIs'", source=source)
    return [list(_regions(image, number, source)) for number, image in enumerate(images)]


def _regions(image: dict[str, Any], image_number: int, source: str) -> Iterator[Region]:
    rois = image.get("ROIs", [])
    if not isinstance(rois, list):
        raise BadInputError(
            "a list of regions", source=source, column=f"Images[{image_number}].ROIs"
        )
    n_points = 0
    for number, roi in enumerate(rois):
        where = f"Images[{image_number}].ROIs[{number}]"
        if not isinstance(roi, dict):
            raise BadInputError("a dictionary", source=source, column=where)
        texts = roi.get("Point_px", [])
        if not isinstance(texts, list):
            raise BadInputError("a list of points", source=source, column=f"{where}.Point_px")
        n_points += len(texts)
        if n_points > MAX_POINTS:
            raise BadInputError(f"at most {MAX_POINTS} points", source=source, column=where)
        points = [_point(text, f"{where}.Point_px", source) for text in texts]
        area = roi.get("Area")
        yield Region(
            str(roi.get("Name", "")).strip(),
            np.array(points, float).reshape(-1, 2),
            float(area) if isinstance(area, int | float) else math.nan,
            where,
        )


def _point(text: Any, where: str, source: str) -> tuple[float, float]:
    parts = _parts(text) if isinstance(text, str) else text if isinstance(text, list) else []
    numbers = [_number(part) for part in parts]
    in_plane = len(numbers) == 2 or (len(numbers) == 3 and numbers[2] == 0)  # x, y, slice
    if not in_plane or not all(abs(value) < 1e6 for value in numbers):
        raise BadInputError(
            "a point such as (1234.5, 678.9)", source=source, column=where, value=text
        )
    return numbers[0], numbers[1]


def _parts(text: str) -> list[str]:
    """Return the numbers of a point as text; with a decimal comma only a comma and blank part them.

    Examples
    --------
    >>> _parts("(1504.1, 1994.8)"), _parts("(1504,1, 1994,8)"), _parts("1504, 1994")
    (['1504.1', '1994.8'], ['1504.1', '1994.8'], [])
    """
    text = text.strip()
    if len(text) > MAX_POINT_TEXT or (text[:1], text[-1:]) not in (("(", ")"), ("{", "}")):
        return []
    if ", " not in text:
        return text[1:-1].split(",")
    parts = text[1:-1].split(", ")
    # "1,504" may mean 1504 or 1.504
    return [] if any(map(_THOUSANDS.fullmatch, parts)) else [p.replace(",", ".") for p in parts]


def _number(value: Any) -> float:
    """Return a number; NaN where a text is more than digits, sign, point and exponent."""
    if isinstance(value, str):
        try:
            return float(value) if _NUMERIC.issuperset(value) else math.nan
        except ValueError:
            return math.nan
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else math.nan
