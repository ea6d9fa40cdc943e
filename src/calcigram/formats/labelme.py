"""Reads LabelMe annotations in JSON as clusters: polygons, rectangles, circles and points, each with a label.

The image that such a file may embed is not looked at.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath

import numpy as np

from calcigram.formats.annotated import intake_of_regions
from calcigram.formats.files import PathLike
from calcigram.formats.jsontext import Json, load_json
from calcigram.formats.regions import BOX, CIRCLE, MAX_POINTS, POLYGON, ImageRegions, Region
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted


def read_labelme(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of a LabelMe file.

    Parameters
    ----------
    path : path-like
    options : ReadOptions, optional

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, or a shape is not as LabelMe has it; its place is named.
    """
    options = options or ReadOptions()
    content = load_json(path)
    sides = [content[side] for side in ("imageHeight", "imageWidth")]
    size = None if any(side.is_missing for side in sides) else (sides[0].whole(), sides[1].whole())
    named = content["imagePath"].text() or str(path)
    image = ImageRegions(PurePath(named.replace("\\", "/")).stem, size=size)
    others: Counter[str] = Counter()
    n_points = 0
    for shape in content["shapes"].items():
        kind = shape["shape_type"].text() or "polygon"
        points = shape["points"].points()
        n_points += len(points)
        if n_points > MAX_POINTS:
            shape.refuse(f"at most {MAX_POINTS} points")
        if kind not in _KINDS:
            others[kind] += 1
            continue
        image.regions += _KINDS[kind](shape, points)
    notes = ["LabelMe annotation (JSON)"]
    notes += [Notice(f"{counted(n, 'shape')} of the type {kind!r} left out") for kind, n in others.items()]  # fmt: skip
    options.refuse_threshold(str(path))
    return intake_of_regions([image], str(path), options, notes)


def _polygon(shape: Json, points: np.ndarray) -> list[Region]:
    return [Region(shape["label"].text(), points, shape.where)]


def _points(shape: Json, points: np.ndarray) -> list[Region]:
    return [Region(shape["label"].text(), point[None], shape.where) for point in points]


def _circle(shape: Json, points: np.ndarray) -> list[Region]:
    if len(points) != 2:
        shape["points"].refuse("the centre of a circle and a point on it")
    return [Region(shape["label"].text(), points, shape.where, CIRCLE)]


def _rectangle(shape: Json, points: np.ndarray) -> list[Region]:
    if len(points) not in (2, 4):
        shape["points"].refuse("two corners of a rectangle")
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return [Region(shape["label"].text(), corners, shape.where, BOX)]


_KINDS = {
    POLYGON: _polygon,
    "point": _points,
    "points": _points,
    "circle": _circle,
    "rectangle": _rectangle,
}
