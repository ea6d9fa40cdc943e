"""Throughput of the simulator: clusters a second, and how long 100,000 would take.

    python benchmarks/simulator.py [--clusters 8000] [--jobs 2] [--acceptance 100]

Processor time of one process, then wall time of several. With ``--acceptance N`` it also prints, for each mechanism, the share of N single tries that
build and meet the definition.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from timing import write_result

from calcigram.simulate import ARRANGEMENTS, PARTICLE_MODELS, load_preset, simulate
from calcigram.simulate.acquisition import measure_truth
from calcigram.simulate.anatomy import make_breast
from calcigram.simulate.definitions import Truth, limits_of, meets_distribution, meets_form

TARGET_SECONDS = 120.0


def throughput(n_clusters: int, n_jobs: int) -> dict[str, float]:
    simulate(1000, seed=1, grade="mixed")  # compiles
    start = time.process_time()
    simulate(n_clusters // 4, seed=2, grade="mixed")
    cpu_seconds = time.process_time() - start
    simulate(1000 * n_jobs, seed=1, grade="mixed", n_jobs=n_jobs)  # starts the workers
    start = time.perf_counter()
    clusters = simulate(n_clusters, seed=2, grade="mixed", n_jobs=n_jobs)
    seconds = time.perf_counter() - start
    return {
        "processor_ms_per_cluster": 1e3 * cpu_seconds / (n_clusters // 4),
        "jobs": n_jobs,
        "clusters_per_second": n_clusters / seconds,
        "calcifications_per_cluster": float(clusters.n_calcifications.mean()),
        "seconds_for_100000": 1e5 * seconds / n_clusters,
        "target_seconds": TARGET_SECONDS,
    }


def acceptance(n_tries: int) -> dict[str, float]:
    preset, shares = load_preset("train"), {}
    for table in ARRANGEMENTS.values():
        for arrangement in table.values():
            met = 0
            for i in range(n_tries):
                rng, breast = np.random.default_rng((3, i)), make_breast((3, i // 4), preset)
                drawn = preset.draw(f"arrangement.{arrangement.id}", rng)
                placement = arrangement.build(rng, breast, drawn)
                area = breast.area_mm2 if i % 2 else float("nan")
                whole = (arrangement.vessel, True, arrangement.structureless, limits_of(preset))
                met += placement is not None and meets_distribution(
                    arrangement.label, Truth(placement, area, *whole)
                )
            shares[arrangement.id] = met / n_tries
    rng = np.random.default_rng((4,))
    for models in PARTICLE_MODELS.values():
        for model in models.values():
            met = 0
            for _ in range(n_tries):
                direction = rng.uniform(0, 3.1, 30)
                drawn = preset.draw(f"particle.{model.id}", rng)
                outlines = model.build(rng, len(direction), direction, drawn)
                marks = measure_truth(rng.uniform(0, 30, (30, 2)), outlines)
                met += meets_form(model.label, marks.table, outlines.contrast, limits_of(preset))
            shares[model.id] = met / n_tries
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=8000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--acceptance", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    result: dict[str, object] = {**throughput(arguments.clusters, arguments.jobs)}
    for name, value in result.items():
        print(f"{name}: {value:.4g}")
    if arguments.acceptance:
        shares = acceptance(arguments.acceptance)
        result["acceptance"] = shares
        for name, share in shares.items():
            print(f"{name:40s} {share:.2f}")
    write_result("simulator", [], **result)


if __name__ == "__main__":
    main()
