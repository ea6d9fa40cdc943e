"""``calcigram warm-up``: compile what is otherwise compiled when it is first needed."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._output import say, working
from calcigram.cli.demo import sample_clusters

N_SIMULATED = 300
"""Clusters of mixed grade, enough to meet every mechanism."""


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "warm-up",
        run,
        "compile now, once, what the first use of other commands would compile",
        "calcigram warm-up",
    )
    parser.add_argument(
        "--all", action="store_true", help="compile the simulator, too (simulate, train, demo)"
    )


def run(args: argparse.Namespace) -> None:
    """Use each compiled function once."""
    from time import perf_counter

    began = perf_counter()
    with working("Compiling"):
        from calcigram import classify, explain, read_clusters, simulate
        from calcigram.page.sketch import overlays

        clusters = read_clusters(sample_clusters())
        classify(clusters)
        classify(clusters[0])  # a few clusters take another way through the model than many
        explain(clusters[0])
        overlays(clusters[0].x_mm, clusters[0].y_mm)
        if args.all:
            simulate(N_SIMULATED, grade="mixed")
    say(f"ready after {perf_counter() - began:.0f} s")
