"""Cost of all features against the number of calcifications, 3 to 50,000, one thread.

    python benchmarks/cost_against_n.py [--rounds 3]

The exponent between two sizes is the slope of log time against log size.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
from timing import seconds, write_result

from calcigram.clusters import ClusterSet
from calcigram.features.extract import extract_features

SIZES = (3, 10, 30, 100, 300, 1000, 3000, 10_000, 20_000, 50_000)

TARGET_S = 2.0
"""Processor time that a cluster of the last size may take."""


def clusters_of(n: int, n_clusters: int) -> ClusterSet:
    rng = np.random.default_rng(n)
    offsets = np.arange(n_clusters + 1) * n
    x, y = rng.normal(size=(2, n * n_clusters))
    return ClusterSet.from_arrays(offsets, 8 * x + 50, 4 * y + 80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    costs = []
    for n in SIZES:
        clusters = clusters_of(n, int(np.clip(60_000 // n, 1, 2000)))
        extract_features(clusters[:1], n_threads=1)
        times = [
            seconds(lambda c=clusters: extract_features(c, n_threads=1)) / len(clusters)
            for _ in range(args.rounds)
        ]
        costs.append(1e6 * statistics.median(times))
    slopes = np.diff(np.log(costs)) / np.diff(np.log(SIZES))
    for n, cost, slope in zip(SIZES, costs, [float("nan"), *slopes], strict=True):
        print(f"{n:6,} calcifications: {cost:10,.1f} us per cluster, exponent {slope:.2f}")
    print(f"{SIZES[-1]:,} calcifications: {costs[-1] / 1e6:.2f} s; asked {TARGET_S:g}")
    write_result(
        "cost_against_n", [], sizes=SIZES, cost_us=costs, exponents=[float(s) for s in slopes],
        target_s=TARGET_S,
    )  # fmt: skip


if __name__ == "__main__":
    main()
