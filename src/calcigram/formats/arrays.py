"""Reads PNG, TIFF and NumPy files as arrays of two dimensions, none larger than a mammogram."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError, PixelSizeError, naming
from calcigram.formats.dicom.datasets import inflated
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import PathLike, first_bytes
from calcigram.formats.maskparts import MAX_PIXELS
from calcigram.limits import check_pixel_spacing
from calcigram.longtable import Notice
from calcigram.mammogram import Image, Mammogram

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
    with naming(path):
        return _read_array(path, channels)


def _read_array(path: PathLike, channels: bool) -> npt.NDArray[Any]:
    head = first_bytes(path, 8)
    reader = next((read for magic, read in _READERS.items() if head.startswith(magic)), None)
    if reader is None:
        raise BadInputError("a PNG, TIFF or NumPy file")
    with refusing_damaged("a complete image file", smaller=f"at most {MAX_PIXELS} pixels"):
        array = np.asarray(reader(path))
    is_of_channels = channels and array.dtype.kind == "f" and array.squeeze().ndim == 3
    array = array.squeeze() if is_of_channels else _one_channel(array)
    if array.dtype.kind not in "buif":
        raise BadInputError("numbers", value=array.dtype.name)
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


def _one_channel(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array = array.squeeze() if array.ndim > 2 else array
    if array.ndim == 3 and array.shape[2] in (2, 3, 4):
        array = _grey(array)
    if array.ndim != 2:
        raise BadInputError(
            "a mask of two dimensions (name one of several channels with --label N, counted from 0; save one of several slices)",
            value=f"{array.shape}",
        )
    return array


def _grey(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the grey of an image with channels; of one that is a single colour, its opacity."""
    n_colours = array.shape[2] - 1 if array.shape[2] in (2, 4) else 3
    colours, opacity = array[..., :n_colours], array[..., n_colours:]
    if not (colours == colours[..., :1]).all():
        raise BadInputError("a greyscale image, not one in colour")
    grey = colours[..., 0]
    drawn_by_opacity = opacity.size and np.ptp(grey) == 0 and np.ptp(opacity) > 0
    return opacity[..., 0] if drawn_by_opacity else grey


def _check_size(shape: Sequence[int], itemsize: int) -> None:
    lengths = [float(length) for length in shape]
    n_values = float(np.prod(lengths))
    n_pixels = n_values / (lengths[-1] if len(lengths) > 2 and 0 < lengths[-1] <= 4 else 1)
    if n_values * itemsize > MAX_UNPACKED or n_pixels > MAX_PIXELS:
        raise BadInputError(f"at most {MAX_PIXELS} pixels", value=tuple(shape))


def _read_tiff(path: PathLike) -> Any:
    tifffile = load_extra("tifffile", "A TIFF file")
    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise BadInputError("one page", value=f"{len(file.pages)} pages")
        page = file.pages[0]
        _check_size(page.shape, page.dtype.itemsize)
        if page.compression in _DEFLATE:
            _check_inflated(file.filehandle, page)
        if page.compression in _UNPACKED_BY_TIFFFILE:
            return page.asarray()
    return _read_with_pillow(path, "TIFF")


def _check_inflated(file: Any, page: Any) -> None:
    """Refuse an image whose strips or tiles inflate to more than its size; tifffile inflates them whole."""
    left = MAX_UNPACKED
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(offset + ZLIB_HEADER)
        packed = io.BytesIO(file.read(max(0, length - ZLIB_HEADER)))
        left -= sum(map(len, inflated(packed, left)))


def _read_png(path: PathLike) -> Any:
    return _read_with_pillow(path, "PNG")


def _read_with_pillow(path: PathLike, kind: str) -> Any:
    image_module = load_extra("PIL.Image", "An image file")
    with image_module.open(path, formats=[kind]) as image:
        _check_size(image.size, 4)
        return np.asarray(image)


def _read_npy(path: PathLike) -> Any:
    with open(path, "rb") as file:
        return _npy(file)


def _npy(file: Any) -> Any:
    """Read an array whose header says that it is no larger than an image, and no pickle."""
    shape, dtype = _npy_header(file)
    if dtype.hasobject:
        raise BadInputError("numbers, no Python objects")
    _check_size(shape, dtype.itemsize)
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


def _read_npz(path: PathLike) -> Any:
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
            expected = "one array of an image, or one named mask or labels"
            raise BadInputError(expected, value=list(members)[:10])
        member = members[chosen[0]]
        if member.file_size > MAX_UNPACKED + HEADER_BYTES:
            raise BadInputError(f"at most {MAX_PIXELS} pixels")
        with archive.open(chosen[0]) as file:
            return _npy(file)


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


COARSE_MM, COARSEST_MM = 0.10, 0.15
"""Above the first the form of a calcification is unreliable; above the second most are not seen at all."""

_ROUNDING = 1.005

SMALLEST_SIDE, LARGEST_SIDE_MM = 64, 500.0
"""A side of an image: at least so many pixels, and no longer than the largest cassette (35 x 43 cm) in mm."""

AIR_SHARE, AIR_VARIES = 0.1, 0.03
"""Least share of an image that is air, and how much of the range of grey levels it varies by."""

SATURATED_SHARE = 1e-4
"""From this share of the pixels at the greatest value on, it is told."""

LEAST_LEVELS, LEAST_SHOWN, ROUGHNESS = 16, 0.1, 0.08
"""Grey levels of a picture, the share of it that is not background, and how many of those pixels are local extremes."""

BLOCKINESS = 1.1
"""Steps between blocks of 8 pixels, over those within, from which an 8-bit image looks like JPEG."""

_EIGHT_BITS = (
    "no more than 256 grey levels: faint calcifications may be lost, and contrast is unreliable"
)
_LOSSY = "lossy compression{}: it may hide calcifications or imitate them; take the original image if there is one"


def spacing_pair(value: Any) -> tuple[float, float]:
    """Return the size of a pixel as (row, column) in mm; see `limits.check_pixel_spacing`.

    Examples
    --------
    >>> spacing_pair(0.07), spacing_pair("0.07,0.08")
    ((0.07, 0.07), (0.07, 0.08))
    """
    size = check_pixel_spacing(value.tolist() if isinstance(value, np.ndarray) else value)
    return size if isinstance(size, tuple) else (size, size)


def check_picture(array: npt.NDArray[Any]) -> None:
    """Refuse what has no grey levels, and sizes that no mammogram has."""
    if array.ndim != 2 or array.dtype.kind not in "buif":
        expected = "a grey picture of two dimensions (a colour picture or a stack is no mammogram)"
        raise BadInputError(expected, value=f"shape {array.shape}, {array.dtype}")
    if min(array.shape) < SMALLEST_SIDE or array.size > MAX_PIXELS:
        raise BadInputError(
            f"a mammogram: at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, at most {MAX_PIXELS} in all",
            value=f"{array.shape[0]} x {array.shape[1]} pixels",
        )
    step = max(1, min(array.shape) // 500)
    levels = np.unique(array[::step, ::step])
    if len(levels) < LEAST_LEVELS:
        raise BadInputError(
            f"a picture of at least {LEAST_LEVELS} grey levels; masks and labels are read by `classify`",
            value=f"{len(levels)} grey levels",
        )


def check_coarse(spacing_mm: tuple[float, float], shape: tuple[int, ...], force: bool) -> list[str]:
    """Refuse pixels too large to see calcifications, unless forced; warn where their form is unreliable."""
    coarsest = max(spacing_mm)
    if coarsest > COARSEST_MM * _ROUNDING and not force:
        raise PixelSizeError(
            f"pixels of at most {COARSEST_MM:g} mm, as larger ones do not show calcifications: take the image "
            "in full resolution, correct --pixel-spacing, or read it nevertheless with calcigram detect --force",
            value=f"{coarsest:g} mm",
        )
    longest = max(length * size for length, size in zip(shape, spacing_mm, strict=True))
    if longest > LARGEST_SIDE_MM:
        raise PixelSizeError(
            f"an image of at most {LARGEST_SIDE_MM:g} mm a side: is the size of a pixel right "
            "(--pixel-spacing)?",
            value=f"{longest:.0f} mm",
        )
    if coarsest > COARSE_MM * _ROUNDING:
        text = f"coarse pixels ({coarsest:.3g} mm, more than {COARSE_MM:g} mm): the form of the calcifications is unreliable"
        return [Notice(text)]
    return []


def finished(
    pixels: Image,
    valid: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float],
    notices: Sequence[str],
    **more: Any,
) -> Mammogram:
    """Give padding the least grey value, and say how much is saturated."""
    if not valid.any():
        raise BadInputError("a mammogram; all of its pixels are padding")
    known = pixels[valid] if not valid.all() else pixels.ravel()
    low, high = float(known.min()), float(known.max())
    if not low < high:
        raise BadInputError("a mammogram with several grey levels", value=f"{low:g} everywhere")
    said = list(notices)
    share = float((known == high).mean())
    if share >= SATURATED_SHARE:
        text = f"{share:.2%} of the pixels have the greatest value (saturated): contrast and outline are not known there"
        said.append(Notice(text))
    is_whole = bool(valid.all())
    if not is_whole:
        said.append(f"{1 - valid.mean():.0%} of the pixels are padding")
        pixels[~valid] = low
    return Mammogram(pixels, spacing_mm, None if is_whole else valid, notices=tuple(said), **more)


def air_is_bright(
    pixels: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None = None
) -> bool | None:
    """Tell whether the air beside the breast is the brightest part of an image; None where none is seen.

    Air is what a strip along one of the four sides shows, if it hardly varies, is at one end of the grey levels and
    is a tenth of the image or more. A white border of a film is narrower, and tissue varies.

    Examples
    --------
    >>> image = np.zeros((100, 100))
    >>> image[20:80, :60] = np.linspace(1000, 500, 60)
    >>> air_is_bright(image), air_is_bright(1000 - image), air_is_bright(image[30:70, :50])
    (False, True, None)
    """
    step = max(1, min(pixels.shape) // 250)
    seen = np.asarray(pixels[::step, ::step], float)
    if valid is not None:
        seen = np.where(valid[::step, ::step], seen, np.nan)
    everything = seen[np.isfinite(seen)]
    if not everything.size:
        return None
    low, high = np.quantile(everything, [0.01, 0.99])
    width, reach = max(1, min(seen.shape) // 50), high - low
    found = set()
    for strip in (seen[:, :width], seen[:, -width:], seen[:width], seen[-width:]):
        known = strip[np.isfinite(strip)]
        if not known.size or not reach:
            continue
        bottom, level, top = np.quantile(known, [0.1, 0.5, 0.9])
        is_wide = float((np.abs(everything - level) <= reach / 20).mean()) >= AIR_SHARE
        is_extreme = abs(2 * level - low - high) >= 0.8 * reach
        if is_wide and is_extreme and top - bottom <= AIR_VARIES * reach:
            found.add(bool(2 * level > low + high))
    return None if not found else found == {True}


def is_picture(array: npt.NDArray[Any]) -> bool:
    """Tell the grey levels of a picture from labels, and from the smooth levels of a map.

    Noise makes many pixels of a picture brighter, or darker, than both of their neighbours; labels are even, and
    maps are smooth. Floats are taken for probabilities.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 4096, (100, 100))
    >>> is_picture(noise), is_picture(noise // 4096), is_picture(noise.cumsum(axis=1)), is_picture(noise / 4096)
    (True, False, False, False)
    """
    if array.ndim != 2 or array.dtype.kind not in "ui" or array.size == 0:
        return False
    lines = array[:: max(1, len(array) // 256)].astype(np.int64)
    levels, counts = np.unique(lines, return_counts=True)
    shown = lines != levels[int(counts.argmax())]
    inner = shown[:, 2:] & shown[:, 1:-1] & shown[:, :-2]
    if len(levels) < LEAST_LEVELS or inner.sum() < LEAST_SHOWN * lines.size:
        return False
    steps = np.sign(np.diff(lines, axis=1))
    extreme = inner & (steps[:, 1:] * steps[:, :-1] < 0)
    return bool(extreme.sum() >= ROUGHNESS * inner.sum())


def quality(stored: npt.NDArray[Any], *, bits: int = 16, is_lossy: bool = False) -> list[str]:
    """Say what few bits and lossy compression cost.

    Parameters
    ----------
    stored : ndarray, shape (rows, columns)
    bits : int
        That the file states.
    is_lossy : bool
        The file states lossy compression; of 8 bits, the blocks of JPEG tell it too.
    """
    notices: list[str] = []
    if bits <= 8 or _is_eight_bit(stored):
        notices.append(Notice(_EIGHT_BITS))
        if not is_lossy and _looks_like_jpeg(stored):
            notices.append(Notice(_LOSSY.format(", told by the blocks of JPEG")))
    if is_lossy:
        notices.append(Notice(_LOSSY.format("")))
    return notices


def _is_eight_bit(array: npt.NDArray[Any]) -> bool:
    """Tell whether an image of any type has no more grey levels than one byte holds."""
    if array.dtype.itemsize == 1:
        return True
    step = max(1, min(array.shape) // 500)
    levels = np.unique(array[::step, ::step])
    few = len(levels) <= 256 and array.dtype.kind in "iu"
    return few and (int(levels[-1]) <= 255 or int(np.diff(levels).min(initial=9)) > 1)


def _looks_like_jpeg(pixels: npt.NDArray[Any]) -> bool:
    """Tell whether steps between blocks of 8 x 8 pixels are greater than those within, along both axes."""
    for axis in (0, 1):
        steps = np.abs(np.diff(np.asarray(pixels, np.float32), axis=axis)).mean(axis=1 - axis)
        n = len(steps) // 8 * 8
        by_place = steps[:n].reshape(-1, 8).mean(axis=0)
        if not by_place[7] > BLOCKINESS * float(np.delete(by_place, 7).max()):
            return False
    return True
