"""What a report says of images and calcifications, before it is clusters; and the size of an image's pixels.

`findings` makes a `Report`, in pixels and in its own words; `reading` makes clusters of it. The size of a
pixel is stated by the user, the report or the image, and never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.errors import PixelSizeError
from calcigram.formats.dicom.datasets import first_of, items_of, numbers_of, text_of, values_of
from calcigram.formats.outlines import Points
from calcigram.limits import PIXEL_SPACING_MM, check_pixel_spacing
from calcigram.longtable import Notice

if TYPE_CHECKING:
    from pydicom import Dataset

Point = tuple[float, float]

EDGE_PX = 0.5
"""Coordinates may lie this far outside of an image, as rounding leaves them."""


@dataclass
class ImageEntry:
    """What a report says of one image.

    Attributes
    ----------
    uid, class_uid : str
        SOP instance and class.
    laterality, view : str
        ``R``, ``L``, ``B``; ``CC``, ``MLO``, ...; empty where not told.
    magnified : bool
        The view is a magnification view.
    spacing_x_mm, spacing_y_mm : float
        As the report states it; NaN where it does not.
    spacing_unread : str
        What it states instead, in a unit that is not one of length, or that is no number.
    is_segmented : bool
        The spacing is stated by a segmentation of the image, not by a report.
    frames : set of int
        That the report speaks of, counted from 1; empty where it names none.
    n_rows, n_columns : int
        0 where not told.
    orientation : tuple of str
        Patient orientation of row and column.
    header : pydicom.Dataset or None
        Of the image itself, without pixels, where it was found.
    """

    uid: str
    class_uid: str = ""
    laterality: str = ""
    view: str = ""
    magnified: bool = False
    spacing_x_mm: float = math.nan
    spacing_y_mm: float = math.nan
    spacing_unread: str = ""
    is_segmented: bool = False
    frames: set[int] = field(default_factory=set)
    n_rows: int = 0
    n_columns: int = 0
    orientation: tuple[str, str] = ("", "")
    header: Dataset | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """The place that a message names."""
        return f"image {self.uid or '?'}"

    def outside(self, points: Points) -> npt.NDArray[np.bool_]:
        """Tell which points lie outside of the image, as far as its size is known."""
        limits = (self.n_columns or math.inf, self.n_rows or math.inf)
        outside = (points < -EDGE_PX) | (points > np.add(limits, EDGE_PX))
        return np.asarray(outside.any(axis=1))


@dataclass(frozen=True)
class Outline:
    """An outline as it is drawn: graphic type and points in pixels."""

    graphic: str
    points: Points


@dataclass
class Spot:
    """One calcification: where it is, on which image, and how it is drawn."""

    image: str
    centre: tuple[float, float] | None
    outline: Outline | None = None
    types: tuple[str, ...] = ()
    tracking: str = ""
    stated: dict[str, float] = field(default_factory=dict)
    """Marks that the report states outright, in the units of the cluster set."""


@dataclass
class Group:
    """One cluster: what is said of it, and its calcifications."""

    image: str
    tracking: str = ""
    spots: list[Spot] = field(default_factory=list)
    centre: tuple[float, float] | None = None
    outline: Outline | None = None
    types: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    n_reported: int | None = None


@dataclass
class Report:
    """All that was found in one report.

    Attributes
    ----------
    dataset : pydicom.Dataset
        The report itself.
    kind : str
        What it is, in words.
    images : dict of str to ImageEntry
        By SOP instance UID.
    groups : list of Group
    loose : list of Spot
        Calcifications in no cluster.
    nipples : dict of str to (float, float)
        By image, in pixels.
    breasts, pectorals : dict of str to ndarray
        Outlines by image, in pixels.
    notes : list of str
        What was made of it, and what is missing.
    """

    dataset: Dataset = field(repr=False)
    kind: str
    images: dict[str, ImageEntry] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    loose: list[Spot] = field(default_factory=list)
    nipples: dict[str, tuple[float, float]] = field(default_factory=dict)
    breasts: dict[str, Points] = field(default_factory=dict)
    pectorals: dict[str, Points] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def notice(self, text: str) -> None:
        """Note what was guessed or left out."""
        self.notes.append(Notice(text))

    def parts(self) -> list[Group | Spot]:
        """Return all clusters and calcifications."""
        return [*self.groups, *self.loose, *(spot for group in self.groups for spot in group.spots)]

    def add(self, group: Group) -> None:
        """Add a cluster, as one on each image that its calcifications lie on."""
        on: dict[str, list[Spot]] = {group.image: []}
        for spot in group.spots:
            on.setdefault(spot.image, []).append(spot)
        self.groups.append(replace(group, spots=on.pop(group.image)))
        # centre and outline are drawn on the cluster's own image, which comes first
        self.groups += [
            replace(group, image=image, spots=spots, centre=None, outline=None)
            for image, spots in on.items()
        ]
        if on:
            name = f" {group.tracking}" if group.tracking else ""
            self.notes.append(
                f"cluster{name}: its calcifications lie on {len(on) + 1} images, a cluster on each"
            )


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

    @classmethod
    def given(cls, size_mm: float | tuple[float, float]) -> Spacing:
        """Return what the user states, for both directions or for rows and columns."""
        row, column = size_mm if isinstance(size_mm, tuple) else (size_mm, size_mm)
        return cls(column, row, "--pixel-spacing")

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
_SCANNED = "the image, Nominal Scanned Pixel Spacing (0018,2010)"
_FRAMES = "the image, Pixel Measures Sequence (0028,9110)"


_CALIBRATED = ("GEOMETRY", "FIDUCIAL")
"""Pixel Spacing Calibration Type (0028,0A02)."""


def pixel_spacing(
    entry: ImageEntry,
    given_mm: float | tuple[float, float] | None = None,
    *,
    elsewhere: str = IN_REPORT,
) -> Spacing:
    """Return the size of an image's pixels.

    Parameters
    ----------
    entry : ImageEntry
    given_mm : float or (float, float), optional
        What the user states (of rows, of columns); it overrides all else.
    elsewhere : str
        Where else it may be stated, for the message.

    Returns
    -------
    Spacing

    Raises
    ------
    PixelSizeError
        It is not stated; two sources contradict each other; or the view is magnified and the factor is not known.

    Notes
    -----
    In this order: the user; the report (111026, 111066) or the segmentation (0028,9110); the image, Imager
    Pixel Spacing (0018,1164) over the Estimated Radiographic Magnification Factor (0018,1114), or over the
    ratio of the distances from the source (0018,1110 over 0018,1111) where there is no factor; the
    image, Pixel Spacing (0028,0030), where it has no Imager Pixel Spacing, or neither factor nor distances but a
    Pixel Spacing Calibration Type (0028,0A02); the image, Nominal Scanned Pixel
    Spacing (0018,2010) of a digitised film, where it has neither. A report's spacing is that of
    the detector (PS3.16, 111026), so in a magnification view it too is divided by the factor. Where report
    and image both state a size they must agree, in the plane of the detector or in that of the breast.
    """
    if given_mm is not None:
        return Spacing.given(check_pixel_spacing(given_mm))
    factor, factor_by = _magnification_of(entry.header)
    if factor is None and (text := unread_factor(entry.header)):
        raise PixelSizeError(
            "a number with a decimal point as Estimated Radiographic Magnification Factor (0018,1114), or "
            "the option --pixel-spacing MM",
            column=entry.where,
            value=text,
        )
    sizes, told = _of_image(entry.header), _told(entry)
    in_breast = [_over(s, factor, factor_by) if s.stated_by == _DETECTOR else s for s in sizes]
    if told is not None and sizes:
        # a report states the size in the plane of the detector, or in that of the breast
        readings = (_over(told, factor, factor_by), told)
        agreeing = [one for one in readings if any(_same(one, size) for size in in_breast)]
        if not agreeing:
            raise _contradiction([told, *sizes], factor, entry)
        spacing = agreeing[0]
    elif told is not None:
        of_detector = told.stated_by == _REPORT and entry.magnified
        spacing = _over(told, factor, factor_by) if of_detector else told
    elif sizes:
        spacing = in_breast[0]
        if factor is None and _is_calibrated(entry.header):
            spacing = next((size for size in sizes if size.stated_by == _IMAGE), spacing)
        by_frames = [size for size in sizes if size.stated_by != _DETECTOR]
        if not all(_same(size, by_frames[0]) for size in by_frames):
            raise _contradiction(by_frames, None, entry)
    else:
        raise PixelSizeError(_wanted(entry, elsewhere), column=entry.where)
    if entry.magnified and factor is None and spacing.stated_by in (_REPORT, _DETECTOR):
        raise PixelSizeError(
            "the Estimated Radiographic Magnification Factor (0018,1114) of this magnification view "
            "in the referenced image (name it with --image), or the option --pixel-spacing MM",
            column=entry.where,
        )
    smallest, largest = PIXEL_SPACING_MM
    if not all(smallest <= size <= largest for size in (spacing.x_mm, spacing.y_mm)):
        expected = (
            f"a pixel of {smallest:g} to {largest:g} mm ({spacing.stated_by}); or "
            "state it with --pixel-spacing"
        )
        raise PixelSizeError(expected, column=entry.where, value=(spacing.x_mm, spacing.y_mm))
    return spacing


def agreed_spacing(of_image: Spacing, stated: Spacing | None) -> Spacing:
    """Return the pixel size of an image and of a mask that lies on it, which must agree.

    Raises
    ------
    PixelSizeError
        They differ.
    """
    if stated is None or _same(of_image, stated):
        return of_image
    raise _contradiction([stated, of_image], None, ImageEntry(""))


def _is_calibrated(header: Dataset | None) -> bool:
    """Tell whether Pixel Spacing is that in the breast, by geometry or by an object of known size."""
    return text_of(header, "PixelSpacingCalibrationType").strip().upper() in _CALIBRATED


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
    """Return what an image states; a calibrated size beside that of the detector is ignored."""
    stated = (
        (_pair(header, "ImagerPixelSpacing"), _DETECTOR),
        (_pair(header, "PixelSpacing"), _IMAGE),
        (measures(header), _FRAMES),
    )
    found = [(pair, by) for pair, by in stated if pair]
    scanned = _pair(header, "NominalScannedPixelSpacing")
    if not found and scanned:
        found = [(scanned, _SCANNED)]
    return [Spacing(pair[1], pair[0], by) for pair, by in found]  # DICOM has rows first


def _over(size: Spacing, factor: float | None, factor_by: str) -> Spacing:
    if factor is None:
        return size
    by = f"{size.stated_by} over the magnification {factor_by}"
    return Spacing(size.x_mm / factor, size.y_mm / factor, by, derived=RATIO in factor_by)


def _same(one: Spacing, other: Spacing) -> bool:
    pairs = ((one.x_mm, other.x_mm), (one.y_mm, other.y_mm))
    return all(max(pair) <= (1 + SAME) * min(pair) for pair in pairs)


def _contradiction(
    sizes: Sequence[Spacing], factor: float | None, entry: ImageEntry
) -> PixelSizeError:
    stated = [f"{size.x_mm:g} x {size.y_mm:g} mm by {size.stated_by}" for size in sizes]
    over = "" if factor is None else f", the magnification being {factor:.3g}"
    return PixelSizeError(
        "one size of a pixel; state the right one with --pixel-spacing MM",
        column=entry.where,
        value="; ".join(stated) + over,
    )


def _wanted(entry: ImageEntry, elsewhere: str) -> str:
    found = "which has neither" if entry.header is not None else "which was not found"
    unread = unread_spacing(entry.header)
    found = f"which states {unread}" if unread else found
    elsewhere += f" (which states {entry.spacing_unread})" if entry.spacing_unread else ""
    return (
        f"the size of a pixel: {elsewhere}, or Imager Pixel Spacing (0018,1164), Pixel Spacing "
        f"(0028,0030) or Nominal Scanned Pixel Spacing (0018,2010) in the referenced image, {found} (name it with --image, or put it beside the file), "
        "or the option --pixel-spacing MM"
    )


def unread_spacing(header: Dataset | None) -> str:
    """Return what stands where the size of a pixel should, and is no pair of numbers; empty for nothing."""
    shared = first_of(header, "SharedFunctionalGroupsSequence")
    for place, name, tag in (
        (header, "ImagerPixelSpacing", "Imager Pixel Spacing (0018,1164)"),
        (header, "PixelSpacing", "Pixel Spacing (0028,0030)"),
        (header, "NominalScannedPixelSpacing", "Nominal Scanned Pixel Spacing (0018,2010)"),
        (first_of(shared, "PixelMeasuresSequence"), "PixelSpacing", "Pixel Spacing (0028,0030)"),
    ):
        text = "\\".join(map(str, values_of(place, name)))[:64]
        if text and _pair(place, name) is None:
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
    to_detector = numbers_of(header, "DistanceSourceToDetector")
    to_patient = numbers_of(header, "DistanceSourceToPatient")
    if to_detector and to_patient and to_patient[0] > 0:
        ratio = to_detector[0] / to_patient[0]
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
