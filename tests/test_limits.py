"""One set of limits for every entrance: the same spacing is refused by each."""

import numpy as np
import pytest

from calcigram import ClusterSet, read_clusters
from calcigram.cli import main
from calcigram.clusters import clusters_from_frame
from calcigram.errors import BadInputError
from calcigram.limits import CLUSTER_COLUMNS, MARKS, PIXEL_SPACING_MM, check_pixel_spacing
from calcigram.options import ReadOptions

BAD_SPACINGS = [70, 10.01, 0.001, 0, -0.07, float("nan"), float("inf"), 1e308]


@pytest.fixture
def table(tmp_path):
    (tmp_path / "a.csv").write_text("cluster_id,x_px,y_px\na,1,2\na,2,3\n")
    return tmp_path / "a.csv"


@pytest.fixture
def mask(tmp_path):
    np.save(tmp_path / "mask.npy", np.eye(9, dtype=np.uint8))
    return tmp_path / "mask.npy"


@pytest.mark.parametrize("spacing", BAD_SPACINGS)
def test_a_spacing_no_image_has_is_refused_everywhere(table, mask, spacing, capsys):
    said = "expected a number above 0 in mm, from 0.002 to 10"
    with pytest.raises(BadInputError, match=said):
        read_clusters(table, units="px", pixel_spacing=spacing)
    with pytest.raises(BadInputError, match=said):
        read_clusters(mask, pixel_spacing=spacing)
    frame = read_frame(table)
    with pytest.raises(BadInputError, match=said):
        ClusterSet.from_dataframe(frame, units="px", pixel_spacing=spacing)
    with pytest.raises(SystemExit) as caught:
        main(["inspect", str(table), "--units", "px", "--pixel-spacing", str(spacing)])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def read_frame(table):
    import pandas as pd

    return pd.read_csv(table)


@pytest.mark.parametrize("spacing", PIXEL_SPACING_MM)
def test_the_ends_are_allowed(table, spacing):
    assert check_pixel_spacing(str(spacing)) == spacing
    assert read_clusters(table, units="px", pixel_spacing=spacing).x_mm[0] == np.float32(spacing)


@pytest.mark.parametrize("column", [*MARKS, *CLUSTER_COLUMNS], ids=lambda column: column.name)
def test_extremes_tell_what_a_look_at_each_value_tells(column):
    ends = [column.low, column.high]
    beside = [
        float(np.nextafter(np.float32(end), np.float32(way)))
        for end in ends
        for way in (-np.inf, np.inf)
    ]
    for value in [*ends, *beside, 0.5, np.nan, np.inf, -np.inf]:
        values = np.array([1, value, 1], np.float32)
        assert column.holds(values) == (not column.bad(values).any()), value


def test_lengths_beyond_the_largest_are_refused_after_they_are_turned_into_mm():
    import pandas as pd

    frame = pd.DataFrame({"cluster_id": ["a"], "x": [1e7], "y": [0], "diameter": [0.5]})
    assert len(clusters_from_frame(frame, ReadOptions(units="um")).clusters) == 1
    with pytest.raises(
        BadInputError, match=r"column 'x': got 10000000\.0, expected a finite number in mm"
    ):
        clusters_from_frame(frame, ReadOptions(units="cm"))
