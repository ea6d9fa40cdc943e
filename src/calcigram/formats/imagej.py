"""Reads regions of interest of ImageJ (``.roi``, ``RoiSet.zip``) as clusters."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.annotated import intake_of_regions
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import ZIP_MAGIC, PathLike, first_bytes, read_at_most
from calcigram.formats.outlines import Points, inside
from calcigram.formats.regions import (
    BOX,
    ELLIPSE,
    MAX_BYTES,
    MAX_POINTS,
    ImageRegions,
    Region,
)
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted

MAX_MEMBERS = 100_000
"""Files in an archive."""

LARGEST_PX = 1e6

_OUTLINES = ("POLYGON", "FREEHAND", "TRACED")


def read_imagej(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of regions of interest of ImageJ.

    Parameters
    ----------
    path : path-like
        One region, or an archive of them.
    options : ReadOptions, optional

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged or too large.

    Notes
    -----
    Polygons, freehand and traced outlines, ovals, rectangles, compositions of these, and points are read; lines and
    angles are left out. Regions on several slices of a stack are those of several images.
    """
    options, source = options or ReadOptions(), str(path)
    options.refuse_threshold(source)
    module = load_extra("roifile", "A region of interest of ImageJ", "formats")
    images: dict[int, ImageRegions] = {}
    others: Counter[str] = Counter()
    n_points = 0
    for name, data in _members(path, source):
        with refusing_damaged("a complete region of interest of ImageJ", source, column=name):
            roi = module.ImagejRoi.frombytes(data)
            regions = _regions(roi, name)
        n_points += sum(len(ring) for one in regions for ring in (one.points, *one.rings))
        if n_points > MAX_POINTS:
            raise BadInputError(f"at most {MAX_POINTS} points", source=source, column=name)
        for region in regions:
            if not all(
                (np.abs(ring) <= LARGEST_PX).all() for ring in (region.points, *region.rings)
            ):
                raise BadInputError("finite coordinates in pixels", source=source, column=name)
        if not regions:
            others[roi.roitype.name.lower()] += 1
        slice_ = max(0, int(roi.position))
        images.setdefault(slice_, ImageRegions("")).regions += regions
    stem = Path(source).stem
    for slice_, image in images.items():
        image.name = stem if len(images) == 1 else f"{stem} {slice_}"
    notes = ["regions of interest of ImageJ"]
    for kind, n in others.items():
        notes.append(Notice(f"{counted(n, 'region')} of the type {kind!r} left out"))
    return intake_of_regions(list(images.values()) or [ImageRegions(stem)], source, options, notes)


def _members(path: PathLike, source: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each region."""
    if not first_bytes(path, 4).startswith(ZIP_MAGIC):
        yield "", read_at_most(path, MAX_BYTES)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if one.filename.lower().endswith(".roi")]
            if len(members) > MAX_MEMBERS or sum(one.file_size for one in members) > MAX_BYTES:
                raise BadInputError(
                    f"at most {MAX_MEMBERS} regions that unpack to {MAX_BYTES >> 20} MB",
                    source=source,
                )
            for one in members:
                if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise BadInputError("an archive as ImageJ writes it", source=source)
                yield PurePath(one.filename).stem, archive.read(one)
    except BadInputError:
        raise
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, EOFError) as error:
        raise BadInputError(
            "an undamaged ZIP archive", source=source, value=str(error)[:200]
        ) from None


def _regions(roi: Any, member: str) -> list[Region]:
    """Return what a region of interest shows; nothing where it is a line or an angle."""
    name = (str(roi.name or "") or member).encode(errors="replace").decode().strip()
    kind, where = roi.roitype.name, member or name
    if roi.multi_coordinates is not None:
        rings = [np.asarray(ring, float).reshape(-1, 2) for ring in roi.coordinates(multi=True)]
        rings = _holes([ring for ring in rings if len(ring) >= 3])
        return [Region(name, rings[0], where, rings=tuple(rings[1:]))] if rings else []
    if kind in ("RECT", "OVAL"):
        left, top, right, bottom = (
            float(roi.left),
            float(roi.top),
            float(roi.right),
            float(roi.bottom),
        )
        if kind == "RECT":
            corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
            return [Region(name, np.array(corners), where, BOX)]
        x, y = (left + right) / 2, (top + bottom) / 2
        ends = np.array([[left, y], [right, y], [x, top], [x, bottom]])
        return [Region(name, ends, where, ELLIPSE)]
    if kind not in (*_OUTLINES, "POINT"):
        return []
    points = np.asarray(roi.coordinates(), float).reshape(-1, 2)
    if kind in _OUTLINES:
        return [Region(name, points, where)] if len(points) else []
    if not roi.subpixelresolution:  # a point at a pixel, not at its corner
        points = points + 0.5
    return [Region(name, point[None], where) for point in points]


def _holes(rings: list[Points]) -> list[Points]:
    """Return rings such that those within an odd number of others, the holes, run the other way round."""
    turned = []
    for k, ring in enumerate(rings):
        n_around = sum(bool(inside(ring[:1], other)[0]) for j, other in enumerate(rings) if j != k)
        x, y = (ring - ring[0]).T
        is_forward = x @ np.roll(y, -1) - y @ np.roll(x, -1) >= 0
        turned.append(ring if is_forward == (n_around % 2 == 0) else ring[::-1])
    return turned
