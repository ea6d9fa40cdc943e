import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calcigram.clusters import MARK_NAMES, ClusterSet, clusters_from_frame
from calcigram.errors import BadInputError
from calcigram.longtable import (
    IgnoredColumnWarning,
    NoticeWarning,
    RepeatedRowsWarning,
    frame_from_clusters,
    known_columns,
)
from calcigram.longtable.intake import NO_ROWS
from calcigram.options import ReadOptions


def frame(**columns):
    """Two clusters of three and two calcifications, one row lying among the other's."""
    base = {
        "cluster_id": ["b", "a", "b", "b", "a"],
        "x_mm": [0.0, 1.0, 2.0, 3.0, 4.0],
        "y_mm": [5.0, 6.0, 7.0, 8.0, 9.0],
    }
    return pd.DataFrame(base | columns)


def test_rows_are_brought_together_in_order_of_appearance():
    clusters = clusters_from_frame(frame()).clusters
    assert clusters.cluster_id.tolist() == ["b", "a"]
    assert clusters.offsets.tolist() == [0, 3, 5]
    assert clusters.x_mm.tolist() == [0, 2, 3, 1, 4]


def test_method_of_the_set_takes_the_same_options():
    clusters = ClusterSet.from_dataframe(frame().rename(columns={"x_mm": "u"}), columns={"x": "u"})
    assert clusters.x_mm.tolist() == [0, 2, 3, 1, 4]


BAD = [
    ("x_mm", "left", "a finite number in mm (up to 1,000,000 either way)"),
    ("x_mm", None, "a finite number in mm (up to 1,000,000 either way)"),
    ("x_mm", np.nan, "a finite number in mm (up to 1,000,000 either way)"),
    ("y_mm", np.inf, "a finite number in mm (up to 1,000,000 either way)"),
    ("y_mm", "-inf", "a finite number in mm (up to 1,000,000 either way)"),
    ("y_mm", "", "a finite number in mm (up to 1,000,000 either way)"),
    ("y_mm", True, "a finite number in mm (up to 1,000,000 either way)"),
    ("x_mm", 1e300, "a finite number in mm (up to 1,000,000 either way)"),
    ("diameter_mm", 0.0, "a number above 0 in mm, or nothing (at most 10,000)"),
    ("diameter_mm", -0.2, "a number above 0 in mm, or nothing (at most 10,000)"),
    ("diameter_mm", "small", "a number above 0 in mm, or nothing (at most 10,000)"),
    ("aspect_ratio", 0.5, "a number of at least 1, or nothing (at most 1,000,000)"),
    ("orientation_deg", 180.0, "degrees from 0 up to but not including 180, or nothing"),
    ("orientation_deg", -0.1, "degrees from 0 up to but not including 180, or nothing"),
    ("solidity", 0.0, "a number above 0 and at most 1, or nothing"),
    ("solidity", 1.5, "a number above 0 and at most 1, or nothing"),
    ("cnr", -1.0, "a number of at least 0, or nothing (at most 1,000,000)"),
    ("nipple_x_mm", np.inf, "a finite number in mm, or nothing (up to 1,000,000 either way)"),
    ("breast_area_mm2", 0.0, "a number above 0 in mm2, or nothing (at most 1,000,000,000)"),
]


@pytest.mark.parametrize(("column", "value", "expected"), BAD)
def test_a_bad_value_is_named_by_file_row_column_value_and_what_was_expected(
    column, value, expected
):
    table = frame()
    cells = list(table.get(column, pd.Series([1.0] * 5)))
    cells[2] = value
    if isinstance(value, bool):
        cells = [True] * 5
    table[column] = pd.Series(cells, dtype=object if isinstance(value, str | None) else None)
    with pytest.raises(BadInputError) as caught:
        clusters_from_frame(table, source="a.csv", row_number=2)
    error = caught.value
    row, cluster_id = (2, "b") if isinstance(value, bool) else (4, "b")
    assert (error.source, error.row, error.cluster_id) == ("a.csv", row, cluster_id)
    assert error.column == column
    assert error.expected == expected
    assert str(error).startswith(f"a.csv, row {row}, cluster 'b', column '{column}': got ")
    if value is not None:
        np.testing.assert_equal(error.value, value)


def test_the_topmost_bad_row_is_named_whatever_its_column():
    table = frame(cnr=[1, -1, 1, 1, 1], x_mm=[0, 0, 0, np.nan, 0])
    with pytest.raises(BadInputError, match="row 1, cluster 'a', column 'cnr': got -1"):
        clusters_from_frame(table)


def test_a_decimal_comma_is_pointed_out():
    with pytest.raises(BadInputError, match=r"got '1,5', expected .*decimal point"):
        clusters_from_frame(frame(x_mm=["1,5", "2", "3", "4", "5"]))


@pytest.mark.parametrize("word", ["", " ", "NA", "n/a", "#N/A", "nan", "NaN", "null", "None", None])
def test_words_for_missing_values_are_missing(word):
    table = frame(diameter_mm=pd.Series(["0.25", word, "0.5", "1", "2"], dtype=object))
    clusters = clusters_from_frame(table).clusters
    np.testing.assert_array_equal(
        clusters.diameter_mm, np.array([0.25, 0.5, 1, np.nan, 2], np.float32)
    )


@pytest.mark.parametrize(
    "numbers",
    [
        pd.Series([1, 2, 3, 4, 5], dtype="Int64"),
        pd.Series([1, 2, 3, 4, 5], dtype="category"),
        pd.Series(["1", "2 ", "3.0", "4e0", "5"], dtype="string"),
        pd.Series(["1", 2, 3.0, np.float32(4), "5"], dtype=object),
        pd.Series([1, 2, 3, 4, 5], dtype="float64[pyarrow]"),
        pd.Series([1, 2, 3, 4, 5], dtype=np.uint8),
    ],
    ids=lambda series: str(series.dtype),
)
def test_numbers_of_any_dtype(numbers):
    assert clusters_from_frame(frame(x_mm=numbers)).clusters.x_mm.tolist() == [1, 3, 4, 2, 5]


def test_dates_are_no_numbers():
    with pytest.raises(BadInputError, match="column 'x_mm'"):
        clusters_from_frame(frame(x_mm=pd.to_datetime(["2020-01-01"] * 5)))


def test_an_angle_that_rounds_to_the_end_is_the_same_axis():
    clusters = clusters_from_frame(frame(orientation_deg=[179.9999999, 0, 90, 1, 2])).clusters
    assert clusters.orientation_deg[0] == 0


@pytest.mark.parametrize(
    ("given_ids", "texts"),
    [
        (["007", "7", "007", "007", "7"], ["007", "7"]),
        ([7, 8, 7, 7, 8], ["7", "8"]),
        ([7.0, 8.5, 7.0, 7.0, 8.5], ["7", "8.5"]),
        ([7, "8", "7", 7, 8], ["7", "8"]),
        (pd.array([7, 8, 7, 7, 8], dtype="Int64"), ["7", "8"]),
        (pd.Categorical(["b", "a", "b", "b", "a"]), ["b", "a"]),
        (["é", "日本", "é", "é", "日本"], ["é", "日本"]),
    ],
)
def test_ids_are_text(given_ids, texts):
    clusters = clusters_from_frame(frame(cluster_id=given_ids)).clusters
    assert clusters.cluster_id.tolist() == texts
    assert clusters.n_calcifications.tolist() == [3, 2]


@pytest.mark.parametrize("missing", [None, np.nan, "", "  "])
def test_an_empty_id_is_bad(missing):
    table = frame(cluster_id=["b", "a", missing, "b", "a"])
    with pytest.raises(BadInputError, match=r"row 2, column 'cluster_id'.*not empty"):
        clusters_from_frame(table)
    intake = clusters_from_frame(table, ReadOptions(skip_bad=True))
    assert intake.clusters.n_calcifications.tolist() == [2, 2]
    assert (intake.n_rejected, intake.rejects.row.tolist()) == (1, [2])


def test_skip_bad_sets_whole_clusters_aside_and_lists_each_bad_value():
    table = frame(cnr=[1, 1, -5, 1, 1], x_mm=[0, 1, 2, np.nan, 4])
    intake = clusters_from_frame(table, ReadOptions(skip_bad=True), source="a.csv", row_number=2)
    assert intake.clusters.cluster_id.tolist() == ["a"]
    assert intake.clusters.x_mm.tolist() == [1, 4]
    assert intake.n_rejected == 1
    assert intake.rejects.to_dict("records") == [
        {
            "source": "a.csv",
            "row": 4,
            "cluster_id": "b",
            "column": "cnr",
            "value": "-5",
            "expected": "a number of at least 0, or nothing (at most 1,000,000)",
        },
        {
            "source": "a.csv",
            "row": 5,
            "cluster_id": "b",
            "column": "x_mm",
            "value": "nan",
            "expected": "a finite number in mm (up to 1,000,000 either way)",
        },
    ]


def test_skip_bad_may_leave_nothing():
    intake = clusters_from_frame(frame(x_mm=[np.nan] * 5), ReadOptions(skip_bad=True))
    assert (len(intake.clusters), intake.n_rejected) == (0, 2)


def test_a_table_without_rows_has_no_clusters():
    nothing = frame().iloc[:0]
    for table, options in (
        (nothing, ReadOptions()),
        (nothing.drop(columns="cluster_id"), ReadOptions(single_cluster="a")),
    ):
        intake = clusters_from_frame(table, options)
        assert len(intake.clusters) == len(intake.rejects) == 0
        assert intake.notes == (NO_ROWS,)


@pytest.mark.parametrize(
    "column", ["nipple_x_mm", "nipple_y_mm", "breast_area_mm2", "group_id", "laterality"]
)
def test_what_belongs_to_a_cluster_must_not_vary_within(column):
    values = [1.0, 2.0, 1.0, 3.0, 2.0]
    with pytest.raises(BadInputError, match=f"row 3, cluster 'b', column '{column}': got 3.0"):
        clusters_from_frame(frame(**{column: values}))
    values[3] = np.nan
    with pytest.raises(BadInputError, match=f"row 3, .*'{column}': got nan"):
        clusters_from_frame(frame(**{column: values}))


def test_what_belongs_to_a_cluster_may_be_missing_throughout():
    clusters = clusters_from_frame(frame(nipple_x_mm=[np.nan, 2, np.nan, np.nan, 2])).clusters
    np.testing.assert_array_equal(clusters.nipple_x_mm, np.array([np.nan, 2], np.float32))


def test_exactly_repeated_rows_are_dropped_with_a_warning_that_counts():
    table = pd.concat([frame(cnr=[1, 2, 3, 4, 5]), frame(cnr=[1, 2, 3, 4, 6])], ignore_index=True)
    with pytest.warns(RepeatedRowsWarning, match="a.csv: 4 exactly repeated rows were dropped"):
        intake = clusters_from_frame(table, source="a.csv")
    assert intake.n_duplicates == 4
    assert intake.clusters.n_calcifications.tolist() == [3, 3]
    assert intake.clusters.cnr.tolist() == [1, 3, 4, 2, 5, 6]


def test_rows_that_differ_in_an_extra_column_are_not_repeated():
    table = pd.concat([frame(), frame()], ignore_index=True)
    table["spot"] = range(10)
    with pytest.warns(IgnoredColumnWarning, match="'spot'"):
        intake = clusters_from_frame(table)
    assert (intake.n_duplicates, intake.ignored) == (0, ("spot",))


def test_the_same_row_in_two_clusters_is_no_repetition():
    table = frame(x_mm=[1.0] * 5, y_mm=[1.0] * 5, cluster_id=list("abcde"))
    assert clusters_from_frame(table).n_duplicates == 0


def test_unknown_columns_of_one_value_a_cluster_go_to_meta():
    table = frame(
        age=[50, 60, 50, 50, 60], note=["é", None, "é", "é", None], group_id=[7, 8, 7, 7, 8]
    )
    meta = clusters_from_frame(table).clusters.meta
    assert list(meta) == ["group_id", "age", "note"]
    assert meta.age.tolist() == [50, 60]
    assert meta.note[0] == "é"
    assert pd.isna(meta.note[1])
    assert meta.group_id.tolist() == ["7", "8"]


def test_a_column_of_our_name_gives_way_to_the_mapped_one():
    table = frame(
        group_id=["p", "q", "p", "p", "q"], patient=["r", "s", "r", "r", "s"], u=[1.0] * 5
    )
    with pytest.warns(IgnoredColumnWarning, match="'x_mm', 'group_id'"):
        clusters = clusters_from_frame(
            table, ReadOptions(columns={"group_id": "patient", "x": "u"})
        ).clusters
    assert clusters.meta.group_id.tolist() == ["r", "s"]
    assert clusters.x_mm.tolist() == [1] * 5


@pytest.mark.parametrize(
    ("units", "spacing", "factor"), [("px", 0.07, 0.07), ("um", None, 0.001), ("cm", None, 10.0)]
)
def test_units_scale_lengths_and_areas_and_nothing_else(units, spacing, factor):
    table = frame(
        diameter_mm=[2.0] * 5,
        nipple_x_mm=[3.0] * 5,
        breast_area_mm2=[4.0] * 5,
        aspect_ratio=[2.0] * 5,
        orientation_deg=[30.0] * 5,
        cnr=[6.0] * 5,
    )
    clusters = clusters_from_frame(table, ReadOptions(units=units, pixel_spacing=spacing)).clusters
    expected = {
        "x_mm": 2 * factor,
        "diameter_mm": 2 * factor,
        "aspect_ratio": 2,
        "orientation_deg": 30,
        "cnr": 6,
    }
    for name, value in expected.items():
        assert getattr(clusters, name)[1] == np.float32(value)
    assert clusters.nipple_x_mm[0] == np.float32(3 * factor)
    assert clusters.breast_area_mm2[0] == np.float32(4 * factor**2)


def test_one_cluster_without_ids_only_when_said():
    table = frame().drop(columns="cluster_id")
    with pytest.raises(BadInputError, match="single_cluster"):
        clusters_from_frame(table)
    clusters = clusters_from_frame(table, ReadOptions(single_cluster="lesion 1")).clusters
    assert (clusters.cluster_id.tolist(), clusters.n_calcifications.tolist()) == (["lesion 1"], [5])


@settings(deadline=None)
@given(st.permutations(range(12)), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_grouping_equals_the_obvious_way(order, ids):
    table = pd.DataFrame({"cluster_id": ids, "x_mm": order, "y_mm": range(12)})
    clusters = clusters_from_frame(table).clusters
    obvious = {str(key): part for key, part in table.groupby("cluster_id", sort=False)}
    assert clusters.cluster_id.tolist() == list(obvious)
    for i, part in enumerate(obvious.values()):
        assert clusters[i].x_mm.tolist() == part.x_mm.tolist()
        assert clusters[i].y_mm.tolist() == part.y_mm.tolist()
    assert {name for name in MARK_NAMES if not np.isnan(getattr(clusters, name)).all()} == {
        "x_mm",
        "y_mm",
    }


@pytest.mark.parametrize(
    "missing", ["nan", "<NA>", "None", "NA", "n/a", "#N/A", " ", None, np.nan, pd.NA, b"nan"]
)
def test_missing_ids_are_refused(missing):
    frame = pd.DataFrame(
        {"cluster_id": ["A", missing], "x_mm": [1, 2], "y_mm": [1, 2]}, dtype=object
    )
    with pytest.raises(BadInputError, match="row 1, column 'cluster_id'"):
        ClusterSet.from_dataframe(frame)
    intake = clusters_from_frame(frame, ReadOptions(skip_bad=True))
    assert intake.clusters.cluster_id.tolist() == ["A"]


def test_blanks_around_ids_do_not_make_another_cluster():
    frame = pd.DataFrame({"cluster_id": ["A", "A ", b"A"], "x_mm": [1, 2, 3], "y_mm": [1, 2, 3]})
    assert ClusterSet.from_dataframe(frame).cluster_id.tolist() == ["A"]


def test_the_label_of_noise_is_warned_of():
    frame = pd.DataFrame({"cluster_id": [-1, -1, 0], "x_mm": [1, 2, 3], "y_mm": [1, 2, 3]})
    with pytest.warns(
        NoticeWarning, match="cluster '-1' was read as a cluster; clustering programs"
    ):
        assert ClusterSet.from_dataframe(frame).cluster_id.tolist() == ["-1", "0"]
    texts = frame.assign(cluster_id=["-1.0", "-1.0", "0.0"])
    with pytest.warns(NoticeWarning, match="cluster '-1.0' was read as a cluster"):
        ClusterSet.from_dataframe(texts)


def test_too_many_columns_are_refused():
    frame = pd.DataFrame(np.zeros((1, 2001)))
    with pytest.raises(BadInputError, match="got '2001 columns', expected at most 2000 columns"):
        ClusterSet.from_dataframe(frame)


def test_columns_come_in_order_and_unknown_ones_are_left_out():
    clusters = ClusterSet.from_arrays(
        [0, 2, 3],
        [0, 1, 2],
        [3, 4, 5],
        cluster_id=["a", "b"],
        cnr=[1, np.nan, np.nan],
        nipple_y_mm=[7, np.nan],
        meta={"note": ["p", "q"]},
    )
    table = clusters.to_dataframe()
    assert list(table) == ["cluster_id", "x_mm", "y_mm", "cnr", "nipple_y_mm", "note"]
    assert table.cluster_id.tolist() == ["a", "a", "b"]
    assert table.note.tolist() == ["p", "p", "q"]
    assert table.nipple_y_mm.isna().tolist() == [False, False, True]
    assert known_columns(clusters) == ["x_mm", "y_mm", "cnr", "nipple_y_mm"]
    again = clusters_from_frame(table).clusters
    np.testing.assert_array_equal(again.cnr, clusters.cnr)
    pd.testing.assert_frame_equal(again.meta, clusters.meta)


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (ClusterSet.from_arrays([0, 1, 1], [0], [0]), "cluster '1': expected at least one"),
        (
            ClusterSet.from_arrays([0, 1, 2], [0, 1], [0, 1], cluster_id=["a", "a"]),
            "cluster 'a': expected each cluster id once",
        ),
        (ClusterSet.from_arrays([0, 1], [0], [0], meta={"cnr": [1]}), "column 'cnr'"),
    ],
)
def test_what_a_long_table_cannot_hold(clusters, message):
    with pytest.raises(BadInputError, match=message):
        frame_from_clusters(clusters)
