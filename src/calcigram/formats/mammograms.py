"""Reads mammograms (DICOM, PNG, TIFF) as `Mammogram`: what is bright, what is padding, how large a pixel is.

An image that is no mammogram, or whose pixel size is not stated, is refused. What is unusual
but readable (coarse pixels, lossy compression, eight bits, saturation) is a notice. Finding calcifications in it:
`calcigram.detect`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import PixelSizeError
from calcigram.formats.arrays import NUMPY_MAGICS, is_stored_inverted, read_array
from calcigram.formats.dicom.datasets import text_of
from calcigram.formats.dicom.images import frames, open_dicom
from calcigram.formats.dicom.mammography import SECONDARY_CAPTURE, has_size, read_dicom_mammogram
from calcigram.formats.dicom.report import Spacing
from calcigram.formats.files import PathLike, Signs, first_bytes, looks_like_dicom, refuse_foreign
from calcigram.formats.greys import (
    air_is_bright,
    check_coarse,
    check_picture,
    finished,
    is_picture,
    quality,
    spacing_pair,
)
from calcigram.longtable import Notice
from calcigram.mammogram import Mammogram
from calcigram.options import ReadOptions


def read_mammogram(
    path: PathLike, *, spacing_mm: float | Sequence[float] | None = None, force: bool = False
) -> Mammogram:
    """Read a mammogram from a DICOM, PNG or TIFF file.

    Parameters
    ----------
    path : path-like
        Told by content. DICOM: digital mammograms for presentation and for processing; computed and digital
        radiographs, and secondary captures, of a breast. PNG and TIFF: one grey page, better of 16 bits.
    spacing_mm : float or (float, float), optional
        Size of a pixel in the breast in mm, or (row, column). It goes before what the file states;
        PNG and TIFF need it.
    force : bool
        Read pixels of more than `COARSEST_MM` too.

    Returns
    -------
    Mammogram
        Calcium is bright. Padding is not `valid`, and has the least grey value of the others. Named after the
        SOP instance UID, or the file name without suffix.

    Raises
    ------
    BadInputError
        It is damaged, or no mammogram: a report, a CT, a colour picture, several frames.
    PixelSizeError
        The size of a pixel is not stated, or it is larger than `COARSEST_MM`.

    Notes
    -----
    Grey values are those after the modality look-up table; no display window is applied. An image for
    presentation is turned where it is displayed inverted (MONOCHROME1). One for processing is turned where greater
    values are more exposure: by Pixel Intensity Relationship Sign (0028,1041), else by Photometric
    Interpretation, else by the look of the air around the breast. An inverted picture without header is told
    by its air as well.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> grey = np.random.default_rng(1).integers(900, 1100, (200, 100)).astype(np.uint16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.fromarray(grey).save(Path(folder) / "left.png")
    ...     read = read_mammogram(Path(folder) / "left.png", spacing_mm=0.07)
    >>> read.image_id, read.pixels.shape, read.spacing_mm
    ('left', (200, 100), (0.07, 0.07))
    """
    given = None if spacing_mm is None else spacing_pair(spacing_mm)
    head = first_bytes(path, 4096)
    if looks_like_dicom(head):
        return read_dicom_mammogram(path, given, force)
    refuse_foreign(path, Signs.of(path))
    array = read_array(path)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if is_stored_inverted(path) and array.dtype.kind in "uif":
        array = array.max(initial=0) - array
    return from_array(array, given, source=str(path), image_id=Path(path).stem, force=force)


def is_mammogram(path: PathLike, kind: str, options: ReadOptions) -> bool:
    """Tell an image to detect calcifications in from masks, reports and tables, by its content.

    Parameters
    ----------
    path : path-like
    kind : str
        As `registry.kind_of` gives it.
    options : ReadOptions
        Where one of them only makes sense for a mask, such as the image it lies on, the file is none.

    Returns
    -------
    bool
        A DICOM image of any modality is one (other images are refused on reading), and so is a secondary capture, a PNG
        or a TIFF that shows grey levels (`greys.is_picture`). NumPy files are masks.
    """
    of_masks = (options.images, options.labels, options.regions, options.threshold)
    if kind not in ("dicom", "mask") or any(of_masks):
        return False
    if kind == "mask":
        return not first_bytes(path, 8).startswith(NUMPY_MAGICS) and is_picture(read_array(path))
    header = open_dicom(path)
    if not has_size(header):
        return False
    if not text_of(header, "SOPClassUID").startswith(SECONDARY_CAPTURE):
        return True
    header = open_dicom(path, pixels=True)
    return "PixelData" in header and is_picture(frames(header, str(path), 0)[0])


def from_array(
    array: npt.NDArray[Any],
    spacing_mm: tuple[float, float] | None,
    *,
    source: str = "image",
    image_id: str = "image",
    force: bool = False,
) -> Mammogram:
    """Return an array of grey values as a mammogram, after the checks of a PNG or TIFF.

    Parameters
    ----------
    array : ndarray, shape (rows, columns)
        Numbers; what is not finite is padding.
    spacing_mm : (float, float), optional
        Size of a pixel in mm, (row, column).
    source, image_id : str
        Name in messages, and in tables.
    force : bool
        As `read_mammogram` takes it.

    Raises
    ------
    BadInputError, PixelSizeError
        As `read_mammogram`.
    """
    check_picture(array, source)
    if spacing_mm is None:
        raise PixelSizeError(
            "the size of a pixel, which an image file does not state reliably: the option "
            "--pixel-spacing MM or ROW,COLUMN (in Python spacing_mm)",
            source=source,
        )
    notices = [Spacing.given(spacing_mm).note()]
    notices += check_coarse(spacing_mm, array.shape, force, source)
    pixels = array.astype(np.float32)
    valid = np.isfinite(pixels)
    notices += quality(array)
    if air_is_bright(pixels) is True:
        pixels = np.float32(pixels[valid].max()) - pixels
        notices.append(Notice("inverted: the air around the breast was the brightest"))
    return finished(pixels, valid, spacing_mm, notices, source, image_id=image_id)
