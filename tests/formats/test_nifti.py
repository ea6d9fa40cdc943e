"""Masks in NIfTI: spacing, axes and directions of the header; hostile headers."""

import gzip
import io
import struct

import nibabel as nib
import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.clusters import MARK_NAMES
from calcigram.errors import BadInputError, CalcigramError, PixelSizeError
from calcigram.formats import kind_of, read_intake
from calcigram.longtable import NoticeWarning
from calcigram.options import ReadOptions

LPS = np.diag([-1.0, -1, 1, 1])  # what ITK writes for an image without a position
MASK = np.zeros((90, 260), np.uint8)
for _k in range(6):
    MASK[30 + 4 * _k : 35 + 5 * _k, 12 + 40 * _k : 20 + 42 * _k] = 1
    MASK[30 + 4 * _k, 12 + 40 * _k] = 0


def save(path, array, affine=LPS, zooms=None, unit="mm", version=nib.Nifti1Image, **header):
    image = version(array, affine)
    if zooms is not None:
        image.header.set_zooms(zooms)
    image.header.set_xyzt_units(unit)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return path


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    path = tmp_path_factory.mktemp("mask") / "mask.npy"
    np.save(path, MASK)
    return read_clusters(path, pixel_spacing=(0.05, 0.1))


def check(path, expected, **options):
    clusters = read_clusters(path, **options)
    for mark in MARK_NAMES:
        np.testing.assert_allclose(getattr(clusters, mark), getattr(expected, mark), rtol=1e-6)


SPACED = LPS @ np.diag([0.1, 0.05, 1, 1])
COLUMNS_FIRST = MASK.T  # the first axis of NIfTI runs along x


@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz"])
@pytest.mark.parametrize("shape", [MASK.T.shape, (*MASK.T.shape, 1), (*MASK.T.shape, 1, 1)])
def test_containers_and_shapes(tmp_path, expected, version, name, shape):
    path = save(tmp_path / name, COLUMNS_FIRST.reshape(shape), SPACED, version=version)
    check(path, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_types(tmp_path, expected, kind):
    check(save(tmp_path / "m.nii", COLUMNS_FIRST.astype(kind), SPACED), expected)


def test_the_affine_says_how_a_viewer_shows_it(tmp_path, expected):
    # R+ and A+: a viewer shows both axes turned round, so the array is stored that way here
    positive = np.diag([0.1, 0.05, 1, 1])
    check(save(tmp_path / "ras.nii", COLUMNS_FIRST[::-1, ::-1], positive), expected)
    # the first axis to the back, the second to the left
    swapped = np.array([[0, -0.1, 0, 0], [-0.05, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    check(save(tmp_path / "swapped.nii", MASK[..., None], swapped), expected)
    # a sagittal plane: columns to the back, rows to the feet, the slice first
    sagittal = np.array([[1, 0, 0, 5], [0, -0.1, 0, 3], [0, 0, -0.05, 2], [0, 0, 0, 1.0]])
    check(save(tmp_path / "sagittal.nii", COLUMNS_FIRST[None], sagittal), expected)
    notes = read_intake(tmp_path / "sagittal.nii").notes
    assert "columns run to P, rows to I of the patient, as viewers show the plane" in notes


def test_an_identity_states_nothing(tmp_path, expected):
    path = save(tmp_path / "m.nii.gz", COLUMNS_FIRST, np.eye(4))
    with pytest.raises(
        PixelSizeError, match=r"1 x 1 is what .* do not know it.*--pixel-spacing MM"
    ):
        read_clusters(path)
    check(path, expected, pixel_spacing="0.05,0.1")


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("micron", 1000), ("meter", 0.001)])
def test_units(tmp_path, expected, unit, factor):
    affine = LPS @ np.diag([0.1 * factor, 0.05 * factor, 1, 1])
    check(save(tmp_path / "m.nii", COLUMNS_FIRST, affine, unit=unit), expected)


def test_an_unstated_unit_is_told(tmp_path, expected):
    path = save(tmp_path / "m.nii", COLUMNS_FIRST, SPACED, unit="unknown")
    with pytest.warns(NoticeWarning, match="no unit of length: its pixel size is read as mm"):
        check(path, expected)


def test_probabilities(tmp_path):
    path = save(tmp_path / "p.nii.gz", (COLUMNS_FIRST * 0.7).astype(np.float32), SPACED)
    with pytest.warns(NoticeWarning, match="map of probabilities"):
        clusters = read_clusters(path, threshold=0.6)
    np.testing.assert_allclose(clusters.confidence, 0.7, rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (
            np.zeros((4, 5, 6), np.uint8),
            r"got 'shape \(4, 5, 6\)', expected a NIfTI image of one plane",
        ),
        (np.zeros((8, 9, 1, 2), np.float32), "the one of calcifications"),
        (np.zeros((2, 30, 40), np.float32), "one plane"),
        (np.zeros((8, 9), np.complex64), "numbers, one per pixel"),
    ],
)
def test_what_is_no_plane_is_refused(tmp_path, array, what):
    with pytest.raises(BadInputError, match=what):
        read_clusters(save(tmp_path / "m.nii", array), pixel_spacing=0.1)


def test_contradictions_and_odd_sizes_are_refused(tmp_path):
    path = save(tmp_path / "m.nii", COLUMNS_FIRST, SPACED)
    data = bytearray(path.read_bytes())
    data[80:88] = struct.pack("<2f", 0.3, 0.05)  # pixdim of the first axis, beside an sform of 0.1
    path.write_bytes(data)
    with pytest.raises(PixelSizeError, match="the affine of its header"):
        read_clusters(path)
    read_clusters(path, pixel_spacing=0.1)
    for size in (50.0, np.nan):
        data[80:84] = struct.pack("<f", size)
        path.write_bytes(data)
        with pytest.raises(BadInputError, match="pixdim"):
            read_clusters(path)


def header(shape, kind=np.uint8):
    made = nib.Nifti1Header()
    made.set_data_dtype(kind)
    made["dim"][: len(shape) + 1] = (len(shape), *shape)
    made["magic"], made["vox_offset"] = b"n+1", 352
    with io.BytesIO() as file:
        made.write_to(file)
        return file.getvalue() + bytes(4)


HOSTILE = {
    "more pixels than a mammogram": header((30000, 30000)),
    "more pixels than there are": header((3000, 3000)) + bytes(1000),
    "negative lengths": header((-5, 7)),
    "cut off": header((30, 30))[:100],
    "in two files": header((30, 30)).replace(b"n+1\0", b"ni1\0") + bytes(900),
    "a bomb": gzip.compress(header((5000, 5000)) + bytes(1 << 28)),
    "a damaged gzip": gzip.compress(header((30, 30)) + bytes(900))[:-20],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files(tmp_path, what):
    path = tmp_path / "file"
    path.write_bytes(HOSTILE[what])
    with pytest.raises(CalcigramError):
        read_clusters(path, pixel_spacing=0.1)


def test_it_is_told_by_content(tmp_path):
    save(tmp_path / "m.nii", COLUMNS_FIRST).rename(tmp_path / "m.csv")
    assert kind_of(tmp_path / "m.csv") == "nifti"
    assert read_intake(tmp_path / "m.csv", ReadOptions(pixel_spacing=0.1)).clusters.x_mm.size
