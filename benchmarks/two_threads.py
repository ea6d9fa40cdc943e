"""How much faster two threads are than one: the features of the same clusters.

    python benchmarks/two_threads.py [--clusters 12000] [--rounds 7]

Wall time, so only an idle machine of two processors or more shows the true ratio. No two threads
get more from a machine than two processes that share nothing, so these are held against one alone in
the same run: that is the machine's own limit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from multiprocessing.synchronize import Barrier

import numpy as np
from features_vs_scipy import make_clusters
from timing import WALL, time_pairs, write_result

from calcigram.clusters import ClusterSet
from calcigram.features.extract import extract_features

N_CALLS = 3


def _work(clusters: ClusterSet, start: Barrier, seconds: multiprocessing.SimpleQueue) -> None:
    extract_features(clusters[:100], n_threads=1)
    start.wait()
    begun = time.perf_counter()
    for _ in range(N_CALLS):
        extract_features(clusters, n_threads=1)
    seconds.put(time.perf_counter() - begun)


def side_by_side(clusters: ClusterSet, n_processes: int) -> float:
    """Return the mean time of processes that compute the same at once."""
    fork = multiprocessing.get_context("fork")
    start, seconds = fork.Barrier(n_processes), fork.SimpleQueue()
    processes = [
        fork.Process(target=_work, args=(clusters, start, seconds)) for _ in range(n_processes)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return statistics.mean(seconds.get() for _ in processes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    clusters = make_clusters(args.clusters)
    one, two = (extract_features(clusters, n_threads=k).values for k in (1, 2))
    assert np.array_equal(one, two, equal_nan=True)
    n = (args.clusters, args.clusters)
    limit = statistics.median(
        2 * side_by_side(clusters, 1) / side_by_side(clusters, 2) for _ in range(args.rounds)
    )
    print(f"two processes that share nothing get {limit:.2f} times done what one does alone")
    claim = time_pairs(
        "features on two threads against one",
        lambda: extract_features(clusters, n_threads=2),
        lambda: extract_features(clusters, n_threads=1),
        n_pairs=args.rounds, n_items=n, clock=WALL, target=1.9,
        differs=f"two processes that share nothing: {limit:.2f} times one, the machine's own limit in this run",
    )  # fmt: skip
    write_result("two_threads", [claim], machine_limit=limit)


if __name__ == "__main__":
    main()
