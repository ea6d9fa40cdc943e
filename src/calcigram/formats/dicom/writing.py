"""The answer to a report, or to an image: clusters and verdicts as a DICOM document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats.dicom import write_cad_sr, write_tid1500
from calcigram.formats.dicom.answer import (
    Source,
    algorithm_version,
    answers,
    digest_of,
)
from calcigram.formats.dicom.attributes import text_of
from calcigram.formats.dicom.document import finish, save
from calcigram.formats.dicom.headers import FindImages, open_image
from calcigram.formats.dicom.library import evidence
from calcigram.formats.dicom.reading import DicomIntake
from calcigram.formats.dicom.report import ImageEntry
from calcigram.formats.dicom.segmentation import referenced_images, segmented_image
from calcigram.formats.dicom.spacing import IN_MASK, pixel_spacing
from calcigram.formats.files import PathLike, atomic_path

if TYPE_CHECKING:
    import pandas as pd
    from pydicom import Dataset

TEMPLATES = {
    "tid1500": (write_tid1500.CLASS_UID, write_tid1500.tid1500_content),
    "cad-sr": (write_cad_sr.CLASS_UID, write_cad_sr.cad_sr_content),
}
"""What can be written: SOP class and what makes the content tree."""


def source_of_report(read: DicomIntake) -> Source:
    """Return the source an answer to a report is written for.

    Parameters
    ----------
    read : DicomIntake

    Returns
    -------
    Source

    Raises
    ------
    BadInputError
        Neither the report's evidence nor the image itself tells the series of an image.
    """
    report = read.report
    images = {
        uid: entry
        for uid, entry in report.images.items()
        if uid in read.spacings and read.spacings[uid].x_mm > 0
    } or report.images
    known = evidence(report.dataset)
    places = {}
    for uid, entry in images.items():
        places[uid] = _place(entry) or known.get(uid) or ("", "", "")
        study, series, _ = places[uid]
        if not study or not series:
            raise BadInputError(
                "the series of the image in the report's evidence sequence (0040,A375), or the image "
                "itself (name it with --image): a report written must name what it rests on",
                source=report.source,
                column=f"image {uid}",
            )
        entry.class_uid = entry.class_uid or places[uid][2]
        places[uid] = (study, series, entry.class_uid)
    own_uid = text_of(report.dataset, "SOPInstanceUID")
    own = _place(ImageEntry(own_uid, header=report.dataset))
    if own is not None:
        places[own_uid] = own
    return Source(report.dataset, images, read.spacings, places)


def source_of_images(paths: Sequence[PathLike], given_mm: float | None = None) -> Source:
    """Return the source for clusters that come from no report, but lie on known images.

    Parameters
    ----------
    paths : sequence of path-like
        DICOM images of one study.
    given_mm : float, optional
        Millimetres a pixel, as the user states it.

    Returns
    -------
    Source

    Raises
    ------
    BadInputError
        There is no image, or they are of several studies.
    """
    if not paths:
        raise BadInputError(
            "the DICOM image that the clusters lie on (--image FILE): a report names whose it is"
        )
    images, spacings, places, identity = {}, {}, {}, None
    for path in paths:
        entry = open_image(path)
        identity = entry.header if identity is None else identity
        if text_of(entry.header, "StudyInstanceUID") != text_of(identity, "StudyInstanceUID"):
            raise BadInputError("images of one study", source=str(path))
        uid, place = entry.uid, _place(entry)
        if place is None or not entry.n_rows:
            raise BadInputError("a DICOM image, with its study and series", source=str(path))
        images[uid], places[uid] = entry, place
        spacings[uid] = pixel_spacing(entry, str(path), given_mm)
    assert identity is not None
    return Source(identity, images, spacings, places)


def source_of_segmentation(
    dataset: Dataset, name: str, find_images: FindImages, given_mm: float | None = None
) -> Source:
    """Return the source an answer to a segmentation is written for.

    Parameters
    ----------
    dataset : pydicom.Dataset
        The segmentation: patient and study are its own.
    name : str
        What messages call it.
    find_images : callable
        Gives the headers of images by SOP instance UID.
    given_mm : float, optional
        Millimetres a pixel, as the user states it.

    Returns
    -------
    Source

    Raises
    ------
    BadInputError
        It names no image, with its series, that it is of.
    """
    images, spacings, places = {}, {}, {}
    referenced = referenced_images(dataset)
    headers = find_images(referenced)
    for uid, told in referenced.items():
        place = _place(ImageEntry(uid, header=headers.get(uid))) or told
        if all(place):
            entry = segmented_image(dataset, uid, headers.get(uid), name)
            entry.class_uid = place[2]
            images[uid], places[uid] = entry, place
            spacings[uid] = pixel_spacing(entry, name, given_mm, elsewhere=IN_MASK)
    if not images:
        raise BadInputError(
            "the series of the image the segmentation is of (Referenced Series Sequence 0008,1115), or "
            "the image itself (name it with --image): a report written must name what it rests on",
            source=name,
        )
    own = _place(ImageEntry(text_of(dataset, "SOPInstanceUID"), header=dataset))
    if own is not None:
        places[text_of(dataset, "SOPInstanceUID")] = own
    return Source(dataset, images, spacings, places)


def _place(entry: ImageEntry) -> tuple[str, str, str] | None:
    header = entry.header
    if header is None or text_of(header, "SOPInstanceUID") != entry.uid:
        return None
    found = tuple(
        text_of(header, name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID")
    )
    return (found[0], found[1], found[2]) if all(found) else None


def make_report(
    clusters: ClusterSet, verdicts: pd.DataFrame, source: Source, template: str = "tid1500"
) -> Dataset:
    """Return clusters and verdicts as a document.

    Parameters
    ----------
    clusters : ClusterSet
    verdicts : pandas.DataFrame
        The verdict table of `clusters`, in the same order.
    source : Source
    template : {"tid1500", "cad-sr"}

    Returns
    -------
    pydicom.Dataset
        Unverified; the same input makes the same object.

    Raises
    ------
    BadInputError
        A cluster lies on no image of the source, or there is nothing to write.
    """
    if template not in TEMPLATES:
        raise BadInputError(f"one of {', '.join(TEMPLATES)}", column="template", value=template)
    class_uid, content_of = TEMPLATES[template]
    version = algorithm_version(verdicts)
    found = answers(clusters, verdicts, source)
    if not found and template == "tid1500":
        raise BadInputError("at least one cluster with calcifications to write a report of")
    seed = "\0".join([*sorted(source.places), digest_of(clusters), version])
    content = content_of(found, _nipples(clusters, source), source, version, seed)
    return finish(content, class_uid, source.identity, source.places, seed)


def write_report_file(document: Dataset, path: PathLike) -> None:
    """Write a document, whole or not at all."""
    with atomic_path(path) as temporary:
        save(document, Path(temporary))


def _nipples(clusters: ClusterSet, source: Source) -> dict[str, tuple[float, float]]:
    """Return the nipple of each image whose clusters know it, in pixels."""
    found: dict[str, tuple[float, float]] = {}
    images = clusters.meta.get("image_id")
    only = next(iter(source.images)) if len(source.images) == 1 else None
    for index in range(len(clusters)):
        image = only if images is None or images[index] is None else images[index]
        point = (float(clusters.nipple_x_mm[index]), float(clusters.nipple_y_mm[index]))
        if isinstance(image, str) and image in source.images and np.isfinite(point).all():
            spacing = source.spacings[image]
            found.setdefault(image, (point[0] / spacing.x_mm, point[1] / spacing.y_mm))
    return found
