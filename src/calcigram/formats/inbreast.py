"""Reads INbreast annotations: a property list in XML of regions drawn on one mammogram.

Moreira et al., "INbreast: toward a full-field digital mammographic database", Academic
Radiology 19(2), 2012. Regions named as calcifications are points or outlines, those named
as clusters are ellipses around some; masses and the rest are left out. The file itself is
the business of `regions`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.annotations import DRAWN, Cluster, ImageMarks, Mark, gather
from calcigram.formats.applies import ANNOTATION, check_options
from calcigram.formats.files import PathLike, kind_of
from calcigram.formats.outlines import (
    Points,
    Shape,
    check_cost,
    inside,
    polygon_area,
    polygon_shape,
)
from calcigram.formats.regions import Region, load_regions
from calcigram.linking import MAX_LOOSE, Linking
from calcigram.longtable import Intake, Notice
from calcigram.wording import counted

if TYPE_CHECKING:
    from calcigram.formats.dicom.report import ImageEntry
    from calcigram.formats.dicom.spacing import Spacing

PIXEL_MM = 0.07
"""INbreast was acquired on one machine, of 70 micrometre pixels (Moreira et al. 2012)."""

AREA_TOLERANCE = 0.1
"""Stated areas that differ by more than this share from those drawn mean other pixels."""

LEAST_AREA_PX = 20.0
"""Smaller outlines are too coarse to tell the size of a pixel."""


def read_inbreast(
    path: PathLike,
    *,
    pixel_spacing: float | None = None,
    images: Sequence[PathLike] = (),
    linking: Linking | None = None,
    labels: Collection[int] = (),
) -> Intake:
    """Read the clusters of an INbreast annotation file.

    Parameters
    ----------
    path : path-like
        One image's annotations; its id is the name of the file.
    pixel_spacing : float, optional
        Millimetres a pixel; by default those of the image, or INbreast's 0.07 mm.
    images : sequence of path-like
        The mammogram in DICOM, or a folder where its file begins with the name of this one, as
        INbreast's do. Not needed: it states the size of its pixels, side and view, and whose it is.
    linking : Linking, optional
        How calcifications outside of every cluster's ellipse are brought together.
    labels : collection of int, optional
        Refused: an annotation has no labels.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is no XML property list of regions, or a point is not two numbers; the region is named.
    """
    check_options(ANNOTATION, str(path), {"images": images, "labels": labels})
    found = load_regions(path)
    notes = ["INbreast annotation (property list in XML)"]
    entry = _mammogram(path, images, notes) if len(found) == 1 else None
    spacing = _pixel_size(entry, str(path), pixel_spacing)
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
    return gather(gathered, notes, linking)


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
    from calcigram.formats.dicom.headers import open_image

    files = mammogram_of(path, images)
    if len(files) != 1:
        text = f"{len(files)} DICOM images are given of this annotation, not one: none is used"
        notes.append(Notice(text))
        return None
    return open_image(files[0])


def _pixel_size(entry: ImageEntry | None, source: str, given_mm: float | None) -> Spacing:
    """Return the size of a pixel, and who states it."""
    from calcigram.formats.dicom.report import ImageEntry
    from calcigram.formats.dicom.spacing import (
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
    from calcigram.formats.dicom.attributes import text_of

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
