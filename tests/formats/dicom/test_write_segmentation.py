"""Segmentations written: read back as the clusters they are of, the same each time, and refused without an image."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from calcigram import read_clusters
from calcigram.errors import BadInputError
from calcigram.formats.dicom.segmentation import write_segmentation

spec = importlib.util.spec_from_file_location(
    "mammography", Path(__file__).parents[2] / "mammography.py"
)
made_by = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_by)


@pytest.fixture
def image(tmp_path):
    return made_by.save(
        tmp_path / "image.dcm", PatientOrientation=["A", "F"], ImagerPixelSpacing=[0.07, 0.08]
    )


def masks():
    two = np.zeros((2, 400, 320), bool)
    for cluster in (0, 1):
        for k in range(3 + cluster):
            two[cluster, 50 + 20 * k : 54 + 20 * k, 40 + 100 * cluster : 43 + 100 * cluster] = True
    return list(two)


def test_each_cluster_is_a_segment(image, tmp_path):
    write_segmentation(masks(), ["left-1", "left-2"], image, (0.07, 0.08), tmp_path / "seg.dcm")
    read = read_clusters(tmp_path / "seg.dcm")
    assert read.cluster_id.tolist() == ["left-1", "left-2"]
    assert read.n_calcifications.tolist() == [3, 4]
    assert set(read.meta["image_id"]) == {made_by.UID}
    np.testing.assert_allclose(read.x_mm[:3], 41.5 * 0.08, rtol=1e-6)
    np.testing.assert_allclose(read.y_mm[:3], (52 + 20 * np.arange(3)) * 0.07, rtol=1e-6)


def test_it_is_of_the_patient_and_of_no_other_time(image, tmp_path):
    from pydicom import dcmread

    for name in ("a", "b"):
        write_segmentation(masks(), ["1", "2"], image, (0.07, 0.07), tmp_path / name)
    one, other = (dcmread(tmp_path / name) for name in ("a", "b"))
    assert one.SOPInstanceUID == other.SOPInstanceUID
    assert (one.PatientID, one.StudyInstanceUID) == (made_by.PATIENT, dcmread(image).StudyInstanceUID)  # fmt: skip


def test_what_cannot_be_written_is_refused(image, tmp_path):
    with pytest.raises(BadInputError, match="1 to 500 clusters"):
        write_segmentation([], [], image, (0.07, 0.07), tmp_path / "s.dcm")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(BadInputError, match="a DICOM image"):
        write_segmentation(masks(), ["1", "2"], tmp_path / "image.png", (0.07, 0.07), tmp_path / "s.dcm")  # fmt: skip
    bare = made_by.save(tmp_path / "bare.dcm", SeriesInstanceUID=None)
    with pytest.raises(BadInputError, match="SeriesInstanceUID"):
        write_segmentation(masks(), ["1", "2"], bare, (0.07, 0.07), tmp_path / "s.dcm")
    assert not (tmp_path / "s.dcm").exists()
