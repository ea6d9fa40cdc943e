"""Reads regions of interest as clusters: INbreast's property lists, ImageJ's, and markups of 3D Slicer.

Moreira et al., "INbreast: toward a full-field digital mammographic database", Academic Radiology 19(2), 2012: OsiriX wrote
its files. Regions named as calcifications are points or outlines, those named as clusters are ellipses around some; masses and
the rest are left out. Entities and anything from outside the file are refused. Positions of Slicer's points and curves are in
mm, left-posterior-superior (LPS) or right-anterior-superior (RAS) of the patient; those of one plane are read as a viewer shows
it: columns run to the left (or to the back), rows to the back (or to the feet).
"""

from __future__ import annotations

import math
import plistlib
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.annotated import intake_of_regions, mammogram_entry
from calcigram.formats.annotations import MAX_BYTES, MAX_POINTS, ImageRegions, Region, left_out
from calcigram.formats.dicom.report import Spacing, pixel_spacing, states_spacing
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import ZIP_MAGIC, PathLike, first_bytes, read_at_most
from calcigram.formats.jsonfiles import Json, load_json
from calcigram.formats.outlines import BOX, ELLIPSE, Points, inside, turned
from calcigram.limits import check_most
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted

MAX_TAGS = 3_000_000

MAX_POINT_TEXT = 200

_NUMERIC = frozenset("0123456789+-.eE \t")
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*", re.ASCII)


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
    data = read_at_most(path, MAX_BYTES)
    if data.count(b"<") > MAX_TAGS:
        raise BadInputError(f"an annotation file of at most {MAX_TAGS} tags")
    # plistlib refuses entities; expat fetches nothing
    with refusing_damaged("a property list in XML without entities"):
        content = plistlib.loads(data.lstrip(), fmt=plistlib.FMT_XML)
    images = content.get("Images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise BadInputError("a list 'Images' of dictionaries with 'ROIs'")
    return [list(_listed_regions(image, number)) for number, image in enumerate(images)]


def _listed_regions(image: dict[str, Any], image_number: int) -> Iterator[Region]:
    rois = image.get("ROIs", [])
    if not isinstance(rois, list):
        raise BadInputError("a list of regions", column=f"Images[{image_number}].ROIs")
    n_points = 0
    for number, roi in enumerate(rois):
        where = f"Images[{image_number}].ROIs[{number}]"
        if not isinstance(roi, dict):
            raise BadInputError("a dictionary", column=where)
        texts = roi.get("Point_px", [])
        if not isinstance(texts, list):
            raise BadInputError("a list of points", column=f"{where}.Point_px")
        n_points += len(texts)
        check_most(n_points, MAX_POINTS, "points", column=where)
        points = [_point(text, f"{where}.Point_px") for text in texts]
        area = roi.get("Area")
        yield Region(
            str(roi.get("Name", "")).strip(),
            np.array(points, float).reshape(-1, 2),
            where,
            area_cm2=float(area) if isinstance(area, int | float) else math.nan,
        )


def _point(text: Any, where: str) -> tuple[float, float]:
    parts = _parts(text) if isinstance(text, str) else text if isinstance(text, list) else []
    numbers = [_number(part) for part in parts]
    in_plane = len(numbers) == 2 or (len(numbers) == 3 and numbers[2] == 0)  # x, y, slice
    if not in_plane or not all(abs(value) < 1e6 for value in numbers):
        raise BadInputError("a point such as (1234.5, 678.9)", column=where, value=text)
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


def read_inbreast(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of an INbreast annotation file.

    Parameters
    ----------
    path : path-like
        One image's annotations; its id is the name of the file.
    options : ReadOptions
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
    found = load_regions(path)
    notes = ["INbreast annotation (property list in XML)"]
    stem = Path(path).stem
    default = Spacing(PIXEL_MM, PIXEL_MM, "the INbreast dataset, for all its images")
    images = [
        ImageRegions(stem if len(found) == 1 else f"{stem} {number}", regions, default=default)
        for number, regions in enumerate(found, start=1)
    ]
    return intake_of_regions(images, options, notes, guess_names=False)


MAX_MEMBERS = 100_000
"""Files in an archive."""

LARGEST_PX = 1e6

_OUTLINES = ("POLYGON", "FREEHAND", "TRACED")


def read_imagej(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of regions of interest of ImageJ.

    Parameters
    ----------
    path : path-like
        One region, or an archive of them.
    options : ReadOptions

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged or too large.

    Notes
    -----
    Polygons, freehand and traced outlines, ovals, rectangles, compositions of these, and points are read; lines and
    angles are left out. Regions on several slices of a stack are those of several images.
    """
    options.refuse_threshold()
    module = load_extra("roifile", "A region of interest of ImageJ", "formats")
    images: dict[int, ImageRegions] = {}
    others: Counter[str] = Counter()
    n_points = 0
    for name, data in _members(path):
        with refusing_damaged("a complete region of interest of ImageJ", column=name):
            roi = module.ImagejRoi.frombytes(data)
            regions = _shown(roi, name)
        rings = [ring for one in regions for ring in (one.points, *one.rings)]
        n_points += sum(map(len, rings))
        check_most(n_points, MAX_POINTS, "points", column=name)
        if not all((np.abs(ring) <= LARGEST_PX).all() for ring in rings):
            raise BadInputError("finite coordinates in pixels", column=name)
        if not regions:
            others[roi.roitype.name.lower()] += 1
        slice_ = max(0, int(roi.position))
        images.setdefault(slice_, ImageRegions("")).regions += regions
    stem = Path(str(path)).stem
    for slice_, image in images.items():
        image.name = stem if len(images) == 1 else f"{stem} {slice_}"
    notes = ["regions of interest of ImageJ", *left_out(others, "region")]
    return intake_of_regions(list(images.values()) or [ImageRegions(stem)], options, notes)


def _members(path: PathLike) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each region."""
    if not first_bytes(path, 4).startswith(ZIP_MAGIC):
        yield "", read_at_most(path, MAX_BYTES)
        return
    with refusing_damaged("an undamaged ZIP archive"), zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if one.filename.lower().endswith(".roi")]
        if len(members) > MAX_MEMBERS or sum(one.file_size for one in members) > MAX_BYTES:
            expected = f"at most {MAX_MEMBERS} regions that unpack to {MAX_BYTES >> 20} MB"
            raise BadInputError(expected)
        for one in members:
            if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise BadInputError("an archive as ImageJ writes it")
            yield PurePath(one.filename).stem, archive.read(one)


def _shown(roi: Any, member: str) -> list[Region]:
    """Return what a region of interest shows; nothing where it is a line or an angle."""
    name = (str(roi.name or "") or member).encode(errors="replace").decode().strip()
    kind, where = roi.roitype.name, member or name
    if roi.multi_coordinates is not None:
        rings = [np.asarray(ring, float).reshape(-1, 2) for ring in roi.coordinates(multi=True)]
        rings = _holes([ring for ring in rings if len(ring) >= 3])
        return [Region(name, rings[0], where, rings=tuple(rings[1:]))] if rings else []
    if kind in ("RECT", "OVAL"):
        left, top, right, bottom = map(float, (roi.left, roi.top, roi.right, roi.bottom))
        if kind == "RECT":
            return [Region(name, np.array([[left, top], [right, bottom]]), where, BOX)]
        x, y = (left + right) / 2, (top + bottom) / 2
        ends = np.array([[left, y], [right, y], [x, top], [x, bottom]])
        return [Region(name, ends, where, ELLIPSE)]
    if kind not in (*_OUTLINES, "POINT"):
        return []
    points = np.asarray(roi.coordinates(), float).reshape(-1, 2)
    if kind in _OUTLINES:
        return [Region(name, points, where)] if len(points) else []
    if not roi.subpixelresolution:  # a point at a pixel, not at its corner
        points = points + 0.5
    return [Region(name, point[None], where) for point in points]


def _holes(rings: list[Points]) -> list[Points]:
    """Return rings such that those within an odd number of others, the holes, run the other way round."""
    n_around = [
        sum(bool(inside(ring[:1], other)[0]) for other in rings if other is not ring)
        for ring in rings
    ]
    return [turned(ring, is_hole=n % 2 == 1) for ring, n in zip(rings, n_around, strict=True)]


PLANE_MM = 0.5
"""Points whose third coordinates differ by more lie in no plane."""

PIXEL_CENTRE = 0.5
"""Slicer counts from the centre of the first pixel, calcigram from its outer corner."""

TO_LPS = {"LPS": (1, 1, 1), "0": (-1, -1, 1), "RAS": (-1, -1, 1), "1": (1, 1, 1)}
"""Coordinate system, also by Slicer's number -> signs."""

PLANES = ((0, 1, 1, 2), (0, 2, -1, 1), (1, 2, -1, 0))
"""Axis of LPS along columns, that along rows and its sign, and that across the plane."""

_NUMBERED = re.compile(r"[ _-]?\d+$")


def read_slicer(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a markups file.

    Parameters
    ----------
    path : path-like
    options : ReadOptions
        With a `pixel_spacing` the coordinates are taken for pixels: an image without a pixel size, such as a PNG, has
        pixels of 1 mm in Slicer.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, in other units than mm, or its points lie in no plane.
    """
    content = load_json(path)
    options.refuse_threshold()
    found: list[Region] = []
    others: Counter[str] = Counter()
    n_undefined = n_curves = 0
    systems = set()
    for markup in content["markups"].items():
        kind = markup["type"].text()
        system, signs = _system(markup)
        controls = markup["controlPoints"].items()
        if kind not in ("Fiducial", "ClosedCurve"):
            others[kind] += 1
            continue
        systems.add(system)
        placed = [one for one in controls if _is_placed(one)]
        n_undefined += len(controls) - len(placed)
        if not placed:
            continue
        names = [_NUMBERED.sub("", one["label"].text()) for one in placed]
        positions = np.concatenate([one["position"].points(3) for one in placed]) * signs
        if len(positions) != len(placed):
            markup["controlPoints"].refuse("one position for each point")
        if kind == "ClosedCurve":
            n_curves += 1
            found.append(Region(names[0], positions, markup.where))
        else:
            points = zip(names, positions, placed, strict=True)
            found += [Region(name, xyz[None], one.where) for name, xyz, one in points]
    found, directions = _in_plane(found)
    notes = [f"markups of 3D Slicer, coordinates {' and '.join(sorted(systems)) or 'none'}"]
    if directions:
        notes.append(f"columns run to {directions[0]}, rows to {directions[1]} of the patient")
    name = Path(str(path)).name.removesuffix(".json").removesuffix(".mrk")
    image = ImageRegions(name)
    if options.pixel_spacing is not None:
        notes.append(Notice("coordinates read as pixels, as --pixel-spacing is given: leave it out where they are mm"))  # fmt: skip
        by = (PIXEL_CENTRE, PIXEL_CENTRE)
    else:
        image.spacing, by = Spacing(1.0, 1.0, "the file, in mm"), (0.0, 0.0)
        entry = mammogram_entry(name, options.images, [])
        if entry is not None and states_spacing(entry):
            size = pixel_spacing(entry)
            by = (size.x_mm * PIXEL_CENTRE, size.y_mm * PIXEL_CENTRE)
    image.regions = [replace(region, points=region.points + by) for region in found]
    notes += left_out(others, "markup")
    if n_undefined:
        notes.append(Notice(f"{counted(n_undefined, 'point')} without a position left out"))
    if n_curves:
        notes.append(Notice(f"{counted(n_curves, 'closed curve')} read as straight lines between the points"))  # fmt: skip
    return intake_of_regions([image], options, notes)


def _system(markup: Json) -> tuple[str, tuple[int, int, int]]:
    system = markup["coordinateSystem"]
    name = str(system.value) if isinstance(system.value, int) else system.text() or "LPS"
    if name not in TO_LPS:
        system.refuse("LPS or RAS")
    units = markup["coordinateUnits"]
    named = units.value if isinstance(units.value, list) else [units.value]
    if not all(unit in (None, "mm") for unit in named):
        units.refuse("mm")
    return {"0": "RAS", "1": "LPS"}.get(name, name), TO_LPS[name]


def _is_placed(point: Json) -> bool:
    status = point["positionStatus"].text()
    return status in ("", "defined") and not point["position"].is_missing


def _in_plane(regions: list[Region]) -> tuple[list[Region], str]:
    """Return regions in the two axes of the plane that all lie in, and where these run to."""
    if not regions:
        return regions, ""
    spans = np.ptp(np.concatenate([region.points for region in regions]), axis=0)
    planes = [plane for plane in PLANES if spans[plane[3]] <= PLANE_MM]
    if not planes:
        raise BadInputError(
            f"points in one plane (the third coordinates within {PLANE_MM:g} mm)",
            column="position",
            value=f"points that extend {spans[0]:.3g} x {spans[1]:.3g} x {spans[2]:.3g} mm",
        )
    column, row, sign, _ = planes[0]
    directions = "LPS"[column] + ("LPS"[row] if sign > 0 else "I")

    def flat(points: Points) -> Points:
        return np.column_stack([points[:, column], sign * points[:, row]])

    return [replace(one, points=flat(one.points)) for one in regions], directions
