"""Answers to files: whose they are, and on which image they lie."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from calcigram.cli import main
from calcigram.errors import BadInputError
from calcigram.formats import read_clusters
from calcigram.formats.dicom.images import open_dicom
from calcigram.options import ReadOptions
from calcigram.replies import reply_to_file

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def examples():
    spec = importlib.util.spec_from_file_location("make_examples", DATA / "make_examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def naming_its_image(examples):
    """Return a segmentation that names series and class of its image."""
    dataset = examples.segmentation()
    instance, series = Dataset(), Dataset()
    instance.ReferencedSOPClassUID = examples.MAMMOGRAM
    instance.ReferencedSOPInstanceUID = examples.UIDS["image"]
    series.SeriesInstanceUID = examples.UIDS["image series"]
    series.ReferencedInstanceSequence = Sequence([instance])
    dataset.ReferencedSeriesSequence = Sequence([series])
    return dataset


def named_in(path):
    """Return the instances of the evidence of a document."""
    return {
        instance.ReferencedSOPInstanceUID
        for study in open_dicom(path).CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }


@pytest.mark.parametrize("template", ["tid1500", "cad-sr"])
def test_a_segmentation_says_itself_whose_it_is(examples, tmp_path, template):
    path = examples.save(naming_its_image(examples), tmp_path / "mask.dcm")
    out = tmp_path / "out.dcm"
    reply_to_file(path, out, template=template)
    answer = open_dicom(out)
    assert (answer.PatientID, answer.StudyInstanceUID) == ("EX-7", examples.UIDS["study"])
    assert named_in(out) == {examples.UIDS["image"], open_dicom(path).SOPInstanceUID}
    assert read_clusters(out).n_calcifications.tolist() == [9]


def test_a_segmentation_that_names_no_series_takes_its_image(examples, tmp_path):
    path = examples.save(examples.segmentation(), tmp_path / "mask.dcm")
    with pytest.raises(BadInputError, match=r"0008,1115.*--image"):
        reply_to_file(path, tmp_path / "out.dcm")
    (tmp_path / "images").mkdir()
    image = examples.save(examples.mammogram(), tmp_path / "images" / "m.dcm")
    reply_to_file(path, tmp_path / "out.dcm", ReadOptions(images=[image]))
    assert examples.UIDS["image"] in named_in(tmp_path / "out.dcm")


def test_an_annotation_finds_its_image_in_a_folder(examples, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    examples.save(examples.mammogram(), folder / "inbreast_MG_L_CC.dcm")
    reply = reply_to_file(DATA / "inbreast.xml", tmp_path / "out.dcm", ReadOptions(images=[folder]))
    assert reply.clusters.meta.image_id.unique().tolist() == [examples.UIDS["image"]]


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(BadInputError, match="a file, not a folder"):
        reply_to_file(DATA / "labels.png", tmp_path / "out.dcm", ReadOptions(images=[tmp_path]))


def test_how_clusters_were_formed_is_said_of_every_output(tmp_path, capsys):
    report = DATA / "tid1500.dcm"
    for output in ([], ["-o", str(tmp_path / "v.csv")], ["-o", str(tmp_path / "v.dcm")]):
        assert main(["classify", str(report), *output]) == 0
        said = capsys.readouterr().err
        assert f"{report}: image 2.25.103: 7 loose calcifications lie in an outline" in said


def test_other_words_of_the_file_are_said(examples, tmp_path, capsys):
    report = examples.cad_sr()
    for element in report.iterall():
        if element.keyword == "CodeValue" and element.value == examples.SCT["linear"]:
            element.value = "129764001"  # diffuse
    path = examples.save(report, tmp_path / "report.dcm")
    expected = "the words of the file: distribution: reported diffuse, read linear"
    assert main(["classify", str(path)]) == 0
    assert expected in capsys.readouterr().out
    assert main(["classify", str(path), "-o", str(tmp_path / "v.dcm")]) == 0
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["report", "mask"])
def test_inspect_says_what_is_there_though_the_pixel_size_is_missing(
    examples, tmp_path, capsys, kind
):
    path = DATA / "labels.png"
    if kind == "report":
        path = examples.save(examples.cad_sr(spacing=False), tmp_path / "report.dcm")
    assert main(["inspect", str(path)]) == 2
    said = capsys.readouterr().out
    assert f"1 cluster, {7 if kind == 'report' else 9} calcifications" in said
    assert "missing: " in said
    assert "the option --pixel-spacing MM" in said
    assert "extent in mm" not in said
    assert "stated by" not in said
    assert main(["inspect", str(path), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert "the size of a pixel" in told["missing"]
    assert told["marks"]["x_mm"]["range"] is None
    assert main(["inspect", str(path), "--pixel-spacing", "0.07"]) == 0
    assert "missing" not in capsys.readouterr().out
