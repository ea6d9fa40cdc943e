"""`Readings`: what a reader (model or rules) says of each cluster, as columns.

The labels are small integer codes into `lexicon.DISTRIBUTION_LABELS` and
`lexicon.MORPHOLOGY_LABELS`, so that a million readings stay arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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
        Indices of `lexicon.CONCERNS` under the article; -1 where the article has no answer.
    birads_concern : ndarray of int8, shape (C,)
        The same under BI-RADS.
    p_concern : ndarray of float32, shape (C, 3)
        Probability of each concern under the article; NaN where unknown.
    evidence : ndarray of object (str), shape (C,)
        What the reading rests on, such as the ids of the rules that fired, joined by ``|``.
    reader : str
        Name and version of the reader.
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

    def __len__(self) -> int:
        return len(self.cluster_id)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the readings in words, one row a cluster; unknown values are missing."""
        import pandas as pd

        words = {
            "distribution": (self.distribution, DISTRIBUTION_LABELS),
            "morphology": (self.morphology, MORPHOLOGY_LABELS),
            "origin": (self.origin, ORIGINS),
            "concern": (self.concern, CONCERNS),
            "birads_concern": (self.birads_concern, CONCERNS),
        }
        columns: dict[str, object] = {"cluster_id": self.cluster_id}
        for name, (codes, labels) in words.items():
            words_of_axis = pd.Index([str(label) for label in labels])
            columns[name] = pd.Categorical.from_codes(codes, words_of_axis)
        for prefix, labels, values in (
            ("p", CONCERNS, self.p_concern),
            ("p_distribution", DISTRIBUTIONS, self.p_distribution),
            ("p_morphology", MORPHOLOGIES, self.p_morphology),
        ):
            columns |= {f"{prefix}_{label}": values[:, k] for k, label in enumerate(labels)}
        columns["evidence"] = self.evidence
        return pd.DataFrame(columns)
