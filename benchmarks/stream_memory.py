"""Peak memory of classifying from Parquet against the number of clusters: flat in streaming.

    python benchmarks/stream_memory.py [--largest 160000]

Each run is a process of its own, whose peak resident memory the operating system reports.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from features_vs_scipy import make_clusters
from stream_million import CHILD
from timing import write_result

from calcigram.formats import write_clusters

UNIT = 10_000


def write_repeated(path: Path, n_clusters: int) -> None:
    unit, piece, writer = make_clusters(UNIT), path.with_name("piece.parquet"), None
    for repeat in range(n_clusters // UNIT):
        names = np.array([f"{repeat}-{name}" for name in unit.cluster_id], dtype=object)
        write_clusters(replace(unit, cluster_id=names), piece)
        table = pq.read_table(piece)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=UNIT)
    assert writer is not None
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=160_000)
    args = parser.parse_args()
    sizes = [args.largest // 16, args.largest // 4, args.largest]
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            source = Path(folder, f"{n}.parquet")
            write_repeated(source, n)
            answer = subprocess.run(
                [sys.executable, "-c", CHILD, str(source), str(source) + ".verdicts.parquet"],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            peaks.append(int(answer.stdout.split()[-1]) * 1024 / 1e9)
            print(f"{n:,} clusters: {peaks[-1]:.3f} GB at most")
    write_result("stream_memory", [], clusters=sizes, peak_gb=peaks)


if __name__ == "__main__":
    main()
