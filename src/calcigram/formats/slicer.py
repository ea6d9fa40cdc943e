"""Reads markups of 3D Slicer (``.mrk.json``) as clusters: lists of points, and closed curves.

Positions are in mm, left-posterior-superior (LPS) or right-anterior-superior (RAS) of the patient. Those of one plane are
read as a viewer shows it: columns run to the left (or to the back), rows to the back (or to the feet).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.annotated import intake_of_regions, mammogram_entry
from calcigram.formats.files import PathLike
from calcigram.formats.jsontext import Json, load_json
from calcigram.formats.outlines import Points
from calcigram.formats.regions import MAX_POINTS, ImageRegions, Region
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted

PLANE_MM = 0.5
"""Points whose third coordinates differ by more lie in no plane."""

PIXEL_CENTRE = 0.5
"""Slicer counts from the centre of the first pixel, calcigram from its outer corner."""

TO_LPS = {"LPS": (1, 1, 1), "0": (-1, -1, 1), "RAS": (-1, -1, 1), "1": (1, 1, 1)}
"""Coordinate system, also by Slicer's number -> signs."""

PLANES = ((0, 1, 1, 2), (0, 2, -1, 1), (1, 2, -1, 0))
"""Axis of LPS along columns, that along rows and its sign, and that across the plane."""

_NUMBERED = re.compile(r"[ _-]?\d+$")


def read_slicer(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of a markups file.

    Parameters
    ----------
    path : path-like
    options : ReadOptions, optional
        With a `pixel_spacing` the coordinates are taken for pixels: an image without a pixel size, such as a PNG, has
        pixels of 1 mm in Slicer.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, in other units than mm, or its points lie in no plane.
    """
    from calcigram.formats.dicom.report import Spacing, pixel_spacing, states_spacing

    options, source = options or ReadOptions(), str(path)
    content = load_json(path)
    options.refuse_threshold(source)
    found: list[Region] = []
    others: Counter[str] = Counter()
    n_undefined = n_points = n_curves = 0
    systems = set()
    for markup in content["markups"].items():
        kind = markup["type"].text()
        system, signs = _system(markup)
        controls = markup["controlPoints"].items()
        n_points += len(controls)
        if n_points > MAX_POINTS:
            markup.refuse(f"at most {MAX_POINTS} points")
        if kind not in ("Fiducial", "ClosedCurve"):
            others[kind] += 1
            continue
        systems.add(system)
        placed = [one for one in controls if _is_placed(one)]
        n_undefined += len(controls) - len(placed)
        if not placed:
            continue
        names = [_NUMBERED.sub("", one["label"].text()) for one in placed]
        positions = np.concatenate([one["position"].points(3) for one in placed]) * signs
        if len(positions) != len(placed):
            markup["controlPoints"].refuse("one position for each point")
        if kind == "ClosedCurve":
            n_curves += 1
            found.append(Region(names[0], positions, markup.where))
        else:
            found += [
                Region(name, position[None], one.where)
                for name, position, one in zip(names, positions, placed, strict=True)
            ]
    found, directions = _in_plane(found, source)
    notes = [f"markups of 3D Slicer, coordinates {' and '.join(sorted(systems)) or 'none'}"]
    if directions:
        notes.append(f"columns run to {directions[0]}, rows to {directions[1]} of the patient")
    name = Path(source).name.removesuffix(".json").removesuffix(".mrk")
    image = ImageRegions(name, found)
    if options.pixel_spacing is not None:
        notes.append(Notice("coordinates read as pixels, as --pixel-spacing is given: leave it out where they are mm"))  # fmt: skip
        image.regions = [_moved(region, (PIXEL_CENTRE, PIXEL_CENTRE)) for region in found]
    else:
        image.spacing = Spacing(1.0, 1.0, "the file, in mm")
        entry = mammogram_entry(name, options.images, [])
        if entry is not None and states_spacing(entry):
            size = pixel_spacing(entry, source)
            half = (size.x_mm * PIXEL_CENTRE, size.y_mm * PIXEL_CENTRE)
            image.regions = [_moved(region, half) for region in found]
    for kind, n in others.items():
        notes.append(Notice(f"{counted(n, 'markup')} of the type {kind!r} left out"))
    if n_undefined:
        notes.append(Notice(f"{counted(n_undefined, 'point')} without a position left out"))
    if n_curves:
        notes.append(Notice(f"{counted(n_curves, 'closed curve')} read as straight lines between the points"))  # fmt: skip
    return intake_of_regions([image], source, options, notes)


def _system(markup: Json) -> tuple[str, tuple[int, int, int]]:
    system = markup["coordinateSystem"]
    name = str(system.value) if isinstance(system.value, int) else system.text() or "LPS"
    if name not in TO_LPS:
        system.refuse("LPS or RAS")
    units = markup["coordinateUnits"]
    named = units.value if isinstance(units.value, list) else [units.value]
    if not all(unit in (None, "mm") for unit in named):
        units.refuse("mm")
    return {"0": "RAS", "1": "LPS"}.get(name, name), TO_LPS[name]


def _is_placed(point: Json) -> bool:
    status = point["positionStatus"].text()
    return status in ("", "defined") and not point["position"].is_missing


def _in_plane(regions: list[Region], source: str) -> tuple[list[Region], str]:
    """Return regions in the two axes of the plane that all lie in, and where these run to."""
    if not regions:
        return regions, ""
    spans = np.ptp(np.concatenate([region.points for region in regions]), axis=0)
    planes = [plane for plane in PLANES if spans[plane[3]] <= PLANE_MM]
    if not planes:
        raise BadInputError(
            f"points in one plane (the third coordinates within {PLANE_MM:g} mm)",
            source=source,
            column="position",
            value=f"points that extend {spans[0]:.3g} x {spans[1]:.3g} x {spans[2]:.3g} mm",
        )
    column, row, sign, _ = planes[0]
    directions = "LPS"[column] + ("LPS"[row] if sign > 0 else "I")

    def flat(points: Points) -> Points:
        return np.column_stack([points[:, column], sign * points[:, row]])

    return [Region(one.name, flat(one.points), one.where) for one in regions], directions


def _moved(region: Region, by: tuple[float, float]) -> Region:
    return Region(region.name, region.points + by, region.where)
