"""One projection image of a breast: grey values, spacing, what its file says of it; and what tells it from other pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError, PixelSizeError
from calcigram.limits import MAX_PIXELS, check_pixel_spacing
from calcigram.longtable import Notice

Image = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mammogram:
    """A mammogram as the detector takes it, whatever kind of file it came from.

    Attributes
    ----------
    pixels : ndarray of float32, shape (rows, columns)
        Grey values; calcium is brighter than the tissue around it. Stored values after the modality look-up
        table, without any display window.
    spacing_mm : tuple of float
        Millimetres per pixel in the breast, (row, column): spacing at the detector divided by the magnification.
    valid : ndarray of bool, shape (rows, columns), or None
        False where a pixel is padding; None where all count.
    raw : bool
        The image is for processing: its noise grows with the square root of the exposure.
    image_id : str
        Name of the image in tables; never a name of the patient.
    laterality, view : str
        "L" or "R" and such as "CC"; empty where unknown.
    notices : tuple of str
        What was guessed, converted or left out on reading.

    Raises
    ------
    BadInputError
        If the pixels are not a plane of float32, or the spacing is not two positive lengths.
    """

    pixels: Image
    spacing_mm: tuple[float, float]
    valid: npt.NDArray[np.bool_] | None = None
    raw: bool = False
    image_id: str = "image"
    laterality: str = ""
    view: str = ""
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check shape, type and spacing."""
        pixels = self.pixels
        if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.dtype != np.float32:
            raise BadInputError(
                f"{self.image_id}: a mammogram is one plane of float32, got an array of shape "
                f"{getattr(pixels, 'shape', 'unknown')} and type {getattr(pixels, 'dtype', type(pixels).__name__)}"
            )
        if len(self.spacing_mm) != 2 or not all(0.0 < s < np.inf for s in self.spacing_mm):
            raise BadInputError(
                f"{self.image_id}: the spacing is two positive lengths in mm, (row, column), got {self.spacing_mm}"
            )
        if self.valid is not None and getattr(self.valid, "shape", None) != pixels.shape:
            raise BadInputError(
                f"{self.image_id}: the mask of valid pixels has the shape {getattr(self.valid, 'shape', 'unknown')}, "
                f"the image {pixels.shape}"
            )


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
