"""Scores against slow counts; what is left out of them; baselines; a transfer test of toy size."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

import calcigram
from calcigram.clusters import ClusterSet
from calcigram.consequences import load_rulebook
from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import Features, extract_features
from calcigram.lexicon import (
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
)
from calcigram.rules.engine import RuleReader
from calcigram.simulate import simulate
from calcigram.validate import (
    LogisticReader,
    MajorityReader,
    compare,
    evaluate,
    evaluate_reader,
    transfer,
)
from calcigram.validate.evaluation import COUNT_BINS, FIVE_FEATURES, count_bins, readings_from
from calcigram.validate.transfer import make_folds

N = 400


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "distribution": rng.choice([str(d) for d in DISTRIBUTIONS], N),
            "morphology": rng.choice([str(m) for m in MORPHOLOGIES[:8]], N),
            "grade": rng.choice(["hard", "easy"], N),
        }
    )


@pytest.fixture(scope="module")
def readings(truth):
    """Readings that are right in part, some of them statuses."""
    rng = np.random.default_rng(1)

    def probabilities(words, true):
        p = rng.dirichlet(np.full(len(words), 0.3), N)
        p[np.arange(N), [list(words).index(w) for w in true]] += 0.6
        return p / p.sum(axis=1, keepdims=True)

    values = np.full((N, len(FEATURE_NAMES)), np.nan, np.float32)
    values[:, FEATURE_NAMES.index("n_calcifications")] = np.where(np.arange(N) < 20, 2, 9)
    values[30:, FEATURE_NAMES.index("cnr_median")] = 5
    features = Features(values, np.array([f"c{i}" for i in range(N)], object))
    return readings_from(
        features,
        probabilities(DISTRIBUTIONS, truth["distribution"]),
        probabilities(MORPHOLOGIES, truth["morphology"]),
        reader="test",
    )


@pytest.fixture(scope="module")
def evaluation(readings, truth):
    return evaluate(
        readings, truth["distribution"], truth["morphology"], parts={"grade": truth["grade"]}
    )


def test_equals_scikit_learn(evaluation, readings, truth):
    read = readings.to_dataframe()
    for axis, words in (("distribution", DISTRIBUTIONS), ("morphology", MORPHOLOGIES)):
        scores = evaluation.axes[axis]
        words = [str(w) for w in words]
        p, r, _f, n = precision_recall_fscore_support(
            truth[axis], read[axis].astype(str), labels=words, zero_division=np.nan
        )
        present = n > 0
        np.testing.assert_allclose(scores.precision[present], p[present])
        np.testing.assert_allclose(scores.recall[present], r[present])
        np.testing.assert_array_equal(scores.support, n)
        expected = f1_score(
            truth[axis], read[axis].astype(str), labels=np.array(words)[present], average="macro"
        )
        assert scores.macro_f1 == pytest.approx(expected)
        assert scores.accuracy == pytest.approx((truth[axis] == read[axis].astype(str)).mean())


def test_a_word_that_is_never_true_has_no_score(evaluation):
    scores = evaluation.axes["morphology"]
    assert scores.support[-1] == 0
    assert np.isnan([scores.f1[-1], scores.recall[-1], scores.precision[-1]]).all()
    assert np.isfinite(scores.macro_f1)


def test_a_status_is_a_miss_and_is_counted(evaluation):
    scores = evaluation.axes["distribution"]
    column = scores.read_as.index("insufficient")
    assert scores.confusion[:, column].sum() == 20
    assert scores.unread_share == pytest.approx(20 / N)
    assert scores.curve.count.sum() == N - 20


def test_what_nobody_could_read_is_left_out(readings, truth):
    words = truth["morphology"].to_numpy(object).copy()
    words[:30] = "unread"
    scores = evaluate(readings, truth["distribution"], words).axes["morphology"]
    assert scores.n == N - 30
    assert scores.unread_share == 0


def test_concern_is_the_articles_of_the_true_pattern(evaluation, readings, truth):
    book = load_rulebook("article")
    pairs = [
        (DISTRIBUTION_LABELS.index(d), MORPHOLOGY_LABELS.index(m))
        for d, m in zip(truth["distribution"], truth["morphology"], strict=True)
    ]
    true = np.array([book.concern_codes[pair] for pair in pairs])
    scores = evaluation.axes["concern"]
    assert scores.labels == tuple(str(c) for c in CONCERNS)
    np.testing.assert_array_equal(scores.support, np.bincount(true, minlength=3))
    assert scores.accuracy == pytest.approx((readings.concern == true).mean())


def test_true_concern_of_an_unread_form(readings, truth):
    unread = np.full(N, "unread", object)
    scores = evaluate(readings, truth["distribution"], unread).axes["concern"]
    book = load_rulebook("article")
    codes = [DISTRIBUTION_LABELS.index(d) for d in truth["distribution"]]
    true = book.concern_of(codes, MORPHOLOGY_LABELS.index("unread"))
    np.testing.assert_array_equal(scores.support, np.bincount(true, minlength=3))


def test_without_the_truth_of_an_axis_there_is_no_score(readings, truth):
    evaluation = evaluate(readings, truth["distribution"])
    assert list(evaluation.axes) == ["distribution"]
    half = truth["distribution"].where(truth.index < 100, None)
    assert evaluate(readings, half).axes["distribution"].n == 100


def test_parts_add_up(evaluation, truth):
    parts = evaluation.parts["grade"]
    assert list(parts) == ["easy", "hard"]
    for name, axes in parts.items():
        assert axes["distribution"].n == (truth["grade"] == name).sum()
    both = sum(axes["distribution"].confusion for axes in parts.values())
    np.testing.assert_array_equal(both, evaluation.axes["distribution"].confusion)


def test_tables_json_and_markdown(evaluation):
    frame = evaluation.to_frame()
    assert len(frame) == 9
    assert frame.loc[0, ["by", "part", "axis"]].tolist() == ["all", "all", "distribution"]
    assert len(evaluation.per_class()) == 6 + 9 + 3
    told = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert told["axes"]["morphology"]["per_class"]["vascular"]["f1"] is None
    assert len(told["axes"]["distribution"]["calibration_curve"]["count"]) <= 15
    text = evaluation.to_markdown()
    assert "| grade | easy | distribution |" in text
    assert "nan" not in text


def test_interval_of_kappa_holds_it(evaluation):
    kappa = evaluation.axes["distribution"].kappa
    assert kappa.low < kappa.kappa < kappa.high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"true_distribution": ["linear"]}, "got '1 values', expected 400 values"),
        ({"true_distribution": ["star"] * N}, "column 'true_distribution': got 'star'"),
        ({"true_morphology": ["round"] * N, "parts": {"grade": ["a"]}}, "column 'grade'"),
        ({"true_morphology": ["round"] * N, "groups": ["a"]}, "column 'groups'"),
    ],
)
def test_refuses(readings, arguments, message):
    given = {name: np.array(v, object) if name[0] == "t" else v for name, v in arguments.items()}
    with pytest.raises(BadInputError, match=message):
        evaluate(readings, **given)


def test_count_bins_have_no_gaps():
    for (_, high, _), (low, _, _) in itertools.pairwise(COUNT_BINS):
        assert low == high + 1
    for low, high, name in COUNT_BINS:
        assert count_bins([low or 1, high]).tolist() == [name, name]


@pytest.fixture(scope="module")
def simulated():
    clusters = simulate(150, seed=4, grade="mixed")
    return clusters, extract_features(clusters)


def test_baselines_are_readers(simulated):
    clusters, features = simulated
    evaluations = {
        "rules": evaluate_reader(RuleReader(), clusters, features=features, n_boot=0),
        "logistic": evaluate_reader(
            LogisticReader.fit(clusters, features), clusters, features=features, n_boot=0
        ),
        "majority": evaluate_reader(
            MajorityReader.fit(clusters), clusters, features=features, n_boot=0
        ),
    }
    table = compare(evaluations).query("by == 'all'").set_index("axis")
    assert table.loc["distribution", "logistic"] > 2 * table.loc["distribution", "majority"]
    assert table.loc["morphology", "rules"] > table.loc["morphology", "majority"]
    assert set(evaluations["rules"].parts) == {"grade", "n_calcifications"}
    # The majority class: precision is its share, recall 1, all others 0.
    shares = clusters.meta["true_distribution"].value_counts(normalize=True)
    expected = 2 * shares.max() / (1 + shares.max()) / len(shares)
    assert table.loc["distribution", "majority"] == pytest.approx(expected)


def test_logistic_regression_sees_five_features_an_axis():
    assert {len(names) for names in FIVE_FEATURES.values()} == {5}
    assert set(sum(FIVE_FEATURES.values(), ())) <= set(FEATURE_NAMES)


def test_positions_alone_are_scored_on_one_axis(simulated):
    clusters, _ = simulated
    evaluation = evaluate_reader(MajorityReader.fit(clusters), clusters.positions_only())
    assert set(evaluation.axes) == {"distribution", "concern"}


def test_no_clusters_have_no_scores(simulated):
    clusters, _ = simulated
    none = ClusterSet.from_arrays([0], [], [], meta={"true_distribution": []})
    evaluation = evaluate_reader(MajorityReader.fit(clusters), none)
    assert evaluation.axes == {}
    assert evaluation.to_frame().empty


def test_folds_leave_every_mechanism_out_once_at_least():
    from calcigram.simulate import mechanism_ids

    folds = make_folds()
    left_out = {name for fold in folds for name in (*fold.arrangements, *fold.particles)}
    assert left_out == set(mechanism_ids())
    for fold in folds:
        assert len({name.split(".")[0] for name in fold.particles}) == 9
        assert {name.split(".")[0] for name in fold.arrangements} == set(DISTRIBUTIONS)


@pytest.mark.slow
def test_folds_hold_only_what_a_preset_draws():
    left_out = {name for fold in make_folds("bench_v1") for name in fold.particles}
    assert "round.pearls" not in left_out
    assert {"round.spheres", "round.lucent_discs"} <= left_out


def test_transfer_of_toy_size():
    result = transfer(n_train=700, n_test=60, n_folds=2, n_iterations=3, seed=50)
    summary = result.summary().set_index(["axis", "kind"])
    assert set(summary.index.get_level_values("kind")) == {"in_domain", "left_out", "left_out_both"}
    assert (summary["worst"] <= summary["mean"]).all()
    per_class = result.per_class()
    assert len(per_class) == 6 + 9
    assert {"mean", "worst", "worst_fold", "in_domain"} <= set(per_class.columns)
    json.dumps(result.to_dict(), allow_nan=False)
    assert "| distribution | left_out |" in result.to_markdown()
    again = transfer(n_train=700, n_test=60, n_folds=2, n_iterations=3, seed=50, n_jobs=2)
    pd.testing.assert_frame_equal(result.scores, again.scores)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (calcigram.evaluate, "evaluate: got 'ClusterSet', expected readings"),
        (lambda clusters: calcigram.crosscheck(clusters, clusters), "crosscheck: got 'ClusterSet'"),
        (lambda clusters: calcigram.train_model(clusters.meta), "train_model: got 'DataFrame'"),
        (lambda clusters: calcigram.load_model(len(clusters)), "load_model: got 'int'"),
    ],
)
def test_the_wrong_kind_of_thing_is_refused_with_what_was_expected(call, message):
    with pytest.raises(BadInputError, match=message):
        call(calcigram.simulate(3, seed=1))
