"""Breast mask, strips that are not searched, labels, metal, and the nipple."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from calcigram.detect import detect_calcifications
from calcigram.detect.breast import REASONS, block_means, find_breast, otsu
from calcigram.mammogram import Mammogram

MM = 0.1


def half_disc(
    rows=1200, columns=900, radius_mm=45.0, nipple_mm=0.0, side="left", air=20.0, low=False
):
    """Return pixels of a breast that hangs from the left or right edge, and its mask."""
    y, x = np.mgrid[:rows, :columns] * MM
    inside = np.hypot(y - rows * MM / 2, x) < radius_mm
    if nipple_mm:
        aside = y - rows * MM / 2
        if low:
            height = np.sqrt(radius_mm**2 - aside**2 * (abs(aside) < 15)) - radius_mm
            inside |= x < radius_mm + height + nipple_mm * np.exp(-((aside / 3.0) ** 2))
        else:
            inside |= np.hypot(aside / 4.0, (x - radius_mm) / nipple_mm) < 1
    depth = (
        ndimage.distance_transform_edt(np.pad(inside, ((0, 0), (1, 0)), mode="edge"))[:, 1:] * MM
    )
    rng = np.random.default_rng(2)
    pixels = air + 600 * (1 - np.exp(-depth / 3)) + rng.normal(0, 6, inside.shape) * (inside + 0.2)
    if side == "right":
        pixels, inside = pixels[:, ::-1], inside[:, ::-1]
    return np.ascontiguousarray(pixels, np.float32), inside


def calcification(pixels, x_mm, y_mm, height=150.0, diameter_mm=0.5):
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]] * MM + MM / 2
    pixels[np.hypot(y - y_mm, x - x_mm) < diameter_mm / 2] += height


def text(pixels, row, column, value):
    """Burn in letters of a label, which are thin strokes."""
    for letter in range(4):
        left = column + 30 * letter
        pixels[row : row + 40, left : left + 6] = value
        pixels[row : row + 6, left : left + 20] = value


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("air", [0.0, 300.0])
def test_the_mask_is_the_breast_on_either_side(side, air):
    pixels, inside = half_disc(side=side, air=air)
    breast = find_breast(Mammogram(pixels, (MM, MM)))
    assert breast.area_mm2 == pytest.approx(inside.sum() * MM**2, rel=0.03)
    assert (breast.mask & inside).sum() / (breast.mask | inside).sum() > 0.96
    assert breast.nipple_mm is None
    assert breast.n_labels == 0


def test_pixels_need_not_be_square():
    pixels, inside = half_disc()
    breast = find_breast(Mammogram(np.ascontiguousarray(pixels[::2]), (2 * MM, MM)))
    assert breast.area_mm2 == pytest.approx(inside.sum() * MM**2, rel=0.03)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("height", "low"), [(6.0, False), (4.0, True)])
def test_a_nipple_in_profile_is_found(side, height, low):
    pixels, _ = half_disc(nipple_mm=height, side=side, low=low)
    x, y = find_breast(Mammogram(pixels, (MM, MM))).nipple_mm
    assert x == pytest.approx(45 + height if side == "left" else 45 - height, abs=2)
    assert y == pytest.approx(60, abs=2)


def test_of_two_that_stand_out_neither_is_the_nipple():
    pixels, _ = half_disc(nipple_mm=6.0)
    y, x = np.mgrid[:1200, :900] * MM
    pixels[np.hypot(y - 30, x - 35) < 6] = 500
    assert find_breast(Mammogram(pixels, (MM, MM))).nipple_mm is None


def test_labels_beside_the_breast_are_counted_and_left_out():
    pixels, inside = half_disc()
    text(pixels, 40, 700, 4095.0)
    found = detect_calcifications(Mammogram(pixels, (MM, MM)))
    assert found.breast_area_mm2 == pytest.approx(inside.sum() * MM**2, rel=0.03)
    assert found.left_out == {"label or text beside the breast": 4}
    assert len(found.table) == 0


def test_what_is_left_out_is_counted_by_reason():
    pixels, _ = half_disc()
    calcification(pixels, 20.0, 60.0)
    calcification(pixels, 44.2, 60.0, height=400.0)  # in the skin
    calcification(pixels, 0.6, 50.0)  # at the chest wall
    found = detect_calcifications(Mammogram(pixels, (MM, MM)))
    assert len(found.table) == 1
    assert found.left_out == {"skin edge": 1, "chest wall": 1}
    assert set(found.left_out) <= set(REASONS)


def test_clips_and_text_on_the_breast_are_left_out():
    pixels, _ = half_disc()
    calcification(pixels, 20.0, 60.0)
    pixels[400:430, 200:212] = 4095.0  # a clip of 3 mm
    text(pixels, 700, 100, 4095.0)
    found = detect_calcifications(Mammogram(pixels, (MM, MM)))
    assert len(found.table) == 1
    assert found.table["y_mm"][0] == pytest.approx(60, abs=0.2)
    assert found.left_out["clip, marker, wire, text or implant"] >= 1


def test_a_wire_gives_no_marks():
    pixels, _ = half_disc()
    y, x = np.mgrid[:1200, :900] * MM
    wire = np.abs(y - 50 - 0.2 * x) < 0.4
    pixels[wire & (x < 30)] = 4095.0
    found = detect_calcifications(Mammogram(pixels, (MM, MM)))
    assert len(found.table) == 0


def test_an_implant_gives_no_marks():
    pixels, _ = half_disc()
    y, x = np.mgrid[:1200, :900] * MM
    pixels[np.hypot((y - 60) / 20, x / 15) < 1] = 4095.0
    found = detect_calcifications(Mammogram(pixels, (MM, MM)))
    assert len(found.table) == 0


def test_padding_is_no_breast():
    pixels, inside = half_disc()
    valid = np.ones(pixels.shape, bool)
    valid[:, :60] = False
    pixels[:, :60] = 4095.0
    calcification(pixels, 20.0, 60.0)
    found = detect_calcifications(Mammogram(pixels, (MM, MM), valid=valid))
    assert found.breast_area_mm2 == pytest.approx((inside & valid).sum() * MM**2, rel=0.03)
    assert len(found.table) == 1
    assert not found.breast[:, :60].any()


def test_a_patch_without_background_is_all_breast(phantom):
    made = phantom.tissue((500, 500), 0.1, 7, breast=False)
    breast = find_breast(made.mammogram(quanta=20_000))
    assert breast.mask.all()
    assert "no background" in breast.notices[0]


def test_the_pectoral_muscle_is_told():
    pixels, _ = half_disc()
    assert "pectoral muscle" in find_breast(Mammogram(pixels, (MM, MM))).notices[0]


def test_the_image_is_not_changed():
    pixels, _ = half_disc()
    image = Mammogram(pixels, (MM, MM))
    before = pixels.copy()
    detect_calcifications(replace(image, image_id="a"))
    np.testing.assert_array_equal(before, image.pixels)


def test_block_means_equal_slow_ones():
    values = np.random.default_rng(0).normal(size=(11, 13)).astype(np.float32)
    slow = [[values[r : r + 3, c : c + 4].mean() for c in range(0, 13, 4)] for r in range(0, 11, 3)]
    np.testing.assert_allclose(block_means(values, [3, 4]), slow, rtol=1e-5, atol=1e-6)


def test_otsu_equals_scikit_image():
    from skimage.filters import threshold_otsu

    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 400), rng.normal(8, 2, 600)]).astype(np.float32)
    assert otsu(values) == pytest.approx(threshold_otsu(values), abs=0.1)
