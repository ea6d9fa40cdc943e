import pytest

from calcigram.errors import BadInputError
from calcigram.longtable.columns import factors, resolve_columns
from calcigram.options import ReadOptions

PLAIN = ["cluster_id", "x_mm", "y_mm"]


def test_plain_names_are_found():
    assert resolve_columns(PLAIN, ReadOptions()) == dict(zip(PLAIN, PLAIN, strict=True))


@pytest.mark.parametrize("missing", PLAIN)
def test_a_missing_column_is_named_with_what_is_there(missing):
    present = [name for name in PLAIN if name != missing] + ["other"]
    with pytest.raises(BadInputError) as caught:
        resolve_columns(present, ReadOptions(), source="a.csv")
    assert (caught.value.column, caught.value.source) == (missing, "a.csv")
    assert f"{missing}=NAME" in str(caught.value)
    assert "'other'" in str(caught.value)


@pytest.mark.parametrize("key", ["x", "x_mm"])
def test_short_and_full_keys_map(key):
    assert (
        resolve_columns(["cluster_id", "posX", "y_mm"], ReadOptions(columns={key: "posX"}))["x_mm"]
        == "posX"
    )


def test_two_headings_may_change_places():
    names = resolve_columns(PLAIN, ReadOptions(columns={"x": "y_mm", "y": "x_mm"}))
    assert (names["x_mm"], names["y_mm"]) == ("y_mm", "x_mm")


def test_a_heading_mapped_elsewhere_is_not_taken_for_its_own_name():
    with pytest.raises(BadInputError, match="column 'y_mm'"):
        resolve_columns(PLAIN, ReadOptions(columns={"x": "y_mm"}))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": "posX"}, "column 'posX': expected one of 'cluster_id', 'x_mm', 'y_mm'"),
        ({"height": "y_mm"}, "column 'height': expected one of cluster_id, x_mm"),
        ({"x": "x_mm", "y": "x_mm"}, "column 'x_mm': expected each column mapped once"),
        ({"x": "x_mm", "x_mm": "y_mm"}, "column 'y_mm': expected each column mapped once"),
    ],
)
def test_bad_mappings(columns, message):
    with pytest.raises(BadInputError, match=message):
        resolve_columns(PLAIN, ReadOptions(columns=columns))


def test_a_heading_twice_is_refused():
    with pytest.raises(BadInputError, match="column 'x_mm': expected each heading once"):
        resolve_columns([*PLAIN, "x_mm"], ReadOptions())


@pytest.mark.parametrize("headings", [["x_px", "y_px"], ["x", "y"], ["x_mm", "y_mm"]])
def test_other_units_look_for_their_own_headings(headings):
    names = resolve_columns(["cluster_id", *headings], ReadOptions(units="px", pixel_spacing=0.1))
    assert [names["x_mm"], names["y_mm"]] == headings


def test_without_a_unit_in_the_heading_millimetres_are_not_assumed():
    with pytest.raises(BadInputError, match="column 'x_mm'"):
        resolve_columns(["cluster_id", "x", "y"], ReadOptions())


def test_ids_and_single_cluster_exclude_each_other():
    with pytest.raises(BadInputError, match="no column of cluster ids"):
        resolve_columns(PLAIN, ReadOptions(single_cluster="one"))


@pytest.mark.parametrize(
    ("units", "spacing", "message"),
    [
        ("px", None, "the pixel spacing in mm"),
        ("px", 0.0, "got 0.0, expected a number above 0 in mm, from 0.002 to 10"),
        ("px", float("nan"), "expected a number above 0 in mm"),
        ("px", 70, "got 70, expected a number above 0 in mm, from 0.002 to 10"),
        ("px", "wide", "expected a number above 0 in mm"),
        ("inch", None, "got 'inch', expected one of mm, cm, um, px"),
        ("mm", 0.07, "units 'px' where a pixel spacing is given"),
    ],
)
def test_bad_units(units, spacing, message):
    with pytest.raises(BadInputError, match=message):
        factors(ReadOptions(units=units, pixel_spacing=spacing))
