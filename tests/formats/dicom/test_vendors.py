"""CAD reports as other vendors may write them: read rightly, or refused with the tag that is missing."""

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.options import ReadOptions

PLACE = (1, 1, 1)
SRT_CLUSTER = ("F-01775", "SRT", "Calcification Cluster")
SRT_SINGLE = ("F-01776", "SRT", "Individual Calcification")


@pytest.fixture
def vendor(examples, saved):
    """Make a sparse report of findings, by hand; read it."""

    class Vendor:
        centres = examples.centres_px()

        def finding(
            self, code, *children, relation="CONTAINS", name=("111059", "Single Image Finding")
        ):
            return examples.item(
                relation, "CODE", examples.dcm(*name), *children,
                ConceptCodeSequence=examples.coded(*code),
            )  # fmt: skip

        def point(self, centre, place=PLACE, name=examples.CENTER, graphic="POINT"):
            selected = examples.refer("SELECTED FROM", *place)
            return examples.drawing(name, graphic, centre, selected)

        def singles(self, code=SRT_SINGLE, place=PLACE, relation="INFERRED FROM"):
            return [
                self.finding(code, self.point(c, place), relation=relation) for c in self.centres
            ]

        def spacing(self, value=0.07, unit="mm"):
            return [
                examples.number("HAS ACQ CONTEXT", examples.dcm(tag, "spacing"), value, unit)
                for tag in ("111026", "111066")
            ]

        def size(self, rows=examples.N_ROWS):
            return [
                examples.number("HAS ACQ CONTEXT", examples.dcm(tag, "size"), n, "{pixels}")
                for tag, n in (("110910", rows), ("110911", examples.N_COLUMNS))
            ]

        def report(self, *findings, images=None, summary=("111242", "DCM", "ok"), title=None):
            about = {examples.UIDS["image"]: self.spacing()} if images is None else images
            library = [examples.image("CONTAINS", uid, *items) for uid, items in about.items()]
            impression = examples.item(
                "INFERRED FROM", "CONTAINER", examples.dcm("111034", "Impression"), *findings
            )
            root = examples.item(
                None, "CONTAINER", title or examples.dcm("111036", "Mammography CAD Report"),
                examples.item("CONTAINS", "CONTAINER", examples.dcm("111028", "Image Library"), *library),
                examples.item(
                    "CONTAINS", "CODE", examples.dcm("111017", "Summary"), impression,
                    ConceptCodeSequence=examples.coded(*summary),
                ),
            )  # fmt: skip
            return examples.report(examples.CAD_SR, root)

        def read(self, *findings, **options):
            return read_intake(saved(self.report(*findings, **options)))

        def check(self, intake, n_clusters=1):
            assert intake.clusters.n_calcifications.tolist() == [7] * n_clusters
            expected = np.tile(self.centres, (n_clusters, 1)) * 0.07
            places = np.column_stack([intake.clusters.x_mm, intake.clusters.y_mm])
            np.testing.assert_allclose(places, expected, atol=1e-3)

    return Vendor()


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_every_transfer_syntax(examples, vendor, tmp_path, syntax):
    dataset = examples.cad_sr()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(
        tmp_path / "a", enforce_file_format=True,
        implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
    )  # fmt: skip
    vendor.check(read_intake(tmp_path / "a"))


@pytest.mark.parametrize(
    ("cluster", "single"),
    [
        (("F-01775", "SNM3", "X"), ("F-01776", "SNM3", "Y")),
        (("129769006", "SNOMED", "grouped"), ("129770007", "sct", "calc")),
        (("111105", "DCM", "-"), ("111104", "DCM", "-")),
        (("1", "99VND", "Microcalcification cluster"), ("2", "99VND", "Calc")),
        (("F-01776", "99VND", "Cluster of microcalcifications"), SRT_SINGLE),
    ],
    ids=lambda code: " ".join(code[:2]),
)
def test_every_scheme_of_codes(vendor, cluster, single):
    intake = vendor.read(vendor.finding(cluster, *vendor.singles(single)))
    vendor.check(intake)
    assert intake.clusters.meta.formed_by.tolist() == ["as reported"]


def test_points_drawn_on_the_cluster_itself(examples, vendor):
    region = examples.dcm("111030", "Image Region")
    middle = vendor.point(vendor.centres.mean(axis=0))
    dots = [vendor.point(c, name=region) for c in vendor.centres]
    vendor.check(vendor.read(vendor.finding(SRT_CLUSTER, middle, *dots)))
    several = vendor.point(vendor.centres, name=region, graphic="MULTIPOINT")
    vendor.check(vendor.read(vendor.finding(SRT_CLUSTER, middle, several)))


def test_a_composite_of_calcifications_alone_is_a_cluster(vendor):
    name = ("111015", "Composite Feature")
    intake = vendor.read(vendor.finding(SRT_CLUSTER, *vendor.singles(), name=name))
    vendor.check(intake)
    assert intake.clusters.meta.formed_by.tolist() == ["as reported"]


def test_calcifications_of_two_images_are_no_one_cluster(examples, vendor):
    images = {uid: vendor.spacing() for uid in ("2.25.201", "2.25.202")}
    both = [*vendor.singles(place=(1, 1, 1)), *vendor.singles(place=(1, 1, 2))]
    intake = vendor.read(vendor.finding(SRT_CLUSTER, *both), images=images)
    vendor.check(intake, n_clusters=2)
    assert intake.clusters.meta.image_id.tolist() == list(images)
    assert any("lie on 2 images" in note for note in intake.notes)
    beside = vendor.singles(place=(1, 1, 9))
    with pytest.raises(BadInputError, match=r"got '2 images'.*0040,DB73"):
        vendor.read(vendor.finding(SRT_CLUSTER, *beside), images=images)


def test_what_stands_in_and_beside_a_cluster_is_read_once(vendor):
    again = vendor.singles(relation="CONTAINS")
    intake = vendor.read(vendor.finding(SRT_CLUSTER, *vendor.singles()), *again)
    vendor.check(intake)
    assert any(note.startswith("7 calcifications stand both") for note in intake.notes)


def test_failure_and_what_is_no_calcification_are_told(vendor):
    mass = vendor.finding(("F-01791", "SRT", "Mass"), vendor.point((5, 5)))
    failed = ("111245", "DCM", "No algorithms succeeded; without findings")
    intake = vendor.read(mass, summary=failed)
    assert len(intake.clusters) == 0
    told = " ".join(intake.notes)
    for part in (
        "No algorithms succeeded",
        "1 findings of 'Mass' left out",
        "no calcification and no",
    ):
        assert part in told


def test_calcifications_without_a_place_are_counted(vendor):
    intake = vendor.read(vendor.finding(SRT_CLUSTER, *[vendor.finding(SRT_SINGLE)] * 7))
    assert intake.clusters.n_calcifications.tolist() == [0]
    assert any(note.startswith("7 calcifications without a position") for note in intake.notes)


@pytest.mark.parametrize(
    ("value", "unit", "refused"),
    [
        (70, "um", None),
        (0.07, "mm/{pixel}", None),
        (70, "UM", None),
        (70, "mm", "0.002 to 10 mm"),
        (7e-5, "mm", "0.002 to 10 mm"),
        (70, "furlong", r"\(which states 70 furlong\).*0018,1164.*--pixel-spacing"),
        (0, "mm", r"\(which states 0 mm\)"),
    ],
)
def test_units_of_the_pixel_spacing(examples, vendor, value, unit, refused):
    images = {examples.UIDS["image"]: vendor.spacing(value, unit)}
    cluster = vendor.finding(SRT_CLUSTER, *vendor.singles())
    if refused is None:
        vendor.check(vendor.read(cluster, images=images))
    else:
        with pytest.raises(BadInputError, match=refused):
            vendor.read(cluster, images=images)


def test_the_image_for_presentation_gives_the_pixels_of_that_for_processing(
    examples, vendor, saved
):
    presented = examples.mammogram(SOPInstanceUID="2.25.300")
    source = examples.image("", examples.UIDS["image"]).ReferencedSOPSequence
    presented.SourceImageSequence = source
    saved(presented, "presented.dcm")
    cluster = vendor.finding(SRT_CLUSTER, *vendor.singles())
    intake = vendor.read(cluster, images={examples.UIDS["image"]: vendor.size()})
    vendor.check(intake)
    assert any("made of it, has its pixels" in note for note in intake.notes)
    for other in ([], vendor.size(rows=2048)):  # as many pixels, or nobody knows
        with pytest.raises(BadInputError, match="which was not found"):
            vendor.read(cluster, images={examples.UIDS["image"]: other})


def test_a_report_known_by_its_class_or_its_evidence_alone(examples, vendor, saved):
    private = examples.coded("1", "99VND", "Breast CAD")
    vendor.check(vendor.read(vendor.finding(SRT_CLUSTER, *vendor.singles()), title=private))
    bare = vendor.report(vendor.finding(SRT_CLUSTER, *vendor.singles(place=(9,))), images={})
    vendor.check(read_intake(saved(bare), ReadOptions(pixel_spacing=0.07)))


def test_centres_outside_of_the_image_and_many_frames_are_told(examples, vendor, saved):
    report = vendor.report(
        vendor.finding(SRT_CLUSTER, *vendor.singles()),
        images={examples.UIDS["image"]: [*vendor.spacing(), *vendor.size(rows=1000)]},
    )
    library = report.ContentSequence[0].ContentSequence[0]
    library.ReferencedSOPSequence[0].ReferencedFrameNumber = [20, 21]
    notes = " ".join(read_intake(saved(report)).notes)
    assert "7 centres lie outside of it" in notes
    assert "2 frames are read as one plane" in notes
    far = vendor.finding(SRT_SINGLE, vendor.point((3e9, 1)))
    with pytest.raises(BadInputError, match="0070,0022"):
        vendor.read(far)


@pytest.mark.parametrize(
    "meaning",
    ["Mass with calcification", "Calcified lymph node", "No calcifications", "Non-calcified mass"],
)
def test_a_private_code_of_something_else_is_left_out(vendor, meaning):
    intake = vendor.read(
        vendor.finding(("1", "99VND", meaning), *vendor.singles(relation="CONTAINS"))
    )
    assert intake.clusters.meta.formed_by.str.startswith("linked").all()
    assert f"1 findings of {meaning!r} left out" in intake.notes


@pytest.mark.parametrize("unit", ["millimeter", "Millimetres", "micrometer", "micron", "um/pixel"])
def test_a_unit_spelt_out(examples, vendor, unit):
    value = 0.07 if unit.casefold().startswith("milli") else 70
    images = {examples.UIDS["image"]: vendor.spacing(value, unit)}
    vendor.check(vendor.read(vendor.finding(SRT_CLUSTER, *vendor.singles()), images=images))


def test_a_unit_known_by_its_meaning_and_a_value_in_binary(examples, vendor, saved):
    report = vendor.report(vendor.finding(SRT_CLUSTER, *vendor.singles()))
    for element in list(report.iterall()):
        if element.keyword == "MeasuredValueSequence":
            measured = element.value[0]
            measured.FloatingPointValue = float(measured.NumericValue)
            del measured.NumericValue
            unit = measured.MeasurementUnitsCodeSequence[0]
            unit.CodeValue, unit.CodeMeaning = "1", "millimeter"
    vendor.check(read_intake(saved(report)))


def test_findings_make_a_cad_report_whatever_it_is_called(examples, vendor, saved):
    report = vendor.report(
        vendor.finding(SRT_CLUSTER, *vendor.singles()),
        title=examples.coded("1", "99VND", "AI result"),
    )
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = examples.COMPREHENSIVE_SR
    vendor.check(read_intake(saved(report)))


@pytest.mark.parametrize(
    ("tag", "column", "meaning", "word"),
    [
        ("111008", "reported_distribution", "Clustered", "grouped"),
        ("111008", "reported_distribution", "Linear distribution", "linear"),
        ("111009", "reported_morphology", "Pleomorphic", "fine_pleomorphic"),
        ("111009", "reported_morphology", "Coarse (popcorn-like)", "popcorn"),
        ("111009", "reported_morphology", "Large rod-like calcifications", "rod_like"),
        ("111009", "reported_morphology", "Something else", "Something else"),
    ],
)
def test_private_words_are_known_by_their_meaning(examples, vendor, tag, column, meaning, word):
    told = examples.item(
        "HAS PROPERTIES", "CODE", examples.dcm(tag, "-"),
        ConceptCodeSequence=examples.coded("5", "99VND", meaning),
    )  # fmt: skip
    intake = vendor.read(vendor.finding(SRT_CLUSTER, told, *vendor.singles()))
    assert intake.clusters.meta[column].tolist() == [word]


def test_what_a_mask_beside_a_report_is_of_does_not_matter(examples, vendor, saved):
    mask = examples.segmentation()
    mask.SourceImageSequence = examples.image("", examples.UIDS["image"]).ReferencedSOPSequence
    saved(mask, "mask.dcm")
    intake = vendor.read(vendor.finding(SRT_CLUSTER, *vendor.singles()))
    assert not any("made of" in note for note in intake.notes)


def test_findings_that_the_cad_would_not_show_are_told(examples, vendor):
    def intent(value):
        return examples.item(
            "HAS CONCEPT MOD", "CODE", examples.dcm("111056", "Rendering Intent"),
            ConceptCodeSequence=examples.dcm(value, "intent"),
        )  # fmt: skip

    shown = vendor.finding(SRT_CLUSTER, intent("111150"), *vendor.singles())
    optional = vendor.finding(SRT_CLUSTER, intent("111151"))
    told = vendor.read(shown, optional).notes
    assert "1 findings of calcifications are for optional presentation (111151)" in told
    assert not any("111152" in note for note in told)


class TestFilesAsTheyStand:
    """What is wrong around the report, and does not matter."""

    @pytest.fixture
    def sound(self, examples, saved):
        return saved(examples.cad_sr()).read_bytes()

    @pytest.fixture
    def check(self, vendor, tmp_path):
        def check(data):
            (tmp_path / "file").write_bytes(data)
            vendor.check(read_intake(tmp_path / "file"))

        return check

    def test_a_wrong_length_of_the_meta_information(self, sound, check):
        at = sound.index(b"UL\x04\x00") + 4
        wrong = int.from_bytes(sound[at : at + 4], "little") - 8
        check(sound[:at] + wrong.to_bytes(4, "little") + sound[at + 4 :])

    def test_no_meta_information_after_the_preamble(self, sound, check):
        check(sound[:132] + sound[sound.index(b"\x08\x00\x05\x00CS") :])

    @pytest.mark.parametrize("more", [bytes(512), b"\r\n"], ids=["zeros", "a line end"])
    def test_padding_at_the_end(self, sound, check, more):
        check(sound + more)

    def test_no_preamble_and_big_endian(self, examples, check, tmp_path):
        dataset = examples.cad_sr()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        path = tmp_path / "whole"
        dataset.save_as(path, enforce_file_format=True, implicit_vr=False, little_endian=False)
        whole = path.read_bytes()
        check(whole[whole.index(b"\x00\x08\x00\x05CS") :])
