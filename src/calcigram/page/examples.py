"""Examples to load: one simulated cluster for each distribution and each morphology."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from calcigram.clusters import ClusterSet
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, Concern
from calcigram.wording import plain

if TYPE_CHECKING:
    import pandas as pd

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
        ("Morphology", MORPHOLOGIES, "true_morphology"),
    ):
        truth = clusters.meta[column].astype(str)
        for word in words:
            name = f"{axis}: {plain([word])[0]}"
            places = truth.index[truth == str(word)]
            if len(places):
                found[name] = clusters[int(places[0])]
    return found


@lru_cache(maxsize=4)
def first_example(read: Callable[[ClusterSet], pd.DataFrame]) -> tuple[str, pd.DataFrame]:
    """Return the example that a page opens on: the first on which all sources agree, benign if any.

    Where all say suspicious or intermediate, what they advise may differ still.

    Parameters
    ----------
    read : callable
        From clusters to verdicts; what it makes of the examples is kept.

    Returns
    -------
    name : str
    verdicts : DataFrame
        Of this example alone.
    """
    verdicts = read(ClusterSet.concat(list(examples().values())))
    concerns = verdicts[[n for n in verdicts if n == "concern" or str(n).endswith("_concern")]]
    agreed = concerns.eq(verdicts["concern"], axis=0).all(axis=1)
    agreed &= ~verdicts["review"].astype(bool) & (verdicts["agreement"] == "agree")
    benign = agreed & (verdicts["concern"] == Concern.BENIGN)
    i = int(
        (benign if benign.any() else agreed).to_numpy().argmax()
    )  # the first, if none is agreed
    return list(examples())[i], verdicts.iloc[[i]].reset_index(drop=True)
