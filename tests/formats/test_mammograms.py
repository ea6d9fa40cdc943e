"""Mammograms from files: grey values, polarity, padding, spacing, quality, and what is refused."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from calcigram.errors import BadInputError, CalcigramError, PixelSizeError
from calcigram.formats.extras import MissingExtraError
from calcigram.formats.mammograms import from_array, read_mammogram
from calcigram.longtable import Notice

spec = importlib.util.spec_from_file_location(
    "mammography", Path(__file__).parents[1] / "mammography.py"
)
made_by = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_by)
dataset, save, save_compressed = made_by.dataset, made_by.save, made_by.save_compressed
CR, CT, MG_RAW, SC, UID = made_by.CR, made_by.CT, made_by.MG_RAW, made_by.SC, made_by.UID
PIXELS = made_by.breast()
DATA = Path(__file__).parents[1] / "data"


def said(mammogram):
    return "; ".join(note for note in mammogram.notices if isinstance(note, Notice))


# --- DICOM: grey values


def test_an_image_for_presentation_is_read_as_it_stands(tmp_path):
    read = read_mammogram(save(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(read.pixels, PIXELS)
    assert read.pixels.dtype == np.float32
    assert (read.spacing_mm, read.raw, read.valid) == ((0.07, 0.07), False, None)
    assert (read.image_id, read.laterality, read.view) == (UID, "L", "CC")
    assert not said(read)


def test_no_display_window_is_applied(tmp_path):
    window = {"WindowCenter": 1500, "WindowWidth": 100, "VOILUTFunction": "SIGMOID"}
    read = read_mammogram(save(tmp_path / "a.dcm", **window))
    np.testing.assert_array_equal(read.pixels, PIXELS)


def test_the_rescale_is_applied(tmp_path):
    read = read_mammogram(save(tmp_path / "a.dcm", RescaleSlope=2, RescaleIntercept=-100))
    np.testing.assert_array_equal(read.pixels, 2.0 * PIXELS - 100)


def test_a_modality_lut_is_applied(tmp_path):
    from pydicom import Dataset

    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.ModalityLUTType = "US"
    table.LUTData = (np.arange(4096, dtype=np.uint16) // 2 + 7).tobytes()
    table["LUTData"].VR = "OW"
    read = read_mammogram(save(tmp_path / "a.dcm", ModalityLUTSequence=[table]))
    np.testing.assert_array_equal(read.pixels, PIXELS // 2 + 7)


RAW = {"class_uid": MG_RAW, "PresentationIntentType": "FOR PROCESSING"}
TURNED = 4000 - PIXELS  # great values are exposure; the air is brightest


@pytest.mark.parametrize(
    ("pixels", "attributes"),
    [
        (4000 - PIXELS, {"PhotometricInterpretation": "MONOCHROME1"}),
        (
            4000 - PIXELS,
            {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        ),
        (4000 - PIXELS, {"RescaleSlope": -1, "RescaleIntercept": 4000}),
        (TURNED, RAW | {"PixelIntensityRelationshipSign": 1}),
        (
            TURNED,
            RAW | {"PixelIntensityRelationshipSign": 1, "PhotometricInterpretation": "MONOCHROME1"},
        ),
        (
            TURNED,
            RAW | {"PixelIntensityRelationshipSign": 1, "RescaleSlope": -1, "RescaleIntercept": 0},
        ),
        (PIXELS, RAW | {"PixelIntensityRelationshipSign": -1}),
        (
            PIXELS,
            RAW
            | {"PixelIntensityRelationshipSign": -1, "PhotometricInterpretation": "MONOCHROME1"},
        ),
        (TURNED, RAW | {"PhotometricInterpretation": "MONOCHROME1"}),
        (TURNED, RAW),
        (PIXELS, RAW),
    ],
)
def test_calcium_is_bright_whatever_the_polarity(tmp_path, pixels, attributes):
    read = read_mammogram(save(tmp_path / "a.dcm", pixels, **attributes))
    np.testing.assert_array_equal(read.pixels - read.pixels.min(), PIXELS)
    assert read.raw == ("class_uid" in attributes)


def test_raw_tissue_without_any_word_on_polarity_is_taken_for_exposure(tmp_path):
    patch = PIXELS[120:280, 60:220]
    read = read_mammogram(save(tmp_path / "a.dcm", 4000 - patch, **RAW))
    np.testing.assert_array_equal(read.pixels - read.pixels.min(), patch - patch.min())
    assert "assumed, as no air is seen" in said(read)


def test_an_image_that_contradicts_its_header_is_told(tmp_path):
    read = read_mammogram(save(tmp_path / "a.dcm", 4000 - PIXELS))
    assert "is the image inverted?" in said(read)


def test_signed_pixels(tmp_path):
    signed = PIXELS.astype(np.int16) - 1000
    read = read_mammogram(save(tmp_path / "a.dcm", signed, PixelRepresentation=1))
    np.testing.assert_array_equal(read.pixels, signed)


# --- padding


@pytest.mark.parametrize(
    ("padding", "more"),
    [
        ({"PixelPaddingValue": 4095}, []),
        ({"PixelPaddingValue": 4090, "PixelPaddingRangeLimit": 4095}, [4092]),
        ({"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 4090}, [4090]),
    ],
)
@pytest.mark.parametrize("colours", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_not_valid_and_as_dark_as_the_darkest(tmp_path, padding, more, colours):
    stored = PIXELS.copy()
    stored[:30] = 4095
    for row, value in enumerate(more, start=30):
        stored[row] = value
    path = save(tmp_path / "a.dcm", stored, PhotometricInterpretation=colours, **padding)
    read = read_mammogram(path)
    n = 30 + len(more)
    assert not read.valid[:n].any()
    assert read.valid[n:].all()
    assert (read.pixels[:n] == read.pixels[n:].min()).all()
    expected = PIXELS[n:] if colours == "MONOCHROME2" else PIXELS[n:].max() - PIXELS[n:]
    np.testing.assert_array_equal(read.pixels[n:], expected)


def test_signed_padding(tmp_path):
    signed = PIXELS.astype(np.int16)
    signed[:20] = -2000
    made = dataset(signed, PixelRepresentation=1, BitsStored=16, HighBit=15)
    made.add_new(0x00280120, "SS", -2000)
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert (~read_mammogram(tmp_path / "a.dcm").valid).sum() == 20 * 320


def test_nothing_but_padding_is_refused(tmp_path):
    path = save(tmp_path / "a.dcm", np.zeros((100, 100), np.uint16), PixelPaddingValue=0)
    with pytest.raises(BadInputError, match="padding"):
        read_mammogram(path)


# --- spacing


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ImagerPixelSpacing": [0.07, 0.08]}, (0.07, 0.08)),
        (
            {
                "ImagerPixelSpacing": [0.1, 0.1],
                "EstimatedRadiographicMagnificationFactor": 1.25,
            },
            (0.08, 0.08),
        ),
        ({"ImagerPixelSpacing": None, "PixelSpacing": [0.05, 0.06]}, (0.05, 0.06)),
        ({"PixelSpacing": [0.05, 0.06]}, (0.07, 0.07)),
        (
            {"PixelSpacing": [0.05, 0.06], "PixelSpacingCalibrationType": "GEOMETRY"},
            (0.05, 0.06),
        ),
        (
            {
                "PixelSpacing": [0.05, 0.06],
                "PixelSpacingCalibrationType": "FIDUCIAL",
                "EstimatedRadiographicMagnificationFactor": 1.4,
            },
            (0.05, 0.05),
        ),
        ({"ImagerPixelSpacing": None, "NominalScannedPixelSpacing": [0.05, 0.06]}, (0.05, 0.06)),
    ],
)
def test_the_size_of_a_pixel(tmp_path, attributes, expected):
    read = read_mammogram(save(tmp_path / "a.dcm", **attributes))
    assert read.spacing_mm == pytest.approx(expected)
    assert any("pixels of" in note and "stated by" in note for note in read.notices)


def test_a_stated_size_goes_first_and_is_told(tmp_path):
    path = save(tmp_path / "a.dcm")
    read = read_mammogram(path, spacing_mm=(0.05, 0.06))
    assert read.spacing_mm == (0.05, 0.06)
    assert "0.06 x 0.05 mm, stated by --pixel-spacing, in place of pixels of 0.07 mm" in said(read)  # fmt: skip
    assert not said(read_mammogram(path, spacing_mm=0.07))


def test_a_size_of_pixels_that_nobody_states_is_asked_for(tmp_path):
    path = save(tmp_path / "a.dcm", ImagerPixelSpacing=None)
    with pytest.raises(PixelSizeError, match="--pixel-spacing"):
        read_mammogram(path)
    assert read_mammogram(path, spacing_mm=0.07).spacing_mm == (0.07, 0.07)


def test_coarse_pixels_are_told_coarser_ones_refused(tmp_path):
    for size, is_told in ((0.1, False), (0.12, True), (0.15, True)):
        read = read_mammogram(save(tmp_path / "a.dcm", ImagerPixelSpacing=[size, size]))
        assert ("form of the calcifications is unreliable" in said(read)) == is_told
    path = save(tmp_path / "a.dcm", ImagerPixelSpacing=[0.2, 0.1])
    with pytest.raises(PixelSizeError, match=r"got '0\.2 mm'.*calcigram detect --force"):
        read_mammogram(path)
    assert read_mammogram(path, force=True).spacing_mm == (0.2, 0.1)


def test_an_absurd_size_is_refused(tmp_path):
    with pytest.raises(PixelSizeError, match="500 mm"):
        read_mammogram(save(tmp_path / "a.dcm", ImagerPixelSpacing=[5, 5]), force=True)
    with pytest.raises(BadInputError, match="at least 64"):
        read_mammogram(save(tmp_path / "b.dcm", PIXELS[100:140]))
    made = dataset()
    made.Rows = made.Columns = 60_000
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    with pytest.raises(CalcigramError, match="at most"):
        read_mammogram(tmp_path / "c.dcm", spacing_mm=0.005)


def test_a_decoder_that_panics_refuses_the_file(tmp_path):
    """Run lengths that give more pixels than there are: the decoder in Rust raises what is no Exception."""
    segment = b"\x81\0" * 100_000
    offsets = np.array([2, 64, 64 + len(segment), *[0] * 13], "<u4").tobytes()
    path = save_compressed(tmp_path / "a.dcm", "1.2.840.10008.1.2.5", offsets + 2 * segment)
    with pytest.raises(BadInputError, match="expected pixel data that can be read"):
        read_mammogram(path)


def test_compressed_pixels_in_many_colours_are_refused(tmp_path):
    rows, columns = PIXELS.shape
    size = np.array([columns, rows, 0, 0, columns, rows, 0, 0], ">u4").tobytes()
    stream = b"\xff\x4f\xff\x51\0\x29\0\0" + size + b"\x40\0" + b"\x0f\1\1" * 16_384
    path = save_compressed(tmp_path / "a.dcm", "1.2.840.10008.1.2.4.90", stream)
    with pytest.raises(BadInputError, match="got '400 x 320, in 16384 colours'"):
        read_mammogram(path)


@pytest.mark.parametrize("bad", [0, -1, "x", (0.07, 0.07, 0.07), 70, float("nan"), True])
def test_a_stated_size_is_checked(tmp_path, bad):
    with pytest.raises(BadInputError):
        read_mammogram(save(tmp_path / "a.dcm"), spacing_mm=bad)


# --- quality


def test_the_saturated_share_is_told(tmp_path):
    stored = PIXELS.copy()
    stored[150:170, 100:120] = 4095
    assert "0.31% of the pixels have the greatest value" in said(
        read_mammogram(save(tmp_path / "a.dcm", stored))
    )


def test_eight_bits_are_told(tmp_path):
    small = (PIXELS // 16).astype(np.uint8)
    read = read_mammogram(save(tmp_path / "a.dcm", small))
    assert "256 grey levels" in said(read)
    scaled = small.astype(np.uint16) * 257
    read = read_mammogram(save(tmp_path / "b.dcm", scaled, BitsStored=16, HighBit=15))
    assert "256 grey levels" in said(read)


def test_lossy_compression_by_the_header(tmp_path):
    assert "lossy" in said(read_mammogram(save(tmp_path / "a.dcm", LossyImageCompression="01")))
    assert "lossy" not in said(read_mammogram(save(tmp_path / "b.dcm", LossyImageCompression="00")))


def test_the_blocks_of_jpeg_are_seen(tmp_path):
    from PIL import Image

    packed = io.BytesIO()
    small = (PIXELS // 16).astype(np.uint8)
    Image.fromarray(small).save(packed, "JPEG", quality=80)
    seen = from_array(np.asarray(Image.open(packed)), (0.07, 0.07))
    assert "blocks of JPEG" in said(seen)
    assert "blocks of JPEG" not in said(from_array(small, (0.07, 0.07)))


# --- compressed DICOM

LOSSLESS = {
    "deflated": "1.2.840.10008.1.2.1.99",
    "implicit": "1.2.840.10008.1.2",
    "big endian": "1.2.840.10008.1.2.2",
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
}


@pytest.mark.parametrize("name", [*LOSSLESS, "JPEG Lossless", "JPEG Lossless, first order"])
def test_compressed_images_are_read(tmp_path, name):
    path = tmp_path / "a.dcm"
    if name.startswith("JPEG Lossless"):
        syntax = "1.2.840.10008.1.2.4." + ("70" if "first" in name else "57")
        save_compressed(path, syntax, made_by.lossless_jpeg(PIXELS), BitsStored=16, HighBit=15)
    elif name in ("RLE", "JPEG-LS", "JPEG 2000"):
        save_compressed(path, LOSSLESS[name])
    else:
        from pydicom import uid

        made = dataset(PIXELS.astype(">u2") if name == "big endian" else PIXELS)
        made.file_meta.TransferSyntaxUID = uid.UID(LOSSLESS[name])
        little = name != "big endian"
        made.save_as(path, little_endian=little, implicit_vr=name == "implicit")
    read = read_mammogram(path)
    np.testing.assert_array_equal(read.pixels, PIXELS)
    assert "lossy" not in said(read)


def test_lossy_images_are_read_with_a_warning(tmp_path):
    from PIL import Image

    packed = io.BytesIO()
    small = (PIXELS // 16).astype(np.uint8)
    Image.fromarray(small).save(packed, "JPEG", quality=90)
    path = save_compressed(tmp_path / "a.dcm", "1.2.840.10008.1.2.4.50", packed.getvalue(), small)
    read = read_mammogram(path)
    assert "lossy" in said(read)
    assert np.abs(read.pixels - small).mean() < 4


@pytest.mark.parametrize(("stated", "is_told"), [(None, True), ("00", False), ("01", True)])
def test_jpeg_2000_that_may_be_lossy(tmp_path, stated, is_told):
    made = dataset(LossyImageCompression=stated)
    made.compress("1.2.840.10008.1.2.4.91", j2k_cr=[1.0], generate_instance_uid=False)
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert ("lossy" in said(read_mammogram(tmp_path / "a.dcm"))) == is_told


def test_a_missing_plugin_is_told_by_its_extra(tmp_path, monkeypatch):
    import pydicom.pixels

    def fail(*_, **__):
        raise RuntimeError("all plugins are missing dependencies")

    path = save_compressed(tmp_path / "a.dcm", LOSSLESS["JPEG-LS"])
    monkeypatch.setattr(pydicom.pixels, "pixel_array", fail)
    monkeypatch.setitem(sys.modules, "pylibjpeg", None)
    with pytest.raises(MissingExtraError, match=r"JPEG-LS.*\[images\]"):
        read_mammogram(path)


def test_damaged_compressed_pixels_are_refused(tmp_path):
    path = save_compressed(tmp_path / "a.dcm", "1.2.840.10008.1.2.4.70", b"\xff\xd8nothing\xff\xd9")
    with pytest.raises(BadInputError, match="pixel data that can be read"):
        read_mammogram(path)


# --- what is refused


def test_slices_of_tomosynthesis_are_refused(tmp_path):
    stack = np.stack([PIXELS] * 3)
    path = save(
        tmp_path / "a.dcm",
        stack,
        class_uid="1.2.840.10008.5.1.4.1.1.13.1.3",
        NumberOfFrames=3,
    )
    with pytest.raises(BadInputError, match=r"Breast Tomosynthesis Image of 3 frames.*2-D view"):
        read_mammogram(path)
    with pytest.raises(BadInputError, match="3 frames"):
        read_mammogram(save(tmp_path / "b.dcm", stack, NumberOfFrames=3))


@pytest.mark.parametrize(
    "attributes",
    [
        {"ImageType": ["DERIVED", "PRIMARY", "TOMO_2D"]},
        {"ImageType": ["DERIVED", "PRIMARY", "TOMO", "GENERATED_2D"]},
    ],
)
def test_synthetic_images_are_flagged(tmp_path, attributes):
    assert "synthetic 2-D" in said(read_mammogram(save(tmp_path / "a.dcm", **attributes)))


def test_an_image_made_of_slices_is_flagged(tmp_path):
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.13.1.3"
    item.ReferencedSOPInstanceUID = "1.2.3"
    path = save(tmp_path / "a.dcm", SourceImageSequence=[item])
    assert "synthetic 2-D" in said(read_mammogram(path))


@pytest.mark.parametrize(
    ("attributes", "got"),
    [
        ({"class_uid": CT, "Modality": "CT", "BodyPartExamined": "CHEST"}, "CT Image"),
        ({"class_uid": "1.2.840.10008.5.1.4.1.1.4", "Modality": "MR"}, "MR Image"),
        ({"class_uid": "1.2.840.10008.5.1.4.1.1.6.1", "Modality": "US"}, "Ultrasound"),
        ({"class_uid": SC, "Modality": "CT"}, "Secondary Capture"),
        ({"class_uid": CR, "Modality": "CR", "BodyPartExamined": "CHEST"}, "CHEST"),
        ({"class_uid": "1.2.840.10008.5.1.4.1.1.77.1.4", "Modality": "XC"}, "XC"),
        ({"class_uid": "1.2.3.4"}, "1.2.3.4"),
    ],
)
def test_other_images_are_refused_by_what_they_are(tmp_path, attributes, got):
    with pytest.raises(BadInputError, match=f"got '[^']*{got}.*expected a mammogram"):
        read_mammogram(save(tmp_path / "a.dcm", **attributes))


def test_a_report_is_refused():
    for name in ("tid1500.dcm", "segmentation.dcm"):
        with pytest.raises(BadInputError, match="name the image itself"):
            read_mammogram(DATA / name)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(BadInputError, match="pixels"):
        read_mammogram(DATA / "mammogram_header.dcm", spacing_mm=0.07)


def test_colours_are_refused(tmp_path):
    from PIL import Image

    colours = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
    made = dataset(colours[..., 0], class_uid=SC, SamplesPerPixel=3)
    made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    made.PixelData = colours.tobytes()
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    Image.fromarray(colours).save(tmp_path / "a.png")
    Image.fromarray(colours).save(tmp_path / "a.tif")
    for name in ("a.dcm", "a.png", "a.tif"):
        with pytest.raises(BadInputError, match=r"grey.*colour"):
            read_mammogram(tmp_path / name, spacing_mm=0.07)
    Image.fromarray(colours).save(tmp_path / "a.jpg")
    said = r"got 'a JPEG image', expected a mammogram \(DICOM, PNG, TIFF\); take the original image"
    with pytest.raises(BadInputError, match=said):
        read_mammogram(tmp_path / "a.jpg", spacing_mm=0.07)


def test_pictures_do_not_say_that_they_are_mammograms(tmp_path):
    from PIL import Image

    for name, kind in (("a.png", "PNG"), ("a.tif", "TIFF")):
        Image.fromarray(PIXELS).save(tmp_path / name)
        notices = read_mammogram(tmp_path / name, spacing_mm=0.07).notices
        assert any(f"nothing in a {kind} says that it is a mammogram" in text for text in notices)
    assert "says that it is" not in said(from_array(PIXELS, (0.07, 0.07)))
    assert "says that it is" not in said(read_mammogram(save(tmp_path / "a.dcm")))


def test_one_grey_level_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="at least 16 grey levels"):
        read_mammogram(save(tmp_path / "a.dcm", np.full((100, 100), 7, np.uint16)))


def test_a_missing_file_and_a_text_are_refused(tmp_path):
    with pytest.raises(BadInputError):
        read_mammogram(tmp_path / "none.dcm")
    (tmp_path / "a.csv").write_text("cluster_id,x_mm,y_mm\n")
    with pytest.raises(BadInputError, match="PNG, TIFF"):
        read_mammogram(tmp_path / "a.csv")


# --- other images of a breast


@pytest.mark.parametrize(
    ("class_uid", "modality", "is_told"),
    [(SC, "MG", False), (SC, "OT", False), (CR, "CR", False), ("1.2.840.10008.5.1.4.1.1.1.1", "DX", False)],
)  # fmt: skip
def test_captures_and_radiographs_of_a_breast(tmp_path, class_uid, modality, is_told):
    attributes = {"class_uid": class_uid, "Modality": modality, "PresentationIntentType": None}
    read = read_mammogram(save(tmp_path / "a.dcm", **attributes))
    np.testing.assert_array_equal(read.pixels, PIXELS)
    assert not said(read)
    if modality != "MG":
        read = read_mammogram(save(tmp_path / "b.dcm", BodyPartExamined=None, **attributes))
        assert "nothing in the file says that it is a mammogram" in said(read)


# --- PNG and TIFF


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_pictures(tmp_path, suffix, bits):
    from PIL import Image

    array = PIXELS if bits == 16 else (PIXELS // 16).astype(np.uint8)
    path = tmp_path / f"left.{suffix}"
    Image.fromarray(array).save(path)
    read = read_mammogram(path, spacing_mm=0.07)
    np.testing.assert_array_equal(read.pixels, array)
    assert (read.image_id, read.raw, read.laterality) == ("left", False, "")
    assert ("256 grey levels" in said(read)) == (bits == 8)
    with pytest.raises(PixelSizeError, match="--pixel-spacing"):
        read_mammogram(path)


def test_an_inverted_picture_is_turned_and_told(tmp_path):
    from PIL import Image

    Image.fromarray(4000 - PIXELS).save(tmp_path / "a.png")
    read = read_mammogram(tmp_path / "a.png", spacing_mm=0.07)
    np.testing.assert_array_equal(read.pixels, PIXELS)
    assert "inverted" in said(read)
    patch = (4000 - PIXELS)[120:280, 60:220]  # of which nobody can tell
    assert not said(from_array(patch, (0.07, 0.07)))


def test_a_white_border_of_a_film_inverts_nothing():
    bordered = PIXELS.copy()
    bordered[:, :6] = 4095
    np.testing.assert_array_equal(from_array(bordered, (0.07, 0.07)).pixels, bordered)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_in_which_white_is_zero(tmp_path, bits):
    import tifffile

    array = PIXELS if bits == 16 else (PIXELS // 16).astype(np.uint8)
    patch = array[120:280, 60:220]
    tifffile.imwrite(tmp_path / "a.tif", patch.max() - patch, photometric="miniswhite")
    read = read_mammogram(tmp_path / "a.tif", spacing_mm=0.07)
    np.testing.assert_array_equal(read.pixels - read.pixels.min(), patch - patch.min())


def test_arrays_with_gaps():
    array = PIXELS.astype(float)
    array[:10] = np.nan
    array[10] = np.inf
    read = from_array(array, (0.07, 0.07))
    assert not read.valid[:11].any()
    assert read.valid[11:].all()
    assert np.isfinite(read.pixels).all()


# --- hostile files


@pytest.mark.parametrize("name", ["JPEG 2000", "JPEG-LS", "JPEG Lossless"])
def test_a_compressed_frame_of_another_size_is_refused_before_it_is_unpacked(tmp_path, name):
    """A decoder takes memory for what the frame states, whatever the image does."""
    import struct

    path, large = tmp_path / "a.dcm", 60_000
    if name == "JPEG Lossless":
        frame = made_by.lossless_jpeg(PIXELS)
        frame = frame.replace(struct.pack(">HH", 400, 320), struct.pack(">HH", large, large), 1)
        save_compressed(path, "1.2.840.10008.1.2.4.70", frame)
    else:
        save_compressed(path, LOSSLESS[name])
        whole = path.read_bytes()
        old, new = (
            (struct.pack(">II", 320, 400), struct.pack(">II", large, large))
            if name == "JPEG 2000"
            else (struct.pack(">HH", 400, 320), struct.pack(">HH", large, large))
        )
        assert old in whole
        path.write_bytes(whole.replace(old, new, 1))
    with pytest.raises(
        BadInputError, match=r"got '60000 x 60000, in 1 colour', expected compressed pixels"
    ):
        read_mammogram(path)


def test_a_mask_is_no_mammogram(tmp_path):
    from PIL import Image

    mask = np.zeros((200, 200), np.uint8)
    mask[50:60, 50:60] = 255
    Image.fromarray(mask).save(tmp_path / "a.png")
    with pytest.raises(BadInputError, match=r"got '2 grey levels'.*read by `classify`"):
        read_mammogram(tmp_path / "a.png", spacing_mm=0.07)
