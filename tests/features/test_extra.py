import re

import numpy as np
import pytest

import calcigram
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.explain import explain
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import Features, extract_features
from calcigram.model import load_model
from calcigram.model.labels import ALL_MARKS, hide_marks
from calcigram.streaming import classify_files


def width(x_mm):
    return x_mm.max() - x_mm.min()


def sizes(diameter_mm, y_mm):
    return np.nanmin(diameter_mm), np.nanmax(diameter_mm)


EXTRA = {"width_mm": width, ("least_mm", "largest_mm"): sizes}


@pytest.fixture(scope="module")
def clusters():
    return ClusterSet.from_arrays(
        [0, 3, 5, 5],
        [0, 2, 5, 1, 1.5],
        [0, 1, 0, 3, 4],
        diameter_mm=[0.2, np.nan, 0.4, np.nan, np.nan],
    )


def test_columns_stand_after_those_of_the_catalogue(clusters):
    features = extract_features(clusters, extra=EXTRA)
    assert features.names == (*FEATURE_NAMES, "width_mm", "least_mm", "largest_mm")
    np.testing.assert_array_equal(
        features.values[:, len(FEATURE_NAMES) :],
        np.array([[5, 0.2, 0.4], [0.5, np.nan, np.nan], [np.nan] * 3], np.float32),
    )
    np.testing.assert_array_equal(
        features.values[:, : len(FEATURE_NAMES)], extract_features(clusters).values
    )
    assert features[1:].extra_needs == ((), ("diameter_mm",), ("diameter_mm",))
    assert features.to_dataframe()["width_mm"].tolist()[:2] == [5, 0.5]
    hidden = hide_marks(features, ALL_MARKS)
    assert np.isnan(hidden.column("least_mm")).all()
    assert hidden.column("width_mm")[0] == 5
    joined = Features.concat([features, features])
    assert joined.extra_needs == features.extra_needs
    assert joined.select((*FEATURE_NAMES, "largest_mm")).extra_needs == (("diameter_mm",),)


def test_no_clusters_have_the_columns():
    none = extract_features(ClusterSet.from_arrays([0], [], []), extra=EXTRA)
    assert none.values.shape == (0, len(FEATURE_NAMES) + 3)


def test_marks_of_the_cluster_are_numbers_and_arrays_cannot_be_written(clusters):
    known = ClusterSet.from_arrays([0, 2], [0, 3], [0, 4], nipple_x_mm=[6], nipple_y_mm=[8])

    def nipple(x_mm, nipple_x_mm, scale=2):
        assert not x_mm.flags.writeable
        return scale * (nipple_x_mm - x_mm.mean())

    assert extract_features(known, extra={"a": nipple}).column("a")[0] == 9
    assert np.isnan(extract_features(clusters, extra={"a": nipple}).column("a")).all()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ([width], "a mapping of names to functions"),
        ({"max_distance_mm": width}, "'max_distance_mm', expected a name that no other feature has"),
        ({"a": width, ("b", "a"): sizes}, "'a', expected a name that no other feature has"),
        ({"two words": width}, "a name of letters, digits and _"),
        ({3: width}, "a name of letters, digits and _"),
        ({"a" * 101: width}, "a name of letters, digits and _"),
        ({"a": 5}, "a function for each name"),
        ({(): width}, "a function for each name"),
        ({"a": lambda points: 1}, r"<lambda>\(points\)', expected a function whose parameters are marks"),
        ({"a": lambda: 1}, "a function whose parameters are marks"),
        ({"a": lambda *x_mm: 1}, "a function whose parameters are marks"),
        ({"a": max}, "a function whose parameters are marks"),
        ({"a": lambda x_mm: [1, 2]}, "cluster '0', column 'a': got .1, 2., expected one number"),
        ({"a": lambda x_mm: None}, "got None, expected one number, finite or NaN"),
        ({"a": lambda x_mm: "3"}, "got '3', expected one number"),
        ({"a": lambda x_mm: 1e300}, "expected one number, finite or NaN"),
        ({"a": lambda x_mm: 1 / 0}, "got 'ZeroDivisionError: division by zero', expected one number"),
        ({("a", "b"): lambda x_mm: 1}, "got 1, expected 2 numbers"),
        ({("a", "b"): lambda x_mm: (1, [2])}, "expected 2 numbers"),
        ({("a", "b"): lambda x_mm: (1, 2, 3)}, "expected 2 numbers"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(clusters, extra, message):
    with pytest.raises(BadInputError, match=message):
        extract_features(clusters, extra=extra)


@pytest.fixture(scope="module")
def trained():
    clusters = calcigram.simulate(400, seed=3, grade="easy")
    model = calcigram.train_model(clusters, extra=EXTRA, n_iterations=3, n_jobs=1, name="own")
    return clusters, model


def test_a_model_keeps_the_names_and_asks_for_the_functions(trained, tmp_path):
    clusters, model = trained
    model.save(tmp_path / "own")
    opened = load_model(tmp_path / "own")
    assert opened.feature_names == (*FEATURE_NAMES, "width_mm", "least_mm", "largest_mm")
    expected = calcigram.classify(clusters, model, extra=EXTRA)
    other_order = {**dict(reversed(EXTRA.items())), "unused": width}
    got = calcigram.classify(clusters, tmp_path / "own", extra=other_order)
    assert got.equals(expected)
    found = explain(clusters[0], opened, extra=EXTRA)
    assert [why.axis for why in found.why] == ["distribution", "morphology"]
    calcigram.write_clusters(clusters[:3], tmp_path / "some.csv")
    needed = re.escape("expected extra={'least_mm': function, ...}")
    with pytest.raises(BadInputError, match=needed):
        calcigram.classify(clusters, opened, extra={"width_mm": width})
    with pytest.raises(BadInputError, match="no function for width_mm, least_mm, largest_mm"):
        classify_files(tmp_path / "some.csv", output=tmp_path / "out.csv", model=opened)
    with pytest.raises(BadInputError, match="no function for width_mm"):
        opened.read(extract_features(clusters))


def test_a_model_learns_from_them(trained):
    clusters, model = trained
    features = extract_features(clusters, extra=EXTRA)
    again = calcigram.train_model(
        clusters, features=features, extra=EXTRA, n_iterations=3, n_jobs=1, name="own"
    )
    assert again.version == model.version
    with pytest.raises(BadInputError, match="then those of extra"):
        calcigram.train_model(clusters, features=features, n_jobs=1)
    truth = {str(w): k for k, w in enumerate(sorted(set(clusters.meta["true_distribution"])))}
    codes = clusters.meta["true_distribution"].map(truth).to_numpy()
    told = iter(codes.tolist())
    leaking = calcigram.train_model(
        clusters, features=Features(
            np.hstack([features.values[:, : len(FEATURE_NAMES)], codes[:, None]]).astype(np.float32),
            features.cluster_id, (*FEATURE_NAMES, "told"), ((),),
        ),
        extra={"told": lambda x_mm: next(told, 0.0)}, n_iterations=3, n_jobs=1, forgetful_copies=False,
    )  # fmt: skip
    assert leaking.distribution.forest.n_features == len(FEATURE_NAMES) + 1


def test_adaptation_starts_from_the_same_features(trained):
    clusters, model = trained
    with pytest.raises(BadInputError, match="no function for width_mm"):
        calcigram.train_model(clusters, start_from=model)
