import pyarrow as pa
import pytest
from pyarrow import parquet

from calcigram.batch import parts_of_files
from calcigram.batch.storage import Storage
from calcigram.errors import BadInputError

LISTS = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("x_mm", pa.list_(pa.float32())),
        ("y_mm", pa.list_(pa.float32())),
    ]
)
LONG = pa.schema([("cluster_id", pa.string()), ("x_mm", pa.float32()), ("y_mm", pa.float32())])


def write(path, schema, n, n_groups=1):
    with parquet.ParquetWriter(path, schema) as writer:
        for _ in range(n_groups):
            x = [[1.0]] * n if schema is LISTS else [1.0] * n
            ids = [f"c{k}" for k in range(n)]
            writer.write_table(pa.table({"cluster_id": ids, "x_mm": x, "y_mm": x}, schema=schema))


@pytest.mark.parametrize("schema", [LISTS, LONG], ids=["lists", "long"])
@pytest.mark.parametrize("n_groups", [0, 1, 2])
def test_an_empty_file_among_others_is_passed_over(tmp_path, schema, n_groups):
    write(tmp_path / "a.parquet", schema, 3)
    write(tmp_path / "b.parquet", schema, 0, n_groups)
    write(tmp_path / "c.parquet", schema, 2)
    parts = parts_of_files(Storage(str(tmp_path)), 10)
    assert [part.n_clusters for part in parts] == [3, 2]


def test_nothing_but_empty_files_is_refused(tmp_path):
    write(tmp_path / "a.parquet", LISTS, 0)
    with pytest.raises(BadInputError, match="expected clusters in Parquet files"):
        parts_of_files(Storage(str(tmp_path)), 10)
