import numpy as np
import pytest

from calcigram.lexicon import Distribution, Morphology
from calcigram.simulate import ARRANGEMENTS, PARTICLE_MODELS, load_preset
from calcigram.simulate.anatomy import make_breast
from calcigram.simulate.definitions import (
    Limits,
    Truth,
    limits_of,
    meets_distribution,
    meets_form,
    visible_junctions,
)
from calcigram.simulate.generator import true_cluster
from calcigram.simulate.mechanisms import Placement

ARRANGEMENT_IDS = [a.id for table in ARRANGEMENTS.values() for a in table.values()]
PARTICLE_IDS = [p.id for table in PARTICLE_MODELS.values() for p in table.values()]
NAN = float("nan")


def test_enough_mechanisms():
    assert min(len([a for a in t.values() if not a.vessel]) for t in ARRANGEMENTS.values()) >= 3
    assert min(len(t) for t in PARTICLE_MODELS.values()) >= 3
    for distribution in (Distribution.LINEAR, Distribution.BRANCHING):
        assert sum(a.vessel for a in ARRANGEMENTS[distribution].values()) >= 2


@pytest.mark.parametrize("mechanism", [*ARRANGEMENT_IDS, *PARTICLE_IDS])
def test_every_mechanism_meets_its_definition(mechanism):
    for index in (40, 46):
        cluster = true_cluster(index, seed=4, only_mechanisms=[mechanism])
        assert mechanism in (cluster.arrangement.id, cluster.particle.id)
        area = cluster.breast.area_mm2 if cluster.area_known else NAN
        limits = limits_of(load_preset("train"))
        truth = Truth(
            cluster.placement, area, cluster.arrangement.vessel, cluster.nipple_known,
            cluster.arrangement.structureless, limits,
        )  # fmt: skip
        assert meets_distribution(cluster.arrangement.label, truth)
        marks = cluster.truth
        assert meets_form(cluster.particle.label, marks.table, marks.outlines.contrast, limits)


def test_mechanisms_are_seldom_refused():
    preset = load_preset("train")
    for table in ARRANGEMENTS.values():
        for arrangement in table.values():
            met = 0
            for i in range(24):
                rng = np.random.default_rng((3, i))
                breast = make_breast((3, i), preset)
                drawn = preset.draw(f"arrangement.{arrangement.id}", rng)
                placement = arrangement.build(rng, breast, drawn)
                met += placement is not None and meets_distribution(
                    arrangement.label,
                    Truth(
                        placement, NAN, arrangement.vessel,
                        structureless=arrangement.structureless, limits=limits_of(preset),
                    ),
                )  # fmt: skip
            assert met >= 4, arrangement.id


def points(*xy):
    return Truth(Placement(np.array(xy, float)), NAN, False)


def grid(width, height, shift=(0, 0), n=6):
    x, y = np.meshgrid(np.linspace(0, width, n), np.linspace(0, height, n))
    return points(*np.column_stack([x.ravel() + shift[0], y.ravel() + shift[1]]))


def test_size_parts_grouped_regional_and_diffuse():
    for truth, expected in [
        (grid(12, 12, (20, 20)), Distribution.GROUPED),
        (grid(25, 25, (20, 20)), Distribution.REGIONAL),
        (grid(60, 60, (5, -30)), Distribution.DIFFUSE),
    ]:
        met = [d for d in ("grouped", "regional", "diffuse") if meets_distribution(d, truth)]
        assert met == [expected]


def test_a_known_breast_area_decides_what_is_diffuse():
    placement = grid(40, 40, (20, 20)).placement
    assert meets_distribution("diffuse", Truth(placement, 3000.0, False))
    assert not meets_distribution("regional", Truth(placement, 3000.0, False))
    assert meets_distribution("regional", Truth(placement, 12000.0, False))


def test_a_wedge_must_point_to_the_nipple_and_be_filled():
    rng = np.random.default_rng(0)
    radius, angle = rng.uniform(10, 60, 80), rng.uniform(-0.35, 0.35, 80)
    wedge = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    assert meets_distribution("segmental", points(*wedge))
    assert not meets_distribution("segmental", points(*(wedge - [70, 0])))
    side = np.where(rng.random(80) < 0.5, -0.35, 0.35)
    fork = np.column_stack([radius * np.cos(side), radius * np.sin(side)])
    fork[radius < 30, 1] = 0.0
    assert not meets_distribution("segmental", points(*fork))


def test_a_region_may_point_to_the_nipple_but_not_widen():
    rng = np.random.default_rng(5)
    band = np.column_stack([rng.uniform(15, 60, 80), rng.uniform(-8, 8, 80)])
    assert meets_distribution("regional", points(*band))
    assert not meets_distribution("segmental", points(*band))


def test_without_the_nipple_a_wedge_must_show_by_its_outline():
    rng = np.random.default_rng(2)
    met = {}
    for nearest in (8.0, 33.0):
        radius, angle = rng.uniform(nearest, 64, 90), rng.uniform(-0.3, 0.3, 90)
        wedge = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
        for known in (True, False):
            truth = Truth(Placement(wedge), NAN, False, known)
            met[nearest, known] = meets_distribution("segmental", truth)
            assert not meets_distribution("regional", truth) or not met[nearest, known]
    assert met == {(8.0, True): True, (8.0, False): True, (33.0, True): True, (33.0, False): False}


def test_a_line_needs_its_path():
    x = np.linspace(0, 30, 12)
    path = np.column_stack([x, 0.02 * x**2])
    rng = np.random.default_rng(1)
    on, off = path + rng.normal(0, 0.2, path.shape), path + rng.normal(0, 4.0, path.shape)
    assert meets_distribution("linear", Truth(Placement(on, path=path), NAN, False))
    assert not meets_distribution("linear", Truth(Placement(off, path=path), NAN, False))
    assert not meets_distribution("grouped", points(*on[:5]))


def fork(n_points):
    t = np.linspace(0.1, 1, n_points)[:, None]
    arms = [t * np.array(end) for end in ([-12.0, 0], [10.0, 7], [10.0, -7])]
    return Placement(
        np.concatenate(arms),
        branch=np.repeat([0, 1, 2], n_points),
        parent=np.array([-1, 0, 0]),
        branch_end=np.array([[0.0, 0], [10, 7], [10, -7]]),
    )


def test_a_junction_is_seen_with_three_arms():
    whole = fork(5)
    assert visible_junctions(whole) == 1
    assert visible_junctions(whole.take(np.flatnonzero(whole.branch != 2))) == 0
    assert visible_junctions(whole.take(np.flatnonzero(whole.branch != 0))) == 0


def has_form(form, diameter, aspect, solidity, contrast, *limits):
    table = np.column_stack([diameter, aspect, np.zeros(len(diameter)), solidity])
    return meets_form(form, table, contrast, *limits)


def test_sizes_part_the_forms():
    rng = np.random.default_rng(2)
    d, one = rng.uniform(0.7, 0.95, 9), np.ones(9)
    fits = {form for form in Morphology if has_form(form, d, 1.1 * one, one, one)}
    assert fits == {"round"}
    fits = {form for form in Morphology if has_form(form, d, 1.2 * one, 0.8 * one, one)}
    assert fits == {"coarse_heterogeneous"}
    assert not has_form("amorphous", 0.3 * one, one, one, one)
    assert has_form("amorphous", 0.3 * one, one, one, 0.2 * one)
    assert not has_form("punctate", 0.3 * one, one, one, 0.2 * one)
    assert not has_form("rod_like", 0.6 * one, 4 * one, one, one)
    assert has_form("fine_linear", 0.6 * one, 4 * one, one, one)
    assert not has_form("popcorn", 1.5 * one, one, one, one)


def test_small_calcifications_are_smooth_alike_and_dense_or_not_punctate():
    rng = np.random.default_rng(3)
    d, one = 0.25 * np.exp(rng.normal(0, 0.3, 40)), np.ones(40)
    assert has_form("punctate", d, 1.1 * one, one, one)
    assert has_form("fine_pleomorphic", d, 1.5 * one, 0.9 * one, one)
    for form in ("punctate", "fine_pleomorphic"):
        assert not has_form(form, d, 1.3 * one, one, one)
    assert not has_form("punctate", 0.25 * (d / 0.25) ** 2, 1.1 * one, one, one)


def test_the_spread_of_fewer_than_five_sizes_decides_nothing():
    d, one = np.array([0.1, 0.2, 0.3, 0.45]), np.ones(4)
    assert has_form("punctate", d, one, one, one)
    assert has_form("fine_pleomorphic", 0.3 * one, 1.5 * one, 0.9 * one, one)
    assert not has_form(
        "fine_pleomorphic", 0.3 * np.ones(5), *np.array([[1.5], [0.9], [1]]) * np.ones(5)
    )


def test_a_preset_may_allow_a_line_more_scatter():
    x = np.linspace(0, 30, 12)
    path = np.column_stack([x, 0 * x])
    off = path + np.column_stack([0 * x, np.resize([3.0, -3.0, 2.0], 12)])
    strict = Truth(Placement(off, path=path), NAN, False)
    assert not meets_distribution("linear", strict)
    wide = Limits(off_path_ratio=0.12, path_share=0.65, sag=0.1)
    assert meets_distribution("linear", strict._replace(limits=wide))
    assert limits_of(load_preset("bench_v1")) == Limits()


def test_the_extent_of_a_cloud_decides():
    rng = np.random.default_rng(6)
    xy = rng.normal(size=(5, 2))
    xy /= np.hypot(*(xy[:, None] - xy).T).max()
    for extent, expected in ((12, "grouped"), (40, "regional"), (90, "diffuse")):
        truth = Truth(Placement(extent * xy + [60, 0]), NAN, False, structureless=True)
        met = [d for d in ("grouped", "regional", "diffuse") if meets_distribution(d, truth)]
        assert met == [expected]


def test_a_preset_may_have_thinner_rods():
    d, aspect, one = np.full(6, 0.75), np.full(6, 3.0), np.ones(6)
    assert not has_form("rod_like", d, aspect, one, one)
    assert has_form("rod_like", d, aspect, one, one, Limits(rod_calibre_mm=0.4))
