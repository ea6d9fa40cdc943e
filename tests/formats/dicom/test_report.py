"""Sizes of pixels that are stated twice, derived, or unreadable."""

import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.errors import PixelSizeError
from calcigram.formats import read_intake
from calcigram.longtable import NoticeWarning


def width(clusters):
    return float(np.ptp(clusters.x_mm))


class TestTwoStatements:
    @pytest.mark.parametrize("size", [1.0, 0.0708])
    def test_a_segmentation_and_its_image(self, examples, saved, size):
        dataset = examples.segmentation()
        measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        measures.PixelSpacing = [size, size]
        path = saved(dataset)
        saved(examples.mammogram(Rows=700, Columns=900), "image.dcm")
        with pytest.raises(PixelSizeError) as caught:
            read_clusters(path)
        for text in (f"{size:g} x {size:g} mm by the segmentation", "0.07 x 0.07 mm by the image"):
            assert text in str(caught.value)
        assert "--pixel-spacing" in str(caught.value)
        assert read_clusters(path, pixel_spacing=0.07).n_calcifications.tolist() == [9]

    def test_a_report_and_its_image(self, examples, saved):
        path = saved(examples.cad_sr())  # 70 um
        saved(examples.mammogram(ImagerPixelSpacing=[0.1, 0.1]), "image.dcm")
        with pytest.raises(PixelSizeError, match=r"0\.07 x 0\.07 mm by the report.*0\.1 x 0\.1 mm"):
            read_clusters(path)
        assert width(read_clusters(path, pixel_spacing=0.1)) > 0

    def test_that_differ_by_less_than_a_hundredth_agree(self, examples, saved):
        path = saved(examples.cad_sr())
        saved(examples.mammogram(ImagerPixelSpacing=[0.0705, 0.0705]), "image.dcm")
        assert read_clusters(path).n_calcifications.tolist() == [7]

    def test_a_calibrated_size_beside_the_detectors_is_none(self, examples, saved):
        path = saved(examples.cad_sr(spacing=False))
        saved(examples.mammogram(PixelSpacing=[0.065, 0.065]), "image.dcm")
        assert width(read_clusters(path)) == pytest.approx(12, abs=0.5)

    @pytest.mark.parametrize("stated", [0.07, 0.035], ids=["detector", "breast"])
    def test_in_either_plane_of_a_magnification_view(self, examples, saved, stated):
        dataset = examples.segmentation()
        measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        measures.PixelSpacing = [stated, stated]
        path = saved(dataset)
        factor = {"EstimatedRadiographicMagnificationFactor": "2"}
        saved(examples.mammogram(Rows=700, Columns=900, **factor), "image.dcm")
        plain = read_clusters(saved(examples.segmentation(), "plain.dcm"), pixel_spacing=0.035)
        assert width(read_clusters(path)) == pytest.approx(width(plain))

    def test_in_one_image(self, examples, saved):
        measures = examples.segmentation().SharedFunctionalGroupsSequence
        image = examples.mammogram(ImagerPixelSpacing=None, PixelSpacing=[0.1, 0.1])
        image.SharedFunctionalGroupsSequence = measures
        saved(image, "image.dcm")
        with pytest.raises(PixelSizeError, match=r"0\.1 x 0\.1 mm.*0\.07 x 0\.07 mm"):
            read_clusters(saved(examples.cad_sr(spacing=False)))


class TestDistances:
    DISTANCES = {"DistanceSourceToDetector": "650", "DistanceSourceToPatient": "361"}  # noqa: RUF012

    def test_their_ratio_is_used_and_told(self, examples, saved):
        saved(examples.mammogram(**self.DISTANCES), "image.dcm")
        with pytest.warns(NoticeWarning, match=r"magnification of 1\.801, the ratio"):
            clusters = read_clusters(saved(examples.cad_sr(spacing=False)))
        expected = examples.centres_px()[:, 0] * 0.07 * 361 / 650
        np.testing.assert_allclose(clusters.x_mm, expected, rtol=1e-4)

    def test_the_factor_goes_first(self, examples, saved):
        factor = {"EstimatedRadiographicMagnificationFactor": "1"}
        saved(examples.mammogram(**self.DISTANCES, **factor), "image.dcm")
        clusters = read_clusters(saved(examples.cad_sr(spacing=False)))
        np.testing.assert_allclose(clusters.x_mm, examples.centres_px()[:, 0] * 0.07, rtol=1e-4)

    @pytest.mark.parametrize("patient", ["0", "700", "1"])
    def test_that_cannot_be_are_passed_over(self, examples, saved, patient):
        distances = self.DISTANCES | {"DistanceSourceToPatient": patient}
        saved(examples.mammogram(**distances), "image.dcm")
        clusters = read_clusters(saved(examples.cad_sr(spacing=False)))
        np.testing.assert_allclose(clusters.x_mm, examples.centres_px()[:, 0] * 0.07, rtol=1e-4)


def test_a_decimal_comma_is_named(examples, saved, tmp_path):
    report = saved(examples.cad_sr(spacing=False))
    whole = saved(examples.mammogram(), "image.dcm").read_bytes()
    (tmp_path / "image.dcm").write_bytes(whole.replace(b"0.07\\0.07", b"0,07\\0,07"))
    told = (
        r"Imager Pixel Spacing \(0018,1164\) '0,07\\0,07', which is not two numbers with a decimal"
    )
    with pytest.raises(PixelSizeError, match=told):
        read_clusters(report)
    for name in ("labels.png", "inbreast.xml"):
        from pathlib import Path

        path = Path(__file__).parents[2] / "data" / name
        with pytest.raises(PixelSizeError, match=told):
            read_clusters(path, images=[tmp_path / "image.dcm"])


def test_a_decimal_comma_of_a_report_is_named(examples, saved, tmp_path):
    whole = saved(examples.cad_sr()).read_bytes()
    assert b"70.0" in whole
    (tmp_path / "comma.dcm").write_bytes(whole.replace(b"70.0", b"70,0"))
    with pytest.raises(PixelSizeError, match="which states 70,0 um"):
        read_intake(tmp_path / "comma.dcm")


def test_a_magnification_with_a_decimal_comma_is_named(examples, saved, tmp_path):
    report = saved(examples.cad_sr(spacing=False))
    factor = {"EstimatedRadiographicMagnificationFactor": "1.875"}
    whole = saved(examples.mammogram(**factor), "image.dcm").read_bytes()
    (tmp_path / "image.dcm").write_bytes(whole.replace(b"1.875", b"1,875"))
    with pytest.raises(PixelSizeError, match=r"got '1,875'.*0018,1114"):
        read_clusters(report)
