"""Maps of probabilities, outlines of clusters in a mask, and pixels that are not square."""

import numpy as np
import pytest
import tifffile

from calcigram import read_clusters
from calcigram.cli import main
from calcigram.clusters import MARK_NAMES
from calcigram.errors import BadInputError, PixelSizeError
from calcigram.formats import read_intake, write_clusters
from calcigram.longtable import NoticeWarning
from calcigram.options import ReadOptions

SPACING = 0.07


def blobs(n=6, shape=(120, 300)):
    """Return a map of probabilities with n bumps in a row, of peaks 0.6, 0.65, ..."""
    rows, columns = np.indices(shape)
    peaks = 0.6 + 0.05 * np.arange(n)
    found = np.zeros(shape)
    for k, peak in enumerate(peaks):
        away = (rows - 60) ** 2 / 30 + (columns - 30 - 40 * k) ** 2 / (60 + 10 * k)
        found = np.maximum(found, peak * np.exp(-away / 2))
    return found, peaks


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["map.npy", "map.tif"])
def test_parts_above_the_threshold_are_measured_as_those_of_a_mask(tmp_path, name, kind):
    found, peaks = blobs()
    found = found.astype(kind)
    save = np.save if name.endswith("npy") else tifffile.imwrite
    save(tmp_path / name, found)
    for threshold in (0.3, 0.5):
        np.save(tmp_path / "mask.npy", found >= kind(threshold))
        mask = read_clusters(tmp_path / "mask.npy", pixel_spacing=SPACING)
        with pytest.warns(NoticeWarning, match=rf"at least {threshold} \(--threshold\)"):
            clusters = read_clusters(
                tmp_path / name,
                pixel_spacing=SPACING,
                threshold=None if threshold == 0.5 else threshold,
            )
        for mark in MARK_NAMES:
            np.testing.assert_array_equal(getattr(clusters, mark), getattr(mask, mark))
        np.testing.assert_allclose(clusters.confidence[clusters.x_mm.argsort()], peaks, atol=5e-3)
        assert np.isnan(mask.confidence).all()


def test_confidence_goes_through_tables(tmp_path, capsys):
    found, _ = blobs()
    np.save(tmp_path / "map.npy", found)
    clusters = read_intake(tmp_path / "map.npy", ReadOptions(pixel_spacing=SPACING)).clusters
    write_clusters(clusters, tmp_path / "c.csv")
    assert "confidence" in (tmp_path / "c.csv").read_text().splitlines()[0]
    np.testing.assert_array_equal(read_clusters(tmp_path / "c.csv").confidence, clusters.confidence)
    assert main(["inspect", str(tmp_path / "c.csv")]) == 0
    assert "confidence       6 of 6" in capsys.readouterr().out


def test_a_threshold_without_probabilities_is_refused(tmp_path, capsys):
    np.save(tmp_path / "labels.npy", (blobs()[0] > 0.5).astype(np.uint8))
    path = str(tmp_path / "labels.npy")
    with pytest.raises(BadInputError, match=r"--threshold.*got 'uint8', expected a map"):
        read_clusters(path, pixel_spacing=SPACING, threshold=0.5)
    for wrong in ("0", "1.5", "nan", "half"):
        with pytest.raises(SystemExit):
            main(["inspect", path, "--pixel-spacing", "0.07", "--threshold", wrong])
        assert "a probability above 0 and at most 1" in capsys.readouterr().err


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.2, 1.2, 200.5])
def test_what_is_no_probability_is_refused(tmp_path, value):
    found, _ = blobs()
    found[3, 3] = value
    np.save(tmp_path / "map.npy", found)
    with pytest.raises(BadInputError, match="probabilities from 0 to 1"):
        read_clusters(tmp_path / "map.npy", pixel_spacing=SPACING)


def test_a_label_may_outline_the_clusters(tmp_path):
    mask = np.zeros((300, 400), np.uint8)
    mask[20:120, 20:150], mask[160:290, 200:390] = 2, 2
    for k in range(6):
        mask[40 + 10 * k, 30 + 15 * k : 34 + 15 * k] = 1
        mask[200:204, 210 + 25 * k] = 1
    mask[10, 390] = 1  # in no outline
    np.save(tmp_path / "m.npy", mask)
    with pytest.warns(NoticeWarning, match="1 loose calcification in no cluster"):
        clusters = read_clusters(tmp_path / "m.npy", pixel_spacing=0.1, regions="2")
    assert clusters.n_calcifications.tolist() == [6, 6]
    assert set(clusters.meta.formed_by) == {"in the outline drawn around it"}
    with pytest.raises(
        BadInputError, match=r"--regions.*got 3, expected a label of the mask: 1, 2"
    ):
        read_clusters(tmp_path / "m.npy", pixel_spacing=0.1, regions=[3])


def test_rows_and_columns_may_be_of_different_size(tmp_path, capsys):
    mask = np.zeros((90, 200), np.uint8)
    for k in range(5):
        mask[40:44, 10 + 30 * k : 14 + 30 * k] = 1
    np.save(tmp_path / "m.npy", mask)
    path = str(tmp_path / "m.npy")
    clusters = read_clusters(path, pixel_spacing=(0.1, 0.05))  # rows, columns
    np.testing.assert_allclose(clusters.y_mm, 4.2, rtol=1e-6)
    np.testing.assert_allclose(clusters.x_mm, 0.6 + 1.5 * np.arange(5), rtol=1e-6)
    np.testing.assert_allclose(clusters.aspect_ratio, 2, rtol=1e-6)
    np.testing.assert_allclose(clusters.orientation_deg, 90, rtol=1e-6)
    assert main(["inspect", path, "--pixel-spacing", "0.1,0.05"]) == 0
    assert "pixels of 0.05 x 0.1 mm, stated by --pixel-spacing" in capsys.readouterr().out
    for wrong in ("0.1,", "0,07", "0.1,0.1,0.1", "0.1,20"):
        with pytest.raises(SystemExit):
            main(["inspect", path, "--pixel-spacing", wrong])
        assert "or two, ROW,COLUMN" in capsys.readouterr().err
    table = tmp_path / "t.csv"
    table.write_text("cluster_id,x_px,y_px\na,1,2\n")
    with pytest.raises(BadInputError, match="expected one number"):
        read_clusters(table, units="px", pixel_spacing="0.1,0.05")
    with pytest.raises(PixelSizeError, match="--pixel-spacing MM"):
        read_clusters(path)
