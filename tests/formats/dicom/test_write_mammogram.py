"""Simulated images as files: they are read back as they were, and name nobody."""

import numpy as np
import pytest
from PIL import Image

from calcigram import simulate
from calcigram.errors import BadInputError
from calcigram.formats.dicom.images import write_mammogram
from calcigram.mammogram import Mammogram

pydicom = pytest.importorskip("pydicom")


@pytest.fixture(scope="module", params=[False, True])
def image(request):
    return simulate(1, seed=6, render=True, margin_mm=2, raw=request.param).images[0]


def test_dicom_is_read_back(image, tmp_path):
    write_mammogram(image, tmp_path / "a.dcm")
    read = pydicom.dcmread(tmp_path / "a.dcm")
    assert np.array_equal(read.pixel_array, image.pixels)
    assert read.ImagerPixelSpacing == pytest.approx(image.spacing_mm, rel=1e-9)
    assert (read.Modality, read.PhotometricInterpretation) == ("MG", "MONOCHROME2")
    assert read.PresentationIntentType == ("FOR PROCESSING" if image.raw else "FOR PRESENTATION")
    assert (read.ImageLaterality, read.ViewPosition) == (image.laterality, image.view)


def test_dicom_names_nobody(image, tmp_path):
    write_mammogram(image, tmp_path / "a.dcm")
    read = pydicom.dcmread(tmp_path / "a.dcm")
    people = [e for e in read.iterall() if e.VR == "PN" or e.keyword.startswith("Patient")]
    assert people
    assert not any(e.value for e in people)
    assert not any(e.value for e in read.iterall() if e.VR in ("DA", "TM", "DT"))
    assert read.StudyInstanceUID.startswith("2.25.")


def test_the_same_image_makes_the_same_file(image, tmp_path):
    for name in ("a.dcm", "b.dcm"):
        write_mammogram(image, tmp_path / name)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()


def test_png_has_16_bits_and_the_pixel_size(image, tmp_path):
    write_mammogram(image, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as read:
        assert np.array_equal(np.asarray(read), image.pixels)
        assert 25.4 / read.info["dpi"][0] == pytest.approx(image.spacing_mm[1], rel=1e-3)


@pytest.mark.parametrize("value", [0.5, -1.0, 70000.0])
def test_other_grey_values_are_refused(value, tmp_path):
    odd = Mammogram(np.full((2, 2), value, np.float32), (0.1, 0.1))
    with pytest.raises(BadInputError, match="whole grey values"):
        write_mammogram(odd, tmp_path / "a.dcm")
    assert not list(tmp_path.iterdir())


def test_other_suffixes_are_refused(image, tmp_path):
    with pytest.raises(BadInputError):
        write_mammogram(image, tmp_path / "a.jpg")
