"""Images beside a mask: whichever way their values run, calcifications are bright."""

import numpy as np
import pytest
from PIL import Image

from calcigram import read_clusters
from calcigram.errors import BadInputError

SHAPE = (120, 300)


@pytest.fixture
def marked(tmp_path):
    """A mask of seven calcifications, and an image in which they are bright, of 12 bits."""
    rng = np.random.default_rng(0)
    mask = np.zeros(SHAPE, np.uint8)
    for k in range(7):
        mask[58:63, 30 + 40 * k : 35 + 40 * k] = 1
    np.save(tmp_path / "mask.npy", mask)
    return tmp_path / "mask.npy", (1000 + rng.normal(0, 20, SHAPE) + 400.0 * mask).astype(np.uint16)


@pytest.fixture
def image(examples, saved):
    def make(pixels, **attributes):
        dataset = examples.mammogram(Rows=SHAPE[0], Columns=SHAPE[1], **attributes)
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
        dataset.PixelData = pixels.astype("<u2").tobytes()
        return saved(dataset, "image.dcm")

    return make


TURNED = {
    "as it is": (False, {}),
    "slope -1": (True, {"RescaleSlope": "-1", "RescaleIntercept": "4095"}),
    "MONOCHROME1": (True, {"PhotometricInterpretation": "MONOCHROME1"}),
    "LUT shape": (True, {"PresentationLUTShape": "INVERSE"}),
    "both say it": (
        True,
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ),
    "turned twice": (
        False,
        {"RescaleSlope": "-1", "RescaleIntercept": "4095", "PresentationLUTShape": "INVERSE"},
    ),
}


@pytest.mark.parametrize("name", TURNED)
def test_polarity_is_that_of_the_display(marked, image, name):
    mask, pixels = marked
    turned, attributes = TURNED[name]
    attributes = {"PhotometricInterpretation": "MONOCHROME2"} | attributes
    path = image(4095 - pixels if turned else pixels, **attributes)
    clusters = read_clusters(mask, images=[path])
    assert clusters.n_calcifications.tolist() == [7]
    assert (clusters.cnr > 15).all()


def test_no_bright_mark_is_refused(marked, image, tmp_path):
    mask, pixels = marked
    with pytest.raises(BadInputError, match="no mark is brighter than its surroundings"):
        read_clusters(mask, images=[image(4095 - pixels, PhotometricInterpretation="MONOCHROME2")])
    Image.fromarray((255 - pixels / 8).astype(np.uint8)).save(tmp_path / "inverted.png")
    with pytest.raises(BadInputError, match=r"7 darker marks.*is the image inverted"):
        read_clusters(mask, images=[tmp_path / "inverted.png"], pixel_spacing=0.07)


def test_colours_are_refused(marked, image):
    mask, pixels = marked
    path = image(pixels, PhotometricInterpretation="RGB")
    from pydicom import dcmread

    dataset = dcmread(path)
    dataset.SamplesPerPixel = 3
    dataset.save_as(path)
    with pytest.raises(BadInputError, match="a greyscale image"):
        read_clusters(mask, images=[path])
