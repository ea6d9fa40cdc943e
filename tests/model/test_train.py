"""Training: what it refuses, that chance is held, that groups stay together."""

import json

import numpy as np
import pytest

from calcigram import classify, explain
from calcigram.errors import BadInputError
from calcigram.features.catalogue import CATALOGUE, FEATURE_NAMES
from calcigram.features.extract import extract_features
from calcigram.lexicon import AXES, DISTRIBUTIONS
from calcigram.model.labels import (
    ALL_MARKS,
    BRANCHING_LEAST,
    CUT_SHARE,
    CUT_TO,
    FEWER,
    FEWER_SHARE,
    FORGOTTEN,
    Labelled,
    fewer_left,
    forgetful_copy,
    group_codes,
    hide_marks,
    hold_out,
    label_codes,
)
from calcigram.model.prior import load_prior
from calcigram.model.reader import load_model
from calcigram.model.train import train_model

SMALL = {"n_iterations": 2, "n_jobs": 1}
pytestmark = pytest.mark.filterwarnings("ignore:no cluster is labelled")


def relabelled(clusters, **columns):
    meta = clusters.meta.assign(**columns)
    return clusters.__class__(**{**vars(clusters), "meta": meta})


def test_same_seed_same_model(clusters, features):
    models = [train_model(clusters, features=features, seed=s, **SMALL) for s in (1, 1, 2)]
    assert models[0].version == models[1].version != models[2].version


@pytest.mark.slow
def test_processes_change_nothing(clusters, features):
    one, two = (train_model(clusters, features=features, n_iterations=2, n_jobs=n) for n in (1, 2))
    assert one.version == two.version


def test_cache_is_used_and_changes_nothing(clusters, features, tmp_path, monkeypatch):
    first = train_model(clusters, cache=tmp_path, **SMALL)

    def fail(*_, **__):
        raise AssertionError("measured again")

    monkeypatch.setattr("calcigram.features.extract.extract_features", fail)
    again = train_model(relabelled(clusters, note="other meta"), cache=tmp_path, **SMALL)
    assert first.version == again.version


def test_progress_goes_to_standard_error(clusters, features, capsys):
    train_model(clusters, features=features, progress=True, **SMALL)
    assert capsys.readouterr().out == ""


def test_card_is_json_and_says_what_was_done(clusters, features):
    model = train_model(clusters, features=features, seed=5, description={"note": "x"}, **SMALL)
    card = json.loads(json.dumps(model.card, allow_nan=False))
    assert card["seed"] == 5
    assert card["note"] == "x"
    assert card["training"]["clusters"] == len(clusters)
    assert card["training"]["labels"]["distribution"]["branching"] == 0
    assert card["held_out"]["distribution"]["accuracy"] > 0.5
    assert 0 <= card["held_out"]["concern"]["expected_calibration_error"] <= 1
    assert model.estimators is None


def test_estimators_are_kept_on_request(clusters, features):
    model = train_model(clusters, features=features, keep_estimators=True, **SMALL)
    rows = features.values[:50]
    logits = model.morphology.logits(rows)
    np.testing.assert_allclose(
        logits, model.estimators["morphology"]._raw_predict(rows), rtol=0, atol=1e-6
    )


def test_unlabelled_clusters_are_left_out_of_their_head(clusters, features):
    words = clusters.meta["true_morphology"].astype(object)
    words[:100] = None
    words[100:120] = "unread"
    model = train_model(relabelled(clusters, true_morphology=words), features=features, **SMALL)
    labels = model.card["training"]["labels"]
    assert sum(labels["morphology"].values()) == len(clusters) - 120
    assert sum(labels["distribution"].values()) == len(clusters)


def test_two_classes_are_enough(clusters, features):
    two = clusters.meta["true_distribution"].replace("diffuse", "grouped")
    model = train_model(relabelled(clusters, true_distribution=two), features=features, **SMALL)
    readings = model.read(features)
    assert set(readings.to_dataframe()["distribution"]) == {"grouped", "linear"}


def test_a_mark_that_no_cluster_has(clusters):
    model = train_model(clusters.without("cnr"), **SMALL)
    part = clusters[:30]
    with_cnr, without = (
        model.read(extract_features(c)).p_morphology for c in (part, part.without("cnr"))
    )
    np.testing.assert_array_equal(with_cnr, without)


def test_absent_words_are_warned_of(clusters, features):
    with pytest.warns(UserWarning, match="no cluster is labelled regional, segmental, branching"):
        train_model(clusters, features=features, **SMALL)


WRONG = {
    "no word": (
        {"true_distribution": "star"},
        r"cluster '0', column 'true_distribution': got 'star'",
    ),
    "one class": (
        {"true_distribution": "linear"},
        r"\['linear'\], expected labels of at least two",
    ),
    "no labels": (
        {"true_morphology": None, "true_distribution": None},
        "column 'true_distribution or true_morphology': expected labels of at least two classes",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_refuses_labels(clusters, features, wrong):
    columns, message = WRONG[wrong]
    with pytest.raises(BadInputError, match=message):
        train_model(relabelled(clusters, **columns), features=features, **SMALL)


def test_refuses_a_class_of_few(clusters, features):
    words = clusters.meta["true_distribution"].to_numpy(object).copy()
    words[:3] = "branching"
    with pytest.raises(BadInputError, match="'3 of branching', expected at least 10 clusters"):
        train_model(relabelled(clusters, true_distribution=words), features=features, **SMALL)


def test_rare_classes_are_left_out_on_request(clusters, features):
    words = clusters.meta["true_distribution"].to_numpy(object).copy()
    words[:9] = "branching"
    nine = relabelled(clusters, true_distribution=words)
    with pytest.raises(BadInputError, match=r"'9 of branching'.*--drop-rare \(drop_rare=True\)"):
        train_model(nine, features=features, **SMALL)
    with pytest.warns(UserWarning, match=r"true_distribution: left out as rare: branching \(9\)"):
        model = train_model(nine, features=features, drop_rare=True, **SMALL)
    assert (model.read(features).p_distribution[:, 5] == 0).all()
    assert model.card["training"]["labels"]["distribution"]["branching"] == 0


@pytest.mark.parametrize("axis", ["distribution", "morphology"])
def test_labels_on_one_axis_are_enough_for_that_axis(axis, clusters, features, tmp_path):
    other = {"distribution": "morphology", "morphology": "distribution"}[axis]
    part = relabelled(clusters, **{f"true_{other}": None})
    with pytest.warns(UserWarning, match=f"true_{other}: the model will not read that axis"):
        trained = train_model(part, features=features, **SMALL)
    trained.save(tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert model.version == trained.version
    assert f"reads no {other}" in repr(model)
    readings = model.read(features, prior=load_prior("uniform")).to_dataframe()
    assert set(readings[other]) == {"insufficient" if other == "distribution" else "unread"}
    both = train_model(clusters, features=features, **SMALL)
    np.testing.assert_array_equal(
        getattr(model.read(features), f"p_{axis}"), getattr(both.read(features), f"p_{axis}")
    )
    assert readings["concern"].notna().all()
    verdicts = classify(clusters[:20], model)
    assert len(verdicts) == 20
    assert explain(clusters[0], model, changes=False).why[0].axis == axis


def test_refuses_the_features_of_other_clusters(clusters, features):
    with pytest.raises(BadInputError, match="the features of these clusters"):
        train_model(clusters, features=features[::-1], **SMALL)


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_refuses_a_calibration_share(clusters, share):
    with pytest.raises(BadInputError, match="between 0 and 1"):
        train_model(clusters, calibration_share=share)


def test_groups_stay_together(clusters):
    held_out = hold_out(group_codes(clusters), 0.2, np.random.default_rng(0))
    assert held_out.mean() == pytest.approx(0.2, abs=0.02)
    groups = group_codes(clusters)
    assert not set(groups[held_out]) & set(groups[~held_out])


def test_clusters_without_a_group_are_groups_of_their_own(clusters):
    some = relabelled(clusters, group_id=[None, None, *["p"] * (len(clusters) - 2)])
    assert len(set(group_codes(some))) == 3
    none = relabelled(clusters, group_id=None)
    assert len(set(group_codes(none))) == len(clusters)


def test_labels_are_codes(clusters):
    codes = label_codes(clusters, "morphology")
    assert set(codes) == {0, 1, 7}
    assert (label_codes(clusters.from_arrays([0], [], []), "morphology") == -1).all()


def test_what_cannot_be_read_is_not_learnt(clusters):
    bare = extract_features(clusters[:4].positions_only())
    labelled = Labelled(bare, np.zeros(4, np.int8), np.zeros(4, np.int8))
    assert labelled.codes("morphology").tolist() == [-1] * 4
    assert labelled.codes("distribution").tolist() == [0] * 4


def test_hiding_marks_equals_measuring_without_them(clusters, features):
    part = clusters[:60]
    for marks in [pattern for _, pattern in FORGOTTEN]:
        np.testing.assert_array_equal(
            hide_marks(features[np.arange(60)], marks).values,
            extract_features(part.without(*marks)).values,
        )


def test_a_forgetful_copy_lacks_something(clusters, features):
    distribution, morphology = (label_codes(clusters, axis) for axis in AXES)
    distribution[::3] = DISTRIBUTIONS.index("branching")
    labelled = Labelled(features, distribution, morphology)
    forgotten = forgetful_copy(
        clusters, labelled, extract_features, np.random.default_rng(0)
    ).values
    positions = [k for k, spec in enumerate(CATALOGUE) if not spec.needs]
    count = FEATURE_NAMES.index("n_calcifications")
    fewer = forgotten[:, count] < features.values[:, count]
    np.testing.assert_array_equal(
        forgotten[~fewer][:, positions], features.values[~fewer][:, positions]
    )
    assert FEWER_SHARE / 2 < fewer.mean() <= 1.5 * FEWER_SHARE
    assert FEWER[0] <= forgotten[fewer, count].min() <= forgotten[fewer, count].max() <= FEWER[1]
    lost = (np.isnan(forgotten) & ~np.isnan(features.values)).any(axis=1)
    branching = labelled.distribution == DISTRIBUTIONS.index("branching")
    assert forgotten[fewer & branching, count].min() >= BRANCHING_LEAST
    assert lost.mean() > 0.9  # what the cluster never had cannot be forgotten
    assert sum(share for share, _ in FORGOTTEN) == pytest.approx(1)
    assert set(ALL_MARKS) >= {mark for spec in CATALOGUE for mark in spec.needs}
    assert features.names == FEATURE_NAMES


def test_clusters_cut_down_for_calibration_keep_their_labels(clusters, features):
    labelled = Labelled(features, *(label_codes(clusters, axis) for axis in AXES))
    few = fewer_left(clusters, labelled, extract_features, np.random.default_rng(0))
    counts = few.features.n_calcifications
    assert CUT_TO[0] <= counts.min() <= counts.max() <= CUT_TO[1]
    own = clusters.n_calcifications
    n_few = ((own >= CUT_TO[0]) & (own <= CUT_TO[1])).sum()
    assert len(counts) == min(round(CUT_SHARE * n_few), (own > 2 * CUT_TO[1]).sum())
    place = {name: k for k, name in enumerate(clusters.cluster_id)}
    rows = [place[name] for name in few.features.cluster_id]
    assert (few.distribution == labelled.distribution[rows]).all()


def test_each_head_has_its_own_number_of_rounds(clusters, features):
    model = train_model(clusters, features=features, n_iterations=3, form_iterations=2, n_jobs=1)
    rounds = [head.forest.n_trees / len(head.classes) for head in model.heads]
    assert rounds == [3, 2]
    assert model.card["trees"]["form_iterations"] == 2
