"""Remarks that change no concern."""

from __future__ import annotations

import pandas as pd

from calcigram.lexicon import CONCERNS, MORPHOLOGY_LABELS
from calcigram.rules import RuleReader, notes

READER = RuleReader()


def test_several_clusters_on_one_image_are_noted_and_change_nothing(make_features):
    readings = READER.read(make_features(4, n_calcifications=9, max_distance_mm=30))
    assert set(readings.concern) == {CONCERNS.index("intermediate")}
    before = readings.concern.copy()
    found = notes(readings, pd.DataFrame({"image_id": ["a", "b", "a", None]}))
    assert found["cluster_id"].tolist() == ["c0", "c2"]
    assert set(found["note"]) == {"article.several_regions"}
    assert (readings.concern == before).all()


def test_no_note_reassures_where_a_cluster_of_the_image_is_suspicious(make_features):
    readings = READER.read(make_features(5, n_calcifications=9, max_distance_mm=30))
    readings.concern[1] = CONCERNS.index("suspicious")
    readings.birads_concern[3] = CONCERNS.index("suspicious")
    found = notes(readings, pd.DataFrame({"image_id": ["a", "a", "b", "b", "b"]}))
    assert found.empty
    found = notes(readings, pd.DataFrame({"image_id": ["a", "b", "a", "b", None]}))
    assert found["cluster_id"].tolist() == ["c0", "c2"]


def test_without_images_there_is_nothing_to_note(make_features):
    readings = READER.read(make_features(2, n_calcifications=9, max_distance_mm=8))
    assert notes(readings).empty
    assert notes(readings, pd.DataFrame(index=range(2))).empty
    assert list(notes(readings)) == ["cluster_id", "note", "text", "source"]


def test_a_vessel_gets_the_note_on_the_heart(make_features):
    readings = READER.read(make_features(2, n_calcifications=9, max_distance_mm=8))
    readings.morphology[1] = MORPHOLOGY_LABELS.index("vascular")
    found = notes(readings)
    assert found["cluster_id"].tolist() == ["c1"]
    assert "never a diagnosis" in found["text"][0]
    assert found["source"][0].startswith("article; Hendriks")
