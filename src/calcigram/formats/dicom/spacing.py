"""The size of an image's pixels: stated by the user, the report or the image, and never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from calcigram.errors import PixelSizeError
from calcigram.formats.dicom.attributes import first_of, items_of, numbers_of
from calcigram.formats.dicom.report import ImageEntry
from calcigram.limits import PIXEL_SPACING_MM, check_pixel_spacing

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class Spacing:
    """Size of a pixel in mm, and who states it."""

    x_mm: float
    y_mm: float
    stated_by: str


IN_REPORT = (
    "Horizontal and Vertical Pixel Spacing (111026, 111066 DCM) in the report's image library"
)
IN_MASK = "Pixel Measures Sequence (0028,9110) in the segmentation"
"""Where else than in the image the size of its pixels may be stated."""


def pixel_spacing(
    entry: ImageEntry, source: str, given_mm: float | None = None, *, elsewhere: str = IN_REPORT
) -> Spacing:
    """Return the size of an image's pixels.

    Parameters
    ----------
    entry : ImageEntry
    source : str
        Name of the report, for the message.
    given_mm : float, optional
        What the user states; it goes before all else.
    elsewhere : str
        Where else it may be stated, for the message.

    Returns
    -------
    Spacing

    Raises
    ------
    PixelSizeError
        Nobody states it; or the view is magnified and the factor is not known.

    Notes
    -----
    In this order: the user; the report (111026, 111066); the image, Imager Pixel Spacing
    (0018,1164) over the Estimated Radiographic Magnification Factor (0018,1114); the image,
    Pixel Spacing (0028,0030), where it has no Imager Pixel Spacing. A report's spacing is that of
    the detector (PS3.16, 111026), so in a magnification view it too is divided by the factor.
    """
    if given_mm is not None:
        given_mm = check_pixel_spacing(given_mm)
        return Spacing(given_mm, given_mm, "--pixel-spacing")
    told = _of_report(entry) or _of_image(entry.header)
    if told is None:
        raise PixelSizeError(
            _wanted(entry, elsewhere), source=source, column=f"image {entry.uid or '?'}"
        )
    x, y, by = told
    of_detector = by in (_REPORT, _DETECTOR)
    known = _magnification_of(entry.header) is not None and by == _DETECTOR
    if of_detector and (entry.magnified or known):
        factor = _magnification(entry, source)
        x, y, by = x / factor, y / factor, f"{by} over the magnification (0018,1114)"
    smallest, largest = PIXEL_SPACING_MM
    if not all(smallest <= size <= largest for size in (x, y)):
        raise PixelSizeError(
            f"a pixel of {smallest:g} to {largest:g} mm ({by}); or state it with --pixel-spacing",
            source=source,
            column=f"image {entry.uid}",
            value=(x, y),
        )
    return Spacing(x, y, by)


def states_spacing(entry: ImageEntry) -> bool:
    """Tell whether a report or an image states the size of its pixels at all."""
    return (_of_report(entry) or _of_image(entry.header)) is not None


_REPORT = "the report (111026, 111066)"
_DETECTOR = "the image, Imager Pixel Spacing (0018,1164)"
_IMAGE = "the image, Pixel Spacing (0028,0030)"


def _of_report(entry: ImageEntry) -> tuple[float, float, str] | None:
    """Return what the report states; of one direction alone it holds for both."""
    sizes = (entry.spacing_x_mm, entry.spacing_y_mm)
    x, y = (size if size > 0 else 0.0 for size in sizes)  # NaN where not stated
    return (x or y, y or x, _REPORT) if x or y else None


def _of_image(header: Dataset | None) -> tuple[float, float, str] | None:
    for pair, by in (
        (_pair(header, "ImagerPixelSpacing"), _DETECTOR),
        (_pair(header, "PixelSpacing") or measures(header), _IMAGE),
    ):
        if pair is not None:
            return pair[1], pair[0], by  # DICOM has rows first
    return None


def _wanted(entry: ImageEntry, elsewhere: str) -> str:
    found = "which has neither" if entry.header is not None else "which was not found"
    unread = f" (which states {entry.spacing_unread})" if entry.spacing_unread else ""
    return (
        f"the size of a pixel: {elsewhere}{unread}, or Imager Pixel Spacing (0018,1164) or Pixel Spacing "
        f"(0028,0030) in the referenced image, {found} (name it with --image, or put it beside the file), "
        "or the option --pixel-spacing MM"
    )


def _magnification(entry: ImageEntry, source: str) -> float:
    factor = _magnification_of(entry.header)
    if factor is None:
        raise PixelSizeError(
            "the Estimated Radiographic Magnification Factor (0018,1114) of this magnification view "
            "in the referenced image (name it with --image), or the option --pixel-spacing MM",
            source=source,
            column=f"image {entry.uid}",
        )
    return factor


def _magnification_of(header: Dataset | None) -> float | None:
    pair = numbers_of(header, "EstimatedRadiographicMagnificationFactor")
    return pair[0] if pair and 0 < pair[0] < float("inf") else None


def measures(header: Dataset | None) -> tuple[float, float] | None:
    """Return the pixel spacing of a multi-frame image that is the same for all frames."""
    shared = first_of(header, "SharedFunctionalGroupsSequence")
    stated = _pair(first_of(shared, "PixelMeasuresSequence"), "PixelSpacing")
    frames = items_of(header, "PerFrameFunctionalGroupsSequence")
    of_each = {_pair(first_of(frame, "PixelMeasuresSequence"), "PixelSpacing") for frame in frames}
    return of_each.pop() if stated is None and len(of_each) == 1 else stated


def _pair(header: Dataset | None, name: str) -> tuple[float, float] | None:
    values = numbers_of(header, name)
    if len(values) == 2 and all(0 < value < float("inf") for value in values):
        return values[0], values[1]
    return None
