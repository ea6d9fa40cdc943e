"""Files dropped on the page: read as they are said to be, refused without a path."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from calcigram import classify, simulate
from calcigram.errors import BadInputError, CalcigramError
from calcigram.page import files
from calcigram.page.files import open_file

DATA = Path(__file__).parents[1] / "data"

TABLE = b"lesion,posX,posY\nA7,0,10\nA7,20,10\n"


def test_a_table_as_people_have_it():
    columns = "id=lesion, x=posX, y=posY"
    clusters = open_file(TABLE, columns=columns, units="px", pixel_spacing=0.1).clusters
    assert clusters.cluster_id.tolist() == ["A7"]
    assert np.allclose(clusters.x_mm, [0, 2])


def test_what_is_empty_says_nothing():
    fields = {"columns": "", "units": "mm", "pixel_spacing": None, "single_cluster": ""}
    assert len(open_file(b"cluster_id,x_mm,y_mm\nA7,0,10\n", **fields).clusters) == 1
    with pytest.raises(CalcigramError, match="pairs like x=posX,y=posY"):
        open_file(TABLE, columns="x")


def test_a_mask_is_told_by_its_content():
    pytest.importorskip("skimage", reason="the extra [dicom] is not installed")
    content = (DATA / "labels.png").read_bytes()
    with pytest.raises(CalcigramError, match="the field 'Pixel size'"):
        open_file(content)
    assert len(open_file(content, pixel_spacing=0.07).clusters) > 0


def test_fields_say_what_counts():
    corners = [[x, 9, x + 4, 9, x + 4, 13, x, 13] for x in range(10, 160, 25)]
    coco = {
        "categories": [{"id": 5, "name": "spots"}],
        "annotations": [{"image_id": 1, "category_id": 5, "segmentation": [c]} for c in corners],
    }
    fields = {
        "labels": "spots",
        "regions": "",
        "threshold": None,
        "sheet": "",
        "pixel_spacing": 0.1,
    }
    assert len(open_file(json.dumps(coco).encode(), **fields).clusters) == 1
    with pytest.raises(CalcigramError, match="expected a name in the file: 'spots'"):
        open_file(json.dumps(coco).encode(), **(fields | {"labels": "mass"}))


def test_refusals_name_no_path_and_no_option():
    for content in (TABLE, b"", b"\0\1\2", b"cluster_id,x_mm,y_mm\na,0,oops\n"):
        with pytest.raises(CalcigramError) as refused:
            open_file(content)
        assert "/" not in str(refused.value)
        assert "--" not in str(refused.value)


def test_limits(monkeypatch):
    monkeypatch.setattr(files, "MAX_CLUSTERS", 1)
    two = b"cluster_id,x_mm,y_mm\na,0,0\nb,1,0\n"
    with pytest.raises(BadInputError, match="1 to 1 clusters"):
        open_file(two)
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    with pytest.raises(BadInputError, match="at most 0 MB"):
        open_file(two)


@pytest.fixture(scope="module")
def cluster():
    return simulate(1, seed=4)


def test_the_picture_says_what_it_is(cluster):
    texts = [text.get_text() for text in files.drawn(classify, cluster).texts]
    assert any("not a medical device" in text for text in texts)
    assert files.picture(classify, cluster).read(8) == b"\x89PNG\r\n\x1a\n"


def test_the_report_says_what_it_is(cluster):
    assert b"not a medical device" in files.report(classify, cluster).read().lower()


def test_clusters_survive_the_way():
    clusters = simulate(5, seed=3)
    back, _ = files.Opened.from_bytes(files.Opened(clusters).to_bytes())
    assert back.cluster_id.tolist() == clusters.cluster_id.tolist()
    assert np.array_equal(back.cnr, clusters.cnr, equal_nan=True)
    assert back.meta["true_distribution"].tolist() == clusters.meta["true_distribution"].tolist()
