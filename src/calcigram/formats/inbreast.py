"""Reads INbreast annotations: a property list in XML of regions drawn on one mammogram, as OsiriX writes it.

Moreira et al., "INbreast: toward a full-field digital mammographic database", Academic Radiology 19(2), 2012.
Regions named as calcifications are points or outlines, those named as clusters are ellipses around some; masses and the
rest are left out. Entities and anything from outside the file are refused.
"""

from __future__ import annotations

import math
import plistlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.annotations import DRAWN, Cluster, ImageMarks, Mark, gather
from calcigram.formats.files import PathLike, first_bytes
from calcigram.formats.outlines import (
    Points,
    Shape,
    check_cost,
    inside,
    polygon_area,
    polygon_shape,
)
from calcigram.formats.registry import kind_of
from calcigram.linking import MAX_LOOSE
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted

if TYPE_CHECKING:
    from calcigram.formats.dicom.report import ImageEntry, Spacing

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
"""Names of regions, as in INbreast and with users' additions."""


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


PIXEL_MM = 0.07
"""INbreast was acquired on one machine, of 70 micrometre pixels (Moreira et al. 2012)."""

AREA_TOLERANCE = 0.1
"""Stated areas that differ by more than this share from those drawn mean other pixels."""

LEAST_AREA_PX = 20.0
"""Smaller outlines are too coarse to infer the pixel size."""


def read_inbreast(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of an INbreast annotation file.

    Parameters
    ----------
    path : path-like
        One image's annotations; its id is the name of the file.
    options : ReadOptions, optional
        A pixel has the size of `pixel_spacing`, else that of the image, else INbreast's 0.07 mm. The mammogram
        may stand among its `images`, in DICOM, or in a folder where its file begins with the name of this one,
        as INbreast's do: it states the size of its pixels, side, view and patient.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is no XML property list of regions, or a point is not two numbers; the region is named.
    """
    options = options or ReadOptions()
    found = load_regions(path)
    notes = ["INbreast annotation (property list in XML)"]
    entry = _mammogram(path, options.images, notes) if len(found) == 1 else None
    spacing = _pixel_size(entry, str(path), options.pixel_spacing)
    size = (spacing.x_mm, spacing.y_mm)
    notes.append(spacing.note())
    gathered = []
    for number, regions in enumerate(found, start=1):
        name = Path(path).stem + ("" if len(found) == 1 else f" {number}")
        image = _image(name, regions, size, str(path), notes)
        _describe(image, entry, regions, notes)
        gathered.append(image)
        notes += _left_out(regions) + _other_pixels(regions, math.sqrt(size[0] * size[1]))
    if not any(image.loose or image.clusters for image in gathered):
        notes.append(Notice("no region is named as a calcification or a cluster"))
    return gather(gathered, notes, options.linking)


def mammogram_of(path: PathLike, images: Sequence[PathLike]) -> list[Path]:
    """Return the DICOM files that may be the mammogram of an annotation.

    Parameters
    ----------
    path : path-like
        The annotation.
    images : sequence of path-like
        Files, and folders in which the mammogram's file begins with the name of `path`.

    Returns
    -------
    list of pathlib.Path
    """
    files: list[Path] = []
    for image in map(Path, images):
        named = f"{escape(Path(path).stem)}[_.]*"
        files += sorted(image.rglob(named)) if image.is_dir() else [image]
    return [file for file in files if file.is_file() and kind_of(file) == "dicom"]


def _mammogram(path: PathLike, images: Sequence[PathLike], notes: list[str]) -> ImageEntry | None:
    if not images:
        return None
    from calcigram.formats.dicom.images import open_image

    files = mammogram_of(path, images)
    if len(files) != 1:
        text = f"expected one DICOM image of this annotation, got {len(files)}: none is used"
        notes.append(Notice(text))
        return None
    return open_image(files[0])


def _pixel_size(
    entry: ImageEntry | None, source: str, given_mm: float | tuple[float, float] | None
) -> Spacing:
    """Return the size of a pixel, and who states it."""
    from calcigram.formats.dicom.report import (
        ImageEntry,
        Spacing,
        pixel_spacing,
        states_spacing,
        unread_spacing,
    )

    is_stated = entry is not None and (states_spacing(entry) or unread_spacing(entry.header))
    if given_mm is not None or is_stated:
        return pixel_spacing(entry or ImageEntry(""), source, given_mm)
    return Spacing(
        PIXEL_MM, PIXEL_MM, "the INbreast dataset, for all its images", derived=entry is not None
    )


def _describe(
    image: ImageMarks, entry: ImageEntry | None, regions: list[Region], notes: list[str]
) -> None:
    """Take over what the mammogram says of itself; note what lies outside of it."""
    if entry is None:
        return
    from calcigram.formats.dicom.datasets import text_of

    image.image_id, image.group_id = entry.uid, text_of(entry.header, "PatientID")
    image.laterality, image.view = entry.laterality, entry.view
    limits = (entry.n_columns or math.inf, entry.n_rows or math.inf)
    outside = [r for r in regions if ((r.points < 0) | (r.points > limits)).any()]
    if outside:
        text = (
            f"{len(outside)} regions reach outside of the image of {entry.n_columns} x {entry.n_rows} "
            f"pixels, first {outside[0].where}: is it the right image?"
        )
        notes.append(Notice(text))


def _image(
    name: str, regions: list[Region], size_mm: tuple[float, float], source: str, notes: list[str]
) -> ImageMarks:
    image = ImageMarks(image_id=name)
    drawn = [region for region in regions if len(region.points)]
    singles = [region.points * size_mm for region in drawn if region.is_calcification]
    if len(singles) > MAX_LOOSE:
        raise BadInputError(f"at most {MAX_LOOSE} marks", source=source, value=len(singles))
    around = [region.points * size_mm for region in drawn if region.is_cluster]
    kept, enclosing, n_repeated = _sort_out(singles, source)
    image.loose += [Mark(_shape(points)) for points in kept]
    for points in [*around, *enclosing]:
        shape = polygon_shape(points)
        image.clusters.append(
            Cluster(
                [],
                outline=points if len(points) >= 3 else None,
                centre=(shape.x_mm, shape.y_mm),
                formed_by=DRAWN,
            )
        )
    if enclosing:
        notes.append(
            f"image {name}: {len(enclosing)} outlines named as calcifications have several within: "
            "each is drawn around a cluster"
        )
    if n_repeated:
        notes.append(
            f"image {name}: {n_repeated} points within an outlined calcification read once"
        )
    return image


def _sort_out(singles: list[Points], source: str) -> tuple[list[Points], list[Points], int]:
    """Tell calcifications from outlines around several, and from points that show one again.

    Returns
    -------
    kept, enclosing : list of ndarray
    n_repeated : int
        Points left out because they lie in an outlined calcification, alone.
    """
    middles = np.array([points.mean(axis=0) for points in singles]).reshape(-1, 2)
    check_cost(middles, [points for points in singles if len(points) >= 3], source)
    is_point = np.array([len(points) == 1 for points in singles], bool)
    repeated: set[int] = set()
    enclosing: set[int] = set()
    for index, points in enumerate(singles):
        if len(points) < 3:
            continue
        low, high = points.min(axis=0), points.max(axis=0)
        near = np.flatnonzero(((middles >= low) & (middles <= high)).all(axis=1))
        within = [k for k in near[inside(middles[near], points)] if k != index]
        if len(within) >= 2:
            enclosing.add(index)
        else:
            repeated.update(int(k) for k in within if is_point[k])
    kept = [p for k, p in enumerate(singles) if k not in repeated and k not in enclosing]
    return kept, [singles[k] for k in sorted(enclosing)], len(repeated)


def _shape(points: Points) -> Shape:
    """Return the marks of an outline; a region of one or two points has a place alone."""
    if len(points) < 3:
        return Shape(*(float(value) for value in points.mean(axis=0)))
    return polygon_shape(points)


def _left_out(regions: list[Region]) -> list[str]:
    others = Counter(
        region.name or "no name"
        for region in regions
        if not (region.is_calcification or region.is_cluster)
    )
    notes = [
        f"{counted(count, 'region')} named {name!r} left out" for name, count in others.items()
    ]
    empty = sum(not len(region.points) for region in regions)
    notes += [f"{counted(empty, 'region')} without points left out"] * (empty > 0)
    return [Notice(note) for note in notes]


def _other_pixels(regions: list[Region], size_mm: float) -> list[str]:
    """Tell where the areas stated in the file are those of pixels of another size."""
    ratios = []
    for region in regions:
        drawn = polygon_area(region.points) if len(region.points) >= 3 else 0.0
        if drawn > LEAST_AREA_PX and region.area_cm2 > 0:
            ratios.append(region.area_cm2 * 100 / drawn)
    if not ratios:
        return []
    implied = math.sqrt(float(np.median(ratios)))
    if abs(implied / size_mm - 1) <= AREA_TOLERANCE / 2:
        return []
    text = (
        f"the areas stated in cm2 are those of pixels of {implied:.3g} mm, not {size_mm:g} mm: "
        "check the size of a pixel (--pixel-spacing)"
    )
    return [Notice(text)]
