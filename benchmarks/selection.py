"""Choose the training by transfer: one row a trial, one table of how each reads what it has not seen.

    python benchmarks/selection.py NAME [--clusters N] [--rounds N] [--form-rounds N] [--leaves N]
        [--max-features X] [--preset NAME] [--no-copies] [--folds N] [--cache DIR]
    python benchmarks/selection.py NAME --model models/default
    python benchmarks/selection.py --leave-out [--cache DIR]
    python benchmarks/selection.py --alone --model models/default [--cache DIR]
    python benchmarks/selection.py --table

A trial trains on few clusters (40,000) and is scored by macro-F1 on the four development generators, with
marks and on positions alone; by the share of structureless clouds and of thin scattered lines read
rightly; by accuracy less confidence of clusters of 3 to 10 calcifications, fresh ones and ones cut down
from many; and by macro-F1 on mechanisms left out of the training, each fold a model of 8,000 clusters with
the same options. The choice is by the mean of the generators and the left-out mechanisms; trials without
folds come after those with. ``bench_v1`` is printed and decides nothing. Between two training sets distribution differs by .004, form by .013. Trials are kept in
``benchmarks/results/selection.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import leave_out
import numpy as np
import pandas as pd
from clouds import clouds, share_right
from joblib import Memory
from validation import GENERATORS

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import catalogue_hash
from calcigram.features.extract import Features, extract_features
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.model import Model, load_model, train_model
from calcigram.simulate import load_preset, simulate
from calcigram.validate import evaluate_reader, transfer
from calcigram.wording import markdown_table

RESULTS = Path(__file__).parent / "results" / "selection.json"
N_PANEL, N_BENCH, N_FEW, N_CLOUDS, N_LINES = 3000, 3000, 12_000, 3000, 1500
SEED_TRAINING, SEED_FEW, SEED_LINES, SEED_FOLDS = 11, 131, 141, 1500
FEW = (3, 10)
MANY = 20


def simulated(n: int, seed: int, grade: str, preset: str, sha256: str) -> ClusterSet:
    """Simulate; the digest of the preset parts cached results."""
    return simulate(n, seed=seed, grade=grade, preset=preset)


def measured(clusters: ClusterSet, formulas: str) -> Features:
    """Measure; the hash of the formulas parts cached results."""
    return extract_features(clusters)


def panel(name: str, seed: int, n: int) -> ClusterSet:
    """Return clusters of a development generator."""
    return import_module(name).generate(n, seed=seed)


def thin_lines(n_clusters: int, seed: int) -> ClusterSet:
    """Return straight lines whose points lie off them by up to a tenth of the length, at most 2 mm."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 31, n_clusters)
    owner = np.repeat(np.arange(n_clusters), sizes)
    length = np.exp(rng.uniform(np.log(8), np.log(40), n_clusters))
    half_width = np.minimum(rng.uniform(0.02, 0.1, n_clusters) * length, 2.0)
    along = length[owner] * rng.random(owner.size)
    across = half_width[owner] * rng.uniform(-1, 1, owner.size)
    turn = rng.uniform(0, np.pi, n_clusters)[owner]
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(sizes)]),
        np.cos(turn) * along - np.sin(turn) * across,
        np.sin(turn) * along + np.cos(turn) * across,
        diameter_mm=rng.lognormal(np.log(0.3), 0.3, owner.size),
        meta={"true_distribution": ["linear"] * n_clusters},
    )


def gaps(model: Model, clusters: ClusterSet, features: Features) -> list[float]:
    """Return accuracy less confidence of each axis, over the clusters whose truth is known."""
    readings = model.read(features)
    out = []
    for p, axis, words in (
        (readings.p_distribution, "distribution", DISTRIBUTIONS),
        (readings.p_morphology, "morphology", MORPHOLOGIES),
    ):
        truth = clusters.meta[f"true_{axis}"].map({str(w): k for k, w in enumerate(words)})
        known = np.isfinite(p[:, 0])
        right = p.argmax(axis=1) == truth.to_numpy()
        out.append(float((right - p.max(axis=1))[known].mean()))
    return out


def macro(model: Model, clusters: ClusterSet) -> dict[str, float]:
    """Return macro-F1 by axis, with marks and on positions alone."""
    scored = evaluate_reader(model, clusters, n_boot=0)
    bare = evaluate_reader(model, clusters.positions_only(), n_boot=0)
    return {
        "distribution": scored.axes["distribution"].macro_f1,
        "form": scored.axes["morphology"].macro_f1,
        "positions": bare.axes["distribution"].macro_f1,
    }


def left_out(
    n_folds: int, preset: str, sha256: str, formulas: str, **options: Any
) -> dict[str, Any]:
    """Return macro-F1 on mechanisms left out of the training; digest and hash part cached results."""
    rows = transfer(
        n_train=8000, n_test=1000, seed=SEED_FOLDS, n_folds=n_folds, preset=preset,
        **{**options, "n_iterations": min(options["n_iterations"], 150)},
    ).summary()  # fmt: skip
    mean = rows[rows["kind"] == "left_out"].set_index("axis")["mean"]
    return {"distribution": mean["distribution"], "form": mean["morphology"], "folds": n_folds}


def trial(arguments: argparse.Namespace, memory: Memory) -> dict[str, Any]:
    """Train one model and score it everywhere."""
    simulated_, measured_, panel_ = (memory.cache(f) for f in (simulated, measured, panel))

    def measure(clusters: ClusterSet) -> Features:
        return measured_(clusters, catalogue_hash())

    started = time.perf_counter()
    digest = load_preset(arguments.preset).sha256
    options = {
        "n_iterations": arguments.rounds,
        "form_iterations": arguments.form_rounds,
        "max_leaf_nodes": arguments.leaves,
        "max_features": arguments.max_features,
        "forgetful_copies": not arguments.no_copies,
    }
    if arguments.model:
        model = load_model(arguments.model)
        options |= {
            name: model.card["trees"][name] for name in set(options) & set(model.card["trees"])
        }
    else:
        simulating = (arguments.clusters, SEED_TRAINING, "mixed", arguments.preset, digest)
        training = simulated_(*simulating)
        model = train_model(
            training, features=measure(training), n_jobs=1, cache=arguments.cache, **options
        )
    seconds = time.perf_counter() - started
    scores: dict[str, Any] = {}
    for name, (seed, _) in GENERATORS.items():
        scores[name] = macro(model, panel_(name, seed, N_PANEL))
    drawn = clouds(N_CLOUDS)
    scores["clouds"] = share_right(model.read(measure(drawn)), drawn)["all"]
    lines = thin_lines(N_LINES, SEED_LINES)
    read = model.read(measure(lines)).distribution
    scores["thin_lines"] = float((read == DISTRIBUTIONS.index("linear")).mean())
    train_digest = load_preset("train").sha256
    fresh = simulated_(N_FEW, SEED_FEW, "typical", "train", train_digest)
    counts = fresh.n_calcifications
    few = fresh[np.flatnonzero((counts >= FEW[0]) & (counts <= FEW[1]))]
    scores["few_fresh"] = gaps(model, few, measure(few))
    many = fresh[np.flatnonzero(counts >= MANY)]
    rng = np.random.default_rng(SEED_FEW)
    cut = many.thinned(rng.integers(FEW[0], FEW[1] + 1, len(many)), rng)
    scores["few_cut"] = gaps(model, cut, measure(cut))
    bench = load_preset("bench_v1")
    benchmark = simulated_(N_BENCH, int(bench.about["seed"]), "typical", "bench_v1", bench.sha256)
    scores["bench_v1"] = macro(model, benchmark)
    if arguments.folds:
        scores["left_out"] = memory.cache(left_out)(
            arguments.folds, arguments.preset, digest, catalogue_hash(), **options
        )
    if arguments.save:
        model.save(arguments.save)
    return {
        "options": (
            {"model": model.version}
            if arguments.model
            else {"clusters": arguments.clusters, "preset": arguments.preset, **options}
        ),
        "seconds": round(seconds),
        "trees": sum(head.forest.n_trees for head in model.heads),
        "scores": scores,
    }


def choose_features(memory: Memory, model: Model | None) -> None:
    """Say what each group of features is worth, or each feature alone to a model; see `leave_out`."""
    simulated_, measured_, panel_ = (memory.cache(f) for f in (simulated, measured, panel))

    def draw(n: int, seed: int, grade: str, preset: str) -> ClusterSet:
        return simulated_(n, seed, grade, preset, load_preset(preset).sha256)

    seed = int(load_preset("bench_v1").about["seed"])
    n = leave_out.N_PANEL
    others = {name: panel_(name, seed, n) for name, (seed, _) in GENERATORS.items()}

    def measure(clusters: ClusterSet) -> Features:
        return measured_(clusters, catalogue_hash())

    if model is None:
        training = draw(leave_out.N_TRAINING, SEED_TRAINING, "mixed", "train")
        found = leave_out.leave_out(training, others, draw(n, seed, "typical", "bench_v1"), measure)
    else:
        found = {"alone": leave_out.alone(model, others, measure)}
    kept = json.loads(leave_out.RESULTS.read_text())
    leave_out.RESULTS.write_text(json.dumps(kept | found, indent=1) + "\n")


def table(trials: dict[str, Any]) -> str:
    """Return one row a trial, the best mean first."""
    rows = []
    for name, found in trials.items():
        scores = found["scores"]
        row: dict[str, Any] = {"trial": name}
        for axis in ("distribution", "form", "positions"):
            values = [scores[generator][axis] for generator in GENERATORS]
            row[axis] = np.mean(values)
        chosen_by = [row["distribution"], row["form"], row["positions"]]
        left = scores.get("left_out", {})
        row |= {f"{axis}, left out": left.get(axis) for axis in ("distribution", "form")}
        row["mean of generators"] = np.mean(chosen_by)
        chosen_by += [left.get(axis, np.nan) for axis in ("distribution", "form")]
        row["mean"] = np.mean(chosen_by)
        for generator in GENERATORS:
            row[generator] = " / ".join(
                f"{scores[generator][axis]:.3f}" for axis in ("distribution", "form", "positions")
            )
        row |= {key: scores[key] for key in ("clouds", "thin_lines")}
        for key in ("few_fresh", "few_cut"):
            row[key] = " / ".join(f"{gap:+.3f}" for gap in scores[key])
        row["bench_v1"] = " / ".join(f"{value:.3f}" for value in scores["bench_v1"].values())
        row["trees"], row["seconds"] = found["trees"], found["seconds"]
        rows.append(row)
    frame = pd.DataFrame(rows).sort_values(["mean", "mean of generators"], ascending=False)
    return markdown_table(frame, missing="-")


def main() -> None:
    """Run a trial, or print the table of those that ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?")
    parser.add_argument("--model", type=Path, help="score this model instead of training one")
    parser.add_argument("--leave-out", action="store_true", help="choose features instead")
    parser.add_argument(
        "--alone", action="store_true", help="say what each feature is worth to --model"
    )
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--clusters", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--form-rounds", type=int, default=100)
    parser.add_argument("--leaves", type=int, default=15)
    parser.add_argument("--max-features", type=float, default=0.3)
    parser.add_argument("--preset", default="train")
    parser.add_argument("--no-copies", action="store_true")
    parser.add_argument("--folds", type=int, default=2, help="of left-out mechanisms; 0 for none")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--save", type=Path, help="folder for the model of the trial")
    arguments = parser.parse_args()
    trials = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    memory = Memory(arguments.cache, verbose=0)
    if arguments.leave_out or arguments.alone:
        choose_features(memory, load_model(arguments.model) if arguments.alone else None)
        return
    if arguments.name:
        trials[arguments.name] = trial(arguments, memory)
        RESULTS.write_text(json.dumps(trials, indent=1, default=float) + "\n")
    print(table(trials))


if __name__ == "__main__":
    main()
