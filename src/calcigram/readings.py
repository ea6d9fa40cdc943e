"""`Readings`: what a reader (model or rules) says of each cluster, as columns.

The labels are small integer codes into `lexicon.DISTRIBUTION_LABELS` and
`lexicon.MORPHOLOGY_LABELS`, so that a million readings stay arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from calcigram.columns import Column, Words, frame_of
from calcigram.errors import BadInputError
from calcigram.lexicon import AXES, CONCERNS, DISTRIBUTIONS, MORPHOLOGIES, ORIGINS

if TYPE_CHECKING:
    import pandas as pd

RISK_COLUMNS: tuple[str, ...] = ("p_malignant", "p_malignant_low", "p_malignant_high")
"""Columns of a verdict table that hold `Readings.p_malignant`."""


class ReadingColumn(NamedTuple):
    """Where a column of readings comes from.

    Attributes
    ----------
    field : str
        Of `Readings`.
    holds : tuple of str, or type
        The words that the field's codes index; else ``str``, ``bool`` or ``float``.
    place : int or None
        Column of a field that is a matrix.
    """

    field: str
    holds: tuple[str, ...] | type
    place: int | None = None


def _matrix(field: str, names: Sequence[str], prefix: str = "") -> dict[str, ReadingColumn]:
    return {f"{prefix}{name}": ReadingColumn(field, float, k) for k, name in enumerate(names)}


PROBABILITIES: dict[str, dict[str, str]] = {
    axis: {f"{prefix}_{word}": str(word) for word in words}
    for axis, prefix, words in (
        ("distribution", "p_distribution", DISTRIBUTIONS),
        ("morphology", "p_morphology", MORPHOLOGIES),
        ("concern", "p", CONCERNS),
    )
}
"""Axis -> column of the verdict table -> the word whose probability it is."""

READING_COLUMNS: dict[str, ReadingColumn] = {
    "cluster_id": ReadingColumn("cluster_id", str),
    "distribution": ReadingColumn("distribution", AXES["distribution"].labels),
    "morphology": ReadingColumn("morphology", AXES["morphology"].labels),
    "origin": ReadingColumn("origin", ORIGINS),
    "concern": ReadingColumn("concern", CONCERNS),
    "birads_concern": ReadingColumn("birads_concern", CONCERNS),
    **_matrix("p_concern", CONCERNS, "p_"),
    **_matrix("p_distribution", DISTRIBUTIONS, "p_distribution_"),
    **_matrix("p_morphology", MORPHOLOGIES, "p_morphology_"),
    "evidence": ReadingColumn("evidence", str),
    "distribution_set": ReadingColumn("distribution_set", str),
    "morphology_set": ReadingColumn("morphology_set", str),
    "novelty": ReadingColumn("novelty", float),
    "unlike_training": ReadingColumn("unlike_training", bool),
    **_matrix("p_malignant", RISK_COLUMNS),
}
"""The columns of a table of readings by name, in order."""

Codes = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Readings:
    """One reader's view of C clusters.

    Attributes
    ----------
    cluster_id : ndarray of object (str), shape (C,)
    distribution : ndarray of int8, shape (C,)
        Indices of `lexicon.DISTRIBUTION_LABELS` (six words, then the statuses).
    morphology : ndarray of int8, shape (C,)
        Indices of `lexicon.MORPHOLOGY_LABELS` (nine words, then the statuses).
    p_distribution : ndarray of float32, shape (C, 6)
        Probability of each word; a row of NaN where the label is a status, and from readers
        that give no probabilities.
    p_morphology : ndarray of float32, shape (C, 9)
    origin : ndarray of int8, shape (C,)
        Indices of `lexicon.ORIGINS`.
    concern : ndarray of int8, shape (C,)
        Indices of `lexicon.CONCERNS` under the article: the most probable one, or, of readers that
        give no probabilities, that of the words; -1 where the article has no answer.
    birads_concern : ndarray of int8, shape (C,)
        That of the words under BI-RADS.
    p_concern : ndarray of float32, shape (C, 3)
        Probability of each concern under the article; NaN where unknown.
    evidence : ndarray of object (str), shape (C,)
        What the reading rests on, such as the ids of the rules that fired, joined by ``|``.
    reader : str
        Name and version of the reader.
    distribution_set : ndarray of bool, shape (C, 6), or None
        Which words belong to the conformal set; a row without any where the label is a status.
        None from readers that give no sets.
    morphology_set : ndarray of bool, shape (C, 9), or None
    novelty : ndarray of float32, shape (C,), or None
        From 0 to 1, how unlike all that the reader was trained on; NaN where unknown.
    unlike_training : ndarray of bool, shape (C,), or None
        Whether the novelty raises an alarm.
    p_malignant : ndarray of float32, shape (C, 3), or None
        Share of CBIS-DDSM's lesions described so that turned out malignant, with the ends of its
        95 % interval (`calcigram.risk`): of an enriched cohort, so no prevalence and no
        diagnosis. NaN where no axis was read; None from readers that give no probabilities.
    pattern_concern : ndarray of int8, shape (C,), or None
        The concern of the words alone under the article; None where that is `concern`.
    source_conflict : Words, length C, or None
        Where one source finds the words benign and another advises a biopsy, a phrase that says so.
    """

    cluster_id: npt.NDArray[np.object_]
    distribution: Codes
    morphology: Codes
    p_distribution: Float32
    p_morphology: Float32
    origin: Codes
    concern: Codes
    birads_concern: Codes
    p_concern: Float32
    evidence: npt.NDArray[np.object_]
    reader: str
    distribution_set: npt.NDArray[np.bool_] | None = None
    morphology_set: npt.NDArray[np.bool_] | None = None
    novelty: Float32 | None = None
    unlike_training: npt.NDArray[np.bool_] | None = None
    p_malignant: Float32 | None = None
    pattern_concern: Codes | None = None
    source_conflict: Words | None = None

    def __repr__(self) -> str:
        return f"<Readings: {len(self)} clusters, read by {self.reader}>"

    def __len__(self) -> int:
        return len(self.cluster_id)

    def column(self, name: str) -> Column:
        """Return one of `READING_COLUMNS`; missing throughout where the reader does not give it."""
        column = READING_COLUMNS[name]
        values = getattr(self, column.field)
        if column.field.endswith("_set"):
            axis = AXES[column.field.removesuffix("_set")]
            if values is None:
                return Words(np.full(len(self), -1), ())
            known = np.isfinite(getattr(self, f"p_{axis.name}")[:, 0])
            return joined_words(values, known, axis.words)
        if values is None:
            if column.holds is bool:
                return np.zeros(len(self), bool)
            return np.full(len(self), np.nan, np.float32)
        if not isinstance(column.holds, type):
            return Words.of(values, column.holds, is_ordered=column.holds is CONCERNS)
        result: Column = values if column.place is None else values[:, column.place]
        return result

    def to_dataframe(self) -> pd.DataFrame:
        """Return the readings in words, one row per cluster; unknown values are missing.

        Sets, novelty and risk are there where the reader gives them.
        """
        return frame_of(
            {
                name: self.column(name)
                for name, column in READING_COLUMNS.items()
                if getattr(self, column.field) is not None
            }
        )


def check_readings(given: object, source: str) -> None:
    """Raise `BadInputError` for anything but readings."""
    if not isinstance(given, Readings):
        raise BadInputError(
            "readings, such as model.read(extract_features(clusters))",
            source=source,
            value=type(given).__name__,
        )


def with_unread(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Append a column to the probabilities of an axis: 1 in rows of NaN, whose words become 0.

    Examples
    --------
    >>> with_unread([[0.25, 0.75], [np.nan, np.nan]])
    array([[0.25, 0.75, 0.  ],
           [0.  , 0.  , 1.  ]])
    """
    p = np.asarray(p, float)
    is_unread = np.isnan(p[:, :1])
    return np.hstack([np.where(is_unread, 0.0, p), is_unread])


def joined_words(
    sets: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_], words: Sequence[str]
) -> Words:
    """Return the words of each set joined by ``|``, written once for each set that occurs.

    Parameters
    ----------
    sets : ndarray of bool, shape (C, K)
    known : ndarray of bool, shape (C,)
        Where there is a set at all; missing elsewhere.
    words : sequence of str, length K

    Examples
    --------
    >>> sets = np.array([[True, True], [False, False], [False, False]])
    >>> joined_words(sets, np.array([True, True, False]), ["a", "b"]).tolist()
    ['a|b', '', None]
    """
    keys, which = np.unique(sets @ (1 << np.arange(len(words))), return_inverse=True)
    texts = ["|".join(str(w) for k, w in enumerate(words) if key >> k & 1) for key in keys.tolist()]
    return Words.of(np.where(known, which, -1), texts)
