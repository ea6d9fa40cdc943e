"""What a report says of calcifications, in pixels and in its own words, before it is clusters.

The hand-over type of the readers of this package: `cad_sr` and `tid1500` make a `Report`,
`assemble` makes clusters of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pydicom import Dataset

Pixels = npt.NDArray[np.float64]
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
        What it states instead, in a unit that is none of length, or that is no number.
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
    spacing_x_mm: float = float("nan")
    spacing_y_mm: float = float("nan")
    spacing_unread: str = ""
    is_segmented: bool = False
    frames: set[int] = field(default_factory=set)
    n_rows: int = 0
    n_columns: int = 0
    orientation: tuple[str, str] = ("", "")
    header: Dataset | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Outline:
    """An outline as it is drawn: graphic type and points in pixels."""

    graphic: str
    points: Pixels


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

    def by_image(self) -> list[Group]:
        """Return the cluster as one on each image that its calcifications lie on.

        Centre and outline are drawn on its own image, which comes first.
        """
        on: dict[str, list[Spot]] = {self.image: []}
        for spot in self.spots:
            on.setdefault(spot.image, []).append(spot)
        own = on.pop(self.image)
        elsewhere = [
            replace(self, image=other, spots=spots, centre=None, outline=None)
            for other, spots in on.items()
        ]
        return [replace(self, spots=own), *elsewhere]


@dataclass
class Report:
    """All that was found in one report.

    Attributes
    ----------
    source : str
        Name of the file.
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

    source: str
    dataset: Dataset = field(repr=False)
    kind: str
    images: dict[str, ImageEntry] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    loose: list[Spot] = field(default_factory=list)
    nipples: dict[str, tuple[float, float]] = field(default_factory=dict)
    breasts: dict[str, Pixels] = field(default_factory=dict)
    pectorals: dict[str, Pixels] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, group: Group) -> None:
        """Add a cluster, as one on each image that its calcifications lie on."""
        parts = group.by_image()
        if len(parts) > 1:
            name = f" {group.tracking}" if group.tracking else ""
            self.notes.append(
                f"cluster{name}: its calcifications lie on {len(parts)} images, a cluster on each"
            )
        self.groups += parts
