"""Parquet files and Arrow streams: small ones that unpack to much."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from attack.inputs import ARROW, PARQUET, Input


def parquet_of(table: Callable[[], Any], **options: Any) -> bytes:
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(table(), out, **{"compression": "zstd"} | options)
    return out.getvalue()


def stream_of(table: Callable[[], Any], **options: Any) -> bytes:
    import pyarrow as pa

    made, sink = table(), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(made)
    return sink.getvalue().to_pybytes()


def constant(n: int = 20_000_000) -> Any:
    import pyarrow as pa

    zeros = pa.array(np.zeros(n, np.float32))
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), ["a"])
    return pa.table({"cluster_id": ids, "x_mm": zeros, "y_mm": zeros})


def one_list(n: int = 50_000_000) -> Any:
    import pyarrow as pa

    marks = pa.ListArray.from_arrays(
        pa.array([0, n], pa.int32()), pa.array(np.zeros(n, np.float32))
    )
    return pa.table({"cluster_id": ["a"], "x_mm": marks, "y_mm": marks})


def nulls(n: int = 50_000_000) -> Any:
    import pyarrow as pa

    return pa.table({"cluster_id": pa.nulls(n), "x_mm": pa.nulls(n), "y_mm": pa.nulls(n)})


def repeated_text(n: int = 4_000, length: int = 100_000) -> Any:
    import pyarrow as pa

    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), ["w" * length])
    marks = pa.array(np.zeros(n, np.float32))
    return pa.table({"cluster_id": words, "x_mm": marks, "y_mm": marks, "note": words})


def nested_dictionary(n: int = 200_000, depth: int = 4) -> Any:
    """Each level repeats a list of the one below a hundred times: 10^8 texts from a few hundred bytes."""
    import pyarrow as pa

    values: Any = pa.array(["w" * 1000])
    for _ in range(depth):
        indices = pa.array(np.zeros(100, np.int32))
        lists = pa.ListArray.from_arrays(
            pa.array([0, 100], pa.int32()), pa.DictionaryArray.from_arrays(indices, values)
        )
        values = lists
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), values)
    marks = pa.array(np.zeros(n, np.float32))
    return pa.table({"cluster_id": ["a"] * n, "x_mm": marks, "y_mm": marks, "note": words})


def deep_type(depth: int = 500) -> Any:
    import pyarrow as pa

    values: Any = pa.array([1.0])
    for _ in range(depth):
        values = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), values)
    return pa.table({"cluster_id": ["a"], "x_mm": [[1.0]], "y_mm": [[1.0]], "note": values})


def many_columns(n: int = 20_000) -> Any:
    import pyarrow as pa

    return pa.table({f"c{k}": [k] for k in range(n)})


def run_ends(n: int = 2_000_000_000) -> Any:
    import pyarrow as pa

    runs = pa.RunEndEncodedArray.from_arrays(pa.array([n], pa.int32()), pa.array([1.0]))
    return pa.table({"cluster_id": runs, "x_mm": runs, "y_mm": runs})


def hollow_views(n: int = 10_000_000) -> Any:
    """Ten million texts that are all views of the same megabyte."""
    import pyarrow as pa

    text = b"w" * 1_000_000
    head = struct.pack("<i4sii", len(text), text[:4], 0, 0)
    views = pa.py_buffer(head * n)
    words = pa.Array.from_buffers(pa.string_view(), n, [None, views, pa.py_buffer(text)])
    marks = pa.array(np.zeros(n, np.float32))
    return pa.table({"cluster_id": words, "x_mm": marks, "y_mm": marks})


def empty_lists(n: int = 5_000_000) -> Any:
    import pyarrow as pa

    marks = pa.ListArray.from_arrays(
        pa.array(np.zeros(n + 1, np.int32)), pa.array([], pa.float32())
    )
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), ["a"])
    return pa.table({"cluster_id": ids, "x_mm": marks, "y_mm": marks})


TABLES = [
    Input("constant columns", partial(parquet_of, constant), {}, PARQUET),
    Input("one long list", partial(parquet_of, one_list), {}, PARQUET),
    Input("nothing but nulls", partial(parquet_of, nulls), {}, PARQUET),
    Input("a text in each row", partial(parquet_of, repeated_text), {}, PARQUET),
    Input("a text in each row, unnamed type", partial(parquet_of, repeated_text, store_schema=False), {}, PARQUET),
    Input("lists nested 500 deep", partial(parquet_of, deep_type), {}, PARQUET),
    Input("20,000 columns", partial(parquet_of, many_columns), {}, PARQUET),
    Input("empty lists", partial(parquet_of, empty_lists), {}, PARQUET),
]  # fmt: skip
STREAMS = [
    Input("a constant stream", partial(stream_of, constant, compression="zstd"), {}, ARROW),
    Input("a stream of one list", partial(stream_of, one_list, compression="lz4"), {}, ARROW),
    Input("a stream of nulls", partial(stream_of, nulls), {}, ARROW),
    Input("a stream of a text in each row", partial(stream_of, repeated_text, compression="zstd"), {}, ARROW),
    Input("a stream of dictionaries in dictionaries", partial(stream_of, nested_dictionary, compression="zstd"), {}, ARROW),
    Input("a stream of lists 60 deep", partial(stream_of, partial(deep_type, 60)), {}, ARROW),
    Input("a stream of 20,000 columns", partial(stream_of, many_columns), {}, ARROW),
    Input("a stream of one run", partial(stream_of, run_ends), {}, ARROW),
    Input("a stream of views of one text", partial(stream_of, partial(hollow_views, 1_000_000), compression="zstd"), {}, ARROW),
]  # fmt: skip
