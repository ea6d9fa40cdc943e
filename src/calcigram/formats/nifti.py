"""Reads masks and maps of probabilities in NIfTI, as nnU-Net, MONAI and others write them, as clusters.

One plane alone is read. Its rows and columns are those that viewers show: columns run to the left of the
patient and rows to the back (in other planes to the feet), which is how ITK writes an image without a position.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.formats.arrays import MAX_UNPACKED
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import PathLike
from calcigram.formats.maskparts import MAX_PIXELS
from calcigram.formats.planes import intake_of_plane
from calcigram.limits import PIXEL_SPACING_MM
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions

MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Code of the unit of length in the header -> mm: not stated, metre, millimetre, micrometre."""

UNIT_BITS = 7

AXES = (("R", "L"), ("A", "P"), ("S", "I"))
"""Directions of NIfTI's axes of space, and those that a picture runs in."""

WHAT = "a NIfTI image of one plane"


def read_nifti(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of a mask or of a map of probabilities in NIfTI.

    Parameters
    ----------
    path : path-like
        NIfTI-1 or -2 in one file. Labels, or floats that are probabilities, of two dimensions, or of more where
        one plane is all there is.
    options : ReadOptions, optional

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, or has more than one plane; or the size of a pixel is not known.
    """
    options, source = options or ReadOptions(), str(path)
    nibabel = load_extra("nibabel", "A NIfTI image", "formats")
    quiet = nibabel.imageglobals.LoggingOutputSuppressor()
    refusing = refusing_damaged(
        "a complete NIfTI file", source, smaller=f"at most {MAX_PIXELS} pixels"
    )
    with refusing, quiet, open(path, "rb") as file:
        is_second = int.from_bytes(file.read(4), "little") in (540, 0x1C020000)
        file.seek(0)
        kind = nibabel.Nifti2Image if is_second else nibabel.Nifti1Image
        header = kind.header_class.from_fileobj(file)
        _check(header, source)
        file.seek(0)
        image = kind.from_stream(file)
        array = np.asarray(image.dataobj)
    return _intake(array, header, source, options)


def _check(header: Any, source: str) -> None:
    """Refuse what is no plane of numbers before any memory is allocated for it."""
    if bytes(header["magic"])[:2] == b"ni":
        raise BadInputError(
            "NIfTI in one file (.nii or .nii.gz), not header and image", source=source
        )
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    if dtype.kind not in "buif":
        raise BadInputError("numbers, one per pixel", source=source, value=str(dtype))
    n_values = float(np.prod([float(length) for length in shape])) if shape else 0.0
    if n_values > MAX_PIXELS or n_values * max(8, dtype.itemsize) > MAX_UNPACKED:
        raise BadInputError(f"at most {MAX_PIXELS} pixels", source=source, value=shape)
    if _plane_axes(shape) is None:
        raise BadInputError(
            f"{WHAT}; save the slice (of several channels the one of calcifications) by itself",
            source=source,
            value=f"shape {tuple(shape)}",
        )


def _plane_axes(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the two axes of the one plane of an array; None where it has more than one.

    Examples
    --------
    >>> _plane_axes((30, 40, 1)), _plane_axes((1, 30, 40)), _plane_axes((30, 1)), _plane_axes((3, 4, 5))
    ((0, 1), (1, 2), (0, 1), None)
    """
    if len(shape) >= 2 and all(length == 1 for length in shape[2:]):
        return 0, 1
    long = [axis for axis, length in enumerate(shape) if length != 1]
    return (long[0], long[1]) if len(long) == 2 and long[1] < 3 else None


def _intake(array: npt.NDArray[Any], header: Any, source: str, options: ReadOptions) -> Intake:
    from calcigram.formats.dicom.report import Spacing, agreed_spacing

    found = _plane_axes(array.shape)
    assert found is not None
    axes = list(found)
    unit = int(header["xyzt_units"]) & UNIT_BITS
    affine = header.get_best_affine()
    is_placed = int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0
    is_placed &= not np.array_equal(affine, np.eye(4))  # what is written where nothing is known
    notes: list[str] = ["NIfTI image"]
    if is_placed:
        axes, flips, directions = _as_shown(affine, axes, source)
    # The header holds float32; its shortest digits are what was meant.
    sizes = [float(f"{header['pixdim'][axis + 1]:.7g}") for axis in axes]
    plane = array.transpose(*axes[::-1], *(k for k in range(array.ndim) if k not in axes))
    plane = plane.reshape(plane.shape[:2])  # rows, columns
    if is_placed:
        plane = plane[:: -1 if flips[1] else 1, :: -1 if flips[0] else 1]
        notes.append(
            f"columns run to {directions[0]}, rows to {directions[1]} of the patient, as viewers show the plane"
        )
    else:
        notes.append(
            "no orientation is stated: the first axis runs along columns, the second along rows"
        )
    stated = _stated(sizes, unit, source, options, notes)
    if is_placed and stated is not None:
        lengths = np.linalg.norm(affine[:3, axes], axis=0) * MM_PER_UNIT[unit]
        agreed_spacing(
            stated,
            Spacing(float(lengths[0]), float(lengths[1]), "the affine of its header"),
            source,
        )
    return intake_of_plane(
        np.ascontiguousarray(plane),
        source,
        options,
        stated=stated,
        spacing_in="pixdim in the header (1 x 1 is what programs write that do not know it), ",
        notes=notes,
    )


def _as_shown(
    affine: npt.NDArray[np.float64], axes: list[int], source: str
) -> tuple[list[int], list[bool], list[str]]:
    """Return the axis along columns and that along rows, which of them are turned round, and their directions."""
    part = affine[:3, axes]
    if not np.isfinite(part).all() or not np.linalg.norm(part, axis=0).all():
        raise BadInputError("an affine of finite numbers, none of its axes 0", source=source)
    part = part / np.linalg.norm(part, axis=0)
    first = int(np.abs(part[:, 0]).argmax())
    rest = np.abs(part[:, 1])
    rest[first] = -1
    of_space = [first, int(rest.argmax())]
    order = np.argsort(of_space)  # of R, A, S the former along columns
    flips = [bool(part[of_space[k], k] > 0) for k in order]
    return [axes[k] for k in order], flips, [AXES[of_space[k]][1] for k in order]


def _stated(
    sizes: list[float], unit: int, source: str, options: ReadOptions, notes: list[str]
) -> Any:
    """Return the size of a pixel as the header states it; None where it does not."""
    from calcigram.formats.dicom.report import Spacing

    if options.pixel_spacing is not None:
        return None
    if unit not in MM_PER_UNIT:
        raise BadInputError(
            "xyzt_units of metres, millimetres or micrometres, or the option --pixel-spacing MM",
            source=source,
            value=unit,
        )
    if sizes == [1.0, 1.0]:
        return None  # what programs write that do not know it
    x, y = (size * MM_PER_UNIT[unit] for size in sizes)
    smallest, largest = PIXEL_SPACING_MM
    if not (smallest <= x <= largest and smallest <= y <= largest):
        raise BadInputError(
            f"pixels of {smallest:g} to {largest:g} mm in the header (pixdim), or the option --pixel-spacing MM",
            source=source,
            value=(x, y),
        )
    if unit == 0:
        notes.append(Notice("the header states no unit of length: its pixel size is read as mm"))
    return Spacing(x, y, "the header of the file (pixdim)")
