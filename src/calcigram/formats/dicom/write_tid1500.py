"""Writes clusters and how they were read as a TID 1500 measurement report, with highdicom.

One measurement group a cluster, with its hull, and one per calcification, with its centre and its
marks. The group of a calcification is named after its cluster, so that it is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from calcigram._version import __version__
from calcigram.formats.dicom import concepts, items
from calcigram.formats.dicom.answer import (
    ALGORITHM,
    MANUFACTURER,
    Answer,
    Drawn,
    Source,
    derived_uid,
)
from calcigram.formats.dicom.concepts import Concept
from calcigram.formats.dicom.items import describe_image
from calcigram.formats.dicom.tid1500 import MEMBER
from calcigram.formats.dicom.tree import MARK_CONCEPTS
from calcigram.formats.extras import load_extra

if TYPE_CHECKING:
    from pydicom import Dataset

CLASS_UID = "1.2.840.10008.5.1.4.1.1.88.33"

_PROCEDURE = Concept("363679005", "SCT", "Imaging procedure")
_MODALITY = Concept("121139", "DCM", "Modality")
_MAMMOGRAPHY = Concept("MG", "DCM", "Mammography")
_LIBRARY_GROUP = Concept("126200", "DCM", "Image Library Group")

_MARK_UNITS = {"diameter_mm": "mm", "orientation_deg": "deg"}


def tid1500_content(
    found: Sequence[Answer],
    nipples: dict[str, tuple[float, float]],
    source: Source,
    version: str,
    seed: str,
) -> Dataset:
    """Return the root content item; parameters as `write_cad_sr.cad_sr_content` takes them."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    sr = load_extra("highdicom.sr", "Writing a measurement report")
    writer = _Writer(sr, source, version, seed)
    groups = [group for answer in found for group in writer.cluster(answer)]
    groups += [writer.nipple(image, centre) for image, centre in nipples.items()]
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", ALGORITHM, __version__),
        name=ALGORITHM,
        manufacturer_name=MANUFACTURER,
        model_name=ALGORITHM,
    )
    observer = sr.ObserverContext(
        observer_type=_hd(sr, Concept("121007", "DCM", "Device")),
        observer_identifying_attributes=device,
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_hd(sr, _PROCEDURE),
        imaging_measurements=groups,
        title=_hd(sr, concepts.MEASUREMENT_REPORT),
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            _hd(sr, Concept("en", "RFC5646", "English"))
        ),
    )
    root = Dataset()
    root.update(report[0])
    children = list(report[0].ContentSequence)
    root.ContentSequence = Items([*children[:-1], _library(source), children[-1]])
    return root


def _hd(sr: Any, concept: Concept) -> Any:
    """Return a concept as highdicom has it."""
    return sr.CodedConcept(concept.value, concept.scheme, concept.meaning[:64])


def _library(source: Source) -> Dataset:
    """Return the image library (TID 1600): what is known of each image."""
    entries = [
        items.image(
            items.CONTAINS,
            entry.class_uid,
            uid,
            [
                items.code(items.ACQ_CONTEXT, _MODALITY, _MAMMOGRAPHY),
                *describe_image(entry, source.spacings.get(uid), concepts.SIDES),
            ],
        )
        for uid, entry in source.images.items()
    ]
    group = items.container(items.CONTAINS, _LIBRARY_GROUP, entries)
    return items.container(items.CONTAINS, concepts.IMAGE_LIBRARY, [group])


class _Writer:
    """Makes measurement groups."""

    def __init__(self, sr: Any, source: Source, version: str, seed: str) -> None:
        self._sr = sr
        self._source = source
        self._version = version
        self._seed = seed

    def cluster(self, answer: Answer) -> list[Any]:
        """Return the group of a cluster, then those of its calcifications."""
        sr = self._sr
        words = [
            (concepts.CALCIFICATION_DISTRIBUTION, answer.exact_distribution or answer.distribution),
            (concepts.CALCIFICATION_TYPE, answer.morphology),
        ]
        if answer.exact_distribution is not None:  # also as DICOM has it, for other readers
            words.insert(0, (concepts.CALCIFICATION_DISTRIBUTION, answer.distribution))
        graphic, points = ("POLYLINE", answer.hull)
        if answer.hull is None:
            graphic, points = ("POINT", [answer.centre])
        whole = self._group(
            answer.cluster_id,
            answer.image,
            concepts.CLUSTER,
            graphic,
            points,
            measurements=[self._measurement(concepts.NUMBER, len(answer.marks), "1")],
            qualitative_evaluations=[
                sr.QualitativeEvaluation(name=_hd(sr, name), value=_hd(sr, value))
                for name, value in words
                if value is not None
            ],
            text=answer.text,
        )
        singles = [
            self._single(answer, f"{answer.cluster_id}{MEMBER}{number}", mark)
            for number, mark in enumerate(answer.marks, start=1)
        ]
        return [whole, *singles]

    def _single(self, answer: Answer, name: str, mark: Drawn) -> Any:
        measurements = [
            self._measurement(MARK_CONCEPTS[mark_name], value, _MARK_UNITS.get(mark_name, "1"))
            for mark_name, value in mark.marks.items()
        ]
        return self._group(
            name,
            answer.image,
            concepts.SINGLE,
            "POINT",
            [mark.centre],
            measurements=measurements or None,
        )

    def nipple(self, image: str, centre: tuple[float, float]) -> Any:
        """Return the group of a nipple."""
        return self._group("nipple", image, concepts.NIPPLE, "POINT", [centre])

    def _measurement(self, name: Concept, value: float, unit: str) -> Any:
        sr = self._sr
        return sr.Measurement(
            name=_hd(sr, name), value=float(f"{value:.9g}"), unit=_hd(sr, items.UNITS[unit])
        )

    def _group(
        self,
        name: str,
        image: str,
        finding: Concept,
        graphic: str,
        points: Any,
        *,
        text: str | None = None,
        **more: Any,
    ) -> Any:
        import numpy as np

        sr = self._sr
        entry = self._source.images[image]
        region = sr.ImageRegion(
            graphic_type=sr.GraphicTypeValues(graphic),
            graphic_data=np.asarray(points, float),
            source_image=sr.SourceImageForRegion(
                referenced_sop_class_uid=entry.class_uid, referenced_sop_instance_uid=image
            ),
        )
        algorithm = None
        if text is not None:
            algorithm = sr.AlgorithmIdentification(
                name=ALGORITHM, version=self._version, parameters=[text]
            )
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(
                uid=derived_uid("tracking", self._seed, image, name), identifier=name
            ),
            referenced_region=region,
            finding_type=_hd(sr, finding),
            algorithm_id=algorithm,
            **more,
        )
