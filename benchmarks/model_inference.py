"""The flattened forest against scikit-learn: one row, and 100,000 rows.

    python benchmarks/model_inference.py [--iterations 133] [--rows 100000] [--seed 0]

Both get the same fitted trees and the same rows, in turn within one run, and return
probabilities. For one row both use one thread, which is scikit-learn's faster way; for many
both use all processors. The labels are a noisy function of random rows, a sixth of whose
values are missing, so the trees are as large as trees get; what they have learnt does not
matter here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.model.calibrate import softmax
from calcigram.model.forest import flatten_forest

RESULTS = Path(__file__).parent / "results"
N_CLASSES = 6
N_TRAINING = 8000


def fit(seed: int, n_iterations: int) -> tuple[HistGradientBoostingClassifier, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(N_TRAINING, len(FEATURE_NAMES))).astype(np.float32)
    weights = rng.normal(size=(rows.shape[1], N_CLASSES))
    noise = rng.normal(size=(N_TRAINING, N_CLASSES)) * 2
    labels = (np.sin(rows) @ weights + noise).argmax(axis=1)
    rows[rng.random(rows.shape) < 1 / 6] = np.nan
    with threadpool_limits(1):
        trees = HistGradientBoostingClassifier(
            max_iter=n_iterations, early_stopping=False, random_state=seed
        ).fit(rows, labels)
    return trees, rows


def time_pairs(
    ours: Callable[[], object], theirs: Callable[[], object], n_pairs: int, repeats: int
) -> tuple[list[float], list[float]]:
    """Time both in turn; ours is called `repeats` times a turn and averaged."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(n_pairs):
        for function, n_calls, kept in ((ours, repeats, times[0]), (theirs, 1, times[1])):
            start = time.perf_counter()
            for _ in range(n_calls):
                function()
            kept.append((time.perf_counter() - start) / n_calls)
    return times


def report(name: str, ours: list[float], theirs: list[float]) -> dict[str, object]:
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    middle = [statistics.median(times) * 1e6 for times in (ours, theirs)]
    low, high = min(ratios), max(ratios)
    print(
        f"{name}: {middle[0]:.4g} us, {middle[1]:.4g} us, {statistics.median(ratios):.1f}x "
        f"({low:.1f}-{high:.1f} over {len(ratios)} pairs)"
    )
    return {
        "name": name,
        "ours_us": middle[0],
        "theirs_us": middle[1],
        "ratio": statistics.median(ratios),
        "ratio_low": low,
        "ratio_high": high,
        "pairs": len(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=133, help="a tree a class each")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    trees, training = fit(args.seed, args.iterations)
    forest = flatten_forest(trees)
    many = np.resize(training, (args.rows, training.shape[1]))
    one = training[:1].copy()
    n_threads = os.cpu_count() or 1
    chunks = np.array_split(many, max(n_threads * 4, 1))

    with ThreadPoolExecutor(n_threads) as pool:

        def ours_many() -> np.ndarray:
            return np.concatenate(
                list(pool.map(lambda rows: softmax(forest.raw_scores(rows)), chunks))
            )

        difference = np.abs(forest.raw_scores(training) - trees._raw_predict(training)).max()
        ours_many()  # compiled and warm, as is scikit-learn after the line above
        with threadpool_limits(1):
            times_one = time_pairs(
                lambda: softmax(forest.raw_scores(one)),
                lambda: trees.predict_proba(one),
                n_pairs=41,
                repeats=50,
            )
        times_many = time_pairs(ours_many, lambda: trees.predict_proba(many), n_pairs=3, repeats=1)
        results = [report("one row", *times_one), report(f"{args.rows} rows", *times_many)]
    print(
        f"{forest.n_trees} trees, {len(forest.feature)} nodes; largest difference {difference:.1e}"
    )
    RESULTS.mkdir(exist_ok=True)
    document = {
        "results": results,
        "trees": forest.n_trees,
        "nodes": len(forest.feature),
        "features": forest.n_features,
        "largest_difference": float(difference),
        "threads": n_threads,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
    }
    path = RESULTS / "model_inference.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
