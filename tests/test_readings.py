"""Readings as a table: words, and what a reader knows of its own trust where it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcigram import load_model, simulate
from calcigram.features.extract import extract_features
from calcigram.readings import RISK_COLUMNS
from calcigram.risk import load_risk


def test_sets_novelty_and_risk_travel_where_there_are_any():
    readings = load_model().read(extract_features(simulate(20, seed=3)))
    table = readings.to_dataframe()
    for row, text in enumerate(table["distribution_set"]):
        chosen = [name for name in text.split("|") if name]
        assert len(chosen) == readings.distribution_set[row].sum()
    assert table["novelty"].between(0, 1).all()
    expected = load_risk().carry(readings.p_distribution, readings.p_morphology)
    np.testing.assert_allclose(table[list(RISK_COLUMNS)], expected, rtol=1e-4)
    bare = replace(readings, distribution_set=None, novelty=None, p_malignant=None).to_dataframe()
    assert not {"distribution_set", "novelty", *RISK_COLUMNS} & set(bare)
    assert list(bare) == [name for name in table if name in bare]
