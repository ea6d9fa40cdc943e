"""Points of a table, a report or a mask, measured in the image they lie on by the detector's own rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from calcigram.detect.detection import measure_points
from calcigram.errors import BadInputError
from calcigram.formats.csvtext import read_texts
from calcigram.formats.files import PathLike
from calcigram.formats.mammograms import read_mammogram
from calcigram.formats.registry import is_table, kind_of, read_intake
from calcigram.formats.temporary import plain_file
from calcigram.limits import POINT_NAMES
from calcigram.longtable import frame_from_clusters
from calcigram.mammogram import Mammogram
from calcigram.options import MM_PER_UNIT, ReadOptions

AXES = ("x_mm", "y_mm")


def measure_file(
    path: PathLike, image: PathLike, options: ReadOptions | None = None, *, force: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Grow each point of a file to its outline in an image.

    Parameters
    ----------
    path : path-like
        A table with a column each for x and y, or any other file that `read_clusters` takes.
    image : path-like
        The mammogram the points lie on, as `read_mammogram` takes it.
    options : ReadOptions, optional
        How the table is read; `pixel_spacing` is that of the image, which ``units="px"`` needs no other for.
    force : bool
        As `read_mammogram` takes it.

    Returns
    -------
    table : pandas.DataFrame
        One row per point, in order: the columns of the table, its marks replaced by those measured. Where no outline
        is found, position alone is known.
    notes : list of str
        What was read, and which points were not measured.

    Raises
    ------
    BadInputError
        Table or image are refused, or a point lies outside the image.
    """
    options = options or ReadOptions()
    mammogram = read_mammogram(image, spacing_mm=options.pixel_spacing, force=force)
    path = plain_file(path)
    if kind_of(path) == "csv":
        table, notes = _of_text(path, options, mammogram)
    else:
        spacing = mammogram.spacing_mm
        in_file = is_table(path)
        own = replace(options, pixel_spacing=None) if in_file else replace(
            options, pixel_spacing=spacing, images=()
        )  # fmt: skip
        intake = read_intake(path, own)
        table, notes = frame_from_clusters(intake.clusters), list(intake.notes)
        if not in_file:  # reports and segmentations give the number of the patient as group
            table = table.drop(columns="group_id", errors="ignore")
    found = measure_points(mammogram, table["x_mm"].to_numpy(), table["y_mm"].to_numpy())
    ids = [name for name in table if name == "cluster_id"]
    others = [name for name in table if name not in (*ids, *POINT_NAMES)]
    rows, marks = table.reset_index(drop=True), found.table.astype(np.float32)
    return pd.concat([rows[ids], marks, rows[others]], axis=1), [*notes, *found.notices]


def _of_text(
    path: PathLike, options: ReadOptions, mammogram: Mammogram
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a CSV file with positions in mm; all other columns are text, as they stand."""
    frame, names, lines, notes = read_texts(path, options)
    row_mm, column_mm = mammogram.spacing_mm
    in_px = {"x_mm": column_mm, "y_mm": row_mm}
    positions: dict[str, Any] = {}
    for name in AXES:
        values = pd.to_numeric(frame[names[name]], errors="coerce").to_numpy(float)
        bad = ~np.isfinite(values)
        if bad.any():
            row = int(bad.argmax())
            raise BadInputError(
                "a finite number",
                source=str(path),
                row=int(lines[row]),
                column=names[name],
                value=frame[names[name]].iloc[row],
            )
        positions[name] = values * (
            in_px[name] if options.units == "px" else MM_PER_UNIT[options.units]
        )
    ours = {theirs: name for name, theirs in names.items() if name not in POINT_NAMES}
    others = frame.drop(columns=[theirs for name, theirs in names.items() if name in POINT_NAMES])
    table = others.rename(columns=ours)
    if options.single_cluster is not None:
        table.insert(0, "cluster_id", options.single_cluster)
    return table.assign(**positions), notes
