"""Reads PNG, TIFF, NumPy and NIfTI files as arrays of two dimensions, none larger than a mammogram."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError, naming
from calcigram.formats.dicom.datasets import inflated
from calcigram.formats.dicom.report import Spacing, agreed_spacing
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import PathLike, first_bytes
from calcigram.limits import MAX_PIXELS, PIXEL_SPACING_MM
from calcigram.longtable import Notice
from calcigram.options import ReadOptions

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


def _read_with_pillow(path: PathLike, kind: str = "PNG") -> Any:
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
    is_first = np.lib.format.read_magic(file) == (1, 0)
    formats = np.lib.format
    reader = formats.read_array_header_1_0 if is_first else formats.read_array_header_2_0
    shape, _, dtype = reader(file)
    return shape, dtype


def _read_npz(path: PathLike) -> Any:
    with zipfile.ZipFile(path) as archive:
        arrays = (item for item in archive.infolist() if item.filename.endswith(".npy"))
        members = {item.filename: item for item in arrays if item.compress_type in _ZIPPED}
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
    b"\x89PNG": _read_with_pillow,
    b"II": _read_tiff,
    b"MM": _read_tiff,
    NUMPY_MAGICS[0]: _read_npy,
    NUMPY_MAGICS[1]: _read_npz,
}


MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Code of the unit of length in the header -> mm: not stated, metre, millimetre, micrometre."""

UNIT_BITS = 7

SHOWN_TO = "LPI"
"""Directions of the patient that a picture runs in along NIfTI's axes of space, which run to R, A and S."""


@dataclass(frozen=True)
class Plane:
    """One plane of pixels, what its file states of their size, and what is to be said of it."""

    array: npt.NDArray[Any]
    spacing: Spacing | None
    notes: list[str]


def read_nifti_plane(path: PathLike, *, has_spacing: bool = True) -> Plane:
    """Read a NIfTI file of one plane as viewers show it.

    Parameters
    ----------
    path : path-like
        NIfTI-1 or -2 in one file.
    has_spacing : bool
        The size of its pixels counts; else it is not looked at.

    Raises
    ------
    BadInputError
        It is damaged, too large, or has more than one plane.
    """
    nibabel = load_extra("nibabel", "A NIfTI image", "formats")
    quiet = nibabel.imageglobals.LoggingOutputSuppressor()
    refusing = refusing_damaged("a complete NIfTI file", smaller=f"at most {MAX_PIXELS} pixels")
    with refusing, quiet, open(path, "rb") as file:
        is_second = int.from_bytes(file.read(4), "little") in (540, 0x1C020000)
        file.seek(0)
        kind = nibabel.Nifti2Image if is_second else nibabel.Nifti1Image
        header = kind.header_class.from_fileobj(file)
        axes = _checked_axes(header)
        file.seek(0)
        array = np.asarray(kind.from_stream(file).dataobj)
    affine = header.get_best_affine()
    is_placed = int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0
    is_placed &= not np.array_equal(affine, np.eye(4))  # what is written where nothing is known
    notes, flips = ["NIfTI image"], [1, 1]
    if is_placed:
        axes, flips, directions = _as_shown(affine, axes)
        notes.append(
            f"columns run to {directions[0]}, rows to {directions[1]} of the patient, as viewers show the plane"
        )
    else:
        notes.append(
            "no orientation is stated: the first axis runs along columns, the second along rows"
        )
    plane = array.transpose(*axes[::-1], *(k for k in range(array.ndim) if k not in axes))
    plane = plane.reshape(plane.shape[:2])[:: flips[1], :: flips[0]]  # rows, columns
    spacing = _stated_spacing(header, axes, notes) if has_spacing else None
    if is_placed and spacing is not None:
        unit_mm = MM_PER_UNIT[int(header["xyzt_units"]) & UNIT_BITS]
        x_mm, y_mm = (np.linalg.norm(affine[:3, axes], axis=0) * unit_mm).tolist()
        agreed_spacing(spacing, Spacing(x_mm, y_mm, "the affine of its header"))
    return Plane(np.ascontiguousarray(plane), spacing, notes)


def _checked_axes(header: Any) -> list[int]:
    """Return the axes of the one plane of numbers; refuse all else before memory is allocated for it."""
    if bytes(header["magic"])[:2] == b"ni":
        raise BadInputError("NIfTI in one file (.nii or .nii.gz), not header and image")
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    if dtype.kind not in "buif":
        raise BadInputError("numbers, one per pixel", value=str(dtype))
    n_values = float(np.prod([float(length) for length in shape])) if shape else 0.0
    if n_values > MAX_PIXELS or n_values * max(8, dtype.itemsize) > MAX_UNPACKED:
        raise BadInputError(f"at most {MAX_PIXELS} pixels", value=shape)
    axes = _plane_axes(shape)
    if axes is None:
        raise BadInputError(
            "a NIfTI image of one plane; save the slice (of several channels the one of calcifications) by itself",
            value=f"shape {tuple(shape)}",
        )
    return axes


def _plane_axes(shape: tuple[int, ...]) -> list[int] | None:
    """Return the two axes of the one plane of an array; None where it has more than one.

    Examples
    --------
    >>> _plane_axes((30, 40, 1)), _plane_axes((1, 30, 40)), _plane_axes((30, 1)), _plane_axes((3, 4, 5))
    ([0, 1], [1, 2], [0, 1], None)
    """
    if len(shape) >= 2 and all(length == 1 for length in shape[2:]):
        return [0, 1]
    long = [axis for axis, length in enumerate(shape) if length != 1]
    return long if len(long) == 2 and long[1] < 3 else None


def _as_shown(
    affine: npt.NDArray[np.float64], axes: list[int]
) -> tuple[list[int], list[int], list[str]]:
    """Return the axis along columns and that along rows, the steps along them, and their directions."""
    part = affine[:3, axes]
    if not np.isfinite(part).all() or not np.linalg.norm(part, axis=0).all():
        raise BadInputError("an affine of finite numbers, none of its axes 0")
    part = part / np.linalg.norm(part, axis=0)
    first = int(np.abs(part[:, 0]).argmax())
    rest = np.abs(part[:, 1])
    rest[first] = -1
    of_space = [first, int(rest.argmax())]
    order = np.argsort(of_space)  # of R, A, S the former along columns
    steps = [-1 if part[of_space[k], k] > 0 else 1 for k in order]
    return [axes[k] for k in order], steps, [SHOWN_TO[of_space[k]] for k in order]


def _stated_spacing(header: Any, axes: list[int], notes: list[str]) -> Spacing | None:
    """Return the size of a pixel as the header states it; None where it does not."""
    unit = int(header["xyzt_units"]) & UNIT_BITS
    if unit not in MM_PER_UNIT:
        expected = (
            "xyzt_units of metres, millimetres or micrometres, or the option --pixel-spacing MM"
        )
        raise BadInputError(expected, value=unit)
    # The header holds float32; its shortest digits are what was meant.
    sizes = [float(f"{header['pixdim'][axis + 1]:.7g}") for axis in axes]
    if sizes == [1.0, 1.0]:
        return None  # what programs write that do not know it
    x, y = (size * MM_PER_UNIT[unit] for size in sizes)
    smallest, largest = PIXEL_SPACING_MM
    if not (smallest <= x <= largest and smallest <= y <= largest):
        raise BadInputError(
            f"pixels of {smallest:g} to {largest:g} mm in the header (pixdim), or the option --pixel-spacing MM",
            value=(x, y),
        )
    if unit == 0:
        notes.append(Notice("the header states no unit of length: its pixel size is read as mm"))
    return Spacing(x, y, "the header of the file (pixdim)")


MOST_MARKED = 0.5
"""Where one value has more than this share of a mask, and all its corners, it is the background."""

PROBABILITY_SLACK = 1e-3
"""Half precision and interpolation lead so far out of 0 to 1."""


def as_labels(
    array: npt.NDArray[Any], options: ReadOptions, notes: list[str]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return an array as labels, and the probabilities it holds, if it is a map of them.

    Parameters
    ----------
    array : ndarray, shape (rows, columns)
    options : ReadOptions
        Its `threshold` parts probabilities.
    notes : list of str
        What it was taken for is added.

    Raises
    ------
    BadInputError
        It is neither labels nor probabilities.
    """
    whole = _whole_numbers(array) if array.dtype.kind == "f" else array
    if whole is not None and options.threshold is None:
        notes.append("label mask")
        return _checked_labels(whole, options), None
    if array.dtype.kind != "f":
        raise BadInputError(
            "a map of probabilities (floats from 0 to 1), or no threshold for a mask of labels",
            column="--threshold",
            value=array.dtype.name,
        )
    low, high = float(array.min(initial=0.0)), float(array.max(initial=0.0))
    if not (low >= -PROBABILITY_SLACK and high <= 1 + PROBABILITY_SLACK):
        raise BadInputError(
            "probabilities from 0 to 1 (apply the sigmoid or softmax first), or whole numbers as labels, "
            "0 for background",
            value=high if low >= 0 else low,
        )
    threshold = options.least_probability
    text = (
        f"map of probabilities: connected pixels of at least {threshold:g} (--threshold) are calcifications, "
        "their peak is the confidence"
    )
    notes.append(Notice(text))
    return _checked_labels(array >= threshold, options), array


def _checked_labels(array: npt.NDArray[Any], options: ReadOptions) -> npt.NDArray[Any]:
    """Return labels after a look whether they can be a mask."""
    if array.dtype.kind == "i" and array.min(initial=0) < 0:
        raise BadInputError("labels from 0, which is background", value=int(array.min()))
    corners = np.unique(array[[0, 0, -1, -1], [0, -1, 0, -1]]) if array.size else array.ravel()
    # of several values the background may be one, which is then left out for its size
    if (
        len(corners) == 1
        and corners[0]
        and not options.labels
        and not array[array != corners[0]].any()
    ):
        marked = np.count_nonzero(array == corners[0]) / array.size
        if marked > MOST_MARKED:
            raise BadInputError(
                "0 for background, other values for calcifications (is the mask inverted?)",
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
