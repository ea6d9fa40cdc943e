"""Readings under a rulebook of the user's own, in place of the article's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.consequences import Rulebook
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    CONCERNS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    Status,
)
from calcigram.readings import Readings

Floats = npt.NDArray[np.float64]

_INADMISSIBLE = np.array(
    [[(d, m) not in ADMISSIBLE_PAIRS for m in MORPHOLOGIES] for d in DISTRIBUTIONS]
)


def under_rulebook(readings: Readings, rulebook: Rulebook) -> Readings:
    """Return readings of the same patterns with the origin and concern that a rulebook gives.

    Parameters
    ----------
    readings : Readings
        Of C clusters.
    rulebook : Rulebook
        Takes the place of the article's; what BI-RADS says stays.

    Returns
    -------
    Readings
        `concern` is the most probable one, of equals the graver; of a reader without
        probabilities that of its words. `p_concern` sums the probabilities of all admissible
        patterns that lead to each concern; it is not calibrated, as no outcome of these rules is
        known.

    Examples
    --------
    >>> import calcigram
    >>> model = calcigram.load_model()
    >>> readings = model.read(calcigram.extract_features(calcigram.simulate(5, seed=1)))
    >>> book = calcigram.load_rulebook("birads")
    >>> found = under_rulebook(readings, book)
    >>> bool((found.concern == found.p_concern.argmax(axis=1)).all())
    True
    """
    pattern = rulebook.concern_of(readings.distribution, readings.morphology)
    p = _concern_probabilities(readings, rulebook)
    p[pattern < 0] = np.nan
    is_known = np.isfinite(p[:, 0])
    gravest = len(CONCERNS) - 1 - np.nan_to_num(p)[:, ::-1].argmax(axis=1)
    changed: dict[str, Any] = {
        "origin": rulebook.origin_of(readings.distribution, readings.morphology),
        "concern": np.where(is_known, gravest, pattern).astype(np.int8),
        "p_concern": p.astype(np.float32),
    }
    if hasattr(readings, "pattern_concern"):
        changed["pattern_concern"] = pattern
    return replace(readings, **changed)


def _concern_probabilities(readings: Readings, rulebook: Rulebook) -> Floats:
    """Return the probability of each concern, shape (C, 3); NaN where neither axis was read."""
    unread = len(DISTRIBUTIONS), MORPHOLOGY_LABELS.index(Status.UNREAD)
    rows, columns = [*range(unread[0]), unread[0]], [*range(len(MORPHOLOGIES)), unread[1]]
    codes = rulebook.concern_codes[np.ix_(rows, columns)].copy()
    codes[:-1, :-1][_INADMISSIBLE] = -1
    leads_to = (codes[:, None, :] == np.arange(len(CONCERNS))[:, None]).astype(float)
    p_d, p_m = _with_unread(readings.p_distribution), _with_unread(readings.p_morphology)
    p = np.einsum("rd,dkm,rm->rk", p_d, leads_to, p_m)
    total = p.sum(axis=1, keepdims=True)
    neither = (p_d[:, -1] == 1) & (p_m[:, -1] == 1)
    total[neither] = 0
    return np.divide(p, total, out=np.full_like(p, np.nan), where=total > 0)


def _with_unread(p: npt.NDArray[np.float32]) -> Floats:
    """Append the probability, 1 or 0, that the axis was not read."""
    is_unread = np.isnan(p[:, :1])
    return np.hstack([np.where(is_unread, 0.0, p), is_unread]).astype(float)
