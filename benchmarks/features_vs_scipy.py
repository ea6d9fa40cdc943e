"""How much faster the compiled features are than SciPy and NumPy, one thread each.

    python benchmarks/features_vs_scipy.py [--clusters 600] [--rounds 5]

Two sides, both held against ours first, then timed in turn with it in one process, on clusters of 3 to 300
calcifications, 64 on average:

* `scipy_features`: a careful person's, one cluster at a time (Qhull, a k-d tree, Delaunay and csgraph, vectorised
  moments). It leaves out what SciPy offers no short road to.
* `numpy_features`: every feature, of thousands of clusters at once, those of one size side by side in arrays of one
  more dimension: how far one gets without compiled code of one's own, and without a cluster being a call.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy_features import numpy_features
from scipy_features import scipy_features
from threadpoolctl import threadpool_limits
from timing import time_pairs, write_result

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features

TARGET_RATIO = 300.0
MANY = 20
"""Our side, and NumPy's, take so many times the clusters: neither is at its best on a few hundred."""


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


def compare(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, float]:
    """Print what differs; return how many features both compute, and the greatest share of clusters one differs in.

    Raises
    ------
    ValueError
        A feature differs in more clusters than ties in float32 explain.
    """
    n_both, greatest = 0, 0.0
    for k, name in enumerate(FEATURE_NAMES):
        if np.isnan(theirs[:, k]).all():
            continue
        n_both += 1
        close = np.isclose(ours[:, k], theirs[:, k], rtol=5e-3, atol=1e-3, equal_nan=True)
        if not close.all():
            row = int(np.argmin(close))
            greatest = max(greatest, float(np.mean(~close)))
            print(
                f"  differs: {name} in {(~close).sum()} of {len(close)} clusters, "
                f"e.g. {ours[row, k]:g} and {theirs[row, k]:g}"
            )
    if greatest > 0.02:
        raise ValueError(f"a feature differs in {greatest:.1%} of the clusters")
    return n_both, greatest


def against(
    name: str,
    theirs: Any,
    clusters: ClusterSet,
    ours_on: ClusterSet,
    n_pairs: int,
    target: float | None,
) -> tuple[dict[str, Any], int]:
    """Return the claim, and how many features both sides compute."""
    with threadpool_limits(1):
        n_both, greatest = compare(extract_features(clusters, n_threads=1).values, theirs(clusters))
        claim = time_pairs(
            name,
            lambda: extract_features(ours_on, n_threads=1),
            lambda: theirs(clusters),
            n_pairs=n_pairs, n_items=(len(ours_on), len(clusters)), target=target,
            differs=f"theirs computes {n_both} of our {len(FEATURE_NAMES)} features, in float64; each of them agrees in "
            f"{1 - greatest:.1%} of the clusters or more",
        )  # fmt: skip
    return claim, n_both


def measure(n_clusters: int, n_pairs: int) -> tuple[dict[str, Any], int]:
    """Return the claim against SciPy, and how many features both sides compute."""
    few, many = make_clusters(n_clusters), make_clusters(MANY * n_clusters, seed=1)
    name = "features against careful SciPy, one thread each"
    return against(name, scipy_features, few, many, n_pairs, TARGET_RATIO)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clusters", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    claim, n_both = measure(args.clusters, args.rounds)
    many = make_clusters(MANY * args.clusters, seed=1)
    name = "features against NumPy on all clusters at once, one thread each"
    at_once, _ = against(name, numpy_features, many, many, args.rounds, None)
    write_result(
        "features_vs_scipy",
        [claim, at_once],
        features_ours=len(FEATURE_NAMES),
        features_both=n_both,
    )


if __name__ == "__main__":
    main()
