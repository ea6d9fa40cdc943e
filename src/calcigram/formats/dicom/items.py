"""Content items to write, one function per value type (names as in PS3.3 C.17.3); what is known of an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.concepts import Concept
from calcigram.formats.dicom.report import ImageEntry, Spacing

if TYPE_CHECKING:
    from pydicom import Dataset

CONTAINS = "CONTAINS"
PROPERTIES = "HAS PROPERTIES"
CONCEPT_MOD = "HAS CONCEPT MOD"
OBS_CONTEXT = "HAS OBS CONTEXT"
ACQ_CONTEXT = "HAS ACQ CONTEXT"
INFERRED = "INFERRED FROM"
SELECTED = "SELECTED FROM"

UNITS = {
    "mm": Concept("mm", "UCUM", "millimeter"),
    "1": Concept("1", "UCUM", "no units"),
    "{pixels}": Concept("{pixels}", "UCUM", "pixels"),
    "deg": Concept("deg", "UCUM", "degrees"),
}


def code_sequence(concept: Concept) -> Any:
    """Return a code sequence of one item."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    item = Dataset()
    name = "CodeValue" if len(concept.value) <= 16 else "LongCodeValue"
    setattr(item, name, concept.value)
    item.CodingSchemeDesignator = concept.scheme
    item.CodeMeaning = concept.meaning[:64]
    return Items([item])


def _item(
    relation: str, kind: str, name: Concept | None, children: Iterable[Dataset] = ()
) -> Dataset:
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    item = Dataset()
    item.RelationshipType = relation
    item.ValueType = kind
    if name is not None:
        item.ConceptNameCodeSequence = code_sequence(name)
    below = list(children)
    if below:
        item.ContentSequence = Items(below)
    return item


def container(relation: str, name: Concept, children: Iterable[Dataset]) -> Dataset:
    """Return a CONTAINER."""
    item = _item(relation, "CONTAINER", name, children)
    item.ContinuityOfContent = "SEPARATE"
    return item


def code(relation: str, name: Concept, value: Concept, children: Iterable[Dataset] = ()) -> Dataset:
    """Return a CODE."""
    item = _item(relation, "CODE", name, children)
    item.ConceptCodeSequence = code_sequence(value)
    return item


def text(relation: str, name: Concept, value: str) -> Dataset:
    """Return a TEXT."""
    item = _item(relation, "TEXT", name)
    item.TextValue = value
    return item


def uid(relation: str, name: Concept, value: str) -> Dataset:
    """Return a UIDREF."""
    item = _item(relation, "UIDREF", name)
    item.UID = value
    return item


def number(relation: str, name: Concept, value: float, unit: str) -> Dataset:
    """Return a NUM; the value is written with up to nine digits (VR DS has room for 16 signs)."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    item = _item(relation, "NUM", name)
    measured = Dataset()
    measured.MeasurementUnitsCodeSequence = code_sequence(UNITS[unit])
    measured.NumericValue = f"{value:.9g}"
    item.MeasuredValueSequence = Items([measured])
    return item


def coordinates(
    relation: str, name: Concept, graphic: str, points: Any, children: Iterable[Dataset]
) -> Dataset:
    """Return an SCOORD: (column, row), the first pixel's outer corner being (0, 0)."""
    import numpy as np

    item = _item(relation, "SCOORD", name, children)
    item.GraphicType = graphic
    item.GraphicData = [float(v) for v in np.asarray(points, np.float32).ravel()]
    return item


def image(
    relation: str, class_uid: str, instance_uid: str, children: Iterable[Dataset] = ()
) -> Dataset:
    """Return an IMAGE by value."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    item = _item(relation, "IMAGE", None, children)
    reference = Dataset()
    reference.ReferencedSOPClassUID = class_uid
    reference.ReferencedSOPInstanceUID = instance_uid
    item.ReferencedSOPSequence = Items([reference])
    return item


def by_reference(relation: str, place: Sequence[int]) -> Dataset:
    """Return an item that refers to another by its path from the root, which is ``(1,)``."""
    from pydicom import Dataset

    item = Dataset()
    item.RelationshipType = relation
    item.ReferencedContentItemIdentifier = list(place)
    return item


def describe_image(
    entry: ImageEntry, spacing: Spacing | None, sides: Mapping[str, Concept]
) -> list[Dataset]:
    """Return laterality, view, orientation, pixel spacing and size, as far as they are known.

    Parameters
    ----------
    entry : ImageEntry
    spacing : Spacing or None
        The spacing of a magnification view is left out: a report states the detector's
        (PS3.16, 111026) and has no place for the factor.
    sides : mapping of str to Concept
        The codes the template has for laterality.
    """
    relation = ACQ_CONTEXT
    about = []
    if entry.laterality in sides:
        about.append(code(relation, concepts.LATERALITY, sides[entry.laterality]))
    if entry.view in concepts.VIEWS:
        magnified = code(CONCEPT_MOD, concepts.VIEW_MODIFIER, concepts.MAGNIFICATION)
        view = concepts.VIEWS[entry.view]
        about.append(code(relation, concepts.VIEW, view, [magnified] if entry.magnified else []))
    if all(entry.orientation):
        row, column = entry.orientation
        about.append(text(relation, concepts.ORIENTATION_ROW, row))
        about.append(text(relation, concepts.ORIENTATION_COLUMN, column))
    if spacing is not None and spacing.x_mm > 0 and not entry.magnified:
        about.append(number(relation, concepts.SPACING_X, spacing.x_mm, "mm"))
        about.append(number(relation, concepts.SPACING_Y, spacing.y_mm, "mm"))
    if entry.n_rows and entry.n_columns:
        about.append(number(relation, concepts.ROWS, entry.n_rows, "{pixels}"))
        about.append(number(relation, concepts.COLUMNS, entry.n_columns, "{pixels}"))
    return about
