"""A DICOM file, whatever it is, as clusters: reports, segmentations, or a clear refusal."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from calcigram.errors import BadInputError, naming
from calcigram.formats.annotations import Cluster, ImageMarks, Mark, gather
from calcigram.formats.dicom.datasets import text_of, whole_of
from calcigram.formats.dicom.findings import (
    is_cad_sr,
    is_measurement_report,
    read_cad_sr,
    read_tid1500,
)
from calcigram.formats.dicom.images import (
    FindImages,
    describe_from_header,
    displayed,
    find_in_folder,
    is_image,
    is_of_same_pixels,
    open_dicom,
    open_image,
)
from calcigram.formats.dicom.report import (
    Group,
    ImageEntry,
    Outline,
    Report,
    Spacing,
    Spot,
    pixel_spacing,
    states_spacing,
    unread_spacing,
)
from calcigram.formats.dicom.tree import Tree, with_stated
from calcigram.formats.files import PathLike
from calcigram.formats.masks import intake_of_plane
from calcigram.formats.outlines import (
    POLYGONS,
    SHAPES,
    Points,
    Shape,
    polygon_area,
    polygon_shape,
)
from calcigram.longtable import Intake, Notice
from calcigram.options import MASK, REPORT, ReadOptions

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_IMAGES = 500
"""Of one report."""

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")


@dataclass(frozen=True)
class DicomIntake:
    """What came of a report, and what is needed to write an answer to it.

    Attributes
    ----------
    intake : Intake
    report : Report
        As it stands in the file, in pixels.
    spacings : dict of str to Spacing
        Of each image that has calcifications or clusters.
    """

    intake: Intake
    report: Report
    spacings: dict[str, Spacing]


def read_dicom(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a DICOM file.

    Parameters
    ----------
    path : path-like
        Mammography CAD SR, TID 1500 measurement report, segmentation, or a mask stored as an image
        (Secondary Capture).
    options : ReadOptions
        Referenced images are looked for among its `images`, and in the folder of `path`.

    Returns
    -------
    Intake
        With notes of what the file is, how clusters were formed, and what is missing.

    Raises
    ------
    BadInputError
        It is no DICOM file, none of these kinds, damaged, or the size of a pixel is not known.
    """
    dataset = open_dicom(path)
    notes: list[str] = []
    find = find_in_folder(path, options.images, notes)
    if text_of(dataset, "SOPClassUID") in SEGMENTATIONS:
        from calcigram.formats.dicom.segmentation import read_segmentation

        intake = read_segmentation(path, find, options)
    elif is_image(dataset):
        options.check_applies(MASK, str(path))
        intake, notes = _read_mask_image(path, options), []
    else:
        options.check_applies(REPORT, str(path))
        intake = read_report(dataset, str(path), find, options).intake
    return replace(intake, notes=(*intake.notes, *notes))


MASK_LEVELS = 16
"""An image of more grey values is no mask."""


def _read_mask_image(path: PathLike, options: ReadOptions) -> Intake:
    """Read a mask that is stored as an image, such as those of CBIS-DDSM."""
    import pandas as pd
    from pydicom.uid import UID

    entry = open_image(path, pixels=True)
    header = entry.header
    assert header is not None
    if (n_frames := whole_of(header, "NumberOfFrames", 1)) != 1:
        raise BadInputError("a mask of one frame", value=f"{n_frames} frames")
    pixels = displayed(header)
    n_levels = len(pd.unique(pixels.ravel()))
    if n_levels > MASK_LEVELS:
        raise BadInputError(
            f"a mask (an image of at most {MASK_LEVELS} grey values), a segmentation or a report; the "
            "calcifications of a mammogram must be detected first",
            value=f"{UID(text_of(header, 'SOPClassUID')).name}, {n_levels} grey values",
        )
    stated = None
    if options.pixel_spacing is None and (states_spacing(entry) or unread_spacing(header)):
        stated = pixel_spacing(entry)
    return intake_of_plane(
        pixels,
        options,
        marks=ImageMarks(
            group_id=text_of(header, "PatientID"), laterality=entry.laterality, view=entry.view
        ),
        stated=stated,
        spacing_in="Nominal Scanned Pixel Spacing (0018,2010) or Pixel Spacing (0028,0030) in the file, ",
        notes=[f"mask in a DICOM image ({UID(text_of(header, 'SOPClassUID')).name})"],
    )


def read_report(
    dataset: Dataset, source: str, find_images: FindImages, options: ReadOptions | None = None
) -> DicomIntake:
    """Read the clusters of an opened structured report; see `read_dicom`.

    Parameters
    ----------
    dataset : pydicom.Dataset
    source : str
        Name for messages.
    find_images : callable
        Gives the headers of images by SOP instance UID.
    options : ReadOptions, optional

    Returns
    -------
    DicomIntake
    """
    options = options or ReadOptions()
    with naming(source):
        report = parse_report(dataset)
        used = dict.fromkeys(part.image for part in report.parts())
        if len(used) > MAX_IMAGES:
            raise BadInputError(f"findings on at most {MAX_IMAGES} images", value=len(used))
        headers = find_images([uid for uid in used if uid])
        gathered: dict[str, ImageMarks] = {}
        spacings: dict[str, Spacing] = {}
        for uid in used:
            entry = report.images.setdefault(uid, ImageEntry(uid))
            entry.header = headers.get(uid)
            report.notes += _cautions(entry, report)
            describe_from_header(entry)
            if not uid or not _drawn_on(uid, report):
                spacings[uid] = Spacing(math.nan, math.nan, "nobody")
            else:
                spacings[uid] = pixel_spacing(entry, options.pixel_spacing)
            gathered[uid] = _image_marks(entry, report, spacings[uid])
        for group in report.groups:
            gathered[group.image].clusters.append(_cluster(group, spacings))
        for spot in report.loose:
            gathered[spot.image].loose.append(_mark(spot, spacings[spot.image]))
        intake = gather(
            gathered.values(), [*_preface(report, spacings), *report.notes], options.linking
        )
        return DicomIntake(intake, report, spacings)


def _drawn_on(uid: str, report: Report) -> list[Group | Spot]:
    """Return what has coordinates on an image."""
    return [
        part
        for part in report.parts()
        if part.image == uid and (part.centre is not None or part.outline is not None)
    ]


def _cautions(entry: ImageEntry, report: Report) -> list[str]:
    """Say what is odd about an image and what is drawn on it; forget a header that is not its own."""
    notes = []
    found = text_of(entry.header, "SOPInstanceUID")
    if entry.header is not None and entry.uid and entry.uid != found:
        if is_of_same_pixels(entry.header, entry):
            notes.append(f"image {entry.uid} was not found; {found}, made of it, has its pixels")
        else:
            entry.header = None
            if not states_spacing(entry):  # else the report says all that is needed
                notes.append(
                    f"image {found} was made of {entry.uid}, but the report does not say that "
                    "they have as many pixels (110910, 110911): its pixel size is not used"
                )
    if len(entry.frames) > 1:
        notes.append(f"image {entry.uid}: {len(entry.frames)} frames are read as one plane")
    centres = [part.centre for part in _drawn_on(entry.uid, report) if part.centre is not None]
    places = np.array(centres, float).reshape(-1, 2)
    if len(outside := places[entry.outside(places)]):
        (x, y), n = outside[0], len(outside)
        notes.append(
            f"image {entry.uid}: {n} centres lie outside of it, first ({x:g}, {y:g}) pixels"
        )
    return [Notice(note) for note in notes]


def parse_report(dataset: Dataset) -> Report:
    """Read a structured report by what it holds, whatever its SOP class.

    Parameters
    ----------
    dataset : pydicom.Dataset

    Returns
    -------
    Report

    Raises
    ------
    BadInputError
        It is no report of calcifications.
    """
    tree = Tree(dataset)
    if is_cad_sr(tree):
        return read_cad_sr(tree)
    if is_measurement_report(tree):
        return read_tid1500(tree)
    from pydicom.uid import UID

    kind = UID(text_of(dataset, "SOPClassUID")).name
    title = tree.top.concept
    expected = "a Mammography CAD SR, a TID 1500 measurement report or a segmentation"
    raise BadInputError(expected, value=kind if title is None else f"{kind}, {title.meaning}")


def _preface(report: Report, spacings: dict[str, Spacing]) -> list[str]:
    from pydicom.uid import UID

    notes = [f"{report.kind} ({UID(text_of(report.dataset, 'SOPClassUID')).name})"]
    known = {uid: spacing for uid, spacing in spacings.items() if spacing.x_mm > 0}
    notes += [spacing.note(f"image {uid}: ") for uid, spacing in known.items()]
    if not report.groups and not report.loose:
        notes.append("no calcification and no cluster is reported")
    return notes


def _image_marks(entry: ImageEntry, report: Report, spacing: Spacing) -> ImageMarks:
    nipple = report.nipples.get(entry.uid)
    breast, pectoral = report.breasts.get(entry.uid), report.pectorals.get(entry.uid)
    area = math.nan
    if breast is not None:
        area = polygon_area(_mm(breast, spacing))
        area -= 0.0 if pectoral is None else polygon_area(_mm(pectoral, spacing))
    return ImageMarks(
        image_id=entry.uid,
        group_id=text_of(report.dataset, "PatientID"),
        laterality=entry.laterality,
        view=entry.view,
        nipple=None if nipple is None else _point(nipple, spacing),
        breast_area_mm2=area if area > 0 else math.nan,
    )


def _cluster(group: Group, spacings: dict[str, Spacing]) -> Cluster:
    spacing = spacings[group.image]
    outline = None if group.outline is None else _polygon(group.outline, spacing)
    centre = None if group.centre is None else _point(group.centre, spacing)
    if centre is None and outline is not None:
        middle = polygon_shape(outline)
        centre = (middle.x_mm, middle.y_mm)
    return Cluster(
        [_mark(spot, spacings[spot.image]) for spot in group.spots],
        name=group.tracking,
        outline=outline,
        centre=centre,
        types=group.types,
        distributions=group.distributions,
        n_reported=group.n_reported,
    )


def _mark(spot: Spot, spacing: Spacing) -> Mark:
    shape = Shape(math.nan, math.nan)
    if spot.outline is not None:
        shape = SHAPES[spot.outline.graphic](_mm(spot.outline.points, spacing))
    if spot.centre is not None:
        x, y = _point(spot.centre, spacing)
        shape = replace(shape, x_mm=x, y_mm=y)
    return Mark(with_stated(shape, spot.stated), spot.types)


def _polygon(outline: Outline, spacing: Spacing) -> Points | None:
    points = _mm(outline.points, spacing)
    if outline.graphic in POLYGONS:
        return POLYGONS[outline.graphic](points)
    return points if len(points) >= 3 else None


def _mm(points: Points, spacing: Spacing) -> Points:
    return np.asarray(points, float) * (spacing.x_mm, spacing.y_mm)


def _point(point: tuple[float, float], spacing: Spacing) -> tuple[float, float]:
    return point[0] * spacing.x_mm, point[1] * spacing.y_mm
