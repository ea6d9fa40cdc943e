"""What labels of a mask are taken for: class maps, rims, clusters, and labels that are chosen."""

import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.errors import BadInputError
from calcigram.formats import read_intake
from calcigram.longtable import NoticeWarning
from calcigram.options import ReadOptions

SPACING = 0.07


@pytest.fixture
def npy(tmp_path):
    def save(array, name="mask.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return save


def class_map(values=(1, 3), n=12):
    """A breast, and in it n calcifications of 3 x 3 pixels."""
    mask = np.zeros((800, 600), np.uint8)
    mask[100:700, :400] = values[0]
    for k in range(n):
        row, column = 300 + 30 * (k // 4), 100 + 40 * (k % 4)
        mask[row : row + 3, column : column + 3] = values[1]
    return mask


class TestClassMap:
    def test_the_breast_is_left_out_and_told(self, npy):
        with pytest.warns(NoticeWarning, match=r"label 1 left out: up to 42 mm across"):
            clusters = read_clusters(npy(class_map()), pixel_spacing=SPACING)
        assert clusters.n_calcifications.tolist() == [12]
        assert clusters.diameter_mm.max() < 0.3
        assert "linked by DBSCAN" in clusters.meta.formed_by[0]

    def test_specks_of_the_breast_go_with_it(self, npy):
        mask = class_map()
        mask[20:22, ::50] = 1
        intake = read_intake(npy(mask), ReadOptions(pixel_spacing=SPACING))
        assert intake.clusters.n_calcifications.tolist() == [12]

    def test_a_label_is_chosen(self, npy):
        path = npy(class_map())
        with pytest.warns(NoticeWarning, match="label 1 left out: not named with --label"):
            chosen = read_clusters(path, pixel_spacing=SPACING, labels=[3])
        assert chosen.n_calcifications.tolist() == [12]
        with pytest.raises(BadInputError, match=r"'--label': got 2, expected a label .*: 1, 3"):
            read_clusters(path, pixel_spacing=SPACING, labels=[2])

    def test_the_largest_label_may_be_the_background(self, npy):
        mask = class_map()
        mask[mask == 0] = 2
        intake = read_intake(npy(mask), ReadOptions(pixel_spacing=SPACING))
        assert intake.clusters.n_calcifications.tolist() == [12]
        assert any(note.startswith("labels 1, 2 left out") for note in intake.notes)

    def test_what_lies_within_one_label_is_linked_by_distance(self, npy):
        mask = np.zeros((600, 800), np.uint8)
        for k in range(6):
            mask[50, 50 + 20 * k] = mask[500, 600 + 20 * k] = 1
            mask[50, 600 + 20 * k] = 2
        clusters = read_clusters(npy(mask), pixel_spacing=SPACING)
        assert sorted(clusters.cluster_id) == ["1-1", "1-2", "2"]
        assert clusters.n_calcifications.tolist() == [6, 6, 6]
        one = read_clusters(npy((mask == 1).astype(np.uint8)), pixel_spacing=SPACING)
        assert one.n_calcifications.tolist() == [6, 6]

    def test_a_part_too_large_is_left_out_of_a_single_label(self, npy):
        mask = (class_map() == 3).astype(np.uint8)
        mask[500:700, 100:110] = 1
        with pytest.warns(NoticeWarning, match="1 part left out: up to 14 mm across"):
            clusters = read_clusters(npy(mask), pixel_spacing=SPACING)
        assert clusters.n_calcifications.tolist() == [12]


@pytest.mark.parametrize("values", [range(1, 13), [3] * 12], ids=["labels", "one label"])
def test_a_void_rim_is_left_out_and_told(npy, values):
    mask = np.zeros((200, 300), np.uint8)
    for k, value in enumerate(values):
        row, column = 40 + 40 * (k // 4), 50 + 40 * (k % 4)
        mask[row - 2 : row + 6, column - 2 : column + 6] = 255
        mask[row : row + 4, column : column + 4] = value
    with pytest.warns(NoticeWarning, match="label 255 left out: it lies around all others"):
        clusters = read_clusters(npy(mask), pixel_spacing=SPACING)
    assert clusters.n_calcifications.tolist() == [12]
    np.testing.assert_allclose(clusters.diameter_mm, 2 * np.sqrt(16 / np.pi) * SPACING, rtol=1e-5)


def test_a_frame_of_void_is_left_out_and_told(npy):
    mask = np.zeros((100, 100), np.uint8)  # 7 mm
    mask[[0, -1]] = mask[:, [0, -1]] = 255
    for k in range(9):
        mask[20 + 20 * (k // 3), 20 + 20 * (k % 3)] = k + 1
    with pytest.warns(NoticeWarning, match="label 255 left out: it lies around all others"):
        clusters = read_clusters(npy(mask), pixel_spacing=SPACING)
    assert clusters.n_calcifications.tolist() == [9]


def test_two_that_touch_are_no_rim(npy):
    mask = np.zeros((60, 60), np.uint8)
    for k in range(5):
        mask[5 + 10 * k : 9 + 10 * k, 10:13], mask[5 + 10 * k : 9 + 10 * k, 13:16] = 1, 2
    clusters = read_clusters(npy(mask), pixel_spacing=SPACING)
    assert clusters.n_calcifications.tolist() == [5, 5]


def test_a_label_in_two_far_places_is_two_calcifications(npy):
    mask = np.zeros((400, 400), np.uint8)
    for k in range(6):
        mask[10 + 8 * k, 20], mask[380 - 8 * k, 350] = k + 1, k + 1
    intake = read_intake(npy(mask), ReadOptions(pixel_spacing=SPACING))
    assert intake.clusters.n_calcifications.tolist() == [6, 6]
    assert any("wider than 10 mm, each connected part" in note for note in intake.notes)
