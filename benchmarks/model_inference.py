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
import os
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from timing import WALL, time_pairs, write_result

from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.model.calibrate import softmax
from calcigram.model.forest import Forest, flatten_forest
from calcigram.model.scoring import _layout, raw_scores

GATE, GATE_ITERATIONS = "one row, few trees", 5
LARGEST_DIFFERENCE = 1e-5
N_CLASSES = 6
N_TRAINING = 8000
BLOCK = 64


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


def one_row(
    trees: HistGradientBoostingClassifier, row: np.ndarray, name: str, n_pairs: int
) -> dict:
    """Time one row, one thread each."""
    forest = flatten_forest(trees)
    with threadpool_limits(1):
        return time_pairs(
            name,
            lambda: softmax(raw_scores(forest, row)),
            lambda: trees.predict_proba(row),
            n_pairs=n_pairs, n_calls=(50, 1), target=300.0, differs="",
        )  # fmt: skip


@numba.njit(error_model="numpy")
def ask_all(
    values, threshold, column, kept, begin, middle, leaf, leaf_begin, tree_class, baseline, scores
):
    """Fill `scores` as `scoring._score_blocks` does, its flags in an array instead of registers."""
    n_rows, n_columns = values.shape
    block, flags = np.empty((n_columns, BLOCK), np.float32), np.empty(BLOCK, np.int32)
    sums = np.empty((baseline.size, BLOCK))
    for first in range(0, n_rows, BLOCK):
        n_here = min(BLOCK, n_rows - first)
        for i in range(BLOCK):
            for c in range(n_columns):
                block[c, i] = values[first + min(i, n_here - 1), c]
            for k in range(baseline.size):
                sums[k, i] = baseline[k]
        for tree in range(tree_class.size):
            flags[:] = -1
            for node in range(begin[tree], middle[tree]):
                limit, asked, left = threshold[node], block[column[node]], kept[node]
                for i in range(BLOCK):
                    flags[i] = flags[i] & left if limit < asked[i] else flags[i]
            for node in range(middle[tree], begin[tree + 1]):
                limit, asked, left = threshold[node], block[column[node]], kept[node]
                for i in range(BLOCK):
                    flags[i] = flags[i] if asked[i] <= limit else flags[i] & left
            for i in range(BLOCK):
                at = 0
                while not (flags[i] >> at) & 1:
                    at += 1
                sums[tree_class[tree], i] += leaf[leaf_begin[tree] + at]
        scores[first : first + n_here] = sums[:, :n_here].T


def vectors_claim(forest: Forest, rows: np.ndarray) -> dict:
    """Time explicit vectors against what the compiler makes of the same algorithm."""
    layout, scores = _layout(forest), np.empty((len(rows), forest.n_classes))

    def without() -> np.ndarray:
        ask_all(rows, *layout, forest.baseline, scores)
        return scores

    difference = float(np.abs(without() - raw_scores(forest, rows)).max())
    assert difference < LARGEST_DIFFERENCE, difference
    return time_pairs(
        f"{len(rows):,} rows against the same algorithm without explicit vectors",
        lambda: raw_scores(forest, rows),
        without,
        n_pairs=9, n_items=(len(rows), len(rows)), target=1.5, differs="flags in an array, one thread each",
    )  # fmt: skip


def booster_claim(forest: Forest, training: np.ndarray, n_iterations: int) -> dict | None:
    """Time LightGBM's booster on one row; its own trees, as many and as large as ours."""
    try:
        import lightgbm
    except ImportError:
        return None
    labels = np.random.default_rng(1).integers(0, N_CLASSES, 2000)
    rows = training[:2000].astype(float)
    data = lightgbm.Dataset(rows, labels)
    options = {
        "objective": "multiclass", "num_class": N_CLASSES, "num_leaves": 31, "num_threads": 1,
        "verbosity": -1,
    }  # fmt: skip
    booster = lightgbm.train(options, data, n_iterations)
    ours, theirs = training[:1], training[:1].astype(float)
    return time_pairs(
        "one row against LightGBM's booster",
        lambda: softmax(raw_scores(forest, ours)),
        lambda: booster.predict(theirs, num_threads=1),
        n_pairs=21, n_calls=(50, 5),
        differs=f"its own {booster.num_trees()} trees, as many and with as many leaves, from other rows",
    )  # fmt: skip


def as_onnx(forest: Forest) -> bytes:
    """Return the forest as an ONNX model of one tree ensemble and a softmax."""
    from onnx import TensorProto, helper

    tree = np.repeat(np.arange(forest.n_trees), np.diff(forest.tree_offset))
    node = np.arange(len(tree)) - forest.tree_offset[tree]
    leaf = forest.feature < 0
    ensemble = helper.make_node(
        "TreeEnsembleRegressor", ["rows"], ["scores"], domain="ai.onnx.ml",
        nodes_treeids=tree, nodes_nodeids=node,
        nodes_featureids=np.where(leaf, 0, forest.feature),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_values=np.where(leaf, 0, forest.threshold).astype(float),
        nodes_truenodeids=forest.left, nodes_falsenodeids=forest.right,
        nodes_missing_value_tracks_true=forest.missing_left,
        target_treeids=tree[leaf], target_nodeids=node[leaf],
        target_ids=forest.tree_class[tree[leaf]], target_weights=forest.value[leaf].astype(float),
        base_values=forest.baseline, n_targets=forest.n_classes,
    )  # fmt: skip
    probabilities = helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1)
    graph = helper.make_graph(
        [ensemble, probabilities], "forest",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, forest.n_features])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, forest.n_classes])],
    )  # fmt: skip
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    return bytes(model.SerializeToString())


def onnx_claims(forest: Forest, rows: np.ndarray, n_threads: int) -> list[dict]:
    """Time ONNX Runtime on the same trees: one row with one thread each, many with all."""
    try:
        import onnxruntime
        from onnx import helper as _  # noqa: F401
    except ImportError:
        return []
    claims = []
    model = as_onnx(forest)
    for n_rows, threads, n_pairs, n_calls in ((1, 1, 41, (50, 50)), (10_000, n_threads, 5, (1, 1))):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Its threads would go on spinning while our side is timed.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        some = np.resize(rows, (n_rows, rows.shape[1]))
        parts = np.array_split(some, threads * 4 if n_rows > 1 else 1)
        with ThreadPoolExecutor(threads) as pool:

            def ours(pool=pool, parts=parts):
                if len(parts) == 1:
                    return softmax(raw_scores(forest, parts[0]))
                return np.concatenate(
                    list(pool.map(lambda part: softmax(raw_scores(forest, part)), parts))
                )

            def theirs(session=session, some=some):
                return session.run(None, {"rows": some})[0]

            difference = float(np.abs(ours() - theirs()).max())
            assert difference < LARGEST_DIFFERENCE, difference
            claims.append(
                time_pairs(
                    f"{'one row' if n_rows == 1 else f'{n_rows:,} rows'} against ONNX Runtime, "
                    f"{threads} thread{'s' * (threads > 1)} each",
                    ours, theirs, n_pairs=n_pairs, n_calls=n_calls, n_items=(n_rows, n_rows),
                    clock=WALL, differs=f"the same trees; probabilities differ by {difference:.1g}",
                )
            )  # fmt: skip
    return claims


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=133, help="a tree a class each")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    trees, training = fit(args.seed, args.iterations)
    forest = flatten_forest(trees)
    difference = float(np.abs(raw_scores(forest, training) - trees._raw_predict(training)).max())
    assert difference < LARGEST_DIFFERENCE, difference
    one, many = training[:1].copy(), np.resize(training, (args.rows, training.shape[1]))
    n_threads = os.cpu_count() or 1
    chunks = np.array_split(many, n_threads * 4)
    claims = [one_row(trees, one, "one row against HistGradientBoosting's predict_proba", 41)]
    with ThreadPoolExecutor(n_threads) as pool:
        claims.append(
            time_pairs(
                f"{args.rows:,} rows against the same, {n_threads} threads each",
                lambda: list(pool.map(lambda rows: softmax(raw_scores(forest, rows)), chunks)),
                lambda: trees.predict_proba(many),
                n_pairs=3, n_items=(args.rows, args.rows), clock=WALL, target=8.0,
            )
        )  # fmt: skip
    claims.append(vectors_claim(forest, many[:8192]))
    small, rows = fit(args.seed, GATE_ITERATIONS)
    claims.append(one_row(small, rows[:1], GATE, 21) | {"target": None})
    if booster := booster_claim(forest, training, args.iterations):
        claims.append(booster)
    claims += onnx_claims(forest, training, n_threads)
    write_result(
        "model_inference", claims, trees=forest.n_trees, nodes=len(forest.feature),
        features=forest.n_features, largest_difference=difference,
    )  # fmt: skip


if __name__ == "__main__":
    main()
