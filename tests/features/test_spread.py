def test_equals_the_slow_twin(agree, twins):
    covered = agree(
        "spread",
        lambda one, p: twins.spread(p, float(one.breast_area_mm2[0])),
        rtol=5e-3,
        atol=1e-4,
    )
    assert len(covered) == 9


def test_one_circle_holds_a_group(cluster_of):
    from calcigram.features.extract import extract_features

    cross = [[0, 0], [4.9, 0], [-4.9, 0], [0, 4.9], [0, -4.9]]
    features = extract_features(cluster_of([cross]))
    assert features.column("share_2cm")[0] == 1
