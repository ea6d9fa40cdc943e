"""The spanning tree against SciPy's Delaunay alone, for 10 to 1,000 points.

    python benchmarks/tree_vs_delaunay.py [--rounds 9]

SciPy's way to the tree is Delaunay, then csgraph; only the first half is timed. The tree's length is
first held against that of csgraph's tree.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import Delaunay
from scipy.spatial.distance import pdist, squareform
from timing import time_pairs, write_result

from calcigram._kernels.tree import spanning_tree

SIZES = (10, 30, 100, 300, 1000)


def measure(n: int, n_pairs: int) -> dict[str, Any]:
    """Check the tree, then return the claim."""
    points = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
    x, y = points.T.copy()
    edge = spanning_tree(x, y).edge
    theirs = minimum_spanning_tree(squareform(pdist(points.astype(float)))).sum()
    assert np.isclose(edge.sum(), theirs, rtol=1e-4), (edge.sum(), theirs)
    calls = max(2, 20_000 // n)
    return time_pairs(
        f"spanning tree of {n:,} points against SciPy's Delaunay alone",
        lambda: spanning_tree(x, y), lambda: Delaunay(points), n_pairs=n_pairs, n_calls=(calls, max(2, calls // 10)),
        target=8.0, differs="Delaunay is the first half of SciPy's way to the tree",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    write_result("tree_vs_delaunay", [measure(n, args.rounds) for n in SIZES])


if __name__ == "__main__":
    main()
