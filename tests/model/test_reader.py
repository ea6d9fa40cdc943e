"""What the model says of clusters that lack something, and that its patterns make sense."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calcigram.clusters import ClusterSet
from calcigram.concerns import raw_concern
from calcigram.consequences import load_rulebook
from calcigram.errors import BadInputError
from calcigram.features.extract import Features, extract_features
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    AXES,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
)
from calcigram.model.prior import load_prior
from calcigram.model.reader import load_model, readings_of
from calcigram.simulate import simulate


def test_reads_clusters_it_never_saw(model, labelled_clusters):
    fresh = labelled_clusters(200, seed=9)
    words = model.read(extract_features(fresh)).to_dataframe()
    assert (words["distribution"] == fresh.meta["true_distribution"]).mean() > 0.9
    assert (words["morphology"] == fresh.meta["true_morphology"]).mean() > 0.9


def test_reads_positions_alone(model, labelled_clusters):
    fresh = labelled_clusters(200, seed=9)
    readings = model.read(extract_features(fresh.positions_only()))
    words = readings.to_dataframe()
    assert (words["distribution"] == fresh.meta["true_distribution"]).mean() > 0.9
    assert (words["morphology"] == "unread").all()
    assert np.isnan(readings.p_morphology).all()
    np.testing.assert_allclose(readings.p_concern.sum(axis=1), 1, atol=1e-5)


def test_one_form_mark_is_enough_to_read_the_form(model, clusters):
    only_cnr = clusters[:5].without("diameter_mm", "aspect_ratio", "solidity", "orientation_deg")
    readings = model.read(extract_features(only_cnr))
    assert np.isfinite(readings.p_morphology).all()


def test_fewer_than_three_have_a_form_and_no_distribution(model):
    clusters = ClusterSet.from_arrays(
        [0, 2, 3, 3], [0, 1, 0], [0, 1, 0], diameter_mm=[0.2, 0.2, np.nan]
    )
    readings = model.read(extract_features(clusters))
    words = readings.to_dataframe()
    assert (words["distribution"] == "insufficient").all()
    assert words["morphology"].tolist()[1:] == ["unread", "unread"]
    assert words["morphology"][0] in MORPHOLOGIES
    assert np.isnan(readings.p_distribution).all()
    # Neither axis read: no concern, and no probability of one.
    assert readings.concern[1] == readings.concern[2] == -1
    assert np.isnan(readings.p_concern[1:]).all()


def test_columns_fit_together(model, features):
    readings = model.read(features)
    np.testing.assert_allclose(readings.p_distribution.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(readings.p_morphology.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(readings.distribution, readings.p_distribution.argmax(axis=1))
    np.testing.assert_array_equal(readings.morphology, readings.p_morphology.argmax(axis=1))
    article, birads = load_rulebook("article"), load_rulebook("birads")
    pair = readings.distribution, readings.morphology
    np.testing.assert_array_equal(readings.concern, readings.p_concern.argmax(axis=1))
    np.testing.assert_array_equal(readings.pattern_concern, article.concern_codes[pair])
    same = readings.concern == readings.pattern_concern
    assert same.mean() > 0.9
    np.testing.assert_array_equal(readings.origin[same], article.origin_codes[pair][same])
    np.testing.assert_array_equal(readings.birads_concern, birads.concern_codes[pair])
    assert readings.reader == f"model {model.version}"
    assert readings.cluster_id is features.cluster_id


def test_words_it_was_not_trained_on_have_probability_zero(model, features):
    readings = model.read(features)
    assert readings.p_distribution[:, DISTRIBUTIONS.index("branching")].max() == 0
    assert readings.p_morphology[:, MORPHOLOGIES.index("vascular")].max() == 0


@given(
    arrays(float, (5, 6), elements=st.floats(0, 1)), arrays(float, (5, 9), elements=st.floats(0, 1)),
    arrays(float, (5, 3), elements=st.sampled_from([0.2, 0.4])),
)  # fmt: skip
def test_the_concern_is_the_most_probable_one_and_the_origin_goes_with_it(p_d, p_m, p_concern):
    p_d[3], p_m[4] = np.nan, np.nan
    got = readings_of(np.arange(5).astype(str).astype(object), p_d, p_m, p_concern, reader="r")
    article = load_rulebook("article")
    has_answer = got.pattern_concern >= 0
    np.testing.assert_array_equal(got.concern >= 0, has_answer)
    assert np.isnan(got.p_concern[~has_answer]).all()
    for i in np.flatnonzero(has_answer):
        best = got.p_concern[i].max()
        # Of equally probable ones the graver.
        assert got.concern[i] == np.flatnonzero(got.p_concern[i] == best)[-1]
        origins = article.origin_codes[article.concern_codes == got.concern[i]]
        assert got.origin[i] in origins
        if got.concern[i] == got.pattern_concern[i]:
            assert got.origin[i] == article.origin_of(got.distribution[i], got.morphology[i])


def test_without_an_answer_to_the_words_there_is_no_concern():
    p_d, p_m = np.full((1, 6), np.nan), np.full((1, 9), np.nan)
    got = readings_of(np.array(["a"], object), p_d, p_m, np.full((1, 3), 1 / 3), reader="r")
    assert got.concern[0] == -1
    assert np.isnan(got.p_concern).all()


def test_threads_and_chunks_change_nothing(model, features, monkeypatch):
    monkeypatch.setattr("calcigram.model.reader._CHUNK_ROWS", 50)
    one, many = model.read(features, n_threads=1), model.read(features, n_threads=3)
    for name in ("p_distribution", "p_morphology", "p_concern"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))
    single = model.read(features[7])
    np.testing.assert_allclose(single.p_concern, one.p_concern[7:8], atol=1e-6)


@pytest.mark.parametrize("coverage", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("prior", [None, "clinical", "uniform"])
def test_a_set_always_holds_the_word_that_was_read(coverage, prior):
    clusters = simulate(300, seed=12)
    features = extract_features(
        clusters.thinned(np.maximum(2, np.arange(300) % 40), np.random.default_rng(0))
    )
    prior = None if prior is None else load_prior(prior)
    readings = load_model().read(features, coverage=coverage, prior=prior)
    for axis in AXES:
        words, sets = getattr(readings, axis), getattr(readings, f"{axis}_set")
        read = np.isfinite(getattr(readings, f"p_{axis}")[:, 0])
        assert sets[read, words[read]].all()
        assert not sets[~read].any()


def test_no_clusters_give_no_readings(model, features):
    assert len(model.read(features[:0])) == 0


def test_refuses_other_features(model, features):
    reversed_names = Features(features.values, features.cluster_id, features.names[::-1])
    with pytest.raises(BadInputError, match="the same features in another order"):
        model.read(reversed_names)
    with pytest.raises(BadInputError, match="missing"):
        model.read(Features(features.values[:, 1:], features.cluster_id, features.names[1:]))


def _probabilities(n_classes):
    weights = arrays(float, (4, n_classes), elements=st.floats(1e-6, 1))
    return weights.map(lambda w: w / w.sum(axis=1, keepdims=True))


@given(_probabilities(6), _probabilities(9))
@settings(max_examples=50)
def test_raw_concern_equals_the_sum_over_patterns(p_d, p_m):
    codes = load_rulebook("article").concern_codes
    expected = np.zeros((4, 3))
    for i, d in enumerate(DISTRIBUTIONS):
        for j, m in enumerate(MORPHOLOGIES):
            if (d, m) in ADMISSIBLE_PAIRS:
                expected[:, codes[i, j]] += p_d[:, i] * p_m[:, j]
    expected /= expected.sum(axis=1, keepdims=True)
    found, case = raw_concern(p_d, p_m)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (case == 0).all()


@given(_probabilities(6), _probabilities(9))
@settings(max_examples=50)
def test_raw_concern_with_one_axis(p_d, p_m):
    codes = load_rulebook("article").concern_codes
    unread, insufficient = (
        MORPHOLOGY_LABELS.index("unread"),
        DISTRIBUTION_LABELS.index("insufficient"),
    )
    by_d = np.zeros((4, 3))
    for i in range(6):
        by_d[:, codes[i, unread]] += p_d[:, i]
    by_m = np.zeros((4, 3))
    for j in range(9):
        if codes[insufficient, j] >= 0:
            by_m[:, codes[insufficient, j]] += p_m[:, j]
    none_d, none_m = np.full_like(p_d, np.nan), np.full_like(p_m, np.nan)
    np.testing.assert_allclose(raw_concern(p_d, none_m)[0], by_d, atol=1e-12)
    np.testing.assert_allclose(
        raw_concern(none_d, p_m)[0], by_m / by_m.sum(axis=1, keepdims=True), atol=1e-12
    )
    assert np.isnan(raw_concern(none_d, none_m)[0]).all()
    assert (raw_concern(none_d, none_m)[1] == -1).all()


def test_version_changes_with_anything_that_decides_a_reading(model):
    scalings = dict(model.concern_scalings)
    scalings["both_read"] = replace(scalings["both_read"], inverse_temperature=0.5)
    assert replace(model, concern_scalings=scalings).version != model.version
    assert model.version.startswith("trained+")
    assert len(CONCERNS) == len(scalings["both_read"].bias)


def test_what_the_lexicon_rules_out_at_two_centimetres_has_probability_zero(model, features):
    readings = model.read(features)
    small = features.column("max_distance_mm") <= 20
    wide = [DISTRIBUTIONS.index(word) for word in ("regional", "diffuse", "segmental")]
    assert (readings.p_distribution[np.ix_(small, wide)] == 0).all()
    np.testing.assert_allclose(readings.p_distribution.sum(axis=1), 1, atol=1e-5)
