import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats import iter_clusters, read_clusters, read_intake, write_clusters
from calcigram.formats.parquet import FORMAT_VERSION
from calcigram.formats.registry import iter_intakes
from calcigram.longtable.intake import NoticeWarning
from calcigram.options import ReadOptions
from calcigram.simulate import simulate


@pytest.fixture
def table(tmp_path):
    """Write columns as Parquet; the basis is two clusters as lists."""

    def write(*, drop=(), metadata=None, **columns):
        base = {"cluster_id": ["a", "b"], "x_mm": [[1.0, 2.0], [3.0]], "y_mm": [[4.0, 5.0], [6.0]]}
        chosen = {key: value for key, value in (base | columns).items() if key not in drop}
        path = tmp_path / "a.parquet"
        parquet.write_table(pa.table(chosen).replace_schema_metadata(metadata), path)
        return path

    return write


def test_the_file_says_its_layout_and_version(tmp_path, rich):
    write_clusters(rich, tmp_path / "a.parquet")
    schema = parquet.read_schema(tmp_path / "a.parquet")
    assert json.loads(schema.metadata[b"calcigram"]) == {
        "format": "clusters",
        "layout": "lists",
        "version": FORMAT_VERSION,
    }
    assert schema.field("x_mm").type.value_type == pa.float32()


def test_foreign_lists_are_read(table):
    path = table(
        cluster_id=pa.array([7.0, 8.0]),
        x_mm=pa.array([[1, 2], [3]], pa.large_list(pa.int64())),
        cnr=pa.array([None, [2.0]]),
        solidity=pa.array([[0.5, None], [1.0]]),
        note=["p", "q"],
        extra=[[1], [2]],
    )
    intake = read_intake(path)
    clusters = intake.clusters
    assert clusters.cluster_id.tolist() == ["7", "8"]
    assert clusters.x_mm.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(clusters.cnr, np.array([np.nan, np.nan, 2], np.float32))
    np.testing.assert_array_equal(clusters.solidity, np.array([0.5, np.nan, 1], np.float32))
    assert clusters.meta.to_dict("list") == {"note": ["p", "q"]}
    assert intake.ignored == ("extra",)


BAD = [
    ({"x_mm": [[1.0, float("nan")], [3.0]]}, "row 0, cluster 'a', column 'x_mm': got nan"),
    ({"y_mm": [[1.0, 2.0], [float("inf")]]}, "row 1, cluster 'b', column 'y_mm': got inf"),
    ({"x_mm": [[1.0, None], [3.0]]}, "row 0, cluster 'a', column 'x_mm': got nan"),
    ({"y_mm": [[1.0], [2.0]]}, "row 0, .*column 'y_mm': got '1 values', expected as many"),
    ({"y_mm": [None, [2.0]]}, "row 0, .*column 'y_mm': got '0 values', expected as many"),
    ({"cnr": [[1.0, 2.0], [-3.0]]}, "row 1, cluster 'b', column 'cnr': got -3.0"),
    ({"cluster_id": ["a", ""]}, "row 1, column 'cluster_id': got '', expected an identifier"),
    ({"cluster_id": ["a", None]}, "row 1, column 'cluster_id': got '', expected an identifier"),
    ({"nipple_x_mm": [1.0, float("inf")]}, "row 1, cluster 'b', column 'nipple_x_mm': got inf"),
    ({"x_mm": [["p", "q"], ["r"]]}, "column 'x_mm': got 'string', expected numbers"),
    ({"y_mm": [1.0, 2.0]}, "column 'y_mm': got 'double', expected a list of numbers"),
]


@pytest.mark.parametrize(("columns", "message"), BAD)
def test_bad_values_are_named_by_row_and_cluster(table, columns, message):
    path = table(**columns)
    with pytest.raises(BadInputError, match=message) as caught:
        read_clusters(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("columns", [columns for columns, _ in BAD[:9]])
def test_skip_bad_leaves_the_bad_cluster_out(table, columns):
    intake = read_intake(table(**columns), ReadOptions(skip_bad=True))
    assert intake.n_rejected == intake.rejects["row"].nunique()
    assert len(intake.clusters) == 2 - intake.n_rejected
    assert not set(intake.clusters.cluster_id) & set(intake.rejects.cluster_id.dropna())


def test_rows_count_through_the_batches(tmp_path):
    x = np.arange(100.0)
    clusters = ClusterSet.from_arrays(np.arange(101), x, x, cnr=np.where(x == 57, 1, 2))
    write_clusters(clusters, tmp_path / "a.parquet")
    stored = parquet.read_table(tmp_path / "a.parquet")
    cnr = [[-1.0] if i == 57 else [1.0] for i in range(100)]
    stored = stored.set_column(stored.column_names.index("cnr"), "cnr", pa.array(cnr))
    parquet.write_table(stored, tmp_path / "a.parquet", row_group_size=13)
    with pytest.raises(BadInputError, match="row 57, cluster '57'"):
        list(iter_clusters(tmp_path / "a.parquet", 10))


def test_a_missing_column_is_named(table):
    with pytest.raises(BadInputError, match="column 'y_mm': expected a column of this name"):
        read_clusters(table(drop=["y_mm"]))


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, "1", None])
def test_a_newer_format_is_refused(table, version):
    note = json.dumps({"format": "clusters", "version": version})
    with pytest.raises(BadInputError, match=r"column 'version': got .*a newer calcigram"):
        read_clusters(table(metadata={"calcigram": note}))


def test_a_long_table_without_rows_has_no_clusters(table):
    nothing = pa.array([], pa.float32())
    path = table(cluster_id=pa.array([], pa.string()), x_mm=nothing, y_mm=nothing)
    with pytest.warns(NoticeWarning, match="no clusters"):
        assert len(read_clusters(path)) == 0


def test_lists_without_rows_are_refused(table):
    empty = pa.array([], pa.list_(pa.float32()))
    path = table(cluster_id=pa.array([], pa.string()), x_mm=empty, y_mm=empty)
    with pytest.raises(BadInputError, match="expected at least one row"):
        read_clusters(path)


@pytest.mark.parametrize("keep", [4, 100, -20])
def test_a_damaged_file_is_refused(tmp_path, rich, keep):
    write_clusters(rich, tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[:keep])
    with pytest.raises(BadInputError, match="expected an undamaged Parquet file"):
        read_clusters(tmp_path / "a.parquet")


def test_damaged_data_between_sound_ends_are_refused(tmp_path, rich):
    write_clusters(rich, tmp_path / "a.parquet")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[100:1500] = bytes(1400)
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(BadInputError, match="expected an undamaged Parquet file"):
        read_clusters(tmp_path / "a.parquet")


def test_a_damaged_column_name_is_refused(tmp_path):
    parquet.write_table(
        pa.table({"cluster_id": ["a"], "x_mm": [1.0], "y_mm": [2.0]}), tmp_path / "a"
    )
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content.replace(b"y_mm", b"y\xff\xffm"))
    with pytest.raises(BadInputError, match="expected an undamaged Parquet file"):
        read_clusters(tmp_path / "a")


@pytest.mark.parametrize("note", [b"{", b"[1]", b"\xff", b'{"version": "1"}'])
def test_a_damaged_note_of_the_version_is_refused(tmp_path, note):
    lists = pa.array([[1.0, 2.0]], pa.list_(pa.float32()))
    table = pa.table({"cluster_id": ["a"], "x_mm": lists, "y_mm": lists})
    parquet.write_table(table.replace_schema_metadata({b"calcigram": note}), tmp_path / "a")
    with pytest.raises(BadInputError, match="a format version up to"):
        read_clusters(tmp_path / "a")


def test_a_long_table_of_other_hands(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(
        pa.table({"lesion": [7, 8, 7], "x_px": [10, 20, 30], "y_px": [1.0, 2.0, 3.0]}), path
    )
    clusters = read_clusters(path, columns={"id": "lesion"}, units="px", pixel_spacing=0.5)
    assert clusters.cluster_id.tolist() == ["7", "8"]
    assert clusters.x_mm.tolist() == [5, 15, 10]


def test_arrays_lie_in_arrow_memory_without_a_copy(tmp_path, rich):
    write_clusters(rich, tmp_path / "a.parquet")
    clusters = next(iter_clusters(tmp_path / "a.parquet"))
    assert not clusters.x_mm.flags.owndata


def skip_with_an_older_arrow():
    """Skip a test of a file that only a newer Arrow than the oldest allowed can write."""
    assert int(pa.__version__.split(".")[0]) < 26
    pytest.skip(f"pyarrow {pa.__version__} cannot write this file")


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float64(), 2), pa.list_(pa.float32(), 2), pa.list_view(pa.float32()),
        pa.large_list_view(pa.int64()), pa.large_list(pa.float16()),
    ],
    ids=str,
)  # fmt: skip
def test_lists_of_every_kind_are_read(tmp_path, kind):
    values = [[1, 2], [3, 4], [5, 6]]
    try:
        table = pa.table(
            {
                "cluster_id": ["a", "b", "c"],
                "x_mm": pa.array(values, kind),
                "y_mm": pa.array(values, kind),
                "cnr": pa.array([[1, 2], None, [5, 6]], kind),
            }
        )
        parquet.write_table(table, tmp_path / "a.parquet")
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
        skip_with_an_older_arrow()
    clusters = read_clusters(tmp_path / "a.parquet")
    assert clusters.offsets.tolist() == [0, 2, 4, 6]
    assert clusters.x_mm.tolist() == clusters.y_mm.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(clusters.cnr, np.array([1, 2, np.nan, np.nan, 5, 6], np.float32))


LAYOUTS = {
    "lists": lambda ids: {"cluster_id": ids, "x_mm": [[1.0]] * len(ids), "y_mm": [[2.0]] * len(ids)},
    "long": lambda ids: {"cluster_id": ids, "x_mm": np.arange(len(ids)) * 1.0, "y_mm": [2.0] * len(ids)},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "ids",
    [
        pa.array([b"A", b"B "]), pa.array([b"A", b"B"], pa.large_binary()), ["A", " B"],
        pa.array(["A", "B"]).dictionary_encode(), pa.array(["A", "B\t"], pa.large_string()),
        pa.array([b"A", b"B"], pa.binary(1)), pa.array(["A", "B"], pa.string_view()),
    ],
    ids=lambda ids: str(getattr(ids, "type", "blank"))[:12],
)  # fmt: skip
def test_ids_of_every_kind_are_text_without_blanks_around(tmp_path, layout, ids):
    try:
        parquet.write_table(pa.table(LAYOUTS[layout](ids)), tmp_path / "a.parquet")
    except pa.ArrowNotImplementedError:
        skip_with_an_older_arrow()
    assert read_clusters(tmp_path / "a.parquet").cluster_id.tolist() == ["A", "B"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("missing", ["nan", "<NA>", "None", "NA", "  ", None, b"nan", float("nan")])
def test_missing_ids_are_refused_with_their_row(tmp_path, layout, missing):
    others = b"A" if isinstance(missing, bytes) else 7.0 if isinstance(missing, float) else "A"
    parquet.write_table(pa.table(LAYOUTS[layout]([others, missing])), tmp_path / "a.parquet")
    with pytest.raises(
        BadInputError, match=r"row 1, column 'cluster_id': got .*, expected an identifier"
    ):
        read_clusters(tmp_path / "a.parquet")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_id_of_noise_is_told(tmp_path, layout):
    parquet.write_table(pa.table(LAYOUTS[layout]([-1, 0, 1])), tmp_path / "a.parquet")
    with pytest.warns(NoticeWarning, match="cluster '-1' was read as a cluster"):
        assert len(read_clusters(tmp_path / "a.parquet")) == 3
    assert len(read_intake(tmp_path / "a.parquet").notes) == 1


def test_a_row_group_without_rows_is_read(tmp_path):
    """Tables are appended part by part, and a part may be empty."""
    from calcigram.formats import table_writer

    frame = pd.DataFrame({"cluster_id": ["a"], "x_mm": [1.0], "y_mm": [2.0]})
    with table_writer(tmp_path / "a.parquet") as write:
        for part in (frame[:0], frame, frame[:0]):
            write(part)
    assert read_clusters(tmp_path / "a.parquet").cluster_id.tolist() == ["a"]


@pytest.mark.parametrize("batch_size", [7, 30, 100, 150, 5000])
@pytest.mark.parametrize("coded", [False, True])
def test_parts_of_small_row_groups_can_be_left_out(tmp_path, batch_size, coded):
    """A run that is resumed leaves out as many parts as were read before: none else, none less."""
    clusters = simulate(240, seed=3)
    path = tmp_path / "g.parquet"
    write_clusters(clusters.batches(60), path)
    if coded:
        table = parquet.read_table(path)
        at = table.schema.get_field_index("cluster_id")
        groups = [
            part.set_column(
                at, "cluster_id", part["cluster_id"].combine_chunks().dictionary_encode()
            )
            for part in (table.slice(start, 60) for start in range(0, 240, 60))
        ]
        with parquet.ParquetWriter(path, groups[0].schema) as writer:
            for group in groups:
                writer.write_table(group)
    parts = [list(one.clusters.cluster_id) for one in iter_intakes(path, batch_size)]
    assert [name for part in parts for name in part] == clusters.cluster_id.tolist()
    for skip in range(len(parts) + 1):
        left = [list(one.clusters.cluster_id) for one in iter_intakes(path, batch_size, skip=skip)]
        assert left == parts[skip:]
