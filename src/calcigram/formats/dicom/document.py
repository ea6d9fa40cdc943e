"""The document around a content tree: whose it is, what it rests on, who made it.

Patient and study are copied from the source as they stand. Date and UIDs follow from the source,
the clusters and the model, so that the same work makes the same object, byte for byte.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram._version import __version__
from calcigram.errors import BadInputError
from calcigram.formats.dicom.answer import ALGORITHM, derived_uid
from calcigram.formats.dicom.attributes import text_of
from calcigram.formats.dicom.concepts import PRIVATE_SCHEME

if TYPE_CHECKING:
    from pydicom import Dataset

MANUFACTURER = "calcigram (research software)"
SERIES_NUMBER = 9111

IDENTITY = (
    # patient
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
    # study
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
    # clinical trial
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    "ClinicalTrialTimePointID",
)
"""Attributes copied from the source where it has them."""

REQUIRED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 2: present in every document, empty where the source does not have them."""


def finish(
    content: Dataset,
    class_uid: str,
    identity: Dataset,
    evidence: Mapping[str, tuple[str, str, str]],
    seed: str,
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
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, ExplicitVRLittleEndian

    document = Dataset()
    document.update(content)
    if "RelationshipType" in document:
        del document.RelationshipType
    _copy_identity(identity, document)
    document.SOPClassUID = class_uid
    document.SOPInstanceUID = derived_uid("instance", class_uid, seed)
    document.SeriesInstanceUID = derived_uid("series", class_uid, seed)
    document.Modality = "SR"
    document.SeriesNumber = SERIES_NUMBER
    document.SeriesDescription = f"{ALGORITHM}: pattern of calcifications"
    document.InstanceNumber = 1
    document.Manufacturer = MANUFACTURER
    document.ManufacturerModelName = ALGORITHM
    document.SoftwareVersions = __version__
    document.ContentDate, document.ContentTime = _when(identity)
    document.CompletionFlag = "COMPLETE"
    document.VerificationFlag = "UNVERIFIED"
    document.ReferencedPerformedProcedureStepSequence = Sequence()
    document.PerformedProcedureCodeSequence = Sequence()
    if any(str(element.value) == PRIVATE_SCHEME for element in content.iterall()):
        document.CodingSchemeIdentificationSequence = _own_scheme()
    _add_evidence(document, evidence)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(class_uid)
    meta.MediaStorageSOPInstanceUID = document.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    meta.ImplementationVersionName = f"CALCIGRAM {__version__}"[:16]
    document.file_meta = meta
    document.preamble = b"\0" * 128
    return document


def save(document: Dataset, path: Path) -> None:
    """Write a document as a DICOM file with preamble and meta information."""
    document.save_as(path, enforce_file_format=True)


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


def _own_scheme() -> Any:
    from pydicom import Dataset
    from pydicom.sequence import Sequence

    scheme = Dataset()
    scheme.CodingSchemeDesignator = PRIVATE_SCHEME
    scheme.CodingSchemeName = "Words and measurements of calcigram"
    scheme.CodingSchemeResponsibleOrganization = "The calcigram developers"
    return Sequence([scheme])


def _add_evidence(document: Dataset, evidence: Mapping[str, tuple[str, str, str]]) -> None:
    from pydicom import Dataset
    from pydicom.sequence import Sequence

    studies: dict[str, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for instance, (study, series, class_uid) in evidence.items():
        studies[study][series].append((class_uid, instance))
    sequences: dict[bool, list[Dataset]] = {True: [], False: []}
    for study, all_series in studies.items():
        item = Dataset()
        item.StudyInstanceUID = study
        item.ReferencedSeriesSequence = Sequence()
        for series, instances in all_series.items():
            one = Dataset()
            one.SeriesInstanceUID = series
            one.ReferencedSOPSequence = Sequence()
            for class_uid, instance in instances:
                reference = Dataset()
                reference.ReferencedSOPClassUID = class_uid
                reference.ReferencedSOPInstanceUID = instance
                one.ReferencedSOPSequence.append(reference)
            item.ReferencedSeriesSequence.append(one)
        sequences[study == document.StudyInstanceUID].append(item)
    if sequences[True]:
        document.CurrentRequestedProcedureEvidenceSequence = Sequence(sequences[True])
    if sequences[False]:
        document.PertinentOtherEvidenceSequence = Sequence(sequences[False])
