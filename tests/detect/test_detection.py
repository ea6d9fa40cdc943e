"""What is detected: discs of known place and size, whatever the grey scale, the side and the file."""

import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from calcigram.detect import detect_calcifications, measure_points
from calcigram.detect.grouping import group_marks
from calcigram.errors import BadInputError
from calcigram.mammogram import Mammogram

THREE = [(4.013, 5.02, 0.3, 60.0), (9.05, 4.03, 0.5, 40.0), (7.03, 9.98, 0.8, 80.0)]


def of_patch(mammogram, **options):
    return detect_calcifications(mammogram, find_outline=False, **options)


def near(table, x_mm, y_mm, within_mm=0.3):
    distance = np.hypot(table["x_mm"] - x_mm, table["y_mm"] - y_mm)
    assert distance.min() < within_mm, (x_mm, y_mm)
    return table.iloc[int(distance.argmin())]


@pytest.mark.parametrize("diameter_mm", [0.25, 0.35, 0.5, 0.8, 1.5, 3.0, 5.0])
@pytest.mark.parametrize("spacing_mm", [0.05, 0.07, 0.1])
def test_a_disc_is_found_with_its_place_and_size(discs, diameter_mm, spacing_mm):
    at = (7.02, 7.035)
    n = int(14 / spacing_mm)
    disc = (*at, diameter_mm, 60.0)
    table = of_patch(discs([disc], spacing_mm=(spacing_mm, spacing_mm), shape=(n, n))).table
    assert len(table) == 1
    found = table.iloc[0]
    assert np.hypot(found["x_mm"] - at[0], found["y_mm"] - at[1]) < 0.02
    assert found["diameter_mm"] == pytest.approx(diameter_mm, rel=0.1)
    assert found["aspect_ratio"] < 1.15
    assert found["solidity"] > 0.9
    assert found["cnr"] == pytest.approx(15, rel=0.35)


def test_a_disc_is_round_where_pixels_are_not(discs):
    image = discs([(7.0, 7.0, 0.6, 60.0)], spacing_mm=(0.05, 0.1), shape=(280, 140))
    found = of_patch(image).table.iloc[0]
    assert found["diameter_mm"] == pytest.approx(0.6, rel=0.1)
    assert found["aspect_ratio"] < 1.15


def test_labels_number_the_rows_of_the_table(discs):
    found = of_patch(discs(THREE))
    assert len(found.table) == 3
    assert found.table["confidence"].is_monotonic_decreasing
    for number, row in enumerate(found.table.itertuples(), start=1):
        y, x = ndimage.center_of_mass(found.labels == number)
        assert (x + 0.5) * 0.07 == pytest.approx(row.x_mm, abs=0.05)
        assert (y + 0.5) * 0.07 == pytest.approx(row.y_mm, abs=0.05)
    assert found.labels.max() == 3


def test_a_mask_of_the_labels_gives_the_same_marks(discs):
    """The product has one way to measure a mark: labels that are written and read again say the same."""
    from calcigram.formats.annotations import ImageMarks
    from calcigram.formats.masks import fill_from_labels

    image = discs(THREE)
    found = of_patch(image)
    marks = ImageMarks()
    fill_from_labels(marks, found.labels, (0.07, 0.07), image.pixels)
    assert len(marks.loose) == 3
    for mark in marks.loose:
        row = near(found.table, mark.shape.x_mm, mark.shape.y_mm, 0.01)
        # a reader of masks sees no surroundings beyond the box around all labels
        assert mark.shape.cnr == pytest.approx(row["cnr"], rel=0.2)
        assert mark.shape.diameter_mm == pytest.approx(row["diameter_mm"], rel=0.12)


@pytest.mark.parametrize("flip", [(1, -1), (-1, 1), (-1, -1)])
def test_flipped_images_have_flipped_marks(discs, flip):
    image = discs(THREE)
    flipped = replace(image, pixels=np.ascontiguousarray(image.pixels[:: flip[0], :: flip[1]]))
    one, other = of_patch(image).table, of_patch(flipped).table
    assert len(one) == len(other) == 3
    for row in one.itertuples():
        x = row.x_mm if flip[1] > 0 else 14 - row.x_mm
        y = row.y_mm if flip[0] > 0 else 14 - row.y_mm
        assert near(other, x, y, 0.02)["diameter_mm"] == pytest.approx(row.diameter_mm, rel=0.05)


@settings(max_examples=8, deadline=None)
@given(gain=st.sampled_from([0.01, 1.0, 7.0, 1000.0]), offset=st.floats(-1000, 1000))
def test_gain_and_offset_of_grey_values_do_not_matter(discs, gain, offset):
    image = discs(THREE)
    pixels = ((image.pixels.astype(float) + offset) * gain).astype(np.float32)
    one, other = of_patch(image).table, of_patch(replace(image, pixels=pixels)).table
    np.testing.assert_allclose(one, other, rtol=0.02, atol=0.02)


@settings(max_examples=6, deadline=None)
@given(rows=st.integers(-30, 30), columns=st.integers(-30, 30))
def test_a_shift_of_the_image_shifts_the_marks(discs, rows, columns):
    moved = [(x + columns * 0.07, y + rows * 0.07, d, h) for x, y, d, h in THREE]
    one, other = of_patch(discs(THREE)).table, of_patch(discs(moved)).table
    assert len(one) == len(other) == 3
    for row in one.itertuples():
        near(other, row.x_mm + columns * 0.07, row.y_mm + rows * 0.07, 0.03)


def test_noise_alone_has_no_marks(discs):
    assert not len(of_patch(discs([], shape=(500, 500))).table)


def test_a_dense_cluster_does_not_hide_itself(discs):
    rng = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(np.arange(12), np.arange(12)), -1).reshape(-1, 2) * 0.75 + 3
    dense = [(x, y, 0.3, 40.0) for x, y in grid + rng.uniform(-0.1, 0.1, grid.shape)]
    assert len(of_patch(discs(dense)).table) >= 0.97 * len(dense)


def test_a_ridge_has_no_marks_but_calcifications_on_a_line_have(discs):
    image = discs([], shape=(300, 300))
    y, x = np.mgrid[:300, :300] * 0.07
    ridge = 30 * np.exp(-(((y - 10 - 0.4 * np.sin(x / 3)) / 0.25) ** 2))
    assert len(of_patch(replace(image, pixels=image.pixels + ridge.astype(np.float32))).table) == 0
    on_a_line = [(2 + k * 0.9, 10 + 0.1 * k, 0.3, 60.0) for k in range(18)]
    assert len(of_patch(discs(on_a_line, shape=(300, 300))).table) == 18


@pytest.mark.parametrize("length_mm", [0.8, 1.5, 3.0, 7.0])
@pytest.mark.parametrize("width_mm", [0.3, 0.6])
def test_a_rod_is_one_mark_with_its_direction(discs, length_mm, width_mm):
    image = discs([], shape=(300, 300))
    y, x = np.mgrid[:300, :300] * 0.07 - 10
    along, across = x * np.cos(0.5) + y * np.sin(0.5), y * np.cos(0.5) - x * np.sin(0.5)
    beyond = np.maximum(np.abs(along) - (length_mm - width_mm) / 2, 0)
    rod = 60.0 * np.sqrt(np.clip(1 - (np.hypot(beyond, across) / (width_mm / 2)) ** 2, 0, None))
    pixels = image.pixels + ndimage.gaussian_filter(rod, 1).astype(np.float32)
    table = of_patch(replace(image, pixels=pixels)).table
    assert len(table) == 1
    assert table["orientation_deg"][0] == pytest.approx(np.degrees(0.5), abs=5)
    assert table["aspect_ratio"][0] > 0.6 * length_mm / width_mm


@pytest.mark.parametrize("diameter_mm", [1.5, 3.0, 6.0])
def test_popcorn_is_not_cut_to_pieces(discs, diameter_mm):
    rng = np.random.default_rng(8)
    lumps = [(10.0, 10.0, 0.8 * diameter_mm, 60.0)]
    for r, a in zip(rng.uniform(0, 0.35, 12), rng.uniform(0, 2 * np.pi, 12), strict=True):
        x, y = 10 + r * diameter_mm * np.cos(a), 10 + r * diameter_mm * np.sin(a)
        lumps.append((x, y, rng.uniform(0.15, 0.4) * diameter_mm, rng.uniform(20, 60)))
    clean = discs(lumps, shape=(300, 300), noise=0.0)
    lumpy = 500 + 90 * np.tanh(
        (clean.pixels - 500) / 90
    )  # twice as high in the middle as at the rim
    noise = rng.normal(0, 4, lumpy.shape)
    table = of_patch(replace(clean, pixels=(lumpy + noise).astype(np.float32))).table
    assert len(table) == 1
    assert table["diameter_mm"][0] == pytest.approx(0.85 * diameter_mm, rel=0.15)


def test_points_grow_to_the_outlines_that_are_detected(discs):
    image = discs(THREE)
    found = of_patch(image).table
    points = measure_points(image, found["x_mm"] + 0.1, found["y_mm"] - 0.1)
    columns = ["x_mm", "y_mm", "diameter_mm", "aspect_ratio", "solidity", "cnr"]
    np.testing.assert_allclose(points.table[columns], found[columns], rtol=0.02, atol=0.01)
    assert sorted(np.unique(points.labels)) == [0, 1, 2, 3]


def test_points_keep_their_rows(discs):
    points = measure_points(discs(THREE), [4.0, 12.0, 4.05], [5.0, 12.0, 5.0])
    table = points.table
    assert table["diameter_mm"].notna().tolist()[::2] == [True, False]  # one disc, one mark
    assert table["x_mm"][2] == 4.05
    assert table["y_mm"][1] == pytest.approx(12.0, abs=0.4)  # where there is nothing but noise
    assert not table["confidence"][1] > 5.5
    assert "of 3 points not measured" in points.notices[-1]


def test_no_points(discs):
    found = measure_points(discs(THREE), [], [])
    assert len(found.table) == 0
    assert not found.labels.any()


@pytest.mark.parametrize("x", [-0.1, 14.1, np.nan])
def test_points_outside_are_refused(discs, x):
    with pytest.raises(BadInputError, match=r"row 1: got .* expected points within the image"):
        measure_points(discs(THREE), [4.0, x], [5.0, 5.0])
    with pytest.raises(BadInputError, match="as many"):
        measure_points(discs(THREE), [4.0], [5.0, 5.0])


def test_bad_options_are_refused(discs):
    with pytest.raises(BadInputError, match="a number above 0"):
        of_patch(discs(THREE), threshold_z=0)
    with pytest.raises(BadInputError, match="region of interest"):
        of_patch(discs(THREE), roi=np.ones((3, 3), bool))


def test_a_higher_threshold_leaves_fewer(discs):
    image = discs([(x, 7.0, 0.3, h) for x, h in [(3, 20.0), (6, 40.0), (9, 80.0)]])
    z = of_patch(image, threshold_z=5.0).table["confidence"]
    assert len(z) == 3
    assert of_patch(image, threshold_z=float(z[0]) - 0.01).table["confidence"].tolist() == [z[0]]


@pytest.mark.parametrize(("apart_mm", "n_found"), [(2.0, 4), (6.0, 3)])
def test_weaker_ones_are_kept_near_three_of_the_threshold(discs, apart_mm, n_found):
    places = [(x, 4.0, 0.3, 80.0) for x in (3, 4.5, 6)]
    image = discs([*places, (4.5, 4.0 + apart_mm, 0.3, 20.0)])
    z = of_patch(image, threshold_z=4.0).table["confidence"]
    assert z[2] > z[3] + 2
    threshold = float(z[3]) + 0.5
    assert len(of_patch(image, threshold_z=threshold).table) == 3
    found = of_patch(image, threshold_z=threshold, with_weaker=True)
    assert len(found.table) == found.labels.max() == n_found
    pd.testing.assert_frame_equal(  # cnr is held against pixels of no other calcification
        found.table.iloc[:3].drop(columns="cnr"),
        of_patch(image, threshold_z=threshold).table.drop(columns="cnr"),
    )


def test_a_region_of_interest_keeps_what_is_inside_and_counts_the_rest(discs):
    roi = np.zeros((200, 200), bool)
    roi[:100, :100] = True
    found = of_patch(discs(THREE), roi=roi)
    assert len(found.table) == 1
    assert found.left_out == {"outside the region of interest": 2}


@pytest.mark.parametrize("find_outline", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 500), (12, 12), (64, 64)])
@pytest.mark.parametrize("value", [0.0, 500.0])
def test_constant_and_tiny_images_have_no_marks(find_outline, shape, value):
    image = Mammogram(np.full(shape, value, np.float32), (0.07, 0.07))
    found = detect_calcifications(image, find_outline=find_outline)
    assert len(found.table) == 0
    assert found.labels.shape == found.breast.shape == shape


def test_an_image_of_padding_has_no_marks():
    pixels = np.random.default_rng(0).normal(0, 1, (100, 100)).astype(np.float32)
    found = detect_calcifications(Mammogram(pixels, (0.1, 0.1), valid=np.zeros((100, 100), bool)))
    assert len(found.table) == 0
    assert found.breast_area_mm2 == 0


def test_pixels_that_are_no_numbers_are_padding(discs):
    image = discs(THREE)
    image.pixels[:40, :60] = np.nan
    image.pixels[90, 90] = np.inf
    found = of_patch(image)
    assert "2401 pixels without a finite value" in found.notices[0]
    assert len(found.table) == 3
    image.pixels[:] = np.nan
    with pytest.raises(BadInputError, match="finite pixels"):
        of_patch(image)


@pytest.mark.parametrize("sd", [0.2, 0.3, 0.5])
def test_noise_below_the_grey_step_has_no_marks(sd):
    pixels = np.round(np.random.default_rng(0).normal(100, sd, (400, 400))).astype(np.float32)
    assert len(of_patch(Mammogram(pixels, (0.07, 0.07))).table) <= 1


def test_a_large_offset_does_not_matter(discs):
    image = discs(THREE)
    with_offset = replace(image, pixels=image.pixels + np.float32(1e5))
    assert len(detect_calcifications(with_offset).table) == 3


@pytest.mark.parametrize("bits", [8, 12])
def test_coarse_grey_steps_are_no_marks(phantom, bits):
    made = phantom.tissue((600, 600), 0.08, 3, breast=False)
    phantom.add_calcification(made, 20.0, 20.0, 0.6, 0.6)
    found = of_patch(made.mammogram(quanta=40_000, bits=bits)).table
    near(found, 20.0, 20.0)
    assert len(found) <= 2


def test_noise_of_raw_images_is_equal_at_all_levels(phantom):
    made = phantom.tissue((600, 600), 0.08, 3, breast=False, texture=0.02)
    made.attenuation += np.linspace(-1, 1.5, 600)  # a factor of 12 in exposure
    for x in np.arange(4, 46, 6):
        phantom.add_calcification(made, float(x), 24.0, 0.5, 0.5)
    found = of_patch(made.mammogram(raw=True, quanta=20_000)).table
    for x, _, _, _ in made.truth:
        near(found, x, 24.0)
    assert len(found) <= len(made.truth) + 1


def test_saturated_parts_hide_nothing_else(discs):
    image = discs([*THREE, (10.0, 10.0, 1.2, 2000.0)])
    clipped = replace(image, pixels=np.minimum(image.pixels, 600))
    table = of_patch(clipped).table
    for x, y, _, _ in THREE:
        near(table, x, y)


@pytest.fixture(scope="module")
def typical(phantom):
    made = phantom.typical(5, (1500, 1100), 0.1)
    return made, detect_calcifications(made.mammogram(quanta=16_000))


def test_most_calcifications_of_a_typical_image_are_found(typical):
    made, found = typical
    truth = np.array([t[:3] for t in made.truth if t[2] >= 0.25])
    marks = found.table[["x_mm", "y_mm"]].to_numpy()
    distance = np.hypot(*(truth[:, None, :2] - marks[None]).transpose(2, 0, 1)).min(axis=1)
    assert (distance < 0.6).mean() >= 0.75
    nearest = np.hypot(
        *(marks[:, None] - np.array(made.truth)[None, :, :2]).transpose(2, 0, 1)
    ).min(axis=1)
    assert (nearest > 0.6).sum() <= 5


def test_a_patch_takes_little_time(discs):
    image = discs(THREE, shape=(256, 256))
    of_patch(image)
    start = time.process_time()
    for _ in range(5):
        of_patch(image)
    assert (time.process_time() - start) / 5 < 0.15  # 15 ms on an idle processor


@pytest.mark.slow
def test_vessels_without_calcium_give_no_cluster(phantom):
    n_false = 0
    for seed in range(6):
        made = phantom.tissue((1500, 1100), 0.1, 100 + seed)
        phantom.add_ridges(made, n_ligaments=30, n_vessels=10)
        found = detect_calcifications(made.mammogram(quanta=8000))
        n_false += (group_marks(found.table, found.breast_area_mm2) >= 0).any()
    assert n_false == 0


@pytest.mark.slow
def test_time_and_memory_of_an_image_of_full_size(phantom):
    made = phantom.typical(6, (3328, 2560), 0.07)
    image = made.mammogram(quanta=8000)

    def seconds(action):
        start = time.process_time()
        action()
        return time.process_time() - start

    detect_calcifications(replace(image, pixels=image.pixels[:500, :500].copy()))
    once = min(seconds(lambda: ndimage.gaussian_filter(image.pixels, 2)) for _ in range(3))
    assert min(seconds(lambda: detect_calcifications(image)) for _ in range(2)) < 20 * once
    tracemalloc.start()
    detect_calcifications(image)
    peak = tracemalloc.get_traced_memory()[1] + image.pixels.nbytes
    tracemalloc.stop()
    assert peak < 12 * image.pixels.nbytes
