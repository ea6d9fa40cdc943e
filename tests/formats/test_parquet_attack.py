"""Parquet files that were changed on purpose: no byte ends the process, no small file takes much memory.

The changed files are read in child processes: what goes wrong in Arrow ends those.
"""

import io
import itertools
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from calcigram import ClusterSet, read_clusters, write_clusters
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.parquet import iter_parquet_clusters
from calcigram.formats.parquetsize import check_parquet
from calcigram.limits import unpacked_limit

MOST_MEMORY = 1 << 30


def sound(layout):
    clusters = ClusterSet.from_arrays(
        [0, 3, 5], np.arange(5.0), np.arange(5.0) ** 2, cluster_id=["a", "b"],
        diameter_mm=[0.1, 0.2, np.nan, 0.4, 0.5], meta={"note": ['x, "y"', None]},
    )  # fmt: skip
    path = Path("sound.parquet")
    write_clusters(clusters, path, layout=layout)
    return path.read_bytes()


def foreign():
    """Another writer's choices: pages of version 2, statistics, sizes, a checksum, nested columns."""
    table = pa.table(
        {
            "cluster_id": ["a", "a", "b"],
            "x_mm": pa.array([1.0, 2.0, 3.0]),
            "y_mm": pa.array([1, 2, 3]),
            "nested": [{"p": [1, 2]}, {"p": None}, {"p": [3]}],
        }
    )
    out = io.BytesIO()
    parquet.write_table(
        table, out, data_page_version="2.0", write_page_checksum=True, write_page_index=True
    )
    return out.getvalue()


FILES = {"lists": lambda: sound("lists"), "long": lambda: sound("long"), "foreign": foreign}


def changes(data, values, n_random, step=1):
    """Yield the file with each byte (or each third, ...) changed in turn, then with several at random."""
    for at, byte in itertools.islice(enumerate(data), 0, None, step):
        for value in values:
            if (new := value(byte) & 255) != byte:
                yield data[:at] + bytes([new]) + data[at + 1 :]
    chance = random.Random(0)
    for _ in range(n_random):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        at, n = chance.randrange(len(data)), chance.randrange(1, 40)
        if chance.random() < 0.3:  # a piece cut out, or there twice
            changed[at : at + n] = changed[at : at + n] * chance.choice([0, 2])
        yield bytes(changed)


def read(data):
    try:
        list(iter_parquet_clusters(io.BytesIO(data), 1000, source="body"))
    except CalcigramError:
        return "refused"
    return "read"


ONE_CHANGE = (lambda byte: byte ^ 1,)
MANY_CHANGES = (
    lambda byte: byte ^ 1, lambda byte: byte ^ 0x80, lambda byte: byte + 1, lambda byte: byte - 1,
    lambda byte: 0, lambda byte: 255, lambda byte: byte ^ 0x10,
)  # fmt: skip


def attack(kind, start, how):
    """Read one changed file after the other; say which on standard output, then how it went."""
    import warnings

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    whole = how == "slow"
    values, n_random, step = (MANY_CHANGES, 4000, 1) if whole else (ONE_CHANGE, 100, 3)
    counts = Counter()
    for number, data in enumerate(changes(FILES[kind](), values, n_random, step)):
        if number >= start:
            os.pwrite(1, b"%12d" % number, 0)
            signal.alarm(20)
            counts[read(data)] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MOST_MEMORY, grown
    print(dict(counts), file=sys.stderr)


def run_attack(kind, how, folder):
    with (folder / "number").open("w+b") as number:
        done = subprocess.run(
            [sys.executable, __file__, kind, "0", how],
            stdout=number, stderr=subprocess.PIPE, cwd=folder, text=True, check=False,
        )  # fmt: skip
        number.seek(0)
        assert done.returncode == 0, (number.read(12), done.stderr[-2000:])
    return eval(done.stderr.splitlines()[-1])


def test_no_changed_byte_ends_the_process(tmp_path):
    counts = run_attack("long", "fast", tmp_path)
    assert counts["refused"] > 100
    assert counts["read"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_no_change_ends_the_process(kind, tmp_path):
    counts = run_attack(kind, "slow", tmp_path)
    assert sum(counts.values()) > 10_000


def written(table, **options):
    out = io.BytesIO()
    parquet.write_table(table, out, compression="zstd", **options)
    return out.getvalue()


def long_table(n, **columns):
    zeros = pa.array(np.zeros(n, np.float32))
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), ["a"])
    return pa.table({"cluster_id": ids, "x_mm": zeros, "y_mm": zeros, **columns})


def bombs():
    n = 10_000_000
    lists = pa.ListArray.from_arrays(
        pa.array([0, n], pa.int32()), pa.array(np.zeros(n, np.float32))
    )
    text = "a" * 100_000
    many = {f"c{k}": pa.array(np.zeros(300_000)) for k in range(63)}
    yield "constant", written(long_table(n), row_group_size=100_000)
    yield "63 columns", written(long_table(300_000, **many), row_group_size=10_000)
    yield "one long list", written(pa.table({"cluster_id": ["a"], "x_mm": lists, "y_mm": lists}))
    yield "null", written(long_table(20_000_000, note=pa.nulls(20_000_000)))
    yield (
        "texts that repeat the one before",
        written(
            long_table(20_000, note=pa.array([text] * 20_000)),
            use_dictionary=False, column_encoding={"note": "DELTA_BYTE_ARRAY"},
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data"), list(bombs()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_unpacks_to_far_more_than_it_is_is_refused_before_it_is(name, data, tmp_path):
    assert len(data) < 3_000_000
    (tmp_path / "a.parquet").write_bytes(data)
    before, start = pa.total_allocated_bytes(), time.process_time()
    with pytest.raises(
        BadInputError, match=r"got '\d+ bytes', expected a Parquet file that unpacks"
    ):
        read_clusters(tmp_path / "a.parquet")
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert time.process_time() - start < 2


def test_a_long_text_in_each_row_is_not_written_out():
    n = 20_000
    codes = pa.array(np.zeros(n, np.int32))
    text = pa.DictionaryArray.from_arrays(codes, ["a" * 1_000_000])
    ids = [f"c{k}" for k in range(n)]
    data = written(
        pa.table({"cluster_id": ids, "x_mm": [[1.0]] * n, "y_mm": [[1.0]] * n, "note": text}),
        store_schema=False,
    )
    with pytest.raises(BadInputError, match="column 'note': expected shorter texts"):
        list(iter_parquet_clusters(io.BytesIO(data), n, source="body"))


def test_a_footer_that_tells_less_than_its_pages_is_not_believed():
    n = 5_000_000
    lists = pa.ListArray.from_arrays(
        pa.array([0, n], pa.int32()), pa.array(np.zeros(n, np.float32))
    )
    data = written(pa.table({"cluster_id": ["a"], "x_mm": lists, "y_mm": lists}))
    varint = lambda value: bytes([(value >> s & 127) | (128 if value >> s + 7 else 0) for s in (0, 7, 14, 21)])  # fmt: skip # noqa: E731
    footer_at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    told, less = varint(2 * n), varint(2)[:1].replace(b"\x04", b"\x84") + b"\x80\x80\x00"
    assert data.count(told, footer_at) >= 2
    lying = data[:footer_at] + data[footer_at:].replace(told, less)
    with pytest.raises(BadInputError, match="unpacks to"):
        check_parquet(io.BytesIO(data), "a", most=2 * 4 * n)
    with pytest.raises(BadInputError):
        check_parquet(io.BytesIO(lying), "a", most=4 * n)


def test_no_row_is_lost_in_silence(tmp_path):
    """A footer that says that a column has no values: Arrow then reads no rows, and no error."""
    marks = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    out, path = io.BytesIO(), tmp_path / "a.parquet"
    table = pa.table({"cluster_id": ["a", "b"], "x_mm": marks, "y_mm": marks})
    parquet.write_table(table, out, compression="none", write_page_index=True)
    data = out.getvalue()
    n_refused = 0
    for found in re.finditer(rb"element\x15\x00\x16\x0c", data):
        path.write_bytes(data[: found.end() - 1] + b"\0" + data[found.end() :])
        with pytest.raises(BadInputError, match="got '0 rows', expected an undamaged Parquet file"):
            read_clusters(path)
        n_refused += 1
    assert n_refused == 2


def test_what_random_numbers_take_is_allowed(tmp_path):
    """However large: their size is a fraction of what is allowed."""
    n = 200_000
    rng = np.random.default_rng(0)
    marks = {name: rng.random(n).astype(np.float32) for name in ("diameter_mm", "solidity", "cnr")}
    clusters = ClusterSet.from_arrays(
        np.arange(0, n + 1, 20), rng.random(n), rng.random(n), aspect_ratio=np.full(n, 1.5), **marks
    )
    for layout in ("lists", "long"):
        write_clusters(clusters, tmp_path / "a.parquet", layout=layout)
        with (tmp_path / "a.parquet").open("rb") as file:
            most = 32 * (tmp_path / "a.parquet").stat().st_size
            texts = check_parquet(file, "a", most=most)
    assert texts == ["cluster_id"]
    assert unpacked_limit(10**9) == 64 * 10**9


if __name__ == "__main__":
    attack(sys.argv[1], int(sys.argv[2]), sys.argv[3])
