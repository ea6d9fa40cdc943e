"""What a task on a Dask cluster costs beside its work, and how long parts take, one process.

    python benchmarks/scaling.py [--clusters 4000] [--tasks 300] [--seed 7]

Measures, on a LocalCluster of two worker processes: the overhead of a task (empty ones, sent and
gathered); in this process: the processor time and the bytes of simulating, measuring and
classifying; and the same clusters classified in parts by this process and by 1, 2 and 4 workers.
From these it calculates what 100 million clusters cost.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MANY = 100_000_000
WORKERS = (1, 2, 4)
N_PARTS = 8
N_ROUNDS = 3
SIZES = (1_000, 5_000, 20_000, 50_000, 200_000)
N_RUNS = 5


def nothing(number: int) -> int:
    """Be a task without work."""
    return number


def processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def overhead_us(n_tasks: int) -> dict[str, float]:
    """Return median and spread of the time a task costs, over several runs."""
    from distributed import Client, LocalCluster

    runs = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        for _ in range(N_RUNS + 1):
            start = time.perf_counter()
            client.gather(client.map(nothing, range(n_tasks), pure=False))
            runs.append((time.perf_counter() - start) / n_tasks * 1e6)
    warm = sorted(runs[1:])
    return {"median": statistics.median(warm), "least": warm[0], "greatest": warm[-1]}


def tasks(n: int, seed: int, folder: Path) -> dict[str, dict[str, float]]:
    """Return processor time and bytes per cluster of each task, kernels compiled before."""
    from calcigram.batch import run_batch

    simulation: dict[str, Any] = {"seed": seed, "grade": "mixed"}
    figures = {}
    for task, source, output in (
        ("simulate", n, "clusters"),
        ("features", folder / "clusters", "features"),
        ("classify", folder / "clusters", "verdicts"),
    ):
        options = {"simulation": simulation} if task == "simulate" else {}
        few = 20 if task == "simulate" else source
        run_batch(few, folder / "warm", task=task, overwrite=True, **options)
        before = processor_s()
        run_batch(source, folder / output, task=task, **options)
        spent = processor_s() - before
        size = sum(path.stat().st_size for path in (folder / output).glob("*.parquet"))
        figures[task] = {"us": spent / n * 1e6, "bytes": size / n}
    return figures


def on_dask(folder: Path, n_parts: int) -> dict[str, Any]:
    """Classify parts in this process and on workers of one thread each, warm: time and processor time."""
    import pyarrow.parquet as pq
    from distributed import Client, LocalCluster

    from calcigram.batch import run_batch

    source = folder / "parts"
    source.mkdir()
    (whole,) = (folder / "clusters").glob("*.parquet")
    part = pq.read_table(whole)
    for number in range(n_parts):
        pq.write_table(part, source / f"{number}.parquet", compression="lz4")

    def classified(address: str | None, processor: Callable[[], float]) -> tuple[float, float]:
        start, before = time.perf_counter(), processor()
        run_batch(
            source, folder / "out", partition_clusters=part.num_rows, dask=address, overwrite=True
        )
        return time.perf_counter() - start, processor() - before

    def median(address: str | None, processor: Callable[[], float]) -> dict[str, float]:
        rounds = [classified(address, processor) for _ in range(N_ROUNDS + 1)][1:]
        wall, spent = (statistics.median(column) for column in zip(*rounds, strict=True))
        return {"s": wall, "processor_s": spent}

    engines = {"one process": median(None, processor_s)}
    for n in WORKERS:
        with (
            LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            address: str = cluster.scheduler_address

            def of_all(client: Any = client) -> float:
                return processor_s() + sum(client.run(processor_s).values())

            classified(address, of_all)  # twice with the first of the median: each has met a part
            engines[f"{n} worker{'s' if n > 1 else ''}"] = median(address, of_all)
    one = engines["one process"]
    for name, figures in engines.items():
        figures["efficiency"] = one["processor_s"] / figures["processor_s"]
        figures["overhead_per_task_s"] = (figures["processor_s"] - one["processor_s"]) / n_parts
        print(name, {key: round(value, 3) for key, value in figures.items()})
    return {"n_parts": n_parts, "clusters_per_part": part.num_rows, "engines": engines}


def main() -> None:
    """Measure, calculate, print, write the JSON beside the other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=4_000)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--parts", type=int, default=N_PARTS)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        a_cluster = tasks(arguments.clusters, arguments.seed, Path(folder))
        workers = on_dask(Path(folder), arguments.parts)
    overhead = overhead_us(arguments.tasks)
    result = {
        "clusters": arguments.clusters,
        "tasks": arguments.tasks,
        "seed": arguments.seed,
        "overhead_us": {name: round(value, 1) for name, value in overhead.items()},
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "workers": workers,
        "a_cluster": {
            task: {name: round(value, 2) for name, value in figures.items()}
            for task, figures in a_cluster.items()
        },
        "partition": {
            task: {
                str(size): {
                    "part_s": round(figures["us"] * size / 1e6, 3),
                    "overhead_share": round(
                        overhead["median"] / (figures["us"] * size + overhead["median"]), 6
                    ),
                }
                for size in SIZES
            }
            for task, figures in a_cluster.items()
        },
        "hundred_million": {
            task: {
                "core_hours": round(
                    (figures["us"] + overhead["median"] / 50_000) * MANY / 3600e6, 1
                ),
                "gigabytes_written": round(figures["bytes"] * MANY / 1e9, 1),
            }
            for task, figures in a_cluster.items()
        },
    }
    text = json.dumps(result, indent=2)
    print(text)
    (Path(__file__).parent / "results" / "scaling.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
