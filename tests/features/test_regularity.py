import numpy as np
import pytest

from calcigram.features.extract import extract_features


def test_equals_the_slow_twin(agree, twins):
    def twin(one, points):
        return {k: v for k, v in twins.regularity(points).items() if k != "ring_gap_deg"}

    # Where all edges are alike, the longest is anyone's choice.
    alike = {"gap_share": ["grid", "collinear_diagonal", "collinear_exact"]}
    covered = agree("regularity", twin, rtol=1e-3, atol=1e-4, ties=alike)
    assert len(covered) == 5


def test_the_empty_arc_is_found_to_a_sector(all_clusters, point_sets, twins):
    found = extract_features(all_clusters).column("ring_gap_deg")
    for k, name in enumerate(point_sets):
        expected = twins.regularity(point_sets[name].astype(float)).get("ring_gap_deg")
        if expected is None:
            assert np.isnan(found[k]), name
        else:  # a sector counts as filled by any point, and the ends lie anywhere in theirs
            assert expected - 20 <= found[k] <= expected, name


@pytest.mark.parametrize(("arc_deg", "gap_deg"), [(360, 0), (300, 60), (180, 180)])
def test_the_empty_arc_of_a_ring(cluster_of, arc_deg, gap_deg):
    turn = np.radians(np.linspace(0, arc_deg, 120, endpoint=False))
    ring = extract_features(cluster_of([8 * np.c_[np.cos(turn), np.sin(turn)]]))
    assert ring.column("ring_cv")[0] == pytest.approx(0, abs=1e-3)
    assert ring.column("ring_gap_deg")[0] == pytest.approx(gap_deg, abs=20)


def test_a_blob_is_no_ring(cluster_of):
    blob = np.random.default_rng(0).normal(size=(50, 2)) * 6
    assert extract_features(cluster_of([blob])).column("ring_cv")[0] > 0.3


def test_a_gap_parts_two_groups(cluster_of):
    rng = np.random.default_rng(1)
    two = rng.normal(size=(48, 2)) + np.outer(np.arange(48) >= 12, [40, 0])
    features = extract_features(cluster_of([two]))
    assert features.column("gap_mm")[0] > 30
    assert features.column("gap_ratio")[0] > 10
    assert features.column("gap_share")[0] == pytest.approx(0.25)
