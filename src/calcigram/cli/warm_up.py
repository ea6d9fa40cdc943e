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
    _options.add_command(
        commands,
        "warm-up",
        run,
        "compile now, once, what the first use of other commands would compile",
        "calcigram warm-up",
        _options.option("--all", "compile the simulator, too (simulate, train, demo)"),
    )


def run(args: argparse.Namespace) -> None:
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
