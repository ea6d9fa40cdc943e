"""What is missing is said once, with its cost, however the clusters come."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from calcigram import classify, simulate
from calcigram.classify import Classifier, count_missing, missing_note, missing_words

FORM = ("aspect_ratio", "orientation_deg", "solidity", "cnr")


@pytest.fixture(scope="module")
def clusters():
    return simulate(60, seed=1, grade="easy")


def test_nothing_is_said_where_all_was_compared(clusters):
    verdicts = classify(clusters)
    whole = (verdicts.compared == "both").to_numpy()
    assert missing_note(clusters[whole], verdicts[whole]) == []


def test_a_model_without_morphology_is_no_missing_mark(clusters):
    whole = clusters[np.isfinite(np.add.reduceat(clusters.cnr, clusters.offsets[:-1]))][:5]
    verdicts = classify(whole).assign(morphology="unread", rule_morphology="round")
    assert count_missing(whole, verdicts)["uncompared"] == 0


def test_positions_alone(clusters):
    bare = clusters.positions_only()
    (note,) = classify(bare).attrs["notes"]
    assert note == (
        "60 of 60 clusters lack diameter_mm, aspect_ratio, solidity and cnr: neither the model nor "
        "the rules can read their morphology, so the two readings are compared on the distribution "
        "alone, and every concern rests on that."
    )
    one = missing_words(count_missing(bare[:1], classify(bare[:1])) | {"clusters": 9})
    assert one.startswith("1 of 9 clusters lacks diameter_mm")
    assert "read its morphology" in one
    assert "and its concern rests on that" in one
    (note,) = classify(bare[:1]).attrs["notes"]
    assert note.startswith(
        "This cluster lacks diameter_mm, aspect_ratio, solidity and cnr: neither"
    )


def test_positions_and_diameters(clusters):
    (note,) = classify(clusters.without(*FORM)).attrs["notes"]
    assert " lack aspect_ratio, solidity and cnr: the rules cannot read their morphology" in note
    assert "nothing checks the morphology that the model reads" in note


def test_counts_of_parts_are_those_of_the_whole(clusters):
    some = clusters.without(*FORM)
    columns = Classifier(None, None).columns(some)
    parts = Counter()
    for batch in some.batches(7):
        parts.update(count_missing(batch, classify(batch)))
    assert missing_words(parts) == missing_words(count_missing(some, columns))


def test_the_command_line_says_it_once(clusters, tmp_path, capsys):
    from calcigram import write_clusters
    from calcigram.cli import main

    source = tmp_path / "a.csv"
    write_clusters(clusters.positions_only(), source)
    for arguments in (
        ["classify", str(source)],
        ["classify", str(source), "-o", str(tmp_path / "v.csv")],
        ["report", str(source), "-o", str(tmp_path / "r.html"), "--max-pictures", "1"],
    ):
        assert main(arguments) == 0
        said = capsys.readouterr()
        assert (said.out + said.err).count("clusters lack diameter_mm") == 1
    assert (tmp_path / "r.html").read_text().count("clusters lack diameter_mm") == 1
