"""Reads annotations in JSON as clusters: COCO (also lists of detections) and LabelMe.

Lin et al., "Microsoft COCO: common objects in context", ECCV 2014; CVAT, Label Studio and others write such files. Each
annotation is one calcification or one outline; masks are run lengths, as lists or packed to a text. LabelMe has polygons,
rectangles, circles and points, each with a label; the image that such a file may embed is not looked at. JSON is loaded
within limits; values of it are checked, and their place is named.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath
from typing import Any, NoReturn

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.annotated import intake_of_regions
from calcigram.formats.annotations import MAX_BYTES, MAX_POINTS, ImageRegions, Region, left_out
from calcigram.formats.files import PathLike, read_at_most
from calcigram.formats.maskparts import MAX_MARKED, Ints, connected
from calcigram.formats.outlines import BOX, CIRCLE, POLYGON, Points, turned
from calcigram.limits import MAX_PIXELS
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted

MAX_VALUES = 10_000_000
"""Commas and brackets of a file."""

LARGEST = 1e6
"""Of a coordinate, in pixels or mm."""

_TYPES = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


@dataclass(frozen=True)
class Json:
    """A value in JSON, and where it stands.

    Examples
    --------
    >>> Json({"a": [{"b": 1}]})["a"][0]["b"].whole()
    1
    """

    value: Any
    where: str = ""

    def __getitem__(self, key: str | int) -> Json:
        """Return a value within it; what is not there is None."""
        if isinstance(key, int):
            return Json(self.value[key], f"{self.where}[{key}]")
        where = f"{self.where}.{key}" if self.where else key
        return Json(self.of(dict).get(key), where)

    def __iter__(self) -> Iterator[Json]:
        for index in range(len(self.of(list))):
            yield self[index]

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing, or null."""
        return self.value is None

    def of(self, kind: type) -> Any:
        """Return the value, which must be of a type."""
        if not isinstance(self.value, kind) or isinstance(self.value, bool):
            self.refuse(_TYPES[kind])
        return self.value

    def items(self) -> list[Json]:
        """Return the values of a list; none where there is nothing."""
        return [] if self.is_missing else list(self)

    def text(self) -> str:
        """Return a text; empty where there is nothing. Half characters, which no file can hold, are replaced."""
        text = "" if self.is_missing else str(self.of(str))
        return text.encode(errors="replace").decode().strip()

    def whole(self) -> int:
        """Return a whole number."""
        return int(self.of(int))

    def key(self, expected: str) -> int | str:
        """Return an id, which is a whole number or a text."""
        if not isinstance(self.value, int | str) or isinstance(self.value, bool):
            self.refuse(expected)
        return self.value

    def number(self) -> float:
        """Return a finite number of a size that a coordinate may have."""
        value = self.value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= LARGEST:
            self.refuse(f"a number up to {LARGEST:,.0f} either way")
        return float(value)

    def points(self, n_axes: int = 2, largest: float = LARGEST) -> Points:
        """Return a list of points, such as ``[[x, y], ...]`` or ``[x, y, ...]``, shape (n, n_axes)."""
        given = self.of(list)
        if given and isinstance(given[0], list):
            if any(not isinstance(p, list) or len(p) != n_axes for p in given):
                self.refuse(f"points of {n_axes} numbers each")
            given = [value for point in given for value in point]
        if len(given) % n_axes or len(given) > n_axes * MAX_POINTS:
            self.refuse(f"{n_axes} numbers for each of at most {MAX_POINTS} points")
        if any(type(value) not in (int, float) or not abs(value) <= largest for value in given):
            self.refuse(f"numbers up to {largest:,.0f} either way")
        return np.array(given, float).reshape(-1, n_axes)

    def refuse(self, expected: str) -> NoReturn:
        """Raise `BadInputError` of this place."""
        raise BadInputError(expected, column=self.where or "the file", value=self.value)


def load_json(path: PathLike) -> Json:
    """Load a file of annotations.

    Raises
    ------
    BadInputError
        It is too large, damaged, nested too deeply, or holds NaN.
    """
    data = read_at_most(path, MAX_BYTES)
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise BadInputError(f"an annotation file of at most {MAX_VALUES:,} values")

    def no_number(text: str) -> float:
        raise ValueError(f"{text} is no JSON")

    try:
        return Json(json.loads(data, parse_constant=no_number))
    except RecursionError:
        raise BadInputError("JSON that is not nested so deeply") from None
    except ValueError as error:  # of digits, of UTF-8 and of JSON itself
        raise BadInputError("complete JSON in UTF-8", value=str(error)[:200]) from None


MAX_BOXES = 4 * MAX_PIXELS
"""Pixels of the boxes around masks, all together."""

NOWHERE: Points = np.empty((0, 2))


def read_coco(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a COCO file.

    Parameters
    ----------
    path : path-like
        An object with ``images``, ``annotations`` and ``categories``, or a list of detections with a ``score``.
    options : ReadOptions
        Detections of a lower score than its `threshold` are left out.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, or an annotation is not as COCO has it; its place is named.

    Notes
    -----
    A polygon of several parts is one calcification. A mask is one, too, but that of a crowd (``iscrowd``, as CVAT
    writes all masks) is as many as it has connected parts. Where there is a box alone, its position is read, and its size as
    a guess.
    """
    content = load_json(path)
    is_list = isinstance(content.value, list)
    annotations = content if is_list else content["annotations"]
    names = {} if is_list else _names(content)
    images = {} if is_list else _images(content)
    notes = [f"COCO {'detections' if is_list else 'annotations'} (JSON)"]
    n_empty, n_low, has_scores, budget = 0, 0, False, _Budget()
    threshold = options.least_probability
    for annotation in annotations.items():
        expected = "the id of an image of the file"
        key = annotation["image_id"].key(expected)
        if images and not is_list and key not in images:
            annotation["image_id"].refuse(expected)
        image = images.setdefault(key, ImageRegions(str(key)))
        category = annotation["category_id"]
        number = None if category.is_missing else category.whole()
        region = Region(names.get(number, ""), NOWHERE, annotation.where, number=number)
        if not annotation["score"].is_missing:
            has_scores, score = True, annotation["score"].number()
            if not 0 <= score <= 1:
                annotation["score"].refuse("a score from 0 to 1")
            region = replace(region, confidence=score)
            if score < threshold:
                n_low += 1
                continue
        found = list(_regions(annotation, region, budget))
        n_empty += not found
        image.regions += found
    if has_scores:
        text = (
            f"{counted(n_low, 'detection')} of a score below {threshold:g} (--threshold) left out"
        )
        notes.append(Notice(f"{text}; the score is the confidence"))
    elif options.threshold is not None:
        raise BadInputError("annotations with a score, or no threshold", column="--threshold")
    if n_empty:
        text = f"{counted(n_empty, 'annotation')} without segmentation and box left out"
        notes.append(Notice(text))
    declared = [Region(name, NOWHERE, "categories", number=n) for n, name in names.items()]
    shown = [image for image in images.values() if image.regions] or list(images.values())[:1]
    return intake_of_regions(shown, options, notes, declared=declared)


def _names(content: Json) -> dict[int | None, str]:
    return {one["id"].whole(): one["name"].text() for one in content["categories"].items()}


def _images(content: Json) -> dict[int | str, ImageRegions]:
    images: dict[int | str, ImageRegions] = {}
    for one in content["images"].items():
        expected = "an id that no other image has"
        key = one["id"].key(expected)
        if key in images:
            one["id"].refuse(expected)
        images[key] = _image(one["file_name"].text() or str(key), one["height"], one["width"])
    return images


def _image(path: str, height: Json, width: Json) -> ImageRegions:
    """Return an image without regions; of sides that are missing or 0 its size is not known."""
    is_known = not any(side.is_missing or not side.whole() for side in (height, width))
    size = (height.whole(), width.whole()) if is_known else None
    return ImageRegions(PurePath(path.replace("\\", "/")).stem, size=size)


@dataclass
class _Budget:
    """Pixels that the masks of a file have had so far."""

    marked: int = 0
    boxed: int = 0

    def spend(self, rows: Ints, columns: Ints, annotation: Json) -> None:
        self.marked += len(rows)
        if len(rows):
            self.boxed += math.prod(int(np.ptp(at)) + 1 for at in (rows, columns))
        if self.marked > MAX_MARKED or self.boxed > MAX_BOXES:
            raise BadInputError(
                f"masks of at most {MAX_MARKED:,} pixels, in boxes of at most {MAX_BOXES:,}, all together",
                column=annotation.where,
            )


def _regions(annotation: Json, region: Region, budget: _Budget) -> Iterator[Region]:
    """Yield what an annotation shows, with name, number and score of `region`."""
    segmentation = annotation["segmentation"]
    if isinstance(segmentation.value, dict):
        rows, columns = _run_length_pixels(segmentation)
        budget.spend(rows, columns, annotation)
        if len(rows) and annotation["iscrowd"].value == 1:
            yield from (replace(region, pixels=part) for part in _parts(rows, columns))
        elif len(rows):
            yield replace(region, pixels=(rows, columns))
        return
    rings = [ring.points() for ring in segmentation.items()]
    rings = [ring for ring in rings if len(ring)]
    if rings:
        first, *others = map(turned, rings)  # COCO has no holes
        yield replace(region, points=first, rings=tuple(others))
    elif not annotation["bbox"].is_missing:
        box = annotation["bbox"].points(4)
        if box.shape != (1, 4) or (box[0, 2:] < 0).any():
            annotation["bbox"].refuse("left, top, width and height of a box")
        corner, sides = box.reshape(2, 2)
        yield replace(region, points=np.array([corner, corner + sides]), kind=BOX)


def _run_length_pixels(segmentation: Json) -> tuple[Ints, Ints]:
    """Return rows and columns of what is marked by run lengths, down one column after the other."""
    size = segmentation["size"].points()
    counts = segmentation["counts"]
    if size.shape != (1, 2) or not (size % 1 == 0).all() or not (size >= 0).all():
        segmentation["size"].refuse("height and width in pixels")
    n_rows, n_columns = (int(side) for side in size[0])
    if n_rows * n_columns > MAX_PIXELS:
        segmentation["size"].refuse(f"at most {MAX_PIXELS} pixels")
    if isinstance(counts.value, str):
        lengths = _unpacked(counts)
    else:
        listed = counts.points(1, MAX_PIXELS).ravel()
        if (listed % 1).any():
            counts.refuse("whole numbers")
        lengths = listed.astype(np.int64)
    if (lengths < 0).any() or int(lengths.sum()) != n_rows * n_columns:
        counts.refuse(f"run lengths that add up to {n_rows} x {n_columns} pixels")
    ends = np.cumsum(lengths)
    marked = lengths.copy()
    marked[::2] = 0  # background comes first
    if (n_marked := int(marked.sum())) > MAX_MARKED:
        counts.refuse(f"at most {MAX_MARKED:,} marked pixels")
    first = np.repeat(ends - lengths - np.cumsum(marked) + marked, marked)
    columns, rows = np.divmod(first + np.arange(n_marked), max(1, n_rows))
    return rows, columns


def _unpacked(counts: Json) -> Ints:
    """Return run lengths that are packed to a text: 5 bits a character, of which a sixth says that more follow.

    From the third on, they are the difference from that before the last.

    Examples
    --------
    >>> _unpacked(Json("R1a05"))
    array([34, 17,  5])
    """
    given = counts.of(str).encode(errors="replace")
    signs = np.frombuffer(given, np.uint8).astype(np.int64) - 48
    if ((signs < 0) | (signs > 63)).any() or (len(signs) and signs[-1] & 32):
        counts.refuse("packed run lengths")
    ends = np.flatnonzero((signs & 32) == 0) + 1
    lengths: list[int] = []
    for begin, end in pairwise([0, *ends.tolist()]):
        if end - begin > 7:
            counts.refuse("packed run lengths of at most 35 bits")
        value = sum((int(sign) & 31) << (5 * k) for k, sign in enumerate(signs[begin:end]))
        if signs[end - 1] & 16:
            value -= 1 << (5 * (end - begin))
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        if abs(lengths[-1]) > MAX_PIXELS:
            counts.refuse(f"run lengths of at most {MAX_PIXELS} pixels")
    return np.array(lengths, np.int64)


def _parts(rows: Ints, columns: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield rows and columns of each connected part."""
    top, left = int(rows.min()), int(columns.min())
    marked = np.zeros((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1), np.uint8)
    marked[rows - top, columns - left] = 1
    numbered, n_parts = connected(marked)
    owner = numbered[rows - top, columns - left]
    order = np.argsort(owner, kind="stable")
    ends = np.cumsum(np.bincount(owner, minlength=n_parts + 1))
    for first, last in pairwise(ends):
        own = order[first:last]
        yield rows[own], columns[own]


def read_labelme(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a LabelMe file.

    Parameters
    ----------
    path : path-like
    options : ReadOptions

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, or a shape is not as LabelMe has it; its place is named.
    """
    content = load_json(path)
    sides = (content["imageHeight"], content["imageWidth"])
    image = _image(content["imagePath"].text() or str(path), *sides)
    others: Counter[str] = Counter()
    for shape in content["shapes"].items():
        kind = shape["shape_type"].text() or "polygon"
        points = shape["points"].points()
        if kind not in _LABELME:
            others[kind] += 1
            continue
        drawn, numbers, expected = _LABELME[kind]
        if numbers and len(points) not in numbers:
            shape["points"].refuse(expected)
        parts = [points] if drawn else points[:, None]
        name = shape["label"].text()
        image.regions += [Region(name, part, shape.where, drawn or POLYGON) for part in parts]
    options.refuse_threshold()
    notes = ["LabelMe annotation (JSON)", *left_out(others, "shape")]
    return intake_of_regions([image], options, notes)


_LABELME = {
    "polygon": (POLYGON, (), ""),
    "point": ("", (), ""),
    "points": ("", (), ""),
    "circle": (CIRCLE, (2,), "the centre of a circle and a point on it"),
    "rectangle": (BOX, (2, 4), "two corners of a rectangle"),
}
"""Type of a shape -> how it is drawn (nothing: each point is a mark), numbers of points it may have, what is expected."""
