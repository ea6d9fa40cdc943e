"""`Head`: one axis of the model, from features to calibrated probabilities, and how both axes are shown.

From calibrated probabilities to those that a reading shows there are two steps: `guarded` limits
``vascular``, the one morphology that makes a line benign, and `make_admissible` changes words that make
no sense together.

A suspicious line read as a vessel is the most harmful error, and on clusters of other generators most
of what is wrongly read as benign is read so. The word is therefore given only where its probability
reaches `MIN_PROBABILITY` or the calcifications lie in two parallel rows (`RAILS`). Elsewhere half of
the excess over the next word is moved to that word, the least change after which ``vascular`` is not
the most probable word. The two are then equally probable, at most 0.5 each, and the conformal set
holds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.concerns import ADMISSIBLE
from calcigram.features.catalogue import CATALOGUE, FEATURE_NAMES
from calcigram.lexicon import (
    AXES,
    DISTRIBUTIONS,
    GROUPED_MAX_MM,
    MORPHOLOGIES,
    Distribution,
    Morphology,
)
from calcigram.model.calibrate import ConformalScores, Scaling, fewness
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
    result: Floats = np.divide(left, total, out=p.copy(), where=total > 0)
    return result


def two_sided(scores: Floats) -> Floats:
    """Return one score per class where a two-class forest gives only the second's."""
    return np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores


MIN_PROBABILITY = 0.7
"""From this probability on, ``vascular`` needs no rails. Of 0.6, 0.7 and 0.8 the one with the best
mean of morphology macro-F1 over the four generators for development (docs/validation.md)."""

RAILS: dict[str, tuple[float, float]] = {
    "n_calcifications": (20.0, np.inf),
    "rail_score": (0.15, np.inf),
    "rail_separation_mm": (0.5, 3.0),
    "curve_length_mm": (20.0, np.inf),
}
"""Feature -> least and greatest value of two parallel rows; the recognition rules ask for the same
(Valvano et al. 2019; Badano et al. 2018), which a test holds."""

_VASCULAR = MORPHOLOGIES.index(Morphology.VASCULAR)


def shown_probabilities(
    p_distribution: Floats, p_morphology: Floats, features: Features
) -> tuple[Floats, Floats]:
    """Return the probabilities whose most probable words are the words of the reading.

    Parameters
    ----------
    p_distribution, p_morphology : ndarray of float64
        As `Model.axis_probabilities` gives them.
    features : Features

    Returns
    -------
    p_distribution, p_morphology : ndarray of float64
        Admissible together (`make_admissible`); guarded before, as the next word may not go with
        the distribution, and after, as a word left out for the other axis' sake can put
        ``vascular`` first.
    """
    p_d, p_m = make_admissible(p_distribution, guarded(p_morphology, features))
    return p_d, guarded(p_m, features)


def guarded(p_morphology: Floats, features: Features) -> Floats:
    """Return the probabilities with ``vascular`` not the first word where the guard forbids it.

    Parameters
    ----------
    p_morphology : ndarray of float64, shape (C, 9)
        A row of NaN where the morphology was not read.
    features : Features
        Of the same clusters.

    Returns
    -------
    ndarray of float64, shape (C, 9)
        The array given, where nothing changes. Where two words are equally probable, the first of
        the lexicon counts as the most probable; ``vascular`` is its last.

    Examples
    --------
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features.extract import extract_features
    >>> row = extract_features(ClusterSet.from_arrays([0, 5], [0, 3, 6, 9, 12], [0, 0, 0, 0, 0]))
    >>> guarded(np.array([[0.1, 0, 0, 0, 0, 0, 0, 0.3, 0.6]]), row).round(2)
    array([[0.1 , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.45, 0.45]])
    """
    of_vascular = p_morphology[:, _VASCULAR]
    others = np.delete(p_morphology, _VASCULAR, axis=1)
    weak = (of_vascular > others.max(axis=1)) & (of_vascular < MIN_PROBABILITY)
    rows = np.flatnonzero(weak)
    rows = rows[~_has_rails(features, rows)] if len(rows) else rows
    if not len(rows):
        return p_morphology
    out = p_morphology.copy()
    following = others[rows].argmax(axis=1)
    level = (of_vascular[rows] + others[rows, following]) / 2
    out[rows, following] = out[rows, _VASCULAR] = level
    return out


def _has_rails(features: Features, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    held = [
        (features.column(name)[rows] >= low) & (features.column(name)[rows] <= high)
        for name, (low, high) in RAILS.items()
    ]
    result: npt.NDArray[np.bool_] = np.logical_and.reduce(held)
    return result


def make_admissible(p_distribution: Floats, p_morphology: Floats) -> tuple[Floats, Floats]:
    """Give way, on one axis, where the two most probable words make no sense together.

    Of the two ways out, keep the first word or the second, the more probable pattern is
    taken, and the other axis' probabilities become those given the word that was kept.

    Examples
    --------
    >>> grouped_or_linear = np.array([[0, 0, 0, 0.5, 0.4, 0.1]])
    >>> vascular = np.array([[0, 0.1, 0, 0, 0, 0, 0, 0, 0.9]])
    >>> make_admissible(grouped_or_linear, vascular)[0].round(2)
    array([[0. , 0. , 0. , 0. , 0.8, 0.2]])
    """
    rows = np.flatnonzero(np.isfinite(p_distribution[:, 0]) & np.isfinite(p_morphology[:, 0]))
    top_d, top_m = p_distribution[rows].argmax(axis=1), p_morphology[rows].argmax(axis=1)
    clash = ~ADMISSIBLE[top_d, top_m]
    if not clash.any():
        return p_distribution, p_morphology
    rows, top_d, top_m = rows[clash], top_d[clash], top_m[clash]
    p_d, p_m = p_distribution.copy(), p_morphology.copy()
    given_m = p_d[rows] * ADMISSIBLE[:, top_m].T
    given_d = p_m[rows] * ADMISSIBLE[top_d]
    best_given_m = given_m.max(axis=1) * p_m[rows, top_m]
    best_given_d = given_d.max(axis=1) * p_d[rows, top_d]
    keep_form = best_given_m >= best_given_d
    for p, chosen, given in ((p_d, keep_form, given_m), (p_m, ~keep_form, given_d)):
        total = given.sum(axis=1, keepdims=True)
        possible = chosen & (total[:, 0] > 0)  # a model of few classes may know no way out
        p[rows[possible]] = given[possible] / total[possible]
    return p_d, p_m
