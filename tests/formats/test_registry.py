import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from calcigram.clusters import CLUSTER_NAMES, POINT_NAMES, ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats import iter_clusters, read_clusters, read_intake, write_clusters
from calcigram.longtable import RejectedClustersWarning
from calcigram.longtable.columns import MISSING_IDS
from calcigram.options import ReadOptions

LAYOUTS = [("a.csv", None), ("a.parquet", None), ("a.parquet", "long")]


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_round_trip_is_without_loss(tmp_path, rich, assert_same, name, layout):
    write_clusters(rich, tmp_path / name, layout=layout)
    assert_same(rich, read_clusters(tmp_path / name))


def float32s(low, high, **options):
    low, high = np.float32(low), np.float32(high)
    return st.floats(float(low), float(high), width=32, allow_subnormal=False, **options)


@st.composite
def cluster_sets(draw):
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    n, n_clusters = sum(lengths), len(lengths)

    def column(size, numbers, gaps=True):
        elements = st.one_of(st.just(float("nan")), numbers) if gaps else numbers
        return draw(arrays.arrays(np.float32, size, elements=elements))

    x = column(n, float32s(-1e6, 1e6), gaps=False)
    # Exactly repeated rows would be dropped from a long table, so every y is another.
    y = np.arange(n, dtype=np.float32) + np.float32(0.1)
    ids = draw(
        st.lists(
            st.text(
                st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1
            ).filter(lambda text: text.strip() == text and text not in {*MISSING_IDS, "-1"}),
            min_size=n_clusters,
            max_size=n_clusters,
            unique=True,
        )
    )
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(lengths)]),
        x + 0,  # no minus zero: it equals zero and is not told from it
        y,
        cluster_id=ids,
        diameter_mm=column(n, float32s(1e-30, 1e3)),
        aspect_ratio=column(n, float32s(1, 1e6)),
        orientation_deg=column(n, float32s(0, 180, exclude_max=True)),
        solidity=column(n, float32s(0.001, 1)),
        cnr=column(n, float32s(0, 1e6)),
        confidence=column(n, float32s(0, 1e6)),
        nipple_x_mm=column(n_clusters, float32s(-1e6, 1e6)),
        breast_area_mm2=column(n_clusters, float32s(1e-3, 1e6)),
        meta={"view": ids},
    )


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(clusters=cluster_sets())
def test_any_set_round_trips(tmp_path, assert_same, name, layout, clusters):
    write_clusters(clusters, tmp_path / name, layout=layout)
    assert_same(clusters, read_clusters(tmp_path / name))


def test_content_and_not_the_name_says_what_a_file_is(tmp_path, rich, assert_same):
    write_clusters(rich, tmp_path / "a.parquet")
    (tmp_path / "a.parquet").rename(tmp_path / "a.csv")
    assert_same(rich, read_clusters(tmp_path / "a.csv"))


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_parts_join_to_the_whole(tmp_path, rich, assert_same, name, layout, batch_size):
    write_clusters(rich, tmp_path / name, layout=layout)
    parts = list(iter_clusters(tmp_path / name, batch_size))
    assert max(map(len, parts)) <= batch_size
    assert_same(rich, ClusterSet.concat(parts))


def test_an_iterable_is_written_part_by_part(tmp_path, rich, assert_same):
    for name, layout in LAYOUTS:
        write_clusters(rich.batches(7), tmp_path / name, layout=layout)
        assert_same(rich, read_clusters(tmp_path / name))


def test_clusters_without_calcifications_need_lists(tmp_path, assert_same):
    clusters = ClusterSet.from_arrays([0, 0, 2, 2], [0, 1], [0, 1], cnr=[1, np.nan])
    write_clusters(clusters, tmp_path / "a.parquet")
    assert_same(clusters, read_clusters(tmp_path / "a.parquet"))
    with pytest.raises(BadInputError, match="cluster '0': expected at least one calcification"):
        write_clusters(clusters, tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


def test_positions_alone_make_a_small_table(tmp_path, rich):
    write_clusters(rich.positions_only(), tmp_path / "a.csv")
    heading = (tmp_path / "a.csv").read_text().splitlines()[0]
    assert heading.startswith("cluster_id,x_mm,y_mm,group_id")


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_skip_bad_says_how_many_and_lists_them(tmp_path, rich, name, layout):
    cnr = rich.cnr.copy()
    cnr[rich.offsets[3]] = -1
    cnr[rich.offsets[8]] = -2
    write_clusters(replace(rich, cnr=cnr), tmp_path / name, layout=layout)
    with pytest.raises(BadInputError, match=r"cluster '003', column 'cnr': got .*-1"):
        read_clusters(tmp_path / name)
    with pytest.warns(RejectedClustersWarning, match="2 bad clusters left out"):
        clusters = read_clusters(tmp_path / name, skip_bad=True)
    assert len(clusters) == len(rich) - 2
    intake = read_intake(tmp_path / name, ReadOptions(skip_bad=True))
    assert intake.n_rejected == 2
    assert intake.rejects.cluster_id.tolist() == ["003", "008"]
    assert set(intake.rejects.source) == {str(tmp_path / name)}


@pytest.mark.parametrize(("name", "layout"), LAYOUTS)
def test_units_and_columns_work_in_every_layout(tmp_path, rich, name, layout):
    write_clusters(rich, tmp_path / name, layout=layout)
    swapped = read_clusters(
        tmp_path / name,
        columns={"x": "y_mm", "y": "x_mm", "view": "code"},
        units="px",
        pixel_spacing=0.1,
    )
    np.testing.assert_array_equal(swapped.x_mm, (rich.y_mm * np.float64(0.1)).astype(np.float32))
    np.testing.assert_array_equal(swapped.solidity, rich.solidity)
    assert swapped.meta["view"].tolist() == rich.meta["code"].tolist()


@pytest.mark.parametrize("name", ["a.txt", "a", "a.json", "a.csv.gz"])
def test_other_suffixes_are_refused_on_writing(tmp_path, rich, name):
    with pytest.raises(BadInputError, match=r"expected a name that ends in \.csv or \.parquet"):
        write_clusters(rich, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_unknown_layouts_are_refused(tmp_path, rich):
    with pytest.raises(BadInputError, match="got 'lists', expected one of long"):
        write_clusters(rich, tmp_path / "a.csv", layout="lists")
    with pytest.raises(BadInputError, match="got 'wide', expected one of lists, long"):
        write_clusters(rich, tmp_path / "a.parquet", layout="wide")


def test_ids_must_differ_in_a_long_table(tmp_path, rich):
    twice = ClusterSet.concat([rich, rich])
    with pytest.raises(BadInputError, match="cluster '000': expected each cluster id once"):
        write_clusters(twice, tmp_path / "a.csv")


def test_batches_must_hold_something(tmp_path):
    with pytest.raises(BadInputError, match="at least 1 cluster"):
        next(iter_clusters(tmp_path / "a.csv", 0))


def test_reading_a_sound_file_warns_of_nothing(tmp_path, rich):
    write_clusters(rich, tmp_path / "a.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_clusters(tmp_path / "a.csv")


def test_every_column_took_part(rich):
    for name in (*POINT_NAMES, *CLUSTER_NAMES):
        assert np.isfinite(getattr(rich, name)).any()
    assert not rich.meta.columns.empty
    assert isinstance(rich.meta, pd.DataFrame)
