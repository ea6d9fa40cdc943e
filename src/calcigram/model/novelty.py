"""Novelty: how unlike the training clusters of every distribution a cluster's geometry is.

It uses the features that rest on positions alone, so that it means the same whatever marks are known.
It detects that a pattern is unlike the training, not why; what has a name (a grid, a ring, another unit)
is found by `calcigram.oddities`.

Each feature is first compared with training clusters of about the same number of calcifications
(a normal score between their quantiles, extended beyond the outermost), then the row with each
distribution's mean and covariance. Sources: Mahalanobis 1936; Lee et al. (NeurIPS 2018) for the
least of the class-conditional distances; rank-based scores after van der Waerden 1952.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel
from calcigram.features.catalogue import CATALOGUE, FEATURE_NAMES
from calcigram.lexicon import DISTRIBUTIONS, MIN_CALCIFICATIONS

if TYPE_CHECKING:
    from calcigram.features.extract import Features

FALSE_ALARMS = 0.003
"""Share of held-out clusters called unlike the training: those of greatest distance. What
`calcigram.oddities` finds besides makes it 1 % in all."""

PROBABILITIES = np.array([0.002, 0.01, *np.linspace(0.03, 0.97, 29), 0.99, 0.998])
"""Quantiles kept of each feature, among clusters of about the same number of calcifications."""

_SCORES = np.array([NormalDist().inv_cdf(p) for p in PROBABILITIES])
_N_KNOTS = len(PROBABILITIES)
_MAX_SCORE = 6.0
_MAX_BINS = 8
_ROWS_A_BIN = 200
_RIDGE = 0.02  # variance granted to every direction: tests of exactness belong to `oddities`
_PRIOR_ROWS = 200.0  # weight of the pooled covariance in that of a class
_KEPT_DISTANCES = 4001
_MOST_UNKNOWN = 0.5  # share of the features that clusters of few calcifications may lack
_MAX_VALUE = 1e12  # what is kept is far below; squares must stay finite

_COUNT = FEATURE_NAMES.index("n_calcifications")

Float32 = npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def position_columns() -> npt.NDArray[np.int64]:
    """Return the columns of the features that need no mark but positions."""
    return np.flatnonzero([not spec.needs for spec in CATALOGUE])


@kernel(fast=True)
def _normal_scores(values, columns, edges, knots, scores, limit, out):
    """Write the normal score of each chosen feature; 0 where it is missing."""
    n_knots = scores.shape[0]
    for row in range(values.shape[0]):
        count = values[row, columns[0]]
        bin_ = 0
        for edge in edges:
            if count >= edge:
                bin_ += 1
        for f in range(columns.shape[0]):
            x = values[row, columns[f]]
            at = knots[bin_, f]
            out[row, f] = 0.0
            if not np.isfinite(x) or not np.isfinite(at[0]):
                continue
            low = high = 0
            for k in range(n_knots):  # counting all is faster than stopping in time
                low += at[k] < x
                high += at[k] <= x
            if high > low:  # on one knot or several: their middle
                score = 0.5 * (scores[low] + scores[high - 1])
            elif 0 < low < n_knots:
                share = (x - at[low - 1]) / (at[low] - at[low - 1])
                score = scores[low - 1] + share * (scores[low] - scores[low - 1])
            else:
                beyond = 0 if low == 0 else n_knots - 1
                span = max(at[n_knots - 2] - at[1], 1e-9) / (scores[n_knots - 2] - scores[1])
                score = scores[beyond] + (x - at[beyond]) / span
            out[row, f] = min(max(score, -limit), limit)


@dataclass(frozen=True, eq=False)
class Novelty:
    """What is kept of the training clusters to tell the unlike; P features, G classes, B bins.

    Attributes
    ----------
    edges : ndarray of float32, shape (B - 1,)
        Numbers of calcifications at which the next bin begins.
    knots : ndarray of float32, shape (B * P * 33,)
        Quantiles of each feature in each bin, at `PROBABILITIES`; NaN where it has none.
    means : ndarray of float32, shape (G * P,)
        Of the normal scores of each class.
    whitenings : ndarray of float32, shape (G * P * P,)
        What makes the scores of a class, less its mean, uncorrelated with variance 1.
    held_out : ndarray of float32, shape (R,)
        Distances of held-out clusters, rising: quantiles of them, evenly spaced.
    """

    edges: Float32
    knots: Float32
    means: Float32
    whitenings: Float32
    held_out: Float32

    def __post_init__(self) -> None:
        n = len(position_columns())
        n_classes = len(self.means) // n
        expected = {
            "knots": (len(self.edges) + 1) * n * _N_KNOTS,
            "means": n_classes * n,
            "whitenings": n_classes * n * n,
        }
        for name, array in vars(self).items():
            if array.dtype != np.float32 or array.ndim != 1:
                raise ValueError(f"novelty {name}: not a row of float32")
            if len(array) != expected.get(name, len(array)):
                raise ValueError(f"novelty {name}: {len(array)} values")
            known = array[np.isfinite(array)]
            if (len(known) < len(array) and name != "knots") or (np.abs(known) > _MAX_VALUE).any():
                raise ValueError(f"novelty {name}: not within {_MAX_VALUE:g} of 0")
        if n_classes > len(DISTRIBUTIONS) or len(self.edges) > _MAX_BINS:
            raise ValueError(f"novelty of {n_classes} classes in {len(self.edges) + 1} bins")
        if (np.diff(self.edges) <= 0).any():
            raise ValueError("novelty edges that do not rise")
        if n_classes < 1 or len(self.held_out) < 1 or (np.diff(self.held_out) < 0).any():
            raise ValueError("novelty without distances of held-out clusters, rising")
        knots = self.knots.reshape(-1, _N_KNOTS)
        missing = np.isnan(knots)
        if (np.diff(knots) < 0).any() or np.isinf(knots).any():
            raise ValueError("novelty knots that fall or are infinite")
        if (missing.any(axis=1) != missing.all(axis=1)).any():
            raise ValueError("novelty knots of which some are missing")
        unknown = missing.all(axis=1).reshape(len(self.edges) + 1, n)
        if unknown[:, 0].any() or (unknown.mean(axis=1) > _MOST_UNKNOWN).any():
            raise ValueError("novelty knots that are missing where training clusters have values")

    @classmethod
    def fit(cls, training: Features, codes: npt.ArrayLike, held_out: Features) -> Novelty:
        """Keep what `distance` needs of training clusters, and the distances of held-out ones.

        Parameters
        ----------
        training : Features
        codes : array_like of int
            Class of each, the distribution it bears; -1 for those that are left out.
        held_out : Features
            Clusters on which nothing was fitted.
        """
        classes = np.asarray(codes)
        used = (classes >= 0) & (training.n_calcifications >= MIN_CALCIFICATIONS)
        values, classes = training.values[used], classes[used]
        count = values[:, _COUNT]
        n_bins = int(np.clip(len(values) // _ROWS_A_BIN, 1, _MAX_BINS))
        edges = np.unique(np.quantile(count, np.arange(1, n_bins) / n_bins)).astype(np.float32)
        knots = _knots(values[:, position_columns()], np.searchsorted(edges, count, "right"))
        scores = _scores(values, edges, knots)
        means, whitenings = _class_shapes(scores, classes)
        start = cls(edges, knots, means, whitenings, np.zeros(1, np.float32))
        distances = start.distance(held_out)
        distances = distances[np.isfinite(distances)]
        kept = np.linspace(0, 1, min(_KEPT_DISTANCES, len(distances)))
        return cls(edges, knots, means, whitenings, np.quantile(distances, kept).astype(np.float32))

    def distance(self, features: Features) -> Float32:
        """Return the least distance to a class, float32, shape (C,); NaN below 3 calcifications.

        The root of the mean square of the whitened scores: about 1 for an ordinary cluster.
        """
        scores = _scores(features.values, self.edges, self.knots)
        n = scores.shape[1]
        nearest = np.full(len(scores), np.inf, np.float32)
        shapes = self.whitenings.reshape(-1, n, n)
        for mean, whitening in zip(self.means.reshape(-1, n), shapes, strict=True):
            apart = (scores - mean) @ whitening
            np.minimum(nearest, np.einsum("rf,rf->r", apart, apart), out=nearest)
        nearest[~(features.values[:, _COUNT] >= MIN_CALCIFICATIONS)] = np.nan
        result: Float32 = np.sqrt(nearest / np.float32(n))
        return result

    def __call__(self, features: Features) -> Float32:
        """Return the share of held-out clusters that lie nearer, float32, shape (C,)."""
        distance = self.distance(features)
        n = len(self.held_out)
        rank = np.searchsorted(self.held_out, distance) / np.float32(n + 1)
        return np.where(np.isnan(distance), np.float32(np.nan), rank).astype(np.float32)

    def is_alarm(self, novelty: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return where a novelty is among the `FALSE_ALARMS` greatest of held-out clusters."""
        return np.asarray(np.asarray(novelty) > 1 - FALSE_ALARMS)


def _scores(values: Float32, edges: Float32, knots: Float32) -> Float32:
    columns = position_columns()
    out = np.empty((len(values), len(columns)), np.float32)
    shaped: Any = knots.reshape(len(edges) + 1, len(columns), _N_KNOTS)
    _normal_scores(
        np.ascontiguousarray(values), columns, edges, shaped, _SCORES.astype(np.float32),
        np.float32(_MAX_SCORE), out,
    )  # fmt: skip
    return out


def _knots(values: Float32, bins: npt.NDArray[np.int64]) -> Float32:
    knots = np.full((bins.max(initial=0) + 1, values.shape[1], _N_KNOTS), np.nan, np.float32)
    for bin_ in range(len(knots)):
        for f, column in enumerate(values[bins == bin_].T):
            known = column[np.isfinite(column)]
            if len(known):
                knots[bin_, f] = np.quantile(known, PROBABILITIES)
    return np.maximum.accumulate(knots, axis=2).ravel()


def _class_shapes(scores: Float32, classes: npt.NDArray[Any]) -> tuple[Float32, Float32]:
    """Return each class's mean and whitening, its covariance drawn towards the pooled one."""
    means, whitenings = [], []
    present = np.unique(classes)
    centred = (
        scores
        - np.stack([scores[classes == c].mean(axis=0) for c in present])[
            np.searchsorted(present, classes)
        ]
    )
    pooled = centred.T @ centred / len(centred)
    for c in present:
        own = centred[classes == c]
        weight = _PRIOR_ROWS / (_PRIOR_ROWS + len(own))
        covariance = weight * pooled + (1 - weight) * (own.T @ own / len(own))
        variances, directions = np.linalg.eigh(covariance.astype(np.float64))
        whitenings.append(directions / np.sqrt(np.maximum(variances, 0) + _RIDGE))
        means.append(scores[classes == c].mean(axis=0))
    return np.concatenate(means).astype(np.float32), np.concatenate(whitenings).astype(
        np.float32
    ).ravel()
