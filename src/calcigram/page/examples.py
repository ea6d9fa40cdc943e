"""Examples to load: one simulated cluster for each distribution and each morphology."""

from __future__ import annotations

from functools import cache

from calcigram.charts import plain
from calcigram.clusters import ClusterSet
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, Morphology

SEED = 11
N_TRIED = 120

FIRST = "Distribution: linear"
"""The example that the page opens on."""

FIRST_MORPHOLOGY = Morphology.COARSE_HETEROGENEOUS
"""Its morphology: one of which the article and BI-RADS say the same, unlike a line of rods."""


@cache
def examples() -> dict[str, ClusterSet]:
    """Return the examples by their names, in the lexicon's order.

    Returns
    -------
    dict of str to ClusterSet
        One cluster each.
    """
    from calcigram.simulate import simulate

    clusters = simulate(N_TRIED, seed=SEED, grade="easy")
    found: dict[str, ClusterSet] = {}
    for axis, words, column in (
        ("Distribution", DISTRIBUTIONS, "true_distribution"),
        ("Morphology", MORPHOLOGIES, "true_morphology"),
    ):
        truth = clusters.meta[column].astype(str)
        for word in words:
            name = f"{axis}: {plain([word])[0]}"
            bears_it = truth == str(word)
            if name == FIRST:
                bears_it &= clusters.meta["true_morphology"].astype(str) == FIRST_MORPHOLOGY
            places = truth.index[bears_it]
            if len(places):
                found[name] = clusters[int(places[0])]
    return found
