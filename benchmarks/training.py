"""How long it takes to simulate, measure and train on many clusters, with as many rounds as the default model.

    python benchmarks/training.py [--clusters 100000] [--iterations 400] [--form-iterations 100] [--jobs 2]

Wall time of each step, and the processor time of the whole, of this process and its workers. Nothing is read from a
cache, and no pictures are rendered: measuring those takes far longer, and `train` keeps them (`--measured-cache`).
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from typing import Any

from timing import WALL, write_result

from calcigram import train_model
from calcigram.features.extract import extract_features
from calcigram.simulate import simulate

TARGET_SECONDS = 480.0


def processor_s() -> float:
    """Return the processor time of this process and of its workers that have ended."""
    kinds = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=100_000)
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--form-iterations", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    extract_features(simulate(300, seed=1, grade="mixed"))  # compiled
    before, steps = processor_s(), {}

    def step(name: str, run: Callable[[], Any]) -> Any:
        start = WALL()
        made = run()
        steps[name] = WALL() - start
        print(f"  {name}: {steps[name]:.0f} s", flush=True)
        return made

    clusters = step(
        "simulate", lambda: simulate(args.clusters, seed=2, grade="mixed", n_jobs=args.jobs)
    )
    features = step("measure", lambda: extract_features(clusters, n_threads=args.jobs))
    step(
        "train",
        lambda: train_model(
            clusters, features=features, n_iterations=args.iterations,
            form_iterations=args.form_iterations, n_jobs=args.jobs,
        ),
    )  # fmt: skip
    whole = sum(steps.values())
    spent = processor_s() - before
    print(
        f"{args.clusters:,} clusters simulated, measured and trained: {whole / 60:.1f} minutes, asked "
        f"{TARGET_SECONDS / 60:g}; processor time {spent / 60:.1f} minutes"
    )
    write_result(
        "training", [], clusters=args.clusters, iterations=[args.iterations, args.form_iterations],
        jobs=args.jobs, steps_s=steps, seconds=whole, processor_s=spent, target_seconds=TARGET_SECONDS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
