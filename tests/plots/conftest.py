"""Clusters and verdicts that no model and no simulator made, so that pictures of them stay as they are."""

import numpy as np
import pandas as pd
import pytest

from calcigram import ClusterSet
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES


@pytest.fixture
def sized():
    return ClusterSet.from_arrays(
        [0, 4],
        [0, 4, 4, 0],
        [0, 0, 3, 3],
        diameter_mm=[0.5, 1.0, 0.4, np.nan],
        aspect_ratio=[4.0, 1.0, np.nan, np.nan],
        orientation_deg=[30.0, 0.0, np.nan, np.nan],
        nipple_x_mm=[50],
        nipple_y_mm=[1.5],
        cluster_id=["A"],
    )


@pytest.fixture
def along_a_duct():
    """A cluster with marks of every kind: smooth, lobed, faint, and of unknown size."""
    n = np.arange(30)
    x = 0.7 * n
    y = 5 + 3 * np.sin(n / 6) + 0.5 * np.cos(2.4 * n)
    return ClusterSet.from_arrays(
        [0, len(n)],
        x,
        y,
        diameter_mm=np.where(n % 10 == 9, np.nan, 0.3 + 0.2 * (n % 4)),
        aspect_ratio=1 + (n % 3),
        orientation_deg=(n * 20) % 180,
        solidity=np.where(n % 5 == 0, 0.8, 0.97),
        cnr=np.where(n % 7 == 0, 2, 20),
        nipple_x_mm=[60],
        nipple_y_mm=[20],
        cluster_id=["case 7, left MLO"],
    )


@pytest.fixture
def verdict():
    """One row of a verdict table, in which the readers differ."""
    row = {
        "cluster_id": "case 7, left MLO",
        "distribution": "linear",
        "morphology": "fine_linear",
        "concern": "suspicious",
        "rule_distribution": "branching",
        "rule_morphology": "unread",
        "rule_concern": "suspicious",
        "distribution_set": "linear|branching",
        "morphology_set": "fine_linear|rod_like",
        "p_benign": 0.1,
        "p_intermediate": 0.05,
        "p_suspicious": 0.85,
        "p_malignant": 0.6,
        "p_malignant_low": 0.4,
        "p_malignant_high": 0.8,
    }
    chance = {"linear": 0.6, "branching": 0.3, "fine_linear": 0.7, "rod_like": 0.2}
    for axis, words in (("distribution", DISTRIBUTIONS), ("morphology", MORPHOLOGIES)):
        row |= {f"p_{axis}_{word}": chance.get(word, 0.02) for word in words}
    return pd.Series(row)


@pytest.fixture
def measured():
    """Features of 60 clusters in three groups, one of them small."""
    rng = np.random.default_rng(5)
    group = np.array(["grouped"] * 30 + ["regional"] * 25 + ["linear"] * 5)
    size = {"grouped": 9.0, "regional": 30.0, "linear": 15.0}
    extent = np.array([size[word] for word in group]) * rng.lognormal(0, 0.3, 60)
    table = pd.DataFrame(
        {
            "cluster_id": [f"{i:02}" for i in range(60)],
            "max_distance_mm": extent,
            "n_calcifications": rng.integers(5, 60, 60),
            "hull_area_mm2": 0.5 * extent**2,
            "diameter_median_mm": np.where(np.arange(60) % 4, rng.uniform(0.2, 0.6, 60), np.nan),
            "junctions": np.where(group == "linear", rng.integers(0, 4, 60), 0),
        }
    )
    return table, group
