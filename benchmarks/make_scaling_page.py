"""Write docs/scaling.md from the measured results.

    python benchmarks/make_scaling_page.py

Reads ``benchmarks/results/scaling.json``, which ``benchmarks/scaling.py`` writes; states no figure
of its own but for settings of the code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from calcigram.wording import markdown_table

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "scaling.json"

PAGE = """# Many clusters, many machines

<!-- Written by benchmarks/make_scaling_page.py; edit that. -->

## One machine: `classify`, streamed

`calcigram classify big.parquet -o verdicts.parquet` reads, computes and writes concurrently, a few row groups at a
time, so that memory does not grow with the file. The output appears when it is complete. Until then, finished parts are in the hidden
folder `.verdicts.parquet.work` beside it. After a kill, a crash or Ctrl-C,

```sh
calcigram classify big.parquet -o verdicts.parquet --resume
```

does the rest, and the output is identical to that of an uninterrupted run. A manifest in the folder contains the digests of the input and of
calcigram's code, the model's version and the options; where one of them differs, `--resume` refuses and names it.
The input is every file read: clusters, `--prior` and images (images in folders, and beside reports, by size and modification time).
The digests are computed before reading. If an input has changed at the end, nothing is written. Two runs that write the
same output exclude each other, and the next run removes what a killed run left.

## Many machines: `batch`

```sh
pip install '.[scale]'                                             # in a checkout
calcigram batch 2000 clusters --task simulate --seed 1
calcigram batch clusters verdicts                                  # this process, all threads
```

```sh
# not run by the tests: it needs a Dask cluster and an object store
calcigram batch clusters verdicts --dask tcp://10.0.0.1:8786       # the workers of a Dask cluster
calcigram batch s3://bucket/clusters s3://bucket/features --task features --dask tcp://10.0.0.1:8786 --resume
```

```python
# not run by the tests: it needs a Dask cluster
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from calcigram import CalcigramClassifier, simulate
from calcigram.batch import on_dask, run_batch
from calcigram.features import ClusterFeatures

scheduler = "tcp://10.0.0.1:8786"
run_batch("clusters", "verdicts", dask=scheduler, resume=True)

clusters = simulate(300, seed=1)
truth = clusters.meta["true_distribution"].astype(str).to_numpy()
reader = make_pipeline(ClusterFeatures(), CalcigramClassifier("distribution", n_iterations=5))
with on_dask(scheduler):
    scores = cross_val_score(reader, clusters, truth, cv=3, n_jobs=-1)  # joblib's Dask backend
```

The output must not overlap the input. An existing folder is refused; `--overwrite` replaces one that `batch` made and that
contains nothing else, when the new one is complete. On a local disk, a lock prevents two runs with the same output.
Object stores have no locks: a run that finds parts of another run at the end refuses to mark its output as complete.

Input and output may be on any file system that [fsspec](https://filesystem-spec.readthedocs.io) supports. Every worker must reach
them under the same name, and have the same calcigram and model (otherwise it refuses to work). Start workers with one
thread each: `dask worker tcp://10.0.0.1:8786 --nworkers auto --nthreads 1`. If a worker is lost, another one does its
part; parts are pure functions of their input, so the bytes are those of one process. The output folder gets its name when
all parts are done: atomically on a local file system; file by file on an object store, which has no renaming; the
manifest `_calcigram.json` is one of the files.

## What a task costs

An empty task on a cluster of two local worker processes costs {median:,.0f} us (median of five runs of {tasks}; {least:,.0f} to {greatest:,.0f}).
Cost per cluster on one core (`benchmarks/scaling.py`, {clusters:,} simulated clusters of mixed grade in one part, including reading, writing and planning):

{costs}

Time per part, and the share of it that is Dask's overhead:

{parts}

A task should take more than 0.1 s, and at most a minute, which is what a lost worker costs. The default of 50,000 clusters per part
(`--partition-clusters`) meets both for features and verdicts. Simulation takes {slower:.0f} times as long as classification: use 5,000. A part consists of whole row
groups: write input in row groups no larger than a part.

## One process against workers

{workers}

One process uses all processors, a worker one. Efficiency is the processor time of one process divided by that of the workers, the
scheduler and the client together: what is lost to sending tasks, to reading and writing in several processes, and to the
memory that they share. The overhead per task is the difference, divided by the parts. More workers than processors gain nothing.

## Object storage

`tests/batch/test_s3.py` (slow tests) starts a server that speaks S3 (moto) in a process of its own and classifies from one bucket
folder to another: the verdicts are those on a disk, a run that was broken off is resumed, an existing output is refused or
replaced, and nothing of the work folder is left. For S3 install `s3fs`; its address and credentials come from the environment
(`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`). The output is copied object by object, the manifest
`_calcigram.json` last: a folder with a manifest is complete. Google's and Azure's stores were not tested.

## 100 million clusters, calculated

{many}

Core hours are the time per cluster times 100 million, including Dask's overhead at 50,000 clusters per part; n cores need 1/n of that time, as
long as the storage is fast enough. A worker needs the memory of 20,000 clusters and of one part's output.
"""


def table(rows: list[list[str]]) -> str:
    """Return a Markdown table; the first row is the heading."""
    return markdown_table(pd.DataFrame(rows[1:], columns=rows[0]))


def workers_text(result: dict[str, Any]) -> str:
    """Return the table of one process and of workers."""
    if "workers" not in result:
        return "Not measured yet (`benchmarks/scaling.py`)."
    workers = result["workers"]
    engines = workers["engines"]
    rows = [
        [
            name,
            f"{one['s']:.2f}",
            f"{one['processor_s']:.2f}",
            f"{one['efficiency']:.0%}",
            f"{1e3 * one['overhead_per_task_s']:.1f}",
        ]
        for name, one in engines.items()
    ]
    heading = ["engine", "s", "processor s", "efficiency", "overhead per task, ms"]
    return (
        f"{workers['n_parts']} parts of {workers['clusters_per_part']:,} clusters, classified on one machine of "
        f"{result['processors']} processors, everything loaded and compiled before; median of three rounds, load "
        f"{result['load']:g} (above the number of processors, another program had a part of them: the seconds say little then, the "
        f"processor seconds more):\n\n{table([heading, *rows])}"
    )


def main() -> None:
    """Write the page."""
    result = json.loads(RESULT.read_text())
    cost = result["a_cluster"]
    sizes = list(result["partition"]["classify"])
    heading = ["clusters per part", *(name for name in cost)]
    parts = [
        [f"{int(size):,}"]
        + [
            f"{part['part_s']:.2f} s, {part['overhead_share']:.2%}"
            for part in (result["partition"][task][size] for task in cost)
        ]
        for size in sizes
    ]
    page = PAGE.format(
        **result["overhead_us"],
        tasks=result["tasks"],
        clusters=result["clusters"],
        costs=table(
            [["task", "us per cluster", "bytes written per cluster"]]
            + [[name, f"{one['us']:,.0f}", f"{one['bytes']:,.0f}"] for name, one in cost.items()]
        ),
        parts=table([heading, *parts]),
        workers=workers_text(result),
        slower=cost["simulate"]["us"] / cost["classify"]["us"],
        many=table(
            [["task", "core hours", "GB written"]]
            + [
                [name, f"{one['core_hours']:,.0f}", f"{one['gigabytes_written']:,.0f}"]
                for name, one in result["hundred_million"].items()
            ]
        ),
    )
    (ROOT / "docs" / "scaling.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
