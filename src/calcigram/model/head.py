"""`Head`: one axis of the model, from features to calibrated probabilities and conformal sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.features.catalogue import CATALOGUE, FEATURE_NAMES
from calcigram.lexicon import AXES, DISTRIBUTIONS, GROUPED_MAX_MM, Distribution
from calcigram.model.calibrate import Scaling, fewness
from calcigram.model.conformal import ConformalScores
from calcigram.model.forest import Forest
from calcigram.model.scoring import raw_scores

if TYPE_CHECKING:
    from calcigram.features.extract import Features

Floats = npt.NDArray[np.float64]

HEAD_CASES: dict[str, tuple[str, ...]] = {
    "distribution": ("form_known", "form_unknown"),
    "morphology": ("form_known",),
}
"""The cases in which each head is calibrated by itself."""


WIDE: tuple[int, ...] = tuple(
    DISTRIBUTIONS.index(d)
    for d in (Distribution.REGIONAL, Distribution.DIFFUSE, Distribution.SEGMENTAL)
)
"""Distributions that the lexicon gives to nothing of `GROUPED_MAX_MM` or less."""

_COUNT, _EXTENT = (FEATURE_NAMES.index(name) for name in ("n_calcifications", "max_distance_mm"))


@lru_cache(maxsize=64)
def columns_resting_on(
    marks: tuple[str, ...], extra_needs: tuple[tuple[str, ...], ...] = ()
) -> npt.NDArray[np.int64]:
    """Return the columns of the features that need any of `marks`, the caller's own included."""
    needs = (*(spec.needs for spec in CATALOGUE), *extra_needs)
    return np.flatnonzero([bool(set(marks) & set(each)) for each in needs])


def is_readable(features: Features, axis: str) -> npt.NDArray[np.bool_]:
    """Return where an axis can be read: enough calcifications, and a mark that it needs, shape (C,)."""
    needed = AXES[axis]
    enough = features.n_calcifications >= needed.min_calcifications
    if not needed.needs:
        return np.asarray(enough)
    known = np.isfinite(features.values[:, columns_resting_on(needed.needs)]).any(axis=1)
    return np.asarray(enough & known)


def fewness_of(values: npt.NDArray[np.float32]) -> Floats:
    """Return the `fewness` of clusters by their features, shape (R,)."""
    return fewness(values[:, _COUNT])


@dataclass(frozen=True, eq=False)
class Head:
    """One axis: a forest and its calibration.

    Attributes
    ----------
    axis : str
        A key of `AXES`.
    classes : tuple of int
        Codes of the words the forest was trained on, rising; others get probability 0. Empty
        where the axis had no labels: then it is never read.
    forest : Forest
    scalings : mapping of str to Scaling
        One for each of the axis' `HEAD_CASES`.
    conformal : mapping of str to ConformalScores
        One for each of the cases too; empty where none were kept.
    shares : tuple of float
        Share of each class among the clusters trained on; empty where it is not known.
    """

    axis: str
    classes: tuple[int, ...]
    forest: Forest
    scalings: Mapping[str, Scaling]
    conformal: Mapping[str, ConformalScores] = field(default_factory=dict)
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        n_words, n_classes = len(AXES[self.axis].words), len(self.classes)
        if not n_classes and self.forest.n_trees:
            raise ValueError(f"{self.axis}: trees without classes")
        if list(self.classes) != sorted(set(self.classes) & set(range(n_words))):
            raise ValueError(f"{self.axis}: classes {self.classes}")
        if n_classes == 1:
            raise ValueError(f"{self.axis}: one class")
        if self.forest.n_classes != (1 if n_classes == 2 else n_classes):
            raise ValueError(f"{self.axis}: {self.forest.n_classes} scores, {n_classes} classes")
        if set(self.scalings) != set(HEAD_CASES[self.axis]) or any(
            len(scaling.bias) != n_classes for scaling in self.scalings.values()
        ):
            raise ValueError(f"{self.axis}: a calibration that does not fit the classes")
        if self.conformal and (
            set(self.conformal) != set(HEAD_CASES[self.axis])
            or any(len(scores.counts) != n_classes for scores in self.conformal.values())
        ):
            raise ValueError(f"{self.axis}: conformal scores that do not fit the classes")
        if self.shares and not (
            len(self.shares) == n_classes and all(0 < share < 1 for share in self.shares)
        ):
            raise ValueError(f"{self.axis}: shares of training {self.shares}")

    def logits(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return uncalibrated scores, shape (R, number of classes)."""
        if not self.classes:
            return np.zeros((len(values), 0))
        return two_sided(raw_scores(self.forest, values))

    def probabilities(
        self, values: npt.NDArray[np.float32], form_known: npt.NDArray[np.bool_]
    ) -> Floats:
        """Return calibrated probabilities of every word of the axis, shape (R, K).

        Distributions that the lexicon rules out at the cluster's extent have probability 0.
        """
        if not self.classes:
            return np.full((len(values), len(AXES[self.axis].words)), np.nan)
        logits, few = self.logits(values), fewness_of(values)
        known = np.full_like(logits, np.nan)
        for case in HEAD_CASES[self.axis]:
            rows = form_known if case == "form_known" else ~form_known
            if rows.any():
                known[rows] = self.scalings[case](logits[rows], few[rows])
        p = np.zeros((len(values), len(AXES[self.axis].words)))
        p[:, self.classes] = known
        p[np.isnan(known[:, 0])] = np.nan
        return without_wide(p, values[:, _EXTENT]) if self.axis == "distribution" else p

    def sets(
        self, p: Floats, form_known: npt.NDArray[np.bool_], coverage: float
    ) -> npt.NDArray[np.bool_]:
        """Return which words belong to each conformal set, bool, shape (R, K).

        Parameters
        ----------
        p : ndarray of float64, shape (R, K)
            As `probabilities` gives them; the set of a row of NaN is empty.
        form_known : ndarray of bool, shape (R,)
        coverage : float
        """
        sets = np.zeros((len(p), len(AXES[self.axis].words)), bool)
        classes = np.array(self.classes)
        for case, scores in self.conformal.items() if self.classes else ():
            rows = form_known if case == "form_known" else ~form_known
            sets[np.ix_(rows, classes)] = scores.sets(p[np.ix_(rows, classes)], coverage)
        return sets


def without_wide(p: Floats, extent_mm: npt.ArrayLike) -> Floats:
    """Return probabilities of the distributions, 0 for the wide ones where the cluster is small.

    Examples
    --------
    >>> without_wide(np.array([[0, 0.5, 0.1, 0.2, 0.2, 0]]), [12.0])
    array([[0. , 0. , 0. , 0.5, 0.5, 0. ]])
    """
    left = p.copy()
    left[np.ix_(np.asarray(extent_mm) <= GROUPED_MAX_MM, np.array(WIDE))] = 0.0
    total = left.sum(axis=1, keepdims=True)
    return np.divide(left, total, out=p.copy(), where=total > 0)


def two_sided(scores: Floats) -> Floats:
    """Return one score a class where a two-class forest gives only the second's."""
    return np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores
