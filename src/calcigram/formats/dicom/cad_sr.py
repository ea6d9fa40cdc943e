"""Reads a Mammography CAD SR (PS3.16 TID 4000) as the calcifications and clusters it reports.

Read with tolerance: calcifications nested in their cluster, referred to, or beside it; centres
and outlines on the finding or on a container around it; old and new codes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from calcigram.errors import BadInputError
from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.concepts import Concept, kind_of_finding, words_of
from calcigram.formats.dicom.datasets import text_of
from calcigram.formats.dicom.drawing import drawing_of, image_of, only_image, read_images
from calcigram.formats.dicom.report import Group, Report, Spot
from calcigram.formats.dicom.tree import Item, Tree, stated_marks
from calcigram.longtable import Notice
from calcigram.wording import counted

WITHOUT_FAILURE = (
    Concept("111242", "DCM", "All algorithms succeeded; with findings"),
    Concept("111222", "DCM", "Succeeded"),
    Concept("111225", "DCM", "Not Attempted"),
)
"""Results (context groups 6047 and 6042) that are not reported."""

_INTENTS = (
    (Concept("111151", "DCM", "Presentation Optional"), "for optional presentation (111151)"),
    (Concept("111152", "DCM", "Not for Presentation"), "not for presentation (111152)"),
)

_RESULTS = (
    (concepts.SUMMARY, "CAD processing"),
    (concepts.DETECTIONS, "detections"),
    (concepts.ANALYSES, "analyses"),
)


def remarks(tree: Tree, findings: Sequence[tuple[Item, str]]) -> list[str]:
    """Return what a reader should know of a report besides its calcifications.

    Parameters
    ----------
    tree : Tree
    findings : sequence of (Item, str)
        Each finding, and its kind as `concepts.kind_of_finding` says it.

    Returns
    -------
    list of str
        Failures of the CAD, and which findings were left out, in sentences.
    """
    said = []
    for item in tree.top.walk():
        for concept, what in _RESULTS:
            if item.is_(concept) and item.code is not None:
                fine = any(result.matches(item.code) for result in WITHOUT_FAILURE)
                said += [] if fine else [f"{what} of the report: {item.code.meaning}"]
        if item.is_(concepts.FAILED_DETECTIONS) or item.is_(concepts.FAILED_ANALYSES):
            named = [child.code.meaning for child in item.related() if child.code is not None]
            said.append(f"the report says what failed: {', '.join(named) or 'nothing by name'}")
    others = Counter(
        item.code.meaning if item.code is not None else "no name"
        for item, kind in findings
        if kind == "other"
    )
    said += [f"{count} findings of {meaning!r} left out" for meaning, count in others.items()]
    withheld = _withheld(item for item, kind in findings if kind in ("cluster", "single"))
    return [*map(Notice, said), *withheld]


def _withheld(findings: Iterable[Item]) -> list[str]:
    """Say how many calcifications and clusters the CAD would not show to every reader."""
    intents = Counter(
        text
        for item in findings
        for concept, text in _INTENTS
        if (intent := item.first(concepts.RENDERING_INTENT)) is not None
        and concept.matches(intent.code)
    )
    return [f"{count} findings of calcifications are {text}" for text, count in intents.items()]


CLASS_UID = "1.2.840.10008.5.1.4.1.1.88.50"
"""SOP class Mammography CAD SR Storage."""


def is_cad_sr(tree: Tree) -> bool:
    """Tell whether a tree is a mammography CAD report, by its title, its SOP class or its findings."""
    if tree.top.is_(concepts.CAD_REPORT) or text_of(tree.top.dataset, "SOPClassUID") == CLASS_UID:
        return True
    findings = (item for item in tree.top.walk() if item.is_(concepts.FINDING_IN_IMAGE))
    return any(kind_of_finding(item.code) in ("cluster", "single") for item in findings)


def read_cad_sr(tree: Tree) -> Report:
    """Return what a Mammography CAD SR says of calcifications.

    Parameters
    ----------
    tree : Tree

    Returns
    -------
    Report

    Raises
    ------
    BadInputError
        A finding has a drawing without coordinates, or on no image of several.
    """
    report = Report(tree.top.dataset, "Mammography CAD SR", images=read_images(tree))
    findings, composites = [], []
    for item in tree.top.walk():
        if item.is_(concepts.FINDING_IN_IMAGE):
            findings.append((item, kind_of_finding(item.code)))
        elif item.is_(concepts.COMPOSITE_FEATURE):
            composites.append(item)
    owned: set[Item] = set()
    for item, kind in findings:
        if kind == "cluster":
            members = _members(item)
            owned.update(members)
            report.add(_group(item, members, report))
        elif kind == "nipple":
            _note_nipple(item, report)
        elif kind == "breast":
            _note_breast(item, report)
    for item in composites:
        members = [member for member in _members(item) if member not in owned]
        if members and kind_of_finding(item.code) == "cluster":
            owned.update(members)
            report.add(_group(item, members, report))
    singles = [item for item, kind in findings if kind == "single"]
    report.loose += _spots([item for item in singles if item not in owned], report)
    report.notes += [*_repeated(report), *remarks(tree, findings)]
    return report


def _repeated(report: Report) -> list[str]:
    """Drop loose calcifications that stand in a cluster as well; say how many."""
    drawn = {_place(spot) for group in report.groups for spot in group.spots}
    kept = [spot for spot in report.loose if _place(spot) not in drawn]
    n_repeated = len(report.loose) - len(kept)
    report.loose = kept
    noun = "calcification stands" if n_repeated == 1 else "calcifications stand"
    return [f"{n_repeated} {noun} both in a cluster and beside it: read once"] * (n_repeated > 0)


def _place(spot: Spot) -> tuple[object, ...]:
    """Return what tells one calcification from another: its centre, else its outline."""
    if spot.centre is not None or spot.outline is None:
        return spot.image, spot.centre
    return spot.image, spot.outline.graphic, spot.outline.points.tobytes()


def _members(cluster: Item) -> list[Item]:
    """Return the individual calcifications of a cluster, nested at any depth or by reference."""
    found: dict[Item, None] = {}
    seen = {cluster}
    stack = [cluster]
    while stack:
        item = stack.pop()
        if item is not cluster and item.is_(concepts.FINDING_IN_IMAGE):
            if kind_of_finding(item.code) == "single":
                found.setdefault(item)
            continue  # a finding within a finding is its own
        fresh = [child for child in item.related() if child not in seen]
        seen.update(fresh)
        stack.extend(reversed(fresh))
    return sorted(found, key=lambda item: item.place)


def _group(item: Item, members: list[Item], report: Report) -> Group:
    """Return a cluster with its calcifications."""
    drawn = drawing_of(item, report)
    image = drawn.image
    spots = _spots(members, report, image)
    if not image and spots:
        image = spots[0].image
    if not image and drawn.has_place:
        raise _no_image(item, report)
    outline, parts = drawn.parts()
    return Group(
        image,
        **stated_of(item),
        spots=spots or [Spot(image, *part) for part in parts],
        centre=drawn.centre,
        outline=outline,
    )


def _spots(items: list[Item], report: Report, image: str = "") -> list[Spot]:
    """Return calcifications; note those without a place."""
    spots, without = [], []
    for item in items:
        drawn = drawing_of(item, report)
        if not drawn.has_place:
            without.append(item.where)
        elif not (drawn.image or image):
            raise _no_image(item, report)
        else:
            on, words = drawn.image or image, (types_of(item), tracking_of(item))
            if drawn.centre is None and not drawn.outlines and len(drawn.points) > 1:
                spots += [Spot(on, point, None, *words) for point in drawn.points]
            else:
                centre = drawn.centre or next(iter(drawn.points), None)
                spots.append(Spot(on, centre, drawn.outline, *words, stated_marks(item)))
    if without:
        n = counted(len(without), "calcification")
        report.notes.append(Notice(f"{n} without a position left out, first {without[0]}"))
    return spots


def _no_image(item: Item, report: Report) -> BadInputError:
    return BadInputError(
        "an image that the coordinates are selected from (Referenced Content Item Identifier "
        "0040,DB73 of an image in the library), or a library of one image",
        column=item.where,
        value=f"{len(report.images)} images",
    )


def count_of(item: Item) -> int | None:
    """Return how many calcifications a finding says it has."""
    number = item.first(concepts.NUMBER)
    told = number is not None and math.isfinite(number.number)
    return int(min(max(number.number, 0), 1e9)) if number is not None and told else None


def stated_of(item: Item) -> dict[str, Any]:
    """Return the fields of a `Group` that a finding states in words and numbers."""
    return {
        "tracking": tracking_of(item),
        "types": types_of(item),
        "distributions": words_of(i.code for i in item.all(concepts.CALCIFICATION_DISTRIBUTION)),
        "n_reported": count_of(item),
    }


def tracking_of(item: Item) -> str:
    """Return the tracking identifier of a finding, else its tracking UID, else nothing."""
    for concept in (concepts.TRACKING_ID, concepts.TRACKING_UID):
        found = item.first(concept)
        if found is not None and found.text:
            return found.text
    return ""


def types_of(item: Item) -> tuple[str, ...]:
    """Return the calcification types of a finding, as our words where there is one."""
    return words_of(child.code for child in item.all(concepts.CALCIFICATION_TYPE))


def _note_nipple(item: Item, report: Report) -> None:
    drawn = drawing_of(item, report)
    if drawn.centre is not None and drawn.image:
        report.nipples.setdefault(drawn.image, drawn.centre)


def _note_breast(item: Item, report: Report) -> None:
    for concept, outlines in (
        (concepts.BREAST_OUTLINE, report.breasts),
        (concepts.PECTORAL_OUTLINE, report.pectorals),
    ):
        shape = item.first(concept)
        if shape is not None and shape.kind == "SCOORD":
            image = image_of(shape, image_of(item, only_image(report)))
            if image and len(shape.points) >= 3:
                outlines.setdefault(image, shape.points)
