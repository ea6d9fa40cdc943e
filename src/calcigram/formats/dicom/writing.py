"""The document that answers a report or an image: clusters and verdicts in DICOM.

Patient and study are copied from the source as they stand. Date and UIDs follow from the source, the clusters and the
model, so that the same work makes the same object, byte for byte.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from calcigram._version import __version__
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, naming
from calcigram.formats.dicom.answer import (
    ALGORITHM,
    MANUFACTURER,
    REQUIRED,
    Place,
    Source,
    algorithm_version,
    answers,
    derived_uid,
    digest_of,
)
from calcigram.formats.dicom.concepts import PRIVATE_SCHEME
from calcigram.formats.dicom.datasets import describe, new_dataset, save_dataset, text_of
from calcigram.formats.dicom.drawing import evidence
from calcigram.formats.dicom.findings import CAD_SR_CLASS
from calcigram.formats.dicom.images import FindImages, open_image
from calcigram.formats.dicom.reading import DicomIntake
from calcigram.formats.dicom.report import IN_MASK, pixel_spacing
from calcigram.formats.dicom.segmentation import referenced_images, segmented_image
from calcigram.formats.dicom.templates import TID1500_CLASS, cad_sr_content, tid1500_content
from calcigram.formats.files import PathLike
from calcigram.formats.temporary import atomic_path

if TYPE_CHECKING:
    import pandas as pd
    from pydicom import Dataset

SERIES_NUMBER = 9111

IDENTITY = [
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID",
    "OtherPatientIDsSequence",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "PatientSpeciesDescription",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    "ClinicalTrialTimePointID",
]
"""Attributes of patient, study and clinical trial, copied from the source where it has them."""


def finish(
    content: Dataset, class_uid: str, identity: Dataset, evidence: Mapping[str, Place], seed: str
) -> Dataset:
    """Put a content tree into a whole document.

    Parameters
    ----------
    content : pydicom.Dataset
        The root content item.
    class_uid : str
        SOP class.
    identity : pydicom.Dataset
        The header patient and study are copied from.
    evidence : mapping
        SOP instance UID -> study, series, SOP class.
    seed : str
        All that the document follows from; its UIDs are derived from it.

    Returns
    -------
    pydicom.Dataset
        With file meta information, ready for `save`.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, ExplicitVRLittleEndian

    for element in content.iterall():
        if element.keyword == "TextValue":
            element.value = _without_controls(element.value)
    document = new_dataset()
    document.update(content)
    if "RelationshipType" in document:
        del document.RelationshipType
    _copy_identity(identity, document)
    date, time = _when(identity)
    instance = derived_uid("instance", class_uid, seed)
    describe(
        document,
        SOPClassUID=class_uid,
        SOPInstanceUID=instance,
        SeriesInstanceUID=derived_uid("series", class_uid, seed),
        Modality="SR",
        SeriesNumber=SERIES_NUMBER,
        SeriesDescription=f"{ALGORITHM}: pattern of calcifications",
        InstanceNumber=1,
        Manufacturer=MANUFACTURER,
        ManufacturerModelName=ALGORITHM,
        SoftwareVersions=__version__,
        ContentDate=date,
        ContentTime=time,
        CompletionFlag="COMPLETE",
        VerificationFlag="UNVERIFIED",
        ReferencedPerformedProcedureStepSequence=[],
        PerformedProcedureCodeSequence=[],
        **_evidence_sequences(evidence, document.StudyInstanceUID),
    )
    if any(str(element.value) == PRIVATE_SCHEME for element in content.iterall()):
        document.CodingSchemeIdentificationSequence = [
            new_dataset(
                CodingSchemeDesignator=PRIVATE_SCHEME,
                CodingSchemeName="Words and measurements of calcigram",
                CodingSchemeResponsibleOrganization="The calcigram developers",
            )
        ]
    document.file_meta = describe(
        FileMetaDataset(),
        MediaStorageSOPClassUID=class_uid,
        MediaStorageSOPInstanceUID=instance,
        TransferSyntaxUID=ExplicitVRLittleEndian,
        ImplementationClassUID=PYDICOM_IMPLEMENTATION_UID,
        ImplementationVersionName=f"CALCIGRAM {__version__}"[:16],
    )
    document.preamble = b"\0" * 128
    return document


def _without_controls(text: str) -> str:
    r"""Return text as DICOM may hold it: an escape would announce another character set (PS3.5, 6.1.3).

    Examples
    --------
    >>> _without_controls("a\x1b[2J\u202eb")
    'a\\x1b[2J\\u202eb'
    """
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def _copy_identity(identity: Dataset, document: Dataset) -> None:
    from copy import deepcopy

    if not text_of(identity, "StudyInstanceUID"):
        raise BadInputError("a Study Instance UID (0020,000D) in the source of the report")
    # Our own words are ASCII, a part of every character set; names of clusters may be anything.
    character_set = identity.get("SpecificCharacterSet") if _is_ascii(document) else None
    document.SpecificCharacterSet = character_set or "ISO_IR 192"
    for name in IDENTITY:
        if name in identity:
            document[name] = deepcopy(identity[name])
    for name in REQUIRED:
        if name not in document:
            setattr(document, name, None)


def _is_ascii(content: Dataset) -> bool:
    texts = (element.value for element in content.iterall() if isinstance(element.value, str))
    return all(text.isascii() for text in texts)


def _when(identity: Dataset) -> tuple[str, str]:
    """Return the source's own date and time: the answer follows from it alone."""
    for kind in ("Content", "Series", "Study", "Acquisition"):
        date = text_of(identity, f"{kind}Date").strip()
        if len(date) == 8 and date.isdigit():
            time = text_of(identity, f"{kind}Time").strip()
            return date, time if time[:6].isdigit() and len(time) >= 6 else "000000"
    return "19000101", "000000"


def _evidence_sequences(evidence: Mapping[str, Place], own_study: str) -> dict[str, list[Dataset]]:
    """Return what a document rests on, of its own study and of others."""
    studies: dict[str, dict[str, list[Dataset]]] = defaultdict(lambda: defaultdict(list))
    for instance, (study, series, class_uid) in evidence.items():
        named = new_dataset(ReferencedSOPClassUID=class_uid, ReferencedSOPInstanceUID=instance)
        studies[study][series].append(named)
    sequences: dict[str, list[Dataset]] = {}
    for study, all_series in studies.items():
        listed = [
            new_dataset(SeriesInstanceUID=series, ReferencedSOPSequence=instances)
            for series, instances in all_series.items()
        ]
        item = new_dataset(StudyInstanceUID=study, ReferencedSeriesSequence=listed)
        kind = "CurrentRequestedProcedure" if study == own_study else "PertinentOther"
        sequences.setdefault(f"{kind}EvidenceSequence", []).append(item)
    return sequences


TEMPLATES = {"tid1500": (TID1500_CLASS, tid1500_content), "cad-sr": (CAD_SR_CLASS, cad_sr_content)}
"""What can be written: SOP class and what makes the content tree."""


def source_of_report(read: DicomIntake) -> Source:
    """Return the source an answer to a report is written for.

    Raises
    ------
    BadInputError
        Neither the report's evidence nor the image itself tells the series of an image.
    """
    report, spacings = read.report, read.spacings
    placed = {k: v for k, v in report.images.items() if k in spacings and spacings[k].x_mm > 0}
    images = placed or report.images
    known = evidence(report.dataset)
    places = {}
    for uid, entry in images.items():
        study, series, class_uid = _place(uid, entry.header) or known.get(uid) or ("", "", "")
        if not study or not series:
            expected = "the series of the image in the report's evidence sequence (0040,A375), "
            raise BadInputError(expected + _OR_IMAGE, column=f"image {uid}")
        entry.class_uid = entry.class_uid or class_uid
        places[uid] = (study, series, entry.class_uid)
    return Source(report.dataset, images, spacings, places | _own_place(report.dataset))


_OR_IMAGE = (
    "or the image itself (name it with --image): a report written must name what it rests on"
)


def source_of_images(
    paths: Sequence[PathLike], given_mm: float | tuple[float, float] | None = None
) -> Source:
    """Return the source for clusters that come from no report, but lie on known images.

    Parameters
    ----------
    paths : sequence of path-like
        DICOM images of one study.
    given_mm : float, optional
        Millimetres per pixel, as the user states it.

    Raises
    ------
    BadInputError
        There is no image, or they are of several studies.
    """
    if not paths:
        expected = "the DICOM image that the clusters lie on (--image FILE): a report names its patient and study"
        raise BadInputError(expected)
    images, spacings, places, identity = {}, {}, {}, None
    for path in paths:
        with naming(path):
            entry = open_image(path)
            identity = entry.header if identity is None else identity
            if text_of(entry.header, "StudyInstanceUID") != text_of(identity, "StudyInstanceUID"):
                raise BadInputError("images of one study")
            uid, place = entry.uid, _place(entry.uid, entry.header)
            if place is None or not entry.n_rows:
                raise BadInputError("a DICOM image, with its study and series")
            images[uid], places[uid] = entry, place
            spacings[uid] = pixel_spacing(entry, given_mm)
    assert identity is not None
    return Source(identity, images, spacings, places)


def source_of_segmentation(
    dataset: Dataset, find_images: FindImages, given_mm: float | tuple[float, float] | None = None
) -> Source:
    """Return the source an answer to a segmentation is written for.

    Parameters
    ----------
    dataset : pydicom.Dataset
        The segmentation: patient and study are its own.
    find_images : callable
        Gives the headers of images by SOP instance UID.
    given_mm : float, optional
        Millimetres per pixel, as the user states it.

    Raises
    ------
    BadInputError
        It names no image, with its series, that it is of.
    """
    images, spacings, places = {}, {}, {}
    referenced = referenced_images(dataset)
    headers = find_images(referenced)
    for uid, stated in referenced.items():
        place = _place(uid, headers.get(uid)) or stated
        if all(place):
            entry = segmented_image(dataset, uid, headers.get(uid))
            entry.class_uid = place[2]
            images[uid], places[uid] = entry, place
            spacings[uid] = pixel_spacing(entry, given_mm, elsewhere=IN_MASK)
    if not images:
        expected = "the series of the image the segmentation is of (Referenced Series Sequence 0008,1115), "
        raise BadInputError(expected + _OR_IMAGE)
    return Source(dataset, images, spacings, places | _own_place(dataset))


def _place(uid: str, header: Dataset | None) -> Place | None:
    """Return study, series and SOP class of an instance as its own header states them; None where it does not."""
    if header is None or text_of(header, "SOPInstanceUID") != uid:
        return None
    study, series = text_of(header, "StudyInstanceUID"), text_of(header, "SeriesInstanceUID")
    place = (study, series, text_of(header, "SOPClassUID"))
    return place if all(place) else None


def _own_place(dataset: Dataset) -> dict[str, Place]:
    uid = text_of(dataset, "SOPInstanceUID")
    place = _place(uid, dataset)
    return {} if place is None else {uid: place}


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
        save_dataset(document, temporary)


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
