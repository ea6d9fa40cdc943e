"""Images to clusters: a file, an array or a `Mammogram` is read, searched, and its marks are linked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import ClusterSet
from calcigram.detect.detection import THRESHOLD_Z, Detection, detect_calcifications
from calcigram.detect.grouping import NEAR_NUMBER, WEAKER_Z, group_marks, rule
from calcigram.errors import BadInputError
from calcigram.formats.arrays import read_array
from calcigram.formats.files import PathLike
from calcigram.formats.mammograms import from_array, read_mammogram
from calcigram.limits import POINT_COLUMNS
from calcigram.linking import METHODS, Linking, link
from calcigram.longtable import Intake, Notice, tell
from calcigram.longtable.columns import empty_rejects
from calcigram.mammogram import Mammogram, spacing_pair
from calcigram.options import ReadOptions
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 40
"""Characters of an image's id that its clusters are named after; longer ones, as UIDs are, are shortened."""


META_NAMES = ("image_id", "laterality", "view", "formed_by")
"""Meta columns of detected clusters: nothing of the patient."""


@dataclass(frozen=True, eq=False)
class Found:
    """The clusters of one image, and what they were formed from.

    Attributes
    ----------
    mammogram : Mammogram
    detection : Detection
    clusters : ClusterSet
    rows : ndarray of int64, shape (N,)
        For each calcification of `clusters` its row in ``detection.table``.
    notes : tuple of str
        What was read, found and left out; `Notice` where it should be looked at.
    """

    mammogram: Mammogram
    detection: Detection
    clusters: ClusterSet
    rows: npt.NDArray[np.int64]
    notes: tuple[str, ...]


def detect(
    image: PathLike | npt.NDArray[Any] | Mammogram,
    spacing_mm: float | Sequence[float] | None = None,
    *,
    roi: PathLike | npt.NDArray[Any] | None = None,
    threshold_z: float = THRESHOLD_Z,
    linking: Linking | None = None,
    force: bool = False,
) -> ClusterSet:
    """Detect the calcifications of a mammogram and link them to clusters.

    Parameters
    ----------
    image : path-like, ndarray or Mammogram
        A DICOM, PNG or TIFF file, or grey values of shape (rows, columns), calcium bright.
    spacing_mm : float or (float, float), optional
        Size of a pixel in the breast in mm, or (row, column). Needed for everything but DICOM images that state
        it, where it overrides the file.
    roi : path-like or ndarray, optional
        Mask of the image's shape; only what is not 0 is searched.
    threshold_z : float
        Least response of the filter over its local deviation: a lower value finds more, and more false ones. Marks of up to 1
        less are kept where three of the threshold lie within 5 mm.
    linking : Linking, optional
        How calcifications form clusters, by the distances of their centres; by default by the gaps between outlines and about
        conspicuous ones (`calcigram.detect.grouping`). Those in no cluster are left out.
    force : bool
        Search pixels of more than 0.15 mm too.

    Returns
    -------
    ClusterSet
        With all marks, breast area, the nipple where it is seen in profile, and as meta ``image_id`` (SOP
        instance UID, or file name without suffix), side, view, and ``formed_by``. No name or number of the
        patient is taken over from a DICOM file.

    Raises
    ------
    BadInputError
        The image is damaged, no mammogram, or not of the shape of `roi`.
    PixelSizeError
        Nobody states the size of a pixel, or it is too large.

    Warns
    -----
    NoticeWarning
        Says what makes the answer less reliable, and what was left out.

    Notes
    -----
    A classical detector without weights, for research: `docs/detector.md` says how many calcifications it finds
    and how many false ones.

    Examples
    --------
    >>> import calcigram
    >>> pixels = np.random.default_rng(0).normal(500, 5, (400, 400)).astype(np.float32)
    >>> for row, column in [(200, 200), (220, 210), (190, 230), (215, 240), (230, 225)]:
    ...     pixels[row : row + 4, column : column + 4] += 80
    >>> pixels[:, 300:] = 0  # the air beside the breast
    >>> clusters = calcigram.detect(calcigram.Mammogram(pixels, (0.07, 0.07), image_id="a"))
    >>> clusters.cluster_id, clusters.n_calcifications
    (array(['a-1'], dtype=object), array([5]))
    """
    mammogram = as_mammogram(image, spacing_mm, force=force)
    found = search(mammogram, roi=roi, threshold_z=threshold_z, linking=linking)
    tell(Intake(found.clusters, empty_rejects(), notes=found.notes), mammogram.image_id)
    return found.clusters


def as_mammogram(
    image: PathLike | npt.NDArray[Any] | Mammogram,
    spacing_mm: float | Sequence[float] | None = None,
    *,
    force: bool = False,
) -> Mammogram:
    """Return an image as `detect` takes it as a mammogram.

    Raises
    ------
    BadInputError, PixelSizeError
        As `detect`.
    """
    if isinstance(image, Mammogram):
        if spacing_mm is not None:
            raise BadInputError("no spacing_mm beside a Mammogram, which has its own")
        return image
    if isinstance(image, str | os.PathLike):
        return read_mammogram(image, spacing_mm=spacing_mm, force=force)
    size = None if spacing_mm is None else spacing_pair(spacing_mm)
    return from_array(np.asarray(image), size, force=force)


def search(
    mammogram: Mammogram,
    *,
    roi: PathLike | npt.NDArray[Any] | None = None,
    threshold_z: float = THRESHOLD_Z,
    linking: Linking | None = None,
) -> Found:
    """Detect and link the calcifications of a mammogram, and say what was left out.

    Parameters
    ----------
    mammogram : Mammogram
    roi, threshold_z, linking
        As `detect` takes them.

    Returns
    -------
    Found
    """
    mask = None if roi is None else _region(roi, mammogram)
    detection = detect_calcifications(
        mammogram, roi=mask, threshold_z=threshold_z, with_weaker=True
    )
    table = detection.table
    if linking is None or (linking.link_mm is None and linking.method == METHODS[0]):
        least = (linking or Linking()).min_number
        words, owner = rule(least), group_marks(table, detection.breast_area_mm2, least)
    else:
        words, owner = str(linking), link(table["x_mm"], table["y_mm"], linking)
    rows = np.argsort(owner, kind="stable")
    rows = rows[owner[rows] >= 0]
    counts = np.bincount(owner[rows])
    level = f"z >= {threshold_z:g} ({threshold_z - WEAKER_Z:g} near {NEAR_NUMBER} others)"
    said = f"{counted(len(table), 'calcification')} detected, {level}: "
    said += f"{counted(len(rows), 'calcification')} in {counted(len(counts), 'cluster')}"
    notes = [*detection.notices, f"{said} ({words})"]
    if n_loose := len(table) - len(rows):
        notes.append(Notice(f"{counted(n_loose, 'calcification')} in no cluster, left out"))
    if detection.left_out:
        parts = ", ".join(f"{n} ({reason})" for reason, n in detection.left_out.items())
        notes.append(Notice(f"left out: {parts}"))
    formed_by = f"detected, {level}; {words}"
    clusters = _clusters(mammogram, detection, rows, counts, formed_by)
    return Found(mammogram, detection, clusters, rows, tuple(notes))


def read_image(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters that are detected in an image file, as the registry of formats reads other files.

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
        As `detect`.
    """
    options = options or ReadOptions()
    mammogram = read_mammogram(path, spacing_mm=options.pixel_spacing)
    found = search(mammogram, linking=options.linking)
    took = Notice(f"a mammogram, no mask: calcifications were detected in it, z >= {THRESHOLD_Z:g}")
    return Intake(found.clusters, empty_rejects(), notes=(took, *found.notes))


def short_name(image_id: str) -> str:
    """Return what the clusters of an image are named after: its id, or a digest of one as long as a UID.

    Examples
    --------
    >>> short_name("left_cc"), short_name("1.2.840.113619.2.66.2.1.4.1234567890.123456789.1")
    ('left_cc', 'bd87fffebc')
    """
    if len(image_id) <= LONGEST_NAME:
        return image_id
    return hashlib.sha256(image_id.encode()).hexdigest()[:10]


def _region(roi: PathLike | npt.NDArray[Any], mammogram: Mammogram) -> npt.NDArray[np.bool_]:
    array = read_array(roi) if isinstance(roi, str | os.PathLike) else np.asarray(roi)
    if array.shape != mammogram.pixels.shape:
        raise BadInputError(
            f"a mask of the image's shape, {mammogram.pixels.shape}",
            source="roi" if array is roi else str(roi),
            value=array.shape,
        )
    region: npt.NDArray[np.bool_] = array != 0
    return region


def _clusters(
    mammogram: Mammogram,
    detection: Detection,
    rows: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    formed_by: str,
) -> ClusterSet:
    """Return the linked rows of a detection as a set."""
    marks: dict[str, Any] = {}
    for column in POINT_COLUMNS:
        values = np.asarray(detection.table[column.name], np.float32)[rows]
        if not column.required:
            values[column.bad(values)] = np.nan
        marks[column.name] = values
    n_clusters = len(counts)
    nipple = detection.nipple_mm or (np.nan, np.nan)
    each = dict(
        zip(
            ("nipple_x_mm", "nipple_y_mm", "breast_area_mm2"),
            (np.full(n_clusters, value) for value in (*nipple, detection.breast_area_mm2)),
            strict=True,
        )
    )
    name = short_name(mammogram.image_id)
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(counts)]),
        cluster_id=[f"{name}-{number}" for number in range(1, n_clusters + 1)],
        meta=_meta(mammogram, n_clusters, formed_by),
        **marks,
        **each,
    )


def _meta(mammogram: Mammogram, n_clusters: int, formed_by: str) -> pd.DataFrame:
    """Return one row per cluster; the patient is not named."""
    import pandas as pd

    values = (
        mammogram.image_id,
        mammogram.laterality or None,
        mammogram.view or None,
        formed_by,
    )
    known = zip(META_NAMES, values, strict=True)
    return pd.DataFrame({name: [value] * n_clusters for name, value in known}, dtype=object)
