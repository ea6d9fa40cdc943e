"""Reads one plane of pixels as clusters: a mask of labels, or a map of probabilities, in PNG, TIFF or NumPy.

Other containers (NIfTI, DICOM) are opened elsewhere and end here. An image file says nothing reliable of the size of its
pixels, so that must come from the user or from the mammogram it was drawn on. What labels mean: `masks`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError, PixelSizeError
from calcigram.formats.annotations import ImageMarks, gather
from calcigram.formats.arrays import read_array
from calcigram.formats.files import PathLike
from calcigram.formats.masks import fill_from_labels
from calcigram.formats.registry import kind_of
from calcigram.longtable import Intake, Notice
from calcigram.options import DEFAULT_THRESHOLD, ReadOptions

if TYPE_CHECKING:
    from calcigram.formats.dicom.report import Spacing

MOST_MARKED = 0.5
"""Where one value has more than this share of a mask, and all its corners, it is the background."""


def read_mask(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of a label mask or of a map of probabilities.

    Parameters
    ----------
    path : path-like
        PNG, TIFF, ``.npy`` or ``.npz`` (its one array of an image, or that named ``mask`` or
        ``labels``); 0 is background. Of a map of several channels, `labels` names one. See `fill_from_labels` for what the values mean.
    options : ReadOptions, optional
        With the mammogram among its `images`, in DICOM (which also states the pixel size) or an image
        file of the same shape, contrast is measured too, and centres are weighted by it.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It cannot be read, is not a mask, or the size of a pixel is not known.
    """
    options, source = options or ReadOptions(), str(path)
    array = read_array(path, channels=bool(options.labels))
    if array.ndim == 2:
        return intake_of_plane(array, source, options)
    channel = options.labels[0]
    if len(options.labels) > 1 or not isinstance(channel, int) or channel >= len(array):
        raise BadInputError(
            f"one of {len(array)} channels, counted from 0",
            source=source,
            column="--label",
            value=options.labels,
        )
    notes = [f"channel {channel} of {len(array)}"]
    return intake_of_plane(array[channel], source, replace(options, labels=()), notes=notes)


def intake_of_plane(
    array: npt.NDArray[Any],
    source: str,
    options: ReadOptions,
    *,
    marks: ImageMarks | None = None,
    stated: Spacing | None = None,
    spacing_in: str = "",
    notes: Iterable[str] = (),
) -> Intake:
    """Return the clusters of one plane of pixels, whatever file it is from.

    Parameters
    ----------
    array : ndarray, shape (rows, columns)
        Labels, or floats that are probabilities: `ReadOptions.threshold` parts them.
    source : str
        Name of the file, for messages.
    options : ReadOptions
    marks : ImageMarks, optional
        What the file says of the image.
    stated : Spacing, optional
        The size of a pixel as the file states it.
    spacing_in : str
        Where the file could state it, for the message where nothing does.
    notes : iterable of str
        Notes to put first.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is neither labels nor probabilities, or the size of a pixel is not known.
    """
    marks, notes = marks or ImageMarks(), list(notes)
    mask, probability = _as_mask(array, source, options, notes)
    intensity, spacing = _look_at(options, mask, marks, notes, source, stated)
    if spacing is None:
        raise PixelSizeError(
            f"the size of a pixel: {spacing_in}the option --pixel-spacing MM, or the DICOM image (--image FILE)",
            source=source,
        )
    notes.append(spacing.note())
    notes += fill_from_labels(
        marks,
        mask,
        (spacing.x_mm, spacing.y_mm),
        source,
        intensity,
        chosen=options.labels,
        regions=options.regions,
        probability=probability,
        linking=options.linking,
    )
    if intensity is None:
        notes.append("contrast (cnr) is not known: it takes the image itself (--image FILE)")
    return gather([marks], notes, options.linking)


def _as_mask(
    array: npt.NDArray[Any], source: str, options: ReadOptions, notes: list[str]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return an array as labels, and the probabilities it holds, if it is a map of them."""
    whole = _whole_numbers(array) if array.dtype.kind == "f" else array
    is_map = array.dtype.kind == "f" and (whole is None or options.threshold is not None)
    if not is_map:
        if options.threshold is not None:
            raise BadInputError(
                "a map of probabilities (floats from 0 to 1), or no threshold for a mask of labels",
                source=source,
                column="--threshold",
                value=array.dtype.name,
            )
        notes.append("label mask")
        return _as_labels(array if whole is None else whole, source, options.labels), None
    low, high = (float(value) for value in (array.min(initial=0.0), array.max(initial=0.0)))
    if not (low >= -PROBABILITY_SLACK and high <= 1 + PROBABILITY_SLACK):
        raise BadInputError(
            "probabilities from 0 to 1 (apply the sigmoid or softmax first), or whole numbers as labels, "
            "0 for background",
            source=source,
            value=high if low >= 0 else low,
        )
    threshold = DEFAULT_THRESHOLD if options.threshold is None else options.threshold
    notes.append(
        Notice(
            f"map of probabilities: connected pixels of at least {threshold:g} (--threshold) are calcifications, "
            "their peak is the confidence"
        )
    )
    return _as_labels(array >= threshold, source, options.labels), array


PROBABILITY_SLACK = 1e-3
"""Half precision and interpolation lead so far out of 0 to 1."""


def _as_labels(
    array: npt.NDArray[Any], source: str, chosen: Collection[int | str] = ()
) -> npt.NDArray[Any]:
    """Return an array as labels, after a look whether it can be a mask."""
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


def _whole_numbers(array: npt.NDArray[Any]) -> npt.NDArray[np.int32] | None:
    """Return an array of floats as whole numbers, row by row, as it may be large; None where it has others."""
    whole = np.empty(array.shape, np.int32)
    for row, values in zip(whole, array, strict=True):
        with np.errstate(invalid="ignore"):
            row[:] = values
        if ((row != values) | (row == np.iinfo(np.int32).min)).any():
            return None
    return whole


def _look_at(
    options: ReadOptions,
    labels: npt.NDArray[Any],
    marks: ImageMarks,
    notes: list[str],
    source: str,
    stated: Spacing | None,
) -> tuple[npt.NDArray[Any] | None, Spacing | None]:
    """Return the image's pixels and pixel size, and note in `marks` what it is of."""
    from calcigram.formats.dicom.report import Spacing

    given_mm, images = options.pixel_spacing, options.images
    spacing = stated if given_mm is None else Spacing.given(given_mm)
    if not images:
        return None, spacing
    if len(images) > 1:
        raise BadInputError("one image of a mask", source=source, value=f"{len(images)} images")
    image = images[0]
    if kind_of(image) != "dicom":
        pixels = read_array(image)
    else:
        from calcigram.formats.dicom.datasets import text_of
        from calcigram.formats.dicom.images import displayed, open_image
        from calcigram.formats.dicom.report import agreed_spacing, pixel_spacing, states_spacing

        entry = open_image(image, pixels=True)
        header = entry.header
        assert header is not None
        marks.image_id, marks.group_id = entry.uid, text_of(header, "PatientID")
        marks.laterality, marks.view = entry.laterality, entry.view
        if spacing is None or states_spacing(entry):
            of_image = pixel_spacing(entry, str(image), given_mm)
            spacing = agreed_spacing(of_image, spacing, source)
        if "PixelData" not in header:
            return None, spacing
        pixels = displayed(header, str(image))
    if pixels.shape != labels.shape:
        raise BadInputError(
            f"an image of the mask's shape, {labels.shape}", source=str(image), value=pixels.shape
        )
    notes.append("contrast measured in the image")
    return pixels, spacing
