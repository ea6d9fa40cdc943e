"""DICOM segmentations."""

import copy

import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.options import ReadOptions


def test_a_segment_of_several_parts_is_a_cluster(data, examples):
    clusters = read_clusters(data / "segmentation.dcm")
    mask = read_clusters(data / "labels.png", pixel_spacing=examples.SPACING_MM)
    assert clusters.n_calcifications.tolist() == [9]
    np.testing.assert_allclose(np.sort(clusters.y_mm), np.sort(mask.y_mm))
    assert clusters.meta.image_id.tolist() == [examples.UIDS["image"]]
    assert clusters.meta.formed_by.tolist() == ["one segment"]


@pytest.mark.parametrize("fractional", [False, True])
def test_slices_of_one_segment_are_one_plane(examples, saved, fractional):
    mask = examples.label_mask() > 0
    dataset = examples.segmentation()
    stack = np.stack([mask, mask & (np.arange(mask.shape[1]) > 400)]).astype(np.uint8)
    if fractional:
        dataset.SegmentationType, dataset.MaximumFractionalValue = "FRACTIONAL", 200
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = (stack * 120 + 20).tobytes()  # 0.1 and 0.7 of the greatest
    else:
        dataset.PixelData = np.packbits(stack.ravel(), bitorder="little").tobytes()
    dataset.NumberOfFrames = 2
    dataset.PerFrameFunctionalGroupsSequence.append(dataset.PerFrameFunctionalGroupsSequence[0])
    intake = read_intake(saved(dataset))
    assert intake.clusters.n_calcifications.tolist() == [9]
    assert "segment 1: 2 frames are read as one plane" in intake.notes


def test_segments_of_something_else_are_left_out(examples, saved):
    dataset = examples.segmentation()
    segment = dataset.SegmentSequence[0]
    segment.SegmentLabel = "nipple"
    segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning = "Nipple"
    segment.SegmentedPropertyTypeCodeSequence[0].CodeValue = "24142002"
    intake = read_intake(saved(dataset))
    assert len(intake.clusters) == 0
    assert "of no calcification" in intake.notes[1]


def test_single_calcifications_are_linked(examples, saved):
    clusters = read_clusters(saved(examples.segmentation(finding="single")))
    assert "linked" in clusters.meta.formed_by[0]


def test_the_pixel_size_is_its_own_or_the_images(examples, saved):
    path = saved(examples.segmentation(spacing=False))
    with pytest.raises(BadInputError, match=r"0028,9110.*0018,1164.*--pixel-spacing"):
        read_clusters(path)
    saved(examples.mammogram(), "image.dcm")
    with pytest.raises(BadInputError, match="a mask of the image's 4096 x 3328 pixels"):
        read_clusters(path)
    saved(examples.mammogram(Rows=700, Columns=900), "image.dcm")
    assert read_clusters(path).n_calcifications.tolist() == [9]


def test_missing_pixels_are_refused(examples, saved):
    dataset = examples.segmentation()
    dataset.PixelData = dataset.PixelData[:100]
    with pytest.raises(BadInputError, match="pixel data"):
        read_clusters(saved(dataset))


@pytest.mark.parametrize(
    ("meaning", "n_clusters"),
    [("Microcalcification cluster", 1), ("Calcified lymph node", 0), ("Lesion", 1)],
)
def test_a_segment_is_known_by_its_words(examples, saved, meaning, n_clusters):
    dataset = examples.segmentation()
    segment = dataset.SegmentSequence[0]
    segment.SegmentLabel = ""
    code = segment.SegmentedPropertyTypeCodeSequence[0]
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99VND", meaning
    assert len(read_intake(saved(dataset)).clusters) == n_clusters


class TestLabelMap:
    @pytest.fixture
    def label_map(self, examples, saved):
        def make(mask, n_segments):
            dataset = examples.segmentation(mask)
            dataset.SegmentationType = "LABELMAP"
            dataset.BitsAllocated = dataset.BitsStored = 8
            dataset.HighBit = 7
            dataset.PixelData = mask.astype(np.uint8).tobytes()
            first = dataset.SegmentSequence[0]
            dataset.SegmentSequence = [first]
            for number in range(2, n_segments + 1):
                segment = copy.deepcopy(first)
                segment.SegmentNumber, segment.SegmentLabel = number, "single calcification"
                segment.SegmentedPropertyTypeCodeSequence = examples.word("single")
                dataset.SegmentSequence.append(segment)
            first.SegmentedPropertyTypeCodeSequence = examples.word("single")
            return saved(dataset)

        return make

    def test_each_label_is_a_segment(self, label_map, data, examples):
        clusters = read_clusters(label_map(examples.label_mask(), 9))
        mask = read_clusters(data / "labels.png", pixel_spacing=examples.SPACING_MM)
        np.testing.assert_allclose(np.sort(clusters.x_mm), np.sort(mask.x_mm))
        np.testing.assert_allclose(np.sort(clusters.y_mm), np.sort(mask.y_mm))

    def test_segments_are_chosen(self, label_map, examples):
        path = label_map(examples.label_mask(), 9)
        intake = read_intake(path, ReadOptions(labels=range(1, 7)))
        assert intake.clusters.n_calcifications.tolist() == [6]
        assert any(
            "segment 7" in note and "not named with --label" in note for note in intake.notes
        )
        with pytest.raises(BadInputError, match="'--label': got 12, expected a segment: 1, 2"):
            read_intake(path, ReadOptions(labels=[12]))

    def test_segments_may_be_named_and_may_outline_clusters(self, label_map):
        mask = np.zeros((400, 600), np.uint8)
        mask[50:200, 50:200], mask[220:390, 300:590] = 1, 1
        for k in range(6):
            mask[60 + 20 * k, 60 + 20 * k : 64 + 20 * k] = 2
            mask[240:243, 320 + 40 * k] = 2
        path = label_map(mask, 2)
        intake = read_intake(path, ReadOptions(labels="single calcification", regions="1"))
        assert intake.clusters.n_calcifications.tolist() == [6, 6]
        assert set(intake.clusters.meta.formed_by) == {"in the outline drawn around it"}
        with pytest.raises(BadInputError, match=r"'--regions': got 'mass', expected a segment"):
            read_intake(path, ReadOptions(regions="mass"))
        with pytest.raises(BadInputError, match=r"got 'LABELMAP', expected a fractional"):
            read_intake(path, ReadOptions(threshold=0.4))

    def test_in_opposite_corners_they_have_limits(self, label_map):
        mask = np.zeros((2000, 2000), np.uint8)
        for k in range(100):
            mask[k // 10, k % 10] = mask[-1 - k // 10, -1 - k % 10] = k + 1
        with pytest.raises(BadInputError, match="at most 160000000 pixels together"):
            read_intake(label_map(mask, 100))
