import numpy as np

from calcigram.features.extract import extract_features


def test_equals_the_slow_twin(agree, twins):
    covered = agree(
        "nipple",
        lambda one, p: twins.nipple(p, (one.nipple_x_mm[0], one.nipple_y_mm[0])),
        rtol=2e-3,
        atol=2e-4,
    )
    assert len(covered) == 12


def test_a_wedge_widens_away_from_the_nipple(cluster_of):
    rng = np.random.default_rng(1)
    r, t = 60 * np.sqrt(rng.uniform(0.05, 1, 200)), rng.uniform(-0.35, 0.35, 200)
    wedge = np.c_[r * np.cos(t), r * np.sin(t)]
    blob = rng.normal(size=(200, 2)) * [12, 8] + [40, 0]
    features = extract_features(cluster_of([wedge, blob], nipple_x_mm=[0, 0], nipple_y_mm=[0, 0]))
    assert features.column("nipple_wedge_slope")[0] > 0.1
    assert abs(features.column("nipple_wedge_slope")[1]) < 0.1
    assert features.column("nipple_span_deg")[0] > 25
    assert features.column("wedge_correlation")[0] > 0.25 > features.column("wedge_correlation")[1]
    for name in ("widening_mean", "nipple_widening"):
        wedge_widens, blob_widens = features.column(name)
        assert abs(wedge_widens) > 2 * abs(blob_widens), name
    assert features.column("nipple_nearness")[0] < 0.5
