import numpy as np

from calcigram.simulate import load_preset
from calcigram.simulate._random import state_of
from calcigram.simulate.anatomy import make_breast


def breasts(n=8):
    preset = load_preset("train")
    return [make_breast((1, i), preset) for i in range(n)]


def test_ducts_stay_inside_and_hang_together():
    for breast in breasts():
        tree = breast.lobe(0)
        assert breast.contains(tree.points[:, :2]).all()
        assert (np.abs(tree.points[:, 2]) <= breast.half_thickness_mm).all()
        assert tree.parent[0] == -1
        assert (tree.parent[1:] < np.arange(1, len(tree))).all()
        for b in range(1, len(tree)):
            np.testing.assert_allclose(tree.branch(b)[0], tree.branch(tree.parent[b])[-1])


def test_a_tree_is_the_same_in_whatever_order_it_is_asked_for():
    first, second = breasts(1)[0], breasts(1)[0]
    second.vessel(1)
    second.lobe(2)
    np.testing.assert_array_equal(first.lobe(0).points, second.lobe(0).points)


def test_lobes_start_at_the_nipple_and_vessels_at_the_chest_wall():
    for breast in breasts():
        assert np.linalg.norm(breast.lobe(1).points[0]) < 6
        assert breast.vessel(0).points[0, 0] > breast.depth_mm - 2


def test_lobules_lie_by_their_ducts():
    breast = breasts(1)[0]
    tree, lobules = breast.lobe(0), breast.lobules_of(0, state_of(1))
    away = np.linalg.norm(lobules[:, None] - tree.points[None], axis=2).min(axis=1)
    assert len(lobules) >= tree.tips.size
    assert np.median(away) < 2.0


def test_reach_ends_at_the_outline():
    for breast in breasts():
        for angle in (-1.2, -0.3, 0.0, 0.8):
            reach = breast.reach_mm(angle)
            heading = np.array([[np.cos(angle), np.sin(angle)]])
            assert breast.contains(0.98 * reach * heading)[0]
            assert not breast.contains(1.02 * reach * heading)[0]


def test_area_is_that_of_the_outline():
    breast = breasts(1)[0]
    rng = np.random.default_rng(0)
    box = rng.uniform(
        [0, -breast.half_width_mm], [breast.depth_mm, breast.half_width_mm], (20000, 2)
    )
    share = breast.contains(box).mean() * 2 * breast.depth_mm * breast.half_width_mm
    assert abs(share / breast.area_mm2 - 1) < 0.03
