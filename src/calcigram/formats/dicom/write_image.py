"""Writes what is known of an image: the children of its entry in an image library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from calcigram.formats.dicom import concepts, items
from calcigram.formats.dicom.concepts import Concept
from calcigram.formats.dicom.report import ImageEntry, Spacing

if TYPE_CHECKING:
    from pydicom import Dataset


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
    relation = items.ACQ_CONTEXT
    about = []
    if entry.laterality in sides:
        about.append(items.code(relation, concepts.LATERALITY, sides[entry.laterality]))
    if entry.view in concepts.VIEWS:
        magnified = items.code(items.CONCEPT_MOD, concepts.VIEW_MODIFIER, concepts.MAGNIFICATION)
        view = concepts.VIEWS[entry.view]
        about.append(
            items.code(relation, concepts.VIEW, view, [magnified] if entry.magnified else [])
        )
    if all(entry.orientation):
        row, column = entry.orientation
        about.append(items.text(relation, concepts.ORIENTATION_ROW, row))
        about.append(items.text(relation, concepts.ORIENTATION_COLUMN, column))
    if spacing is not None and spacing.x_mm > 0 and not entry.magnified:
        about.append(items.number(relation, concepts.SPACING_X, spacing.x_mm, "mm"))
        about.append(items.number(relation, concepts.SPACING_Y, spacing.y_mm, "mm"))
    if entry.n_rows and entry.n_columns:
        about.append(items.number(relation, concepts.ROWS, entry.n_rows, "{pixels}"))
        about.append(items.number(relation, concepts.COLUMNS, entry.n_columns, "{pixels}"))
    return about
