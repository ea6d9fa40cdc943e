"""Which labels are dealt out, and how often."""

from __future__ import annotations

import numpy as np

from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES

from .paths import Array

GOLDEN = (np.sqrt(5) - 1) / 2

# How readily a form turns up in a distribution, seen in the clinic; 1 where not named. Rods and
# casts follow ducts; lobular forms are grouped or spread, seldom strung.
LEANINGS = {
    ("diffuse", "fine_linear"): 0.35,
    ("diffuse", "coarse_heterogeneous"): 0.8,
    ("regional", "fine_linear"): 0.5,
    ("regional", "rod_like"): 0.6,
    ("grouped", "rod_like"): 0.5,
    ("linear", "fine_linear"): 1.6,
    ("linear", "rod_like"): 1.6,
    ("linear", "round"): 0.6,
    ("branching", "fine_linear"): 1.6,
    ("branching", "rod_like"): 1.4,
    ("branching", "round"): 0.6,
    ("segmental", "fine_linear"): 1.4,
    ("segmental", "fine_pleomorphic"): 1.3,
}


def pair_shares() -> Array:
    """Return the share of every (distribution, form), shape (6, 9).

    Every distribution has a sixth and every form a ninth; within that the pairs lean the way
    they do in the clinic, and inadmissible ones have nothing (iterative proportional fitting).
    """
    shares = np.array(
        [
            [LEANINGS.get((d, m), 1.0) * ((d, m) in ADMISSIBLE_PAIRS) for m in MORPHOLOGIES]
            for d in DISTRIBUTIONS
        ]
    )
    for _ in range(200):
        shares /= shares.sum(axis=1, keepdims=True) * len(DISTRIBUTIONS)
        shares /= shares.sum(axis=0) * len(MORPHOLOGIES)
    return shares


_UP_TO = np.cumsum(pair_shares())


def deal_pair(seed: int, index: int) -> tuple[str, str]:
    """Return the labels of one cluster; any run of clusters is about balanced.

    Steps of the golden ratio fill the unit interval evenly, however many are taken.

    Examples
    --------
    >>> deal_pair(0, 0) == deal_pair(0, 0)
    True
    """
    start = np.random.default_rng(seed).random()
    cell = int(np.searchsorted(_UP_TO / _UP_TO[-1], (start + index * GOLDEN) % 1, side="right"))
    distribution, form = divmod(cell, len(MORPHOLOGIES))
    return str(DISTRIBUTIONS[distribution]), str(MORPHOLOGIES[form])
