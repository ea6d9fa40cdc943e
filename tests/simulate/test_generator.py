import time

import numpy as np
import pandas as pd
import pytest

from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet
from calcigram.errors import BadInputError
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, is_admissible
from calcigram.simulate import generator, mechanism_ids, simulate
from calcigram.simulate.generator import true_cluster
from calcigram.simulate.mechanisms import menu_of


def assert_same(a, b):
    np.testing.assert_array_equal(a.offsets, b.offsets)
    for name in (*MARK_NAMES, *CLUSTER_NAMES, "cluster_id"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    pd.testing.assert_frame_equal(a.meta, b.meta)


def test_a_cluster_does_not_depend_on_what_is_made_with_it():
    whole = simulate(30, seed=5, grade="mixed")
    parts = [simulate(7, seed=5, start=a, grade="mixed") for a in (0, 7, 14)]
    assert_same(whole[:21], ClusterSet.concat(parts))
    assert_same(whole[29], simulate(1, seed=5, start=29, grade="mixed"))


def test_batches_do_not_matter(monkeypatch):
    whole = simulate(12, seed=6)
    monkeypatch.setattr(generator, "BATCH", 5)
    assert_same(whole, simulate(12, seed=6))


@pytest.mark.slow
def test_workers_do_not_matter(monkeypatch):
    whole = simulate(12, seed=6)
    monkeypatch.setattr(generator, "BATCH", 5)
    assert_same(whole, simulate(12, seed=6, n_jobs=2))


def test_seeds_differ():
    a, b = simulate(3, seed=1), simulate(3, seed=2)
    assert a.x_mm.size != b.x_mm.size or (a.x_mm != b.x_mm).any()


def test_what_is_made_is_a_valid_set(typical):
    columns = {n: getattr(typical, n) for n in (*MARK_NAMES[2:], *CLUSTER_NAMES)}
    ClusterSet.from_arrays(typical.offsets, typical.x_mm, typical.y_mm, **columns)
    assert typical.n_calcifications.min() >= 3
    assert np.nanmin(typical.diameter_mm) > 0.02
    assert np.nanmax(typical.diameter_mm) < 15


def test_meta_columns(typical):
    meta = typical.meta
    expected = {
        "image_id", "group_id", "laterality", "view", "mechanism",
        "true_distribution", "true_morphology", "grade",
    }  # fmt: skip
    assert set(meta) == expected
    assert set(meta.laterality) == {"L", "R"}
    assert set(meta["view"]) == {"CC", "MLO"}
    arrangement, particle = zip(*meta.mechanism.str.split("/"), strict=True)
    assert set(arrangement) | set(particle) <= set(mechanism_ids())
    assert [a.split(".")[0] for a in arrangement] == meta.true_distribution.tolist()
    assert [p.split(".")[0] for p in particle] == meta.true_morphology.tolist()
    assert all(map(is_admissible, meta.true_distribution, meta.true_morphology))


def test_patients_share_a_few_clusters(typical):
    # A breast may be replaced where a mechanism finds no room, so some patients have fewer.
    sizes = typical.meta.groupby("group_id").size()
    assert sizes.max() == 4
    assert sizes.median() == 4
    assert typical.meta.groupby("image_id").group_id.nunique().max() == 1


def test_class_mix():
    menu = menu_of((), ())
    rng = np.random.default_rng(3)
    drawn = [menu.draw(rng) for _ in range(6000)]
    distribution = pd.Series([a.label for a, _ in drawn]).value_counts(normalize=True)
    form = pd.Series([p.label for _, p in drawn]).value_counts(normalize=True)
    assert set(distribution.index) == set(DISTRIBUTIONS)
    assert set(form.index) == set(MORPHOLOGIES)
    assert distribution.min() > 0.11
    assert form.min() > 0.06
    assert all(a.vessel == (p.label == "vascular") for a, p in drawn)


def test_mechanisms_can_be_left_out_or_singled_out():
    left_out = simulate(40, seed=3, exclude_mechanisms=["linear.curve", "round.spheres"])
    assert not left_out.meta.mechanism.str.contains("linear.curve|round.spheres").any()
    alone = simulate(8, seed=3, only_mechanisms=["linear.curve", "round.spheres"])
    assert set(alone.meta.mechanism) == {"linear.curve/round.spheres"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"grade": "awful"}, "easy, typical, hard, mixed"),
        ({"preset": "none"}, "bench_v1, train"),
        ({"exclude_mechanisms": ["linear.none"]}, "linear.duct_walk"),
        ({"seed": -1}, "at least 0"),
    ],
)
def test_refusals_name_what_is_allowed(wrong, message):
    with pytest.raises(BadInputError, match=message):
        simulate(1, **wrong)


def test_nothing_asked_nothing_made():
    assert len(simulate(0)) == 0


def test_degradation_never_relabels_and_grades_do_not_change_the_truth():
    for index in range(12):
        sets = [simulate(1, seed=8, start=index, grade=g) for g in ("easy", "typical", "hard")]
        truth = {(s.meta.true_distribution[0], s.meta.true_morphology[0]) for s in sets}
        assert len(truth) == 1


def test_grades_are_monotone():
    lost = []
    for grade in ("easy", "typical", "hard"):
        seen = simulate(60, seed=9, grade=grade)
        kept = []
        for index in range(60):
            cluster = true_cluster(index, seed=9, grade=grade)
            true_xy = cluster.truth.xy
            if cluster.region_of_interest:
                continue
            one = seen[index]
            xy = np.column_stack([one.x_mm, one.y_mm])
            away = np.hypot(*(true_xy[:, None] - xy[None]).transpose(2, 0, 1)).min(axis=1)
            kept.append((away < 0.6).mean())
        lost.append(1 - np.mean(kept))
    assert lost[0] < lost[1] < lost[2]
    assert 0.05 < lost[1] < 0.35


def test_missing_marks_and_unknown_nipples_come_as_often_as_the_preset_says(typical):
    nipple = np.isnan(typical.nipple_x_mm).mean()
    area = np.isnan(typical.breast_area_mm2).mean()
    lost = np.zeros(len(typical), bool)
    owner = np.repeat(np.arange(len(typical)), typical.n_calcifications)
    for name in MARK_NAMES[2:]:
        lost |= np.bincount(owner, ~np.isnan(getattr(typical, name))) == 0
    assert 0.2 < nipple < 0.4
    assert 0.3 < area < 0.5
    assert 0.03 < lost.mean() < 0.14


@pytest.mark.slow
def test_speed_is_sane():
    simulate(50, seed=1)
    start = time.process_time()
    simulate(400, seed=2)
    assert (time.process_time() - start) / 400 < 0.02


def test_few_calcifications_that_nearly_touch_are_listed_in_the_end():
    # Three discs .1 mm apart under the hard grade, whose every draw merged two of them.
    assert simulate(1, seed=2026, start=38256, grade="mixed").n_calcifications[0] >= 3


def test_progress_is_told_in_clusters():
    told = []
    clusters = simulate(40, seed=1, progress=lambda done, n: told.append((done, n)))
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert clusters == simulate(40, seed=1)
