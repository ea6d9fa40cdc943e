"""Examples to load: one simulated cluster for each distribution and each form."""

from __future__ import annotations

from functools import cache

from calcigram.charts import plain
from calcigram.clusters import ClusterSet
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES

SEED = 11
N_TRIED = 120


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
        ("Form", MORPHOLOGIES, "true_morphology"),
    ):
        truth = clusters.meta[column].astype(str)
        for word in words:
            places = truth.index[truth == str(word)]
            if len(places):
                found[f"{axis}: {plain([word])[0]}"] = clusters[int(places[0])]
    return found
