"""`calcigram detect`, `measure`, and `classify` of an image: what a user does with mammograms."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import calcigram
from calcigram.cli import main
from calcigram.detect import folders
from calcigram.detect.points import measure_file
from calcigram.errors import BadInputError, PixelSizeError
from calcigram.longtable import NoticeWarning

spec = importlib.util.spec_from_file_location(
    "mammography", Path(__file__).parents[1] / "mammography.py"
)
made_by = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_by)
SPOTS = made_by.SPOTS

pytestmark = pytest.mark.filterwarnings("ignore::calcigram.longtable.TableWarning")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with DICOM images, a picture, and files that are none."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    made_by.save(folder / "one.dcm")
    made_by.save(
        folder / "two.dcm",
        made_by.breast(seed=2),
        SOPInstanceUID=made_by.UID + ".2",
        ImageLaterality="R",
        ViewPosition="MLO",
    )
    (folder / "more").mkdir()
    Image.fromarray(made_by.breast(seed=3)).save(folder / "more" / "three.png")
    (folder / "list.csv").write_text("a,b\n1,2\n")
    return folder


@pytest.fixture(scope="module")
def clean(images):
    """The clusters of the first image."""
    return calcigram.detect(images / "one.dcm")


def run(capsys, *arguments):
    """Return the exit code of a command, and what it printed."""
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


# --- Python


def test_the_calcifications_are_found_where_they_are(clean):
    assert clean.n_calcifications.tolist() == [len(SPOTS)]
    expected = {(row + 2, column + 2) for row, column in SPOTS}
    found = zip(clean.y_mm / 0.07, clean.x_mm / 0.07, strict=True)
    assert {(round(float(y)), round(float(x))) for y, x in found} == expected
    assert np.isfinite(clean.diameter_mm).all()
    assert (clean.confidence >= 5.5).all()
    meta = clean.meta.iloc[0]
    assert (meta.image_id, meta.laterality, meta.view) == (made_by.UID, "L", "CC")
    assert meta.formed_by.startswith(
        "detected, z >= 5.5 (4.5 near 3 others); linked by gaps of at most 10 mm, at least 5"
    )


def test_a_path_an_array_and_a_mammogram_give_the_same(clean, images):
    from calcigram.formats.mammograms import read_mammogram

    array = calcigram.detect(made_by.breast(), (0.07, 0.07))
    given = calcigram.detect(read_mammogram(images / "one.dcm"))
    for other in (array, given):
        np.testing.assert_array_equal(other.x_mm, clean.x_mm)
        np.testing.assert_array_equal(other.cnr, clean.cnr)
    assert array.cluster_id.tolist() == ["image-1"]
    with pytest.raises(PixelSizeError):
        calcigram.detect(made_by.breast())
    with pytest.raises(BadInputError, match="its own"):
        calcigram.detect(read_mammogram(images / "one.dcm"), 0.07)


def test_what_makes_the_answer_less_reliable_is_a_warning():
    with pytest.warns(NoticeWarning, match="256 grey levels"):
        calcigram.detect((made_by.breast() // 16).astype(np.uint8), 0.07)


def test_a_region_a_threshold_and_linking(clean):
    region = np.zeros((400, 320), bool)
    region[170:235, 140:180] = True
    inside = calcigram.detect(made_by.breast(), 0.07, roi=region, linking=calcigram_linking(3))
    assert inside.n_calcifications.tolist() == [3]
    with pytest.raises(BadInputError, match="shape"):
        calcigram.detect(made_by.breast(), 0.07, roi=region[1:])
    assert len(calcigram.detect(made_by.breast(), 0.07, threshold_z=1e4)) == 0


def calcigram_linking(number):
    from calcigram.linking import Linking

    return Linking(5.0, number)


def test_the_function_stays_a_function():
    import calcigram.detect.folders

    assert callable(calcigram.detect)


def test_an_image_is_classified_explained_and_read_like_any_file(images, clean):
    path = images / "one.dcm"
    np.testing.assert_array_equal(calcigram.read_clusters(path).x_mm, clean.x_mm)
    verdicts = calcigram.classify(path)
    assert verdicts["formed_by"][0].startswith("detected, z >= 5.5")
    assert verdicts["distribution"][0] == calcigram.classify(clean)["distribution"][0]


# --- detect


def test_one_image(images, tmp_path, capsys, clean):
    code, out, err = run(capsys, "detect", images / "one.dcm", "-o", tmp_path / "marks.csv")
    assert (code, out) == (0, "")
    read = calcigram.read_clusters(tmp_path / "marks.csv")
    np.testing.assert_array_equal(read.x_mm, clean.x_mm)
    np.testing.assert_array_equal(read.confidence, clean.confidence)
    assert read.cluster_id.tolist() == clean.cluster_id.tolist()
    assert read.meta["formed_by"].tolist() == clean.meta["formed_by"].tolist()
    assert "skin edge" in err
    assert "7 calcifications in 1 cluster" in err
    assert [path.name for path in tmp_path.iterdir()] == ["marks.csv"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder(images, tmp_path, capsys, jobs):
    marks = tmp_path / "marks.parquet"
    arguments = ("detect", images, "-o", marks, "--jobs", jobs, "--json")
    code, out, _ = run(capsys, *arguments)
    assert code == 2  # the picture states no pixel size
    summary = json.loads(out)
    assert (summary["n_images"], summary["n_failed"], summary["n_passed_over"]) == (2, 1, 1)
    failures = pd.read_csv(tmp_path / "marks.failures.csv")
    assert failures["source"].tolist() == [str(images / "more" / "three.png")]
    assert failures["error"].tolist() == ["PixelSizeError"]
    assert "--pixel-spacing" in failures["message"][0]
    assert calcigram.read_clusters(marks).meta["image_id"].nunique() == 2
    code, _, _ = run(capsys, *arguments, "--pixel-spacing", "0.07,0.07")
    assert code == 0
    read = calcigram.read_clusters(marks)
    assert set(read.meta["image_id"]) == {made_by.UID, f"{made_by.UID}.2", "three"}
    assert set(read.meta["laterality"].dropna()) == {"L", "R"}


def test_images_of_one_name_are_told_apart(images, tmp_path, capsys):
    from shutil import copy

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        copy(images / "one.dcm", tmp_path / name / "same.dcm")
    code, _, _ = run(capsys, "detect", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "m.csv", "--labels", tmp_path / "out")  # fmt: skip
    assert code == 0
    ids = calcigram.read_clusters(tmp_path / "m.csv").cluster_id.tolist()
    assert len(set(ids)) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["same.png", "same~2.png"]


def test_where_all_fail_nothing_is_written(images, tmp_path, capsys):
    picture = images / "more" / "three.png"
    code, _, err = run(capsys, "detect", picture, "-o", tmp_path / "marks.csv")
    assert code == 2
    assert err.count("calcigram: error: ") == 1
    assert "--pixel-spacing" in err
    assert not list(tmp_path.iterdir())
    arguments = ("-o", tmp_path / "marks.csv", "--failures", tmp_path / "failed.csv")
    assert run(capsys, "detect", picture, *arguments)[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["failed.csv"]


def test_an_image_without_clusters_gives_a_table_without_rows(tmp_path, capsys):
    made_by.save(tmp_path / "a.dcm", made_by.breast(spots=()))
    code, _, err = run(capsys, "detect", tmp_path / "a.dcm", "-o", tmp_path / "m.csv")
    assert code == 0
    assert "in 0 clusters" in err
    assert pd.read_csv(tmp_path / "m.csv").empty
    code, out, _ = run(capsys, "classify", tmp_path / "a.dcm")
    assert (code, "0 clusters" in out) == (0, True)


def test_a_bug_in_one_image_ends_no_run(images, tmp_path, capsys, monkeypatch):
    def fail(mammogram, **_):
        raise RuntimeError(made_by.NAME)

    monkeypatch.setattr(folders, "search", fail)
    code, _, err = run(capsys, "detect", images / "one.dcm", "-o", tmp_path / "m.csv")
    assert code == 2
    assert "internal error (RuntimeError)" in err
    assert made_by.NAME not in err


def test_labels_as_a_picture_and_as_a_segmentation(images, tmp_path, capsys, clean):
    from calcigram.formats.arrays import read_array

    one = images / "one.dcm"
    for name in ("labels.png", "labels.tif"):
        code, _, _ = run(capsys, "detect", one, "-o", tmp_path / "m.csv", "--labels", tmp_path / name)  # fmt: skip
        assert code == 0
        labels = read_array(tmp_path / name)
        assert (labels.shape, labels.dtype) == ((400, 320), np.uint16)
        rows, columns = (clean.y_mm // 0.07).astype(int), (clean.x_mm // 0.07).astype(int)
        assert len(set(labels[rows, columns]) - {0}) == len(SPOTS)
        table = pd.read_csv(tmp_path / "m.csv")
        own = labels[(table["y_mm"] / 0.07).astype(int), (table["x_mm"] / 0.07).astype(int)]
        assert table["label"].tolist() == own.tolist()
    code, _, _ = run(capsys, "detect", one, "-o", tmp_path / "m.csv", "--labels", tmp_path / "s.dcm")  # fmt: skip
    assert "label" not in pd.read_csv(tmp_path / "m.csv")
    assert code == 0
    read = calcigram.read_clusters(tmp_path / "s.dcm")
    assert read.cluster_id.tolist() == clean.cluster_id.tolist()
    assert read.n_calcifications.tolist() == clean.n_calcifications.tolist()
    assert read.meta["image_id"].tolist() == [made_by.UID]
    np.testing.assert_allclose(np.sort(read.x_mm), np.sort(clean.x_mm), atol=0.04)
    picture = images / "more" / "three.png"
    arguments = ("--pixel-spacing", 0.07, "--labels", tmp_path / "t.dcm")
    assert run(capsys, "detect", picture, "-o", tmp_path / "m.csv", *arguments)[0] == 2


def test_a_dicom_report(images, tmp_path, capsys, clean):
    code, _, _ = run(capsys, "detect", images / "one.dcm", "-o", tmp_path / "report.dcm")
    assert code == 0
    read = calcigram.read_clusters(tmp_path / "report.dcm")
    np.testing.assert_allclose(read.x_mm, clean.x_mm, atol=1e-3)
    arguments = ("classify", images / "one.dcm", "-o", tmp_path / "same.dcm")
    assert run(capsys, *arguments)[0] == 0
    assert (tmp_path / "same.dcm").read_bytes() == (tmp_path / "report.dcm").read_bytes()
    for wrong in (images, images / "more" / "three.png"):
        code, _, _ = run(capsys, "detect", wrong, "--pixel-spacing", 0.07, "-o", tmp_path / "r.dcm")
        assert code == 2
    assert not (tmp_path / "r.dcm").exists()


def test_options_reach_the_detector(images, tmp_path, capsys):
    from PIL import Image

    mask = np.zeros((400, 320), np.uint8)
    mask[170:235, 140:180] = 255
    Image.fromarray(mask).save(tmp_path / "roi.png")
    arguments = ("detect", images / "one.dcm", "-o", tmp_path / "m.csv")
    code, _, err = run(capsys, *arguments, "--roi", tmp_path / "roi.png", "--min-calcifications", 3)
    assert code == 0
    assert calcigram.read_clusters(tmp_path / "m.csv").n_calcifications.tolist() == [3]
    assert "outside the region of interest" in err
    for option in ("--threshold", "--min-z"):
        code, _, err = run(capsys, *arguments, option, 9)
        read = calcigram.read_clusters(tmp_path / "m.csv")
        assert "detected, z >= 9" in read.meta["formed_by"][0]
    code, _, err = run(capsys, *arguments, "--link-mm", 0.5)
    assert "in 0 clusters" in err


def test_coarse_pixels_need_force(tmp_path, capsys):
    made_by.save(tmp_path / "a.dcm", ImagerPixelSpacing=[0.2, 0.2])
    arguments = ("detect", tmp_path / "a.dcm", "-o", tmp_path / "m.csv")
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "--force" in err
    code, _, err = run(capsys, *arguments, "--force")
    assert code == 0
    assert "coarse pixels" in err


def test_outputs_over_inputs_are_refused(images, tmp_path, capsys):
    before = (images / "more" / "three.png").read_bytes()
    one = images / "one.dcm"
    for arguments in (
        (images, "-o", tmp_path / "m.csv", "--labels", images / "labels"),
        (one, "-o", tmp_path / "m.csv", "--labels", one),
        (one, "-o", tmp_path / "m.csv", "--labels", tmp_path / "labels.jpg"),
        (images, "-o", tmp_path / "m.csv", "--labels", tmp_path / "labels.png"),
        (one, "-o", tmp_path / "m.txt"),
        (tmp_path / "none.dcm", "-o", tmp_path / "m.csv"),
        (tmp_path, "-o", tmp_path.parent / "m.csv"),
    ):
        assert run(capsys, "detect", *arguments)[0] == 2, arguments
    assert (images / "more" / "three.png").read_bytes() == before
    assert not list(tmp_path.iterdir())


# --- a run that is broken off


def test_a_run_that_was_killed_is_resumed(images, tmp_path, capsys, monkeypatch):
    arguments = ("detect", images, "--pixel-spacing", 0.07, "-o", tmp_path / "m.csv", "--jobs", 1)
    assert run(capsys, *arguments)[0] == 0
    whole = (tmp_path / "m.csv").read_bytes()
    searched = []
    real = folders.search

    def broken(mammogram, **how):
        searched.append(mammogram.image_id)
        if len(searched) == 3:
            raise KeyboardInterrupt
        return real(mammogram, **how)

    (tmp_path / "m.csv").unlink()
    monkeypatch.setattr(folders, "search", broken)
    assert run(capsys, *arguments)[0] == 130
    assert not (tmp_path / "m.csv").exists()
    monkeypatch.setattr(folders, "search", lambda m, **how: searched.append(m.image_id) or real(m, **how))  # fmt: skip
    code, _, err = run(capsys, *arguments, "--resume")
    assert code == 0
    assert "2 images taken over" in err
    assert len(searched) == 4
    assert (tmp_path / "m.csv").read_bytes() == whole
    assert sorted(os.listdir(tmp_path)) == ["m.csv"]


def test_other_options_are_not_mixed_in(images, tmp_path, capsys, monkeypatch):
    arguments = ("detect", images, "--pixel-spacing", 0.07, "-o", tmp_path / "m.csv", "--jobs", 1)
    real, searched = folders.search, []

    def broken(mammogram, **how):
        searched.append(mammogram)
        if len(searched) == 2:
            raise KeyboardInterrupt
        return real(mammogram, **how)

    monkeypatch.setattr(folders, "search", broken)
    assert run(capsys, *arguments)[0] == 130
    monkeypatch.undo()
    code, _, err = run(capsys, *arguments, "--resume", "--threshold", 9)
    assert code == 2
    assert "threshold_z" in err


# --- classify


def test_a_picture_is_told_from_a_mask(images, tmp_path, capsys):
    picture = images / "more" / "three.png"
    code, _, err = run(capsys, "classify", picture, "--pixel-spacing", 0.07)
    assert code == 0
    assert "a mammogram, no mask: calcifications were detected in it" in err
    labels = tmp_path / "labels.png"
    run(capsys, "detect", images / "one.dcm", "-o", tmp_path / "m.csv", "--labels", labels)
    code, _, err = run(capsys, "classify", labels, "--pixel-spacing", 0.07)
    assert code == 0
    assert "label mask" in err
    assert "detected" not in err


def test_a_smoothed_mask_is_still_refused(tmp_path, capsys):
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    mask = np.zeros((300, 300))
    for row, column in SPOTS:
        mask[row : row + 5, column : column + 5] = 255
    Image.fromarray(gaussian_filter(mask, 1.5).astype(np.uint8)).save(tmp_path / "mask.png")
    code, _, err = run(capsys, "classify", tmp_path / "mask.png", "--pixel-spacing", 0.07)
    assert code == 2
    assert "threshold" in err


def test_an_image_beside_a_table_and_a_mask(images, tmp_path, capsys):
    """An image that is named with --image is none to search."""
    mask = np.zeros((400, 320), np.uint8)
    for row, column in SPOTS:
        mask[row : row + 4, column : column + 4] = 1
    from PIL import Image

    Image.fromarray(mask).save(tmp_path / "mask.png")
    code, _, err = run(capsys, "classify", tmp_path / "mask.png", "--image", images / "one.dcm")
    assert code == 0
    assert "contrast measured in the image" in err


def test_inspect_says_that_it_is_a_mammogram(images, capsys):
    code, out, _ = run(capsys, "inspect", images / "one.dcm", "--json")
    assert code == 0
    contents = json.loads(out)
    assert contents["kind"] == "mammogram"
    assert contents["clusters"] == 1


# --- measure


def points(**more):
    table = pd.DataFrame(SPOTS, columns=["row", "column"])
    x_mm, y_mm = (table["column"] + 1) * 0.07, (table["row"] + 3) * 0.07
    return pd.DataFrame({"cluster_id": "007", "x_mm": x_mm, "y_mm": y_mm, **more})


def test_points_are_grown_to_outlines(images, tmp_path, capsys, clean):
    note = [f"n{k}" for k in range(len(SPOTS))]
    points(note=note, diameter_mm=0.9).to_csv(tmp_path / "p.csv", index=False)
    arguments = ("measure", tmp_path / "p.csv", "--image", images / "one.dcm")
    code, _, err = run(capsys, *arguments, "-o", tmp_path / "m.csv")
    assert code == 0
    assert f"{len(SPOTS)} of {len(SPOTS)} points measured" in err
    table = pd.read_csv(tmp_path / "m.csv", dtype={"cluster_id": str})
    assert table["note"].tolist() == note
    assert table["cluster_id"].unique().tolist() == ["007"]
    assert table.columns.tolist().count("diameter_mm") == 1
    np.testing.assert_allclose(np.sort(table["diameter_mm"]), np.sort(clean.diameter_mm), atol=1e-5)
    np.testing.assert_allclose(np.sort(table["x_mm"]), np.sort(clean.x_mm), atol=1e-4)
    again = calcigram.read_clusters(tmp_path / "m.csv")
    assert again.n_calcifications.tolist() == [len(SPOTS)]


def test_points_in_pixels_with_other_names(images, tmp_path, capsys):
    table = pd.DataFrame(SPOTS, columns=["posY", "posX"]) + 2
    table.to_csv(tmp_path / "p.csv", index=False, sep=";")
    arguments = ("measure", tmp_path / "p.csv", "--image", images / "one.dcm", "-o", tmp_path / "m.csv")  # fmt: skip
    code, _, err = run(capsys, *arguments, "--columns", "x=posX,y=posY", "--units", "px")
    assert code == 0
    assert "no column cluster_id" in err
    table = pd.read_csv(tmp_path / "m.csv")
    assert table["diameter_mm"].notna().all()
    np.testing.assert_allclose(table["y_mm"], [(row + 2) * 0.07 for row, _ in SPOTS], atol=0.03)


def test_a_point_where_nothing_is_keeps_its_place(images, tmp_path, capsys):
    table = pd.concat(
        [points(), pd.DataFrame({"cluster_id": ["007"], "x_mm": [5.0], "y_mm": [8.0]})]
    )
    table.to_csv(tmp_path / "p.csv", index=False)
    arguments = ("measure", tmp_path / "p.csv", "--image", images / "one.dcm")
    code, _, _ = run(capsys, *arguments, "-o", tmp_path / "m.csv")
    assert code == 0
    assert len(pd.read_csv(tmp_path / "m.csv")) == len(SPOTS) + 1


def test_no_points_are_no_marks(images, tmp_path, capsys):
    (tmp_path / "p.csv").write_text("cluster_id,x_mm,y_mm\n")
    arguments = ("measure", tmp_path / "p.csv", "--image", images / "one.dcm")
    code, _, err = run(capsys, *arguments, "-o", tmp_path / "m.csv")
    assert code == 0, err
    assert len((tmp_path / "m.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cluster_id,x_mm,y_mm\na,left,3\n", "row 2"),
        ("cluster_id,x_mm,y_mm\na,1,\n", "y_mm"),
        ("cluster_id,x_mm,y_mm\na,1000,3\n", "within the image"),
        ("cluster_id,a,b\na,1,2\n", "x_mm"),
    ],
)
def test_bad_points_are_refused(images, tmp_path, capsys, text, said):
    (tmp_path / "p.csv").write_text(text)
    arguments = ("measure", tmp_path / "p.csv", "--image", images / "one.dcm")
    code, _, err = run(capsys, *arguments, "-o", tmp_path / "m.csv")
    assert code == 2
    assert said in err
    assert not (tmp_path / "m.csv").exists()


def test_measure_needs_one_image(images, tmp_path, capsys):
    points().to_csv(tmp_path / "p.csv", index=False)
    code, _, err = run(capsys, "measure", tmp_path / "p.csv", "-o", tmp_path / "m.csv")
    assert code == 2
    assert "--image" in err


def test_other_files_are_measured_too(images, tmp_path, capsys, clean):
    labels = tmp_path / "labels.png"
    one = images / "one.dcm"
    run(capsys, "detect", one, "-o", tmp_path / "m.csv", "--labels", labels)
    run(capsys, "detect", one, "-o", tmp_path / "r.dcm")
    calcigram.write_clusters(clean, tmp_path / "lists.parquet")
    table = {"cluster_id": clean.cluster_id[0], "x_mm": clean.x_mm, "y_mm": clean.y_mm}
    pd.DataFrame(table).to_excel(tmp_path / "sheet.xlsx", index=False)
    for name in ("labels.png", "r.dcm", "lists.parquet", "sheet.xlsx"):
        code, _, err = run(capsys, "measure", tmp_path / name, "--image", one, "-o", tmp_path / "n.csv")  # fmt: skip
        assert code == 0, err
        found = pd.read_csv(tmp_path / "n.csv")
        np.testing.assert_allclose(np.sort(found["diameter_mm"]), np.sort(clean.diameter_mm), atol=1e-4)  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("name", [made_by.UID, "one", "one.dcm"])
def test_only_the_points_of_the_image_are_measured(images, tmp_path, capsys, suffix, name):
    others = pd.DataFrame(
        {"cluster_id": ["b", "c"], "x_mm": 9.0, "y_mm": 9.0, "image_id": ["two", None]}
    )
    table, path = pd.concat([others, points(image_id=name)]), tmp_path / f"p.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    arguments = ("measure", path, "--image", images / "one.dcm", "-o", tmp_path / "m.csv")
    code, _, err = run(capsys, *arguments)
    assert code == 0, err
    assert f"2 rows of other images, or of none, left out: this one is {name!r}" in err
    found = pd.read_csv(tmp_path / "m.csv")
    assert found["image_id"].tolist() == [name] * len(SPOTS)
    assert found["diameter_mm"].notna().all()
    assert measure_file(path, images / "one.dcm")[0]["x_mm"].size == len(SPOTS)


def test_points_of_the_image_that_this_one_was_made_of_are_measured(tmp_path):
    """CAD reports speak of the image for processing; archives keep that for presentation."""
    from pydicom import Dataset

    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = made_by.MG_RAW, "1.2.3"
    made_by.save(tmp_path / "shown.dcm", SourceImageSequence=[source])
    both = pd.concat([points(image_id="1.2.3"), points(cluster_id="b", image_id="1.2.4")])
    both.to_csv(tmp_path / "p.csv", index=False)
    table, notes = measure_file(tmp_path / "p.csv", tmp_path / "shown.dcm")
    assert table["image_id"].unique().tolist() == ["1.2.3"]
    assert any("7 rows of other images" in note for note in notes)


def test_points_of_several_other_images_are_refused(images, tmp_path, capsys):
    both = pd.concat([points(image_id="x"), points(image_id="y").assign(cluster_id="b")])
    both.to_csv(tmp_path / "p.csv", index=False)
    arguments = ("measure", tmp_path / "p.csv", "--image", images / "one.dcm")
    code, _, err = run(capsys, *arguments, "-o", tmp_path / "m.csv")
    assert code == 2
    assert (
        f"got 'x, y', expected rows of this image, called {made_by.UID} or one or one.dcm: take"
        in err
    )
    assert not (tmp_path / "m.csv").exists()


def test_points_of_one_image_of_another_name_are_measured_with_a_notice(images, tmp_path, capsys):
    points(image_id="renamed").to_csv(tmp_path / "p.csv", index=False)
    arguments = ("measure", tmp_path / "p.csv", "--image", images / "more" / "three.png")
    code, _, err = run(capsys, *arguments, "--pixel-spacing", ".07", "-o", tmp_path / "m.csv")
    assert code == 0
    assert "the points are of the image 'renamed'; measured in 'three'" in err
    assert len(pd.read_csv(tmp_path / "m.csv")) == len(SPOTS)


def test_an_annotation_is_called_by_its_file(images, tmp_path):
    regions = [
        {"label": "calcification", "points": [[column + 1, row + 1]], "shape_type": "point"}
        for row, column in SPOTS
    ]
    for image, is_told in (("", False), ("other.png", True)):
        labelled = {"version": "5", "shapes": regions, "imagePath": image, "imageData": None}
        (tmp_path / "a.json").write_text(
            json.dumps(labelled | {"imageHeight": 400, "imageWidth": 320})
        )
        table, notes = measure_file(tmp_path / "a.json", images / "one.dcm")
        assert len(table) == len(SPOTS)
        assert any("the points are of the image 'other'" in note for note in notes) == is_told


def test_an_image_may_be_called_by_the_beginning_of_its_name(images, tmp_path):
    both = pd.concat([points(image_id="2058"), points(image_id="3").assign(cluster_id="b")])
    both.to_csv(tmp_path / "p.csv", index=False)
    (tmp_path / "2058_L_CC.dcm").write_bytes((images / "one.dcm").read_bytes())
    table, _ = measure_file(tmp_path / "p.csv", tmp_path / "2058_L_CC.dcm")
    assert table["image_id"].astype(str).unique().tolist() == ["2058"]


# --- privacy


def test_no_output_names_the_patient(tmp_path, capsys, caplog):
    """Names and numbers of the patient stay in the DICOM file, whatever is written but DICOM."""
    folder = tmp_path / "in"
    folder.mkdir()
    made_by.save(folder / "one.dcm", OtherPatientIDs=made_by.PATIENT, PatientComments=made_by.NAME)
    made_by.save(folder / "two.dcm", ImagerPixelSpacing=None)
    made_by.save(folder / "three.dcm", ImagerPixelSpacing=[0.3, 0.3])
    made_by.save(folder / "four.dcm", class_uid=made_by.CT, Modality="CT")
    odd = made_by.dataset(PhotometricInterpretation="ODD")
    odd.add_new(0x00280004, "LO", made_by.NAME)
    odd.save_as(folder / "five.dcm", enforce_file_format=True)
    cut = (folder / "one.dcm").read_bytes()
    (folder / "six.dcm").write_bytes(cut[: len(cut) // 2])
    segmentation = folder / "segmentation.dcm"
    run(capsys, "detect", folder / "one.dcm", "-o", tmp_path / "m.csv", "--labels", segmentation)
    said = ""
    for arguments in (
        ("detect", folder, "-o", tmp_path / "m.csv", "--labels", tmp_path / "l", "--json"),
        ("detect", folder / "one.dcm", "-o", tmp_path / "m.parquet", "--labels", tmp_path / "l.png"),
        ("classify", folder / "one.dcm", "-o", tmp_path / "v.csv"),
        ("classify", folder / "one.dcm", "--json"),
        ("classify", folder / "six.dcm"),
        ("inspect", folder / "one.dcm"),
        ("report", folder / "one.dcm", "-o", tmp_path / "r.html"),
        ("measure", segmentation, "--image", folder / "one.dcm", "-o", tmp_path / "p.csv"),
    ):  # fmt: skip
        _, out, err = run(capsys, *arguments)
        said += out + err
    said += caplog.text
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder]
    assert len(written) >= 6
    planted = (made_by.NAME, made_by.PATIENT, "19610203", "Planted", "4711")
    for word in planted:
        assert word not in said
        for path in written:
            assert word.encode() not in path.read_bytes(), path
