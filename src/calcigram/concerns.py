"""From the probabilities of words to those of concerns, under any rulebook.

The shipped readings are under the article's; `under_rulebook` puts a rulebook of the user's own in
its place. Calibration is the model's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.consequences import Rulebook, shipped_rulebooks, views_of
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    Status,
)
from calcigram.readings import Codes, Readings, with_unread

Floats = npt.NDArray[np.float64]

ADMISSIBLE = np.array([[(d, m) in ADMISSIBLE_PAIRS for m in MORPHOLOGIES] for d in DISTRIBUTIONS])
"""Which pairs make sense: shape (6, 9)."""

CONCERN_CASES: tuple[str, ...] = ("both_read", "form_unread", "distribution_insufficient")
"""Which axes were read: the concern of each case is calibrated by itself."""

_D = [*range(len(DISTRIBUTIONS)), DISTRIBUTION_LABELS.index(Status.INSUFFICIENT)]
_M = [*range(len(MORPHOLOGIES)), MORPHOLOGY_LABELS.index(Status.UNREAD)]
"""Codes of the words and, last, of the status of an axis that was not read."""


def raw_concern(
    p_distribution: npt.ArrayLike, p_morphology: npt.ArrayLike, rulebook: Rulebook | None = None
) -> tuple[Floats, Codes]:
    """Sum the probabilities of the patterns that lead to each concern.

    Parameters
    ----------
    p_distribution : array_like, shape (C, 6)
        Rows of NaN where the distribution is insufficient.
    p_morphology : array_like, shape (C, 9)
        Rows of NaN where the morphology is unread.
    rulebook : Rulebook, optional
        The article's by default.

    Returns
    -------
    p_concern : ndarray of float64, shape (C, 3)
        Over admissible patterns that have a concern, renormalised; not calibrated. NaN where
        neither axis was read, or no pattern of any probability has a concern.
    case : ndarray of int8, shape (C,)
        Index of `CONCERN_CASES`; -1 where neither axis was read.
    """
    p_d, p_m = with_unread(p_distribution), with_unread(p_morphology)
    codes = _concern_codes(rulebook or shipped_rulebooks()[0])
    leads_to = (codes[:, None, :] == np.arange(len(CONCERNS))[:, None]).astype(float)
    by_distribution = (p_d @ leads_to.reshape(len(_D), -1)).reshape(-1, len(CONCERNS), len(_M))
    p = np.einsum("rcm,rm->rc", by_distribution, p_m)
    case = (p_m[:, -1] + 2 * p_d[:, -1]).astype(np.int8)
    case[case > 2] = -1
    p[case < 0] = np.nan
    with np.errstate(invalid="ignore"):  # no mass on any concern: no answer
        return p / p.sum(axis=1, keepdims=True), case


def concern_views(
    words: tuple[Codes, Codes],
    probabilities: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    p_concern: Floats,
    rulebook: Rulebook,
    birads: Rulebook,
) -> dict[str, Any]:
    """Return all that two sources make of a reading, in accord with its probabilities.

    Parameters
    ----------
    words : tuple of two ndarray of int8, shape (C,)
        The labels of both axes.
    probabilities : tuple of two ndarray, shapes (C, 6) and (C, 9)
    p_concern : ndarray of float64, shape (C, 3)
        Becomes NaN where the rulebook has no answer to the words.
    rulebook, birads : Rulebook

    Returns
    -------
    dict
        What `consequences.views_of` gives, ``pattern_concern`` and ``p_concern``. The concern is
        the most probable one, of equals the graver, or that of the words where a reader gives no
        probabilities. Where the words lead to another, the origin is that of the most probable
        pattern that leads to the concern.
    """
    views = views_of(*words, rulebook, birads)
    by_words = views["concern"]
    p = np.where(by_words[:, None] >= 0, p_concern, np.nan).astype(np.float32)
    gravest = p.shape[1] - 1 - np.nan_to_num(p)[:, ::-1].argmax(axis=1)
    concern = np.where(np.isnan(p[:, 0]), by_words, gravest).astype(np.int8)
    rows = np.flatnonzero(concern != by_words)
    p_d, p_m = probabilities
    views["origin"][rows] = _origin_of(p_d[rows], p_m[rows], concern[rows], rulebook)
    return views | {"concern": concern, "pattern_concern": by_words, "p_concern": p}


def under_rulebook(readings: Readings, rulebook: Rulebook) -> Readings:
    """Return readings of the same words, with what follows from them under another rulebook.

    Parameters
    ----------
    readings : Readings
        Of C clusters.
    rulebook : Rulebook
        Takes the place of the article's; what BI-RADS says stays.

    Returns
    -------
    Readings
        Its `p_concern` is not calibrated: no outcome of these rules is known.

    Examples
    --------
    >>> import calcigram
    >>> model = calcigram.load_model()
    >>> readings = model.read(calcigram.extract_features(calcigram.simulate(5, seed=1)))
    >>> book = calcigram.load_rulebook("birads")
    >>> found = under_rulebook(readings, book)
    >>> answered = found.concern >= 0
    >>> bool((found.concern == found.p_concern.argmax(axis=1))[answered].all())
    True
    """
    words = readings.distribution, readings.morphology
    probabilities = readings.p_distribution, readings.p_morphology
    p, _ = raw_concern(*probabilities, rulebook)
    return replace(
        readings, **concern_views(words, probabilities, p, rulebook, shipped_rulebooks()[1])
    )


def _concern_codes(rulebook: Rulebook) -> Codes:
    """Return the concern of each pair of words or status; -1 where inadmissible or without."""
    codes = rulebook.concern_codes[np.ix_(_D, _M)]
    codes[:-1, :-1][~ADMISSIBLE] = -1
    return codes


def _origin_of(
    p_distribution: npt.NDArray[Any],
    p_morphology: npt.NDArray[Any],
    concern: Codes,
    rulebook: Rulebook,
) -> Codes:
    """Return the origin of the most probable admissible pattern that leads to each concern."""
    codes = _concern_codes(rulebook)
    p_d, p_m = with_unread(p_distribution), with_unread(p_morphology)
    joint = np.where(codes == concern[:, None, None], p_d[:, :, None] * p_m[:, None, :], -1.0)
    d, m = np.unravel_index(joint.reshape(len(joint), codes.size).argmax(axis=1), codes.shape)
    return rulebook.origin_of(np.array(_D)[d], np.array(_M)[m])
