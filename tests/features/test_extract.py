import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram.classify import classify
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.features.catalogue import CATALOGUE, FEATURE_NAMES
from calcigram.features.extract import Features, extract_features
from calcigram.model import train_model
from calcigram.simulate import simulate

SHAPES = ("blob", "arc", "wedge")


def _points(rng, shape, n):
    a, b = rng.uniform(0, 1, n), rng.normal(size=n)
    if shape == "blob":
        return np.c_[rng.normal(size=n) * 9, b * 4]
    if shape == "arc":
        return np.c_[25 * np.cos(1.5 * a), 25 * np.sin(1.5 * a)] + rng.normal(size=(n, 2)) * 0.3
    return np.c_[a * 40, a * b * 8]


def _set(points, marks, nipple):
    x, y = points.T
    return ClusterSet.from_arrays(
        [0, len(points)], x, y, nipple_x_mm=[nipple[0]], nipple_y_mm=[nipple[1]],
        breast_area_mm2=[9000.0], **marks,
    )  # fmt: skip


@st.composite
def clusters(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(3, 60))
    points = _points(rng, draw(st.sampled_from(SHAPES)), n)
    marks = {
        "diameter_mm": rng.lognormal(-1.4, 0.4, n),
        "aspect_ratio": 1.05 + rng.exponential(0.6, n),
        "orientation_deg": rng.uniform(0, 180, n) % 180,
        "solidity": rng.uniform(0.5, 1, n),
        "cnr": rng.lognormal(1.8, 0.5, n),
    }
    return points, marks, np.array([70.0, 13.0])


def _values(points, marks, nipple):
    return extract_features(_set(points, marks, nipple), n_threads=1).values[0]


def _differ(one, other):
    scale = np.fmax(1.0, np.abs(one))
    return ~np.isclose(one / scale, other / scale, rtol=2e-3, atol=2e-3, equal_nan=True)


def _same(one, other):
    """Hold every feature of two clusters equal, but where rounding alone decides.

    A count at a fixed radius, or a choice the tree makes, flips where float32 rounding moves a
    distance across a limit. Then the same feature must flip as well where the first cluster's
    points are moved by a few roundings of their coordinates.
    """
    before, after = _values(*one), _values(*other)
    wrong = np.flatnonzero(_differ(before, after))
    if not wrong.size:
        return
    points, marks, nipple = one
    rounding = 4 * np.spacing(np.float32(max(np.abs(p).max() for p in (*one[::2], *other[::2]))))
    rng = np.random.default_rng(0)
    flips = np.zeros(wrong.size, bool)
    for _ in range(256):
        moved = points + rng.uniform(-rounding, rounding, points.shape)
        flips |= ~_differ(after, _values(moved, marks, nipple))[wrong]
    assert flips.all(), [(FEATURE_NAMES[k], before[k], after[k]) for k in wrong[~flips]]


@settings(max_examples=60, deadline=None)
@given(clusters(), st.floats(-300, 300), st.floats(-300, 300))
def test_shift_changes_nothing(cluster, dx, dy):
    points, marks, nipple = cluster
    shift = np.array([dx, dy])
    _same(cluster, (points + shift, marks, nipple + shift))


@settings(max_examples=60, deadline=None)
@given(clusters(), st.floats(0, 360))
def test_rotation_changes_nothing(cluster, angle):
    points, marks, nipple = cluster
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[c, s], [-s, c]])
    turned = marks | {"orientation_deg": np.float32((marks["orientation_deg"] + angle) % 180) % 180}
    _same(cluster, (points @ turn, turned, nipple @ turn))


@settings(max_examples=60, deadline=None)
@given(clusters())
def test_mirror_changes_nothing(cluster):
    points, marks, nipple = cluster
    flip = np.array([-1.0, 1.0])
    turned = marks | {"orientation_deg": np.float32(180 - marks["orientation_deg"]) % 180}
    _same(cluster, (points * flip, turned, nipple * flip))


@settings(max_examples=60, deadline=None)
@given(clusters(), st.randoms(use_true_random=False))
def test_order_changes_nothing(cluster, random):
    points, marks, nipple = cluster
    order = list(range(len(points)))
    random.shuffle(order)
    shuffled = {name: values[order] for name, values in marks.items()}
    differ = _differ(_values(*cluster), _values(points[order], shuffled, nipple))
    assert not differ.any(), np.array(FEATURE_NAMES)[differ]


ABSOLUTE = (
    "ripley", "max_count", "share_2cm", "components", "giant", "macro", "contact",
    "thin", "rod", "dot", "ball", "wall",
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(clusters(), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_units_scale_as_they_say(cluster, factor):
    points, marks, nipple = cluster
    scaled = marks | {"diameter_mm": marks["diameter_mm"] * factor}
    one = extract_features(_set(points, marks, nipple), n_threads=1)
    other = extract_features(_set(points * factor, scaled, nipple * factor), n_threads=1)
    power = {"mm": 1, "mm2": 2, "1/cm2": -2, "1": 0, "deg": 0}
    wrong = []
    for spec in CATALOGUE:
        if spec.name.startswith(ABSOLUTE) or spec.name == "breast_share":
            continue
        before, after = one.column(spec.name)[0], other.column(spec.name)[0]
        expected = before * factor ** power[spec.unit]
        if not np.isclose(after, expected, rtol=5e-3, atol=2e-3, equal_nan=True):
            wrong.append((spec.name, expected, after))
    assert not wrong, wrong


def test_threads_and_batches_agree(all_clusters):
    many = ClusterSet.concat([all_clusters] * 60)
    one = extract_features(many, n_threads=1)
    two = extract_features(many, n_threads=2)
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(
        one.values[: len(all_clusters)], extract_features(all_clusters).values
    )


def test_callers_in_several_threads_do_not_share_scratch(all_clusters):
    expected = extract_features(all_clusters, n_threads=1).values
    results = [None] * 4

    def run(k):
        for _ in range(10):
            results[k] = extract_features(all_clusters, n_threads=1).values

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_read_only_arrays_need_no_second_compilation(all_clusters):
    from calcigram.features.measure import measure_clusters

    extract_features(all_clusters)
    x, y = all_clusters.x_mm.copy(), all_clusters.y_mm.copy()
    x.flags.writeable = y.flags.writeable = False
    extract_features(ClusterSet.from_arrays(all_clusters.offsets, x, y))
    assert len(measure_clusters.signatures) == 1


def test_empty_sets_and_empty_clusters():
    assert extract_features(ClusterSet.from_arrays([0], [], [])).values.shape == (
        0,
        len(FEATURE_NAMES),
    )
    empty = extract_features(ClusterSet.from_arrays([0, 0], [], []))
    assert empty.n_calcifications.tolist() == [0]
    assert np.isnan(empty.values[0, 1:]).all()


@pytest.mark.parametrize("n", [0, -2, 1.5, float("nan"), float("inf"), "2", True])
def test_no_number_of_threads_or_processes_is_refused(all_clusters, n):
    """A pool of NaN threads starts none, and waits for them without end."""
    expected = pytest.raises(BadInputError, match="expected a whole number of at least 1")
    with expected:
        extract_features(all_clusters, n_threads=n)
    with expected:
        classify(all_clusters, n_threads=n)
    with expected:
        simulate(1, n_jobs=n)
    with expected:
        train_model(all_clusters, n_jobs=n)


def test_features_as_a_table(all_clusters):
    features = extract_features(all_clusters)
    table = features.to_dataframe()
    assert list(table.columns) == ["cluster_id", *FEATURE_NAMES]
    joined = Features.concat([features[:3], features[3:]])
    np.testing.assert_array_equal(joined.values, features.values)
    assert len(features[features.n_calcifications > 30]) < len(features)
    assert len(Features.concat([])) == 0
    with pytest.raises(BadInputError, match="name of a feature"):
        features.column("size")
    with pytest.raises(BadInputError, match="same columns"):
        Features.concat(
            [features, Features(features.values[:, :2], features.cluster_id, ("a", "b"))]
        )


def test_it_says_what_a_cluster_of_very_many_calcifications_costs(monkeypatch):
    clusters = ClusterSet.from_arrays(
        [0, 3, 9], np.arange(9), np.arange(9) ** 2, cluster_id=["a", "b"]
    )
    extract_features(clusters)
    monkeypatch.setattr("calcigram.features.extract.MANY_CALCIFICATIONS", 5)
    with pytest.warns(UserWarning, match="cluster b: 6 calcifications take about 7 s of processor"):
        extract_features(clusters)


@pytest.mark.parametrize("n", [150_001, 1_000_000])
def test_a_cluster_of_too_many_calcifications_is_refused_before_pairs_are_looked_at(n):
    clusters = ClusterSet.from_arrays([0, 3, 3 + n], *np.zeros((2, 3 + n)), cluster_id=["a", "b"])
    for read in (extract_features, classify):
        with pytest.raises(BadInputError, match=f"cluster 'b'.*got {n}.* smaller distance"):
            read(clusters)


@pytest.mark.parametrize("given", [None, np.zeros((3, 2)), {"x_mm": [1]}])
def test_other_objects_are_refused(given):
    with pytest.raises(BadInputError, match="expected a ClusterSet"):
        extract_features(given)
    with pytest.raises(BadInputError, match="expected a table with one row per calcification"):
        ClusterSet.from_dataframe(given)


@pytest.mark.parametrize("power", [-44, -38, -30, -22, -12, -9, -8, -7, -5])
def test_points_closer_than_numbers_can_say_are_at_one_place(power, cluster_of):
    rng = np.random.default_rng(-power)
    features = extract_features(
        cluster_of([rng.normal(size=(n, 2)) * 10.0**power for n in range(2, 12)])
    )
    assert not np.isinf(features.values).any()
    spread = features.column("max_distance_mm")
    assert (spread == 0).all() if power < -9 else np.isfinite(spread).all()
