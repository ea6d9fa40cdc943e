import numpy as np
import pytest

from calcigram.features.extract import extract_features


def test_equals_the_slow_twin(agree, twins):
    covered = agree(
        "branching",
        lambda one, p: twins.branching(p),
        rtol=1e-3,
        atol=1e-4,
        ties={"tree_leaf_share": ["grid"]},
    )
    assert len(covered) == 9


def fork(angle_deg, n=15, spacing=1.0):
    """A stem that forks: one arm goes straight on, the other leaves at the angle."""
    steps = np.arange(1, n + 1) * spacing
    t = np.radians(angle_deg)
    stem = np.c_[-steps * 1.001, np.zeros(n)]
    on = np.c_[steps * 1.002, np.zeros(n)]
    side = np.c_[steps * np.cos(t), steps * np.sin(t)] * 0.95
    return np.concatenate([[[0.0, 0.0]], stem, on, side[2:]])


def test_side_branches_count_their_members_and_false_marks_are_few(cluster_of):
    line = np.c_[np.arange(30.0), np.zeros(30)]
    beside = np.concatenate([line, [[10.3, 2.5]]])
    features = extract_features(cluster_of([line, beside, fork(50)]))
    share = features.column("side_branch_member_share") * [30, 31, 44]
    assert share == pytest.approx([0, 1, 13])
    edges = features.column("longest_side_branch_edges")
    assert edges[0] == edges[1] == 0
    assert 12 < edges[2] < 15


@pytest.mark.parametrize("angle", [35, 50, 70, 90])
def test_a_fork_has_one_junction(cluster_of, angle):
    features = extract_features(cluster_of([fork(angle)]))
    assert features.column("junctions")[0] == 1
    assert features.column("leaves")[0] == 3
    assert features.column("fork_gain")[0] > 0.5


def test_a_line_has_no_junction_despite_jitter_and_twigs(cluster_of):
    rng = np.random.default_rng(3)
    lines = [np.c_[np.arange(30.0), rng.normal(size=30) * 0.2] for _ in range(30)]
    features = extract_features(cluster_of(lines))
    assert (features.column("junctions") == 0).mean() > 0.9
    assert np.median(features.column("fork_gain")) == 0


def test_a_far_stray_leaves_the_path_alone(cluster_of):
    line = np.c_[np.arange(30.0), np.zeros(30)]
    stray = np.concatenate([line, [[14.3, 25.0]]])
    features = extract_features(cluster_of([line, stray]))
    assert features.column("curve_length_mm")[1] == pytest.approx(29, rel=0.05)
    assert features.column("leaves").tolist() == [2, 2]
    assert features.column("side_branch_member_share").tolist() == [0, 0]


def test_robust_to_missed_and_false_marks(cluster_of):
    rng = np.random.default_rng(8)
    forks, lines = [], []
    for _ in range(60):
        for group, points in (
            (forks, fork(45, 20, 0.8)),
            (lines, np.c_[np.arange(45) * 0.8, np.zeros(45)]),
        ):
            kept = points[rng.random(len(points)) > 0.2] + rng.normal(size=2)
            noise = rng.uniform(kept.min(axis=0) - 2, kept.max(axis=0) + 2, (3, 2))
            group.append(np.concatenate([kept + rng.normal(size=kept.shape) * 0.08, noise]))
    gain = extract_features(cluster_of(forks + lines)).column("fork_gain")
    assert (gain[:60, None] > gain[60:]).mean() > 0.9
