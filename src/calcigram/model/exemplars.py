"""`Exemplars`: a few hundred labelled training clusters that a model keeps to explain itself.

They play no part in any reading: a new cluster is compared with them, and they tell in which proportion
ordinary clusters pass each node of a tree.

`mark_shifts` compares the marks of a set of clusters with theirs. Another detector or another X-ray unit
gives other diameters, outlines and contrasts, and a model reads morphologies by them; no label is needed
to see it, as the medians over the clusters of each set are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.lexicon import AXES, MORPHOLOGIES
from calcigram.model.forest import Forest
from calcigram.model.labels import Labelled

if TYPE_CHECKING:
    from calcigram.features.extract import Features
    from calcigram.model.reader import Model

N_EXEMPLARS = 600
"""Enough for a dozen of each common pattern; about 0.2 MB in the model file."""


_COUNT = FEATURE_NAMES.index("n_calcifications")

MAX_EXEMPLARS = 20_000
"""Comparing a cluster with more would take too much memory."""


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Features and labels of R training clusters.

    Attributes
    ----------
    values : ndarray of float32, shape (R, F)
    distribution, morphology : ndarray of int8, shape (R,)
        Indices of `lexicon.DISTRIBUTIONS` and `lexicon.MORPHOLOGIES`; -1 where not labelled.
    names : tuple of str
        Their ids, where the training kept them.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("values", "distribution", "morphology")

    values: npt.NDArray[np.float32]
    distribution: npt.NDArray[np.int8]
    morphology: npt.NDArray[np.int8]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.names)
        is_matrix = self.values.ndim == 2 and len(self.values) == n
        if not is_matrix or self.values.dtype != np.float32:
            raise ValueError("exemplars: features of another shape or type")
        if n > MAX_EXEMPLARS or np.isinf(self.values).any():
            raise ValueError(f"exemplars: {n} of at most {MAX_EXEMPLARS}, or infinite features")
        if np.isnan(self.values[:, _COUNT]).any():
            raise ValueError("exemplars: clusters without a number of calcifications")
        for axis in AXES.values():
            codes = self.codes(axis.name)
            if codes.shape != (n,) or codes.dtype != np.int8:
                raise ValueError("exemplars: labels of another shape or type")
            if n and not (codes.min() >= -1 and codes.max() < len(axis.words)):
                raise ValueError("exemplars: a label that does not exist")

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def choose(cls, labelled: Labelled, *, n: int = N_EXEMPLARS, seed: int = 0) -> Exemplars:
        """Choose exemplars at random, every pair of labels in turn, so that rare ones are there.

        Parameters
        ----------
        labelled : Labelled
        n : int
            At most so many.
        seed : int
        """
        d, m = labelled.codes("distribution"), labelled.codes("morphology")
        order = np.random.default_rng(seed).permutation(len(d))
        order = order[(d[order] >= 0) | (m[order] >= 0)]
        pair = d[order] * len(MORPHOLOGIES) + m[order]
        turn = np.zeros(len(order), np.int64)
        for code in np.unique(pair):
            rows = pair == code
            turn[rows] = np.arange(rows.sum())
        chosen = np.sort(order[np.argsort(turn, kind="stable")[:n]])
        part = labelled.features[chosen]
        names = tuple(str(name) for name in part.cluster_id)
        return cls(np.ascontiguousarray(part.values), d[chosen], m[chosen], names)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, each as one row: what a model file holds."""
        return {name: getattr(self, name).ravel() for name in self.ARRAYS}

    def codes(self, axis: str) -> npt.NDArray[np.int8]:
        """Return the labels of one axis."""
        codes: npt.NDArray[np.int8] = getattr(self, axis)
        return codes


def shared_leaves(
    forest: Forest, values: npt.NDArray[np.float32], exemplars: Exemplars
) -> npt.NDArray[np.float64]:
    """Return in which share of the trees each row ends in the same leaf as each exemplar.

    Parameters
    ----------
    forest : Forest
    values : ndarray of float32, shape (R, F)
    exemplars : Exemplars
        E of them.

    Returns
    -------
    ndarray of float64, shape (R, E)
        A likeness as the forest sees it, which asks for no scale and no complete features
        (Breiman 2001; Tan et al. 2020, "Tree space prototypes").
    """
    from calcigram.model.scoring import leaf_of

    ours, theirs = leaf_of(forest, values), leaf_of(forest, exemplars.values)
    return np.stack([(theirs == row).mean(axis=1) for row in ours])


MARKS: dict[str, str] = {
    "diameter_median_mm": "diameter (mm)",
    "aspect_median": "aspect ratio",
    "solidity_median": "solidity",
    "cnr_median": "contrast-to-noise ratio",
}
"""Features compared, and the mark that each is the median of over a cluster."""

LARGE = 0.35
"""From this distance on a shift is large: the generators for development reach 0.32, sets of a single
morphology 0.1 to 0.7, and marks three times as large as in the training 0.4 to 1."""

MIN_CLUSTERS = 30
"""A mark known in fewer clusters is not compared."""


@dataclass(frozen=True)
class MarkShift:
    """One mark of a set of clusters against the training.

    Attributes
    ----------
    mark : str
        A value of `MARKS`.
    clusters : int
        Of the set, with this mark.
    median, trained_median : float
        Over clusters of the set, and over training clusters.
    distance : float
        Kolmogorov-Smirnov: the greatest difference of the two cumulative shares, 0 to 1.
    """

    mark: str
    clusters: int
    median: float
    trained_median: float
    distance: float

    @property
    def is_large(self) -> bool:
        """Whether the distance reaches `LARGE`."""
        return self.distance >= LARGE

    def __str__(self) -> str:
        return (
            f"{self.mark} {self.median:.3g}, in training {self.trained_median:.3g} "
            f"(distance {self.distance:.2f})"
        )


def mark_shifts(model: Model, features: Features) -> list[MarkShift]:
    """Compare the marks of clusters with those of the model's training clusters.

    Parameters
    ----------
    model : Model
    features : Features

    Returns
    -------
    list of MarkShift
        In the order of `MARKS`; without those known in fewer than `MIN_CLUSTERS` clusters of either,
        and empty where the model keeps no training clusters.
    """
    found: list[MarkShift] = []
    exemplars = getattr(model, "exemplars", None)  # a reader of the user's own has none
    if exemplars is None:
        return found
    for name, mark in MARKS.items():
        given = features.column(name)
        trained = exemplars.values[:, features.names.index(name)]
        given, trained = given[np.isfinite(given)], trained[np.isfinite(trained)]
        if min(len(given), len(trained)) < MIN_CLUSTERS:
            continue
        medians = float(np.median(given)), float(np.median(trained))
        found.append(MarkShift(mark, len(given), *medians, _distance(given, trained)))
    return found


def _distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    at = np.concatenate([one, other])
    shares = [np.searchsorted(np.sort(x), at, "right") / len(x) for x in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def shift_notice(shifts: list[MarkShift]) -> str:
    """Return one sentence on the large shifts, and what to do; empty where none is large.

    Examples
    --------
    >>> print(shift_notice([MarkShift("solidity", 40, 0.5, 0.9, 0.8)]))
    These clusters differ from the training in: solidity 0.5, in training 0.9 (distance 0.80). Another
    detector or another mix of forms does that, and forms may be misread; `calcigram train --start-from
    default` adapts the model to some hundred labelled clusters.
    """
    large = [str(shift) for shift in shifts if shift.is_large]
    if not large:
        return ""
    return (
        f"These clusters differ from the training in: {'; '.join(large)}. Another detector or another "
        "mix of forms does that, and forms may be misread; `calcigram train --start-from default` "
        "adapts the model to some hundred labelled clusters."
    )
