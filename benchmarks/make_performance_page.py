"""Write docs/performance.md and its picture from the measured results.

    python benchmarks/make_performance_page.py

Reads ``benchmarks/results/*.json``, which the scripts beside this one write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.wording import markdown_table

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PICTURE = ROOT / "docs" / "img" / "cost_against_n.png"

CLAIMS = ("features_vs_scipy", "two_threads", "tree_vs_delaunay", "model_inference")
PEERS = ("peers",)

PICTURE_LINE = "![Microseconds per cluster against calcifications, both on a logarithmic scale](img/cost_against_n.png)"

PAGE = """# Speed

<!-- Written by benchmarks/make_performance_page.py; edit that. -->

`make bench` measures every claim again (one script each in `benchmarks/`) and `make docs` writes this page. Each script
first compares the results of both sides, then times them alternately in one process. The ratio is their time divided by ours: the
median of the pairs, with minimum and maximum. Where each side has one thread, processor time is measured, otherwise wall
time. Load is the number of runnable processes when the script ended: above the number of processors, wall times and ratios
of two threads are unreliable.

## Claims

{machine}

{claims}

{totals}

{not_measured}

## Where the time goes

{features}

{stages}

From Parquet to verdict Parquet (`benchmarks/pipeline.py`, one thread, processor time, load {pipeline_load}):

{pipeline}

What the kernels do already: one order of the points along the major axis for all steps, nearest neighbours read off the spanning
tree, one pass over the pairs for all counts and distances, sixteen points or knots side by side in loops that LLVM vectorises, and
choices without branches where the processor would guess wrong half of the time.
Commit `ef5c59c` (121 features, vectors spelt out with numba's private modules, one shared workspace) took 0.57 of this time in
a paired run of 28 November 2026; plain kernels came first, speed is a later step.

Simulator: {simulator}

Training: {training}

## Other packages

Each computes a part of the work, as the last column says; no claim is made. They were timed beside the 121 features of an earlier commit.

{peers}

{missing}

PyRadiomics runs in a separate environment with an older NumPy, built from source (`benchmarks/pyradiomics_shapes.py`
explains how): `benchmarks/peers.py --pyradiomics PYTHON`.

## The first verdict

{first_use}

## Cost against the number of calcifications

One thread, processor time, all features, marks unknown:

{costs}

## Memory

{memory}

## The gate

`tests/test_benchmarks.py` (slow tests) measures three of these ratios again, briefly (features, the tree of 100 points, one row and few trees), and fails where one is less than 0.7 of the
value stored here. It does not compare times.
"""


def load(script: str) -> dict[str, Any] | None:
    path = RESULTS / f"{script}.json"
    return json.loads(path.read_text()) if path.exists() else None


def verdict(reached: bool) -> str:
    return "reached" if reached else "**not reached**"


def claim_row(claim: dict[str, Any], load_then: float | None) -> str:
    target = claim["target"]
    said = f">= {target:g}, {verdict(claim['ratio'] >= target)}" if target else ""
    return (
        f"| {claim['name']} | {claim['ours_us']:.4g} | {claim['theirs_us']:.4g} | {claim['ratio']:.3g} "
        f"({claim['ratio_low']:.3g} to {claim['ratio_high']:.3g}) | {said} | {claim['clock']}, "
        f"load {'not noted' if load_then is None else load_then} | {claim['differs']} |"
    )


def claim_table(scripts: tuple[str, ...]) -> str:
    rows = [
        claim_row(claim, result["machine"]["load"])
        for script in scripts
        if (result := load(script))
        for claim in result["claims"]
    ]
    if not rows:
        return "Not measured yet."
    head = "| claim | ours, us | theirs, us | ratio | target | clock | what differs |"
    return "\n".join([head, "|---|---:|---:|---:|---|---|---|", *rows])


def totals() -> str:
    lines = []
    if pipeline := load("pipeline"):
        rate, target = pipeline["clusters_per_second"], pipeline["target_per_second"]
        ratio = pipeline["claims"][0]["ratio"]
        lines.append(
            f"* Parquet to features, both heads and verdict Parquet: {rate:,.0f} clusters/s, {target:,} asked: "
            f"{verdict(rate >= target)} (wall time, load {pipeline['machine']['load']:g}; reading the Parquet alone "
            f"takes {ratio:.2g} of it)."
        )
    if startup := load("startup"):
        lines.append(
            f"* `calcigram --help`: {startup['help_s']:.2f} s of processor time, {startup['target_s']} asked: "
            f"{verdict(startup['help_s'] <= startup['target_s'])}; Python alone takes "
            f"{startup['claims'][0]['theirs_us'] / 1e6:.2f} s."
        )
    if http := load("http"):
        lines.append(
            f"* HTTP, one cluster of {http['calcifications']} calcifications over {http['connections']} connections: "
            f"{http['ratio']:.2f} of the same server's empty answers a second, {http['target']:g} asked: "
            f"{verdict(http['ratio'] >= http['target'])} (wall time, load {http['load_average_before']:g}; "
            "[docs/serving.md](serving.md) has the rest)."
        )
    return "\n".join(lines)


def simulator() -> str:
    speed = load("simulator")
    if speed is None:
        return "not measured yet while nothing else ran (`benchmarks/simulator.py`); 120 s asked for 100,000 clusters."
    seconds, target = speed["seconds_for_100000"], speed["target_seconds"]
    return (
        f"{speed['processor_ms_per_cluster']:.2g} ms of processor time per cluster in one process, "
        f"{speed['clusters_per_second']:,.0f} clusters/s in {speed['jobs']} processes: 100,000 in {seconds:,.0f} s, "
        f"{target:g} asked: {verdict(seconds <= target)} (mixed grades, wall time, load {speed['machine']['load']:g}). "
        f"1 ms a cluster asked: {verdict(speed['processor_ms_per_cluster'] <= 1)}."
    )


def training() -> str:
    found = load("training")
    if found is None:
        return "not measured yet (`benchmarks/training.py`); 8 minutes asked for 100,000 clusters."
    steps = ", ".join(f"{name} {spent:.0f} s" for name, spent in found["steps_s"].items())
    return (
        f"{found['clusters']:,} clusters simulated, measured and trained in {found['seconds'] / 60:.1f} minutes with "
        f"{found['jobs']} jobs ({steps}; {found['iterations'][0]} rounds for the distribution and "
        f"{found['iterations'][1]} for the form, as the default model has; wall time, load {found['machine']['load']:g}); "
        f"{found['target_seconds'] / 60:g} minutes asked: "
        f"{verdict(found['seconds'] <= found['target_seconds'])}. Marks of rendered pictures are read from their cache and not counted."
    )


def machine() -> str:
    """Say what the claims were measured on, and that ratios move with it."""
    found = load("features_vs_scipy")
    if found is None:
        return ""
    made = found["machine"]
    return (
        f"Measured on {made['processors']} processors of kind {made['processor']}, Python {made['python']}, NumPy {made['numpy']}, "
        f"SciPy {made['scipy']}, numba {made['numba']}, scikit-learn {made['scikit-learn']}. Ratios of compiled code and Python differ up to "
        "twofold between kinds of processor; the files in `benchmarks/results` keep one for each kind."
    )


def first_use() -> str:
    """Return what the first and the next verdict cost, and what is compiled."""
    found = load("startup")
    if found is None or "first_s" not in found:
        return "Not measured yet."
    first, later = found["first_s"], found["next_s"]
    return (
        f"`calcigram classify` of the sample clusters by a copy of the package without machine code takes {first:.1f} s of "
        f"processor time ({found['first_target_s']:g} asked: {verdict(first <= found['first_target_s'])}), the same command again "
        f"{later:.2f} s ({found['next_target_s']:g} asked: {verdict(later <= found['next_target_s'])}; load "
        f"{found['machine']['load']:g}). Compiled from source, as under another Python or numba than those that the kernels "
        f"were linked for, it takes {found['from_source_s']:.1f} s.\n\n"
        "What is compiled, and when: a kernel that Python calls, with all that it calls, when it is first called with given types of "
        f"arguments. The first verdict needs {', '.join(f'`{name}`' for name in found['kernels'])}; "
        "`measure.measure_clusters` is all features. The package contains them, and those of `explain`, of a request of a single "
        "cluster and of the page, as LLVM bitcode: typed, lowered and linked, not yet optimised (`_kernels/linked`, written by "
        "`make linked`; a test compares it with what the source gives). LLVM optimises them for this processor and "
        "makes the same machine code as from source. A file whose source, Python, numba, llvmlite or platform differs is not used. "
        "The simulator is compiled when first used; `calcigram warm-up --all` does it all beforehand "
        "([deploying](serving.md#deploying) says where it is kept).\n\n"
        "From source, three fifths of the time is numba's own Python code (types, lowering, writing LLVM's text), which grows with the "
        "length of the kernels; the rest is LLVM, a quarter of it for single functions before they are linked. What was tried: parts that are "
        "neither optimised nor made machine code apart from their callers, signatures that are remembered, and fewer collections of "
        "garbage are all in `_kernels/compiler.py`; leaving out LLVM's optimisation of single functions gained nothing; making "
        "their pass managers takes 1 %, numba's counting of references of arrays 5 %."
    )


def features() -> str:
    """Return the features against the pair pass."""
    found = load("features_vs_scipy")
    pairs = [c for c in found["claims"] if "pairs alone" in c["name"]] if found else []
    if not pairs:
        return ""
    return (
        f"All features take {1 / pairs[0]['ratio']:.1f} times the pass over all pairs of calcifications alone "
        f"({pairs[0]['theirs_us']:.1f} us), the least that any of this can cost."
    )


def pipeline() -> str:
    """Return the stages from Parquet to verdict Parquet."""
    found = load("pipeline")
    if found is None or "stages_us" not in found:
        return "Not measured yet."
    alone, us = found["read_alone_us"], found["stages_us"]
    rows = [
        [name, f"{t:.2f}", f"{t / alone:.2f}", f"{t / sum(us.values()):.0%}"]
        for name, t in us.items()
    ]
    shown = pd.DataFrame(rows, columns=["stage", "us per cluster", "times reading alone", "share"])
    return (
        f"{markdown_table(shown)}\n\nAll stages take {found['readings']:.1f} times reading alone ({alone:.2f} us), "
        f"{found['target_readings']:g} asked: {verdict(found['readings'] <= found['target_readings'])}. Reading with all checks is the first "
        f"stage; the features alone take {us['features'] / alone:.1f} times reading."
    )


def stages() -> str:
    """Return the steps of the features, the slowest first."""
    found = load("feature_stages")
    if found is None:
        return "Not measured yet."
    rows = sorted(found["stages_us"].items(), key=lambda pair: -pair[1])
    shown = pd.DataFrame(
        [[name, f"{us:.2f}", f"{us / found['total_us']:.0%}"] for name, us in rows if us > 0.1],
        columns=["step", "us per cluster", "share"],
    )
    return (
        f"All {len(FEATURE_NAMES)} features take {found['total_us']:.1f} us per cluster of 64 calcifications on average, one thread "
        f"(`benchmarks/feature_stages.py`):\n\n{markdown_table(shown)}"
    )


def not_measured() -> str:
    scripts = (
        *CLAIMS,
        *PEERS,
        "pipeline",
        "startup",
        "cost_against_n",
        "stream_memory",
        "simulator",
        "training",
        "feature_stages",
    )
    lacking = [f"`{script}.py`" for script in scripts if load(script) is None]
    return f"Not measured yet: {', '.join(lacking)}." if lacking else ""


def missing_peers() -> str:
    peers = load("peers")
    names = ", ".join(peers["not_installed"]) if peers else ""
    return f"Not installed when this was measured: {names}." if names else ""


def cost_table() -> str:
    cost = load("cost_against_n")
    if cost is None:
        return "Not measured yet."
    lines = [
        "| calcifications | us per cluster | exponent from the line above |",
        "|---:|---:|---:|",
    ]
    for n, us, slope in zip(
        cost["sizes"], cost["cost_us"], [None, *cost["exponents"]], strict=True
    ):
        lines.append(f"| {n:,} | {us:,.1f} | {'' if slope is None else f'{slope:.2f}'} |")
    if "target_s" in cost:
        largest = cost["cost_us"][-1] / 1e6
        lines += [
            "",
            f"{cost['sizes'][-1]:,} calcifications take {largest:.2f} s of processor time, {cost['target_s']:g} asked: "
            f"{verdict(largest <= cost['target_s'])}. A cluster of more than 100,000 brings a warning, one of more than 150,000 is refused.",
        ]
    return "\n".join([*lines, "", PICTURE_LINE])


def draw_costs() -> None:
    cost = load("cost_against_n")
    if cost is None:
        return
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.loglog(cost["sizes"], cost["cost_us"], "o-")
    middles = zip(
        cost["sizes"], cost["sizes"][1:], cost["cost_us"], cost["cost_us"][1:], strict=False
    )
    for (n, m, a, b), slope in zip(middles, cost["exponents"], strict=True):
        place = ((n * m) ** 0.5, (a * b) ** 0.5)
        axes.annotate(f"{slope:.2f}", place, (6, -10), textcoords="offset points", fontsize=8)
    axes.set(xlabel="calcifications", ylabel="us per cluster (all features, one thread)")
    axes.grid(alpha=0.3)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


def memory() -> str:
    flat, million = load("stream_memory"), load("stream_million")
    lines = []
    if flat:
        pairs = zip(flat["clusters"], flat["peak_gb"], strict=True)
        lines.append(
            "Peak while classifying in a stream: "
            + ", ".join(f"{n:,} clusters {gb:.2f} GB" for n, gb in pairs)
            + "."
        )
    if million:
        peak, target = million["peak_memory_gb"], million.get("target_gb", 0.5)
        asked = f", {target:g} asked: {verdict(peak <= target)}"
        lines.append(
            f"{million['clusters']:,} clusters: {million['peak_memory_gb']:.2f} GB at most{asked}, {million['seconds']:g} s "
            "(`benchmarks/stream_million.py`, measured apart). A quarter of a GB is Python with its libraries, the model and the compiled "
            "kernels; the rest is a few batches of 5,000 clusters, which are read, computed and written at the same time. Of a "
            "batch, only the names of its clusters are Python objects."
        )
    return "\n".join(lines)


def main() -> None:
    draw_costs()
    page = PAGE.format(
        claims=claim_table(CLAIMS), totals=totals(), simulator=simulator(), training=training(), not_measured=not_measured(),
        machine=machine(), features=features(), stages=stages(), pipeline=pipeline(),
        pipeline_load=(load("pipeline") or {"machine": {"load": "-"}})["machine"]["load"], first_use=first_use(), peers=claim_table(PEERS), missing=missing_peers(), costs=cost_table(), memory=memory(),
    )  # fmt: skip
    (ROOT / "docs" / "performance.md").write_text(page)


if __name__ == "__main__":
    main()
