"""Marks measured from coordinates, held against scikit-image; and at a cost that has limits."""

import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.measure import label, regionprops

from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.formats.maskparts import connected, hull_pixels, measure, pixels_of
from calcigram.options import ReadOptions


@pytest.mark.parametrize("seed", range(3))
def test_shapes_are_those_of_scikit_image(seed):
    rough = gaussian_filter(np.random.default_rng(seed).normal(size=(120, 160)), 2)
    numbered = label(rough > 0.15, connectivity=2)
    spacing = (0.05, 0.08)
    pixels = pixels_of(numbered, np.arange(numbered.max() + 1) - 1)
    shapes = measure(pixels, spacing, (0, 0)).shapes
    for shape, region in zip(shapes, regionprops(numbered, spacing=spacing[::-1]), strict=True):
        row, column = region.centroid
        assert shape.x_mm == pytest.approx(column + 0.5 * spacing[0])
        assert shape.y_mm == pytest.approx(row + 0.5 * spacing[1])
        assert shape.diameter_mm == pytest.approx(2 * np.sqrt(region.area / np.pi))
        rows, columns = region.coords.T
        assert hull_pixels(rows, columns) == region.image_convex.sum()
        if region.axis_minor_length > 1e-6:
            aspect = region.axis_major_length / region.axis_minor_length
            assert shape.aspect_ratio == pytest.approx(aspect, rel=1e-4)
            turn = abs(shape.orientation_deg - (90 - np.degrees(region.orientation)) % 180)
            assert np.isnan(turn) or min(turn, 180 - turn) < 0.1


class TestCost:
    """Small files that took minutes."""

    @pytest.fixture
    def corners(self, tmp_path):
        mask = np.zeros((3000, 2500), np.uint8)
        for k in range(200):
            mask[3 * (k // 20), 3 * (k % 20)] = mask[-1 - 3 * (k // 20), -1 - 3 * (k % 20)] = k + 1
        Image.fromarray(mask).save(tmp_path / "mask.png")
        image = np.where(mask > 0, 200, 100) + np.random.default_rng(0).integers(0, 9, mask.shape)
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / "image.png")
        return tmp_path

    def test_labels_in_opposite_corners(self, corners):
        start = time.process_time()
        intake = read_intake(
            corners / "mask.png", ReadOptions(pixel_spacing=0.07, images=[corners / "image.png"])
        )
        assert intake.clusters.n_calcifications.sum() == 400
        assert time.process_time() - start < 10

    def test_surroundings_have_limits_too(self, corners):
        with pytest.raises(BadInputError, match="surroundings have at most"):
            read_intake(
                self.long_lines(corners),
                ReadOptions(pixel_spacing=0.002, images=[corners / "image.png"]),
            )

    @staticmethod
    def long_lines(folder):
        mask = np.zeros((3000, 2500), np.uint8)
        at = np.arange(2400)
        for k in range(40):
            mask[at + 8 * k, at] = k + 1
        Image.fromarray(mask).save(folder / "lines.png")
        return folder / "lines.png"

    def test_millions_of_parts(self, tmp_path):
        mask = np.zeros((2000, 2000), np.uint8)
        mask[::2, ::2] = 1
        Image.fromarray(mask).save(tmp_path / "mask.png")
        start = time.process_time()
        with pytest.raises(BadInputError, match="at most 200000 connected parts"):
            read_intake(tmp_path / "mask.png", ReadOptions(pixel_spacing=0.07))
        assert time.process_time() - start < 10


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int32])
def test_connected_parts_are_numbered_as_scikit_image_does(kind):
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = rng.integers(1, 14, 2)
        image = ((rng.random(shape) < rng.random()) * rng.integers(1, 4, shape)).astype(kind)
        expected, n_expected = label(image, connectivity=2, return_num=True, background=0)
        numbered, n = connected(image)
        assert (n, numbered.dtype) == (n_expected, np.int32)
        np.testing.assert_array_equal(numbered, expected)


def test_rows_that_change_with_each_pixel_are_no_mask(tmp_path):
    np.save(tmp_path / "mask.npy", np.tile(np.array([0, 1], np.uint8), (1500, 1000)))
    with pytest.raises(BadInputError, match=r"got 2998500, expected a mask: .* 2,000,000 runs"):
        read_intake(tmp_path / "mask.npy", ReadOptions(pixel_spacing=0.07))


def test_a_mask_of_forty_million_pixels_takes_few_bytes_per_pixel():
    image = np.zeros((2000, 2500), np.uint8)
    image[5::40, 5::40] = 1
    tracemalloc.start()
    try:
        connected(image)
        assert tracemalloc.get_traced_memory()[1] < 6 * image.size
    finally:
        tracemalloc.stop()
