"""Named regions of images as clusters: which of them are calcifications, and which are drawn around some.

The names say it, or the options of the user. The size of a pixel comes from the user or from the mammogram in DICOM; the
file of an annotation does not know it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calcigram.errors import BadInputError, PixelSizeError
from calcigram.formats.annotations import (
    GENERAL,
    MAX_POINTS,
    Cluster,
    ImageMarks,
    ImageRegions,
    Mark,
    Region,
    gather,
)
from calcigram.formats.files import PathLike
from calcigram.formats.masks import LARGEST_MM
from calcigram.formats.outlines import BOX, check_cost, inside, polygon_area
from calcigram.formats.registry import kind_of
from calcigram.limits import check_most
from calcigram.linking import MAX_LOOSE
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted, listed

if TYPE_CHECKING:
    from calcigram.formats.dicom.report import ImageEntry, Spacing

MAX_NAMED = 10

_NUMBERED = re.compile(r"[ _-]*(\d+[ _-]*)+$")

AREA_TOLERANCE = 0.1
"""Stated areas that differ by more than this share from those drawn mean other pixels."""

LEAST_AREA_PX = 20.0
"""Smaller outlines are too coarse to infer the pixel size."""


def intake_of_regions(
    images: Sequence[ImageRegions],
    options: ReadOptions,
    notes: Iterable[str],
    *,
    declared: Iterable[Region] = (),
    guess_names: bool = True,
) -> Intake:
    """Return the clusters of the regions of some images.

    Parameters
    ----------
    images : sequence of ImageRegions
    options : ReadOptions
        Its `labels` are calcifications, and its `regions` outlines of clusters; without them the names tell. Its
        `images` are the mammograms in DICOM, or folders in which their files begin with the names of `images`.
    notes : iterable of str
        Notes to put first.
    declared : iterable of Region
        Names that may be asked for and of which there need not be any region.
    guess_names : bool
        Where no region is named as a calcification, take those of a general name for calcifications, with a notice.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        A name that was asked for does not occur, there are too many regions, or the size of a pixel is not known.
    """
    for image in images:
        n_points = sum(len(region.points) for region in image.regions)
        check_most(n_points, MAX_POINTS, "points", column=f"image {image.name or '?'}")
    every = [region for image in images for region in image.regions]
    _check_names(options, [*every, *declared])
    is_guess = guess_names and not options.labels and not any(r.is_calcification for r in every)
    said = list(notes)
    gathered, n_read, of_areas = [], 0, []
    for image in images:
        entry = mammogram_entry(image.name, options.images, said, is_only=len(images) == 1)
        spacing = image.spacing or _spacing(image, entry, options)
        if image.spacing is None:
            said.append(spacing.note("" if len(images) == 1 else f"image {image.name}: "))
        marks = ImageMarks(image_id=image.name)
        describe(marks, entry, image, said)
        size = (spacing.x_mm, spacing.y_mm)
        n_read += _take_over(marks, image, size, options, is_guess, said)
        of_areas += _other_pixels(image.regions, math.sqrt(size[0] * size[1]))
        gathered.append(marks)
    said += [*_left_out(every, options, is_guess), *of_areas]
    if not n_read:
        names = _listed(every)
        hint = f"; names are {names}: choose with --label NAME" if names else ""
        said.append(Notice(f"no region is named as a calcification or a cluster{hint}"))
    return gather(gathered, said, options.linking)


def _check_names(options: ReadOptions, regions: Sequence[Region]) -> None:
    for option, labels in (("--label", options.labels), ("--regions", options.regions)):
        for label in labels:
            if not any(region.is_named([label]) for region in regions):
                expected = f"a name in the file: {_listed(regions) or 'it has none'}"
                raise BadInputError(expected, column=option, value=label)


def _listed(regions: Sequence[Region]) -> str:
    names = {region.name or f"category {region.number}" for region in regions if region.name or region.number is not None}  # fmt: skip
    return listed(map(repr, sorted(names)), MAX_NAMED)


def _is_single(region: Region, options: ReadOptions, is_guess: bool) -> bool:
    if region.is_named(options.regions):
        return False
    if options.labels:
        return region.is_named(options.labels)
    return region.is_calcification or (is_guess and bool(GENERAL.fullmatch(region.name)))


def _is_around(region: Region, options: ReadOptions) -> bool:
    if options.regions:
        return region.is_named(options.regions)
    return region.is_cluster and not options.labels


def _take_over(
    marks: ImageMarks,
    image: ImageRegions,
    size: tuple[float, float],
    options: ReadOptions,
    is_guess: bool,
    notes: list[str],
) -> int:
    """Add the regions of an image to its marks; return how many were read."""
    where = f"image {image.name}: " if image.name else ""
    drawn = [region for region in image.regions if not region.is_empty]
    around = [region for region in drawn if _is_around(region, options)]
    singles = [region for region in drawn if _is_single(region, options, is_guess)]
    n_read = len(around) + len(singles)
    check_most(len(singles), MAX_LOOSE, "marks")
    kept, enclosing, n_repeated = _sort_out(singles, size)
    extents = [0.0 if options.labels else region.extent(size) for region in kept]
    if (most := max(extents, default=0.0)) > LARGEST_MM:
        n_large = sum(extent > LARGEST_MM for extent in extents)
        kept = [region for region, mm in zip(kept, extents, strict=True) if mm <= LARGEST_MM]
        text = (
            f"{where}{counted(n_large, 'region')} left out: up to {most:.3g} mm across, and no calcification "
            f"is larger than {LARGEST_MM:g} mm; choose with --label or --regions"
        )
        notes.append(Notice(text))
    marks.loose += [Mark(region.shape(size)) for region in kept]
    marks.clusters += [
        Cluster.drawn(region.outline(size), region.shape(size)) for region in (*around, *enclosing)
    ]
    if enclosing:
        notes.append(
            f"{where}{len(enclosing)} outlines named as calcifications have several within: "
            "each is drawn around a cluster"
        )
    if n_repeated:
        notes.append(f"{where}{n_repeated} points within an outlined calcification read once")
    if n_boxes := sum(region.kind == BOX for region in kept):
        text = (
            f"{where}{counted(n_boxes, 'calcification')} given by a box alone: its diameter is that of the ellipse "
            "within the box, a guess, and its form is not known"
        )
        notes.append(Notice(text))
    return n_read


def _sort_out(
    singles: list[Region], size: tuple[float, float]
) -> tuple[list[Region], list[Region], int]:
    """Tell calcifications from outlines around several, and from points that show one again.

    Returns
    -------
    kept, enclosing : list of Region
    n_repeated : int
        Points left out because they lie in an outlined calcification, alone.
    """
    middles = np.array([region.place(size) for region in singles]).reshape(-1, 2)
    lines = {k: r.outline(size) for k, r in enumerate(singles) if r.pixels is None}
    drawn = {k: line for k, line in lines.items() if len(line) >= 3}
    check_cost(middles, list(drawn.values()))
    repeated: set[int] = set()
    enclosing: set[int] = set()
    for index, points in drawn.items():
        low, high = points.min(axis=0), points.max(axis=0)
        near = np.flatnonzero(((middles >= low) & (middles <= high)).all(axis=1))
        within = [k for k in near[inside(middles[near], points)] if k != index]
        if len(within) >= 2:
            enclosing.add(index)
        else:
            repeated.update(int(k) for k in within if k in lines and len(lines[k]) == 1)
    kept = [p for k, p in enumerate(singles) if k not in repeated and k not in enclosing]
    return kept, [singles[k] for k in sorted(enclosing)], len(repeated)


def _left_out(regions: list[Region], options: ReadOptions, is_guess: bool) -> list[str]:
    others: Counter[str] = Counter()
    guessed: Counter[str] = Counter()
    for region in regions:
        if _is_single(region, options, is_guess):
            guessed[_NUMBERED.sub("", region.name)] += is_guess
        elif not _is_around(region, options):
            others[region.name or "no name"] += 1
    notes = [
        f"{counted(count, 'region')} named {name!r} left out" for name, count in others.items()
    ]
    names = [repr(name) for name in guessed if name]
    named = f"named {', '.join(names[:MAX_NAMED])}" if names else "without a name"
    if n_guessed := guessed.total():
        notes.append(
            f"{counted(n_guessed, 'region')} {named} read as calcifications, "
            "as no other name says what is one; choose with --label NAME"
        )
    empty = sum(region.is_empty for region in regions)
    notes += [f"{counted(empty, 'region')} without points left out"] * (empty > 0)
    return [Notice(note) for note in notes]


def mammograms_of(name: str, images: Sequence[PathLike], *, is_only: bool = True) -> list[Path]:
    """Return the DICOM files that may be the mammogram of an annotation.

    Parameters
    ----------
    name : str
        Of the mammogram or of the annotation; its file begins so.
    images : sequence of path-like
        Files, and folders.
    is_only : bool
        There is one mammogram alone, so that a file is it whatever its name is.

    Returns
    -------
    list of pathlib.Path
    """
    files: list[Path] = []
    for image in map(Path, images):
        if image.is_dir():
            files += sorted(image.rglob(f"{escape(name)}[_.]*"))
        elif is_only or re.match(re.escape(name) + "[_.]", image.name):
            files.append(image)
    return [file for file in files if file.is_file() and kind_of(file) == "dicom"]


def mammogram_entry(
    name: str, images: Sequence[PathLike], notes: list[str], *, is_only: bool = True
) -> ImageEntry | None:
    """Return what the header of the mammogram of an annotation says; None, with a notice, where there is not one."""
    if not images:
        return None
    from calcigram.formats.dicom.images import open_image

    files = mammograms_of(name, images, is_only=is_only)
    if len(files) != 1:
        of = "this annotation" if is_only else name
        text = f"expected one DICOM image of {of}, got {len(files)}: none is used"
        notes.append(Notice(text))
        return None
    return open_image(files[0])


def _spacing(image: ImageRegions, entry: ImageEntry | None, options: ReadOptions) -> Spacing:
    """Return the size of a pixel, and who states it."""
    from calcigram.formats.dicom.report import (
        Spacing,
        pixel_spacing,
        states_spacing,
        unread_spacing,
    )

    if options.pixel_spacing is not None:
        return Spacing.given(options.pixel_spacing)
    is_stated = entry is not None and (states_spacing(entry) or unread_spacing(entry.header))
    if image.default is not None and not is_stated:
        return replace(image.default, derived=entry is not None)
    if entry is None:
        raise PixelSizeError(
            "the size of a pixel: the option --pixel-spacing MM, or the DICOM image (--image FILE)",
            column=f"image {image.name or '?'}",
        )
    of_image = (entry.n_rows, entry.n_columns)
    if image.size is not None and image.size != of_image:
        raise PixelSizeError(
            f"regions on an image of the mammogram's {of_image[0]} x {of_image[1]} pixels, or the size of its own "
            "pixels: the option --pixel-spacing MM",
            column=f"image {image.name or '?'}",
            value=f"{image.size[0]} x {image.size[1]}",
        )
    return pixel_spacing(entry)


def describe(
    marks: ImageMarks, entry: ImageEntry | None, image: ImageRegions, notes: list[str]
) -> None:
    """Take over what the mammogram says of itself; note what lies outside of it."""
    size = image.size
    if entry is not None:
        marks.describe(entry)
        size = (entry.n_rows, entry.n_columns)
    if size is None or image.spacing is not None:
        return
    limits = (size[1] or math.inf, size[0] or math.inf)
    outside = [r for r in image.regions if ((r.points < 0) | (r.points > limits)).any()]
    if outside:
        text = (
            f"{len(outside)} regions reach outside of the image of {size[1]} x {size[0]} "
            f"pixels, first {outside[0].where}: is it the right image?"
        )
        notes.append(Notice(text))


def _other_pixels(regions: list[Region], size_mm: float) -> list[str]:
    """Tell where the areas stated in the file are those of pixels of another size."""
    ratios = []
    for region in regions:
        drawn = polygon_area(region.points) if len(region.points) >= 3 else 0.0
        if drawn > LEAST_AREA_PX and region.area_cm2 > 0:
            ratios.append(region.area_cm2 * 100 / drawn)
    if not ratios:
        return []
    implied = math.sqrt(float(np.median(ratios)))
    if abs(implied / size_mm - 1) <= AREA_TOLERANCE / 2:
        return []
    text = (
        f"the areas stated in cm2 are those of pixels of {implied:.3g} mm, not {size_mm:g} mm: "
        "check the size of a pixel (--pixel-spacing)"
    )
    return [Notice(text)]
