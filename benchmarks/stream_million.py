"""One million clusters from Parquet to verdicts in a stream: clusters a second and peak memory.

    python benchmarks/stream_million.py [--clusters 1000000] [--seed 7]

The file is 20,000 simulated clusters (mixed grades), repeated under new names. The classification
runs in a process of its own, whose peak resident memory the operating system reports.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

UNIT = 20_000
TARGET_GB = 0.5

CHILD = """
import resource, sys, time
from calcigram.streaming import classify_files
start = time.perf_counter()
classify_files([sys.argv[1]], sys.argv[2])
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_input(path: Path, n_clusters: int, seed: int) -> float:
    """Write the repeated clusters as Parquet; return the mean number of calcifications."""
    import pyarrow.parquet as pq

    from calcigram.clusters import ClusterSet
    from calcigram.formats import write_clusters
    from calcigram.simulate import simulate

    unit = simulate(UNIT, seed=seed, grade="mixed", n_jobs=2)
    writer = None
    for repeat in range(-(-n_clusters // UNIT)):
        part: ClusterSet = unit[: min(UNIT, n_clusters - repeat * UNIT)]
        names = np.array([f"{repeat}-{name}" for name in part.cluster_id], dtype=object)
        piece = path.with_name("piece.parquet")
        write_clusters(replace(part, cluster_id=names), piece)
        table = pq.read_table(piece)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=UNIT)
    assert writer is not None
    writer.close()
    return float(unit.n_calcifications.mean())


def main() -> None:
    """Measure and print; write the JSON beside the other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "clusters.parquet"), Path(folder, "verdicts.parquet")
        mean_n = write_input(source, arguments.clusters, arguments.seed)
        start = time.perf_counter()
        answer = subprocess.run(
            [sys.executable, "-c", CHILD, str(source), str(target)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        whole_s = time.perf_counter() - start
        seconds, peak_kib = answer.stdout.split()[-2:]
        result = {
            "clusters": arguments.clusters,
            "mean_calcifications": round(mean_n, 1),
            "seed": arguments.seed,
            "seconds": round(float(seconds), 1),
            "seconds_with_start": round(whole_s, 1),
            "clusters_per_second": round(arguments.clusters / float(seconds)),
            "peak_memory_gb": round(int(peak_kib) * 1024 / 1e9, 3),
            "target_gb": TARGET_GB,
            "input_mb": round(source.stat().st_size / 1e6, 1),
            "output_mb": round(target.stat().st_size / 1e6, 1),
        }
    print(json.dumps(result, indent=2))
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    (out / "stream_million.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
