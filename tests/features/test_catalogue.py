from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calcigram.clusters import CLUSTER_NAMES, OPTIONAL_MARKS
from calcigram.features.catalogue import (
    CATALOGUE,
    FAMILIES,
    FEATURE_NAMES,
    catalogue_hash,
    family_slice,
    feature_catalogue,
)
from calcigram.features.extract import extract_features

ROOT = Path(__file__).parents[2]


def test_page_is_current(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from make_features_page import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "python benchmarks/make_features_page.py"


def test_names_are_unique_and_families_contiguous():
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == 80
    assert [spec.family for spec in CATALOGUE] == [
        family for family in FAMILIES for _ in CATALOGUE[family_slice(family)]
    ]


@pytest.mark.parametrize("spec", CATALOGUE, ids=FEATURE_NAMES)
def test_entry_is_complete(spec):
    assert spec.formula
    assert spec.meaning.endswith(".")
    assert len(spec.meaning) < 100
    assert spec.source
    assert spec.low < spec.high
    assert set(spec.needs) <= {*OPTIONAL_MARKS, *CLUSTER_NAMES}
    for ending, unit in (("_mm", "mm"), ("_mm2", "mm2"), ("_deg", "deg"), ("_cm2", "1/cm2")):
        assert spec.name.endswith(ending) <= (spec.unit == unit)


def test_table_and_hash():
    table = feature_catalogue()
    assert tuple(table["name"]) == FEATURE_NAMES
    assert len(catalogue_hash()) == 64


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({"meaning": "other prose"}, False),
        ({"formula": "other prose"}, False),
        ({"source": "other prose"}, False),
        ({"unit": "cm"}, True),
        ({"name": "other"}, True),
    ],
)
def test_hash_covers_names_units_and_order_and_no_prose(monkeypatch, change, moves):
    before = catalogue_hash()
    changed = (replace(CATALOGUE[0], **change), *CATALOGUE[1:])
    monkeypatch.setattr("calcigram.features.catalogue.CATALOGUE", changed)
    assert (catalogue_hash() != before) == moves
    monkeypatch.setattr("calcigram.features.catalogue.CATALOGUE", CATALOGUE[::-1])
    assert catalogue_hash() != before


def test_values_stay_in_their_range(all_clusters):
    features = extract_features(all_clusters)
    for spec in CATALOGUE:
        values = features.column(spec.name)
        values = values[~np.isnan(values)]
        assert np.isfinite(values).all(), spec.name
        assert (values >= spec.low).all(), spec.name
        assert (values <= spec.high).all(), spec.name


@pytest.mark.parametrize("mark", [*OPTIONAL_MARKS, *CLUSTER_NAMES])
def test_a_missing_mark_makes_nan_exactly_what_needs_it(all_clusters, point_sets, mark):
    chosen = all_clusters[list(point_sets).index("random_64")]
    known = extract_features(chosen).values[0]
    missing = extract_features(chosen.without(mark)).values[0]
    for spec, before, after in zip(CATALOGUE, known, missing, strict=True):
        assert not np.isnan(before), spec.name
        assert np.isnan(after) == (mark in spec.needs), spec.name
        assert np.isnan(after) or before == after, spec.name
