"""Content trees to write: a Mammography CAD SR (PS3.16 TID 4000) and a TID 1500 measurement report.

Both hold the same: an image library, each cluster with its calcifications, nipples. Nothing is to be shown to a reader of
mammograms: the rendering intent of the CAD SR is "not for presentation". Measurement groups are made with highdicom; the group
of a calcification is named after its cluster, so that it is found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram._version import __version__
from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.answer import (
    ALGORITHM,
    MANUFACTURER,
    Answer,
    Drawn,
    Source,
    derived_uid,
)
from calcigram.formats.dicom.concepts import Concept
from calcigram.formats.dicom.datasets import new_dataset
from calcigram.formats.dicom.findings import MEMBER
from calcigram.formats.dicom.report import ImageEntry, Spacing
from calcigram.formats.dicom.tree import MARK_CONCEPTS
from calcigram.formats.extras import load_extra

if TYPE_CHECKING:
    from pydicom import Dataset

TID1500_CLASS = "1.2.840.10008.5.1.4.1.1.88.33"
"""SOP class Comprehensive SR Storage."""

CONTAINS = "CONTAINS"
PROPERTIES = "HAS PROPERTIES"
CONCEPT_MOD = "HAS CONCEPT MOD"
OBS_CONTEXT = "HAS OBS CONTEXT"
ACQ_CONTEXT = "HAS ACQ CONTEXT"
INFERRED = "INFERRED FROM"
SELECTED = "SELECTED FROM"

_UNITS = {"mm": "millimeter", "1": "no units", "{pixels}": "pixels", "deg": "degrees"}
UNITS = {unit: Concept(unit, "UCUM", meaning) for unit, meaning in _UNITS.items()}
_MARK_UNITS = {"diameter_mm": "mm", "orientation_deg": "deg"}

_WITH_FINDINGS = Concept("111242", "DCM", "All algorithms succeeded; with findings")
_WITHOUT_FINDINGS = Concept("111241", "DCM", "All algorithms succeeded; without findings")
_SUCCEEDED = Concept("111222", "DCM", "Succeeded")
_NOT_ATTEMPTED = Concept("111225", "DCM", "Not Attempted")
_PROXIMITY = Concept("133885008", "SCT", "Spatial proximity analysis")
_ENGLISH = Concept("en", "RFC5646", "English")
_DEVICE = Concept("121007", "DCM", "Device")
_PROCEDURE = Concept("363679005", "SCT", "Imaging procedure")
_MODALITY = Concept("121139", "DCM", "Modality")
_MAMMOGRAPHY = Concept("MG", "DCM", "Mammography")
_LIBRARY_GROUP = Concept("126200", "DCM", "Image Library Group")

_LIBRARY_PLACE = (1, 2)

Nipples = Mapping[str, tuple[float, float]]
"""Place of the nipple by image, in pixels."""


def coded_as(concept: Concept) -> list[Dataset]:
    """Return a code sequence of one item."""
    value = "CodeValue" if len(concept.value) <= 16 else "LongCodeValue"
    about = {"CodingSchemeDesignator": concept.scheme, "CodeMeaning": concept.meaning[:64]}
    return [new_dataset(**{value: concept.value}, **about)]


def content_item(
    relation: str, kind: str, name: Concept | None, below: Iterable[Dataset] = (), **values: Any
) -> Dataset:
    """Return a content item of a value type (PS3.3 C.17.3), with the attributes that hold its value."""
    item = new_dataset(RelationshipType=relation, ValueType=kind, **values)
    if name is not None:
        item.ConceptNameCodeSequence = coded_as(name)
    if children := list(below):
        item.ContentSequence = children
    return item


def container(relation: str, name: Concept, below: Iterable[Dataset]) -> Dataset:
    """Return a CONTAINER."""
    return content_item(relation, "CONTAINER", name, below, ContinuityOfContent="SEPARATE")


def code(relation: str, name: Concept, value: Concept, below: Iterable[Dataset] = ()) -> Dataset:
    """Return a CODE."""
    return content_item(relation, "CODE", name, below, ConceptCodeSequence=coded_as(value))


def text(relation: str, name: Concept, value: str) -> Dataset:
    """Return a TEXT."""
    return content_item(relation, "TEXT", name, TextValue=value)


def number(relation: str, name: Concept, value: float, unit: str) -> Dataset:
    """Return a NUM; the value is written with up to nine digits (VR DS has room for 16 signs)."""
    unit_code = coded_as(UNITS[unit])
    measured = new_dataset(MeasurementUnitsCodeSequence=unit_code, NumericValue=f"{value:.9g}")
    return content_item(relation, "NUM", name, MeasuredValueSequence=[measured])


def by_reference(relation: str, place: Sequence[int]) -> Dataset:
    """Return an item that refers to another by its path from the root, which is ``(1,)``."""
    return new_dataset(RelationshipType=relation, ReferencedContentItemIdentifier=list(place))


def image_library(
    source: Source, sides: Mapping[str, Concept], first: Sequence[Dataset] = ()
) -> list[Dataset]:
    """Return an IMAGE item for each image: `first`, then what is known of it (TID 1602, 4020).

    Parameters
    ----------
    source : Source
    sides : mapping of str to Concept
        The codes that the template has for laterality.
    first : sequence of pydicom.Dataset
    """
    library = []
    for uid, entry in source.images.items():
        about = [*first, *_known_of(entry, source.spacings.get(uid), sides)]
        place = new_dataset(ReferencedSOPClassUID=entry.class_uid, ReferencedSOPInstanceUID=uid)
        library.append(content_item(CONTAINS, "IMAGE", None, about, ReferencedSOPSequence=[place]))
    return library


def _known_of(
    entry: ImageEntry, spacing: Spacing | None, sides: Mapping[str, Concept]
) -> list[Dataset]:
    """Return laterality, view, orientation, pixel spacing and size, as far as they are known.

    The spacing of a magnification view is left out: a report states the detector's (PS3.16, 111026) and has no place
    for the factor.
    """
    about = []
    if entry.laterality in sides:
        about.append(code(ACQ_CONTEXT, concepts.LATERALITY, sides[entry.laterality]))
    if entry.view in concepts.VIEWS:
        magnified = code(CONCEPT_MOD, concepts.VIEW_MODIFIER, concepts.MAGNIFICATION)
        modifiers = [magnified] if entry.magnified else []
        about.append(code(ACQ_CONTEXT, concepts.VIEW, concepts.VIEWS[entry.view], modifiers))
    if all(entry.orientation):
        names = (concepts.ORIENTATION_ROW, concepts.ORIENTATION_COLUMN)
        about += map(text, [ACQ_CONTEXT] * 2, names, entry.orientation)
    sizes: list[tuple[Concept, float, str]] = []
    if spacing is not None and spacing.x_mm > 0 and not entry.magnified:
        sizes += [(concepts.SPACING_X, spacing.x_mm, "mm")]
        sizes += [(concepts.SPACING_Y, spacing.y_mm, "mm")]
    if entry.n_rows and entry.n_columns:
        sizes += [(concepts.ROWS, entry.n_rows, "{pixels}")]
        sizes += [(concepts.COLUMNS, entry.n_columns, "{pixels}")]
    return about + [number(ACQ_CONTEXT, *size) for size in sizes]


def cad_sr_content(
    found: Sequence[Answer], nipples: Nipples, source: Source, version: str, seed: str
) -> Dataset:
    """Return the root content item of a Mammography CAD SR.

    Parameters
    ----------
    found : sequence of Answer
    nipples : mapping
    source : Source
    version : str
        Of the algorithm.
    seed : str
        What tracking UIDs are derived from.
    """
    writer = _CadWriter(source, version, seed)
    findings = [writer.nipple(image, centre) for image, centre in nipples.items()]
    findings += [writer.cluster(answer) for answer in found]
    impression = container(INFERRED, concepts.IMPRESSION, [_intent(), *findings])
    below = [impression] if findings else []
    library = image_library(source, concepts.LATERALITIES)
    summary = _WITH_FINDINGS if findings else _WITHOUT_FINDINGS
    children = [
        code(CONCEPT_MOD, concepts.LANGUAGE, _ENGLISH),
        container(CONTAINS, concepts.IMAGE_LIBRARY, library),
        code(CONTAINS, concepts.SUMMARY, summary, below),
        # What is there to be read was found by others.
        code(CONTAINS, concepts.DETECTIONS, _NOT_ATTEMPTED),
        code(CONTAINS, concepts.ANALYSES, _SUCCEEDED, [writer.analyses()]),
    ]
    root = container(CONTAINS, concepts.CAD_REPORT, children)
    root.ContentTemplateSequence = [new_dataset(MappingResource="DCMR", TemplateIdentifier="4000")]
    return root


def _intent() -> Dataset:
    return code(CONCEPT_MOD, concepts.RENDERING_INTENT, concepts.NOT_FOR_PRESENTATION)


class _CadWriter:
    """Makes findings that refer to one image library."""

    def __init__(self, source: Source, version: str, seed: str) -> None:
        self._seed = seed
        self._places = {uid: (*_LIBRARY_PLACE, k) for k, uid in enumerate(source.images, start=1)}
        self._version = version

    def cluster(self, answer: Answer) -> Dataset:
        """Return a cluster with its calcifications nested (TID 4006, 4010)."""
        parameters = text(PROPERTIES, concepts.ALGORITHM_PARAMETERS, answer.text)
        outline = None if answer.hull is None else ("POLYLINE", answer.hull)
        words = (
            (concepts.CALCIFICATION_TYPE, answer.morphology),
            (concepts.CALCIFICATION_DISTRIBUTION, answer.distribution),
        )
        about = [
            *self._about(answer.cluster_id, answer.image),
            parameters,
            *self._drawing(answer.image, answer.centre, outline),
            *(code(PROPERTIES, name, word) for name, word in words if word),
            number(PROPERTIES, concepts.NUMBER, len(answer.marks), "1"),
            *(self._single(answer, k, mark) for k, mark in enumerate(answer.marks, start=1)),
        ]
        return code(CONTAINS, concepts.FINDING_IN_IMAGE, concepts.CLUSTER, about)

    def _single(self, answer: Answer, k: int, mark: Drawn) -> Dataset:
        about = self._about(f"{answer.cluster_id}#{k}", answer.image)
        outline = None if mark.outline is None else (mark.outline.graphic, mark.outline.points)
        about += self._drawing(answer.image, mark.centre, outline)
        return code(INFERRED, concepts.FINDING_IN_IMAGE, concepts.SINGLE, about)

    def nipple(self, image: str, centre: tuple[float, float]) -> Dataset:
        """Return the nipple."""
        about = [*self._about("nipple", image), *self._drawing(image, centre, None)]
        return code(CONTAINS, concepts.FINDING_IN_IMAGE, concepts.NIPPLE, about)

    def _about(self, name: str, image: str) -> list[Dataset]:
        tracking = derived_uid("tracking", self._seed, image, name)
        return [
            _intent(),
            text(OBS_CONTEXT, concepts.TRACKING_ID, name),
            content_item(OBS_CONTEXT, "UIDREF", concepts.TRACKING_UID, UID=tracking),
            *self._algorithm(),
        ]

    def _algorithm(self) -> list[Dataset]:
        return [
            text(PROPERTIES, concepts.ALGORITHM_NAME, ALGORITHM),
            text(PROPERTIES, concepts.ALGORITHM_VERSION, self._version),
        ]

    def _drawing(
        self, image: str, centre: tuple[float, float], outline: tuple[str, Any] | None
    ) -> list[Dataset]:
        """Return centre and outline (SCOORD): (column, row), the first pixel's outer corner being (0, 0)."""
        drawn: list[tuple[Concept, str, Any]] = [(concepts.CENTER, "POINT", [centre])]
        drawn += [] if outline is None else [(concepts.OUTLINE, *outline)]
        items = []
        for name, graphic, points in drawn:
            on = by_reference(SELECTED, self._places[image])
            flat = [float(value) for value in np.asarray(points, np.float32).ravel()]
            values = {"GraphicType": graphic, "GraphicData": flat}
            items.append(content_item(PROPERTIES, "SCOORD", name, [on], **values))
        return items

    def analyses(self) -> Dataset:
        """Return what was analysed, and on which images (TID 4016, 4018)."""
        on = [by_reference(PROPERTIES, place) for place in self._places.values()]
        analysis = code(CONTAINS, concepts.ANALYSIS, _PROXIMITY, [*self._algorithm(), *on])
        return container(INFERRED, concepts.SUCCESSFUL_ANALYSES, [analysis])


def tid1500_content(
    found: Sequence[Answer], nipples: Nipples, source: Source, version: str, seed: str
) -> Dataset:
    """Return the root content item of a measurement report; parameters as of `cad_sr_content`."""
    sr = load_extra("highdicom.sr", "Writing a measurement report")
    writer = _GroupWriter(sr, source, version, seed)
    groups = [group for answer in found for group in writer.cluster(answer)]
    groups += [writer.group("nipple", at, concepts.NIPPLE, [xy]) for at, xy in nipples.items()]
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", ALGORITHM, __version__),
        name=ALGORITHM,
        manufacturer_name=MANUFACTURER,
        model_name=ALGORITHM,
    )
    observer = sr.ObserverContext(_hd(sr, _DEVICE), device)
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_hd(sr, _PROCEDURE),
        imaging_measurements=groups,
        title=_hd(sr, concepts.MEASUREMENT_REPORT),
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            _hd(sr, _ENGLISH)
        ),
    )
    modality = code(ACQ_CONTEXT, _MODALITY, _MAMMOGRAPHY)
    entries = image_library(source, concepts.SIDES, [modality])
    group = container(CONTAINS, _LIBRARY_GROUP, entries)  # TID 1600
    library = container(CONTAINS, concepts.IMAGE_LIBRARY, [group])
    root = new_dataset()
    root.update(report[0])
    *first, last = report[0].ContentSequence
    root.ContentSequence = [*first, library, last]
    return root


def _hd(sr: Any, concept: Concept) -> Any:
    """Return a concept as highdicom has it."""
    return sr.CodedConcept(concept.value, concept.scheme, concept.meaning[:64])


class _GroupWriter:
    """Makes measurement groups."""

    def __init__(self, sr: Any, source: Source, version: str, seed: str) -> None:
        self._sr, self._source, self._version, self._seed = sr, source, version, seed

    def cluster(self, answer: Answer) -> list[Any]:
        """Return the group of a cluster, then those of its calcifications."""
        sr = self._sr
        words = [
            # as DICOM has it, for other readers, and as we have it
            (concepts.CALCIFICATION_DISTRIBUTION, answer.distribution),
            (concepts.CALCIFICATION_DISTRIBUTION, answer.exact_distribution),
            (concepts.CALCIFICATION_TYPE, answer.morphology),
        ]
        whole = self.group(
            answer.cluster_id,
            answer.image,
            concepts.CLUSTER,
            [answer.centre] if answer.hull is None else answer.hull,
            text=answer.text,
            measurements=[self._measurement(concepts.NUMBER, len(answer.marks), "1")],
            qualitative_evaluations=[
                sr.QualitativeEvaluation(name=_hd(sr, name), value=_hd(sr, value))
                for name, value in words
                if value is not None
            ],
        )
        singles = []
        for k, mark in enumerate(answer.marks, start=1):
            measured = [
                self._measurement(MARK_CONCEPTS[name], value, _MARK_UNITS.get(name, "1"))
                for name, value in mark.marks.items()
            ]
            about = (f"{answer.cluster_id}{MEMBER}{k}", answer.image, concepts.SINGLE)
            singles.append(self.group(*about, [mark.centre], measurements=measured or None))
        return [whole, *singles]

    def _measurement(self, name: Concept, value: float, unit: str) -> Any:
        sr, rounded = self._sr, float(f"{value:.9g}")
        return sr.Measurement(name=_hd(sr, name), value=rounded, unit=_hd(sr, UNITS[unit]))

    def group(
        self,
        name: str,
        image: str,
        finding: Concept,
        points: Any,
        *,
        text: str | None = None,
        **more: Any,
    ) -> Any:
        """Return a measurement group of a point, or of a closed polygon."""
        sr = self._sr
        region = sr.ImageRegion(
            graphic_type=sr.GraphicTypeValues("POINT" if len(points) == 1 else "POLYLINE"),
            graphic_data=np.asarray(points, float),
            source_image=sr.SourceImageForRegion(self._source.images[image].class_uid, image),
        )
        algorithm = None
        if text is not None:
            algorithm = sr.AlgorithmIdentification(ALGORITHM, self._version, [text])
        tracking = derived_uid("tracking", self._seed, image, name)
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(uid=tracking, identifier=name),
            referenced_region=region,
            finding_type=_hd(sr, finding),
            algorithm_id=algorithm,
            **more,
        )
