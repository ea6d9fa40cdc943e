"""The shift of marks between clusters and a model's training."""

from dataclasses import replace

import numpy as np
import pytest

from calcigram import classify, load_model, simulate
from calcigram.cli import main
from calcigram.features.extract import extract_features
from calcigram.formats import write_table
from calcigram.model.exemplars import MARKS, mark_shifts, shift_notice


@pytest.fixture(scope="module")
def clusters():
    return simulate(150, seed=77)


@pytest.fixture(scope="module")
def larger(clusters):
    return replace(clusters, diameter_mm=clusters.diameter_mm * np.float32(5))


def test_ordinary_clusters_are_near_and_scaled_ones_are_not(clusters, larger):
    near, far = (mark_shifts(load_model(), extract_features(c)) for c in (clusters, larger))
    assert [shift.mark for shift in near] == list(MARKS.values())
    assert not any(shift.is_large for shift in near)
    assert shift_notice(near) == ""
    assert [shift.mark for shift in far if shift.is_large] == ["diameter (mm)"]
    assert "diameter (mm)" in shift_notice(far)
    assert "--start-from" in shift_notice(far)


def test_few_clusters_or_unknown_marks_are_not_compared(clusters):
    model = load_model()
    assert mark_shifts(model, extract_features(clusters[:20])) == []
    assert mark_shifts(model, extract_features(clusters.positions_only())) == []
    assert mark_shifts(replace(model, exemplars=None), extract_features(clusters)) == []


def test_classify_warns_once_where_it_is_large(clusters, larger):
    with pytest.warns(UserWarning, match="differ from the training in: diameter") as told:
        classify(larger)
    assert len(told) == 1
    classify(clusters)  # warnings are errors here


def test_inspect_and_classify_say_it(larger, tmp_path, capsys):
    path = tmp_path / "larger.csv"
    write_table(larger.to_dataframe(), path)
    assert main(["inspect", str(path)]) == 0
    assert "differ from the training in: diameter" in capsys.readouterr().out
    assert main(["classify", str(path), "-o", str(tmp_path / "v.csv")]) == 0
    assert capsys.readouterr().err.count("differ from the training") == 1
