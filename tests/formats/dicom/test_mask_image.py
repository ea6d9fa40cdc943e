"""Masks stored as Secondary Capture, as those of CBIS-DDSM are."""

import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.cli import main
from calcigram.clusters import MARK_NAMES
from calcigram.errors import BadInputError, PixelSizeError
from calcigram.formats import read_intake
from calcigram.options import ReadOptions

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SHAPE = (120, 300)
MASK = np.zeros(SHAPE, np.uint8)
for _k in range(7):
    MASK[58:63, 30 + 40 * _k : 35 + 40 * _k] = 255


@pytest.fixture
def capture(examples, saved):
    def make(pixels=MASK, *, bits=8, **attributes):
        dataset = examples.header(SECONDARY_CAPTURE, "other image", "report series")
        dataset.Modality, dataset.ConversionType = "MG", "WSD"
        dataset.Rows, dataset.Columns = pixels.shape[-2:]
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
        dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
        dataset.PhotometricInterpretation = "MONOCHROME2"
        for name, value in attributes.items():
            setattr(dataset, name, value)
        dataset.PixelData = pixels.astype(f"<u{bits // 8}").tobytes()
        return saved(dataset, "mask.dcm")

    return make


@pytest.mark.parametrize("bits", [8, 16])
def test_it_is_read_as_the_same_mask_is(capture, tmp_path, bits):
    path = capture(MASK.astype(np.uint16) * (257 if bits == 16 else 1), bits=bits)
    np.save(tmp_path / "m.npy", MASK)
    expected = read_clusters(tmp_path / "m.npy", pixel_spacing="0.05,0.043")
    clusters = read_clusters(path, pixel_spacing="0.05,0.043")
    for mark in MARK_NAMES:
        np.testing.assert_array_equal(getattr(clusters, mark), getattr(expected, mark))
    assert clusters.meta.group_id.tolist() == ["EX-7"]


@pytest.mark.parametrize(
    "name", ["NominalScannedPixelSpacing", "PixelSpacing", "ImagerPixelSpacing"]
)
def test_its_own_spacing_is_known(capture, name):
    path = capture(**{name: [0.05, 0.043]})  # rows first
    clusters = read_clusters(path)
    np.testing.assert_allclose(clusters.x_mm, (32.5 + 40 * np.arange(7)) * 0.043, rtol=1e-6)
    np.testing.assert_allclose(clusters.y_mm, 60.5 * 0.05, rtol=1e-6)


def test_without_spacing_the_options_are_named(capture, capsys):
    path = capture()
    with pytest.raises(PixelSizeError, match=r"\(0018,2010\).*--pixel-spacing MM.*--image"):
        read_clusters(path)
    assert main(["inspect", str(path)]) == 2
    assert "missing: " in capsys.readouterr().out


def test_the_mammogram_states_spacing_and_patient(capture, examples, saved, tmp_path):
    mammogram = examples.mammogram(Rows=SHAPE[0], Columns=SHAPE[1])
    image = saved(mammogram, "image.dcm")
    intake = read_intake(capture(), ReadOptions(images=[image]))
    assert intake.clusters.meta.image_id.tolist() == [mammogram.SOPInstanceUID]
    assert (intake.clusters.meta.laterality == "L").all()
    answer = tmp_path / "answer.dcm"
    command = ["classify", str(capture()), "--image", str(image), "-o", str(answer)]
    assert main(command) == 0
    back = read_clusters(answer, images=[image])
    np.testing.assert_allclose(back.x_mm, intake.clusters.x_mm, rtol=1e-5)
    with pytest.raises(PixelSizeError, match="expected one size of a pixel"):
        read_clusters(capture(NominalScannedPixelSpacing=[0.05, 0.05]), images=[image])


def test_grey_levels_are_no_mask(capture):
    smooth = np.add.outer(np.arange(SHAPE[0]), np.arange(SHAPE[1]))
    with pytest.raises(BadInputError, match=r"Secondary Capture.*grey values'.*must be detected"):
        read_clusters(capture(smooth, bits=16), pixel_spacing=0.05, labels=[1])


def test_several_frames_and_tables_options_are_refused(capture):
    path = capture(np.stack([MASK, MASK]), NumberOfFrames=2)
    with pytest.raises(BadInputError, match="got '2 frames', expected a mask of one frame"):
        read_clusters(path, pixel_spacing=0.05)
    with pytest.raises(BadInputError, match="expected only options that change how a DICOM file"):
        read_clusters(capture(), units="px", pixel_spacing=0.05)
