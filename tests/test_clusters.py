import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, MARKS, OPTIONAL_MARKS, ClusterSet
from calcigram.errors import BadInputError
from calcigram.lexicon import SIZE_CLASSES


def three_clusters(**columns):
    return ClusterSet.from_arrays(
        [0, 2, 2, 5],
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        cluster_id=["a", "b", "c"],
        meta={"group_id": ["p", "q", "r"]},
        nipple_x_mm=[1, np.nan, 3],
        **columns,
    )


def test_arrays_are_float32_and_offsets_int64():
    clusters = three_clusters(diameter_mm=[0.1] * 5)
    assert clusters.offsets.dtype == np.int64
    assert {getattr(clusters, name).dtype for name in (*MARK_NAMES, *CLUSTER_NAMES)} == {
        np.dtype(np.float32)
    }
    assert clusters.shape == (3,)
    assert clusters.n_calcifications.tolist() == [2, 0, 3]


def test_missing_marks_are_nan():
    clusters = three_clusters()
    for name in OPTIONAL_MARKS:
        assert np.isnan(getattr(clusters, name)).all()


@pytest.mark.parametrize("key", [2, -1, [2], slice(2, 3), np.array([False, False, True])])
def test_choosing_a_cluster_takes_all_of_it(key):
    chosen = three_clusters(cnr=[1, 2, 3, 4, 5])[key]
    assert chosen.cluster_id.tolist() == ["c"]
    assert chosen.x_mm.tolist() == [2, 3, 4]
    assert chosen.cnr.tolist() == [3, 4, 5]
    assert chosen.nipple_x_mm.tolist() == [3]
    assert chosen.meta.group_id.tolist() == ["r"]


@given(st.lists(st.integers(0, 2), max_size=8))
def test_choosing_is_choosing_of_each(indices):
    clusters = three_clusters()
    chosen = clusters[np.array(indices, dtype=int)]
    single = ClusterSet.concat([clusters[i] for i in indices])
    np.testing.assert_array_equal(chosen.offsets, single.offsets)
    np.testing.assert_array_equal(chosen.x_mm, single.x_mm)
    assert chosen.cluster_id.tolist() == single.cluster_id.tolist()


@given(st.integers(1, 5))
def test_batches_join_to_the_whole(size):
    clusters = three_clusters()
    joined = ClusterSet.concat(list(clusters.batches(size)))
    np.testing.assert_array_equal(joined.offsets, clusters.offsets)
    np.testing.assert_array_equal(joined.y_mm, clusters.y_mm)
    pd.testing.assert_frame_equal(joined.meta, clusters.meta)


def test_thinned_keeps_calcifications_of_the_same_clusters():
    rng = np.random.default_rng(0)
    counts = np.array([3, 9, 30])
    clusters = ClusterSet.from_arrays(
        np.r_[0, counts.cumsum()], rng.normal(size=42), rng.normal(size=42),
        diameter_mm=rng.uniform(0.1, 1, 42), nipple_x_mm=[1, 2, 3], nipple_y_mm=[4, 5, 6],
    )  # fmt: skip
    for most, kept in ((8, [3, 8, 8]), (np.array([2, 9, 40]), [2, 9, 30])):
        few = clusters.thinned(most, rng)
        assert few.n_calcifications.tolist() == kept
        assert few.cluster_id.tolist() == clusters.cluster_id.tolist()
        assert few.nipple_x_mm.tolist() == [1, 2, 3]
        for i in range(3):
            whole = {*zip(clusters[i].x_mm, clusters[i].y_mm, clusters[i].diameter_mm, strict=True)}
            assert {*zip(few[i].x_mm, few[i].y_mm, few[i].diameter_mm, strict=True)} <= whole


def test_positions_only_forgets_all_else():
    clusters = three_clusters(cnr=[1, 2, 3, 4, 5]).positions_only()
    assert np.isnan(clusters.cnr).all()
    assert np.isnan(clusters.nipple_x_mm).all()
    assert clusters.x_mm.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("diameters", "expected"),
    [
        ([0.1, 0.4999], "micro"),
        ([0.5, 2.0], "macro"),
        ([0.4, 0.5], "mixed"),
        ([0.4, np.nan], "micro"),
        ([np.nan, np.nan], None),
    ],
)
def test_size_class_parts_at_half_a_millimetre(diameters, expected):
    clusters = ClusterSet.from_arrays([0, 2], [0, 1], [0, 1], diameter_mm=diameters)
    code = clusters.size_class()[0]
    assert (None if code < 0 else SIZE_CLASSES[code]) == expected


BAD_VALUES = [
    ("x_mm", np.nan),
    ("y_mm", np.inf),
    ("x_mm", 2e6),
    ("diameter_mm", 0.0),
    ("diameter_mm", -1.0),
    ("aspect_ratio", 0.99),
    ("orientation_deg", 180.0),
    ("orientation_deg", -1.0),
    ("solidity", 0.0),
    ("solidity", 1.01),
    ("cnr", -0.1),
    ("cnr", np.inf),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_bad_values_are_named(name, value):
    columns = {"x_mm": [0.0, 1.0], "y_mm": [0.0, 1.0]}
    columns[name] = [next(iter(columns.get(name, [1.0]))), value]
    with pytest.raises(BadInputError) as caught:
        ClusterSet.from_arrays([0, 1, 2], **columns, cluster_id=["a", "b"])
    assert (caught.value.column, caught.value.cluster_id) == (name, "b")
    assert caught.value.expected in {column.expected for column in MARKS}


@pytest.mark.parametrize("offsets", [[0, 1], [1, 2], [0, 2, 1, 2], [], [[0, 2]]])
def test_offsets_must_fit(offsets):
    with pytest.raises(BadInputError, match="offsets that start at 0"):
        ClusterSet.from_arrays(offsets, [0, 1], [0, 1])


def test_unknown_and_misfit_columns_are_refused():
    with pytest.raises(BadInputError, match="'size'"):
        ClusterSet.from_arrays([0, 1], [0], [0], size=[1])
    with pytest.raises(BadInputError, match="1 values"):
        ClusterSet.from_arrays([0, 1], [0], [0], cnr=[1, 2])
    with pytest.raises(BadInputError, match="meta"):
        ClusterSet.from_arrays([0, 1], [0], [0], meta={"a": [1, 2]})
    with pytest.raises(BadInputError, match="cnr"):
        three_clusters().without("size")


def test_concat_of_nothing_is_empty():
    assert len(ClusterSet.concat([])) == 0


def arrays(**changed):
    """Return what `ClusterSet` itself takes, for two clusters of three calcifications."""
    clusters = ClusterSet.from_arrays([0, 3, 6], np.arange(6.0), np.arange(6.0), cnr=np.arange(6.0))
    fields = {field.name: getattr(clusters, field.name) for field in dataclasses.fields(ClusterSet)}
    return fields | changed


@pytest.mark.parametrize(
    "offsets",
    [
        [0, 3, 6_000_000], [0, 3, 5], [0, -3, 6], [1, 3, 6], [0, 6, 3], [0, 2**63 - 1, -(2**63), 6],
        [], [[0, 3, 6]], [0.0, 3.5, 6.0], [0.0, np.nan, 6.0], [0, 2.0**70, 6], ["a", "b", "c"], [0, None, 6], 6,
    ],
)  # fmt: skip
def test_offsets_that_do_not_divide_the_marks_are_refused_by_every_constructor(offsets):
    with pytest.raises(BadInputError, match="expected offsets that start at 0"):
        ClusterSet(**arrays(offsets=np.array(offsets)))
    with pytest.raises(BadInputError, match="expected offsets that start at 0"):
        ClusterSet.from_arrays(offsets, np.arange(6.0), np.arange(6.0))
    with pytest.raises(BadInputError, match="expected offsets that start at 0"):
        dataclasses.replace(ClusterSet(**arrays()), offsets=np.array(offsets))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -2e6])
@pytest.mark.parametrize("column", ["x_mm", "y_mm"])
def test_positions_no_kernel_can_bear_are_refused_by_every_constructor(column, value):
    values = np.arange(6, dtype=np.float32)
    values[4] = value
    with pytest.raises(BadInputError, match=f"row 4, cluster '1', column '{column}': got"):
        ClusterSet(**arrays(**{column: values}))
    with pytest.raises(BadInputError, match=f"row 4, cluster '1', column '{column}': got"):
        ClusterSet.from_arrays([0, 3, 6], **{"x_mm": range(6), "y_mm": range(6)} | {column: values})


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("cnr", np.full(5, 1.0)), ("solidity", np.full((6, 1), 0.5)), ("solidity", np.float32(0.5)),
        ("x_mm", np.array(list("abcdef"))), ("nipple_x_mm", np.zeros(6)), ("breast_area_mm2", "large"),
        ("cluster_id", np.array(["a"], object)), ("meta", pd.DataFrame(index=range(3))),
    ],
)  # fmt: skip
def test_columns_of_wrong_shape_are_refused_when_a_set_is_made_directly(column, values):
    with pytest.raises(BadInputError, match=f"column '{column}'"):
        ClusterSet(**arrays(**{column: values}))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("cnr", np.full(6, np.inf)), ("diameter_mm", np.full(6, 3e38)), ("aspect_ratio", np.zeros(6)),
        ("nipple_x_mm", [np.nan, np.inf]), ("breast_area_mm2", [0, 1]), ("orientation_deg", np.full(6, 180)),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_by_from_arrays(column, values):
    with pytest.raises(BadInputError, match=f"cluster '[01]', column '{column}': got"):
        ClusterSet.from_arrays([0, 3, 6], np.arange(6.0), np.arange(6.0), **{column: values})


@pytest.mark.parametrize(
    "turn",
    [
        lambda x: x.astype(np.float64),
        lambda x: np.repeat(x, 2)[::2],
        lambda x: x[::-1].copy()[::-1],
        lambda x: x.astype(">f4"),
        lambda x: x.astype(np.int32),
        list,
    ],
    ids=["float64", "strided", "negative stride", "big endian", "whole", "list"],
)
def test_other_arrays_become_what_kernels_take(turn):
    usual = ClusterSet(**arrays())
    clusters = ClusterSet(**arrays(x_mm=turn(usual.x_mm)))
    assert clusters.x_mm.dtype == np.float32
    assert clusters.x_mm.flags.c_contiguous
    np.testing.assert_array_equal(clusters.x_mm, usual.x_mm)


def test_what_was_checked_cannot_be_changed_any_more():
    offsets, x = np.array([0, 3, 6]), np.arange(6, dtype=np.float32)
    clusters = ClusterSet(**arrays(offsets=offsets, x_mm=x))
    offsets[2] = 6_000_000
    assert clusters.offsets.tolist() == [0, 3, 6]
    with pytest.raises(ValueError, match="read-only"):
        clusters.offsets[2] = 7
    with pytest.raises(ValueError, match="read-only"):
        clusters.x_mm[0] = np.nan
    x[0] = 1  # the caller's own array stays his own


@pytest.mark.parametrize("name", ["offsets", "x_mm", "cluster_id", "diameter_mm"])
def test_lists_of_different_lengths_are_refused(name):
    ragged = [[1], [2, 3], []]
    given = {"offsets": [0, 3], "x_mm": [0, 1, 2], "y_mm": [0, 1, 2]} | {name: ragged}
    with pytest.raises(BadInputError, match=name):
        ClusterSet.from_arrays(**given)
    with pytest.raises(BadInputError, match="meta"):
        ClusterSet.from_arrays([0, 1], [0], [0], meta={"a": np.zeros((1, 2))})


def test_a_table_of_indices_is_refused():
    clusters = ClusterSet.from_arrays([0, 1, 2, 3], [0, 1, 2], [0, 0, 0])
    with pytest.raises(IndexError, match=r"one list of indices, got shape \(2, 2\)"):
        clusters[np.zeros((2, 2), int)]
