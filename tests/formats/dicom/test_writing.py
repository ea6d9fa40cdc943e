"""What is written reads back the same, and says nothing it must not."""

from dataclasses import replace

import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.errors import BadInputError
from calcigram.formats.dicom.images import find_in_folder, open_dicom
from calcigram.formats.dicom.reading import read_report
from calcigram.formats.dicom.writing import (
    TEMPLATES,
    make_report,
    source_of_images,
    source_of_report,
    write_report_file,
)

FORBIDDEN = {"111005", "111053", "111042", "111047", "111023", "111033", "111013"}
"""Assessment, follow-up, pathology, probability of cancer, impressions."""

COPIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "AccessionNumber",
)

every_template = pytest.mark.parametrize("template", sorted(TEMPLATES))


@pytest.fixture
def answer(examples, saved, tmp_path, verdicts_of):
    """Read a report, answer it, and return (clusters read, path of the answer, source's path)."""

    def make(template, distribution="branching", morphology="fine_linear", told=None, **variant):
        path = saved(examples.cad_sr(**variant))
        read = read_report(open_dicom(path), str(path), find_in_folder(path))
        clusters = read.intake.clusters
        document = make_report(
            clusters,
            verdicts_of(clusters, distribution, morphology, **(told or {})),
            source_of_report(read),
            template,
        )
        out = tmp_path / f"{template}.dcm"
        write_report_file(document, out)
        return clusters, out, path

    return make


@every_template
def test_an_id_cannot_announce_another_character_set(
    examples, saved, tmp_path, verdicts_of, template
):
    path = saved(examples.cad_sr())
    read = read_report(open_dicom(path), str(path), find_in_folder(path))
    clusters = read.intake.clusters
    hostile = "a\x1b[2J\x9b\u202eb\r"
    clusters = replace(clusters, cluster_id=np.array([hostile, *clusters.cluster_id[1:]], object))
    verdicts = verdicts_of(clusters, "branching", "fine_linear")
    document = make_report(clusters, verdicts, source_of_report(read), template)
    write_report_file(document, tmp_path / "a.dcm")
    texts = [e.value for e in open_dicom(tmp_path / "a.dcm").iterall() if e.keyword == "TextValue"]
    assert "a\\x1b[2J\\x9b\\u202eb\\r" in texts
    assert all(text.replace("\n", "").isprintable() for text in texts)


def codes(dataset):
    """Return every code value of a dataset."""
    return {str(e.value) for e in dataset.iterall() if e.keyword in ("CodeValue", "LongCodeValue")}


@every_template
@pytest.mark.parametrize("variant", [{}, {"clusters": 2, "images": ("image", "other image")}])
def test_round_trip(answer, template, variant):
    clusters, out, _ = answer(template, **variant)
    back = read_clusters(out)
    assert back.cluster_id.tolist() == clusters.cluster_id.tolist()
    np.testing.assert_array_equal(back.offsets, clusters.offsets)
    for name in ("x_mm", "y_mm", "diameter_mm", "nipple_x_mm", "nipple_y_mm"):
        np.testing.assert_allclose(getattr(back, name), getattr(clusters, name), atol=0.001)
    np.testing.assert_allclose(back.aspect_ratio, clusters.aspect_ratio, rtol=1e-3)
    turn = np.abs(back.orientation_deg - clusters.orientation_deg)
    assert np.minimum(turn, 180 - turn).max() < 0.1
    assert back.meta.image_id.tolist() == clusters.meta.image_id.tolist()


@every_template
def test_identity_is_copied_and_nothing_is_verified(answer, template):
    _, out, path = answer(template)
    written, source = open_dicom(out), open_dicom(path)
    for name in COPIED:
        assert written[name].value == source[name].value, name
    assert written.VerificationFlag == "UNVERIFIED"
    assert written.SOPInstanceUID != source.SOPInstanceUID
    assert written.SeriesInstanceUID != source.SeriesInstanceUID


@every_template
def test_no_assessment_and_no_probability_of_cancer(answer, template):
    _, out, _ = answer(template)
    written = open_dicom(out)
    assert not codes(written) & FORBIDDEN
    texts = " ".join(str(e.value) for e in written.iterall() if e.VR in ("UT", "ST", "LT", "LO"))
    assert "suspicious" not in texts
    assert "benign" not in texts
    assert "branching" in texts


@every_template
def test_evidence_names_the_image_and_the_report(answer, examples, template):
    _, out, path = answer(template)
    evidence = open_dicom(out).CurrentRequestedProcedureEvidenceSequence
    named = {
        instance.ReferencedSOPInstanceUID
        for study in evidence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert named == {examples.UIDS["image"], open_dicom(path).SOPInstanceUID}


def test_rendering_intent_is_not_for_presentation_in_cad_sr_alone(answer):
    _, cad, _ = answer("cad-sr")
    assert "111152" in codes(open_dicom(cad))
    assert not codes(open_dicom(cad)) & {"111150", "111151"}
    _, tid1500, _ = answer("tid1500")
    assert not codes(open_dicom(tid1500)) & {"111056", "111150", "111151", "111152"}


@every_template
@pytest.mark.parametrize(
    ("distribution", "morphology", "written", "not_written"),
    [
        ("branching", "fine_linear", {"129765000", "129762002"}, {"129761009"}),
        ("branching", "vascular", {"129765000", "129759000"}, {"129762002"}),
        ("linear", "fine_linear", {"129765000", "129761009"}, {"129762002"}),
        ("insufficient", "unread", set(), {"111008", "111009"}),
        ("grouped", "fine_pleomorphic", {"129766004", "111344"}, {"129769003"}),
    ],
)
def test_words_become_codes(answer, template, distribution, morphology, written, not_written):
    _, out, _ = answer(template, distribution, morphology)
    found = codes(open_dicom(out))
    assert written <= found
    assert not not_written & found


def texts(dataset):
    return " ".join(str(e.value) for e in dataset.iterall() if e.VR in ("UT", "ST", "LT", "LO"))


@every_template
@pytest.mark.parametrize(
    ("told", "coded"),
    [
        ({}, {"111008", "111009"}),
        ({"morphology_probability": 0.29}, {"111008"}),
        ({"distribution_probability": 0.49}, {"111009"}),
        ({"review": True}, set()),
        ({"morphology_probability": 0.29, "review": True}, set()),
    ],
)
def test_what_a_person_should_look_at_is_not_coded(answer, template, told, coded):
    _, out, _ = answer(template, told=told)
    written = open_dicom(out)
    assert codes(written) & {"111008", "111009"} == coded
    if not coded:
        assert not codes(written) & {"129765000", "129761009", "129762002"}
    said = texts(written)
    assert ("A person should look" in said) == (len(coded) < 2)
    assert ("Not coded" in said) == (len(coded) < 2)
    share = told.get("morphology_probability", 0.8)
    assert f"morphology fine linear ({share:.2f})" in said
    assert read_clusters(out).n_calcifications[0] > 0


@every_template
def test_the_same_work_makes_the_same_bytes(answer, template):
    one = answer(template)[1].read_bytes()
    assert answer(template)[1].read_bytes() == one
    other = open_dicom(answer(template, clusters=2)[1])
    assert other.SOPInstanceUID.encode() not in one


@every_template
def test_clusters_of_a_table_are_written_onto_an_image(
    examples, saved, tmp_path, verdicts_of, template
):
    from calcigram import ClusterSet

    clusters = ClusterSet.from_arrays(
        [0, 4], [100, 101, 102, 103.5], [90, 91, 90, 91.5], diameter_mm=[0.2, np.nan, 0.3, 0.4],
        aspect_ratio=[2, np.nan, np.nan, 1], orientation_deg=[30, np.nan, np.nan, np.nan],
    )  # fmt: skip
    image = saved(examples.mammogram(ImagerPixelSpacing=[0.1, 0.05]), "image.dcm")
    document = make_report(clusters, verdicts_of(clusters), source_of_images([image]), template)
    write_report_file(document, tmp_path / "out.dcm")
    back = read_clusters(tmp_path / "out.dcm")
    for name in ("x_mm", "y_mm", "diameter_mm"):
        np.testing.assert_allclose(getattr(back, name), getattr(clusters, name), atol=0.002)
    assert back.aspect_ratio[0] == pytest.approx(2, rel=1e-3)
    assert back.orientation_deg[0] == pytest.approx(30, abs=0.1)


def on_image(examples, saved, tmp_path, verdicts_of, clusters, template, **attributes):
    """Write clusters onto a mammogram and read them back."""
    image = saved(examples.mammogram(**attributes), "image.dcm")
    document = make_report(clusters, verdicts_of(clusters), source_of_images([image]), template)
    write_report_file(document, tmp_path / "out.dcm")
    return read_clusters(tmp_path / "out.dcm")


def five(**marks):
    from calcigram import ClusterSet

    return ClusterSet.from_arrays([0, 5], [50, 51, 52, 53, 54], [60, 61, 60, 61, 60], **marks)


@every_template
def test_a_size_without_a_direction_is_kept(examples, saved, tmp_path, verdicts_of, template):
    clusters = five(diameter_mm=[0.2, 0.3, 0.4, 0.5, 0.6], aspect_ratio=[2, 3, 4, 5, 8])
    back = on_image(examples, saved, tmp_path, verdicts_of, clusters, template)
    np.testing.assert_allclose(back.diameter_mm, clusters.diameter_mm, atol=1e-3)


@every_template
@pytest.mark.parametrize("name", ["Läsion α", "病変", "A#1", "x" * 100, "a\\b^c=d"])
@pytest.mark.parametrize("character_set", ["ISO_IR 100", "ISO_IR 192", None])
def test_any_name_and_character_set(
    examples, saved, tmp_path, verdicts_of, template, name, character_set
):
    clusters = five(cluster_id=[name])
    patient = {"SpecificCharacterSet": character_set, "PatientName": "Muller^Anne"}
    back = on_image(examples, saved, tmp_path, verdicts_of, clusters, template, **patient)
    assert back.cluster_id.tolist() == [name]
    assert back.n_calcifications.tolist() == [5]
    assert open_dicom(tmp_path / "out.dcm").PatientName == "Muller^Anne"


@every_template
def test_a_name_of_another_script_leaves_the_patients_as_it_is(
    examples, saved, tmp_path, verdicts_of, template
):
    patient = {"SpecificCharacterSet": "ISO_IR 144", "PatientName": "Люкcемб"}
    back = on_image(
        examples, saved, tmp_path, verdicts_of, five(cluster_id=["病変"]), template, **patient
    )
    assert back.cluster_id.tolist() == ["病変"]
    assert open_dicom(tmp_path / "out.dcm").PatientName == "Люкcемб"


@every_template
def test_one_name_on_two_images_is_two_clusters(examples, saved, tmp_path, verdicts_of, template):
    import pandas as pd

    from calcigram import ClusterSet

    kinds = ("image", "other image")
    clusters = ClusterSet.from_arrays(
        [0, 3, 7], np.arange(50.0, 57.0), np.arange(60.0, 67.0), cluster_id=["1", "1"],
        meta=pd.DataFrame({"image_id": [examples.UIDS[kind] for kind in kinds]}),
    )  # fmt: skip
    images = [saved(examples.mammogram(kind), f"{kind}.dcm") for kind in kinds]
    document = make_report(clusters, verdicts_of(clusters), source_of_images(images), template)
    write_report_file(document, tmp_path / "out.dcm")
    back = read_clusters(tmp_path / "out.dcm")
    assert back.n_calcifications.tolist() == [3, 4]
    np.testing.assert_allclose(back.x_mm, clusters.x_mm, atol=1e-3)


@every_template
def test_blanks_around_a_name_lose_no_calcification(
    examples, saved, tmp_path, verdicts_of, template
):
    back = on_image(examples, saved, tmp_path, verdicts_of, five(cluster_id=["trail "]), template)
    assert back.n_calcifications.tolist() == [5]


def test_positions_outside_of_the_image_are_refused(examples, saved, verdicts_of):
    from calcigram import ClusterSet

    clusters = ClusterSet.from_arrays([0, 3], [-5, 0, 1], [0, 1, 0])
    source = source_of_images([saved(examples.mammogram(), "image.dcm")])
    with pytest.raises(BadInputError, match="within 3328 x 4096 pixels"):
        make_report(clusters, verdicts_of(clusters), source)


def test_without_an_image_nobody_knows_whose_it_is():
    with pytest.raises(BadInputError, match="--image"):
        source_of_images([])
