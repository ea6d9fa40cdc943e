"""Parquet to features, both heads and verdict Parquet on all processors, against reading it alone.

    python benchmarks/pipeline.py [--clusters 100000] [--rounds 3]

Reading is the floor that nothing can pass; the two compute nothing alike.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from features_vs_scipy import make_clusters
from timing import WALL, time_pairs, write_result

from calcigram.formats import write_clusters
from calcigram.streaming import classify_files

TARGET_PER_SECOND = 60_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    clusters = make_clusters(args.clusters)
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "clusters.parquet"), Path(folder, "verdicts.parquet")
        write_clusters(clusters, source)
        classify_files([source], output)
        assert pq.read_metadata(output).num_rows == args.clusters
        claim = time_pairs(
            "Parquet to verdict Parquet against reading the Parquet alone",
            lambda: classify_files([source], output),
            lambda: pq.read_table(source),
            n_pairs=args.rounds, n_items=(args.clusters, args.clusters), clock=WALL,
            differs="reading computes nothing: it is the floor",
        )  # fmt: skip
    rate = 1e6 / claim["ours_us"]
    print(f"{rate:,.0f} clusters a second; asked {TARGET_PER_SECOND:,}")
    write_result("pipeline", [claim], clusters_per_second=rate, target_per_second=TARGET_PER_SECOND)


if __name__ == "__main__":
    main()
