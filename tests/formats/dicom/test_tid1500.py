"""Measurement reports as other programs write them."""

import numpy as np
import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.linking import Linking
from calcigram.longtable import Notice
from calcigram.options import ReadOptions

SINGLE = ("129770007", "SCT", "Individual Calcification")
CLUSTER = ("129769006", "SCT", "Calcification Cluster")
TITLE = ("126000", "DCM", "Imaging Measurement Report")


@pytest.fixture
def program(examples, saved):
    """Make a measurement report of groups, by hand; read it."""

    class Program:
        centres = examples.centres_px()

        def shape(self, points, graphic="POINT", relation="CONTAINS", image="image"):
            selected = examples.image("SELECTED FROM", examples.UIDS[image])
            name = examples.dcm("111030", "Image Region")
            return examples.drawing(name, graphic, points, selected, relation)

        def group(self, *children, finding=SINGLE, name=None):
            about = []
            if name is not None:
                tracking = examples.dcm("112039", "Tracking Identifier")
                about.append(examples.item("HAS OBS CONTEXT", "TEXT", tracking, TextValue=name))
            if finding is not None:
                about.append(
                    examples.item(
                        "CONTAINS", "CODE", examples.dcm("121071", "Finding"),
                        ConceptCodeSequence=examples.coded(*finding),
                    )
                )  # fmt: skip
            title = examples.dcm("125007", "Measurement Group")
            return examples.item("CONTAINS", "CONTAINER", title, *about, *children)

        def measured(self, *shapes, name=("42798000", "SCT", "Area"), finding=SINGLE):
            """Return a group as viewers write it: the region below what was measured in it."""
            number = examples.item("CONTAINS", "NUM", examples.coded(*name), *shapes)
            return self.group(number, finding=finding)

        def report(self, *groups, title=TITLE, class_uid=examples.COMPREHENSIVE_SR):
            entry = examples._library_entry("image", False, True, ())
            library = examples.item(
                "CONTAINS", "CONTAINER", examples.dcm("111028", "Image Library"),
                examples.item("CONTAINS", "CONTAINER", examples.dcm("126200", "Group"), entry),
            )  # fmt: skip
            measurements = examples.dcm("126010", "Imaging Measurements")
            root = examples.item(
                None, "CONTAINER", examples.coded(*title), library,
                examples.item("CONTAINS", "CONTAINER", measurements, *groups),
            )  # fmt: skip
            return examples.report(class_uid, root)

        def read(self, *groups, **options):
            return read_intake(saved(self.report(*groups, **options)))

        def check(self, intake):
            assert intake.clusters.n_calcifications.tolist() == [7]
            places = np.column_stack([intake.clusters.x_mm, intake.clusters.y_mm])
            np.testing.assert_allclose(places, self.centres * examples.SPACING_MM, atol=0.03)

    return Program()


class TestRegions:
    def test_below_what_was_measured_in_them(self, program):
        center = ("111010", "DCM", "Center")
        points = [program.measured(program.shape(c), name=center) for c in program.centres]
        program.check(program.read(*points))

    def test_an_arrow_points_with_its_first_point(self, program):
        arrows = [program.measured(program.shape([c, c + 40])) for c in program.centres]
        program.check(program.read(*arrows))

    def test_one_that_several_measurements_share_is_one(self, examples, program):
        def twice(centre):
            outline = examples.outline_px(centre)
            names = (("42798000", "SCT", "Area"), ("131191004", "SCT", "Perimeter"))
            numbers = [
                examples.item(
                    "CONTAINS", "NUM", examples.coded(*name), program.shape(outline, "POLYLINE")
                )
                for name in names
            ]
            return program.group(*numbers)

        intake = program.read(*map(twice, program.centres))
        program.check(intake)
        assert np.isfinite(intake.clusters.diameter_mm).all()

    def test_both_axes_of_a_thing_are_one_thing(self, program):
        def axes(centre):
            lines = [centre + np.array([[-4, 0], [4, 0]]), centre + np.array([[0, -2], [0, 2]])]
            return program.group(*(program.shape(line, "POLYLINE") for line in lines))

        program.check(program.read(*map(axes, program.centres)))

    def test_many_points_of_a_cluster_are_its_calcifications(self, program):
        every = program.shape(program.centres, "MULTIPOINT")
        intake = program.read(program.group(every, finding=CLUSTER, name="A"))
        program.check(intake)
        assert intake.clusters.cluster_id.tolist() == ["A"]

    def test_many_outlines_of_a_cluster_are_its_calcifications(self, examples, program):
        outlines = [
            program.shape(examples.outline_px(c, k), "POLYLINE")
            for k, c in enumerate(program.centres)
        ]
        program.check(program.read(program.group(*outlines, finding=CLUSTER)))
        low, high = program.centres.min(axis=0) - 20, program.centres.max(axis=0) + 20
        box = [low, (high[0], low[1]), high, (low[0], high[1]), low]
        around = program.shape(box, "POLYLINE")
        program.check(program.read(program.group(around, *outlines, finding=CLUSTER)))

    def test_of_one_group_on_two_images_are_two_clusters(self, examples, program, saved):
        images = ("image", "other image")
        shapes = [program.shape(program.centres, "MULTIPOINT", image=image) for image in images]
        report = program.report(program.group(*shapes, finding=CLUSTER))
        clusters = read_intake(saved(report), ReadOptions(pixel_spacing=0.07)).clusters
        assert clusters.n_calcifications.tolist() == [7, 7]
        assert clusters.meta.image_id.tolist() == [examples.UIDS[image] for image in images]

    def test_in_coordinates_of_the_room_are_refused(self, examples, program):
        def room(centre):
            point = examples.item(
                "CONTAINS", "SCOORD3D", examples.dcm("111030", "Image Region"),
                GraphicType="POINT", GraphicData=[*map(float, centre), 0.0],
                ReferencedFrameOfReferenceUID="2.25.400",
            )  # fmt: skip
            return program.group(point)

        with pytest.raises(
            BadInputError, match=r"1\.2\.1.*got 'SCOORD3D', expected regions in pixels"
        ):
            program.read(*map(room, program.centres))
        flat = [program.group(program.shape(c)) for c in program.centres]
        intake = program.read(*flat, room((9, 9)))
        program.check(intake)
        assert "1 regions in 3D coordinates of the patient (SCOORD3D) left out" in intake.notes

    def test_drawn_in_a_segmentation_are_told(self, examples, program):
        mask = examples.image("CONTAINS", "2.25.500")
        mask.ReferencedSOPSequence[0].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
        intake = program.read(program.group(mask, finding=CLUSTER, name="A"))
        assert intake.clusters.n_calcifications.tolist() == [0]
        assert "regions are drawn in the segmentation 2.25.500: read that file" in intake.notes

    def test_missing_are_counted_once(self, program):
        intake = program.read(*[program.group()] * 5)
        assert sum("no region in pixels" in note for note in intake.notes) == 1


class TestFindings:
    def test_in_free_text_are_known_by_their_words(self, program):
        words = ("FREETEXT", "CORNERSTONEJS", "calc")
        program.check(
            program.read(
                *[program.measured(program.shape(c), finding=words) for c in program.centres]
            )
        )

    @pytest.mark.parametrize("finding", [None, ("FREETEXT", "CORNERSTONEJS", "")])
    def test_not_told_are_taken_for_calcifications(self, program, finding):
        groups = [program.group(program.shape(c), finding=finding) for c in program.centres]
        intake = program.read(*groups)
        program.check(intake)
        assert any("each is read as a calcification" in note for note in intake.notes)

    @pytest.mark.parametrize(
        "finding", [("1", "SCT", ""), ("7", "99V", "Lymph node with calcification")]
    )
    def test_of_something_else_are_left_out(self, program, finding):
        intake = program.read(
            *[program.group(program.shape(c), finding=finding) for c in program.centres]
        )
        assert len(intake.clusters) == 0


def test_a_report_is_known_by_its_groups(program):
    groups = [program.group(program.shape(c)) for c in program.centres]
    title, room = ("18748-4", "LN", "Diagnostic imaging report"), "1.2.840.10008.5.1.4.1.1.88.34"
    program.check(program.read(*groups, title=title, class_uid=room))


def test_two_images_are_two_clusters(program, saved):
    groups = [
        program.group(program.shape(c, image=image))
        for image in ("image", "other image")
        for c in program.centres
    ]
    intake = read_intake(saved(program.report(*groups)), ReadOptions(pixel_spacing=0.07))
    assert intake.clusters.n_calcifications.tolist() == [7, 7]
    assert intake.clusters.meta.image_id.nunique() == 2


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        (("M-02550", "SRT", "Diameter"), 400, "um"),
        (("81827009", "SCT", "Diameter"), 0.4, "mm"),
        (("G-A166", "SRT", "Area"), np.pi * 0.04, "mm2"),
        (("42798000", "SCT", "Area"), np.pi * 0.0004, "cm2"),
    ],
)
def test_a_size_that_is_measured_is_a_mark(examples, program, name, value, unit):
    measured = examples.number("CONTAINS", examples.coded(*name), f"{value:.9f}", unit)
    groups = [program.group(program.shape(c), measured) for c in program.centres]
    clusters = program.read(*groups).clusters
    np.testing.assert_allclose(clusters.diameter_mm, 0.4, rtol=1e-5)


def test_an_outline_goes_before_what_is_measured(examples, program):
    measured = examples.number("CONTAINS", examples.coded("M-02550", "SRT", "Diameter"), 9, "mm")
    groups = [
        program.group(program.shape([c, c + np.array([3, 0])], "CIRCLE"), measured)
        for c in program.centres
    ]
    clusters = program.read(*groups).clusters
    np.testing.assert_allclose(clusters.diameter_mm, 6 * examples.SPACING_MM, rtol=1e-4)


def test_a_calcification_alone_is_no_cluster_unless_asked(program, saved):
    path = saved(program.report(program.group(program.shape(program.centres[0]))))
    assert len(read_intake(path).clusters) == 0
    assert read_intake(
        path, ReadOptions(linking=Linking(min_number=1))
    ).clusters.n_calcifications.tolist() == [1]


class TestOneLabel:
    """Viewers put one word on each of several points."""

    @pytest.mark.parametrize(
        "finding",
        [
            ("C1", "99FREETEXT", "Calcifications"),
            ("7", "99VND", "microcalcifications"),
            ("7", "99VND", "Clustered microcalcifications"),
            ("44771000", "SCT", "Microcalcifications of the breast"),
        ],
    )
    def test_a_lone_point_of_a_repeated_label_is_one_calcification(self, program, finding):
        points = [program.group(program.shape(c), finding=finding) for c in program.centres]
        intake = program.read(*points)
        program.check(intake)
        told = [note for note in intake.notes if isinstance(note, Notice)]
        assert "7 points that have one label in the plural are read as a calcification each" in told

    @pytest.mark.parametrize("finding", [CLUSTER, ("7", "99VND", "Cluster of calcifications")])
    def test_a_cluster_is_a_cluster(self, program, finding):
        points = [program.group(program.shape(c), finding=finding) for c in program.centres]
        intake = program.read(*points)
        assert intake.clusters.n_calcifications.tolist() == [0] * 7
        assert sum("nothing to read" in note for note in intake.notes) == 1  # said once

    def test_outlines_and_a_single_point_stay_what_they_are(self, examples, program):
        finding = ("7", "99VND", "Calcifications")
        outline = program.shape(examples.outline_px(program.centres[0]), "POLYLINE")
        groups = [program.group(outline, finding=finding)]
        groups += [program.group(program.shape(program.centres[1]), finding=finding)]
        assert program.read(*groups).clusters.n_calcifications.tolist() == [0, 0]
