"""Explanations: they add up, name what fired, and a change they promise does alter the concern."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import calcigram
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.explain.influences import _copies, _stretch, smallest_changes
from calcigram.features.catalogue import FAMILIES, FEATURE_NAMES, feature_words, with_unit
from calcigram.features.extract import extract_features
from calcigram.model.head import is_readable


@pytest.fixture(scope="module")
def grouped(unseen):
    row = int(np.flatnonzero(unseen.meta["true_distribution"] == "grouped")[0])
    return unseen[row]


@pytest.fixture(scope="module")
def found(grouped, model):
    return calcigram.explain(grouped, model)


def read_by(model):
    return lambda clusters: model.read(extract_features(clusters))


def test_contributions_add_up_to_the_calibrated_log_odds(found, grouped, model):
    features = extract_features(grouped)
    for why, head in zip(found.why, model.heads, strict=True):
        p = head.probabilities(features.values, is_readable(features, "morphology"))[0]
        read, other = np.sort(p)[::-1][:2]
        assert why.log_odds == pytest.approx(np.log(read / other), abs=1e-4)
        total = why.start + sum(one.log_odds for one in why.contributions)
        assert total == pytest.approx(why.log_odds, abs=1e-9)
        assert sum(why.families.values()) == pytest.approx(total - why.start, abs=1e-9)
        assert tuple(why.families) == FAMILIES
        sizes = [abs(one.log_odds) for one in why.contributions]
        assert sizes == sorted(sizes, reverse=True)


def test_what_parts_the_words_is_named(found, clusters):
    by_axis = {why.axis: why for why in found.why}
    assert by_axis["morphology"].contributions[0].family == "particles"
    assert by_axis["distribution"].contributions[0].family != "particles"
    first = by_axis["morphology"].contributions[0]
    if by_axis["morphology"].word == "punctate" and first.feature.startswith("diameter"):
        assert first.median_read > first.median_other


def test_rules_say_by_how_much(found, grouped):
    (rule, *_) = found.fired
    values = dict(zip(FEATURE_NAMES, extract_features(grouped).values[0], strict=True))
    for condition in rule.conditions:
        assert condition.holds
        if condition.comparison in ("<", "<="):
            assert condition.margin == pytest.approx(condition.threshold - values[condition.feature], rel=1e-4)  # fmt: skip
    assert all(sum(not c.holds for c in missed.conditions) == 1 for missed in found.missed)
    assert all(c.margin < 0 for m in found.missed for c in m.conditions if not c.holds)


def test_the_most_alike_bear_the_same_words(found, model, clusters):
    assert len(found.examples) == 5
    likeness = [one.likeness for one in found.examples]
    assert likeness == sorted(likeness, reverse=True)
    assert 0 < likeness[0] <= 1
    assert {one.distribution for one in found.examples} == {"grouped"}
    assert set(model.exemplars.names) <= set(clusters.cluster_id)
    own = calcigram.explain(clusters[clusters.cluster_id == model.exemplars.names[0]], model, changes=False)  # fmt: skip
    assert own.examples[0].likeness == 1.0


def test_every_change_does_what_it_says(model, unseen):
    read, seen = read_by(model), set()
    for i in range(len(unseen)):
        cluster = unseen[i]
        before = read(cluster).concern[0]
        for change in smallest_changes(cluster, read):
            seen.add(change.kind)
            rows = np.arange(len(cluster.x_mm))[None]
            if change.kind == "remove":
                changed = _copies(cluster, np.setdiff1d(rows, change.calcifications)[None])
                assert len(change.calcifications) == change.amount
            elif change.kind == "distances":
                changed = _stretch(_copies(cluster, rows), np.array([change.amount]))
            else:
                continue
            after = read(changed)
            assert after.concern[0] not in (before, -1)
            assert change.concern == str(calcigram.lexicon.CONCERNS[after.concern[0]])
    assert "distances" in seen or "remove" in seen


def test_stretching_keeps_the_centre(grouped):
    rows = np.tile(np.arange(len(grouped.x_mm)), (2, 1))
    wide = _stretch(_copies(grouped, rows), np.array([1.0, 2.0]))
    n = len(grouped.x_mm)
    np.testing.assert_allclose(wide.x_mm[:n], grouped.x_mm, atol=1e-5)
    assert wide.x_mm[n:].mean() == pytest.approx(grouped.x_mm.mean(), abs=1e-4)
    assert np.ptp(wide.x_mm[n:]) == pytest.approx(2 * np.ptp(grouped.x_mm), rel=1e-4)


def test_text_fits_and_says_what_it_must(found):
    text = found.to_text(79)
    assert max(map(len, text.splitlines())) <= 79
    for part in (
        "Why grouped rather than",
        "Rules that decided",
        "Most alike",
        "nor a diagnosis",
        "mm",
    ):
        assert part in text
    wide = found.to_text(110)
    assert len(wide.splitlines()) < len(text.splitlines())


def test_json_holds_all(found):
    plain = json.loads(json.dumps(found.to_dict()))
    assert {"why", "fired", "missed", "examples", "changes", "risk"} <= set(plain)
    assert plain["why"][0]["families"].keys() == set(FAMILIES)


def test_picture(found, tmp_path):
    figure = found.plot()
    figure.savefig(tmp_path / "why.png", dpi=50)
    assert len(figure.axes) == 3
    assert (tmp_path / "why.png").stat().st_size > 2000


def test_without_exemplars_the_rest_is_said(grouped, model, clusters):
    bare = replace(model, exemplars=None)
    found = calcigram.explain(grouped, bare, changes=False)
    assert found.why == found.examples == ()
    assert "keeps no exemplars" in found.to_text()
    assert len(found.plot().axes) == 1
    again = calcigram.explain(grouped, bare, reference=clusters, changes=False)
    assert len(again.why) == 2


def test_positions_alone(grouped, model):
    found = calcigram.explain(grouped.positions_only(), model)
    assert [why.axis for why in found.why] == ["distribution"]
    assert found.model["morphology"] == "unread"
    assert found.to_text()


def test_one_calcification_has_nothing_to_turn(model):
    lone = ClusterSet.from_arrays([0, 1], [0.0], [0.0], cluster_id=["a\x1b[31m"])
    found = calcigram.explain(lone, model)
    text = found.to_text()
    assert "\x1b" not in text
    assert found.changes == ()
    assert np.isnan(found.risk["p_malignant"])


def test_exactly_one_cluster(unseen, model):
    with pytest.raises(BadInputError, match="one cluster"):
        calcigram.explain(unseen[:2], model)


def test_words_and_units():
    assert feature_words("hull_area_mm2") == "hull area"
    assert feature_words("ring_cv") == "ring cv"
    assert with_unit(3.0, "mm2") == "3 mm2"


def test_exemplars_travel_in_the_model_file(model, grouped, tmp_path):
    model.save(tmp_path / "m")
    again = calcigram.load_model(tmp_path / "m")
    assert again.exemplars.names == model.exemplars.names
    np.testing.assert_array_equal(again.exemplars.values, model.exemplars.values)
    assert again.version == model.version
