"""`AxisScores`: how well one axis (distribution, morphology or concern) was read, in numbers.

Pure counting on label codes; which clusters count, and under which name, is decided by
`evaluation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.crosscheck import Kappa, cohen_kappa
from calcigram.model.calibrate import (
    CalibrationCurve,
    classwise_calibration_error,
    top_label_curve,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AxisScores:
    """Scores of one axis over n clusters of known truth.

    Attributes
    ----------
    labels : tuple of str
        The K words; rows of `confusion`, in order.
    read_as : tuple of str
        What could be read: the words, then the statuses; columns of `confusion`.
    confusion : ndarray of int64, shape (K, K + statuses)
    precision, recall, f1 : ndarray of float64, shape (K,)
        NaN for a word that is never true; precision 0 for one that is never read.
    support : ndarray of int64, shape (K,)
    curve : CalibrationCurve or None
        Of the top label; None where the reader gives no probabilities.
    classwise_calibration_error : float
        NaN without probabilities.
    kappa : calcigram.crosscheck.Kappa
        Cohen's kappa against the truth, with its bootstrap interval.
    """

    labels: tuple[str, ...]
    read_as: tuple[str, ...]
    confusion: npt.NDArray[np.int64]
    precision: Floats
    recall: Floats
    f1: Floats
    support: npt.NDArray[np.int64]
    curve: CalibrationCurve | None
    classwise_calibration_error: float
    kappa: Kappa

    @property
    def n(self) -> int:
        """Number of clusters."""
        return int(self.support.sum())

    @property
    def accuracy(self) -> float:
        """Share of clusters read rightly; a status is never right."""
        k = len(self.labels)
        return float(np.trace(self.confusion[:, :k]) / self.n) if self.n else float("nan")

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the words that are true of some cluster."""
        present = self.f1[self.support > 0]
        return float(present.mean()) if present.size else float("nan")

    @property
    def unread_share(self) -> float:
        """Share of clusters to which the reader gave a status instead of a word."""
        k = len(self.labels)
        return float(self.confusion[:, k:].sum() / self.n) if self.n else float("nan")

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the top label; NaN without probabilities."""
        return float("nan") if self.curve is None else self.curve.error

    def summary(self) -> dict[str, float]:
        """Return the single numbers by name."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "unread_share": self.unread_share,
            "calibration_error": self.calibration_error,
            "classwise_calibration_error": self.classwise_calibration_error,
            "kappa": self.kappa.kappa,
            "kappa_low": self.kappa.low,
            "kappa_high": self.kappa.high,
        }

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return precision, recall, F1 and support of each word."""
        return {
            label: {
                "precision": float(self.precision[k]),
                "recall": float(self.recall[k]),
                "f1": float(self.f1[k]),
                "support": int(self.support[k]),
            }
            for k, label in enumerate(self.labels)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values JSON knows, but for NaN."""
        return {
            **self.summary(),
            "per_class": self.per_class(),
            "confusion": {
                "truth": list(self.labels),
                "read_as": list(self.read_as),
                "counts": self.confusion.tolist(),
            },
            "calibration_curve": None if self.curve is None else self.curve.to_dict(),
        }


def score_axis(
    truth: npt.ArrayLike,
    codes: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    labels: tuple[str, ...],
    read_as: tuple[str, ...],
    *,
    groups: npt.ArrayLike | None = None,
    n_boot: int = 200,
) -> AxisScores:
    """Score one axis.

    Parameters
    ----------
    truth : array_like of int, shape (C,)
        Places in `labels`.
    codes : array_like of int, shape (C,)
        What was read, places in `read_as`.
    probabilities : array_like, shape (C, K)
        Rows of NaN where a status was read, or the reader gives none.
    labels, read_as : tuple of str
        `read_as` begins with `labels`.
    groups : array_like, shape (C,), optional
        Patients, resampled whole for kappa's interval.
    n_boot : int
        Resamples for that interval.

    Notes
    -----
    A status counts as a miss of the true word. Macro-F1 is the mean over words that are true
    of some cluster (Opitz and Burst 2019, "averaged F1").

    Examples
    --------
    >>> scores = score_axis([0, 0, 1], [0, 1, 2], np.full((3, 2), np.nan), ("a", "b"), ("a", "b", "unread"))
    >>> scores.recall, round(scores.macro_f1, 3), round(scores.unread_share, 3)
    (array([0.5, 0. ]), 0.333, 0.333)
    """
    true, read = np.asarray(truth, np.int64), np.asarray(codes, np.int64)
    p = np.asarray(probabilities, float)
    k = len(labels)
    confusion = np.zeros((k, len(read_as)), np.int64)
    np.add.at(confusion, (true, read), 1)
    hits = np.diag(confusion).astype(float)
    support, called = confusion.sum(axis=1), confusion[:, :k].sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / support
        precision = np.where(called > 0, hits / called, 0.0)
        f1 = 2 * hits / (support + called)
    precision[support == 0] = f1[support == 0] = np.nan
    has_p = np.isfinite(p).all(axis=1)
    return AxisScores(
        labels,
        read_as,
        confusion,
        precision,
        recall,
        f1,
        support,
        top_label_curve(p, true) if has_p.any() else None,
        classwise_calibration_error(p, true) if has_p.any() else float("nan"),
        cohen_kappa(true, read, groups=groups, n_boot=n_boot),
    )
