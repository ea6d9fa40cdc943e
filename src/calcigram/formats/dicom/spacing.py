"""The size of an image's pixels: stated by the user, the report or the image, and never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from calcigram.errors import PixelSizeError
from calcigram.formats.dicom.attributes import first_of, items_of, numbers_of, text_of
from calcigram.formats.dicom.report import ImageEntry
from calcigram.longtable import Notice

if TYPE_CHECKING:
    from pydicom import Dataset

LARGEST_SPACING_MM, SMALLEST_SPACING_MM = 10.0, 0.002
"""No mammogram has larger or smaller pixels; such a number is in another unit."""


SAME = 0.01
"""Stated sizes of one plane that differ by a larger share contradict each other."""

LARGEST_FACTOR = 10.0


@dataclass(frozen=True)
class Spacing:
    """Size of a pixel in mm, and who states it; `derived` where it takes more than one statement."""

    x_mm: float
    y_mm: float
    stated_by: str
    derived: bool = False

    def note(self, of: str = "") -> str:
        """Return a sentence of it; `of` is what the pixels are those of, such as ``"image 1: "``."""
        size = f"{self.x_mm:g}" + ("" if self.x_mm == self.y_mm else f" x {self.y_mm:g}")
        text = f"{of}pixels of {size} mm, stated by {self.stated_by}"
        return Notice(text) if self.derived else text


IN_REPORT = (
    "Horizontal and Vertical Pixel Spacing (111026, 111066 DCM) in the report's image library"
)
IN_MASK = "Pixel Measures Sequence (0028,9110) in the segmentation"
"""Where else than in the image the size of its pixels may be stated."""

_REPORT = "the report (111026, 111066)"
_MASK = "the segmentation, Pixel Measures Sequence (0028,9110)"
_DETECTOR = "the image, Imager Pixel Spacing (0018,1164)"
_IMAGE = "the image, Pixel Spacing (0028,0030)"
_FRAMES = "the image, Pixel Measures Sequence (0028,9110)"


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
        Nobody states it; two state it otherwise; or the view is magnified and the factor is not known.

    Notes
    -----
    In this order: the user; the report (111026, 111066) or the segmentation (0028,9110); the image, Imager
    Pixel Spacing (0018,1164) over the Estimated Radiographic Magnification Factor (0018,1114), or over the
    ratio of the distances from the source (0018,1110 over 0018,1111) where there is no factor; the
    image, Pixel Spacing (0028,0030), where it has no Imager Pixel Spacing. A report's spacing is that of
    the detector (PS3.16, 111026), so in a magnification view it too is divided by the factor. Where report
    and image both state a size they must agree, in the plane of the detector or in that of the breast.
    """
    if given_mm is not None:
        return Spacing(given_mm, given_mm, "--pixel-spacing")
    factor, factor_by = _magnification_of(entry.header)
    if factor is None and (text := unread_factor(entry.header)):
        raise PixelSizeError(
            "a number with a decimal point as Estimated Radiographic Magnification Factor (0018,1114), or "
            "the option --pixel-spacing MM",
            source=source,
            column=f"image {entry.uid or '?'}",
            value=text,
        )
    sizes, told = _of_image(entry.header), _told(entry)
    in_breast = [_over(s, factor, factor_by) if s.stated_by == _DETECTOR else s for s in sizes]
    if told is not None and sizes:
        # a report states the size in the plane of the detector, or in that of the breast
        readings = (_over(told, factor, factor_by), told)
        agreeing = [one for one in readings if any(_same(one, size) for size in in_breast)]
        if not agreeing:
            raise _contradiction([told, *sizes], factor, entry, source)
        spacing = agreeing[0]
    elif told is not None:
        of_detector = told.stated_by == _REPORT and entry.magnified
        spacing = _over(told, factor, factor_by) if of_detector else told
    elif sizes:
        spacing = in_breast[0]
        by_frames = [size for size in sizes if size.stated_by != _DETECTOR]
        if not all(_same(size, by_frames[0]) for size in by_frames):
            raise _contradiction(by_frames, None, entry, source)
    else:
        raise PixelSizeError(
            _wanted(entry, elsewhere), source=source, column=f"image {entry.uid or '?'}"
        )
    if entry.magnified and factor is None and spacing.stated_by in (_REPORT, _DETECTOR):
        raise PixelSizeError(
            "the Estimated Radiographic Magnification Factor (0018,1114) of this magnification view "
            "in the referenced image (name it with --image), or the option --pixel-spacing MM",
            source=source,
            column=f"image {entry.uid}",
        )
    if not all(
        SMALLEST_SPACING_MM <= size <= LARGEST_SPACING_MM for size in (spacing.x_mm, spacing.y_mm)
    ):
        raise PixelSizeError(
            f"a pixel of {SMALLEST_SPACING_MM:g} to {LARGEST_SPACING_MM:g} mm ({spacing.stated_by}); or "
            "state it with --pixel-spacing",
            source=source,
            column=f"image {entry.uid}",
            value=(spacing.x_mm, spacing.y_mm),
        )
    return spacing


def states_spacing(entry: ImageEntry) -> bool:
    """Tell whether a report or an image states the size of its pixels at all."""
    return _told(entry) is not None or bool(_of_image(entry.header))


def _told(entry: ImageEntry) -> Spacing | None:
    """Return what a report or segmentation states; of one direction alone it holds for both."""
    sizes = (entry.spacing_x_mm, entry.spacing_y_mm)
    x, y = (size if size > 0 else 0.0 for size in sizes)  # NaN where not stated
    by = _MASK if entry.is_segmented else _REPORT
    return Spacing(x or y, y or x, by) if x or y else None


def _of_image(header: Dataset | None) -> list[Spacing]:
    """Return what an image states; a calibrated size beside that of the detector is passed over."""
    stated = (
        (_pair(header, "ImagerPixelSpacing"), _DETECTOR),
        (_pair(header, "PixelSpacing"), _IMAGE),
        (measures(header), _FRAMES),
    )
    return [Spacing(pair[1], pair[0], by) for pair, by in stated if pair]  # DICOM has rows first


def _over(size: Spacing, factor: float | None, factor_by: str) -> Spacing:
    if factor is None:
        return size
    by = f"{size.stated_by} over the magnification {factor_by}"
    return Spacing(size.x_mm / factor, size.y_mm / factor, by, derived=RATIO in factor_by)


def _same(one: Spacing, other: Spacing) -> bool:
    pairs = ((one.x_mm, other.x_mm), (one.y_mm, other.y_mm))
    return all(max(pair) <= (1 + SAME) * min(pair) for pair in pairs)


def _contradiction(
    sizes: Sequence[Spacing], factor: float | None, entry: ImageEntry, source: str
) -> PixelSizeError:
    stated = [f"{size.x_mm:g} x {size.y_mm:g} mm by {size.stated_by}" for size in sizes]
    over = "" if factor is None else f", the magnification being {factor:.3g}"
    return PixelSizeError(
        "one size of a pixel; state the right one with --pixel-spacing MM",
        source=source,
        column=f"image {entry.uid or '?'}",
        value="; ".join(stated) + over,
    )


def _wanted(entry: ImageEntry, elsewhere: str) -> str:
    found = "which has neither" if entry.header is not None else "which was not found"
    unread = unread_spacing(entry.header)
    found = f"which states {unread}" if unread else found
    elsewhere += f" (which states {entry.spacing_unread})" if entry.spacing_unread else ""
    return (
        f"the size of a pixel: {elsewhere}, or Imager Pixel Spacing (0018,1164) or Pixel Spacing "
        f"(0028,0030) in the referenced image, {found} (name it with --image, or put it beside the file), "
        "or the option --pixel-spacing MM"
    )


def unread_spacing(header: Dataset | None) -> str:
    """Return what stands where the size of a pixel should, and is no pair of numbers; empty for nothing."""
    shared = first_of(header, "SharedFunctionalGroupsSequence")
    for place, name, tag in (
        (header, "ImagerPixelSpacing", "Imager Pixel Spacing (0018,1164)"),
        (header, "PixelSpacing", "Pixel Spacing (0028,0030)"),
        (first_of(shared, "PixelMeasuresSequence"), "PixelSpacing", "Pixel Spacing (0028,0030)"),
    ):
        value = None if place is None else place.get(name)
        if value not in (None, "") and _pair(place, name) is None:
            texts = [value] if isinstance(value, str | int | float) else list(value)
            text = "\\".join(map(str, texts))[:64]
            if text:
                return f"{tag} '{text}', which is not two numbers with a decimal point"
    return ""


def unread_factor(header: Dataset | None) -> str:
    """Return the text of a magnification factor that is no number; empty for none."""
    name = "EstimatedRadiographicMagnificationFactor"
    return "" if numbers_of(header, name) else text_of(header, name).strip()[:64]


RATIO = "(0018,1110 over 0018,1111)"


def _magnification_of(header: Dataset | None) -> tuple[float | None, str]:
    """Return the factor of magnification and where it is from; None where none is known."""
    pair = numbers_of(header, "EstimatedRadiographicMagnificationFactor")
    if pair and 0 < pair[0] < float("inf"):
        return pair[0], "(0018,1114)"
    distances = [
        numbers_of(header, name) for name in ("DistanceSourceToDetector", "DistanceSourceToPatient")
    ]
    if all(distances) and distances[1][0] > 0:
        ratio = distances[0][0] / distances[1][0]
        if 1 < ratio <= LARGEST_FACTOR:
            return ratio, f"of {ratio:.4g}, the ratio of the distances from the source {RATIO}"
    return None, ""


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
