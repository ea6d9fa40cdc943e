"""A model trained in a second on clusters that are easy to tell apart; no simulator."""

from __future__ import annotations

import numpy as np
import pytest

from calcigram.clusters import ClusterSet
from calcigram.model.train import train_model

PLACES = ("grouped", "linear")
FORMS = {"punctate": 0.25, "amorphous": 0.12}


def _clusters(n, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(8, 16, n)
    places, forms = rng.choice(PLACES, n), rng.choice(list(FORMS), n)
    xy = [
        rng.normal(size=(c, 2)) * 3
        if place == "grouped"
        else np.c_[np.linspace(0, 30, c), rng.normal(size=c) * 0.3]
        for place, c in zip(places, counts, strict=True)
    ]
    size = np.repeat([FORMS[form] for form in forms], counts)
    return ClusterSet.from_arrays(
        np.r_[0, counts.cumsum()],
        *np.concatenate(xy).T,
        diameter_mm=size * np.exp(rng.normal(size=size.size) * 0.15),
        aspect_ratio=1 + rng.exponential(0.2, size.size),
        cluster_id=[f"c{i}" for i in range(n)],
        meta={"true_distribution": places, "true_morphology": forms},
    )


@pytest.fixture(scope="session")
def clusters():
    return _clusters(160, 0)


@pytest.fixture(scope="session")
def model(clusters):
    with pytest.warns(UserWarning, match="the model will give probability 0"):
        return train_model(clusters, n_iterations=6, n_jobs=1, name="tiny", seed=1)


@pytest.fixture(scope="session")
def unseen():
    return _clusters(40, 7)
