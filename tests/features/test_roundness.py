import numpy as np
import pytest

from calcigram.features.extract import extract_features


def test_equals_the_slow_twin(agree, twins):
    covered = agree("roundness", lambda one, p: twins.roundness(p), rtol=1e-3)
    assert len(covered) == 5


def test_a_crescent_is_less_solid_than_a_disc(cluster_of):
    rng = np.random.default_rng(0)
    t = rng.uniform(0, np.pi, 120)
    crescent = np.c_[10 * np.cos(t), 10 * np.sin(t)] + rng.normal(size=(120, 2)) * 0.4
    disc = np.sqrt(rng.uniform(0, 1, 120))[:, None] * 10 * np.c_[np.cos(2 * t), np.sin(2 * t)]
    solidity = extract_features(cluster_of([crescent, disc])).column("hull_solidity")
    assert solidity[0] < 0.45
    assert solidity[1] > 0.7


@pytest.mark.parametrize(("sides", "expected"), [(3, 1.0), (4, 0.5)])
def test_triangularity_of_regular_polygons(cluster_of, sides, expected):
    t = 2 * np.pi * np.arange(sides) / sides
    features = extract_features(cluster_of([np.c_[np.cos(t), np.sin(t)]]))
    assert features.column("hull_triangularity")[0] == pytest.approx(expected, rel=1e-5)
