"""The reason of each cluster of a table, written once for each combination that occurs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.columns import Words
from calcigram.crosscheck.reasons import WHY, Pattern, reason
from calcigram.lexicon import COMPARED, CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS
from calcigram.readings import Readings


def sentences(
    model: Readings,
    rules: Readings,
    compared_on: npt.NDArray[np.int8],
    flags: Mapping[str, npt.NDArray[np.bool_]],
    about: Mapping[str, Words],
) -> Words:
    """Return a sentence for each cluster.

    Parameters
    ----------
    model, rules : Readings
        Of C clusters.
    compared_on : ndarray of int8, shape (C,)
        Indices of `lexicon.COMPARED`.
    flags : mapping of str to ndarray of bool, shape (C,)
        For each of `reasons.WHY`, where it is raised.
    about : mapping of str to Words, length C
        What a flag is about, where its words have a place for that.
    """
    parts: list[tuple[npt.NDArray[Any], int]] = []
    for reading in (model, rules):
        parts.append((reading.distribution, len(DISTRIBUTION_LABELS)))
        parts.append((reading.morphology, len(MORPHOLOGY_LABELS)))
        parts.append((reading.concern + 1, len(CONCERNS) + 1))
    parts.append((compared_on, len(COMPARED)))
    words = tuple(about[name].words if name in about else ("",) for name in WHY)
    for name, its_words in zip(WHY, words, strict=True):
        which = about[name].codes + 1 if name in about else 1
        parts.append((np.where(flags[name], which, 0), len(its_words) + 1))
    sizes = tuple(size for _, size in parts)
    keys = np.zeros(len(model), np.int64)
    for part, size in parts:
        keys = keys * size + part.astype(np.int64)
    combinations, which = np.unique(keys, return_inverse=True)
    texts = [_sentence(key, sizes, words) for key in combinations.tolist()]
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    codes = np.array([places[text] for text in texts], np.intp)
    return Words(codes[which], tuple(places))


@lru_cache(maxsize=10_000)
def _sentence(key: int, sizes: tuple[int, ...], words: tuple[tuple[str, ...], ...]) -> str:
    """Return the sentence of a combination, as `sentences` numbers them."""
    d1, m1, c1, d2, m2, c2, on, *raised = map(int, np.unravel_index(key, sizes))
    why = {
        name: its_words[code - 1]
        for name, its_words, code in zip(WHY, words, raised, strict=True)
        if code
    }
    return reason(
        Pattern.from_codes(d1, m1, c1 - 1), Pattern.from_codes(d2, m2, c2 - 1), why, COMPARED[on]
    )
