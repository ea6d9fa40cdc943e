"""The pixels of DICOM images: unpacked within limits, and as they are displayed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.formats.dicom.attributes import numbers_of, text_of, whole_of
from calcigram.formats.maskparts import MAX_PIXELS

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_FRAMES = 1_000

MAX_VALUES = 4 * MAX_PIXELS
"""Of all frames together."""


def frames(dataset: Dataset, source: str, index: int | None = None) -> npt.NDArray[Any]:
    """Return the pixels of a DICOM image as they are stored, shape (frames, rows, columns).

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its pixel data.
    source : str
        Name of the file, for messages.
    index : int, optional
        Of the one frame to read.

    Raises
    ------
    BadInputError
        They are damaged, compressed in a way that cannot be undone here, in colours, or too large.
    """
    size = [whole_of(dataset, name, 1) for name in ("NumberOfFrames", "Rows", "Columns")]
    size[0] = size[0] if index is None else 1
    if size[0] > MAX_FRAMES or size[1] * size[2] > MAX_PIXELS or np.prod(size) > MAX_VALUES:
        raise BadInputError(f"at most {MAX_PIXELS} pixels a frame", source=source, value=size)
    if (n_samples := whole_of(dataset, "SamplesPerPixel", 1)) > 1:
        raise BadInputError("an image in grey", source=source, value=f"{n_samples} colours")
    # What damaged pixel data make pydicom raise is not documented.
    try:
        from pydicom.pixels import pixel_array

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = np.asarray(pixel_array(dataset, index=index))
    except Exception as error:
        raise BadInputError(
            f"pixel data that can be read ({type(error).__name__}: {str(error)[:200]})",
            source=source,
        ) from None
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3:
        raise BadInputError("an image in grey", source=source, value=f"shape {pixels.shape}")
    return pixels


def displayed(dataset: Dataset, source: str) -> npt.NDArray[Any]:
    """Return the pixels of a mammogram's first frame such that what is displayed brighter is greater.

    Notes
    -----
    A negative rescale slope turns the values round, and so does a modality look-up table that falls.
    Photometric interpretation MONOCHROME1 and presentation LUT shape INVERSE say the same thing, that the
    least value is displayed white (PS3.3, C.8.11.3.1.2): together they turn the values round once.
    """
    pixels = frames(dataset, source, 0)[0]
    if "ModalityLUTSequence" in dataset:
        from pydicom.pixels import apply_modality_lut

        try:
            pixels = np.asarray(apply_modality_lut(pixels, dataset))
        except Exception as error:  # what damaged tables make pydicom raise is not documented
            raise BadInputError(
                f"a modality look-up table that can be read ({type(error).__name__})", source=source
            ) from None
    slope = numbers_of(dataset, "RescaleSlope")
    turned = bool(slope) and slope[0] < 0 and "ModalityLUTSequence" not in dataset
    shape = text_of(dataset, "PresentationLUTShape").strip().upper()
    colours = text_of(dataset, "PhotometricInterpretation").strip().upper()
    turned ^= shape == "INVERSE" or colours == "MONOCHROME1"
    if not turned:
        return pixels
    wide = pixels.astype(np.int64 if pixels.dtype.itemsize > 2 else np.int32) if pixels.dtype.kind in "iu" else pixels  # fmt: skip
    return wide.max(initial=0) - wide
