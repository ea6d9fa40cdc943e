import numpy as np

from calcigram.features.extract import extract_features


def test_equals_the_slow_twin(agree, twins):
    covered = agree(
        "particles",
        lambda one, p: twins.particles(one.diameter_mm, one.aspect_ratio, one.solidity, one.cnr),
        rtol=1e-3,
    )
    assert len(covered) == 19


def test_known_marks_are_used_where_others_are_missing(cluster_of):
    points = [[0, 0], [1, 0], [0, 1]]
    some = extract_features(cluster_of([points], diameter_mm=[0.2, np.nan, 0.6]))
    assert np.isclose(some.column("diameter_median_mm")[0], 0.4)
    assert np.isclose(some.column("macro_share")[0], 0.5)
    none = extract_features(cluster_of([points]))
    assert np.isnan(none.column("diameter_median_mm")[0])


def test_a_cnr_of_zero_has_a_logarithm(cluster_of):
    features = extract_features(cluster_of([[[0, 0], [1, 0]]], cnr=[0.0, 1.0]))
    assert np.isclose(features.column("cnr_log_sd")[0], np.log(10) / 2)
