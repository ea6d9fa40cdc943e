"""Labelled clusters: the truth in `ClusterSet.meta`, what cannot be learnt, and copies that lack something.

The catalogue says which marks each feature needs, so forgetting a mark is setting the features that need it to
NaN. Clusters that lack calcifications are measured again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.lexicon import AXES, DISTRIBUTIONS, STATUSES, Distribution
from calcigram.model.head import columns_resting_on, is_readable

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features

Codes = npt.NDArray[np.int8]

MIN_CLUSTERS_A_CLASS = 10
"""A class with fewer clusters that can be read is refused: it is neither fitted nor
calibrated soundly."""


def label_codes(clusters: ClusterSet, axis: str) -> Codes:
    """Return the true labels of one axis.

    Parameters
    ----------
    clusters : ClusterSet
        With ``true_<axis>`` in ``meta``, or without.
    axis : {"distribution", "morphology"}

    Returns
    -------
    ndarray of int8, shape (C,)
        Places in `lexicon.DISTRIBUTIONS` or `lexicon.MORPHOLOGIES`; -1 where the label is
        missing, empty or a status.

    Raises
    ------
    BadInputError
        A label is no word of the axis.
    """
    column = f"true_{axis}"
    if column not in clusters.meta:
        return np.full(len(clusters), -1, np.int8)
    codes = {str(word): code for code, word in enumerate(AXES[axis].words)}
    codes |= dict.fromkeys(["", *map(str, STATUSES)], -1)
    given = clusters.meta[column]
    words = given.astype(object).where(given.notna(), "")
    labels = words.map(codes)
    unknown = labels.isna().to_numpy()
    if unknown.any():
        row = int(unknown.argmax())
        raise BadInputError(
            f"one of {', '.join(AXES[axis].words)}, or nothing",
            column=column,
            cluster_id=clusters.cluster_id[row],
            value=words.iloc[row],
        )
    return np.asarray(labels, dtype=np.int8)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Features of C clusters with the codes of their true labels, -1 where there is none."""

    features: Features
    distribution: Codes
    morphology: Codes

    @classmethod
    def of(cls, clusters: ClusterSet, features: Features) -> Labelled:
        """Make it of clusters and their features; see `label_codes` for what is refused."""
        return cls(features, *(label_codes(clusters, axis) for axis in AXES))

    def __getitem__(self, rows: npt.NDArray[Any]) -> Labelled:
        return Labelled(self.features[rows], self.distribution[rows], self.morphology[rows])

    def joined(self, other: Labelled) -> Labelled:
        """Return these and other clusters."""
        from calcigram.features.extract import Features

        return Labelled(
            Features.concat([self.features, other.features]),
            np.concatenate([self.distribution, other.distribution]),
            np.concatenate([self.morphology, other.morphology]),
        )

    def without_rare(self) -> Labelled:
        """Return these without the labels of which there are fewer than `MIN_CLUSTERS_A_CLASS`.

        Warns
        -----
        UserWarning
            Names the words left out, and how many clusters bear them.
        """
        kept: dict[str, Any] = {}
        for axis in AXES:
            codes = self.codes(axis)
            counts = np.bincount(codes[codes >= 0], minlength=len(AXES[axis].words))
            rare = np.flatnonzero((counts > 0) & (counts < MIN_CLUSTERS_A_CLASS))
            kept[axis] = np.where(np.isin(codes, rare), -1, getattr(self, axis)).astype(np.int8)
            if rare.size:
                words = ", ".join(f"{AXES[axis].words[k]} ({counts[k]})" for k in rare)
                warnings.warn(f"true_{axis}: left out as rare: {words}", stacklevel=3)
        return replace(self, **kept)

    def codes(self, axis: str) -> Codes:
        """Return the labels of clusters whose `axis` can be read at all; -1 for the others."""
        return np.where(is_readable(self.features, axis), getattr(self, axis), -1).astype(np.int8)


def axes_to_learn(labelled: Labelled) -> list[str]:
    """Return the axes that have labels, each checked by `check_classes`.

    Raises
    ------
    BadInputError
        None has.

    Warns
    -----
    UserWarning
        One has none: a model trained so never reads it.
    """
    axes = [axis for axis in AXES if (labelled.codes(axis) >= 0).any()]
    if not axes:
        raise BadInputError(
            "labels of at least two classes, on clusters that can be read",
            column=" or ".join(f"true_{axis}" for axis in AXES),
        )
    for axis in axes:
        check_classes(labelled.codes(axis), axis)
    for axis in set(AXES) - set(axes):
        warnings.warn(
            f"no cluster that can be read has a label in true_{axis}: the model will not read that axis",
            stacklevel=3,
        )
    return axes


def check_classes(codes: Codes, axis: str) -> None:
    """Refuse an axis that cannot be learnt; warn of words that do not occur.

    Raises
    ------
    BadInputError
        Fewer than two classes, or a class of fewer than `MIN_CLUSTERS_A_CLASS` clusters.

    Warns
    -----
    UserWarning
        Words of the axis do not occur: a model trained so gives them probability 0.
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(AXES[axis].words))
    words, column = AXES[axis].words, f"true_{axis}"
    if (counts > 0).sum() < 2:
        raise BadInputError(
            "labels of at least two classes, on clusters that can be read",
            column=column,
            value=[str(words[k]) for k in np.flatnonzero(counts)],
        )
    few = (counts > 0) & (counts < MIN_CLUSTERS_A_CLASS)
    if few.any():
        raise BadInputError(
            f"at least {MIN_CLUSTERS_A_CLASS} clusters of each class that occurs; --drop-rare "
            "(drop_rare=True) leaves the labels of rarer ones out",
            column=column,
            value=f"{counts[few.argmax()]} of {words[int(few.argmax())]}",
        )
    absent = [str(words[k]) for k in np.flatnonzero(counts == 0)]
    if absent:
        warnings.warn(
            f"no cluster is labelled {', '.join(absent)}: the model will give probability 0 to that",
            stacklevel=3,
        )


def check_known_words(codes: Codes, axis: str, classes: tuple[int, ...]) -> None:
    """Refuse labels of words that a model does not know.

    Raises
    ------
    BadInputError
        A label is none of `classes`.
    """
    unknown = sorted({int(code) for code in codes} - {-1, *classes})
    if unknown:
        raise BadInputError(
            f"words that the model knows: {', '.join(AXES[axis].words[code] for code in classes)}",
            column=f"true_{axis}",
            value=str(AXES[axis].words[unknown[0]]),
        )


def hold_out(
    groups: npt.NDArray[np.int64], share: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Choose about `share` of the clusters, at least one, all of a group (patient) or none.

    Parameters
    ----------
    groups : ndarray of int64, shape (C,)
        Group of each cluster, from 0; see `group_codes`.
    share : float
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, shape (C,)
    """
    order = rng.permutation(groups.max(initial=-1) + 1)
    sizes = np.bincount(groups)[order] if groups.size else np.zeros(0, int)
    wanted = np.cumsum(sizes) <= max(round(share * len(groups)), 1)
    if not wanted.any():
        wanted[:1] = True
    chosen = np.zeros(len(order), bool)
    chosen[order[wanted]] = True
    return chosen[groups]


def group_codes(clusters: ClusterSet) -> npt.NDArray[np.int64]:
    """Return the group of each cluster from 0, shape (C,); without ``group_id`` one of its own."""
    alone = np.array([f"cluster {i}" for i in range(len(clusters))], dtype=object)
    if "group_id" in clusters.meta:
        given = clusters.meta["group_id"]
        known = given.notna().to_numpy()
        alone[known] = "group " + given[known].astype(str).to_numpy(object)
    return np.unique(alone.astype(str), return_inverse=True)[1].astype(np.int64)


_NIPPLE = ("nipple_x_mm", "nipple_y_mm")
_FRAME = (*_NIPPLE, "breast_area_mm2")
_OUTLINE = ("aspect_ratio", "orientation_deg", "solidity")
_FORM = ("diameter_mm", *_OUTLINE, "cnr")

ALL_MARKS: tuple[str, ...] = (*_FORM, *_FRAME)
"""All that a cluster may lack: positions alone are left."""

FORGOTTEN: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.28, ALL_MARKS),
    (0.09, _FORM),
    (0.15, _NIPPLE),
    (0.07, ("breast_area_mm2",)),
    (0.11, _FRAME),
    (0.07, ("cnr",)),
    (0.06, ("solidity",)),
    (0.06, _OUTLINE),
    (0.05, ("diameter_mm",)),
    (0.06, (*_OUTLINE, "cnr")),
)
"""Share of the training clusters' copies without some marks, and these marks."""

FEWER_SHARE = 0.3
"""Share of these copies that lack most calcifications as well, as from a detector that finds few."""

FEWER = (3, 14)
"""How many these keep, at least and at most, evenly in the logarithm."""

CUT_TO = (3, 10)
"""How many calcifications are left of clusters that are cut down for calibration, at least and at most."""

CUT_SHARE = 0.05
"""How many of these there are for each cluster that has so few by itself."""

BRANCHING_LEAST = 12
"""A branching cluster keeps so many at least: three arms of four calcifications, which still show."""


def hide_marks(features: Features, marks: Iterable[str]) -> Features:
    """Return the features as they are where `marks` are unknown.

    Examples
    --------
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features.extract import extract_features
    >>> features = extract_features(ClusterSet.from_arrays([0, 3], [0, 1, 0], [0, 0, 1], cnr=[5, 6, 7]))
    >>> hide_marks(features, ["cnr"]).column("cnr_median")
    array([nan], dtype=float32)
    """
    values = features.values.copy()
    values[:, columns_resting_on(tuple(marks), features.extra_needs)] = np.nan
    return replace(features, values=values)


def forgetful_copy(
    clusters: ClusterSet,
    labelled: Labelled,
    measure: Callable[[ClusterSet], Features],
    rng: np.random.Generator,
) -> Features:
    """Return the features of a copy of every cluster that lacks something.

    Parameters
    ----------
    clusters : ClusterSet
    labelled : Labelled
        Their features and labels.
    measure : callable
        Clusters to features.
    rng : numpy.random.Generator

    Returns
    -------
    Features
        Of each cluster without the marks of a pattern of `FORGOTTEN`; a share of `FEWER_SHARE` also
        lacks calcifications, where it has more than it is to keep.
    """
    features = labelled.features
    values, n = features.values.copy(), len(features)
    low, high = np.log(FEWER)
    kept = np.exp(rng.uniform(low, high, n)).round().astype(np.int64)
    branching = labelled.distribution == DISTRIBUTIONS.index(Distribution.BRANCHING)
    kept[branching] = rng.integers(BRANCHING_LEAST, FEWER[1] + 1, branching.sum())
    fewer = np.flatnonzero((rng.random(n) < FEWER_SHARE) & (clusters.n_calcifications > kept))
    values[fewer] = measure(clusters[fewer].thinned(kept[fewer], rng)).values
    chosen = rng.choice(len(FORGOTTEN), n, p=[share for share, _ in FORGOTTEN])
    for pattern, (_, marks) in enumerate(FORGOTTEN):
        columns = columns_resting_on(marks, features.extra_needs)
        values[np.ix_(chosen == pattern, columns)] = np.nan
    return replace(features, values=values)


def fewer_left(
    clusters: ClusterSet,
    labelled: Labelled,
    measure: Callable[[ClusterSet], Features],
    rng: np.random.Generator,
) -> Labelled:
    """Return copies of clusters of many calcifications, cut down to few, with the labels of the whole.

    Calibration needs them: what a few calcifications of many show is less sure than what few
    calcifications show that are all there are.

    Parameters as for `forgetful_copy`.

    Returns
    -------
    Labelled
        Of `CUT_SHARE` times as many copies as there are clusters of `CUT_TO` calcifications.
    """
    counts = clusters.n_calcifications
    few = round(CUT_SHARE * ((counts >= CUT_TO[0]) & (counts <= CUT_TO[1])).sum())
    many = np.flatnonzero(counts > 2 * CUT_TO[1])
    chosen = np.sort(rng.choice(many, min(few, len(many)), replace=False))
    kept = rng.integers(CUT_TO[0], CUT_TO[1] + 1, len(chosen))
    return replace(labelled[chosen], features=measure(clusters[chosen].thinned(kept, rng)))
