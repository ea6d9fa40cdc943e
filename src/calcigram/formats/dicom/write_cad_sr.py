"""Writes clusters and how they were read as a Mammography CAD SR (PS3.16 TID 4000).

Nothing is to be shown to a reader of mammograms: the rendering intent is "not for presentation".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from calcigram.formats.dicom import concepts, items
from calcigram.formats.dicom.answer import ALGORITHM, Answer, Drawn, Source, derived_uid
from calcigram.formats.dicom.concepts import Concept
from calcigram.formats.dicom.items import describe_image

if TYPE_CHECKING:
    from pydicom import Dataset

CLASS_UID = "1.2.840.10008.5.1.4.1.1.88.50"

_WITH_FINDINGS = Concept("111242", "DCM", "All algorithms succeeded; with findings")
_WITHOUT_FINDINGS = Concept("111241", "DCM", "All algorithms succeeded; without findings")
_SUCCEEDED = Concept("111222", "DCM", "Succeeded")
_NOT_ATTEMPTED = Concept("111225", "DCM", "Not Attempted")
_PROXIMITY = Concept("133885008", "SCT", "Spatial proximity analysis")
_ENGLISH = Concept("en", "RFC5646", "English")

_LIBRARY_PLACE = (1, 2)


def cad_sr_content(
    found: Sequence[Answer],
    nipples: dict[str, tuple[float, float]],
    source: Source,
    version: str,
    seed: str,
) -> Dataset:
    """Return the root content item.

    Parameters
    ----------
    found : sequence of Answer
    nipples : dict
        By image, in pixels.
    source : Source
    version : str
        Of the algorithm.
    seed : str
        What tracking UIDs are derived from.
    """
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    writer = _Writer(source, version, seed)
    findings = [writer.nipple(image, centre) for image, centre in nipples.items()]
    findings += [writer.cluster(answer) for answer in found]
    below = []
    if findings:
        below = [items.container(items.INFERRED, concepts.IMPRESSION, [_intent(), *findings])]
    root = items.container(
        items.CONTAINS,
        concepts.CAD_REPORT,
        [
            items.code(items.CONCEPT_MOD, concepts.LANGUAGE, _ENGLISH),
            items.container(items.CONTAINS, concepts.IMAGE_LIBRARY, writer.library()),
            items.code(
                items.CONTAINS,
                concepts.SUMMARY,
                _WITH_FINDINGS if findings else _WITHOUT_FINDINGS,
                below,
            ),
            # What is there to be read was found by others.
            items.code(items.CONTAINS, concepts.DETECTIONS, _NOT_ATTEMPTED),
            items.code(items.CONTAINS, concepts.ANALYSES, _SUCCEEDED, [writer.analyses()]),
        ],
    )
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "4000"
    root.ContentTemplateSequence = Items([template])
    return root


def _intent() -> Dataset:
    return items.code(items.CONCEPT_MOD, concepts.RENDERING_INTENT, concepts.NOT_FOR_PRESENTATION)


class _Writer:
    """Makes findings that refer to one image library."""

    def __init__(self, source: Source, version: str, seed: str) -> None:
        self._source = source
        self._version = version
        self._seed = seed
        self._places = {
            uid: (*_LIBRARY_PLACE, number) for number, uid in enumerate(source.images, start=1)
        }

    def library(self) -> list[Dataset]:
        """Return the images, each with what is known of it (TID 4020)."""
        spacings = self._source.spacings
        return [
            items.image(
                items.CONTAINS,
                entry.class_uid,
                uid,
                describe_image(entry, spacings.get(uid), concepts.LATERALITIES),
            )
            for uid, entry in self._source.images.items()
        ]

    def cluster(self, answer: Answer) -> Dataset:
        """Return a cluster with its calcifications nested (TID 4006, 4010)."""
        about = self._about(answer.cluster_id, answer.image)
        about += self._drawing(
            answer.image, answer.centre, None if answer.hull is None else ("POLYLINE", answer.hull)
        )
        words = (
            (concepts.CALCIFICATION_TYPE, answer.morphology),
            (concepts.CALCIFICATION_DISTRIBUTION, answer.distribution),
        )
        about += [items.code(items.PROPERTIES, name, word) for name, word in words if word]
        about.append(items.number(items.PROPERTIES, concepts.NUMBER, len(answer.marks), "1"))
        about += [
            self._single(answer, number, mark) for number, mark in enumerate(answer.marks, start=1)
        ]
        text = items.text(items.PROPERTIES, concepts.ALGORITHM_PARAMETERS, answer.text)
        about.insert(self._n_head(about), text)
        return items.code(items.CONTAINS, concepts.FINDING_IN_IMAGE, concepts.CLUSTER, about)

    @staticmethod
    def _n_head(about: list[Dataset]) -> int:
        """Return the place after the algorithm's version."""
        return next(
            number
            for number, item in enumerate(about, start=1)
            if item.ConceptNameCodeSequence[0].CodeValue == concepts.ALGORITHM_VERSION.value
        )

    def _single(self, answer: Answer, number: int, mark: Drawn) -> Dataset:
        about = self._about(f"{answer.cluster_id}#{number}", answer.image)
        outline = None if mark.outline is None else (mark.outline.graphic, mark.outline.points)
        about += self._drawing(answer.image, mark.centre, outline)
        return items.code(items.INFERRED, concepts.FINDING_IN_IMAGE, concepts.SINGLE, about)

    def nipple(self, image: str, centre: tuple[float, float]) -> Dataset:
        """Return the nipple."""
        about = [*self._about("nipple", image), *self._drawing(image, centre, None)]
        return items.code(items.CONTAINS, concepts.FINDING_IN_IMAGE, concepts.NIPPLE, about)

    def _about(self, name: str, image: str) -> list[Dataset]:
        tracking = derived_uid("tracking", self._seed, image, name)
        return [
            _intent(),
            items.text(items.OBS_CONTEXT, concepts.TRACKING_ID, name),
            items.uid(items.OBS_CONTEXT, concepts.TRACKING_UID, tracking),
            *self._algorithm(),
        ]

    def _algorithm(self) -> list[Dataset]:
        return [
            items.text(items.PROPERTIES, concepts.ALGORITHM_NAME, ALGORITHM),
            items.text(items.PROPERTIES, concepts.ALGORITHM_VERSION, self._version),
        ]

    def _drawing(
        self, image: str, centre: tuple[float, float], outline: tuple[str, Any] | None
    ) -> list[Dataset]:
        drawn = [(concepts.CENTER, "POINT", [centre])]
        if outline is not None:
            drawn.append((concepts.OUTLINE, *outline))
        place = self._places[image]
        return [
            items.coordinates(
                items.PROPERTIES, name, graphic, points, [items.by_reference(items.SELECTED, place)]
            )
            for name, graphic, points in drawn
        ]

    def analyses(self) -> Dataset:
        """Return what was analysed, and on which images (TID 4016, 4018)."""
        on = [items.by_reference(items.PROPERTIES, place) for place in self._places.values()]
        analysis = items.code(
            items.CONTAINS, concepts.ANALYSIS, _PROXIMITY, [*self._algorithm(), *on]
        )
        return items.container(items.INFERRED, concepts.SUCCESSFUL_ANALYSES, [analysis])
