"""What is written into a report: which words of the verdicts, on which image, in which pixels.

The same for every template. Only what pattern was read goes out: never an assessment, a concern,
a follow-up, a pathology or a probability of cancer. A word that a person should look at first, or that
is less probable than `MIN_CODED_PROBABILITY`, stands in the text with its probability and has no
code: a code would be read by programs that do not see the doubt.
"""

from __future__ import annotations

import hashlib
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram._version import __version__
from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats.dicom.concepts import (
    FINE_LINEAR_BRANCHING,
    Concept,
    concept_of,
    private_concept,
)
from calcigram.formats.dicom.report import ImageEntry, Outline, Spacing
from calcigram.formats.outlines import ROUND, ellipse_polygon
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, Distribution, Morphology

if TYPE_CHECKING:
    import pandas as pd
    from pydicom import Dataset

ALGORITHM = "calcigram"
MANUFACTURER = "calcigram (research software)"

MIN_CODED_PROBABILITY = 0.5
"""Words of the model that are less probable are not coded."""

NOTICE = "Research software: a description of the pattern, no diagnosis."


REQUIRED = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
]
"""Type 2: present in every document, empty where the source does not have them."""


Place = tuple[str, str, str]
"""Study, series and SOP class of an instance."""


@dataclass(frozen=True)
class Source:
    """What an answer refers to: patient, study and images.

    Attributes
    ----------
    identity : pydicom.Dataset
        Header that patient and study are copied from.
    images : dict of str to ImageEntry
        By SOP instance UID, all that clusters may lie on.
    spacings : dict of str to Spacing
    places : dict of str to Place
        By SOP instance UID, of every instance to be named as evidence.
    """

    identity: Dataset
    images: dict[str, ImageEntry]
    spacings: dict[str, Spacing]
    places: dict[str, Place]


@dataclass(frozen=True)
class Drawn:
    """One calcification as it is drawn: centre and outline in pixels, marks in mm."""

    centre: tuple[float, float]
    outline: Outline | None
    marks: dict[str, float]


@dataclass(frozen=True)
class Answer:
    """What is said of one cluster.

    Attributes
    ----------
    cluster_id, image : str
    centre : (float, float)
        In pixels.
    hull : ndarray or None
        Closed polygon in pixels.
    marks : tuple of Drawn
    distribution, morphology : Concept or None
        The codes; None where the axis could not be read, the word is too improbable, or a person
        should look first.
    exact_distribution : Concept or None
        In our own scheme, where DICOM has no code for the word.
    text : str
        The words of both readers, in a sentence.
    """

    cluster_id: str
    image: str
    centre: tuple[float, float]
    hull: Any
    marks: tuple[Drawn, ...]
    distribution: Concept | None
    morphology: Concept | None
    exact_distribution: Concept | None
    text: str


def answers(clusters: ClusterSet, verdicts: pd.DataFrame, source: Source) -> list[Answer]:
    """Return what is to be written of each cluster; those without calcifications are left out.

    Parameters
    ----------
    clusters : ClusterSet
        `meta` has the column ``image_id``, or there is one image.
    verdicts : pandas.DataFrame
        The verdict table of `clusters`, in the same order.
    source : Source

    Returns
    -------
    list of Answer

    Raises
    ------
    BadInputError
        A cluster is on no image of the source, or reaches outside of its image.
    """
    found = []
    for index in range(len(clusters)):
        one = clusters[index]
        if not one.n_calcifications[0]:
            continue
        image = _image_of(one, source)
        entry, spacing = source.images[image], source.spacings[image]
        centres = np.column_stack([one.x_mm, one.y_mm]).astype(float)
        centres /= (spacing.x_mm, spacing.y_mm)
        _check_inside(centres, entry, str(one.cluster_id[0]))
        row = verdicts.iloc[index]
        distribution = _coded_word(row, "distribution", DISTRIBUTIONS)
        morphology = _coded_word(row, "morphology", MORPHOLOGIES)
        is_branching = distribution == Distribution.BRANCHING
        found.append(
            Answer(
                str(one.cluster_id[0]),
                image,
                (float(centres[:, 0].mean()), float(centres[:, 1].mean())),
                _hull(centres),
                tuple(_drawn(one, k, centres[k], spacing) for k in range(len(centres))),
                distribution and concept_of(Distribution(distribution)),
                _type_code(distribution, morphology),
                private_concept(Distribution.BRANCHING) if is_branching else None,
                _sentence(row),
            )
        )
    return found


def _image_of(one: ClusterSet, source: Source) -> str:
    image = one.meta["image_id"].iloc[0] if "image_id" in one.meta else None
    if image in source.images:
        return str(image)
    if len(source.images) == 1 and (image is None or image != image):
        return next(iter(source.images))
    raise BadInputError(
        f"one of {', '.join(source.images) or 'no images'} (SOP Instance UID of the cluster's image)",
        column="image_id",
        value=image,
        cluster_id=str(one.cluster_id[0]),
    )


def _check_inside(centres: Any, entry: ImageEntry, cluster_id: str) -> None:
    outside = entry.outside(centres)
    if outside.any():
        size = f"{entry.n_columns} x {entry.n_rows} pixels" if entry.n_rows else "its image"
        raise BadInputError(
            f"calcifications within {size} (positions count from its top left corner)",
            cluster_id=cluster_id,
            value=tuple(round(float(v), 1) for v in centres[outside.argmax()]),
        )


def _coded_word(row: pd.Series, axis: str, words: tuple[Any, ...]) -> Any:
    """Return the word of an axis; None where it is none, or is not to be coded."""
    is_sure = row[f"{axis}_probability"] >= MIN_CODED_PROBABILITY and not row["review"]
    return row[axis] if row[axis] in words and is_sure else None


def _type_code(distribution: Any, morphology: Any) -> Concept | None:
    """Return the code of a morphology; a branching distribution alone asserts no branching type."""
    if morphology is None:
        return None
    word = Morphology(morphology)
    if word == Morphology.FINE_LINEAR and distribution == Distribution.BRANCHING:
        return FINE_LINEAR_BRANCHING
    return concept_of(word)


def _drawn(one: ClusterSet, index: int, centre: Any, spacing: Spacing) -> Drawn:
    marks = {name: float(getattr(one, name)[index]) for name in MARK_NAMES[2:]}
    known = {name: value for name, value in marks.items() if math.isfinite(value)}
    place = (float(centre[0]), float(centre[1]))
    diameter = known.get("diameter_mm")
    if diameter is None:
        return Drawn(place, None, known)
    angle = known.get("orientation_deg")
    # an ellipse has a direction; where none is known, a circle of equal area tells the size
    aspect = 1.0 if angle is None else known.get("aspect_ratio", 1.0)
    major, minor = diameter * math.sqrt(aspect) / 2, diameter / math.sqrt(aspect) / 2
    turn = math.radians(angle or 0.0)
    along = np.array([math.cos(turn), math.sin(turn)])
    across = np.array([-along[1], along[0]])
    scale = (spacing.x_mm, spacing.y_mm)
    ends_mm = np.array([-major * along, major * along, -minor * across, minor * across])
    ends = np.array(centre) + ends_mm / scale
    if spacing.x_mm != spacing.y_mm:
        outline = Outline("POLYLINE", _closed(ellipse_polygon(ends)))
    elif aspect > 1 + ROUND:
        outline = Outline("ELLIPSE", ends)
    else:
        outline = Outline("CIRCLE", np.array([centre, ends[1]]))
    return Drawn(place, outline, known)


def _hull(centres: Any) -> Any:
    """Return the closed hull of centres; None where they lie on a line."""
    from scipy.spatial import ConvexHull, QhullError

    with suppress(QhullError):
        if len(centres) >= 3:
            return _closed(centres[ConvexHull(centres).vertices])
    return None


def _closed(points: Any) -> Any:
    return np.vstack([points, points[:1]])


def _sentence(row: pd.Series) -> str:
    """Return the words of both readers, without any concern."""
    axes = {"distribution": DISTRIBUTIONS, "morphology": MORPHOLOGIES}
    model = ", ".join(
        _with_probability(row[axis], row[f"{axis}_probability"], axis) for axis in axes
    )
    rules = ", ".join(f"{axis} {_plain(row[f'rule_{axis}'])}" for axis in axes)
    uncoded = [a for a, words in axes.items() if row[a] in words and not _coded_word(row, a, words)]
    look = "A person should look before any word is used. " if row["review"] or uncoded else ""
    if uncoded:
        doubt = f"its probability is below {MIN_CODED_PROBABILITY:g}"
        because = "review is asked for" if row["review"] else doubt
        look += f"Not coded, as {because}: {' and '.join(uncoded)}. "
    return f"{look}Read by the model: {model}. Read by the rules: {rules}. {NOTICE}"


def _with_probability(word: Any, probability: Any, name: str) -> str:
    known = f" ({float(probability):.2f})" if probability == probability else ""
    return f"{name} {_plain(word)}{known}"


def _plain(word: Any) -> str:
    return str(word).replace("_", " ")


def derived_uid(*parts: object) -> str:
    """Return a UID that follows from what it stands for: the same parts, the same UID.

    Under the root 2.25 (PS3.5 B.2), from 122 bits of a SHA-256.

    Examples
    --------
    >>> derived_uid("a", 1) == derived_uid("a", 1) != derived_uid("a", 2)
    True
    """
    import uuid

    text = "\0".join(map(str, parts))
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return f"2.25.{uuid.UUID(bytes=digest, version=5).int}"


def digest_of(clusters: ClusterSet) -> str:
    """Return a digest of all that is measured of a set."""
    digest = hashlib.sha256(clusters.offsets.tobytes())
    digest.update("\0".join(clusters.cluster_id).encode())
    for name in (*MARK_NAMES, *CLUSTER_NAMES):
        digest.update(np.ascontiguousarray(getattr(clusters, name)).tobytes())
    return digest.hexdigest()


def algorithm_version(verdicts: pd.DataFrame) -> str:
    """Return the version of the program and of the model."""
    versions = [str(v) for v in verdicts["model_version"].unique()] if len(verdicts) else []
    return ", ".join([__version__, *(f"model {version}" for version in versions)])
