import numpy as np
import pytest

from calcigram.features.extract import extract_features


def test_equals_the_slow_twin(agree, twins):
    covered = agree("roundness", lambda one, p: twins.roundness(p), rtol=1e-3)
    assert len(covered) == 2


@pytest.mark.parametrize(("sides", "expected"), [(3, 1.0), (4, 0.5)])
def test_triangularity_of_regular_polygons(cluster_of, sides, expected):
    t = 2 * np.pi * np.arange(sides) / sides
    features = extract_features(cluster_of([np.c_[np.cos(t), np.sin(t)]]))
    assert features.column("hull_triangularity")[0] == pytest.approx(expected, rel=1e-5)
