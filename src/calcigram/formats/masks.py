"""Reads label masks (PNG, TIFF, NumPy) as clusters. DICOM segmentations: `dicom.segmentation`.

An image file says nothing reliable of the size of its pixels, so that must come from the user or
from the mammogram the mask was drawn on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError, PixelSizeError
from calcigram.formats.annotations import ImageMarks, gather
from calcigram.formats.arrays import read_array
from calcigram.formats.files import PathLike, kind_of
from calcigram.formats.masklabels import fill_from_labels
from calcigram.linking import Linking
from calcigram.longtable import Intake

if TYPE_CHECKING:
    from calcigram.formats.dicom.spacing import Spacing

MOST_MARKED = 0.5
"""Where one value has more than this share of a mask, and all its corners, it is the background."""


def read_mask(
    path: PathLike,
    *,
    pixel_spacing: float | None = None,
    images: Sequence[PathLike] = (),
    linking: Linking | None = None,
    labels: Collection[int] = (),
) -> Intake:
    """Read the clusters of a label mask.

    Parameters
    ----------
    path : path-like
        PNG, TIFF, ``.npy`` or ``.npz`` (its one array of an image, or that named ``mask`` or
        ``labels``); 0 is background. See `pixelmarks.fill_from_labels` for what the values mean.
    pixel_spacing : float, optional
        Millimetres a pixel.
    images : sequence of path-like
        The mammogram, DICOM (which also states the pixel size) or an image file of the same shape:
        then contrast is measured too, and centres are weighted by it.
    linking : Linking, optional
    labels : collection of int, optional
        The labels that are calcifications; the others are passed over.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It cannot be read, is not a mask, or the size of a pixel is not known.
    """
    source = str(path)
    mask = _as_labels(read_array(path), source, chosen=labels)
    marks = ImageMarks()
    notes = ["label mask"]
    intensity, spacing = _look_at(images, mask, marks, notes, source, pixel_spacing)
    if spacing is None:
        raise PixelSizeError(
            "the size of a pixel: the option --pixel-spacing MM, or the DICOM image (--image FILE)",
            source=source,
        )
    notes.append(spacing.note())
    notes += fill_from_labels(
        marks,
        mask,
        (spacing.x_mm, spacing.y_mm),
        source,
        intensity,
        chosen=labels,
        linking=linking,
    )
    if intensity is None:
        notes.append("contrast (cnr) is not known: it takes the image itself (--image FILE)")
    return gather([marks], notes, linking)


def _as_labels(
    array: npt.NDArray[Any], source: str, chosen: Collection[int] = ()
) -> npt.NDArray[Any]:
    """Return an array as labels, after a look whether it can be a mask."""
    if array.dtype.kind == "f":
        array = _whole_numbers(array, source)
    if array.dtype.kind == "i" and array.min(initial=0) < 0:
        raise BadInputError(
            "labels from 0, which is background", source=source, value=int(array.min())
        )
    corners = np.unique(array[[0, 0, -1, -1], [0, -1, 0, -1]]) if array.size else array.ravel()
    # of several values the background may be one, which is then left out for its size
    if len(corners) == 1 and corners[0] and not chosen and not array[array != corners[0]].any():
        marked = np.count_nonzero(array == corners[0]) / array.size
        if marked > MOST_MARKED:
            raise BadInputError(
                "0 for background, other values for calcifications (is the mask inverted?)",
                source=source,
                value=f"{corners[0]} in {marked:.1%} of the pixels, all corners among them",
            )
    return array


def _whole_numbers(array: npt.NDArray[Any], source: str) -> npt.NDArray[np.int32]:
    """Return an array of floats as whole numbers, row by row, as it may be large."""
    whole = np.empty(array.shape, np.int32)
    for row, values in zip(whole, array, strict=True):
        with np.errstate(invalid="ignore"):
            row[:] = values
        broken = (row != values) | (row == np.iinfo(np.int32).min)
        if broken.any():
            raise BadInputError(
                "whole numbers as labels, 0 for background; probabilities are to be thresholded first",
                source=source,
                value=values[broken][0].item(),
            )
    return whole


def _look_at(
    images: Sequence[PathLike],
    labels: npt.NDArray[Any],
    marks: ImageMarks,
    notes: list[str],
    source: str,
    given_mm: float | None,
) -> tuple[npt.NDArray[Any] | None, Spacing | None]:
    """Return the image's pixels and pixel size, and note in `marks` what it is of."""
    from calcigram.formats.dicom.spacing import Spacing

    given = None if given_mm is None else Spacing(given_mm, given_mm, "--pixel-spacing")
    if not images:
        return None, given
    if len(images) > 1:
        raise BadInputError("one image of a mask", source=source, value=f"{len(images)} images")
    image = images[0]
    if kind_of(image) != "dicom":
        pixels = read_array(image)
    else:
        from calcigram.formats.dicom.attributes import text_of
        from calcigram.formats.dicom.headers import open_image
        from calcigram.formats.dicom.pixels import displayed
        from calcigram.formats.dicom.spacing import pixel_spacing

        entry = open_image(image, pixels=True)
        header = entry.header
        assert header is not None
        marks.image_id, marks.group_id = entry.uid, text_of(header, "PatientID")
        marks.laterality, marks.view = entry.laterality, entry.view
        given = pixel_spacing(entry, str(image), given_mm)
        if "PixelData" not in header:
            return None, given
        pixels = displayed(header, str(image))
    if pixels.shape != labels.shape:
        raise BadInputError(
            f"an image of the mask's shape, {labels.shape}", source=str(image), value=pixels.shape
        )
    notes.append("contrast measured in the image")
    return pixels, given
