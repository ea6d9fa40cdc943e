import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features
from calcigram.features.transformer import ClusterFeatures


@pytest.fixture(scope="module")
def labelled(cluster_of):
    rng = np.random.default_rng(2)
    points = [rng.normal(size=(20, 2)) * [8, 8 if k % 2 else 0.4] for k in range(60)]
    return cluster_of(points), np.arange(60) % 2


def test_equals_extract_features(labelled):
    clusters, _ = labelled
    np.testing.assert_array_equal(
        ClusterFeatures().fit_transform(clusters), extract_features(clusters).values
    )


def test_in_a_pipeline_with_cross_validation(labelled):
    clusters, y = labelled
    model = make_pipeline(
        ClusterFeatures(columns=["pca_axis_ratio", "tortuosity"]),
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2),
    )
    assert cross_val_score(model, clusters, y, cv=3).mean() > 0.9
    assert (clone(model).fit(clusters, y).predict(clusters) == y).mean() > 0.9


def test_set_output_gives_a_table(labelled):
    table = ClusterFeatures().set_output(transform="pandas").fit_transform(labelled[0])
    assert tuple(table.columns) == FEATURE_NAMES


def test_bad_names_and_bad_input_are_refused(labelled):
    with pytest.raises(BadInputError, match="got 'size', expected the name of a feature"):
        ClusterFeatures(columns=["size"]).fit(labelled[0])
    with pytest.raises(BadInputError, match="got 'ndarray', expected a ClusterSet"):
        ClusterFeatures().transform(np.zeros((3, 2)))
