"""Points of a table, a report or a mask, measured in the image they lie on by the detector's own rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from calcigram.detect.detection import measure_points
from calcigram.errors import BadInputError
from calcigram.formats.csvtext import read_texts
from calcigram.formats.dicom.datasets import items_of, text_of
from calcigram.formats.dicom.images import open_dicom
from calcigram.formats.files import PathLike, first_bytes, looks_like_dicom
from calcigram.formats.mammograms import read_mammogram
from calcigram.formats.registry import is_table, kind_of, read_intake
from calcigram.formats.temporary import plain_file
from calcigram.limits import POINT_NAMES
from calcigram.longtable import Notice, frame_from_clusters
from calcigram.mammogram import Mammogram
from calcigram.options import MM_PER_UNIT, ReadOptions
from calcigram.wording import counted

AXES = ("x_mm", "y_mm")

MAX_NAMED = 5
"""Names of images in a message."""


def measure_file(
    path: PathLike, image: PathLike, options: ReadOptions | None = None, *, force: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Grow each point of a file to its outline in an image.

    Parameters
    ----------
    path : path-like
        A table with a column each for x and y, or any other file that `read_clusters` takes. Where it names images
        (``image_id``), only the points of this one are measured: its SOP Instance UID, that of an image that it was
        made of, or its file name with or without suffix.
    image : path-like
        The mammogram the points lie on, as `read_mammogram` takes it.
    options : ReadOptions, optional
        How the table is read; `pixel_spacing` is that of the image, which ``units="px"`` needs no other for.
    force : bool
        As `read_mammogram` takes it.

    Returns
    -------
    table : pandas.DataFrame
        One row per point of the image, in order: the columns of the table, its marks replaced by those measured. Where no outline
        is found, position alone is known.
    notes : list of str
        What was read, how many points of other images were left out, and which points were not measured.

    Raises
    ------
    BadInputError
        Table or image are refused, a point lies outside the image, or the points lie on several images, none of
        which is this one.
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
    table, said = _of_image(table, path, _names_of(image, mammogram))
    found = measure_points(mammogram, table["x_mm"].to_numpy(), table["y_mm"].to_numpy())
    ids = [name for name in table if name == "cluster_id"]
    others = [name for name in table if name not in (*ids, *POINT_NAMES)]
    rows, marks = table.reset_index(drop=True), found.table.astype(np.float32)
    return pd.concat([rows[ids], marks, rows[others]], axis=1), [*notes, *said, *found.notices]


def _names_of(image: PathLike, mammogram: Mammogram) -> list[str]:
    """Return what tables and reports may call an image, the name that `detect` gives it first."""
    names = [mammogram.image_id, Path(image).stem, Path(image).name]
    if looks_like_dicom(first_bytes(image, 4096)):  # reports name the image for processing
        sources = items_of(open_dicom(image), "SourceImageSequence")
        names += [text_of(source, "ReferencedSOPInstanceUID") for source in sources]
    return list(dict.fromkeys(filter(None, names)))


def _of_image(
    table: pd.DataFrame, path: PathLike, names: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of an image, and what is to be said of the others."""
    if "image_id" not in table:
        return table, []
    named = table["image_id"].astype(object).fillna("").astype(str).str.strip()
    others = [name for name in named.unique() if name]
    is_own = named.isin(names)
    if not is_own.any():  # an annotation's image is called by the beginning of its file's name
        begin = [name for name in others if names[1].startswith(f"{name}_")]
        is_own = named.isin(begin if len(begin) == 1 else [])
    if is_own.any():
        n_others = int((~is_own).sum())
        text = f"{counted(n_others, 'row')} of other images, or of none, left out: this one is {named[is_own].iloc[0]!r}"
        return table[is_own], [Notice(text)] if n_others else []
    if len(others) > 1:
        raise BadInputError(
            f"rows of this image, called {' or '.join(names[:MAX_NAMED])}: take the image that they lie on, or write its "
            "name into the column image_id",
            source=str(path),
            column="image_id",
            value=_listed(others),
        )
    # an annotation that names no image is called by its file
    if not others or Path(str(path)).name.startswith(f"{others[0]}."):
        return table, []
    text = f"the points are of the image {others[0]!r}; measured in {names[0]!r}, taken as the same under another name"
    return table, [Notice(text)]


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - MAX_NAMED} more" if len(shown) > MAX_NAMED else ""
    return ", ".join(shown[:MAX_NAMED]) + more


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
