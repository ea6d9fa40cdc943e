"""The compiled features, in microseconds per cluster and against a fixed yardstick; one thread each.

    python benchmarks/features_vs_scipy.py [--clusters 600] [--rounds 5]

The yardstick stays what it is when features come or go: SciPy's distances of all pairs, neighbours by a k-d tree,
spanning tree by Delaunay and csgraph, and convex hull of the same clusters, one after another. Clusters
have 3 to 300 calcifications, 64 on average. Both sides run in turn in one process. The features are also held
against the pass over all pairs alone, the least that any of this can cost.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numba import jit
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import ConvexHull, Delaunay, cKDTree
from scipy.spatial.distance import pdist
from threadpoolctl import threadpool_limits
from timing import time_pairs, write_result

from calcigram._kernels.pairs import measure_pairs
from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features, kernel_columns

N_NEIGHBOURS = 8
MANY = 20
"""Our side takes so many times the clusters: it is not at its best on a few hundred."""


def make_clusters(n_clusters: int, seed: int = 0) -> ClusterSet:
    """Draw elongated Gaussian clusters with every mark; sizes are log-normal, 3 to 300."""
    rng = np.random.default_rng(seed)
    sizes = np.clip(np.exp(rng.normal(np.log(43), 0.95, n_clusters)), 3, 300).astype(int)
    offsets = np.r_[0, np.cumsum(sizes)]
    n = offsets[-1]
    owner = np.repeat(np.arange(n_clusters), sizes)
    length, ratio = rng.uniform(3, 20, n_clusters)[owner], rng.uniform(0.1, 1, n_clusters)[owner]
    turn = rng.uniform(0, np.pi, n_clusters)[owner]
    along, across = rng.normal(size=n) * length, rng.normal(size=n) * length * ratio
    return ClusterSet.from_arrays(
        offsets,
        50 + along * np.cos(turn) - across * np.sin(turn),
        80 + along * np.sin(turn) + across * np.cos(turn),
        diameter_mm=rng.lognormal(-1.4, 0.4, n),
        aspect_ratio=1 + rng.exponential(0.6, n),
        orientation_deg=rng.uniform(0, 179.9, n),
        solidity=rng.uniform(0.5, 1, n),
        cnr=rng.lognormal(1.8, 0.5, n),
        nipple_x_mm=np.full(n_clusters, -30.0),
        nipple_y_mm=np.full(n_clusters, 60.0),
        breast_area_mm2=np.full(n_clusters, 12_000.0),
    )


def yardstick(clusters: ClusterSet) -> None:
    """Do with SciPy what the features rest on: pairs, neighbours, spanning tree, hull."""
    for c in range(len(clusters)):
        rows = slice(clusters.offsets[c], clusters.offsets[c + 1])
        p = np.c_[clusters.x_mm[rows], clusters.y_mm[rows]].astype(float)
        n = len(p)
        pdist(p)
        cKDTree(p).query(p, k=min(N_NEIGHBOURS + 1, n))
        ConvexHull(p)
        edges = np.sort(Delaunay(p).simplices[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1)
        a, b = np.unique(edges, axis=0).T
        lengths = np.sqrt(((p[a] - p[b]) ** 2).sum(axis=1))
        minimum_spanning_tree(coo_matrix((lengths, (a, b)), (n, n)).tocsr())


@jit(**measure_pairs.targetoptions)
def _pair_pass(offsets, x, y):
    total = 0.0
    for c in range(offsets.size - 1):
        begin, end = offsets[c], offsets[c + 1]
        total += measure_pairs(x[begin:end], y[begin:end]).distance_sum
    return total


def against_pairs(n_clusters: int, n_pairs: int) -> dict[str, Any]:
    """Return the claim on the pass over the pairs: its ratio is below 1."""
    many = make_clusters(MANY * n_clusters, seed=1)
    offsets, (x, y, *_) = kernel_columns(many)
    x, y = x.copy(), y.copy()  # within the features these are arrays of their own
    return time_pairs(
        "features against the pass over all pairs alone, one thread each",
        lambda: extract_features(many, n_threads=1),
        lambda: _pair_pass(offsets, x, y),
        n_pairs=n_pairs, n_items=(len(many), len(many)),
        differs="theirs is one of our kernels: the sum of all distances and how many are near",
    )  # fmt: skip


def measure(n_clusters: int, n_pairs: int) -> dict[str, Any]:
    """Return the claim."""
    few, many = make_clusters(n_clusters), make_clusters(MANY * n_clusters, seed=1)
    with threadpool_limits(1):
        return time_pairs(
            "features against SciPy's pairs, neighbours, spanning tree and hull, one thread each",
            lambda: extract_features(many, n_threads=1),
            lambda: yardstick(few),
            n_pairs=n_pairs, n_items=(len(many), len(few)),
            differs=f"ours are all {len(FEATURE_NAMES)} features; theirs is what they rest on, and no feature",
        )  # fmt: skip


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clusters", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    claims = [measure(args.clusters, args.rounds), against_pairs(args.clusters, args.rounds)]
    print(f"features take {1 / claims[1]['ratio']:.1f} times the pass over all pairs alone")
    write_result("features_vs_scipy", claims, features_ours=len(FEATURE_NAMES))


if __name__ == "__main__":
    main()
