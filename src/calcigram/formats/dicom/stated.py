"""Marks that a report states outright, as measurements, and not by what it draws."""

from __future__ import annotations

import math
from dataclasses import replace

from calcigram.formats.dicom.concepts import PRIVATE_SCHEME, Concept
from calcigram.formats.dicom.tree import Item
from calcigram.formats.outlines import Shape

MARK_CONCEPTS = {
    "diameter_mm": Concept("81827009", "SCT", "Diameter", ("M-02550",)),
    "aspect_ratio": Concept("aspect_ratio", PRIVATE_SCHEME, "Aspect ratio"),
    "orientation_deg": Concept("orientation_deg", PRIVATE_SCHEME, "Direction of the major axis"),
    "solidity": Concept("solidity", PRIVATE_SCHEME, "Solidity"),
    "cnr": Concept("cnr", PRIVATE_SCHEME, "Contrast-to-noise ratio"),
}
"""The measurements that carry marks; where DICOM has no code, under our own scheme."""

AREA = Concept("42798000", "SCT", "Area", ("G-A166", "G-D705", "Area of defined region"))
"""Of which the diameter of the circle of equal area follows."""


def stated_marks(item: Item) -> dict[str, float]:
    """Return the marks that a finding, or a measurement group, measures.

    Parameters
    ----------
    item : Item

    Returns
    -------
    dict of str to float
        In the units of the cluster set. Long and short axes are no marks of ours: an outline of any
        form has them.
    """
    stated = {}
    for name, concept in MARK_CONCEPTS.items():
        number = _measured(item, concept)
        if number is not None:
            value = number.mm if name.endswith("_mm") else number.number
            if math.isfinite(value):
                stated[name] = value
    area = _measured(item, AREA)
    if "diameter_mm" not in stated and area is not None and area.mm2 > 0:
        stated["diameter_mm"] = 2 * math.sqrt(area.mm2 / math.pi)
    return stated


def _measured(item: Item, concept: Concept) -> Item | None:
    return next((number for number in item.all(concept) if number.kind == "NUM"), None)


def with_stated(shape: Shape, stated: dict[str, float]) -> Shape:
    """Return a shape completed by what is stated; what its outline tells goes first.

    Examples
    --------
    >>> with_stated(Shape(1.0, 2.0), {"diameter_mm": 0.5}).diameter_mm
    0.5
    >>> with_stated(Shape(1.0, 2.0, diameter_mm=0.4), {"diameter_mm": 0.5}).diameter_mm
    0.4
    """
    return replace(
        shape, **{name: value for name, value in stated.items() if math.isnan(getattr(shape, name))}
    )
