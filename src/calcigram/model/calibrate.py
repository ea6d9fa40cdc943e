"""Calibration: make a probability of 0.8 right eight times in ten, and measure how nearly it is.

`Scaling` is vector scaling with one temperature: log-probabilities are multiplied by one
number and shifted by one number a class; where calcifications are few, the one number depends on how
few. It keeps most of the order of the classes and has
so few parameters that some hundred held-out clusters fit it. The errors below judge any
probabilities, whoever made them.

Sources: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), for temperature
and vector scaling; Nguyen and O'Connor (EMNLP 2015) for bins of equal mass; Kull et al.
(NeurIPS 2019) for the classwise error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.kernelcache import plain_kernel

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
        One a class.
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
        return np.asarray(scores, float) * sharpness + np.array(self.bias)

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
    return np.log(FEW / np.clip(np.asarray(n_calcifications, float), 1, FEW))


def softmax(scores: npt.ArrayLike) -> Floats:
    """Return the softmax of each row; a row that holds NaN is all NaN."""
    rows = np.ascontiguousarray(scores, dtype=float)
    shares = np.empty(rows.shape)
    _fill_softmax(rows, shares)
    return shares


# Compiled: NumPy's six steps take as long for a single row as walking hundreds of trees does.
@plain_kernel
def _fill_softmax(scores, shares):  # type: ignore[no-untyped-def]
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
    return np.log(np.maximum(np.asarray(probabilities, float), _SMALLEST))


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
