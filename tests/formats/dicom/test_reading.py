"""Reports of several makes, read as clusters."""

import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.errors import BadInputError
from calcigram.formats import read_intake

MAGNIFIED = (("399163009", "SCT", "Magnification"),)


def places(clusters):
    return np.column_stack([clusters.x_mm, clusters.y_mm])


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"legacy": True},
        {"nested": False},
        {"nested": "reference"},
        {"nested": "container"},
        {"outlines": False},
        {"nipple": False},
    ],
    ids=str,
)
def test_one_cluster_however_it_is_nested(examples, saved, variant):
    clusters = read_clusters(saved(examples.cad_sr(**variant)))
    assert clusters.n_calcifications.tolist() == [7]
    np.testing.assert_allclose(
        places(clusters), examples.centres_px() * examples.SPACING_MM, atol=1e-4
    )
    meta = clusters.meta.iloc[0]
    assert (meta.reported_distribution, meta.reported_morphology) == (
        "linear",
        "coarse_heterogeneous",
    )
    assert (meta.laterality, meta["view"], meta.group_id) == ("L", "CC", "EX-7")
    assert meta.reported_calcifications == 7
    assert np.isfinite(clusters.diameter_mm).all() == variant.get("outlines", True)
    assert np.isfinite(clusters.nipple_x_mm).all() == variant.get("nipple", True)


def test_the_marks_are_those_of_the_outlines(examples, saved):
    clusters = read_clusters(saved(examples.cad_sr()))
    assert np.all((clusters.aspect_ratio > 1.3) & (clusters.aspect_ratio < 1.7))
    slanted = np.minimum(clusters.orientation_deg, 180 - clusters.orientation_deg)
    assert np.all(slanted < 10)  # drawn wider than high
    assert np.all((clusters.diameter_mm > 0.4) & (clusters.diameter_mm < 0.6))


def test_several_clusters_on_several_images(examples, saved):
    report = examples.cad_sr(clusters=2, images=("image", "other image"))
    clusters = read_clusters(saved(report))
    assert clusters.n_calcifications.tolist() == [4, 3]
    assert clusters.meta.image_id.tolist() == [
        examples.UIDS["image"],
        examples.UIDS["other image"],
    ]
    # the nipple is on the first image alone
    assert np.isfinite(clusters.nipple_x_mm).tolist() == [True, False]


def test_a_count_without_coordinates_is_kept_as_an_empty_cluster(examples, saved):
    intake = read_intake(saved(examples.cad_sr(nested=None)))
    assert intake.clusters.n_calcifications.tolist() == [0]
    assert intake.clusters.meta.reported_calcifications.tolist() == [7]
    assert "7 are reported" in intake.notes[-1]


class TestPixelSize:
    def test_is_never_guessed(self, examples, saved):
        with pytest.raises(BadInputError, match=r"111026.*0018,1164.*--pixel-spacing"):
            read_clusters(saved(examples.cad_sr(spacing=False)))

    def test_is_what_the_user_states(self, examples, saved):
        clusters = read_clusters(saved(examples.cad_sr()), pixel_spacing=0.1)
        np.testing.assert_allclose(places(clusters), examples.centres_px() * 0.1, atol=1e-4)

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ({}, 0.07),
            ({"EstimatedRadiographicMagnificationFactor": "1.4"}, 0.05),
            ({"ImagerPixelSpacing": None, "PixelSpacing": [0.06, 0.06]}, 0.06),
        ],
        ids=["imager", "magnified", "pixel"],
    )
    def test_is_that_of_the_image_beside_the_report(self, examples, saved, header, expected):
        saved(examples.mammogram(**header), "image.dcm")
        clusters = read_clusters(saved(examples.cad_sr(spacing=False)))
        np.testing.assert_allclose(places(clusters), examples.centres_px() * expected, atol=1e-4)

    def test_is_found_in_a_folder_that_is_named(self, examples, saved, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        examples.save(examples.mammogram(), tmp_path / "elsewhere" / "1")
        report = saved(examples.cad_sr(spacing=False))
        clusters = read_clusters(report, images=[tmp_path / "elsewhere"])
        assert clusters.n_calcifications.tolist() == [7]

    def test_is_found_among_files_that_are_damaged_or_no_images(self, examples, saved, tmp_path):
        whole = saved(examples.mammogram(), "m.dcm").read_bytes()
        for name, data in {
            "a": whole[:300],
            "b": b"text",
            "c": bytes(128) + b"DICM" + b"x" * 99,
        }.items():
            (tmp_path / name).write_bytes(data)
        clusters = read_clusters(saved(examples.cad_sr(spacing=False)))
        np.testing.assert_allclose(places(clusters), examples.centres_px() * 0.07, atol=1e-4)

    def test_of_an_image_that_is_not_there_is_told(self, examples, saved, tmp_path):
        with pytest.raises(
            BadInputError, match=r"nowhere\.dcm.*an image file, or a folder, that exists"
        ):
            read_clusters(saved(examples.cad_sr(spacing=False)), images=[tmp_path / "nowhere.dcm"])

    def test_of_a_magnification_view_needs_the_factor(self, examples, saved):
        report = saved(examples.cad_sr(modifiers=MAGNIFIED))
        with pytest.raises(BadInputError, match="0018,1114"):
            read_clusters(report)
        saved(examples.mammogram(EstimatedRadiographicMagnificationFactor="2"), "image.dcm")
        np.testing.assert_allclose(
            places(read_clusters(report)), examples.centres_px() * 0.035, atol=1e-4
        )

    def test_is_refused_where_the_image_states_none(self, examples, saved):
        saved(examples.mammogram(ImagerPixelSpacing=None), "image.dcm")
        with pytest.raises(BadInputError, match="which has neither"):
            read_clusters(saved(examples.cad_sr(spacing=False)))


class TestMeasurementReport:
    @pytest.mark.parametrize("point", [True, False])
    def test_points_and_polylines(self, examples, saved, point):
        clusters = read_clusters(saved(examples.tid1500(point=point)))
        assert clusters.cluster_id.tolist() == ["lesion A"]
        tolerance = 1e-4 if point else 0.02
        np.testing.assert_allclose(
            places(clusters), examples.centres_px() * examples.SPACING_MM, atol=tolerance
        )
        assert clusters.meta.reported_distribution.tolist() == ["linear"]
        assert np.isfinite(clusters.diameter_mm).all() == (not point)

    def test_without_a_cluster_they_are_linked(self, examples, saved):
        intake = read_intake(saved(examples.tid1500(cluster=False)))
        assert intake.clusters.n_calcifications.tolist() == [7]
        assert "linked by DBSCAN" in intake.clusters.meta.formed_by[0]


def test_other_dicom_is_refused_by_its_name(examples, saved):
    with pytest.raises(BadInputError, match=r"expected a mammogram.*with its pixels"):
        read_clusters(saved(examples.mammogram()))
    other = examples.mammogram()
    other.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    del other.Rows
    with pytest.raises(BadInputError, match=r"Encapsulated PDF.*expected a Mammography CAD SR"):
        read_clusters(saved(other))


def test_a_report_without_preamble_is_dicom_too(examples, saved, tmp_path):
    whole = saved(examples.cad_sr()).read_bytes()
    bare = tmp_path / "bare"
    start = whole.index(b"\x08\x00\x05\x00CS")
    bare.write_bytes(whole[start:])
    assert read_clusters(bare).n_calcifications.tolist() == [7]


def test_a_cut_file_is_refused(examples, saved, tmp_path):
    whole = saved(examples.cad_sr()).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInputError, match=r"cut\.dcm"):
        read_clusters(tmp_path / "cut.dcm")
