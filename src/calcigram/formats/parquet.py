"""Clusters in Parquet: list columns, one row per cluster (the fast layout), or a long table.

The list layout is streamed a batch at a time, clusters intact; a long table is read whole, because the rows of a
cluster may be anywhere in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from calcigram.clusters import META_COLUMNS, POINT_NAMES, ClusterSet, clusters_from_frame
from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike
from calcigram.formats.output import arrow_table
from calcigram.formats.parquetsize import check_parquet
from calcigram.longtable import Intake
from calcigram.longtable.columns import (
    ID_EXPECTED,
    NUMERIC_COLUMNS,
    Faults,
    Mask,
    Rows,
    factors,
    id_text,
    in_our_unit,
    meta_column,
    resolve_columns,
)
from calcigram.longtable.intake import check_names, notices_of_ids
from calcigram.options import ReadOptions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def is_list(kind: Any) -> bool:
    """Tell whether an Arrow type is one of lists."""
    import pyarrow as pa

    return pa.types.is_list(kind) or _is_other_list(kind)


def _is_other_list(kind: Any) -> bool:
    """Tell whether a type is one of lists that `_as_lists` turns into the usual ones."""
    import pyarrow as pa

    types = pa.types
    views = types.is_list_view(kind) or types.is_large_list_view(kind)
    return bool(views or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _as_lists(batch: pa.RecordBatch, names: Iterable[str]) -> pa.RecordBatch:
    import pyarrow as pa

    for name in names:
        kind = batch.schema.field(name).type
        if _is_other_list(kind):
            lists = batch.column(name).cast(pa.large_list(kind.value_type))
            batch = batch.set_column(batch.schema.get_field_index(name), name, lists)
    return batch


def intake_of_lists(
    batch: pa.RecordBatch,
    names: Mapping[str, str],
    options: ReadOptions,
    source: str,
    first_row: int,
) -> Intake:
    """Make clusters of a batch with one row per cluster.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
    names : mapping of str to str
        Our column names to the table's.
    options : ReadOptions
    source : str
        What messages call the file.
    first_row : int
        Number of the batch's first row, for messages.
    """
    faults, factor = Faults(source), factors(options)
    marks = {ours: theirs for ours, theirs in names.items() if ours in POINT_NAMES}
    batch = _as_lists(batch, marks.values())
    aligned = _aligned(batch, marks, faults)
    rows = np.flatnonzero(aligned)
    all_ids = _texts(batch.column(names["cluster_id"]), names["cluster_id"], faults)
    if len(rows) < len(aligned):
        batch = batch.filter(aligned)
    lengths = _lengths(batch.column(names["x_mm"]))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = {}
    for ours, theirs in names.items():
        if ours not in NUMERIC_COLUMNS:
            continue
        column = NUMERIC_COLUMNS[ours]
        is_mark = ours in POINT_NAMES
        numbers = _numbers(batch.column(theirs), lengths if is_mark else None, theirs, source)
        values[ours] = in_our_unit(numbers, column, factor[ours])
        bad = np.flatnonzero(column.bad(values[ours]))
        owner = np.searchsorted(offsets, bad, side="right") - 1 if is_mark else bad
        faults.add_at(rows[owner], theirs, numbers[bad], column.expected)

    def id_of(row: int) -> str | None:
        return all_ids[row] or None

    def numbered(positions: Rows) -> Rows:
        return positions + first_row

    if faults.found and not options.skip_bad:
        raise faults.first(id_of, numbered)
    rejected = faults.rows()
    kept = ~np.isin(rows, rejected)
    meta, ignored = _meta(batch, names)
    if not kept.all():
        of_kept = np.repeat(kept, lengths)
        values = {n: v[of_kept if n in POINT_NAMES else kept] for n, v in values.items()}
        offsets = np.concatenate([[0], np.cumsum(lengths[kept])])
    clusters = ClusterSet.from_arrays(
        offsets, cluster_id=all_ids[rows[kept]], meta=meta[kept], **values
    )
    notes = notices_of_ids(clusters.cluster_id)
    return Intake(clusters, faults.table(id_of, numbered), 0, len(rejected), tuple(ignored), notes)


def _lengths(lists: pa.Array) -> Rows:
    """Return the number of values in each list, 0 where it is null."""
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0), np.int64)


def _aligned(batch: pa.RecordBatch, marks: Mapping[str, str], faults: Faults) -> Mask:
    """Return where all marks have as many values as x; a mark may be null as a whole."""
    lengths = _lengths(batch.column(marks["x_mm"]))
    aligned = np.ones(len(lengths), bool)
    for ours, theirs in marks.items():
        lists = batch.column(theirs)
        if not is_list(lists.type):
            expected, of = "a list of numbers in each row, as in the column of x", faults.source
            raise BadInputError(expected, source=of, column=theirs, value=str(lists.type))
        differs = _lengths(lists) != lengths
        if not NUMERIC_COLUMNS[ours].required:
            differs &= lists.is_valid().to_numpy(zero_copy_only=False)
        where = np.flatnonzero(differs)
        got = [f"{n} values" for n in _lengths(lists)[where]]
        faults.add_at(where, theirs, got, f"as many values as in {marks['x_mm']!r}")
        aligned &= ~differs
    return aligned


def _texts(column: pa.Array, theirs: str, faults: Faults) -> npt.NDArray[np.object_]:
    """Return the ids as text, empty where missing."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    given = [*column.dictionary.to_pylist(), None]
    words = np.array(["" if v is None else id_text(v) for v in given], dtype=object)
    codes = column.indices.fill_null(len(given) - 1).to_numpy(zero_copy_only=False)
    texts: npt.NDArray[np.object_] = words[codes]
    empty = np.flatnonzero(texts == "")
    faults.add_at(empty, theirs, [given[code] or "" for code in codes[empty]], ID_EXPECTED)
    return texts


def _numbers(column: pa.Array, lengths: Rows | None, theirs: str, source: str) -> npt.NDArray[Any]:
    """Return a column as one flat array of floats, NaN where null; Arrow's memory where it can."""
    import pyarrow as pa

    flat = column if lengths is None else column.flatten()
    if pa.types.is_null(flat.type):
        flat = flat.cast(pa.float32())
    elif not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)):
        raise BadInputError("numbers", source=source, column=theirs, value=str(flat.type))
    wanted = np.float32 if pa.types.is_float32(flat.type) else np.float64
    numbers: npt.NDArray[Any] = flat.to_numpy(zero_copy_only=False).astype(wanted, copy=False)
    if lengths is None or not column.null_count:
        return numbers
    filled = np.full(int(lengths.sum()), np.nan, wanted)
    filled[np.repeat(column.is_valid().to_numpy(zero_copy_only=False), lengths)] = numbers
    return filled


def _meta(batch: pa.RecordBatch, names: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd
    import pyarrow as pa

    ours_of = {theirs: ours for ours, theirs in names.items()}
    taken = {"cluster_id", *NUMERIC_COLUMNS}
    kept, ignored = {}, []
    for index, field in enumerate(batch.schema):
        ours = ours_of.get(field.name, field.name)
        if ours in taken:
            if field.name not in ours_of:
                ignored.append(field.name)
        elif pa.types.is_nested(field.type):
            ignored.append(field.name)
        else:
            kept[ours] = meta_column(batch.column(index).to_pandas(), as_text=ours in META_COLUMNS)
    return pd.DataFrame(kept, index=range(batch.num_rows)), ignored


FORMAT_VERSION = 1
"""Version of the list layout. Raise it when an older reader would misread a newer file."""

ROW_GROUP_CLUSTERS = 20_000

_METADATA_KEY = b"calcigram"


def write_parquet_clusters(
    sets: Iterable[ClusterSet],
    path: Path | BinaryIO,
    *,
    columns: Iterable[str] | None = None,
    note: Mapping[str, str] | None = None,
) -> None:
    """Write clusters one row each, marks as lists of float32, compressed with LZ4.

    Parameters
    ----------
    sets : iterable of ClusterSet
        Written one after the other; all have the meta columns of the first.
    path : pathlib.Path or binary file
        Where to write, at once (see `temporary.atomic_path`).
    columns : iterable of str, optional
        Numeric columns to write; all by default.
    note : mapping of str to str, optional
        More of the file's own metadata.
    """
    from pyarrow import parquet

    names = list(NUMERIC_COLUMNS) if columns is None else list(columns)
    layout = {"format": "clusters", "layout": "lists", "version": FORMAT_VERSION}
    metadata = {_METADATA_KEY.decode(): json.dumps(layout), **(note or {})}
    writer = None
    try:
        for clusters in sets:
            table = _list_table(clusters, names)
            if writer is None:
                schema = table.schema.with_metadata(metadata)
                # Random floats have no dictionary worth its price.
                writer = parquet.ParquetWriter(
                    path, schema, compression="lz4", use_dictionary=["cluster_id", *clusters.meta]
                )
            writer.write_table(table.cast(writer.schema), row_group_size=ROW_GROUP_CLUSTERS)
        if writer is None:
            raise BadInputError("at least one set of clusters to write")
    finally:
        if writer is not None:
            writer.close()


def _list_table(clusters: ClusterSet, names: list[str]) -> pa.Table:
    import pyarrow as pa

    check_names(clusters)
    if clusters.offsets[-1] > np.iinfo(np.int32).max:
        expected = "at most 2**31 - 1 calcifications at once"
        raise BadInputError(expected, value=int(clusters.offsets[-1]))
    offsets = pa.array(clusters.offsets.astype(np.int32))
    columns: dict[str, pa.Array] = {"cluster_id": pa.array(clusters.cluster_id, pa.string())}
    for name in names:
        values = pa.array(getattr(clusters, name))
        columns[name] = pa.ListArray.from_arrays(offsets, values) if name in POINT_NAMES else values
    meta = arrow_table(clusters.meta)
    return pa.table(columns | dict(zip(meta.column_names, meta.columns, strict=True)))


def iter_parquet_clusters(
    path: PathLike | BinaryIO,
    batch_size: int,
    options: ReadOptions | None = None,
    *,
    skip: int = 0,
    row_groups: Sequence[int] | None = None,
    source: str | None = None,
    most: int | None = None,
) -> Iterator[Intake]:
    """Yield the clusters of a Parquet file, at most `batch_size` at a time.

    Parameters
    ----------
    path : path-like or binary file
    batch_size : int
        A long table is read whole, and yielded in parts of this size.
    options : ReadOptions, optional
    skip : int
        Leave out so many parts at the beginning, and do not even read what can be skipped.
    row_groups : sequence of int, optional
        Read these alone, in the list layout.
    source : str, optional
        What messages call the file; by default its path.
    most : int, optional
        Bytes that the file may unpack to; by default `limits.unpacked_limit` of its size.

    Yields
    ------
    Intake
        `n_duplicates` stays 0 for the list layout, where no row is repeated by accident.

    Raises
    ------
    BadInputError
        The file is damaged, of a newer format, empty, or holds bad values. Rows count from 0.
    """
    source = str(path) if source is None else source
    options = options or ReadOptions()
    # Who asks for row groups has looked at the whole file.
    with opened_parquet(path, source, most=most, with_pages=row_groups is None) as file:
        _check_version(file.schema_arrow.metadata or {}, source)
        if file.metadata.num_rows == 0 or not file.num_row_groups:
            if not is_long(file.schema_arrow):
                raise BadInputError("at least one row", source=source)
            empty = file.schema_arrow.empty_table().to_pandas(ignore_metadata=True)
            yield clusters_from_frame(empty, options, source=source)
            return
        n_grouped = sum(n for _, n in row_group_runs(file.metadata, 1))
        _check_count(n_grouped, file.metadata.num_rows, source)
        if is_long(file.schema_arrow):
            frame = _long_table(file).to_pandas(ignore_metadata=True)
            _check_count(len(frame), file.metadata.num_rows, source)
            yield from clusters_from_frame(frame, options, source=source).parts(batch_size, skip)
            return
        by_id = replace(options, single_cluster=None)
        names = resolve_columns(file.schema_arrow.names, by_id, source=source)
        for first_row, batch in _batches(file, batch_size, skip, row_groups, source):
            yield intake_of_lists(batch, names, options, source, first_row)


def is_long(schema: pa.Schema) -> bool:
    """Tell whether a file holds one row per calcification, so that its rows cannot be parted."""
    return not any(is_list(field.type) for field in schema)


def _batches(
    file: Any, batch_size: int, skip: int, row_groups: Sequence[int] | None, source: str
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield (first row, rows), all but the first `skip` batches.

    A few row groups are opened at a time, for which Arrow then frees the memory.
    """
    groups = range(file.num_row_groups) if row_groups is None else row_groups
    first_row = sum(file.metadata.row_group(i).num_rows for i in range(groups[0]))
    for run, n_rows in row_group_runs(file.metadata, batch_size, groups):
        n_batches = -(-n_rows // batch_size)
        if skip >= n_batches:
            skip -= n_batches
            first_row += n_rows
            continue
        end = first_row + n_rows
        for batch in _of_size(file.iter_batches(batch_size=batch_size, row_groups=run), batch_size):
            if not skip:
                yield first_row, batch
            skip = max(skip - 1, 0)
            first_row += batch.num_rows
        _check_count(first_row, end, source)


def _of_size(batches: Iterable[pa.RecordBatch], n_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of `n_rows`, and what is left: Arrow's may end where a row group does.

    Runs that are resumed count batches, so that their number must follow from that of the rows.
    """
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        batch.validate(full=True)  # Arrow does not look whether codes have a word
        held.append(batch)
        while sum(one.num_rows for one in held) >= n_rows:
            joined = held[0] if len(held) == 1 else pa.concat_batches(held)
            yield joined.slice(0, n_rows)
            held = [joined.slice(n_rows)] if joined.num_rows > n_rows else []
    if held:
        yield held[0] if len(held) == 1 else pa.concat_batches(held)


def _check_count(n_rows: int, n_stated: int, source: str) -> None:
    """Refuse a damaged file that holds more or fewer rows than it says: none may get lost."""
    if n_rows != n_stated:
        expected = f"an undamaged Parquet file, with the {n_stated} rows that its footer states"
        raise BadInputError(expected, source=source, value=f"{n_rows} rows")


def row_group_runs(
    metadata: Any, n_rows: int, groups: Sequence[int] | None = None
) -> Iterator[tuple[list[int], int]]:
    """Yield consecutive row groups, each time as few as hold `n_rows` rows, and their rows.

    Parameters
    ----------
    metadata : pyarrow.parquet.FileMetaData
    n_rows : int
    groups : sequence of int, optional
        Consecutive row groups; by default all.
    """
    run: list[int] = []
    held = 0
    groups = range(metadata.num_row_groups) if groups is None else groups
    for group in groups:
        run.append(group)
        held += metadata.row_group(group).num_rows
        if held >= n_rows or group == groups[-1]:
            if held:
                yield run, held
            run, held = [], 0


@contextmanager
def opened_parquet(
    path: PathLike | BinaryIO, source: str, *, most: int | None = None, with_pages: bool = True
) -> Iterator[Any]:
    """Give a `pyarrow.parquet.ParquetFile` that is no larger than it may be.

    Parameters
    ----------
    path : path-like or binary file
    source : str
        What messages call it.
    most, with_pages
        As `parquetsize.check_parquet` takes them.

    Raises
    ------
    BadInputError
        It is no sound Parquet file, or unpacks to more than it may.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with ExitStack() as stack:
            is_path = isinstance(path, str | os.PathLike)
            given: Any = stack.enter_context(open(path, "rb")) if is_path else path  # type: ignore[arg-type]
            texts = check_parquet(given, source, most=most, with_pages=with_pages)
            # Words stay codes: their text may be long, and repeated in each row.
            yield stack.enter_context(parquet.ParquetFile(path, read_dictionary=texts))
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = str(error).splitlines()[0]
        raise BadInputError("an undamaged Parquet file", source=source, value=problem) from None


def _check_version(metadata: Mapping[bytes, bytes], source: str) -> None:
    if _METADATA_KEY in metadata:
        try:
            about = json.loads(metadata[_METADATA_KEY])
        except (ValueError, RecursionError):
            about = None
        version = about.get("version") if isinstance(about, dict) else None
        if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
            expected = f"a format version up to {FORMAT_VERSION}; a newer calcigram wrote this"
            raise BadInputError(expected, source=source, column="version", value=version)


def _long_table(file: Any) -> pa.Table:
    """Read the flat columns of a table; nested ones can be no column of a long table."""
    import pyarrow as pa

    flat = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
    table = file.read(columns=flat)
    table.validate(full=True)
    return table
