"""What other packages take for a part of it, on the same clusters, one thread each.

    python benchmarks/peers.py [--clusters 60] [--rounds 3] [--pyradiomics PYTHON]

None of them computes what calcigram does; beside each stands what it computes. One that is not installed
(extra ``bench``) is left out by name. PyRadiomics needs an environment of its own:
`pyradiomics_shapes.py` says how it is made.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from features_vs_scipy import make_clusters
from timing import CPU, WALL, time_pairs, write_result

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features

Peer = Callable[[np.ndarray], object]
PIXEL_MM = 0.1


def scikit_image() -> Peer:
    from skimage.measure import label, regionprops_table

    def run(points: np.ndarray) -> object:
        pixels = np.round((points - points.min(axis=0)) / PIXEL_MM).astype(int)
        mask = np.zeros(pixels.max(axis=0) + 1, bool)
        mask[tuple(pixels.T)] = True
        return regionprops_table(
            label(mask), properties=("area", "centroid", "eccentricity", "orientation")
        )

    return run


def neighbours() -> Peer:
    from sklearn.neighbors import NearestNeighbors

    def run(points: np.ndarray) -> object:
        return NearestNeighbors(n_neighbors=min(9, len(points))).fit(points).kneighbors()

    # kneighbors() leaves the point itself out, so one neighbour fewer is there to ask for.
    return lambda points: run(points) if len(points) > 9 else None


def spanning_tree() -> Peer:
    import networkx
    from scipy.spatial.distance import pdist, squareform

    return lambda points: networkx.minimum_spanning_tree(
        networkx.from_numpy_array(squareform(pdist(points)))
    ).size(weight="weight")


def persistence() -> Peer:
    from ripser import ripser

    return lambda points: ripser(points, maxdim=0)


def alpha_complex() -> Peer:
    from gudhi import AlphaComplex

    return lambda points: AlphaComplex(points=points).create_simplex_tree().persistence()


def ripley() -> Peer:
    from pointpats import k

    return lambda points: k(points, support=3)


PEERS: dict[str, tuple[Callable[[], Peer], str]] = {
    "scikit-image regionprops_table": (scikit_image, "rasterises at 0.1 mm, then area, centroid, eccentricity and orientation of each mark"),
    "scikit-learn NearestNeighbors": (neighbours, "the nine nearest neighbours, of clusters of ten points and more"),
    "networkx minimum_spanning_tree": (spanning_tree, "the spanning tree from all distances, and its length"),
    "ripser": (persistence, "persistence of the components alone: the edges of the spanning tree"),
    "gudhi AlphaComplex": (alpha_complex, "persistence of components and holes of the alpha complex"),
    "pointpats k": (ripley, "Ripley's K at three radii"),
}  # fmt: skip
"""Name: how to get it, and what it computes."""


@contextmanager
def pyradiomics(python: str, clusters: ClusterSet) -> Iterator[Callable[[], object]]:
    """Give a function that computes all clusters once, in another process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "points.npz")
        np.savez(path, x_mm=clusters.x_mm, y_mm=clusters.y_mm, offsets=clusters.offsets)
        script = str(Path(__file__).with_name("pyradiomics_shapes.py"))
        with subprocess.Popen(
            [python, script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            answers, questions = process.stdout, process.stdin
            assert answers.readline() == "ready\n"

            def run() -> None:
                questions.write("\n")
                questions.flush()
                assert answers.readline() == "done\n"

            yield run
            questions.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pyradiomics", metavar="PYTHON", help="of an environment that has it")
    args = parser.parse_args()
    few, many = make_clusters(args.clusters), make_clusters(20 * args.clusters, seed=1)
    points = [
        np.c_[few.x_mm[a:b], few.y_mm[a:b]].astype(float)
        for a, b in zip(few.offsets[:-1], few.offsets[1:], strict=True)
    ]
    claims: list[dict[str, Any]] = []
    missing = {}

    def add(name: str, theirs: Callable[[], object], clock: Callable[[], float], what: str) -> None:
        claims.append(
            time_pairs(
                f"all {len(FEATURE_NAMES)} features against {name}",
                lambda: extract_features(many, n_threads=1), theirs,
                n_pairs=args.rounds, n_items=(len(many), len(few)), clock=clock, differs=what,
            )
        )  # fmt: skip

    for name, (load, what) in PEERS.items():
        try:
            peer = load()
        except ImportError as problem:
            missing[name] = str(problem)
            print(f"{name}: not installed")
            continue
        add(name, lambda peer=peer: [peer(cluster) for cluster in points], CPU, what)
    if args.pyradiomics:
        with pyradiomics(args.pyradiomics, few) as run:
            add("PyRadiomics shape2D", run, WALL, "rasterises at 0.1 mm, then ten shape features of the mask as a whole, in a process of its own")  # fmt: skip
    else:
        missing["PyRadiomics shape2D"] = "no environment named (--pyradiomics)"
    write_result("peers", claims, not_installed=missing)


if __name__ == "__main__":
    main()
