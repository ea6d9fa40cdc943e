"""Tables out: any DataFrame to CSV, Parquet or JSON, at once or batch by batch.

The suffix names the format. For clusters see `registry`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from calcigram.columns import Columns, Words
from calcigram.formats.files import PathLike, suffix_of
from calcigram.formats.temporary import atomic_path

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Write = Callable[["pd.DataFrame | Columns | pa.Table"], None]

TABLE_SUFFIXES = (".csv", ".parquet", ".json")


def write_table(frame: pd.DataFrame, path: PathLike) -> None:
    """Write a table, whole or not at all; the index is left out.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : path-like
        ``.csv`` (missing values empty), ``.parquet`` or ``.json`` (a list of records, missing
        values null).

    Raises
    ------
    BadInputError
        The suffix is another, or the path cannot be written.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "t.json"
    ...     write_table(pd.DataFrame({"a": [1], "b": [float("nan")]}), path)
    ...     print(path.read_text())
    [
    {"a":1,"b":null}
    ]
    """
    with table_writer(path) as write:
        write(frame)


@contextmanager
def table_writer(path: PathLike) -> Iterator[Write]:
    """Give a function that appends a DataFrame to the table at `path`.

    Parameters
    ----------
    path : path-like
        As in `write_table`. The file appears when the context ends well.

    Yields
    ------
    callable
        Takes a DataFrame, or what `arrow_table` makes of it; all must have the columns of the first.

    Raises
    ------
    BadInputError
        As `write_table`.
    """
    to_format = _FORMATS[suffix_of(path, TABLE_SUFFIXES)]
    with atomic_path(path) as temporary, to_format(temporary) as write:
        yield write


def arrow_table(table: pd.DataFrame | Columns | pa.Table) -> pa.Table:
    """Return a table as Arrow has it, NaN as null.

    Parameters
    ----------
    table : DataFrame, mapping of str to Words or ndarray, or pyarrow.Table
        A DataFrame's categories become plain text, and a column of mixed objects too. Batches of
        one table thus share a schema whatever categories each holds. `Words` become
        dictionaries, whose text is written once. An Arrow table is returned as it is.
    """
    import pyarrow as pa

    if isinstance(table, pa.Table):
        return table
    columns: dict[str, Any] = {str(name): values for name, values in table.items()}
    return pa.table(
        {
            name: _dictionary(values) if isinstance(values, Words) else _plain(values)
            for name, values in columns.items()
        }
    )


def _dictionary(words: Words) -> pa.Array:
    import pyarrow as pa

    codes = pa.array(words.codes.astype(np.int32), mask=words.codes < 0)
    return pa.DictionaryArray.from_arrays(codes, pa.array(words.words, pa.string()))


def _plain(values: Any) -> pa.Array:
    import pyarrow as pa

    try:
        column = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        column = pa.array([None if v is None else str(v) for v in values])
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type) or pa.types.is_null(column.type):
        column = column.cast(pa.string())
    return column


def write_csv(table: pa.Table, file: Any, *, header: bool) -> None:
    """Append an Arrow table to an open binary file as CSV that is quoted where needed only.

    Floats are written in the shortest form that reads back to the same bits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    table = pa.table([_plain(column) for column in table.columns], names=table.column_names)
    special = any(
        pc.any(pc.match_substring_regex(column, '[",\r\n]')).as_py()
        for column in table.columns
        if pa.types.is_string(column.type)
    )
    if header:
        file.write((",".join(map(_csv_field, table.column_names)) + "\n").encode())
    style = "needed" if special else "none"
    csv.write_csv(
        table, file, csv.WriteOptions(include_header=False, quoting_style=style, batch_size=65536)
    )


def _csv_field(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(sign in text for sign in '",\r\n') else text


@contextmanager
def _to_csv(path: Path) -> Iterator[Write]:
    with path.open("wb") as file:

        def write(frame: pd.DataFrame | Columns | pa.Table) -> None:
            write_csv(arrow_table(frame), file, header=not file.tell())

        yield write


@contextmanager
def _to_parquet(path: Path) -> Iterator[Write]:
    with ExitStack() as stack:
        writers: list[Any] = []

        def write(frame: pd.DataFrame | Columns | pa.Table) -> None:
            table = arrow_table(frame)
            if not writers:
                writers.append(stack.enter_context(parquet_writer(path, table.schema)))
            writers[0].write_table(table.cast(writers[0].schema))

        yield write


def parquet_writer(target: Path | BinaryIO, schema: pa.Schema) -> Any:
    """Return an Arrow writer of tables of figures and words."""
    import pyarrow as pa
    from pyarrow import parquet

    words = [
        field.name
        for field in schema
        if pa.types.is_string(field.type) or pa.types.is_dictionary(field.type)
    ]
    # A dictionary of probabilities would be tried for every column, and given up. Without Arrow's
    # own schema, words are read back as plain text however they were handed over.
    return parquet.ParquetWriter(
        target, schema, compression="zstd", use_dictionary=words, store_schema=False
    )


@contextmanager
def _to_json(path: Path) -> Iterator[Write]:
    import pyarrow as pa

    with path.open("w", encoding="utf-8") as file:
        separator = "[\n"

        def write(frame: pd.DataFrame | Columns | pa.Table) -> None:
            nonlocal separator
            table = arrow_table(frame)
            for index, column in enumerate(table.schema):
                if pa.types.is_float32(column.type):  # as short as in CSV
                    short = table[index].cast(pa.string()).cast(pa.float64())
                    table = table.set_column(index, column.name, short)
            for record in table.to_pylist():
                line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str)
                file.write(separator + line)
                separator = ",\n"

        yield write
        file.write("[]\n" if separator == "[\n" else "\n]\n")


_FORMATS = {".csv": _to_csv, ".parquet": _to_parquet, ".json": _to_json}
