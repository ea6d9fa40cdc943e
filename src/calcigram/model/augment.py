"""Forgetting: what the features of a cluster are when some marks, or most calcifications, are unknown.

The catalogue says which marks each feature needs, so forgetting a mark is setting the
features that need it to NaN. Clusters that lack calcifications are measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from calcigram.lexicon import DISTRIBUTIONS, Distribution
from calcigram.model.head import columns_resting_on

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features
    from calcigram.model.labels import Labelled

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
