"""Clusters of Arrow batches with one row per cluster, whose marks are lists of equal length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import MARK_NAMES, META_COLUMNS, ClusterSet
from calcigram.errors import BadInputError
from calcigram.longtable import Intake
from calcigram.longtable.columns import (
    ID_EXPECTED,
    NUMERIC_COLUMNS,
    Faults,
    Mask,
    Rows,
    Scale,
    id_text,
    in_our_unit,
    meta_column,
)
from calcigram.longtable.intake import notices_of_ids

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
    return views or types.is_large_list(kind) or types.is_fixed_size_list(kind)


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
    scale: Scale,
    source: str,
    first_row: int,
    *,
    skip_bad: bool,
) -> Intake:
    """Make clusters of a batch with one row per cluster.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
    names : mapping of str to str
        Our column names to the table's.
    scale : Scale
    source : str
        What messages call the file.
    first_row : int
        Number of the batch's first row, for messages.
    skip_bad : bool
        Leave clusters with bad values out instead of raising `BadInputError`.
    """
    faults = Faults(source)
    marks = {ours: theirs for ours, theirs in names.items() if ours in MARK_NAMES}
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
        is_mark = ours in MARK_NAMES
        numbers = _numbers(batch.column(theirs), lengths if is_mark else None, theirs, source)
        values[ours] = in_our_unit(numbers, column, scale.factor(ours))
        bad = np.flatnonzero(column.bad(values[ours]))
        owner = np.searchsorted(offsets, bad, side="right") - 1 if is_mark else bad
        faults.add_at(rows[owner], theirs, numbers[bad], column.expected)

    def id_of(row: int) -> str | None:
        return all_ids[row] or None

    def numbered(positions: Rows) -> Rows:
        return positions + first_row

    if faults.found and not skip_bad:
        raise faults.first(id_of, numbered)
    rejected = faults.rows()
    kept = ~np.isin(rows, rejected)
    meta, ignored = _meta(batch, names)
    if not kept.all():
        of_kept = np.repeat(kept, lengths)
        values = {n: v[of_kept if n in MARK_NAMES else kept] for n, v in values.items()}
        offsets = np.concatenate([[0], np.cumsum(lengths[kept])])
    clusters = ClusterSet.from_arrays(
        offsets, cluster_id=all_ids[rows[kept]], meta=meta[kept], **values
    )
    notes = notices_of_ids(clusters.cluster_id)
    return Intake(clusters, faults.table(id_of, numbered), 0, len(rejected), tuple(ignored), notes)


def _lengths(lists: pa.Array) -> Rows:
    """Return the number of values in each list, 0 where it is null."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)


def _aligned(batch: pa.RecordBatch, marks: Mapping[str, str], faults: Faults) -> Mask:
    """Return where all marks have as many values as x; a mark may be null as a whole."""
    lengths = _lengths(batch.column(marks["x_mm"]))
    aligned = np.ones(len(lengths), bool)
    for ours, theirs in marks.items():
        lists = batch.column(theirs)
        if not is_list(lists.type):
            raise BadInputError(
                "a list of numbers in each row, as in the column of x",
                source=faults.source,
                column=theirs,
                value=str(lists.type),
            )
        differs = _lengths(lists) != lengths
        if not NUMERIC_COLUMNS[ours].required:
            differs &= lists.is_valid().to_numpy(zero_copy_only=False)
        where = np.flatnonzero(differs)
        faults.add_at(
            where,
            theirs,
            [f"{n} values" for n in _lengths(lists)[where]],
            f"as many values as in {marks['x_mm']!r}",
        )
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
    texts = words[codes]
    empty = np.flatnonzero(texts == "")
    faults.add_at(empty, theirs, [given[code] or "" for code in codes[empty]], ID_EXPECTED)
    return texts


def _numbers(column: pa.Array, lengths: Rows | None, theirs: str, source: str) -> npt.NDArray[Any]:
    """Return a column as one flat array of floats, NaN where null; Arrow's memory where it can."""
    import pyarrow as pa

    flat = column if lengths is None else column.flatten()
    if not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)):
        if pa.types.is_null(flat.type):
            flat = flat.cast(pa.float32())
        else:
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
