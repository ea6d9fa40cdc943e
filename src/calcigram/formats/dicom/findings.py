"""Reads findings of structured reports: a Mammography CAD SR (PS3.16 TID 4000), and a TID 1500 measurement report.

A CAD SR is read with tolerance: calcifications nested in their cluster, referred to, or beside it; centres
and outlines on the finding or on a container around it; old and new codes. Each measurement group with an image region is one
thing: a point or a small outline a calcification, an outline whose finding is a cluster a cluster. Whatever else is measured is
left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.concepts import Concept, is_plural, kind_of_finding, plain, words_of
from calcigram.formats.dicom.datasets import first_of, text_of
from calcigram.formats.dicom.drawing import (
    OUTLINES,
    POINTS,
    Drawing,
    as_point,
    drawing_of,
    image_of,
    only_image,
    read_images,
)
from calcigram.formats.dicom.report import Group, Outline, Report, Spot
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


def _remarks(tree: Tree, findings: Sequence[tuple[Item, str]]) -> list[str]:
    """Return failures of the CAD, and which findings (each with its kind) were left out, in sentences."""
    said: list[str] = []
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


CAD_SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.50"
"""SOP class Mammography CAD SR Storage."""


def is_cad_sr(tree: Tree) -> bool:
    """Tell whether a tree is a mammography CAD report, by its title, its SOP class or its findings."""
    is_class = text_of(tree.top.dataset, "SOPClassUID") == CAD_SR_CLASS
    if is_class or tree.top.is_(concepts.CAD_REPORT):
        return True
    findings = (item for item in tree.top.walk() if item.is_(concepts.FINDING_IN_IMAGE))
    return any(kind_of_finding(item.code) in ("cluster", "single") for item in findings)


def read_cad_sr(tree: Tree) -> Report:
    """Return what a Mammography CAD SR says of calcifications.

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
    report.notes += [*_repeated(report), *_remarks(tree, findings)]
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
        report.notice(f"{n} without a position left out, first {without[0]}")
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
    if number is None or not math.isfinite(number.number):
        return None
    return int(min(max(number.number, 0), 1e9))


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


MEMBER = "#"
"""Between a cluster's tracking identifier and a number in that of its calcification."""

SEGMENTED = "1.2.840.10008.5.1.4.1.1.66."
"""SOP classes of segmentations begin so."""


def is_measurement_report(tree: Tree) -> bool:
    """Tell whether a tree is a measurement report, by its title, its template or its groups.

    Groups tell where the title is no title of DICOM's own: a dose report is one, whatever it holds.
    """
    template = text_of(first_of(tree.top.dataset, "ContentTemplateSequence"), "TemplateIdentifier")
    if template == "1500" or any(tree.top.is_(title) for title in concepts.MEASUREMENT_TITLES):
        return True
    title = tree.top.concept
    if title is not None and title.scheme.upper() == "DCM":
        return False
    return any(item.is_(concepts.MEASUREMENT_GROUP) for item in tree.top.walk())


def read_tid1500(tree: Tree) -> Report:
    """Return what a measurement report says of calcifications.

    Raises
    ------
    BadInputError
        A region has no coordinates, is on no image of several, or all regions are in 3D coordinates.
    """
    report = Report(tree.top.dataset, "TID 1500 measurement report", images=read_images(tree))
    items = [item for item in tree.top.walk() if item.is_(concepts.MEASUREMENT_GROUP)]
    kinds = [_kind(item) for item in items]
    if items and not {"cluster", "single"} & set(kinds) and "untold" in kinds:
        report.notice("no measurement group says what it found; each is read as a calcification")
        kinds = ["single" if kind == "untold" else kind for kind in kinds]
    kinds = _points_of_one_label(items, kinds, report)
    clusters: list[Group] = []
    singles: list[Spot] = []
    for item, kind in zip(items, kinds, strict=True):
        if kind == "cluster":
            clusters.append(_measured_group(item, report))
        elif kind == "single":
            singles += _measured_spots(item, report)
        elif kind == "nipple":
            for spot in _measured_spots(item, report):
                if spot.centre is not None:
                    report.nipples.setdefault(spot.image, spot.centre)
    told = [item for item, kind in zip(items, kinds, strict=True) if kind in ("cluster", "single")]
    report.notes += _without_region(told, report)
    left = sum(kind in ("other", "untold") for kind in kinds)
    if left:
        report.notice(f"{left} measurement groups of something else were left out")
    report.loose += _given_out(singles, clusters)
    for group in clusters:
        report.add(group)
    return report


def _kind(item: Item) -> str:
    """Say what a group is about: cluster, single, nipple, other, or untold."""
    finding = item.first(concepts.FINDING)
    if finding is None or finding.code is None or not finding.code.tells:
        return "untold"
    kind = kind_of_finding(finding.code)
    return "other" if kind == "breast" else kind


def _points_of_one_label(items: list[Item], kinds: list[str], report: Report) -> list[str]:
    """Take lone points for calcifications where several have one label, such as "Calcifications".

    Viewers put the words of a list on whatever is drawn. A code for a cluster, and words that say cluster
    or group, mean what they say.
    """
    labels = [
        _plural_of_a_point(item) if kind == "cluster" else ""
        for item, kind in zip(items, kinds, strict=True)
    ]
    counts = Counter(labels)
    lone = [bool(label) and counts[label] > 1 for label in labels]
    if any(lone):
        n = sum(lone)
        report.notice(
            f"{n} points that have one label in the plural are read as a calcification each"
        )
    return ["single" if is_lone else kind for is_lone, kind in zip(lone, kinds, strict=True)]


def _plural_of_a_point(item: Item) -> str:
    """Return the label of a group that is a lone point, where it is in the plural; else nothing."""
    finding = item.first(concepts.FINDING)
    code = None if finding is None else finding.code
    if code is None or not is_plural(code):
        return ""
    numbers = [shape.graphic in POINTS and len(shape.points) for shape in _regions(item)]
    return plain(code.meaning) if numbers == [1] else ""


def _regions(item: Item) -> list[Item]:
    """Return what is drawn of a group, each once.

    Regions stand in the group (TID 1410), or below what was measured in them (TID 300).
    """
    shapes = [child for child in item.related() if child.kind == "SCOORD"]
    named = [shape for shape in shapes if shape.is_(concepts.IMAGE_REGION)]
    measured = [child for child in item.related() if child.kind == "NUM"]
    below = [shape for of in measured for shape in of.related() if shape.kind == "SCOORD"]
    distinct = {(s.graphic, s.points.tobytes(), image_of(s)): s for s in named or shapes or below}
    return list(distinct.values())


def _without_region(items: list[Item], report: Report) -> list[str]:
    """Say which groups have no region in pixels, and why; refuse where none has one."""
    without = [item for item in items if not _regions(item)]
    in_room = dict.fromkeys(
        item for item in without if any(i.kind == "SCOORD3D" for i in item.walk())
    )
    if in_room and len(without) == len(items):
        raise BadInputError(
            "regions in pixels of an image (SCOORD); 3D coordinates of the patient cannot be placed on a mammogram",
            column=next(iter(in_room)).where,
            value="SCOORD3D",
        )
    masks = dict.fromkeys(uid for item in without for uid in _segmentations(item))
    notes = []
    if in_room:
        notes.append(f"{len(in_room)} regions in 3D coordinates of the patient (SCOORD3D) left out")
    if masks:
        notes.append(f"regions are drawn in the segmentation {', '.join(masks)}: read that file")
    left = len(without) - len(in_room)
    if left:
        noun = "measurement group has" if left == 1 else "measurement groups have"
        first = next(item for item in without if item not in in_room)
        notes.append(f"{left} {noun} no region in pixels, first {first.where}")
    return [Notice(note) for note in notes]


def _segmentations(item: Item) -> Iterator[str]:
    for child in item.walk():
        reference = first_of(child.dataset, "ReferencedSOPSequence")
        if text_of(reference, "ReferencedSOPClassUID").startswith(SEGMENTED):
            yield text_of(reference, "ReferencedSOPInstanceUID")


def _image(shape: Item, item: Item, report: Report) -> str:
    image = image_of(shape, image_of(item, only_image(report)))
    if not image:
        expected = "an image that the region is selected from"
        raise BadInputError(expected, column=shape.where, value=f"{len(report.images)} images")
    return image


def _measured_group(item: Item, report: Report) -> Group:
    """Return a cluster; points and outlines drawn in its own group are its calcifications."""
    group = Group("", **stated_of(item))
    for drawn in _drawings(item, report):
        outline, parts = drawn.parts()
        if not group.image:
            group.image, group.outline = drawn.image, outline
            if len(parts) == 1 and outline is None:
                group.centre = parts[0][0]  # one point of a whole cluster is its place
                continue
        group.spots += [Spot(drawn.image, *part) for part in parts]
    group.image = group.image or only_image(report)
    if not group.image:
        report.notice(f"{item.where}: a cluster on no image")
    return group


def _drawings(item: Item, report: Report) -> list[Drawing]:
    """Return what is drawn of a group, on each image."""
    drawings: dict[str, Drawing] = {}
    for shape in _regions(item):
        image = _image(shape, item, report)
        drawn = drawings.setdefault(image, Drawing(image))
        if shape.graphic in POINTS:
            drawn.points += [as_point(place) for place in shape.points]
        elif shape.graphic in OUTLINES:
            drawn.outlines.append(Outline(shape.graphic, shape.points))
    return list(drawings.values())


def _measured_spots(item: Item, report: Report) -> list[Spot]:
    spots = []
    for shape in _without_axes(_regions(item)):
        image = _image(shape, item, report)
        about = (types_of(item), tracking_of(item), stated_marks(item))
        if shape.graphic in POINTS:
            # one point is the place; a second one, as of an arrow, shows where its text stands
            places = shape.points if shape.graphic == "MULTIPOINT" else shape.points[:1]
            spots += [Spot(image, as_point(place), None, *about) for place in places]
        elif shape.graphic in OUTLINES:
            spots.append(Spot(image, None, Outline(shape.graphic, shape.points), *about))
    return spots


def _without_axes(shapes: list[Item]) -> list[Item]:
    """Return one of the lines measured across a thing where nothing else is drawn of it."""
    lines = [shape for shape in shapes if shape.graphic == "POLYLINE" and len(shape.points) == 2]
    if len(lines) < max(2, len(shapes)):
        return shapes
    return [max(lines, key=lambda line: float(np.hypot(*np.ptp(line.points, axis=0))))]


def _given_out(singles: list[Spot], clusters: list[Group]) -> list[Spot]:
    """Give calcifications to the clusters their tracking identifiers name; return the others."""
    by_name = {(group.image, group.tracking): group for group in clusters if group.tracking}
    loose = []
    for spot in singles:
        cluster, sign, _ = spot.tracking.rpartition(MEMBER)
        name = cluster.strip()
        group = by_name.get((spot.image, name)) or by_name.get(("", name)) if sign else None
        if group is None:
            loose.append(spot)
        else:
            group.spots.append(spot)
            group.image = group.image or spot.image
    return loose
