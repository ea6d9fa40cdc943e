"""Label masks: marks measured, whatever the container."""

import io
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter

from calcigram import read_clusters
from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.linking import Linking
from calcigram.options import ReadOptions

SPACING = 0.07


def ellipse(shape, x, y, major, minor, angle_deg):
    """Return a mask of an ellipse with centre and half axes in pixels, corners counting from 0."""
    rows, columns = np.indices(shape)
    dx, dy = columns + 0.5 - x, rows + 0.5 - y
    angle = np.radians(angle_deg)
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    return (along / major) ** 2 + (across / minor) ** 2 <= 1


@pytest.fixture
def npy(tmp_path):
    def save(array, name="mask.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return save


@pytest.mark.parametrize("angle", [0, 30, 90, 140])
def test_an_ellipse_is_measured(npy, angle):
    mask = np.zeros((200, 300), np.uint8)
    for k in range(5):
        mask[ellipse(mask.shape, 50.3 + 45 * k, 99.7, 16, 6, angle)] = k + 1
    clusters = read_clusters(npy(mask), pixel_spacing=SPACING)
    assert clusters.n_calcifications.tolist() == [5]
    # The centre of the drawn pixels, which lies up to a fifth of a pixel off the ellipse's.
    rows, columns = (
        0.5 + np.array([at[mask == k + 1].mean() for k in range(5)])
        for at in np.indices(mask.shape)
    )
    np.testing.assert_allclose(clusters.x_mm, columns * SPACING, atol=1e-4)
    np.testing.assert_allclose(clusters.y_mm, rows * SPACING, atol=1e-4)
    np.testing.assert_allclose(columns, 50.3 + 45 * np.arange(5), atol=0.2)
    np.testing.assert_allclose(clusters.diameter_mm, 2 * np.sqrt(96) * SPACING, rtol=0.02)
    np.testing.assert_allclose(clusters.aspect_ratio, 16 / 6, rtol=0.05)
    turn = np.abs(clusters.orientation_deg - angle)
    assert np.minimum(turn, 180 - turn).max() < 2
    assert clusters.solidity.min() > 0.9


def test_one_value_is_parted_and_several_with_parts_are_clusters(npy):
    mask = np.zeros((100, 400), np.uint8)
    mask[20:24, 10:130:20] = 1
    mask[60:63, 210:390:30] = 2
    both = read_clusters(npy(mask), pixel_spacing=0.1)
    assert both.n_calcifications.tolist() == [6, 6]
    assert set(both.meta.formed_by) == {"one label of the mask"}
    one = read_intake(npy(mask > 0, "binary.npy"), ReadOptions(pixel_spacing=0.1))
    assert one.clusters.n_calcifications.sum() == 12
    assert "linked" in one.clusters.meta.formed_by[0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, bool])
def test_the_type_of_the_numbers_and_axes_of_one_do_not_matter(npy, kind):
    mask = np.zeros((1, 60, 200, 1), kind)
    mask[0, 30:33, 10:180:20, 0] = 1
    clusters = read_clusters(npy(mask), pixel_spacing=0.1)
    np.testing.assert_allclose(clusters.x_mm, np.arange(10.5, 180, 20) / 10, rtol=1e-5)
    np.testing.assert_allclose(clusters.diameter_mm, 2 * np.sqrt(0.03 / np.pi), rtol=1e-5)


@pytest.mark.parametrize("name", ["labels.png", "labels.tif", "labels.npz"])
def test_the_container_does_not_matter(name):
    from pathlib import Path

    data = Path(__file__).parents[1] / "data"
    clusters = read_clusters(data / name, pixel_spacing=SPACING)
    assert clusters.n_calcifications.tolist() == [9]


def test_the_image_gives_contrast(npy):
    rng = np.random.default_rng(0)
    mask = np.zeros((120, 300), np.uint8)
    for k in range(5):
        mask[ellipse(mask.shape, 40 + 50 * k, 60, 4, 4, 0)] = 1
    image = 100 + rng.normal(0, 2, mask.shape) + 40 * (mask > 0)
    clusters = read_clusters(npy(mask), pixel_spacing=0.05, images=[npy(image, "image.npy")])
    assert clusters.n_calcifications.tolist() == [5]
    assert np.all((clusters.cnr > 17) & (clusters.cnr < 27))
    with pytest.raises(BadInputError, match="shape"):
        read_clusters(npy(mask), pixel_spacing=0.05, images=[npy(image[1:], "other.npy")])


def test_tiny_and_empty_masks(npy):
    mask = np.zeros((50, 50), np.uint8)
    assert len(read_clusters(npy(mask), pixel_spacing=0.1)) == 0
    mask[10, [5, 10, 15, 20, 25]] = 1
    clusters = read_clusters(npy(mask), pixel_spacing=0.1)
    np.testing.assert_allclose(clusters.diameter_mm, 2 * np.sqrt(0.01 / np.pi), rtol=1e-5)
    np.testing.assert_allclose(
        clusters.x_mm, np.array([5.5, 10.5, 15.5, 20.5, 25.5]) / 10, rtol=1e-6
    )


MARKS = np.zeros((80, 300), np.uint8)
for _k in range(7):
    MARKS[ellipse(MARKS.shape, 30.5 + 40 * _k, 40.2, 6, 4, 20 * _k)] = 255


def check_marks(path):
    clusters = read_clusters(path, pixel_spacing=0.1)
    assert clusters.n_calcifications.tolist() == [7]
    np.testing.assert_allclose(np.sort(clusters.x_mm), 3.05 + 4 * np.arange(7), atol=0.03)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_every_kind_of_png(tmp_path, mode):
    Image.fromarray(MARKS).convert(mode).save(tmp_path / "m.png")
    check_marks(tmp_path / "m.png")


@pytest.mark.parametrize("colour", [0, 255])
def test_marks_drawn_by_opacity_alone(tmp_path, colour):
    image = np.full((*MARKS.shape, 4), colour, np.uint8)
    image[..., 3] = MARKS
    Image.fromarray(image).save(tmp_path / "m.png")
    check_marks(tmp_path / "m.png")


@pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "group4"]
)
def test_every_compression_of_tiff(tmp_path, compression):
    image = Image.fromarray(MARKS)
    image = image.convert("1") if compression == "group4" else image
    image.save(tmp_path / "m.tif", compression=compression)
    check_marks(tmp_path / "m.tif")


@pytest.mark.parametrize("layout", ["big endian", "bigtiff", "tiled", "numbers of 32 bits"])
def test_every_layout_of_tiff(tmp_path, layout):
    options = {
        "big endian": {"byteorder": ">", "data": MARKS.astype(np.uint16)},
        "bigtiff": {"bigtiff": True},
        "tiled": {"tile": (64, 64)},
        "numbers of 32 bits": {"data": MARKS.astype(np.int32)},
    }[layout]
    tifffile.imwrite(tmp_path / "m.tif", options.pop("data", MARKS), **options)
    check_marks(tmp_path / "m.tif")


@pytest.mark.parametrize("kind", [">u2", ">f4", np.float16, np.uint64])
def test_every_number_of_numpy(npy, kind):
    check_marks(npy((MARKS > 0).astype(kind)))


def test_the_one_image_among_arrays(tmp_path):
    np.savez(tmp_path / "m.npz", drawn=MARKS, spacing=np.array([0.1, 0.1]), name=np.array("x"))
    check_marks(tmp_path / "m.npz")
    np.savez(tmp_path / "two.npz", drawn=MARKS, image=MARKS)
    with pytest.raises(BadInputError, match="one array of an image"):
        read_clusters(tmp_path / "two.npz", pixel_spacing=0.1)


@pytest.mark.parametrize("inverted", [255 - MARKS, (MARKS == 0).astype(np.float32)])
def test_an_inverted_mask_is_told(npy, inverted):
    with pytest.raises(BadInputError, match=r"in 9\d\.\d% of the pixels.*is the mask inverted"):
        read_clusters(npy(inverted), pixel_spacing=0.1)


def test_a_patch_that_a_calcification_fills_is_not_inverted(npy):
    mask = np.zeros((40, 40), np.uint8)
    mask[3:37, 3:37] = 1
    linking = Linking(min_number=1)
    assert read_clusters(
        npy(mask), pixel_spacing=0.1, linking=linking
    ).n_calcifications.tolist() == [1]


def test_grey_levels_are_no_labels(npy):
    soft = (255 * gaussian_filter((MARKS > 0).astype(float), 1)).astype(np.uint8)
    with pytest.raises(BadInputError, match="threshold grey levels first"):
        read_clusters(npy(soft), pixel_spacing=0.1)


def test_touching_labels_are_no_grey_levels(npy):
    mask = np.zeros((60, 100), np.uint8)
    for k in range(8):
        mask[30:34, 10 + 4 * k : 14 + 4 * k] = k + 1
    assert read_clusters(npy(mask), pixel_spacing=0.1).n_calcifications.tolist() == [8]


@pytest.mark.parametrize("kind", ["JPEG", "BMP", "GIF", "PPM", "WEBP"])
def test_other_images_are_refused_by_name(tmp_path, kind):
    Image.fromarray(MARKS).save(tmp_path / "m.png", format=kind)
    name = {"PPM": "PGM", "WEBP": "WebP"}.get(kind, kind)
    with pytest.raises(BadInputError, match=rf"got 'an? {name} image', expected .* a mask"):
        read_clusters(tmp_path / "m.png", pixel_spacing=0.1)


def _bytes_of(array):
    with io.BytesIO() as file:
        np.save(file, array, allow_pickle=True)
        return file.getvalue()


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.full((9, 9), 3.5), "probabilities from 0 to 1"),
        (np.where(np.eye(9), 1.9, 0), r"got 1\.9, expected probabilities"),
        (np.full((9, 9), 0.9), "is the mask inverted"),
        (np.where(np.eye(9), 1, np.nan), "got nan"),
        (np.zeros((4, 4, 4), np.uint8) + np.arange(4, dtype=np.uint8), "grey"),
        (np.zeros((2, 3, 4, 5), np.uint8), "two dimensions"),
        (np.array([[0, -1], [1, 0]], np.int32), "labels from 0"),
        (np.zeros((0, 4), np.uint8), None),
        (np.array([object()] * 4).reshape(2, 2), "numbers"),
        (np.array([["a", "b"]]), "numbers"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, array, what):
    if what is None:
        path = tmp_path / "m.npy"
        path.write_bytes(_bytes_of(array))
        assert len(read_clusters(path, pixel_spacing=0.1)) == 0
        return
    (tmp_path / "m.npy").write_bytes(_bytes_of(array))
    with pytest.raises(BadInputError, match=what):
        read_clusters(tmp_path / "m.npy", pixel_spacing=0.1)


def test_the_pixel_size_is_never_guessed(npy):
    with pytest.raises(BadInputError, match="--pixel-spacing"):
        read_clusters(npy(np.eye(9, dtype=np.uint8)))


def test_a_bomb_is_not_unpacked(tmp_path):
    header = _bytes_of(np.zeros((1, 1), np.uint8))[:-1].replace(b"(1, 1)", b"(1000000, 1000000)")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mask.npy", header + bytes(10_000_000))
    with pytest.raises(BadInputError):
        read_clusters(tmp_path / "bomb.npz", pixel_spacing=0.1)


def test_noise_is_refused_at_once_though_each_label_has_few_parts(npy):
    noise = np.random.default_rng(0).integers(0, 21, (200, 300)).astype(np.uint8)
    with pytest.raises(BadInputError, match="grey levels"):
        read_clusters(npy(noise), pixel_spacing=SPACING)
