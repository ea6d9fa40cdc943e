"""Marks on images: regions that people and programs drew, calcifications and clusters of them, gathered into a `ClusterSet`.

What annotation files, masks and reports have in common: some calcifications stand in a
cluster already, the others are linked by distance. How each cluster came about is kept. Which regions are calcifications:
`annotated`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.clusters import CLUSTER_NAMES, POINT_COLUMNS, ClusterSet
from calcigram.formats.dicom.datasets import text_of
from calcigram.formats.maskparts import Ints, Pixels, measure, outline_px
from calcigram.formats.outlines import (
    CIRCLE,
    NAN,
    POLYGON,
    POLYGONS,
    SHAPES,
    Points,
    Shape,
    check_cost,
    inside,
    rings_shape,
)
from calcigram.limits import check_most
from calcigram.linking import Linking, link
from calcigram.longtable import Intake, Notice
from calcigram.longtable.columns import empty_rejects
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.formats.dicom.report import ImageEntry, Spacing


REPORTED = "as reported"
DRAWN = "in the outline drawn around it"

META = (
    "image_id",
    "group_id",
    "laterality",
    "view",
    "reported_distribution",
    "reported_morphology",
    "reported_calcifications",
    "formed_by",
)
"""Meta columns of every set read from an image's annotations."""

MAX_NOTES = 200
"""Of one file: each unknown region name is reported."""

MAX_CLUSTERS = 5_000
"""Of one image."""

SEVERAL = "|"
"""Separates the words where a file gives several."""


@dataclass
class Mark:
    """One calcification and the words a file has for it."""

    shape: Shape
    types: tuple[str, ...] = ()


@dataclass
class Cluster:
    """One cluster of an image, before it is arrays.

    Attributes
    ----------
    marks : list of Mark
    name : str
        The file's own name of it; empty for none.
    outline : ndarray or None
        Polygon in mm, drawn around the cluster.
    centre : (float, float) or None
        In mm.
    formed_by : str
    types, distributions : tuple of str
        The file's words for the whole.
    n_reported : int or None
        How many calcifications the file says it has.
    """

    marks: list[Mark]
    name: str = ""
    outline: Points | None = None
    centre: tuple[float, float] | None = None
    formed_by: str = REPORTED
    types: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    n_reported: int | None = None

    @classmethod
    def drawn(cls, outline: Points, shape: Shape) -> Cluster:
        """Return a cluster of which the outline alone is known, or one or two points in its place."""
        around = outline if len(outline) >= 3 else None
        return cls([], outline=around, centre=(shape.x_mm, shape.y_mm), formed_by=DRAWN)


@dataclass
class ImageMarks:
    """All that a file says of the calcifications of one image, in mm.

    Attributes
    ----------
    image_id, group_id, laterality, view : str
        Empty where not known.
    clusters : list of Cluster
        Those without calcifications get those of `loose` that belong to them.
    loose : list of Mark
    nipple : (float, float) or None
    breast_area_mm2 : float
    """

    image_id: str = ""
    group_id: str = ""
    laterality: str = ""
    view: str = ""
    clusters: list[Cluster] = field(default_factory=list)
    loose: list[Mark] = field(default_factory=list)
    nipple: tuple[float, float] | None = None
    breast_area_mm2: float = NAN

    def describe(self, entry: ImageEntry) -> None:
        """Take over what the header of the image says of it; the patient is the group."""
        self.image_id, self.group_id = entry.uid, text_of(entry.header, "PatientID")
        self.laterality, self.view = entry.laterality, entry.view


def form_clusters(image: ImageMarks, linking: Linking | None = None) -> list[str]:
    """Give every loose calcification of an image its cluster; those too few are left out.

    Those within an outline drawn around a cluster are that cluster's (the smallest of several).
    The others are linked by distance; a group about the centre of a reported cluster that has no
    calcifications of its own is that cluster's.

    Parameters
    ----------
    image : ImageMarks
        Changed in place: `loose` is empty afterwards.
    linking : Linking, optional

    Returns
    -------
    list of str
        What was done, in sentences.
    """
    linking = linking or Linking()
    notes: list[str] = []
    n_loose = len(image.loose)
    if not n_loose:
        return notes
    where = f"image {image.image_id}: " if image.image_id else ""
    left = _into_outlines(image)
    notes += _count(where, n_loose - len(left), "lie in an outline drawn around a cluster")
    labels = link([m.shape.x_mm for m in left], [m.shape.y_mm for m in left], linking)
    n_new = 0
    for label in range(int(labels.max(initial=-1)) + 1):
        marks = [mark for mark, own in zip(left, labels, strict=True) if own == label]
        claimed = _claimant(marks, image.clusters, linking.reach_mm)
        if claimed is not None:
            claimed.marks, claimed.formed_by = marks, f"{linking}, about the reported centre"
        else:
            image.clusters.append(Cluster(marks, formed_by=str(linking)))
            n_new += 1
    n_linked = int((labels >= 0).sum())
    if n_linked:
        notes.append(
            f"{where}{counted(n_linked, 'loose calcification')} {linking}: {counted(n_new, 'new cluster')}"
        )
    notes += map(
        Notice, _count(where, len(left) - n_linked, f"in no cluster, left out ({linking})")
    )
    image.loose = []
    return notes


def _count(where: str, number: int, what: str) -> list[str]:
    return [f"{where}{counted(number, 'loose calcification')} {what}"] if number else []


def _into_outlines(image: ImageMarks) -> list[Mark]:
    """Put loose marks into the clusters whose outline holds them; return the others."""
    drawn = [cluster for cluster in image.clusters if cluster.outline is not None]
    drawn.sort(key=lambda cluster: float(np.prod(np.ptp(np.asarray(cluster.outline), axis=0))))
    places = [(mark.shape.x_mm, mark.shape.y_mm) for mark in image.loose]
    points = np.array(places, float).reshape(-1, 2)
    outlines = [cluster.outline for cluster in drawn if cluster.outline is not None]
    check_cost(points, outlines)
    free = np.ones(len(image.loose), bool)
    for cluster in drawn:
        assert cluster.outline is not None
        taken = np.flatnonzero(free & inside(points, cluster.outline))
        if taken.size and not cluster.marks:
            cluster.formed_by = DRAWN
        cluster.marks.extend(image.loose[index] for index in taken)
        free[taken] = False
    return [mark for mark, is_free in zip(image.loose, free, strict=True) if is_free]


def _claimant(marks: list[Mark], clusters: list[Cluster], reach_mm: float) -> Cluster | None:
    """Return the empty cluster whose centre is nearest to, and within reach of, these marks."""
    empty = [c for c in clusters if not c.marks and c.centre is not None]
    if not empty:
        return None
    points = np.array([(mark.shape.x_mm, mark.shape.y_mm) for mark in marks])
    away = points[:, None] - np.array([cluster.centre for cluster in empty])
    distances = np.hypot(away[..., 0], away[..., 1]).min(axis=0)[::-1]
    nearest = int(distances.argmin())  # the last of several
    return empty[::-1][nearest] if distances[nearest] <= reach_mm else None


def gather(
    images: Iterable[ImageMarks], notes: Sequence[str] = (), linking: Linking | None = None
) -> Intake:
    """Form the clusters of images and return them as one set, with notes of how.

    Parameters
    ----------
    images : iterable of ImageMarks
    notes : sequence of str
        Notes to put first.
    linking : Linking, optional

    Returns
    -------
    Intake
        `meta` has the columns `META`; clusters without calcifications are kept, empty.

    Examples
    --------
    >>> image = ImageMarks("I1", loose=[Mark(Shape(float(x), 0.0)) for x in range(6)])
    >>> intake = gather([image])
    >>> intake.clusters.n_calcifications, intake.notes
    (array([6]), ('image I1: 6 loose calcifications linked by DBSCAN: at least 5 calcifications within 10 mm: 1 new cluster',))
    """
    images = list(images)
    said = list(notes)
    if linking is not None and not any(image.loose for image in images):
        said.append(Notice(f"no loose calcification to be {linking}: that changes nothing"))
    for image in images:
        check_most(len(image.clusters), MAX_CLUSTERS, "clusters on one image")
        said += form_clusters(image, linking)
    rows = [(image, cluster) for image in images for cluster in image.clusters]
    said += _missing(rows)
    if len(said) > MAX_NOTES:
        said = [*said[:MAX_NOTES], Notice(f"{len(said) - MAX_NOTES} further notes are not shown")]
    marks = [mark for _, cluster in rows for mark in cluster.marks]
    clusters = ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum([len(cluster.marks) for _, cluster in rows])]),
        cluster_id=_names([cluster.name for _, cluster in rows]),
        meta=_meta(rows),
        **_mark_columns(marks),
        **_cluster_columns(rows),
    )
    return Intake(clusters, empty_rejects(), notes=tuple(said))


def _missing(rows: list[tuple[ImageMarks, Cluster]]) -> list[str]:
    notes: list[str] = []
    for _, cluster in rows:
        if not cluster.marks:
            told = f", though {cluster.n_reported} are reported" if cluster.n_reported else ""
            name = f" {cluster.name}" if cluster.name else ""
            text = f"cluster{name} has no calcification with a position{told}: nothing to read"
            notes.append(Notice(text))
    for _, cluster in rows:
        if cluster.n_reported and cluster.marks and cluster.n_reported != len(cluster.marks):
            text = (
                f"cluster {cluster.name or '?'}: {cluster.n_reported} calcifications are reported, "
                f"{len(cluster.marks)} have a position"
            )
            notes.append(Notice(text))
    return notes


def left_out(others: Counter[str], noun: str) -> list[str]:
    """Say how many things of each type were left out."""
    return [
        Notice(f"{counted(n, noun)} of the type {kind!r} left out") for kind, n in others.items()
    ]


def _mark_columns(marks: list[Mark]) -> dict[str, Any]:
    """Return the marks as columns; what no column may hold is missing."""
    records = [asdict(mark.shape) for mark in marks]
    return {
        column.name: column.or_missing(np.array([one[column.name] for one in records], np.float32))
        for column in POINT_COLUMNS
    }


def _cluster_columns(rows: list[tuple[ImageMarks, Cluster]]) -> dict[str, Any]:
    values = [(*(image.nipple or (NAN, NAN)), image.breast_area_mm2) for image, _ in rows]
    table = np.array(values, np.float32).reshape(len(rows), len(CLUSTER_NAMES))
    return dict(zip(CLUSTER_NAMES, table.T, strict=True))


def _meta(rows: list[tuple[ImageMarks, Cluster]]) -> pd.DataFrame:
    import pandas as pd

    records = []
    for image, cluster in rows:
        of_image = (image.image_id, image.group_id, image.laterality, image.view)
        said = map(SEVERAL.join, (cluster.distributions, _types(cluster)))
        record = (*of_image, *said, cluster.n_reported, cluster.formed_by)
        records.append([None if value == "" else value for value in record])
    table = pd.DataFrame(records, columns=list(META), dtype=object)
    return table.astype({name: "Int64" if name == META[6] else object for name in META})


def _types(cluster: Cluster) -> tuple[str, ...]:
    """Return the types of the whole cluster, else those of its calcifications, the commonest first."""
    if cluster.types:
        return cluster.types
    counts = Counter(word for mark in cluster.marks for word in mark.types)
    return tuple(word for word, _ in counts.most_common())


def _names(names: list[str]) -> list[str]:
    """Return an id for each cluster: the file's own names where all differ, else numbers."""
    given = [name for name in names if name]
    taken = set(given)
    if len(taken) == len(given):
        free = (str(number) for number in range(1, 2 * len(names) + 1) if str(number) not in taken)
        return [name or next(free) for name in names]
    return [str(number) for number in range(1, len(names) + 1)]


MAX_BYTES = 64 << 20
"""Of a file of annotations."""

MAX_POINTS = 1_000_000
"""Of all regions of an image together."""

_CALCIFICATION = re.compile(r"(micro)?[ _-]?calc(ification)?s?([ _-]?\d+)?", re.IGNORECASE)
_CLUSTER = re.compile(
    r"((micro)?[ _-]?calc(ification)?s?[ _-])?clusters?( of (micro)?[ -]?calcifications)?([ _-]?\d+)?",
    re.IGNORECASE,
)
"""Names of regions, as in INbreast and with users' additions."""

GENERAL = re.compile(
    r"([\d_ -]*|(f|p|roi|region|markups?|(markups)?fiducial|mark|point|curve|closedcurve|object|annotation|lesion|"
    r"finding|detection|segment|mask|abnormality|label|shape|polygon|spot)s?([ _-]?\d+)*)",
    re.IGNORECASE,
)
"""Names that programs give, or that may mean anything."""


@dataclass(frozen=True, eq=False)
class Region:
    """One region of interest.

    Attributes
    ----------
    name : str
    points : ndarray, shape (n, 2)
        In pixels: corners (x, y) of a polygon, of which one is a point; two corners of a box; centre and rim of a
        circle; ends of the axes of an ellipse.
    where : str
        Its place in the file, for messages.
    kind : {"POLYLINE", "CIRCLE", "ELLIPSE", "BOX"}
    number : int, optional
        Of its category.
    rings : tuple of ndarray
        Further parts of a polygon; those that run the other way round are holes.
    pixels : (ndarray, ndarray), optional
        Rows and columns of its pixels, in place of `points`.
    confidence : float
        What a detector says of it.
    area_cm2 : float
        As the file states it; NaN where it does not.
    """

    name: str
    points: Points
    where: str
    kind: str = POLYGON
    number: int | None = None
    rings: tuple[Points, ...] = ()
    pixels: tuple[Ints, Ints] | None = None
    confidence: float = math.nan
    area_cm2: float = math.nan

    @property
    def is_calcification(self) -> bool:
        """Whether it is named as a calcification, or several."""
        return bool(_CALCIFICATION.fullmatch(self.name))

    @property
    def is_cluster(self) -> bool:
        """Whether it is named as a cluster."""
        return bool(_CLUSTER.fullmatch(self.name))

    @property
    def is_empty(self) -> bool:
        """Whether it has no place."""
        return not len(self.points) and self.pixels is None

    def is_named(self, labels: Iterable[int | str]) -> bool:
        """Tell whether it has one of some names, or a category of one of some numbers."""
        return any(label == self.number or str(label) == self.name for label in labels)

    def shape(self, size: tuple[float, float]) -> Shape:
        """Return its marks, where a pixel has a width and height in mm."""
        if self.pixels is not None:
            rows, columns = self.pixels
            own = Pixels(rows, columns, np.array([0, len(rows)]))
            found = measure(own, size, (0, 0)).shapes[0]
        elif self.kind != POLYGON:
            found = SHAPES[self.kind](self.points * size)
        elif len(self.points) < 3:  # of one or two points only the place is known
            found = Shape(*(self.points.mean(axis=0) * size).tolist())
        else:
            found = rings_shape([ring * size for ring in (self.points, *self.rings)])
        return replace(found, confidence=self.confidence)

    def outline(self, size: tuple[float, float]) -> Points:
        """Return its corners in mm, also of a circle, an ellipse or pixels; of a point, itself."""
        points = self.points
        if self.pixels is not None:
            rows, columns = self.pixels
            top, left = int(rows.min()), int(columns.min())
            marked = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), bool)
            marked[rows - top, columns - left] = True
            points = outline_px(marked, (top, left))
        elif self.kind != POLYGON:
            points = POLYGONS[self.kind](points)
        return points * size

    def place(self, size: tuple[float, float]) -> Points:
        """Return the mean of its corners, or of its pixels, in mm."""
        if self.pixels is None:
            return np.asarray(self.outline(size).mean(axis=0))
        return np.array([np.mean(at) + 0.5 for at in self.pixels[::-1]]) * size

    def extent(self, size: tuple[float, float]) -> float:
        """Return the length of the longer side of the box around it in mm."""
        points = np.column_stack(self.pixels[::-1]) if self.pixels is not None else self.points
        if self.kind == CIRCLE:
            return 2 * math.dist(*(points * size))
        return float((np.ptp(points, axis=0) * size).max())


@dataclass(eq=False)
class ImageRegions:
    """The regions of one image.

    Attributes
    ----------
    name : str
        Of the image; its file begins so.
    regions : list of Region
    size : (int, int), optional
        Rows and columns of the image, as the file states them.
    spacing : Spacing, optional
        Of the coordinates, where they are lengths and not pixels.
    default : Spacing, optional
        Of the pixels, where no other is stated.
    """

    name: str
    regions: list[Region] = field(default_factory=list)
    size: tuple[int, int] | None = None
    spacing: Spacing | None = None
    default: Spacing | None = None
