import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.stats import kstest

from calcigram.lexicon import MORPHOLOGIES, Morphology
from calcigram.simulate import load_preset
from calcigram.simulate._detector import (
    ASPECT,
    CNR,
    DIAMETER,
    SOLIDITY,
    merge_close,
    responded,
    state_marks,
)
from calcigram.simulate._outlines import Outlines, capsules, ellipses, shards, single
from calcigram.simulate._random import kernel_state, normal, rough_normal, uniform
from calcigram.simulate._raster import gathered, measure, measure_outlines
from calcigram.simulate._shape import extent_of, median_spacing, tree_path_share, with_room
from calcigram.simulate.acquisition import (
    DESCRIBED,
    NO_RESPONSE,
    acquire,
    describe,
    draw_description,
    draw_response,
    measure_truth,
)
from calcigram.simulate.generator import true_cluster
from calcigram.simulate.presets import Draw, Preset

ONE = np.ones(1)


def measured(parts, pixel, *, origin=(0.0, 0.0), blur=0.0, threshold=0.5, noise=0.0):
    n = len(parts)
    return measure(
        np.zeros(1, np.uint64),
        np.ascontiguousarray(parts),
        np.arange(n + 1),
        pixel,
        origin,
        blur,
        threshold,
        0.0,
        noise,
        np.zeros(n),
        np.full(n, 0.8),
    )


def clipped_area(vertices, low, high):
    """Area of a polygon within a box, by Sutherland and Hodgman's clipping."""
    for axis in (0, 1):
        for sign, limit in ((1, high[axis]), (-1, -low[axis])):
            kept = []
            for a, b in zip(vertices, np.roll(vertices, -1, 0), strict=True):
                inside_a, inside_b = sign * a[axis] <= limit, sign * b[axis] <= limit
                if inside_a:
                    kept.append(a)
                if inside_a != inside_b:
                    t = (limit - sign * a[axis]) / (sign * (b[axis] - a[axis]))
                    kept.append(a + t * (b - a))
            if not kept:
                return 0.0
            vertices = np.array(kept)
    x, y = vertices.T
    return 0.5 * abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def slow_measures(vertices, pixel):
    """Clip cell by cell, then measure with numpy and scipy."""
    low = np.floor(vertices.min(0) / pixel) - 1
    columns, rows = (np.ceil(vertices.max(0) / pixel) - low + 1).astype(int)
    cover = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            corner = (low + np.array([c, r])) * pixel
            cover[r, c] = clipped_area(vertices, corner, corner + pixel) / pixel**2
    mask = cover >= 0.5 * cover.max()
    r, c = np.nonzero(mask)
    values, vectors = np.linalg.eigh(np.cov(np.array([c, r]), bias=True) + np.eye(2) / 12)
    corners = np.concatenate([[c + 0.5, r], [c - 0.5, r], [c, r + 0.5], [c, r - 0.5]], axis=1)
    hull = ConvexHull(corners.T).volume
    return {
        "xy": (low + np.array([c.mean() + 0.5, r.mean() + 0.5])) * pixel,
        "area": mask.sum() * pixel**2,
        "aspect": math.sqrt(values[1] / values[0]),
        "orientation": math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180,
        "solidity": min(1, mask.sum() / hull),
        "peak": cover.max(),
    }


@pytest.mark.parametrize("pixel", [0.05, 0.11, 0.2])
def test_kernel_equals_its_slow_twin(pixel):
    rng = np.random.default_rng(4)
    n = 14
    parts = shards(
        rng, rng.uniform(0.3, 1.2, n), rng.uniform(1, 3, n), rng.uniform(0, 3, n), 0.5, 6
    ) + rng.uniform(-5, 5, (n, 1, 2))
    # The kernel's grid has a margin of one cell on each side: the same cells, so equal masks.
    got = measured(parts, pixel)
    for row, vertices in zip(got, parts, strict=True):
        slow = slow_measures(vertices, pixel)
        np.testing.assert_allclose(row[:2], slow["xy"], atol=1e-9)
        np.testing.assert_allclose(row[2], slow["area"], rtol=1e-9)
        np.testing.assert_allclose(row[3], slow["aspect"], rtol=1e-6)
        np.testing.assert_allclose(row[5], slow["solidity"], rtol=1e-9)
        np.testing.assert_allclose(row[7], slow["peak"], atol=1e-5)
        if slow["aspect"] > 1.05:
            turn = (row[4] - slow["orientation"] + 90) % 180 - 90
            assert abs(turn) < 1e-4


def measure_polygons(parts):
    got = measure_outlines(np.ascontiguousarray(parts), np.arange(len(parts)), len(parts))
    area = np.pi / 4 * got[:, :1] ** 2
    return np.hstack([np.zeros((len(parts), 2)), area, got[:, 1:]])


def test_polygons_of_those_taken_together_come_side_by_side():
    parts = np.arange(5.0)[:, None, None] * np.ones((5, 24, 2))
    xy = np.array([[0.0, 0], [10, 0], [20, 0], [30, 0]])
    vertices, first = gathered(parts, np.array([0, 1, 1, 2, 3]), xy, np.array([0, 1, 0, 3]))
    assert first.tolist() == [0, 2, 4, 5]
    assert vertices[:, 0, 0].tolist() == [0, 23, 11, 12, 34]


def test_discs_measure_as_discs():
    diameter = np.array([0.4, 0.8, 3.0])
    got = measured(ellipses(diameter, np.ones(3), np.zeros(3), 2.0), 0.02)
    np.testing.assert_allclose(np.sqrt(4 / np.pi * got[:, 2]), diameter, rtol=0.03)
    np.testing.assert_allclose(got[:, 3], 1.0, atol=0.03)
    assert got[:, 5].min() > 0.95


def test_capsules_measure_as_capsules():
    length, calibre, angle = np.array([2.0, 4.0]), np.array([0.4, 0.6]), np.radians([20.0, 140.0])
    parts = capsules(length, calibre, angle, np.zeros(2))
    exact = measure_polygons(parts)
    got = measured(parts, 0.025)
    area = (length - calibre) * calibre + np.pi / 4 * calibre**2
    for rows in (exact, got):
        np.testing.assert_allclose(rows[:, 2], area, rtol=0.04)
        np.testing.assert_allclose(rows[:, 4], [20.0, 140.0], atol=1.0)
        np.testing.assert_allclose(rows[:, 3], exact[:, 3], rtol=0.04)
    assert (np.abs(exact[:, 3] / (length / calibre) - 1) < 0.2).all()


def test_exact_measures_of_an_ellipse():
    got = measure_polygons(ellipses(np.array([1.0]), np.array([3.0]), np.radians([60.0]), 2.0))[0]
    assert got[2] == pytest.approx(math.pi / 4, rel=1e-6)
    assert got[3] == pytest.approx(3.0, rel=1e-6)
    assert got[4] == pytest.approx(60.0, abs=1e-6)
    assert got[5] == pytest.approx(1.0, abs=1e-9)


def test_a_dot_below_the_pixel_is_one_pixel():
    got = measured(ellipses(np.array([0.005]), np.ones(1), np.zeros(1), 2.0) + 0.013, 0.1)[0]
    assert got[8] == 1
    assert got[3] == 1.0
    assert got[5] == 1.0


def test_huge_outlines_get_a_coarser_grid():
    got = measured(ellipses(np.array([40.0]), np.ones(1), np.zeros(1), 2.0), 0.05)[0]
    assert np.sqrt(4 / np.pi * got[2]) == pytest.approx(40, rel=0.02)


def test_blur_equals_scipy():
    disc = ellipses(np.array([0.5]), np.ones(1), np.zeros(1), 2.0)
    got = measured(disc, 0.1, blur=1.3)[0, 7]
    fine = np.zeros((61, 61))
    axis = (np.arange(61) - 30) * 0.1
    sub = (np.arange(16) + 0.5) / 16 * 0.1
    for i, y in enumerate(axis):
        for j, x in enumerate(axis):
            fine[i, j] = (np.hypot(x + sub[:, None], y + sub[None]) < 0.25).mean()
    assert got == pytest.approx(ndimage.gaussian_filter(fine, 1.3).max(), rel=0.05)


def test_unions_are_measured_once():
    parts = np.concatenate([ellipses(np.array([1.0]), np.ones(1), np.zeros(1), 2.0)] * 2)
    together = Outlines(parts, np.array([0, 0]), np.ones(1), np.zeros(1))
    truth = measure_truth(np.zeros((1, 2)), together)
    assert truth.table[:, 0][0] == pytest.approx(1.0, rel=0.04)
    apart = Outlines(
        parts + np.array([[[-0.7, 0.0]], [[0.7, 0.0]]]), np.array([0, 0]), ONE, np.zeros(1)
    )
    truth = measure_truth(np.zeros((1, 2)), apart)
    assert truth.table[:, 0][0] == pytest.approx(math.sqrt(2), rel=0.04)
    assert truth.table[:, 1][0] == pytest.approx(math.hypot(1, 0.7 / 0.25), rel=0.05)
    assert truth.table[:, 3][0] < 0.75


def true_marks(xy, diameter=0.3):
    n = len(xy)
    disc = ellipses(np.full(n, diameter), np.ones(n), np.zeros(n), 2.0)
    return measure_truth(np.asarray(xy, float), single(disc, np.ones(n)))


def test_only_close_pairs_merge_and_only_once():
    truth = true_marks([[0, 0], [0.4, 0], [0.8, 0], [5, 5]])
    radius = truth.table[:, 0] / 2
    owner = merge_close(np.ones(1, np.uint64), truth.xy, radius, 0.2, 1.0)
    assert owner[3] == 3
    assert np.bincount(owner).max() == 2
    owner = merge_close(np.ones(1, np.uint64), truth.xy, radius, 0.0, 1.0)
    assert (owner == np.arange(4)).all()


def _levels(**changes):
    preset = load_preset("train")
    rng = np.random.default_rng(0)
    device, grade = preset.draw("acquisition", rng), preset.draw("grade.easy", rng)
    grade = Draw({**dict.fromkeys(grade, 0.0), **changes})
    return Draw({**device, "convention": 0.1, "rounded": 0.0}), grade


def test_without_degradation_all_is_found_where_it_is():
    rng = np.random.default_rng(5)
    xy = np.column_stack([np.arange(20) * 2.0, rng.uniform(0, 30, 20)])
    device, grade = _levels()
    got = acquire(rng, true_marks(xy), xy, device, grade)
    got = got[np.argsort(got[:, 0])]
    np.testing.assert_allclose(got[:, :2], xy, atol=device.pixel_mm)


def test_miss_and_false_rates():
    rng = np.random.default_rng(6)
    xy = rng.uniform(0, 60, (200, 2))
    truth = true_marks(xy)
    device, grade = _levels(miss_rate=0.3)
    found = np.mean([len(acquire(rng, truth, xy, device, grade)) for _ in range(40)])
    assert found == pytest.approx(140, abs=6)
    device, grade = _levels(false_rate=0.2)
    found = np.mean([len(acquire(rng, truth, xy, device, grade)) for _ in range(40)])
    assert found == pytest.approx(240, abs=6)


def test_kernel_random_numbers_are_uniform_and_normal():
    state = kernel_state(np.random.default_rng(1))
    u = np.array([uniform(state) for _ in range(4000)])
    z = np.array([normal(state) for _ in range(4000)])
    assert kstest(u, "uniform").pvalue > 1e-3
    assert kstest(z, "norm").pvalue > 1e-3
    rough = np.array([rough_normal(state) for _ in range(4000)])
    assert abs(rough.mean()) < 0.06
    assert rough.std() == pytest.approx(1.0, abs=0.05)
    assert np.abs(rough).max() < 3.5
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.06


def test_stated_marks_are_taken_as_they_are():
    rng = np.random.default_rng(7)
    xy = np.column_stack([np.arange(12) * 2.0, np.zeros(12)])
    truth = true_marks(xy)
    device, grade = _levels()
    device = Draw(device | {"convention": DESCRIBED, "analytic_log_sigma": 0.0, "gain": 1.0})
    got = acquire(rng, truth, xy, device, grade)
    got = got[np.argsort(got[:, 0])]
    np.testing.assert_allclose(got[:, :2], xy, atol=1e-5)
    np.testing.assert_allclose(got[:, 2:4], truth.table[:, :2], rtol=1e-5)
    np.testing.assert_allclose(got[:, 5], truth.table[:, 3], rtol=1e-5)


def test_stated_marks_that_merge_pool_their_area():
    truth = true_marks([[0.0, 0.0], [0.4, 0.0], [5.0, 5.0]])
    rows = state_marks(
        np.ones(1, np.uint64), np.array([0, 0, 2]), truth.xy, truth.table, np.ones(3), 1.0, 0.0, 0.0
    )
    assert len(rows) == 2
    np.testing.assert_allclose(rows[0, :2], [0.2, 0.0], atol=1e-12)
    assert rows[0, 2] == pytest.approx(math.sqrt(2) * truth.table[:, 0][0])


def test_too_few_left_is_nothing():
    device, grade = _levels(miss_rate=1.0)
    xy = np.random.default_rng(0).uniform(0, 9, (5, 2))
    assert acquire(np.random.default_rng(0), true_marks(xy), xy, device, grade) is None


def test_shape_kernels_equal_their_slow_twins():
    rng = np.random.default_rng(8)
    for n in (3, 5, 40):
        xy = rng.normal(size=(n, 2)) * [5, 2]
        distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
        extent, width, area, _ = extent_of(xy)
        assert extent == pytest.approx(distance.max())
        assert area == pytest.approx(ConvexHull(xy).volume)
        turns = np.linspace(0, np.pi, 20001)
        spans = np.ptp(xy @ np.array([np.cos(turns), np.sin(turns)]), axis=0)
        assert width == pytest.approx(spans.min(), rel=1e-3)
        np.fill_diagonal(distance, np.inf)
        assert median_spacing(xy) == pytest.approx(np.median(distance.min(axis=0)))
    line = np.column_stack([np.arange(9.0), np.zeros(9)])
    assert tree_path_share(line) == pytest.approx(1.0)
    assert extent_of(line)[1:3] == (0.0, 0.0)


def test_overlapping_rods_do_not_both_stay():
    xy = np.array([[0.0, 0], [0, 0.1], [9, 9], [9, 9.6]])
    table = np.array([[1.0, 4, 0, 1], [1.2, 4, 0, 1], [1, 4, 0, 1], [1, 4, 90, 1]])
    keep = with_room(np.zeros(1, np.uint64), xy, table, 0.85)
    assert keep[:2].tolist() == [False, True]
    assert keep[2:].sum() == 1


def test_another_detectors_marks_rise_with_the_true_ones():
    rng = np.random.default_rng(3)
    marks = np.column_stack(
        [
            rng.normal(size=(50, 2)), rng.lognormal(-1, 0.5, 50), 1 + rng.gamma(2, 0.3, 50),
            rng.uniform(0, 180, 50), rng.uniform(0.5, 1, 50), rng.lognormal(1, 1, 50),
        ]
    )  # fmt: skip
    np.testing.assert_allclose(responded(marks, NO_RESPONSE), marks)
    floored = NO_RESPONSE.copy()
    floored[4, 0] = 3.0
    np.testing.assert_allclose(responded(marks, floored)[:, CNR], np.hypot(marks[:, CNR], 3.0))
    for _ in range(20):
        found = responded(marks, draw_response(rng, load_preset("train")))
        for column in (DIAMETER, ASPECT, SOLIDITY, CNR):
            order = np.argsort(marks[:, column])
            assert (np.diff(found[order, column]) > 0).all()
        assert found[:, ASPECT].min() >= 1
        assert found[:, SOLIDITY].max() <= 1
    state = rng.bit_generator.state
    np.testing.assert_array_equal(draw_response(rng, load_preset("bench_v1")), NO_RESPONSE)
    assert rng.bit_generator.state == state  # the frozen benchmark draws nothing for it


@pytest.fixture
def ranges() -> Preset:
    return load_preset("train")


def _drawn(ranges: Preset) -> Draw:
    rng = np.random.default_rng(4)
    tries = (draw_description(rng, Morphology.FINE_LINEAR, ranges) for _ in range(99))
    return next(drawn for drawn in tries if drawn is not None)


def test_every_form_has_ranges(ranges):
    assert {f"described.{form}" for form in MORPHOLOGIES} <= set(ranges.sections)


def test_a_share_of_the_clusters_is_described(ranges):
    rng = np.random.default_rng(0)
    drawn = [draw_description(rng, Morphology.ROUND, ranges) for _ in range(2000)]
    share = np.mean([d is not None for d in drawn])
    assert share == pytest.approx(ranges.sections["described"]["share"].low, abs=0.04)


def test_a_preset_without_the_section_describes_nothing(ranges):
    bare = Preset("bare", {}, {k: v for k, v in ranges.sections.items() if k != "described"}, "")
    assert draw_description(np.random.default_rng(0), Morphology.ROUND, bare) is None


def test_places_stay_and_the_marks_keep_their_ranges(ranges):
    rng = np.random.default_rng(1)
    truth = true_cluster(3, seed=5).truth
    drawn = _drawn(ranges)
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    np.testing.assert_array_equal(told.xy, truth.xy)
    assert (told.table[:, 1] >= 1).all()
    assert ((told.table[:, 2] >= 0) & (told.table[:, 2] < 180)).all()
    assert ((told.table[:, 3] > 0) & (told.table[:, 3] <= 1)).all()
    assert (told.outlines.contrast > 0).all()


def test_marks_lie_along_the_duct_in_about_the_share_that_is_asked(ranges):
    rng = np.random.default_rng(2)
    truth = true_cluster(3, seed=5).truth
    drawn = _drawn(ranges)
    direction = np.full(len(truth.table), 0.5)
    order = []
    for _ in range(300):
        turn = np.radians(describe(rng, truth, direction, drawn).table[:, 2] - np.degrees(0.5))
        order.append(np.cos(2 * turn).mean() > 0.5)
    assert np.mean(order) == pytest.approx(drawn.along_share, abs=0.12)


def test_a_share_states_the_greatest_length_as_the_size(ranges):
    rng = np.random.default_rng(3)
    truth = true_cluster(3, seed=5).truth
    drawn = Draw(_drawn(ranges) | {"greatest_length_share": 1.0, "size_log_bias": 0.0})
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    np.testing.assert_allclose(told.table[:, 0], truth.table[:, 0] * np.sqrt(told.table[:, 1]))
    drawn = Draw(drawn | {"greatest_length_share": 0.0, "mean_axis_share": 1.0})
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    assert (told.table[:, 0] >= truth.table[:, 0]).all()
    assert (told.table[:, 0] <= truth.table[:, 0] * np.sqrt(told.table[:, 1])).all()


def test_sizes_stay_where_a_preset_says_nothing_of_them():
    drawn = _drawn(load_preset("bench_v1"))
    rng = np.random.default_rng(4)
    truth = true_cluster(3, seed=5).truth
    told = describe(rng, truth, np.zeros(len(truth.table)), drawn)
    np.testing.assert_array_equal(told.table[:, 0], truth.table[:, 0])
