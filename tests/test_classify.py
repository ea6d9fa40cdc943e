"""The verdict table of a set of clusters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from calcigram.classify import Classifier, classify
from calcigram.columns import frame_of
from calcigram.crosscheck import VERDICT_COLUMNS
from calcigram.readings import RISK_COLUMNS
from calcigram.risk import load_risk


@pytest.fixture
def model(sure_reader):
    return sure_reader


@pytest.fixture
def clusters(some_clusters):
    return some_clusters


def test_the_table_has_every_column_in_order(model, clusters):
    verdicts = classify(clusters, model, n_threads=1)
    assert tuple(verdicts) == VERDICT_COLUMNS
    assert verdicts.cluster_id.tolist() == clusters.cluster_id.tolist()
    assert verdicts.n_calcifications.tolist() == clusters.n_calcifications.tolist()
    assert set(verdicts.size_class) <= {"micro", "macro", "mixed"}
    assert set(verdicts.model_version) == {"0.0-test"}
    assert verdicts.distribution.tolist()[-2:] == ["insufficient"] * 2
    assert verdicts.compared.tolist()[-2:] == ["morphology"] * 2


def test_without_diameters_there_is_no_size_class(model, clusters):
    assert classify(clusters.positions_only(), model).size_class.isna().all()


def test_no_clusters_make_an_empty_table(model, clusters):
    assert classify(clusters[:0], model).shape == (0, len(VERDICT_COLUMNS))


def test_the_columns_make_the_table_without_pandas_for_each(model, clusters):
    classifier = Classifier(model, None)
    columns = classifier.columns(clusters)
    assert tuple(columns) == VERDICT_COLUMNS
    assert not any(isinstance(column, pd.Series | pd.Categorical) for column in columns.values())
    pd.testing.assert_frame_equal(frame_of(columns), classifier(clusters))


def test_what_a_file_reported_is_among_the_columns(model, clusters):
    from calcigram.crosscheck.layout import REPORTED_COLUMNS

    told = replace(clusters, meta=pd.DataFrame({"reported_distribution": ["linear"] * 60}))
    columns = Classifier(model, None).columns(told)
    assert tuple(columns) == (*VERDICT_COLUMNS, *REPORTED_COLUMNS)
    assert set(pd.Series(columns["reported_agreement"]).dropna()) == {"agree", "differ"}


@pytest.mark.parametrize("prior", ["uniform", "clinical"])
def test_the_version_names_the_prior(model, prior):
    assert Classifier(model, None).version == "0.0-test"
    assert Classifier(model, None, prior=prior).version == f"0.0-test, prior {prior}"


def test_the_outcomes_of_a_reader_without_any_are_those_of_its_words(model, clusters):
    found = Classifier(model).read(clusters)
    expected = load_risk().carry(found.model.p_distribution, found.model.p_morphology)
    table = frame_of(found.columns())
    np.testing.assert_allclose(table[list(RISK_COLUMNS)], expected, rtol=1e-5)
    assert table.p_malignant.notna().any()
