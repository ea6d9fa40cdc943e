from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features

BASELINES = Path(__file__).parents[1] / "baselines"


@pytest.fixture(scope="module")
def golden():
    return pd.read_csv(BASELINES / "features.csv", index_col="feature")


@pytest.fixture(scope="module")
def measured():
    table = pd.read_csv(BASELINES / "clusters.csv")
    features = extract_features(ClusterSet.from_dataframe(table))
    return features.to_dataframe().set_index("cluster_id").T


def test_every_feature_has_golden_values(golden):
    assert tuple(golden.index) == FEATURE_NAMES
    assert golden.shape[1] >= 20
    assert golden.notna().any(axis=1).all()


@pytest.mark.parametrize("name", FEATURE_NAMES)
def test_values_are_the_golden_ones(golden, measured, name):
    expected = golden.loc[name, measured.columns].to_numpy(float)
    np.testing.assert_allclose(
        measured.loc[name].to_numpy(float), expected, rtol=1e-4, atol=1e-4, equal_nan=True
    )
