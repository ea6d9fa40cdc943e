"""`Exemplars`: a few hundred labelled training clusters that a model keeps to explain itself.

They play no part in any reading: they are what a new cluster is compared with, and tell in which
proportion ordinary clusters pass each node of a tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.model.forest import Forest
from calcigram.model.labels import Labelled

N_EXEMPLARS = 600
"""Enough for a dozen of each common pattern; about 0.2 MB in the model file."""


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
        for codes, words in ((self.distribution, DISTRIBUTIONS), (self.morphology, MORPHOLOGIES)):
            if codes.shape != (n,) or codes.dtype != np.int8:
                raise ValueError("exemplars: labels of another shape or type")
            if n and not (codes.min() >= -1 and codes.max() < len(words)):
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
        return self.distribution if axis == "distribution" else self.morphology


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
