"""calcigram's model beside a learnt representation, graph features and other learners.

    python benchmarks/learnt_representations.py [--train 12000] [--test 4000] [--fold develop ...]

Every learner sees the same simulated clusters: those of a fold of the transfer test
(`calcigram.validate.transfer`), which leaves one mechanism a class out. It reads other clusters of the
mechanisms it saw, and clusters of those left out. The ``develop`` fold may be looked at while options are
chosen; on the ``final`` fold, with other mechanisms, nothing is. Needs the extra ``bench``; of
PyTorch the build without CUDA is enough (where the default one has it, install that build beforehand).
"""

from __future__ import annotations

import argparse
import json
import pickle
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from timing import write_result

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import CATALOGUE
from calcigram.features.extract import Features, extract_features
from calcigram.lexicon import AXES
from calcigram.model.labels import Labelled, forgetful_copy
from calcigram.readings import Readings
from calcigram.validate.evaluation import readings_from

FOLDS = {"develop": 0, "final": 2}
"""By their place in `transfer.make_folds`; the two share no arrangement and no particle model of a duct."""

SEEDS = {"develop": 81_000, "final": 82_000}
N_WORDS = tuple(len(axis.words) for axis in AXES.values())
ITERATIONS = 150
NEIGHBOURS = 15
N_TREES = 300

GRAPH = tuple(
    spec.name for spec in CATALOGUE
    if spec.name.startswith(("components_", "giant_share_", "tree_"))
    or spec.name == "n_calcifications"
)  # fmt: skip
"""Graphs of several scales after Chen et al. 2015: components and the largest of them; edges of the spanning tree."""

PARTICLES = tuple(spec.name for spec in CATALOGUE if spec.family == "particles")


@dataclass(frozen=True)
class Training:
    """What every learner is given."""

    clusters: ClusterSet
    features: Features
    codes: tuple[np.ndarray, np.ndarray]
    seed: int


@dataclass(frozen=True)
class Learner:
    """A fitted learner: clusters to the probabilities of both axes, and its size."""

    read: Callable[[ClusterSet], list[np.ndarray]]
    size_bytes: int
    what: str


def own_model(training: Training) -> Learner:
    from calcigram.model import train_model

    model = train_model(
        training.clusters, features=training.features, seed=training.seed,
        n_iterations=ITERATIONS, n_jobs=1,
    )  # fmt: skip

    def read(clusters: ClusterSet) -> list[np.ndarray]:
        readings = model.read(extract_features(clusters, n_threads=1), n_threads=1)
        return [readings.p_distribution.astype(float), readings.p_morphology.astype(float)]

    with tempfile.TemporaryDirectory() as folder:
        model.save(folder + "/model")
        size = sum(file.stat().st_size for file in Path(folder, "model").iterdir())
    return Learner(read, size, "boosted trees on all features; calibrated on a fifth held out")


def on_features(
    training: Training, columns: list[list[int]], make: Callable[[], Any], what: str,
    size: Callable[[Any], int] = lambda fitted: len(pickle.dumps(fitted)),
) -> Learner:  # fmt: skip
    """Fit one scikit-learn classifier an axis on some features, each cluster twice, as ours is."""
    rng = np.random.default_rng(training.seed)
    forgetful = forgetful_copy(
        training.clusters, Labelled(training.features, *training.codes), extract_features, rng
    )
    values = np.concatenate([training.features.values, forgetful.values])
    fitted = []
    for once, chosen in zip(training.codes, columns, strict=True):
        codes = np.tile(once, 2)
        fitted.append(make().fit(values[codes >= 0][:, chosen], codes[codes >= 0]))

    def read(clusters: ClusterSet) -> list[np.ndarray]:
        measured = extract_features(clusters, n_threads=1).values
        found = []
        for one, chosen, n in zip(fitted, columns, N_WORDS, strict=True):
            p = np.zeros((len(clusters), n))
            p[:, one.classes_] = one.predict_proba(measured[:, chosen])
            found.append(p)
        return found

    return Learner(read, sum(map(size, fitted)), what)


def _places(*names: str) -> list[int]:
    return [k for k, spec in enumerate(CATALOGUE) if spec.name in names]


def graph_neighbours(training: Training) -> Learner:
    from sklearn.impute import SimpleImputer
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    return on_features(
        training, [_places(*GRAPH), _places(*GRAPH, *PARTICLES)],
        lambda: make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            QuantileTransformer(),
            KNeighborsClassifier(NEIGHBOURS, weights="distance", n_jobs=1),
        ),
        f"{NEIGHBOURS} nearest neighbours on {len(GRAPH)} features of graphs; for the form also those of the particles",
    )  # fmt: skip


def random_forest(training: Training) -> Learner:
    from sklearn.ensemble import RandomForestClassifier

    everything = [list(range(len(CATALOGUE)))] * 2
    return on_features(
        training, everything,
        lambda: RandomForestClassifier(
            N_TREES, min_samples_leaf=2, random_state=training.seed, n_jobs=1
        ),
        f"random forest of {N_TREES} trees on all features",
    )  # fmt: skip


def light_gbm(training: Training) -> Learner:
    from lightgbm import LGBMClassifier

    everything = [list(range(len(CATALOGUE)))] * 2
    return on_features(
        training, everything,
        lambda: LGBMClassifier(
            n_estimators=ITERATIONS, num_leaves=15, learning_rate=0.1, reg_lambda=1.0,
            random_state=training.seed, n_jobs=1, verbose=-1, deterministic=True, force_row_wise=True,
        ),
        "LightGBM on all features",
        lambda fitted: len(fitted.booster_.model_to_string().encode()),
    )  # fmt: skip


def deep_sets(training: Training) -> Learner:
    import point_network

    network = point_network.fit(
        training.clusters, training.codes, N_WORDS, seed=training.seed  # type: ignore[arg-type]
    )  # fmt: skip
    n_weights = sum(weight.numel() for weight in network.parameters())
    return Learner(
        lambda clusters: point_network.read(network, clusters),
        point_network.size_bytes(network),
        f"Deep Sets on the raw marks, {n_weights:,} weights, turned and mirrored while training",
    )


LEARNERS: dict[str, Callable[[Training], Learner]] = {
    "calcigram": own_model,
    "Deep Sets": deep_sets,
    "graph features, k-NN": graph_neighbours,
    "random forest": random_forest,
    "LightGBM": light_gbm,
}


def main() -> None:
    """Train, read, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=12_000)
    parser.add_argument("--test", type=int, default=4_000)
    parser.add_argument("--fold", action="append", choices=FOLDS)
    parser.add_argument("--learner", action="append", choices=LEARNERS)
    parser.add_argument("--no-result", action="store_true", help="print only")
    args = parser.parse_args()
    _use_threads(1)
    folds = {
        fold: run_fold(fold, args.train, args.test, args.learner or list(LEARNERS))
        for fold in args.fold or FOLDS
    }
    if not args.no_result:
        write_result(
            "learnt_representations", [], n_train=args.train, n_test=args.test,
            seeds=SEEDS, folds=folds,
        )  # fmt: skip


def _use_threads(n: int) -> None:
    """Let PyTorch use so many threads, so that times compare."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(n)


def run_fold(fold: str, n_train: int, n_test: int, names: list[str]) -> dict[str, Any]:
    """Return the figures of every learner on one fold."""
    from calcigram.simulate import simulate
    from calcigram.validate.transfer import make_folds

    left = make_folds()[FOLDS[fold]]
    left_out, seed = (*left.arrangements, *left.particles), SEEDS[fold]
    clusters = simulate(n_train, seed=seed, grade="mixed", exclude_mechanisms=left_out, n_jobs=2)
    features = extract_features(clusters)
    labelled = Labelled.of(clusters, features)
    codes = labelled.codes("distribution"), labelled.codes("morphology")
    training = Training(clusters, features, codes, seed)
    plans: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        "in_domain": (tuple(AXES), {"exclude_mechanisms": left_out}),
        "left_out_distribution": (
            ("distribution",),
            {"only_mechanisms": left.arrangements, "exclude_mechanisms": left.particles},
        ),
        "left_out_morphology": (
            ("morphology",),
            {"only_mechanisms": left.particles, "exclude_mechanisms": left.arrangements},
        ),
    }
    tests = {
        kind: (axes, simulate(n_test, seed=seed + k, grade="typical", n_jobs=2, **mechanisms))
        for k, (kind, (axes, mechanisms)) in enumerate(plans.items(), start=1)
    }
    measured = {kind: extract_features(test) for kind, (_, test) in tests.items()}
    figures: dict[str, Any] = {}
    for name in names:
        try:
            began = time.perf_counter()
            learner = LEARNERS[name](training)
        except ImportError as problem:
            print(f"{name}: not installed ({problem.name})")
            continue
        figures[name] = {
            "what": learner.what,
            "training_s": time.perf_counter() - began,
            "size_bytes": learner.size_bytes,
            "microseconds_a_cluster": microseconds(learner, tests["in_domain"][1]),
            "scores": {
                kind: scores(learner.read(test), test, measured[kind], axes)
                for kind, (axes, test) in tests.items()
            },
        }
        print(f"{fold}: {name}: {json.dumps(figures[name], indent=1)}", flush=True)
    return {"left_out": list(left_out), "learners": figures}


def microseconds(learner: Learner, clusters: ClusterSet, rounds: int = 3) -> float:
    """Return the least processor time of a cluster, marks to probabilities, on one thread."""
    learner.read(clusters[:200])
    times = []
    for _ in range(rounds):
        start = time.process_time()
        learner.read(clusters)
        times.append(time.process_time() - start)
    return 1e6 * min(times) / len(clusters)


@dataclass(frozen=True)
class _Given:
    """A reader whose readings are there already."""

    readings: Readings

    def read(self, features: Features) -> Readings:
        return self.readings


def scores(
    probabilities: list[np.ndarray], clusters: ClusterSet, features: Features, axes: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Return macro-F1, accuracy and calibration error of some axes, as `calcigram evaluate` does."""
    from calcigram.validate import evaluate_reader

    readings = readings_from(features, *probabilities, reader="")
    evaluation = evaluate_reader(_Given(readings), clusters, features=features, n_boot=0)
    return {
        axis: {
            name: evaluation.axes[axis].summary()[name]
            for name in ("n", "macro_f1", "accuracy", "calibration_error")
        }
        for axis in axes
    }


if __name__ == "__main__":
    main()
