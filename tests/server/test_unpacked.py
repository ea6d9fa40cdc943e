"""Compressed Arrow streams: told how large they become before they are unpacked."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcigram import simulate
from calcigram.server.problems import Problem
from calcigram.server.settings import Settings
from calcigram.server.unpacked import unpacked_bytes
from calcigram.server.uploads import ARROW, read_upload


def stream_of(table, compression=None, **options):
    sink = pa.BufferOutputStream()
    written = pa.ipc.IpcWriteOptions(compression=compression, **options)
    with pa.ipc.new_stream(sink, table.schema, options=written) as stream:
        stream.write_table(table, max_chunksize=1000)
    return sink.getvalue().to_pybytes()


def table_of(n=2_500):
    rng = np.random.default_rng(1)
    words = pa.array(rng.choice(["a", "b", None], n)).dictionary_encode()
    lists = pa.array([[float(i)] * (i % 3) for i in range(n)])
    return pa.table(
        {
            "x": rng.random(n),
            "word": words,
            "lists": lists,
            "text": ["t" * (i % 9) for i in range(n)],
        }
    )


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_it_is_what_the_stream_takes_uncompressed(compression):
    table = table_of()
    plain, packed = stream_of(table), stream_of(table, compression)
    # Uncompressed, buffers are padded to 8 bytes.
    assert unpacked_bytes(packed) <= unpacked_bytes(plain) <= unpacked_bytes(packed) + 8 * 100
    assert unpacked_bytes(plain) <= len(plain)


def test_little_that_becomes_much_is_refused():
    n = 400_000
    zeros = pa.array(np.zeros(n, np.float32))
    body = stream_of(pa.table({"x_mm": zeros, "y_mm": zeros}), "zstd")
    assert len(body) < 120_000
    with pytest.raises(Problem) as refused:
        read_upload(body, ARROW, Settings(max_body_mb=0.12))
    assert refused.value.status == 413
    assert refused.value.faults[0].value == f"{2 * 4 * n} bytes unpacked"


def test_a_compressed_stream_is_read(tmp_path):
    from pyarrow import parquet

    from calcigram import write_clusters

    clusters = simulate(5, seed=2)
    write_clusters(clusters, tmp_path / "c.parquet")
    body = stream_of(parquet.read_table(tmp_path / "c.parquet"), "lz4")
    found, _ = read_upload(body, ARROW, Settings())
    assert np.array_equal(found.x_mm, clusters.x_mm)


@given(st.binary(max_size=64), st.integers(0, 3_000), st.integers(0, 255))
def test_whatever_comes_is_counted_or_refused(tail, place, value):
    body = bytearray(stream_of(table_of(50), "zstd"))
    body[place % len(body)] = value
    with suppress(pa.ArrowException, OSError, ValueError, struct.error):
        assert unpacked_bytes(bytes(body) + tail) >= 0
