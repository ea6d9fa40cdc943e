"""From each axis' calibrated probabilities to those that a reading shows, of admissible words.

Two steps: `guarded` holds back ``vascular``, the one form that makes a line benign, and
`make_admissible` mends words that make no sense together.

A suspicious line read as a vessel is the costliest error, and on clusters of other generators most
of what is wrongly read as benign is read so. The word is therefore given only where its probability
reaches `MIN_PROBABILITY` or the calcifications lie in two parallel rows (`RAILS`). Elsewhere half of
the excess over the next word is moved to that word, the least change after which ``vascular`` is not
the most probable word. The two are then equally probable, at most 0.5 each, and the conformal set
holds both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.concerns import ADMISSIBLE
from calcigram.lexicon import MORPHOLOGIES, Morphology

if TYPE_CHECKING:
    from calcigram.features.extract import Features

Floats = npt.NDArray[np.float64]

MIN_PROBABILITY = 0.7
"""From this probability on, ``vascular`` needs no rails. Of 0.6, 0.7 and 0.8 the one with the best
mean of form macro-F1 over the four generators for development (docs/validation.md)."""

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
        A row of NaN where the form was not read.
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
    return np.logical_and.reduce(held)


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
