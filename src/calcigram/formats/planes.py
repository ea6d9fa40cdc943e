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

from calcigram.errors import BadInputError, PixelSizeError, naming
from calcigram.formats.annotations import ImageMarks, gather
from calcigram.formats.arrays import MAX_UNPACKED, read_array
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import PathLike
from calcigram.formats.maskparts import MAX_PIXELS
from calcigram.formats.masks import fill_from_labels
from calcigram.formats.registry import kind_of
from calcigram.limits import PIXEL_SPACING_MM
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
    options = options or ReadOptions()
    array = read_array(path, channels=bool(options.labels))
    if array.ndim == 2:
        return intake_of_plane(array, options)
    channel = options.labels[0]
    if len(options.labels) > 1 or not isinstance(channel, int) or channel >= len(array):
        expected = f"one of {len(array)} channels, counted from 0"
        raise BadInputError(expected, column="--label", value=options.labels)
    notes = [f"channel {channel} of {len(array)}"]
    return intake_of_plane(array[channel], replace(options, labels=()), notes=notes)


def intake_of_plane(
    array: npt.NDArray[Any],
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
    mask, probability = _as_mask(array, options, notes)
    intensity, spacing = _look_at(options, mask, marks, notes, stated)
    if spacing is None:
        raise PixelSizeError(
            f"the size of a pixel: {spacing_in}the option --pixel-spacing MM, or the DICOM image (--image FILE)"
        )
    notes.append(spacing.note())
    notes += fill_from_labels(
        marks,
        mask,
        (spacing.x_mm, spacing.y_mm),
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
    array: npt.NDArray[Any], options: ReadOptions, notes: list[str]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return an array as labels, and the probabilities it holds, if it is a map of them."""
    whole = _whole_numbers(array) if array.dtype.kind == "f" else array
    is_map = array.dtype.kind == "f" and (whole is None or options.threshold is not None)
    if not is_map:
        if options.threshold is not None:
            raise BadInputError(
                "a map of probabilities (floats from 0 to 1), or no threshold for a mask of labels",
                column="--threshold",
                value=array.dtype.name,
            )
        notes.append("label mask")
        return _as_labels(array if whole is None else whole, options.labels), None
    low, high = (float(value) for value in (array.min(initial=0.0), array.max(initial=0.0)))
    if not (low >= -PROBABILITY_SLACK and high <= 1 + PROBABILITY_SLACK):
        raise BadInputError(
            "probabilities from 0 to 1 (apply the sigmoid or softmax first), or whole numbers as labels, "
            "0 for background",
            value=high if low >= 0 else low,
        )
    threshold = DEFAULT_THRESHOLD if options.threshold is None else options.threshold
    notes.append(
        Notice(
            f"map of probabilities: connected pixels of at least {threshold:g} (--threshold) are calcifications, "
            "their peak is the confidence"
        )
    )
    return _as_labels(array >= threshold, options.labels), array


PROBABILITY_SLACK = 1e-3
"""Half precision and interpolation lead so far out of 0 to 1."""


def _as_labels(array: npt.NDArray[Any], chosen: Collection[int | str] = ()) -> npt.NDArray[Any]:
    """Return an array as labels, after a look whether it can be a mask."""
    if array.dtype.kind == "i" and array.min(initial=0) < 0:
        raise BadInputError("labels from 0, which is background", value=int(array.min()))
    corners = np.unique(array[[0, 0, -1, -1], [0, -1, 0, -1]]) if array.size else array.ravel()
    # of several values the background may be one, which is then left out for its size
    if len(corners) == 1 and corners[0] and not chosen and not array[array != corners[0]].any():
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


def _look_at(
    options: ReadOptions,
    labels: npt.NDArray[Any],
    marks: ImageMarks,
    notes: list[str],
    stated: Spacing | None,
) -> tuple[npt.NDArray[Any] | None, Spacing | None]:
    """Return the image's pixels and pixel size, and note in `marks` what it is of."""
    from calcigram.formats.dicom.report import Spacing

    given_mm, images = options.pixel_spacing, options.images
    spacing = stated if given_mm is None else Spacing.given(given_mm)
    if not images:
        return None, spacing
    if len(images) > 1:
        raise BadInputError("one image of a mask", value=f"{len(images)} images")
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
            with naming(image):
                of_image = pixel_spacing(entry, given_mm)
            spacing = agreed_spacing(of_image, spacing)
        if "PixelData" not in header:
            return None, spacing
        with naming(image):
            pixels = displayed(header)
    if pixels.shape != labels.shape:
        expected = f"an image of the mask's shape, {labels.shape}"
        raise BadInputError(expected, source=str(image), value=pixels.shape)
    notes.append("contrast measured in the image")
    return pixels, spacing


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
    options = options or ReadOptions()
    nibabel = load_extra("nibabel", "A NIfTI image", "formats")
    quiet = nibabel.imageglobals.LoggingOutputSuppressor()
    refusing = refusing_damaged("a complete NIfTI file", smaller=f"at most {MAX_PIXELS} pixels")
    with refusing, quiet, open(path, "rb") as file:
        is_second = int.from_bytes(file.read(4), "little") in (540, 0x1C020000)
        file.seek(0)
        kind = nibabel.Nifti2Image if is_second else nibabel.Nifti1Image
        header = kind.header_class.from_fileobj(file)
        _check(header)
        file.seek(0)
        image = kind.from_stream(file)
        array = np.asarray(image.dataobj)
    return _intake(array, header, options)


def _check(header: Any) -> None:
    """Refuse what is no plane of numbers before any memory is allocated for it."""
    if bytes(header["magic"])[:2] == b"ni":
        raise BadInputError("NIfTI in one file (.nii or .nii.gz), not header and image")
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    if dtype.kind not in "buif":
        raise BadInputError("numbers, one per pixel", value=str(dtype))
    n_values = float(np.prod([float(length) for length in shape])) if shape else 0.0
    if n_values > MAX_PIXELS or n_values * max(8, dtype.itemsize) > MAX_UNPACKED:
        raise BadInputError(f"at most {MAX_PIXELS} pixels", value=shape)
    if _plane_axes(shape) is None:
        raise BadInputError(
            f"{WHAT}; save the slice (of several channels the one of calcifications) by itself",
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


def _intake(array: npt.NDArray[Any], header: Any, options: ReadOptions) -> Intake:
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
        axes, flips, directions = _as_shown(affine, axes)
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
    stated = _stated(sizes, unit, options, notes)
    if is_placed and stated is not None:
        lengths = np.linalg.norm(affine[:3, axes], axis=0) * MM_PER_UNIT[unit]
        agreed_spacing(
            stated, Spacing(float(lengths[0]), float(lengths[1]), "the affine of its header")
        )
    return intake_of_plane(
        np.ascontiguousarray(plane),
        options,
        stated=stated,
        spacing_in="pixdim in the header (1 x 1 is what programs write that do not know it), ",
        notes=notes,
    )


def _as_shown(
    affine: npt.NDArray[np.float64], axes: list[int]
) -> tuple[list[int], list[bool], list[str]]:
    """Return the axis along columns and that along rows, which of them are turned round, and their directions."""
    part = affine[:3, axes]
    if not np.isfinite(part).all() or not np.linalg.norm(part, axis=0).all():
        raise BadInputError("an affine of finite numbers, none of its axes 0")
    part = part / np.linalg.norm(part, axis=0)
    first = int(np.abs(part[:, 0]).argmax())
    rest = np.abs(part[:, 1])
    rest[first] = -1
    of_space = [first, int(rest.argmax())]
    order = np.argsort(of_space)  # of R, A, S the former along columns
    flips = [bool(part[of_space[k], k] > 0) for k in order]
    return [axes[k] for k in order], flips, [AXES[of_space[k]][1] for k in order]


def _stated(sizes: list[float], unit: int, options: ReadOptions, notes: list[str]) -> Any:
    """Return the size of a pixel as the header states it; None where it does not."""
    from calcigram.formats.dicom.report import Spacing

    if options.pixel_spacing is not None:
        return None
    if unit not in MM_PER_UNIT:
        raise BadInputError(
            "xyzt_units of metres, millimetres or micrometres, or the option --pixel-spacing MM",
            value=unit,
        )
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
