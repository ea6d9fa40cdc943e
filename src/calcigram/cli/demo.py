"""``calcigram demo``, the whole way once, small; and ``warm-up``, which compiles what is compiled on first use."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calcigram.cli import _options
from calcigram.cli._output import doing, print_json, print_verdicts, progress_bar, say, working
from calcigram.errors import BadInputError

N_CLUSTERS = 2500

N_ITERATIONS = 60


@_options.command(
    "demo",
    "train a small model, read the sample clusters twice, write a report with pictures",
    "calcigram demo -o demo",
    _options.output("folder to write to", default=Path("demo")),
    _options.SEED,
    _options.JOBS,
    _options.JSON,
)
def run_demo(args: argparse.Namespace) -> None:
    """Train, classify, print, write."""
    folder = args.output
    folder.mkdir(parents=True, exist_ok=True)
    from calcigram import classify, read_clusters, simulate, train_model
    from calcigram.formats import write_table
    from calcigram.report import write_report

    say(f"Training a small model on {N_CLUSTERS} simulated clusters (seed {args.seed}) ...")
    with working("Simulating"), _kernels_compiled_meanwhile():
        training = simulate(N_CLUSTERS, seed=args.seed)
    with doing(lambda: "training"):
        model = train_model(
            training,
            seed=args.seed,
            n_iterations=N_ITERATIONS,
            n_jobs=_options.jobs(args),
            progress=sys.stderr.isatty(),
            name="demo",
            description={"simulated": N_CLUSTERS, "simulation_seed": args.seed},
        )
    model.save(folder / "model")
    clusters = read_clusters(sample_clusters())
    verdicts = classify(clusters, model)
    write_table(verdicts, folder / "verdicts.csv")
    with progress_bar("Drawing") as progress:
        write_report(
            clusters,
            verdicts,
            folder / "report.html",
            title="calcigram demo: the sample clusters, read twice",
            progress=progress,
        )
    if args.json:
        print_json(verdicts)
    else:
        print_verdicts(verdicts)
        print(f"\n{_options.NOTICE}")
    say(f"\nReport with pictures: {folder / 'report.html'}")
    say(f"Verdicts:             {folder / 'verdicts.csv'}")
    say(
        f"Model:                {folder / 'model'}  (small; `calcigram classify` uses a better one)"
    )


@contextmanager
def _kernels_compiled_meanwhile() -> Iterator[None]:
    """Let a second process compile the kernels of the features into the cache both use.

    On a fresh machine compiling takes as long as all the rest: the simulator's kernels here, the
    features' there, one core each. A worker of multiprocessing would run the caller's script again.
    """
    code = (
        "from calcigram import ClusterSet, extract_features\n"
        "extract_features(ClusterSet.from_arrays([0, 3], [0, 1, 0], [0, 0, 1]))"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", code], stderr=subprocess.DEVNULL):
        yield


def sample_clusters() -> Path:
    """Return the sample clusters: those of the source tree, else those in the installed package.

    Raises
    ------
    BadInputError
        They are in neither place.

    Examples
    --------
    >>> sample_clusters().name
    'sample_clusters.csv'
    """
    package = Path(__file__).parents[1]
    places = (package.parents[1], package / "_shipped")
    for place in places:
        path = place / "data" / "sample_clusters.csv"
        if path.is_file():
            return path
    raise BadInputError("the sample clusters that come with calcigram", value=str(places[-1]))


N_SIMULATED = 300

"""Clusters of mixed grade, enough to meet every mechanism."""


@_options.command(
    "warm-up",
    "compile now, once, what the first use of other commands would compile",
    "calcigram warm-up",
    _options.option("--all", "compile the simulator, too (simulate, train, demo)"),
)
def run_warm_up(args: argparse.Namespace) -> None:
    """Use each compiled function once."""
    from time import perf_counter

    began = perf_counter()
    with working("Compiling"):
        from calcigram import classify, explain, read_clusters, simulate
        from calcigram._kernels.tree import spanning_tree

        clusters = read_clusters(sample_clusters())
        classify(clusters)
        classify(clusters[0])  # few clusters are read by other functions than many
        explain(clusters[0])
        spanning_tree(clusters[0].x_mm.copy(), clusters[0].y_mm.copy())  # the page draws it
        if args.all:
            simulate(N_SIMULATED, grade="mixed")
            _ = simulate(1, render=True).images[0]
    say(f"ready after {perf_counter() - began:.0f} s")
