"""Reads PNG, TIFF and NumPy files as arrays of two dimensions, none larger than a mammogram."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.formats.dicom.datasets import inflated
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import PathLike, first_bytes
from calcigram.formats.maskparts import MAX_PIXELS

MAX_UNPACKED = 8 * MAX_PIXELS
"""Bytes of an image when it is unpacked."""

_DEFLATE = (8, 32946)

_UNPACKED_BY_TIFFFILE = (1, *_DEFLATE, 32773)
"""Compressions that take no further package: none, Deflate and PackBits. Pillow unpacks the others."""

_WHITE_IS_ZERO = 0
"""Photometric interpretation of such a TIFF."""

ZLIB_HEADER = 2

HEADER_BYTES = 1 << 16
"""More than the header of a NumPy file has."""

MAX_MEMBERS = 1_000

_ZIPPED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What NumPy writes; others may ask for any amount of memory."""

NAMED_MASKS = ("mask.npy", "labels.npy")
"""Names of the array to take of several in an ``.npz``."""


def read_array(path: PathLike, *, channels: bool = False) -> npt.NDArray[Any]:
    """Read a PNG, TIFF or NumPy file as an array of two dimensions.

    Parameters
    ----------
    path : path-like
    channels : bool
        Floats may have several channels, as networks write probabilities.

    Returns
    -------
    ndarray, shape (rows, columns)
        With `channels` also (channels, rows, columns).

    Raises
    ------
    BadInputError
        It is damaged, has colours, or is larger than any mammogram.
    """
    source = str(path)
    head = first_bytes(path, 8)
    reader = next((read for magic, read in _READERS.items() if head.startswith(magic)), None)
    if reader is None:
        raise BadInputError("a PNG, TIFF or NumPy file", source=source)
    with refusing_damaged("a complete image file", source, smaller=f"at most {MAX_PIXELS} pixels"):
        array = np.asarray(reader(path, source))
    is_of_channels = channels and array.dtype.kind == "f" and array.squeeze().ndim == 3
    array = array.squeeze() if is_of_channels else _one_channel(array, source)
    if array.dtype.kind not in "buif":
        raise BadInputError("numbers", source=source, value=array.dtype.name)
    return array


def is_stored_inverted(path: PathLike) -> bool:
    """Tell whether a file is a TIFF whose zero is white, and which `read_array` gives as it is stored."""
    if _READERS.get(first_bytes(path, 2)) is not _read_tiff:
        return False
    tifffile = load_extra("tifffile", "A TIFF file")
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        # Pillow, which unpacks the others, turns them round
        return page.photometric == _WHITE_IS_ZERO and page.compression in _UNPACKED_BY_TIFFFILE


def _one_channel(array: npt.NDArray[Any], source: str) -> npt.NDArray[Any]:
    array = array.squeeze() if array.ndim > 2 else array
    if array.ndim == 3 and array.shape[2] in (2, 3, 4):
        array = _grey(array, source)
    if array.ndim != 2:
        raise BadInputError(
            "a mask of two dimensions (name one of several channels with --label N, counted from 0; save one of several slices)",
            source=source,
            value=f"{array.shape}",
        )
    return array


def _grey(array: npt.NDArray[Any], source: str) -> npt.NDArray[Any]:
    """Return the grey of an image with channels; of one that is a single colour, its opacity."""
    n_colours = array.shape[2] - 1 if array.shape[2] in (2, 4) else 3
    colours, opacity = array[..., :n_colours], array[..., n_colours:]
    if not (colours == colours[..., :1]).all():
        raise BadInputError("a greyscale image, not one in colour", source=source)
    grey = colours[..., 0]
    drawn_by_opacity = opacity.size and np.ptp(grey) == 0 and np.ptp(opacity) > 0
    return opacity[..., 0] if drawn_by_opacity else grey


def _check_size(shape: Sequence[int], itemsize: int, source: str) -> None:
    lengths = [float(length) for length in shape]
    n_values = float(np.prod(lengths))
    n_pixels = n_values / (lengths[-1] if len(lengths) > 2 and 0 < lengths[-1] <= 4 else 1)
    if n_values * itemsize > MAX_UNPACKED or n_pixels > MAX_PIXELS:
        raise BadInputError(f"at most {MAX_PIXELS} pixels", source=source, value=tuple(shape))


def _read_tiff(path: PathLike, source: str) -> Any:
    tifffile = load_extra("tifffile", "A TIFF file")
    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise BadInputError("one page", source=source, value=f"{len(file.pages)} pages")
        page = file.pages[0]
        _check_size(page.shape, page.dtype.itemsize, source)
        if page.compression in _DEFLATE:
            _check_inflated(file.filehandle, page, source)
        if page.compression in _UNPACKED_BY_TIFFFILE:
            return page.asarray()
    return _read_with_pillow(path, "TIFF", source)


def _check_inflated(file: Any, page: Any, source: str) -> None:
    """Refuse an image whose strips or tiles inflate to more than its size; tifffile inflates them whole."""
    left = MAX_UNPACKED
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(offset + ZLIB_HEADER)
        packed = io.BytesIO(file.read(max(0, length - ZLIB_HEADER)))
        left -= sum(map(len, inflated(packed, left, source)))


def _read_png(path: PathLike, source: str) -> Any:
    return _read_with_pillow(path, "PNG", source)


def _read_with_pillow(path: PathLike, kind: str, source: str) -> Any:
    image_module = load_extra("PIL.Image", "An image file")
    with image_module.open(path, formats=[kind]) as image:
        _check_size(image.size, 4, source)
        return np.asarray(image)


def _read_npy(path: PathLike, source: str) -> Any:
    with open(path, "rb") as file:
        return _npy(file, source)


def _npy(file: Any, source: str) -> Any:
    """Read an array whose header says that it is no larger than an image, and no pickle."""
    shape, dtype = _npy_header(file)
    if dtype.hasobject:
        raise BadInputError("numbers, no Python objects", source=source)
    _check_size(shape, dtype.itemsize, source)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _npy_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    reader = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = reader(file)
    return shape, dtype


def _read_npz(path: PathLike, source: str) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = {
            item.filename: item
            for item in archive.infolist()
            if item.filename.endswith(".npy") and item.compress_type in _ZIPPED
        }
        chosen = [name for name in members if name in NAMED_MASKS] or list(members)
        if len(chosen) > 1:  # beside a mask may stand its spacing, or a name
            chosen = [name for name in chosen[:MAX_MEMBERS] if _n_axes(archive, name) >= 2]
        if len(chosen) != 1:
            raise BadInputError(
                "one array of an image, or one named mask or labels",
                source=source,
                value=list(members)[:10],
            )
        member = members[chosen[0]]
        if member.file_size > MAX_UNPACKED + HEADER_BYTES:
            raise BadInputError(f"at most {MAX_PIXELS} pixels", source=source)
        with archive.open(chosen[0]) as file:
            return _npy(file, source)


def _n_axes(archive: zipfile.ZipFile, name: str) -> int:
    with archive.open(name) as file:
        shape, _ = _npy_header(io.BytesIO(file.read(HEADER_BYTES)))
    return len(shape)


NUMPY_MAGICS = (b"\x93NUMPY", b"PK\x03\x04")

_READERS = {
    b"\x89PNG": _read_png,
    b"II": _read_tiff,
    b"MM": _read_tiff,
    NUMPY_MAGICS[0]: _read_npy,
    NUMPY_MAGICS[1]: _read_npz,
}
