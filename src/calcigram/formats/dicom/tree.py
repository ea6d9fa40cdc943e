"""The content tree of a structured report, read with tolerance, as reports vary; its units and measured marks.

`Item` wraps one content item; missing or damaged attributes read as nothing. Other modules give meaning to the items.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.formats.dicom.concepts import FINDING_IN_IMAGE, PRIVATE_SCHEME, Coded, Concept
from calcigram.formats.dicom.datasets import coded, first_of, items_of, numbers_of, text_of
from calcigram.formats.outlines import Shape

if TYPE_CHECKING:
    from pydicom import Dataset

MM_OF = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "um": 1e-3,
    "µm": 1e-3,  # micro sign
    "μm": 1e-3,  # Greek mu
    "micrometer": 1e-3,
    "micrometre": 1e-3,
    "micron": 1e-3,
    "cm": 10.0,
    "centimeter": 10.0,
    "centimetre": 10.0,
    "m": 1000.0,
    "meter": 1000.0,
    "metre": 1000.0,
}
"""Units of length, and their length in mm."""

_A_PIXEL = re.compile(r"(/| per )\{?(pixels?|px)\}?$")
_SQUARED = re.compile(r"^(?:square (?P<named>\w+)|(?P<symbol>\w+?)(?:2|\^2|²))$")


def mm_of(unit: str) -> float:
    """Return a unit of length, or of length per pixel, in mm; NaN for any other.

    Examples
    --------
    >>> mm_of("um"), mm_of("mm/{pixel}"), mm_of("Micrometers"), mm_of("ms")
    (0.001, 1.0, 0.001, nan)
    """
    plain = _A_PIXEL.sub("", unit.strip().casefold())
    if plain.endswith("s") and len(plain) > 4:  # spelt out; "ms" is no length
        plain = plain.removesuffix("s")
    return MM_OF.get(plain, nan)


def mm2_of(unit: str) -> float:
    """Return a unit of area in mm2; NaN for any other.

    Examples
    --------
    >>> mm2_of("mm2"), mm2_of("square centimeter"), mm2_of("mm")
    (1.0, 100.0, nan)
    """
    squared = _SQUARED.match(unit.strip().casefold())
    if squared is None:
        return nan
    return mm_of(squared["named"] or squared["symbol"]) ** 2


MAX_ITEMS = 100_000
MAX_DEPTH = 100

MAX_STEPS = 20_000_000
"""From item to related item, in reading one report; relationships by reference may make any number."""

MAX_POINTS = 100_000
"""Of one drawing."""

MAX_COORDINATE = 1e6
"""No image has so many rows or columns."""

_VALUE_ATTRIBUTES = {"TEXT": "TextValue", "UIDREF": "UID", "DATE": "Date", "TIME": "Time", "PNAME": "PersonName"}  # fmt: skip


@dataclass(eq=False)
class Item:
    """One content item.

    Attributes
    ----------
    dataset : pydicom.Dataset
    parent : Item or None
    place : tuple of int
        Path from the root, which is ``(1,)``, as by-reference relationships count.
    children : list of Item
        By value; see `related` for those by reference too.
    """

    dataset: Dataset
    parent: Item | None = None
    place: tuple[int, ...] = (1,)
    children: list[Item] = field(default_factory=list)
    root: Tree | None = None

    @cached_property
    def kind(self) -> str:
        """Value type, such as ``"SCOORD"``; empty for an item by reference."""
        return text_of(self.dataset, "ValueType").upper()

    @cached_property
    def concept(self) -> Coded | None:
        """The name of the item."""
        return coded(first_of(self.dataset, "ConceptNameCodeSequence"))

    @cached_property
    def code(self) -> Coded | None:
        """The value of a CODE item."""
        return coded(first_of(self.dataset, "ConceptCodeSequence"))

    @property
    def text(self) -> str:
        """The value of an item of text, a UID, date, time or name."""
        return text_of(self.dataset, _VALUE_ATTRIBUTES.get(self.kind, "TextValue")).strip()

    @property
    def number(self) -> float:
        """The value of a NUM item; NaN where there is none."""
        measured = first_of(self.dataset, "MeasuredValueSequence")
        values = numbers_of(measured, "NumericValue") or numbers_of(measured, "FloatingPointValue")
        return values[0] if values else math.nan

    @property
    def number_text(self) -> str:
        """The value of a NUM item as it is written."""
        return text_of(first_of(self.dataset, "MeasuredValueSequence"), "NumericValue")[:64]

    @property
    def unit(self) -> str:
        """The unit of a NUM item, in UCUM where it is written so."""
        unit = self._unit
        return "" if unit is None else unit.value or unit.meaning

    @property
    def mm(self) -> float:
        """A NUM item's length in mm, or length per pixel; NaN where its unit is none of length."""
        return self._in(mm_of)

    @property
    def mm2(self) -> float:
        """A NUM item's area in mm2; NaN where its unit is none of area."""
        return self._in(mm2_of)

    @property
    def _unit(self) -> Coded | None:
        measured = first_of(self.dataset, "MeasuredValueSequence")
        return coded(first_of(measured, "MeasurementUnitsCodeSequence"))

    def _in(self, size_of: Callable[[str], float]) -> float:
        """Return the value in the unit that `size_of` counts in; by its code, else by its meaning."""
        unit = self._unit
        texts = () if unit is None else (unit.value, unit.meaning)
        sizes = (size for text in texts if not math.isnan(size := size_of(text)))
        return self.number * next(sizes, math.nan)

    @cached_property
    def graphic(self) -> str:
        """Graphic type of an SCOORD: POINT, MULTIPOINT, POLYLINE, CIRCLE or ELLIPSE.

        Where it is not told, a pair of coordinates is a point, and more are a polygon.
        """
        told = text_of(self.dataset, "GraphicType").strip().upper()
        if told or self.kind != "SCOORD":
            return told
        return "POINT" if len(numbers_of(self.dataset, "GraphicData")) == 2 else "POLYLINE"

    @cached_property
    def points(self) -> npt.NDArray[np.float64]:
        """Coordinates of an SCOORD, (column, row) in pixels, shape (n, 2)."""
        flat = np.array(numbers_of(self.dataset, "GraphicData"))
        n_least = {"POINT": 2, "CIRCLE": 4, "ELLIPSE": 8}.get(self.graphic, 2)
        within = (np.abs(flat) <= MAX_COORDINATE).all()  # of NaN too this is false
        if not n_least <= flat.size <= 2 * MAX_POINTS or flat.size % 2 or not within:
            raise BadInputError(
                f"an even number of coordinates of an image, {n_least} to {2 * MAX_POINTS} "
                "(Graphic Data 0070,0022)",
                column=self.where,
                value=f"{self.graphic} of {flat.size} values",
            )
        return flat.reshape(-1, 2)

    @property
    def where(self) -> str:
        """The place of the item, for messages."""
        name = self.concept
        called = f" {name.meaning!r}" if name is not None and name.meaning else ""
        return f"content item {'.'.join(map(str, self.place))}{called}"

    def is_(self, concept: Concept) -> bool:
        """Tell whether the item's name is `concept`."""
        return concept.matches(self.concept)

    def related(self) -> Iterator[Item]:
        """Yield the children, those by reference as the items they refer to."""
        if self.root is not None:
            self.root.count(len(self.children))
        for child in self.children:
            path = child.reference
            target = None if path is None or self.root is None else self.root.at(path)
            if path is None:
                yield child
            elif target is not None:
                yield target

    @cached_property
    def reference(self) -> tuple[int, ...] | None:
        """The path an item by reference holds; None for an item by value."""
        if "ReferencedContentItemIdentifier" not in self.dataset:
            return None
        value = self.dataset.ReferencedContentItemIdentifier
        try:
            return tuple(int(step) for step in np.atleast_1d(np.asarray(value)))
        except (TypeError, ValueError):
            return ()

    def all(self, concept: Concept) -> list[Item]:
        """Return the related items of a name."""
        return [item for item in self.related() if item.is_(concept)]

    def first(self, concept: Concept) -> Item | None:
        """Return the first related item of a name."""
        return next(iter(self.all(concept)), None)

    @cached_property
    def findings(self) -> list[Item]:
        """Children that are findings in an image."""
        return [child for child in self.children if child.is_(FINDING_IN_IMAGE)]

    @cached_property
    def drawings(self) -> list[Item]:
        """Related items that are coordinates in an image."""
        return [child for child in self.related() if child.kind == "SCOORD"]

    def walk(self) -> Iterator[Item]:
        """Yield this item and all below it, in order."""
        stack = [self]
        while stack:
            item = stack.pop()
            yield item
            stack.extend(reversed(item.children))


class Tree:
    """The whole tree.

    Parameters
    ----------
    dataset : pydicom.Dataset
        A structured report.

    Raises
    ------
    BadInputError
        It has more items, or is deeper, than any report.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._n_steps = 0
        self.top = Item(dataset, root=self)
        self._items = {self.top.place: self.top}
        stack = [self.top]
        while stack:
            parent = stack.pop()
            for number, child in enumerate(items_of(parent.dataset, "ContentSequence"), start=1):
                item = Item(child, parent, (*parent.place, number), root=self)
                parent.children.append(item)
                self._items[item.place] = item
                if len(self._items) > MAX_ITEMS or len(item.place) > MAX_DEPTH:
                    expected = f"a report of at most {MAX_ITEMS} content items, {MAX_DEPTH} deep"
                    raise BadInputError(expected)
                stack.append(item)

    def count(self, n_steps: int) -> None:
        """Count steps from item to item; refuse a report that takes too many."""
        self._n_steps += n_steps
        if self._n_steps > MAX_STEPS:
            expected = f"a report whose items refer to each other at most {MAX_STEPS} times"
            raise BadInputError(expected)

    def at(self, path: tuple[int, ...]) -> Item | None:
        """Return the item at a path, None where there is none."""
        return self._items.get(path)


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
        In the units of the cluster set. Long and short axes are no marks: an outline of any
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
