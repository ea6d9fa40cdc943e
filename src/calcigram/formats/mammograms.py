"""Reads mammograms (DICOM, PNG, TIFF) as `Mammogram`: what is bright, what is padding, how large a pixel is.

An image that is no mammogram, or whose pixel size is not stated, is refused. What is unusual
but readable (coarse pixels, lossy compression, eight bits, saturation) is a notice. Finding calcifications in it:
`calcigram.detect`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError, PixelSizeError, naming
from calcigram.formats.arrays import NUMPY_MAGICS, is_stored_inverted, read_array
from calcigram.formats.dicom.datasets import items_of, numbers_of, text_of, values_of, whole_of
from calcigram.formats.dicom.images import (
    MG,
    MG_RAW,
    NO_IMAGES,
    frames,
    modality_values,
    open_dicom,
    open_image,
)
from calcigram.formats.dicom.report import (
    SAME,
    Spacing,
    pixel_spacing,
    states_spacing,
    unread_spacing,
)
from calcigram.formats.files import (
    IMAGE_MAGICS,
    PathLike,
    Signs,
    first_bytes,
    looks_like_dicom,
    refuse_foreign,
)
from calcigram.longtable import Notice
from calcigram.mammogram import (
    Image,
    Mammogram,
    air_is_bright,
    check_coarse,
    check_picture,
    finished,
    is_picture,
    quality,
    spacing_pair,
)
from calcigram.options import ReadOptions

if TYPE_CHECKING:
    from pydicom import Dataset

    from calcigram.formats.dicom.report import ImageEntry

_KINDS = {IMAGE_MAGICS[0]: "PNG", **dict.fromkeys(NUMPY_MAGICS, "NumPy file")}
"""First bytes of image files -> what messages call them; all others are TIFF."""


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
        Size of a pixel in the breast in mm, or (row, column). It overrides the file;
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
    with naming(path):
        if looks_like_dicom(first_bytes(path, 4096)):
            return _read_dicom(path, given, force)
        signs = Signs.of(path)
        refuse_foreign(path, signs, "a mammogram (DICOM, PNG, TIFF)")
        array = read_array(path)
        if array.dtype.kind == "b":
            array = array.astype(np.uint8)
        if is_stored_inverted(path) and array.dtype.kind in "uif":
            array = array.max(initial=0) - array
        read = from_array(array, given, image_id=Path(path).stem, force=force, source=path)
        kind = next(
            (kind for magic, kind in _KINDS.items() if signs.head.startswith(magic)), "TIFF"
        )
        text = f"nothing in a {kind} says that it is a mammogram: photographs are not recognised, so check the image"
        return replace(read, notices=(*read.notices, Notice(text)))


def is_mammogram(path: PathLike, kind: str, options: ReadOptions) -> bool:
    """Tell an image to detect calcifications in from masks, reports and tables, by its content.

    Parameters
    ----------
    path : path-like
    kind : {"dicom", "mask"}
        As `registry.kind_of` gives it.
    options : ReadOptions
        Where one of them only makes sense for a mask, such as the image it lies on, the file is none.

    Returns
    -------
    bool
        A DICOM image of any modality is one (other images are refused on reading), and so is a secondary capture, a PNG
        or a TIFF that shows grey levels (`mammogram.is_picture`). NumPy files are masks.
    """
    if any((options.images, options.labels, options.regions, options.threshold)):
        return False
    if kind == "mask":
        return not first_bytes(path, 8).startswith(NUMPY_MAGICS) and is_picture(read_array(path))
    header = open_dicom(path)
    if not has_size(header):
        return False
    if not text_of(header, "SOPClassUID").startswith(SECONDARY_CAPTURE):
        return True
    header = open_dicom(path, pixels=True)
    return "PixelData" in header and is_picture(frames(header, 0)[0])


def from_array(
    array: npt.NDArray[Any],
    spacing_mm: tuple[float, float] | None,
    *,
    image_id: str = "image",
    force: bool = False,
    source: PathLike = "image",
) -> Mammogram:
    """Return an array of grey values as a mammogram, after the checks of a PNG or TIFF.

    Parameters
    ----------
    array : ndarray, shape (rows, columns)
        Numbers; what is not finite is padding.
    spacing_mm : (float, float), optional
        Size of a pixel in mm, (row, column).
    image_id : str
        Name in messages, and in tables.
    force : bool
        As `read_mammogram` takes it.
    source : path-like
        What messages name.

    Raises
    ------
    BadInputError, PixelSizeError
        As `read_mammogram`.
    """
    with naming(source):
        check_picture(array)
        if spacing_mm is None:
            raise PixelSizeError(
                "the size of a pixel, which an image file does not state reliably: the option "
                "--pixel-spacing MM or ROW,COLUMN (in Python spacing_mm)"
            )
        notices = [Spacing.given(spacing_mm).note()]
        notices += check_coarse(spacing_mm, array.shape, force)
        pixels = array.astype(np.float32)
        valid = np.isfinite(pixels)
        notices += quality(array)
        if air_is_bright(pixels) is True:
            pixels = np.float32(pixels[valid].max()) - pixels
            notices.append(Notice("inverted: the air around the breast was the brightest"))
        return finished(pixels, valid, spacing_mm, notices, image_id=image_id)


SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_OTHER_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1",  # and for processing
    SECONDARY_CAPTURE,
    f"{SECONDARY_CAPTURE}.2",  # greyscale byte and word; both may have several frames
    f"{SECONDARY_CAPTURE}.3",
)
_MODALITIES = ("MG", "CR", "DX", "RG", "OT", "SC", "")
TOMOSYNTHESIS = tuple(f"1.2.840.10008.5.1.4.1.1.13.1.{n}" for n in (3, 4, 5))
"""Slices and projections of tomosynthesis of the breast."""

_SYNTHETIC = ("TOMO_2D", "GENERATED_2D")
"""Words of Image Type (0008,0008) in images that were computed from slices."""

_COMPRESSED = "1.2.840.10008.1.2.4."
_LOSSY, _MAY_BE_LOSSY = ("50", "51", "81"), ("91", "93", "203")
"""Transfer syntaxes: JPEG Baseline and Extended, JPEG-LS near-lossless; JPEG 2000 and HTJ2K of either kind."""

_MAMMOGRAM = (
    "a mammogram: one projection image of a breast (MG, or CR, DX or Secondary Capture of one)"
)


def _read_dicom(path: PathLike, given: tuple[float, float] | None, force: bool) -> Mammogram:
    """Read a mammogram in DICOM; a size `given` of its pixels overrides the file's."""
    notices = check_header(open_image(path).header)
    entry = open_image(path, pixels=True)
    header = entry.header
    assert header is not None
    if "PixelData" not in header:
        raise BadInputError(f"{_MAMMOGRAM}, with its pixels (7FE0,0010)")
    spacing_mm, said = _spacing(entry, given)
    notices += [said, *check_coarse(spacing_mm, (entry.n_rows, entry.n_columns), force)]
    stored = frames(header, 0)[0]
    check_picture(stored)
    valid = ~_is_padding(header, stored)
    if np.issubdtype(stored.dtype, np.floating):
        valid &= np.isfinite(stored)
    notices += quality(stored, bits=whole_of(header, "BitsStored", 16), is_lossy=_is_lossy(header))
    pixels = modality_values(header, stored).astype(np.float32)
    if not np.isfinite(pixels[valid]).all():
        raise BadInputError("grey values that are finite numbers")
    is_turned, notice = _polarity(header, stored, pixels, valid)
    if is_turned and valid.any():
        pixels = np.float32(pixels[valid].max()) - pixels
    notices += [Notice(notice)] if notice else []
    return finished(
        pixels,
        valid,
        spacing_mm,
        notices,
        raw=_is_raw(header),
        image_id=text_of(header, "SOPInstanceUID").strip() or Path(path).stem,
        laterality=entry.laterality,
        view=entry.view,
    )


def has_size(header: Dataset) -> bool:
    """Tell whether a DICOM file is an image of any kind: no report, segmentation or presentation state."""
    n_pixels = whole_of(header, "Rows") * whole_of(header, "Columns")
    return n_pixels > 0 and not text_of(header, "SOPClassUID").startswith(NO_IMAGES)


def check_header(header: Dataset | None) -> list[str]:
    """Refuse a DICOM file that is no single projection image of a breast; return what is odd about it.

    Parameters
    ----------
    header : pydicom.Dataset

    Raises
    ------
    BadInputError
        What it is instead is named.
    """
    assert header is not None
    kind, modality = (text_of(header, name).strip() for name in ("SOPClassUID", "Modality"))
    called = _class_name(kind)
    if not has_size(header):
        raise BadInputError(f"{_MAMMOGRAM}; name the image itself", value=called)
    n_frames = whole_of(header, "NumberOfFrames", 1)
    if n_frames > 1 or kind in TOMOSYNTHESIS:
        raise BadInputError(
            "one projection image: slices of tomosynthesis and other images of several frames are not read; "
            "take the synthetic or conventional 2-D view of the same breast",
            value=f"{called} of {max(n_frames, 1)} frames",
        )
    body = text_of(header, "BodyPartExamined").strip().upper()
    is_known = kind in (MG, MG_RAW, *_OTHER_CLASSES) and modality.upper() in _MODALITIES
    if not is_known or (body and "BREAST" not in body and modality.upper() != "MG"):
        part = f", body part {body}" if body else ""
        raise BadInputError(
            f"{_MAMMOGRAM}; other images show no calcifications of the breast that could be read",
            value=f"{called} (modality {modality or 'not stated'}{part})",
        )
    colours = text_of(header, "PhotometricInterpretation").strip().upper()
    if whole_of(header, "SamplesPerPixel", 1) > 1 or colours == "PALETTE COLOR":
        raise BadInputError(
            "a grey mammogram; a picture in colours is a photograph or a screen shot: take the original image",
            value=colours or "several samples per pixel",
        )
    notices: list[str] = []
    if kind not in (MG, MG_RAW) and modality.upper() != "MG" and not body:
        text = f"nothing in the file says that it is a mammogram ({called}, modality {modality or 'not stated'})"
        notices.append(Notice(text))
    if _is_synthetic(header):
        text = (
            "synthetic 2-D image, computed from tomosynthesis: calcifications may be enhanced, blurred or "
            "invented, and their form is unreliable"
        )
        notices.append(Notice(text))
    return notices


def _class_name(uid: str) -> str:
    from pydicom.uid import UID

    name = str(UID(uid).name)
    return f"SOP class {uid[:64]}" if name == uid else name.removesuffix(" Storage")


def _is_synthetic(header: Dataset) -> bool:

    words = [str(word).strip().upper() for word in values_of(header, "ImageType")]
    sources = items_of(header, "SourceImageSequence")
    of_slices = (text_of(item, "ReferencedSOPClassUID") in TOMOSYNTHESIS for item in sources)
    return not set(_SYNTHETIC).isdisjoint(words) or any(of_slices)


def _is_raw(header: Dataset) -> bool:
    """Tell whether an image is for processing."""
    intent = text_of(header, "PresentationIntentType").strip().upper()
    kind = text_of(header, "SOPClassUID")
    return intent == "FOR PROCESSING" or (not intent and kind in (MG_RAW, f"{_OTHER_CLASSES[1]}.1"))


def _spacing(
    entry: ImageEntry, given: tuple[float, float] | None
) -> tuple[tuple[float, float], str]:
    """Return the size of a pixel in the breast, (row, column), and a sentence on who states it."""
    if given is None:
        if not states_spacing(entry) and not unread_spacing(entry.header):
            raise PixelSizeError(
                "the size of a pixel, which the image does not state (Imager Pixel Spacing 0018,1164, Pixel "
                "Spacing 0028,0030 or Nominal Scanned Pixel Spacing 0018,2010): the option --pixel-spacing MM "
                "or ROW,COLUMN (in Python spacing_mm)"
            )
        stated = pixel_spacing(entry)
        return (stated.y_mm, stated.x_mm), stated.note()
    said = Spacing.given(given).note()
    try:
        stated = pixel_spacing(entry)
    except PixelSizeError:
        return given, said
    own = (stated.y_mm, stated.x_mm)
    if any(abs(a - b) > SAME * b for a, b in zip(given, own, strict=True)):
        said = Notice(f"{said}, in place of {stated.note()}")
    return given, said


def _is_padding(header: Dataset, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell which pixels are padding: the value (0028,0120), or all from it to the limit (0028,0121)."""
    value = numbers_of(header, "PixelPaddingValue")
    if not value:
        return np.zeros(stored.shape, bool)
    limit = numbers_of(header, "PixelPaddingRangeLimit") or value
    low, high = sorted((value[0], limit[0]))
    return np.asarray((stored >= low) & (stored <= high))


def _is_lossy(header: Dataset) -> bool:
    """Tell whether grey values were lost, by Lossy Image Compression (0028,2110) or the transfer syntax."""
    stated = text_of(header, "LossyImageCompression").strip()
    syntax = str(getattr(getattr(header, "file_meta", None), "TransferSyntaxUID", ""))
    kind = syntax.removeprefix(_COMPRESSED)
    return stated == "01" or kind in _LOSSY or (kind in _MAY_BE_LOSSY and stated != "00")


def _polarity(
    header: Dataset, stored: npt.NDArray[Any], values: Image, valid: npt.NDArray[np.bool_]
) -> tuple[bool, str]:
    """Tell whether values are to be turned round for calcium to be bright, and how uncertain that is.

    See `read_mammogram`.
    """
    colours = text_of(header, "PhotometricInterpretation").strip().upper()
    shape = text_of(header, "PresentationLUTShape").strip().upper()
    is_inverse = colours == "MONOCHROME1" or shape == "INVERSE"
    if not _is_raw(header):
        turned = is_inverse
        if air_is_bright(-values if turned else values, valid) is True:
            return turned, "the air around the breast is the brightest part: is the image inverted?"
        return turned, ""
    sign = numbers_of(header, "PixelIntensityRelationshipSign")
    if sign and sign[0] in (1, -1):
        # of the stored values; a falling modality look-up table turns the relationship round
        return (sign[0] == 1) != _falls(stored, values, valid), ""
    if colours == "MONOCHROME1":
        return True, ""
    bright = air_is_bright(values, valid)
    seen = "by the air around the breast" if bright is not None else "assumed, as no air is seen"
    turned = bright is not False
    way = "greater values are more exposure, inverted" if turned else "greater values are denser"
    return turned, f"image for processing without sign (0028,1041): {way} ({seen})"


def _falls(stored: npt.NDArray[Any], values: Image, valid: npt.NDArray[np.bool_]) -> bool:
    """Tell whether the modality look-up table gives the greatest stored value a lesser grey value than the least."""
    at = np.flatnonzero(valid)
    own = stored.ravel()[at]
    low, high = at[int(own.argmin())], at[int(own.argmax())]
    return bool(values.ravel()[high] < values.ravel()[low])
