"""`Readings`: what a reader (model or rules) says of each cluster, as columns.

The labels are small integer codes into `lexicon.DISTRIBUTION_LABELS` and
`lexicon.MORPHOLOGY_LABELS`, so that a million readings stay arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.columns import Column, Words, frame_of
from calcigram.lexicon import (
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    ORIGINS,
)

if TYPE_CHECKING:
    import pandas as pd

RISK_COLUMNS: tuple[str, ...] = ("p_malignant", "p_malignant_low", "p_malignant_high")
"""Columns of a verdict table that hold `Readings.p_malignant`."""

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

    def to_dataframe(self) -> pd.DataFrame:
        """Return the readings in words, one row per cluster; unknown values are missing.

        Sets, novelty and risk are there where the reader gives them.
        """
        columns: dict[str, Column] = {
            "cluster_id": self.cluster_id,
            "distribution": Words.of(self.distribution, DISTRIBUTION_LABELS),
            "morphology": Words.of(self.morphology, MORPHOLOGY_LABELS),
            "origin": Words.of(self.origin, ORIGINS),
            "concern": Words.of(self.concern, CONCERNS),
            "birads_concern": Words.of(self.birads_concern, CONCERNS),
        }
        for prefix, labels, values in (
            ("p", CONCERNS, self.p_concern),
            ("p_distribution", DISTRIBUTIONS, self.p_distribution),
            ("p_morphology", MORPHOLOGIES, self.p_morphology),
        ):
            columns |= {f"{prefix}_{label}": values[:, k] for k, label in enumerate(labels)}
        columns["evidence"] = self.evidence
        for name, sets, labels in (
            ("distribution_set", self.distribution_set, DISTRIBUTIONS),
            ("morphology_set", self.morphology_set, MORPHOLOGIES),
        ):
            if sets is not None:
                known = np.isfinite(getattr(self, f"p_{name.removesuffix('_set')}")[:, 0])
                columns[name] = joined_words(sets, known, labels)
        columns |= {
            name: values
            for name in ("novelty", "unlike_training")
            if (values := getattr(self, name)) is not None
        }
        if self.p_malignant is not None:
            columns |= dict(zip(RISK_COLUMNS, self.p_malignant.T, strict=True))
        return frame_of(columns)


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
