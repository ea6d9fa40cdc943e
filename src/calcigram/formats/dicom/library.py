"""The images a report speaks of: what it says of them, and to which a drawing belongs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.attributes import first_of, items_of, text_of
from calcigram.formats.dicom.concepts import Concept
from calcigram.formats.dicom.report import ImageEntry
from calcigram.formats.dicom.tree import Item, Tree

REPORTS = "1.2.840.10008.5.1.4.1.1.88."
"""SOP classes of structured reports begin so."""

MAX_FRAMES = 1_000

_EVIDENCE = ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")


def read_images(tree: Tree) -> dict[str, ImageEntry]:
    """Return every image the tree refers to, with what its library says of it."""
    images: dict[str, ImageEntry] = {}
    for item in tree.top.walk():
        uid, class_uid = image_reference(item)
        if not uid:
            continue
        entry = images.setdefault(uid, ImageEntry(uid))
        entry.class_uid = entry.class_uid or class_uid
        _describe(entry, item)
        group = item.parent
        if group is not None and group.kind == "CONTAINER":
            _describe(entry, group)  # TID 1600 states once what holds for a group of images
        entry.frames.update(_frames(item))
    if not images:  # a report without a library still rests on what it names as evidence
        images = {
            uid: ImageEntry(uid, class_uid)
            for uid, (_, _, class_uid) in evidence(tree.top.dataset).items()
            if not class_uid.startswith(REPORTS)
        }
    return images


def _frames(item: Item) -> list[int]:
    value = text_of(first_of(item.dataset, "ReferencedSOPSequence"), "ReferencedFrameNumber")
    numbers = itertools.islice(re.finditer(r"\d+", value), MAX_FRAMES)
    return [int(number[0]) for number in numbers if len(number[0]) < 10]


def image_reference(item: Item) -> tuple[str, str]:
    """Return SOP instance and class UID of an IMAGE item; empty for any other."""
    if item.kind != "IMAGE":
        return "", ""
    reference = first_of(item.dataset, "ReferencedSOPSequence")
    return text_of(reference, "ReferencedSOPInstanceUID"), text_of(
        reference, "ReferencedSOPClassUID"
    )


def image_of(item: Item, only: str = "") -> str:
    """Return the UID of the image an item is drawn on.

    Parameters
    ----------
    item : Item
        An SCOORD, or a finding that refers to an image itself.
    only : str
        The image to take where none is named.
    """
    referred = (target for child in item.children for target in _otherwise_read(child))
    for target in (*item.related(), *referred):
        uid, _ = image_reference(target)
        if uid:
            return uid
    return only


def _otherwise_read(child: Item) -> Iterator[Item]:
    """Yield what an item by reference may mean where its path leads to no image.

    Paths begin with 1 for the root and count from 1 (PS3.3 C.17.3.2.5); some leave the root out, some count
    from 0.
    """
    path = child.reference
    if path is None or child.root is None:
        return
    for other in ((1, *path), tuple(step + 1 for step in path)):
        target = child.root.at(other)
        if target is not None:
            yield target


def evidence(dataset: object) -> dict[str, tuple[str, str, str]]:
    """Return SOP instance UID -> (study, series, SOP class) as the evidence sequences tell."""
    found: dict[str, tuple[str, str, str]] = {}
    for name in _EVIDENCE:
        for study in items_of(dataset, name):
            for series in items_of(study, "ReferencedSeriesSequence"):
                for instance in items_of(series, "ReferencedSOPSequence"):
                    found.setdefault(
                        text_of(instance, "ReferencedSOPInstanceUID"),
                        (
                            text_of(study, "StudyInstanceUID"),
                            text_of(series, "SeriesInstanceUID"),
                            text_of(instance, "ReferencedSOPClassUID"),
                        ),
                    )
    return found


def _describe(entry: ImageEntry, item: Item) -> None:
    children = [child for child in item.children if child.kind in ("CODE", "NUM", "TEXT")]
    for child in children:
        if child.is_(concepts.LATERALITY) and not entry.laterality:
            entry.laterality = key_of(child, concepts.LATERALITIES)
        elif child.is_(concepts.VIEW):
            entry.view = entry.view or key_of(child, concepts.VIEWS)
            entry.magnified |= _is_magnified(child)
        elif child.is_(concepts.VIEW_MODIFIER):
            entry.magnified |= concepts.MAGNIFICATION.matches(child.code)
        elif child.is_(concepts.SPACING_X) and child.mm > 0:
            entry.spacing_x_mm = child.mm
        elif child.is_(concepts.SPACING_Y) and child.mm > 0:
            entry.spacing_y_mm = child.mm
        elif child.is_(concepts.SPACING_X) or child.is_(concepts.SPACING_Y):
            entry.spacing_unread = f"{child.number_text} {child.unit or 'of no unit'}"
        elif child.is_(concepts.ROWS) and child.number > 0:
            entry.n_rows = int(min(child.number, 1e6))
        elif child.is_(concepts.COLUMNS) and child.number > 0:
            entry.n_columns = int(min(child.number, 1e6))
        elif child.is_(concepts.ORIENTATION_ROW):
            entry.orientation = (child.text, entry.orientation[1])
        elif child.is_(concepts.ORIENTATION_COLUMN):
            entry.orientation = (entry.orientation[0], child.text)


def _is_magnified(view: Item) -> bool:
    modifiers = (child.code for child in view.children if child.is_(concepts.VIEW_MODIFIER))
    return any(concepts.MAGNIFICATION.matches(code) for code in modifiers)


def key_of(item: Item, table: Mapping[str, Concept]) -> str:
    """Return the key of the concept an item's code stands for; empty where it is none."""
    return next((key for key, concept in table.items() if concept.matches(item.code)), "")
