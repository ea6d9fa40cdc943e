"""Write docs/scaling.md from the measured results.

    python benchmarks/make_scaling_page.py

Reads ``benchmarks/results/scaling.json``, which ``benchmarks/scaling.py`` writes; states no figure
of its own but for settings of the code.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from calcigram.wording import markdown_table

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "scaling.json"

PAGE = """# Many clusters, many machines

<!-- Written by benchmarks/make_scaling_page.py; edit that. -->

## One machine: `classify`, streamed

`calcigram classify big.parquet -o verdicts.parquet` reads, computes and writes side by side, a few row groups at a
time, so memory does not grow with the file. The output appears when it is whole. Until then finished parts lie in the hidden
folder `.verdicts.parquet.work` beside it; after a kill, a crash or Ctrl-C

```sh
calcigram classify big.parquet -o verdicts.parquet --resume
```

does the rest, and the output has the bytes it would have had. A manifest in the folder holds the digests of the input and of
calcigram's own code, the model's version and the options; where one of them differs, `--resume` refuses and says which.
Input means every file read: clusters, `--prior` and images (images in folders, and beside reports, by size and time of change).
The digests are taken before reading. If a file is another one at the end, nothing is written. Two runs that write the
same output exclude each other, and what a killed run left unfinished the next one removes.

## Folders of Parquet, and clusters of machines: `batch`

```sh
pip install '.[scale]'                                             # in a checkout
calcigram batch 1000000 clusters --task simulate --seed 1
calcigram batch clusters verdicts                                  # this process, all threads
calcigram batch clusters verdicts --dask tcp://10.0.0.1:8786       # the workers of a Dask cluster
calcigram batch s3://bucket/clusters s3://bucket/features --task features --dask tcp://10.0.0.1:8786 --resume
```

```python
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from calcigram import simulate
from calcigram.batch import on_dask, run_batch
from calcigram.features.transformer import ClusterFeatures
from calcigram.model.estimator import CalcigramClassifier

scheduler = "tcp://10.0.0.1:8786"
run_batch("clusters", "verdicts", dask=scheduler, resume=True)

clusters = simulate(300, seed=1)
truth = clusters.meta["true_distribution"].astype(str).to_numpy()
reader = make_pipeline(ClusterFeatures(), CalcigramClassifier("distribution", n_iterations=5))
with on_dask(scheduler):
    scores = cross_val_score(reader, clusters, truth, cv=3, n_jobs=-1)  # joblib's Dask backend
```

The output must not overlap the input. A folder that is there is refused; `--overwrite` replaces one that `batch` made and that
holds nothing else, when the new one is whole. On a local disk two runs of one output exclude each other with a lock;
object stores have none, so there a run that finds parts of another in the end refuses to call its output whole.

Input and output may be on any file system that [fsspec](https://filesystem-spec.readthedocs.io) reaches; every worker must reach
them under the same name, and have the same calcigram and model (a worker that has not refuses). Start workers with one
thread each: `dask worker tcp://10.0.0.1:8786 --nworkers auto --nthreads 1`. A part that is lost with its worker is done by
another; parts are pure functions of their input, so the bytes are those of one process. The output folder takes its name when
all parts are done: at once on a local file system; on an object store, which has no renaming, file by file, the
manifest `_calcigram.json` among them.

## What a task costs

An empty task on a cluster of two local worker processes costs {median:,.0f} us (median of five runs of {tasks}; {least:,.0f} to {greatest:,.0f}).
One cluster costs, on one core (`benchmarks/scaling.py`, {clusters:,} simulated clusters of mixed grade in one part, reading, writing and planning included):

{costs}

So a part takes, and so much of it is Dask's:

{parts}

Tasks should last over 0.1 s, and lose no more than a minute where a worker is lost. The default of 50,000 clusters per part
(`--partition-clusters`) keeps to both for features and verdicts. To simulate, which takes {dearer:.0f} times as long as to classify, take 5,000. A part has whole row
groups: write input in row groups no larger than a part.

## 100 million clusters, calculated

{many}

Core hours are the time a cluster costs times 100 million, Dask's overhead at 50,000 clusters per part included; n cores need an n-th of that, as
long as the storage keeps up. On the workers, memory is that of 20,000 clusters and of one part's output.
"""


def table(rows: list[list[str]]) -> str:
    """Return a Markdown table; the first row is the heading."""
    return markdown_table(pd.DataFrame(rows[1:], columns=rows[0]))


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
            [["task", "us a cluster", "bytes written a cluster"]]
            + [[name, f"{one['us']:,.0f}", f"{one['bytes']:,.0f}"] for name, one in cost.items()]
        ),
        parts=table([heading, *parts]),
        dearer=cost["simulate"]["us"] / cost["classify"]["us"],
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
