"""Where the drawings of a CAD report hang, and to what they belong."""

import numpy as np
import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_intake

CLUSTER = ("F-01775", "SRT", "Calcification Cluster")
SINGLE = ("F-01776", "SRT", "Individual Calcification")


@pytest.fixture
def cad(examples, saved):
    """Make a CAD report of one image, or two, and read it."""

    class Cad:
        centres = examples.centres_px()
        centre_name, outline_name = examples.CENTER, examples.OUTLINE

        def shape(self, points, name=None, graphic="POINT", place=(1, 1, 1)):
            selected = examples.refer("SELECTED FROM", *place)
            return examples.drawing(name or self.centre_name, graphic, points, selected)

        def outline(self, number, **more):
            points = examples.outline_px(self.centres[number], number)
            return self.shape(points, self.outline_name, "POLYLINE", **more)

        def finding(self, code, *children, kind="CODE", relation="CONTAINS"):
            words = examples.coded(*code)
            return examples.item(
                relation, kind, examples.FINDING, *children, ConceptCodeSequence=words
            )

        def singles(self, *marks, **more):
            return [
                self.finding(SINGLE, self.shape(c, **more), *marks, relation="INFERRED FROM")
                for c in self.centres
            ]

        def report(self, *findings, images=("image",)):
            spacing = [
                examples.number("HAS ACQ CONTEXT", examples.dcm(tag, "spacing"), 0.07, "mm")
                for tag in ("111026", "111066")
            ]
            entries = [examples.image("CONTAINS", examples.UIDS[i], *spacing) for i in images]
            return examples.report(
                examples.CAD_SR,
                examples.item(
                    None, "CONTAINER", examples.dcm("111036", "Mammography CAD Report"),
                    examples.item("CONTAINS", "CONTAINER", examples.dcm("111028", "Library"), *entries),
                    examples.item(
                        "CONTAINS", "CODE", examples.dcm("111017", "Summary"),
                        examples.item("INFERRED FROM", "CONTAINER", examples.dcm("111034", "I"), *findings),
                        ConceptCodeSequence=examples.dcm("111242", "ok"),
                    ),
                ),
            )  # fmt: skip

        def read(self, *findings, **options):
            return read_intake(saved(self.report(*findings, **options)))

        def check(self, intake, outlined=False):
            clusters = intake.clusters
            assert clusters.n_calcifications.tolist() == [7]
            assert clusters.meta.formed_by.tolist() == ["as reported"]
            places = np.column_stack([clusters.x_mm, clusters.y_mm])
            np.testing.assert_allclose(places, self.centres * 0.07, atol=0.03)
            assert np.isfinite(clusters.diameter_mm).all() == outlined

    return Cad()


class TestOutlinesOnTheClusterItself:
    def test_are_its_calcifications(self, cad):
        outlines = [cad.outline(k) for k in range(7)]
        cad.check(cad.read(cad.finding(CLUSTER, *outlines)), outlined=True)
        middle = cad.shape(cad.centres.mean(axis=0))
        cad.check(cad.read(cad.finding(CLUSTER, middle, *outlines)), outlined=True)

    def test_but_for_the_one_around_the_others(self, cad):
        low, high = cad.centres.min(axis=0) - 20, cad.centres.max(axis=0) + 20
        box = [low, (high[0], low[1]), high, (low[0], high[1]), low]
        around = cad.shape(box, cad.outline_name, "POLYLINE")
        outlines = [cad.outline(k) for k in range(7)]
        cad.check(cad.read(cad.finding(CLUSTER, *outlines, around)), outlined=True)

    def test_and_points_in_them_are_the_same_calcifications(self, cad):
        drawn = [shape for k in range(7) for shape in (cad.shape(cad.centres[k]), cad.outline(k))]
        intake = cad.read(cad.finding(CLUSTER, *drawn))
        cad.check(intake, outlined=True)
        np.testing.assert_allclose(intake.clusters.x_mm, cad.centres[:, 0] * 0.07, atol=1e-4)

    def test_the_cluster_drawn_twice_has_no_calcification(self, cad):
        middle = cad.centres.mean(axis=0)
        box = middle + np.array([[-90, -40], [90, -40], [90, 40], [-90, 40]])
        twice = [
            cad.shape(box, cad.outline_name, "POLYLINE"),
            cad.shape(middle + 0.9 * (box - middle), cad.outline_name, "POLYLINE"),
        ]
        intake = cad.read(cad.finding(CLUSTER, *twice))
        assert intake.clusters.n_calcifications.tolist() == [0]

    def test_of_one_image_alone(self, examples, cad):
        outlines = [cad.outline(k, place=(1, 1, 1 + image)) for image in (0, 1) for k in range(7)]
        intake = cad.read(cad.finding(CLUSTER, *outlines), images=("image", "other image"))
        cad.check(intake, outlined=True)
        assert intake.clusters.meta.image_id.tolist() == [examples.UIDS["image"]]
        assert any("7 drawings on a further image left out" in note for note in intake.notes)

    def test_circles_too(self, cad):
        circles = [
            cad.shape([c, c + np.array([3, 0])], cad.outline_name, "CIRCLE") for c in cad.centres
        ]
        intake = cad.read(cad.finding(CLUSTER, cad.shape(cad.centres.mean(axis=0)), *circles))
        cad.check(intake, outlined=True)


class TestPathsToTheImage:
    two = ("image", "other image")

    @pytest.mark.parametrize(
        "place", [(1, 1, 2), (1, 2), (0, 0, 1)], ids=["sound", "no root", "from 0"]
    )
    def test_are_read_as_they_are_meant(self, examples, cad, place):
        intake = cad.read(cad.finding(CLUSTER, *cad.singles(place=place)), images=self.two)
        cad.check(intake)
        assert intake.clusters.meta.image_id.tolist() == [examples.UIDS["other image"]]

    def test_that_lead_nowhere_are_refused_of_several_images(self, cad):
        with pytest.raises(BadInputError, match="0040,DB73"):
            cad.read(cad.finding(CLUSTER, *cad.singles(place=(1, 9, 9))), images=self.two)


class TestDamagedDrawings:
    def test_an_outline_beside_a_centre_is_left_out(self, cad):
        damaged = cad.shape((5, 5), cad.outline_name, "CIRCLE")
        intake = cad.read(cad.finding(CLUSTER, *cad.singles(damaged)))
        cad.check(intake)
        assert (
            sum("an outline of CIRCLE of 2 values, left out" in note for note in intake.notes) == 7
        )

    def test_an_outline_alone_is_refused(self, cad):
        damaged = cad.shape((5, 5), cad.outline_name, "CIRCLE")
        with pytest.raises(BadInputError, match="0070,0022"):
            cad.read(cad.finding(CLUSTER, cad.finding(SINGLE, damaged)))

    def test_a_missing_type_is_told_by_the_coordinates(self, cad, saved):
        nested = [
            cad.finding(SINGLE, cad.shape(c), cad.outline(k), relation="INFERRED FROM")
            for k, c in enumerate(cad.centres)
        ]
        report = cad.report(cad.finding(CLUSTER, *nested))
        for element in list(report.iterall()):
            for drawn in element.value if element.keyword == "ContentSequence" else ():
                if "GraphicType" in drawn:
                    del drawn.GraphicType
        cad.check(read_intake(saved(report)), outlined=True)


def test_a_finding_may_be_a_container_and_name_itself_as_its_image(examples, cad):
    def single(centre):
        inner = examples.drawing(
            examples.CENTER, "POINT", centre, examples.refer("SELECTED FROM", 1, 1)
        )
        return cad.finding(
            SINGLE, examples.drawing(examples.CENTER, "POINT", centre, inner), kind="CONTAINER"
        )

    cad.check(cad.read(cad.finding(CLUSTER, *map(single, cad.centres), kind="CONTAINER")))


def test_a_size_that_is_measured_is_a_mark(examples, cad):
    area = examples.number("HAS PROPERTIES", examples.coded("G-A166", "SRT", "Area"), 0.1257, "mm2")
    intake = cad.read(cad.finding(CLUSTER, *cad.singles(area)))
    cad.check(intake, outlined=True)
    np.testing.assert_allclose(intake.clusters.diameter_mm, 0.4, rtol=1e-3)
