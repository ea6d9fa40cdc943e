"""What is drawn of a finding, and on which image; what a report says of its images.

Drawings hang on the finding, or on a container around it where a vendor put them there.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.datasets import first_of, items_of, text_of
from calcigram.formats.dicom.report import ImageEntry, Outline, Point, Report
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
    of = first_of(item.dataset, "ReferencedSOPSequence")
    return text_of(of, "ReferencedSOPInstanceUID"), text_of(of, "ReferencedSOPClassUID")


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
                within = text_of(study, "StudyInstanceUID"), text_of(series, "SeriesInstanceUID")
                for instance in items_of(series, "ReferencedSOPSequence"):
                    place = (*within, text_of(instance, "ReferencedSOPClassUID"))
                    found.setdefault(text_of(instance, "ReferencedSOPInstanceUID"), place)
    return found


def _describe(entry: ImageEntry, item: Item) -> None:
    children = [child for child in item.children if child.kind in ("CODE", "NUM", "TEXT")]
    for child in children:
        if child.is_(concepts.LATERALITY) and not entry.laterality:
            entry.laterality = concepts.key_of(child.code, concepts.LATERALITIES)
        elif child.is_(concepts.VIEW):
            entry.view = entry.view or concepts.key_of(child.code, concepts.VIEWS)
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


OUTLINES = ("POLYLINE", "CIRCLE", "ELLIPSE")
POINTS = ("POINT", "MULTIPOINT")

LARGEST_PART = 0.5
"""An outline that takes up more of the one around it is the cluster once more, and no part of it."""

_LEVELS_ABOVE = 3  # how far up a drawing may hang that a vendor put on a container


@dataclass
class Drawing:
    """What is drawn of a finding.

    Attributes
    ----------
    image : str
        SOP instance UID; empty where it cannot be told.
    centre : (float, float) or None
        In pixels, where one point is drawn.
    points : list of (float, float)
        Where several are: the calcifications of a cluster drawn as a whole.
    outlines : list of Outline
        Those named so first.
    """

    image: str
    centre: Point | None = None
    points: list[Point] = field(default_factory=list)
    outlines: list[Outline] = field(default_factory=list)

    @property
    def outline(self) -> Outline | None:
        """The first outline."""
        return next(iter(self.outlines), None)

    @property
    def has_place(self) -> bool:
        """Whether anything is drawn."""
        return bool(self.points or self.outlines) or self.centre is not None

    def parts(self) -> tuple[Outline | None, list[tuple[Point | None, Outline | None]]]:
        """Take the drawing of a cluster apart.

        Returns
        -------
        Outline or None
            Drawn around the whole.
        list of (point, Outline)
            The calcifications: each outline besides, with the point in it, and each other point.
        """
        around = self.outline if len(self.outlines) == 1 else _enclosing(self.outlines)
        largest = np.inf if around is None else LARGEST_PART * _extent(around)
        inner = [o for o in self.outlines if o is not around and _extent(o) < largest]
        places = np.array(self.points, float).reshape(-1, 2)
        free = np.ones(len(places), bool)
        found: list[tuple[Point | None, Outline | None]] = []
        for outline in inner:
            low, high = _box(outline)
            within = np.flatnonzero(free & ((low <= places) & (places <= high)).all(axis=1))
            free[within[:1]] = False
            found.append((self.points[within[0]] if within.size else None, outline))
        return around, found + [(self.points[k], None) for k in np.flatnonzero(free)]


def drawing_of(item: Item, report: Report) -> Drawing:
    """Return what is drawn of a finding.

    Parameters
    ----------
    item : Item
    report : Report
        A damaged outline of a finding with a centre is left out, and noted here.

    Raises
    ------
    BadInputError
        A drawing has too few coordinates, or such as no image has.
    """
    shapes = [shape for shape in item.drawings or _drawn_around(item) if _is_of(shape, item)]
    image = next((uid for shape in shapes if (uid := image_of(shape))), "")
    elsewhere = [shape for shape in shapes if image_of(shape, image) != image]
    if elsewhere:
        report.notice(f"{item.where}: {len(elsewhere)} drawings on a further image left out")
        shapes = [shape for shape in shapes if image_of(shape, image) == image]
    outlined = [shape for shape in shapes if shape.graphic in OUTLINES]
    outlined.sort(key=lambda shape: not shape.is_(concepts.OUTLINE))
    dots = [shape for shape in shapes if shape.graphic in POINTS]
    centres = [shape for shape in dots if shape.is_(concepts.CENTER)] or dots
    centre = None
    if len(centres) == 1 and len(centres[0].points) == 1:
        centre = as_point(centres[0].points[0])
        dots.remove(centres[0])
    return Drawing(
        image or image_of(item, only_image(report)),
        centre,
        [as_point(place) for shape in dots for place in shape.points],
        list(_outlines(outlined, report, may_fail=centre is not None)),
    )


def _outlines(shapes: Sequence[Item], report: Report, *, may_fail: bool) -> Iterable[Outline]:
    for shape in shapes:
        try:
            yield Outline(shape.graphic, shape.points)
        except BadInputError as error:
            if not may_fail:
                raise
            report.notice(f"{error.column}: an outline of {error.value}, left out")


def only_image(report: Report) -> str:
    """Return the image of a report that has but one; empty for any other."""
    return next(iter(report.images)) if len(report.images) == 1 else ""


def as_point(place: Any) -> Point:
    """Return a row of coordinates as a point."""
    return float(place[0]), float(place[1])


def _is_of(shape: Item, item: Item) -> bool:
    """Tell whether a drawing shows a finding's own place, and not the nipple beside it."""
    return not shape.is_(concepts.NIPPLE) or concepts.NIPPLE.matches(item.code)


def _drawn_around(item: Item) -> list[Item]:
    """Return the drawings a vendor put beside a finding, in the container around it.

    Of several findings in a container, each has the drawings that follow it.
    """
    inner, around = item, item.parent
    for _ in range(_LEVELS_ABOVE):
        if around is None or around.kind != "CONTAINER":
            return []
        if len(around.findings) > 1:
            return list(_following(inner, around.children))
        if around.drawings:
            return around.drawings
        inner, around = around, around.parent
    return []


def _following(item: Item, siblings: Sequence[Item]) -> Iterator[Item]:
    """Yield the drawings that follow an item, as far as the next finding."""
    for index in range(item.place[-1], len(siblings)):
        if siblings[index].is_(concepts.FINDING_IN_IMAGE):
            return
        if siblings[index].kind == "SCOORD":
            yield siblings[index]


def _enclosing(outlines: Sequence[Outline]) -> Outline | None:
    """Return the outline that the others lie in; None where there is no such one."""
    middles = [np.mean(_box(outline), axis=0) for outline in outlines]
    largest = max(outlines, key=_extent, default=None)
    if largest is not None and all(_holds(largest, as_point(middle)) for middle in middles):
        return largest
    return None


def _holds(outline: Outline, point: Point) -> bool:
    low, high = _box(outline)
    return bool((low <= point).all() and (point <= high).all())


def _extent(outline: Outline) -> float:
    """Return the area of the box around an outline."""
    return float(np.ptp(_box(outline), axis=0).prod())


def _box(outline: Outline) -> Any:
    """Return the least and greatest coordinates of an outline, shape (2, 2)."""
    points = outline.points
    if outline.graphic == "CIRCLE":
        radius = float(np.hypot(*(points[1] - points[0])))
        points = points[0] + np.array([[-radius, -radius], [radius, radius]])
    return np.array([points.min(axis=0), points.max(axis=0)])
