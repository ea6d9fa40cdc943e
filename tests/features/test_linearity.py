import numpy as np
import pytest

from calcigram.features.extract import extract_features


def test_equals_the_slow_twin(agree, twins):
    covered = agree(
        "linearity",
        lambda one, p: twins.linearity(p, one.orientation_deg, one.aspect_ratio),
        rtol=1e-3,
        atol=2e-4,
    )
    assert len(covered) == 9


def _degrade(rng, points, jitter=0.08, missed=0.2, false=0.1):
    kept = points[rng.random(len(points)) > missed]
    low, high = points.min(axis=0) - 2, points.max(axis=0) + 2
    extra = rng.uniform(low, high, (int(false * len(kept)), 2))
    return np.concatenate([kept + rng.normal(size=kept.shape) * jitter, extra])


@pytest.fixture(scope="module")
def patterns():
    """Sixty degraded clusters of each kind."""
    rng = np.random.default_rng(5)
    sets = {"rails": [], "arc": [], "line": [], "blob": []}
    for _ in range(60):
        n = int(rng.integers(24, 90))
        length, radius = rng.uniform(25, 60), rng.uniform(30, 120)
        s = np.sort(rng.uniform(0, length, n)) / radius
        side = np.where(rng.random(n) < 0.5, 0.6, -0.6) * rng.uniform(1.0, 2.0)
        sets["rails"].append(np.c_[(radius + side) * np.cos(s), (radius + side) * np.sin(s)])
        sets["arc"].append(20 * np.c_[np.cos(s * radius / 20), np.sin(s * radius / 20)])
        sets["line"].append(np.c_[s * radius, np.zeros(n)])
        sets["blob"].append(rng.normal(size=(n, 2)) * 6)
    return {kind: [_degrade(rng, points) for points in group] for kind, group in sets.items()}


def _column(cluster_of, points, name):
    return extract_features(cluster_of(points)).column(name)


def test_two_rails_score_high_and_nothing_else_does(patterns, cluster_of):
    score = {kind: _column(cluster_of, p, "rail_score") for kind, p in patterns.items()}
    assert np.median(score["rails"]) > 0.2
    for kind in ("arc", "line", "blob"):
        assert np.median(score[kind]) < 0.1, kind
    others = np.concatenate([score[kind] for kind in ("arc", "line", "blob")])
    rails = score["rails"][:, None]
    assert ((rails > others) + 0.5 * (rails == others)).mean() > 0.9


def _fork(rng, half):
    """Three arms of 24 points, each in two rows `half` from its middle."""
    arms = []
    for angle in np.radians([180.0, 25.0, -25.0]):
        along = np.tile(np.linspace(2, 18, 12), 2) + rng.normal(size=24) * 0.4
        across = np.repeat([-half, half], 12) + rng.normal(size=24) * 0.15
        c, s = np.cos(angle), np.sin(angle)
        arms.append(np.c_[along, across] @ np.array([[c, s], [-s, c]]))
    return np.concatenate(arms)


def test_walls_are_seen_where_they_fork(cluster_of):
    rng = np.random.default_rng(3)
    walls, lines = ([_fork(rng, half) for _ in range(40)] for half in (1.0, 0.0))
    uneven = [_column(cluster_of, kind, "wall_unevenness") for kind in (walls, lines)]
    assert np.median(uneven[0]) < 0.4 < 0.6 < np.median(uneven[1])
    assert (uneven[0][:, None] < uneven[1]).mean() > 0.9
    width = _column(cluster_of, walls, "wall_width_mm")
    assert np.median(width) == pytest.approx(2.0, abs=0.3)


def test_rail_separation_is_found(patterns, cluster_of):
    straight = [np.c_[np.arange(60.0), np.where(np.arange(60) % 2, 0.75, -0.75)]]
    assert _column(cluster_of, straight, "rail_separation_mm")[0] == pytest.approx(1.5, abs=0.05)


def test_the_curve_follows_arcs_and_lines_but_no_blob(patterns, cluster_of):
    ratio = {k: _column(cluster_of, p, "curve_residual_median_mm") for k, p in patterns.items()}
    assert np.median(ratio["arc"]) < 0.3
    assert np.median(ratio["line"]) < 0.2
    assert np.median(ratio["blob"]) > 1.0


def test_an_arc_turns_by_its_angle(cluster_of):
    t = np.linspace(0, np.pi / 2, 60)
    arc = extract_features(cluster_of([20 * np.c_[np.cos(t), np.sin(t)]]))
    assert arc.column("curve_length_mm")[0] == pytest.approx(10 * np.pi, rel=0.03)
    assert arc.column("tortuosity")[0] == pytest.approx(np.pi / 2 / np.sqrt(2), rel=0.03)
    assert arc.column("curve_turning_deg")[0] == pytest.approx(90, abs=10)


def test_path_of_a_cross(cluster_of):
    arms = np.arange(1.0, 6.0)
    long_arms = np.r_[-arms, arms] * 1.01
    cross = np.concatenate(
        [[[0, 0]], np.c_[long_arms, 0 * long_arms], np.c_[0 * arms, arms], np.c_[0 * arms, -arms]]
    )
    features = extract_features(cluster_of([cross]))
    assert features.column("path_members")[0] == pytest.approx(11 / 21)


def test_the_side_of_a_sharp_turn_is_no_matter_of_rounding(cluster_of):
    hook = np.array(
        [[0.9, -3.7], [4.6, -2.8], [0.4, 3.7], [-2.8, 4.3], [3.1, 1.9], [3.5, -0.8], [2.7, -2.7], [11.4, 5.4]]
    )  # fmt: skip
    turns = np.radians(np.arange(0, 360, 7))
    turned = [hook @ [[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]] for t in turns]
    separation = _column(cluster_of, turned, "rail_separation_mm")
    np.testing.assert_allclose(separation, separation[0], rtol=1e-3)


def test_rounding_makes_no_rails_of_a_line(cluster_of):
    t = np.array([8.0, 14, 25, 28, 29, 32])
    lines = [np.c_[2 * t, t], np.c_[3 * t, 7 * t], np.c_[t, -5 * t]]
    assert _column(cluster_of, lines, "rail_score").tolist() == [0, 0, 0]


def test_rounding_makes_no_turns_between_two_places(cluster_of):
    pair = np.tile([[0.0, 0.0], [10.0, 3.0]], (8, 1))
    assert _column(cluster_of, [pair], "curve_turning_deg")[0] == 0
