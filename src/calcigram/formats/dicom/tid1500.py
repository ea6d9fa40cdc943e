"""Reads a TID 1500 measurement report as the calcifications and clusters it describes.

Each measurement group with an image region is one thing: a point or a small outline a
calcification, an outline whose finding is a cluster a cluster. Whatever else is measured is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.cad_sr import stated_of, tracking_of, types_of
from calcigram.formats.dicom.concepts import is_plural, kind_of_finding, plain
from calcigram.formats.dicom.datasets import first_of, text_of
from calcigram.formats.dicom.drawing import (
    OUTLINES,
    POINTS,
    Drawing,
    as_point,
    image_of,
    only_image,
    read_images,
)
from calcigram.formats.dicom.report import Group, Outline, Report, Spot
from calcigram.formats.dicom.tree import Item, Tree, stated_marks
from calcigram.longtable import Notice

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

    Parameters
    ----------
    tree : Tree

    Returns
    -------
    Report

    Raises
    ------
    BadInputError
        A region has no coordinates, is on no image of several, or all regions are in 3D coordinates.
    """
    report = Report(tree.top.dataset, "TID 1500 measurement report", images=read_images(tree))
    items = [item for item in tree.top.walk() if item.is_(concepts.MEASUREMENT_GROUP)]
    kinds = [_kind(item) for item in items]
    if items and not {"cluster", "single"} & set(kinds) and "untold" in kinds:
        text = "no measurement group says what it found; each is read as a calcification"
        report.notes.append(Notice(text))
        kinds = ["single" if kind == "untold" else kind for kind in kinds]
    kinds = _points_of_one_label(items, kinds, report)
    clusters: list[Group] = []
    singles: list[Spot] = []
    for item, kind in zip(items, kinds, strict=True):
        if kind == "cluster":
            clusters.append(_group(item, report))
        elif kind == "single":
            singles += _spots(item, report)
        elif kind == "nipple":
            for spot in _spots(item, report):
                if spot.centre is not None:
                    report.nipples.setdefault(spot.image, spot.centre)
    told = [item for item, kind in zip(items, kinds, strict=True) if kind in ("cluster", "single")]
    report.notes += _without_region(told, report)
    left = sum(kind in ("other", "untold") for kind in kinds)
    if left:
        report.notes.append(Notice(f"{left} measurement groups of something else were left out"))
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
        plain(finding.code.meaning)
        if kind == "cluster"
        and (finding := item.first(concepts.FINDING)) is not None
        and finding.code is not None
        and is_plural(finding.code)
        and [shape.graphic in POINTS and len(shape.points) for shape in _regions(item)] == [1]
        else ""
        for item, kind in zip(items, kinds, strict=True)
    ]
    counts = Counter(labels)
    lone = [bool(label) and counts[label] > 1 for label in labels]
    if any(lone):
        text = (
            f"{sum(lone)} points that have one label in the plural are read as a calcification each"
        )
        report.notes.append(Notice(text))
    return ["single" if is_lone else kind for is_lone, kind in zip(lone, kinds, strict=True)]


def _regions(item: Item) -> list[Item]:
    """Return what is drawn of a group, each once.

    Regions stand in the group (TID 1410), or below what was measured in them (TID 300).
    """
    shapes = [child for child in item.related() if child.kind == "SCOORD"]
    named = [shape for shape in shapes if shape.is_(concepts.IMAGE_REGION)]
    measured = (
        shape for child in item.related() if child.kind == "NUM" for shape in child.related()
    )
    below = [shape for shape in measured if shape.kind == "SCOORD"]
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


def _group(item: Item, report: Report) -> Group:
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
        report.notes.append(Notice(f"{item.where}: a cluster on no image"))
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


def _spots(item: Item, report: Report) -> list[Spot]:
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
