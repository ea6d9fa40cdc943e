"""Loose and grouped calcifications of images, in mm, gathered into a `ClusterSet`.

What annotation files, masks and reports have in common: some calcifications stand in a
cluster already, the others are linked by distance. How each cluster came about is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.clusters import CLUSTER_NAMES, POINT_COLUMNS, ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats.outlines import NAN, Points, Shape, check_cost, inside
from calcigram.linking import Linking, link
from calcigram.longtable import Intake, Notice
from calcigram.longtable.columns import empty_rejects
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

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
        claimed = _claimant(marks, image.clusters, linking.link_mm)
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
        if len(image.clusters) > MAX_CLUSTERS:
            expected = f"at most {MAX_CLUSTERS} clusters on one image"
            raise BadInputError(expected, value=len(image.clusters))
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
    empty = [cluster for _, cluster in rows if not cluster.marks]
    for cluster in empty:
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

    def text(value: str) -> str | None:
        return value or None

    records = [
        (
            text(image.image_id),
            text(image.group_id),
            text(image.laterality),
            text(image.view),
            text(SEVERAL.join(cluster.distributions)),
            text(SEVERAL.join(_types(cluster))),
            cluster.n_reported,
            cluster.formed_by,
        )
        for image, cluster in rows
    ]
    table = pd.DataFrame.from_records(records, columns=list(META))
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
