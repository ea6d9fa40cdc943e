"""Calibration of probabilities, how well they are calibrated, and conformal sets.

`Scaling` makes a probability of 0.8 right eight times in ten. It is vector scaling with one
temperature: log-probabilities are multiplied by one number and shifted by one number per class; where
calcifications are few, the one number depends on how few. It has so few parameters that some hundred
held-out clusters fit it. The calibration errors judge any probabilities.

`ConformalScores` gives the words that a cluster may bear at a chosen coverage: class-conditional
(Mondrian) split conformal prediction with the score ``1 - p``, where p is the probability that a
reading shows. For each word alone, a share of at least `coverage` of the clusters that truly bear it
have it in their set, as long as they are drawn as the held-out clusters of that word were. So it holds
whatever the mix of words, and the sets rest on the probabilities before any `prior`. It is no promise
about clusters of another kind; `novelty` looks for those. The reader adds the word that was read, where
a set lacks it, so that none is empty.

Sources: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), for temperature and vector
scaling; Nguyen and O'Connor (EMNLP 2015) for bins of equal mass; Kull et al. (NeurIPS 2019) for the
classwise error; Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World" (2005), chapter
4.5, for Mondrian predictors; Sadinle, Lei and Wasserman (JASA 2019) for label-wise thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram.errors import BadInputError

N_BINS = 15
"""Bins of the expected calibration error, as in Guo et al. (2017)."""

FEW = 11
"""Below so many calcifications the temperature depends on their number."""

_SMALLEST = 1e-12
_RIDGE = 1e-3  # pulls temperature and shifts to those that change nothing

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """Turns scores into calibrated probabilities: ``softmax(inverse_temperature * s + bias)``.

    Attributes
    ----------
    inverse_temperature : float
        Below 1 softens, above 1 sharpens.
    bias : tuple of float
        One per class.
    slope : float
        Of the logarithm of the inverse temperature against `fewness`.
    """

    inverse_temperature: float
    bias: tuple[float, ...]
    slope: float = 0.0

    @classmethod
    def identity(cls, n_classes: int) -> Scaling:
        """Return the scaling that changes nothing."""
        return cls(1.0, (0.0,) * n_classes)

    def __call__(self, scores: npt.ArrayLike, few: npt.ArrayLike = 0.0) -> Floats:
        """Return probabilities, shape (R, K), of scores (logits), shape (R, K), and `fewness`, (R,)."""
        return softmax(self.scaled(scores, few))

    def scaled(self, scores: npt.ArrayLike, few: npt.ArrayLike = 0.0) -> Floats:
        """Return calibrated log-odds, shape (R, K): what `softmax` makes probabilities of."""
        sharpness = np.atleast_1d(self.sharpness(few))[:, None]
        result: Floats = np.asarray(scores, float) * sharpness + np.array(self.bias)
        return result

    def sharpness(self, few: npt.ArrayLike = 0.0) -> Floats:
        """Return the inverse temperature at a `fewness`, of its shape."""
        return self.inverse_temperature * np.exp(self.slope * np.asarray(few, float))


def fewness(n_calcifications: npt.ArrayLike) -> Floats:
    """Return ``log(FEW / n)`` where a cluster has fewer than `FEW` calcifications, else 0.

    Examples
    --------
    >>> fewness([4, 11, 50]).round(2)
    array([1.01, 0.  , 0.  ])
    """
    result: Floats = np.log(FEW / np.clip(np.asarray(n_calcifications, float), 1, FEW))
    return result


def softmax(scores: npt.ArrayLike) -> Floats:
    """Return the softmax of each row; a row that holds NaN is all NaN."""
    rows = np.ascontiguousarray(scores, dtype=float)
    shares = np.empty(rows.shape)
    _fill_softmax(rows, shares)
    return shares


# Compiled: NumPy's six steps take as long for a single row as walking hundreds of trees does.
@kernel
def _fill_softmax(scores, shares):
    """Write exp(score) over its sum per row, the greatest score subtracted first so that none overflows."""
    n_rows, n_classes = scores.shape
    for row in range(n_rows):
        greatest, total = scores[row, 0], 0.0
        for k in range(1, n_classes):
            greatest = max(greatest, scores[row, k])
        for k in range(n_classes):
            shares[row, k] = math.exp(scores[row, k] - greatest)
            total += shares[row, k]
        for k in range(n_classes):
            shares[row, k] /= total


def log_probabilities(probabilities: npt.ArrayLike) -> Floats:
    """Return logarithms that are finite for a probability of 0 too."""
    result: Floats = np.log(np.maximum(np.asarray(probabilities, float), _SMALLEST))
    return result


def fit_scaling(
    scores: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    few: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> Scaling:
    """Fit a `Scaling` to held-out clusters by maximum likelihood.

    Parameters
    ----------
    scores : array_like, shape (R, K)
        Logits or log-probabilities.
    truth : array_like of int, shape (R,)
        Column of the true class.
    few : array_like, shape (R,), optional
        `fewness` of each cluster. Default: the temperature depends on nothing.
    weights : array_like, shape (R,), optional

    Returns
    -------
    Scaling

    Notes
    -----
    A ridge of 0.001 on the logarithm of the inverse temperature, its slope and the biases keeps the
    fit finite where a class is absent or every cluster is read rightly.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 2000)
    >>> sure_of_it = 6.0 * np.eye(2)[np.where(rng.random(2000) < 0.8, truth, 1 - truth)]
    >>> fit_scaling(sure_of_it, truth)([[6.0, 0.0]]).round(1)
    array([[0.8, 0.2]])
    """
    from scipy.optimize import minimize

    logits = np.asarray(scores, float)
    classes = np.asarray(truth, int)
    n_rows, n_classes = logits.shape
    if n_rows == 0:
        return Scaling.identity(n_classes)
    weight = np.ones(n_rows) if weights is None else np.asarray(weights, float)
    weight = weight / weight.sum()
    hit = np.eye(n_classes)[classes]
    little = np.zeros(n_rows) if few is None else np.asarray(few, float)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        sharpness, bias = np.exp(parameters[0] + parameters[1] * little), parameters[2:]
        p = softmax(logits * sharpness[:, None] + bias)
        excess = weight[:, None] * (p - hit)
        steep = (excess * logits).sum(axis=1) * sharpness
        gradient = np.concatenate([[steep.sum(), (steep * little).sum()], excess.sum(axis=0)])
        likelihood = -(weight * log_probabilities(p)[np.arange(n_rows), classes]).sum()
        return likelihood + _RIDGE * (parameters**2).sum(), gradient + 2 * _RIDGE * parameters

    best = minimize(loss, np.zeros(n_classes + 2), jac=True, method="L-BFGS-B").x
    return Scaling(float(np.exp(best[0])), tuple(float(b) for b in best[2:]), float(best[1]))


@dataclass(frozen=True)
class CalibrationCurve:
    """What was said against what came true, by bin.

    Attributes
    ----------
    confidence, accuracy : ndarray of float64, shape (B,)
        Mean probability said, and share that came true, in each bin.
    count : ndarray of int64, shape (B,)
    """

    confidence: Floats
    accuracy: Floats
    count: npt.NDArray[np.int64]

    @property
    def error(self) -> float:
        """Mean gap between the two, weighted by the bins' counts; NaN without a case."""
        total = self.count.sum()
        if total == 0:
            return float("nan")
        return float((np.abs(self.confidence - self.accuracy) * self.count).sum() / total)

    def to_dict(self) -> dict[str, Any]:
        """Return lists, for JSON."""
        return {name: value.tolist() for name, value in vars(self).items()}


def calibration_curve(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, *, n_bins: int = N_BINS
) -> CalibrationCurve:
    """Bin probabilities in bins of equal mass.

    Parameters
    ----------
    confidence : array_like, shape (R,)
        Probability said, in [0, 1].
    correct : array_like of bool, shape (R,)
        Whether it came true.
    n_bins : int
        At most this many; equal probabilities share a bin, so there may be fewer.

    Examples
    --------
    >>> calibration_curve([0.5, 0.5, 0.9, 0.9], [1, 0, 1, 1], n_bins=2).accuracy
    array([0.5, 1. ])
    """
    said, right = np.asarray(confidence, float), np.asarray(correct, float)
    # Ranked by the number of smaller values, equal probabilities share a bin.
    rank = np.searchsorted(np.sort(said), said, side="left")
    bin_of = rank * n_bins // max(said.size, 1)
    count = np.bincount(bin_of, minlength=n_bins)
    used = count > 0
    sums = [np.bincount(bin_of, weights=x, minlength=n_bins)[used] for x in (said, right)]
    return CalibrationCurve(sums[0] / count[used], sums[1] / count[used], count[used])


def top_label_curve(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike, *, n_bins: int = N_BINS
) -> CalibrationCurve:
    """Bin the probability of the most probable class; rows of NaN are left out."""
    p, classes = _known(probabilities, truth)
    return calibration_curve(p.max(axis=1, initial=0), p.argmax(axis=1) == classes, n_bins=n_bins)


def expected_calibration_error(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike, *, n_bins: int = N_BINS
) -> float:
    """Return the expected calibration error of the top label.

    Parameters
    ----------
    probabilities : array_like, shape (R, K)
        A row of NaN is left out.
    truth : array_like of int, shape (R,)
        Column of the true class.
    n_bins : int
        Bins of equal mass (equal numbers of clusters).

    Returns
    -------
    float
        In [0, 1]; NaN without a row.

    Notes
    -----
    ``sum_b n_b / n * |accuracy_b - confidence_b|`` (Guo et al. 2017, equation 3), with bins of
    equal mass in place of equal width (Nguyen and O'Connor 2015), which do not hide errors
    among the many clusters read with near certainty. Even perfect probabilities show an error
    of the order of ``sqrt(n_bins / n) / 4``.

    Examples
    --------
    >>> round(expected_calibration_error([[0.9, 0.1]] * 10, [0] * 8 + [1] * 2), 3)
    0.1
    """
    return top_label_curve(probabilities, truth, n_bins=n_bins).error


def classwise_calibration_error(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike, *, n_bins: int = N_BINS
) -> float:
    """Return the mean over classes of the calibration error of that class's probability.

    Stricter than the top-label error: it also sees small probabilities that are wrong (Kull
    et al. 2019). Parameters as for `expected_calibration_error`.
    """
    p, classes = _known(probabilities, truth)
    errors = [
        calibration_curve(p[:, k], classes == k, n_bins=n_bins).error for k in range(p.shape[1])
    ]
    return float(np.mean(errors))


def _known(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[np.int64]]:
    p, classes = np.asarray(probabilities, float), np.asarray(truth, np.int64)
    known = np.isfinite(p).all(axis=1)
    return p[known], classes[known]


COVERAGE = 0.95
"""Default coverage of the sets."""

N_FOLDS = 5
"""Parts of the held-out clusters: each gets its scores from a calibration fitted to the others."""


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
        # Rounded, as 0.9 x 10 must be 9 and not a hair more.
        rank = np.ceil(np.round((self.counts + 1) * coverage, 9)).astype(np.int64)
        enough = rank <= self.counts
        first = np.cumsum(self.counts) - self.counts
        limits = np.full(len(self.counts), np.inf)
        limits[enough] = self.scores[(first + np.maximum(rank, 1) - 1)[enough]]
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
