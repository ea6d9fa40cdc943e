"""Readings made up of words, to hold against each other."""

import numpy as np
import pytest

from calcigram.lexicon import CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS
from calcigram.readings import Readings


def _reading(patterns, *, top=0.9, ids=None):
    """Make readings of (distribution, morphology, concern or None[, top of each axis])."""
    patterns = [(*pattern, top, top)[:5] for pattern in patterns]
    codes = [
        np.array([labels.index(pattern[axis]) for pattern in patterns], np.int8)
        for axis, labels in enumerate((DISTRIBUTION_LABELS, MORPHOLOGY_LABELS))
    ]
    n = len(patterns)
    concern = np.array([-1 if p[2] is None else CONCERNS.index(p[2]) for p in patterns], np.int8)
    probabilities = []
    for axis, n_words in enumerate((6, 9)):
        p = np.full((n, n_words), np.nan, np.float32)
        for i, pattern in enumerate(patterns):
            if codes[axis][i] < n_words:
                p[i] = (1 - pattern[3 + axis]) / (n_words - 1)
                p[i, codes[axis][i]] = pattern[3 + axis]
        probabilities.append(p)
    return Readings(
        np.array([str(i) for i in range(n)] if ids is None else ids, dtype=object),
        *codes,
        *probabilities,
        np.zeros(n, np.int8),
        concern,
        concern,
        np.full((n, 3), 1 / 3, np.float32),
        np.array(["r1|r2"] * n, dtype=object),
        "made up",
    )


@pytest.fixture
def reading():
    return _reading
