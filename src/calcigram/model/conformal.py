"""Conformal sets: the words that a cluster may bear at a chosen coverage, class by class.

Least ambiguous sets by class: class-conditional (Mondrian) split conformal prediction with the
score ``1 - p``, where p is the probability that a reading shows. For each word alone, a share of at
least `coverage` of the clusters that truly bear it have it in their set, as long as they are drawn as
the held-out clusters of that word were. So it holds whatever the mix of words, and the sets rest on the
probabilities before any `prior`. It is no promise about clusters of another kind; `novelty` looks
out for those. The reader adds the word that was read, where a set lacks it, so that none is empty.

Sources: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World" (2005), chapter 4.5,
for Mondrian predictors; Sadinle, Lei and Wasserman (JASA 2019) for the score and label-wise
thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError

COVERAGE = 0.95
"""Coverage of the sets where nobody asks for another."""

N_FOLDS = 5
"""Parts of the held-out clusters: each gets its scores from a calibration fitted to the others."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ConformalScores:
    """Scores ``1 - p`` of held-out clusters that truly bear a word, by word.

    Attributes
    ----------
    scores : ndarray of float32, shape (R,)
        Rising within each class, one class after the other.
    counts : ndarray of int64, shape (K,)
        Held-out clusters of each class.
    """

    scores: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.scores.dtype != np.float32 or self.counts.dtype != np.int64:
            raise ValueError("conformal scores of another type")
        if self.scores.ndim != 1 or self.counts.ndim != 1:
            raise ValueError("conformal scores of another shape")
        n = len(self.scores)  # each count is checked as well: their sum may overflow
        if not ((self.counts >= 0) & (self.counts <= n)).all() or self.counts.sum() != n:
            raise ValueError("conformal scores that do not fit their counts")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise ValueError("conformal scores outside 0 to 1")
        if any((np.diff(part) < 0).any() for part in self._parts()):
            raise ValueError("conformal scores that fall")

    @classmethod
    def fit(cls, probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> ConformalScores:
        """Take the scores of clusters that neither trees nor calibration have seen.

        Parameters
        ----------
        probabilities : array_like, shape (R, K)
        truth : array_like of int, shape (R,)
            Column of the true class.

        Examples
        --------
        >>> ConformalScores.fit([[0.75, 0.25], [0.5, 0.5]], [0, 0]).counts
        array([2, 0])
        """
        p, classes = np.asarray(probabilities, float), np.asarray(truth, np.int64)
        own = (1 - p[np.arange(len(p)), classes]).astype(np.float32)
        order = np.lexsort((own, classes))
        return cls(np.clip(own[order], 0, 1), np.bincount(classes, minlength=p.shape[1]))

    def thresholds(self, coverage: float = COVERAGE) -> Floats:
        """Return the greatest score with which a cluster's set still holds a class, shape (K,).

        Notes
        -----
        The ``ceil((n + 1) coverage)``-th least of the class's n scores: the finite-sample
        quantile. Infinite where n is too small for the coverage, so that the set always
        holds the class.

        Raises
        ------
        BadInputError
            `coverage` is no number between 0 and 1.

        Examples
        --------
        >>> scores = ConformalScores(np.linspace(0.1, 0.9, 9, dtype=np.float32), np.array([9]))
        >>> scores.thresholds(0.5).round(3), scores.thresholds(0.95)
        (array([0.5]), array([inf]))
        """
        check_coverage(coverage)
        limits = np.full(len(self.counts), np.inf)
        for k, part in enumerate(self._parts()):
            # Rounded, as 0.9 x 10 must be 9 and not a hair more.
            rank = int(np.ceil(round((len(part) + 1) * coverage, 9)))
            if rank <= len(part):
                limits[k] = part[max(rank, 1) - 1]
        return limits

    def sets(
        self, probabilities: npt.ArrayLike, coverage: float = COVERAGE
    ) -> npt.NDArray[np.bool_]:
        """Return which classes belong to the set of each row, bool, shape (R, K).

        A set may be empty, where no class's held-out clusters were read with such low
        probabilities (the reader adds the word read); a row of NaN has an empty set.
        """
        p = np.asarray(probabilities, float)
        return (1 - p).astype(np.float32) <= self.thresholds(coverage)

    def where_enough(self, least: int, otherwise: ConformalScores | None) -> ConformalScores:
        """Return these scores, those of another for each class that has fewer than `least`."""
        if otherwise is None:
            return self
        parts = [
            own if len(own) >= least else other
            for own, other in zip(self._parts(), otherwise._parts(), strict=True)
        ]
        return ConformalScores(np.concatenate(parts), np.array([len(part) for part in parts]))

    def _parts(self) -> Sequence[npt.NDArray[np.float32]]:
        return np.split(self.scores, np.cumsum(self.counts)[:-1])


def check_coverage(coverage: float) -> None:
    """Raise `BadInputError` unless `coverage` is a number between 0 and 1."""
    if not 0 < coverage < 1:
        raise BadInputError("a number between 0 and 1", column="coverage", value=coverage)


def folds_by_group(
    groups: npt.NDArray[np.int64], rng: np.random.Generator, n_folds: int = N_FOLDS
) -> npt.NDArray[np.int64]:
    """Deal clusters to folds, all of a group to one.

    Parameters
    ----------
    groups : ndarray of int64, shape (C,)
        Group of each cluster, from 0.
    rng : numpy.random.Generator
    n_folds : int

    Returns
    -------
    ndarray of int64, shape (C,)
    """
    n_groups = int(groups.max(initial=-1)) + 1
    return rng.permutation(np.arange(n_groups) % n_folds)[groups]
