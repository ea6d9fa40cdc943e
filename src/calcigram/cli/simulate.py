"""``calcigram simulate``: write simulated clusters, whose truth is known."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._output import progress_bar, say, working
from calcigram.wording import counted


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "simulate",
        run,
        "write simulated clusters, whose distribution and morphology are known",
        "calcigram simulate 1000 -o clusters.parquet --seed 1",
        _options.option("n", "number of clusters", _options.positive_int),
        _options.output("CSV or Parquet file to write", ".csv", ".parquet", required=True),
        _options.GRADE,
        _options.PRESET,
        _options.SEED,
        _options.JOBS,
    )


def run(args: argparse.Namespace) -> None:
    """Simulate and write."""
    from calcigram import simulate, write_clusters

    with progress_bar("Simulating") as progress:
        clusters = simulate(
            args.n,
            seed=args.seed,
            grade=args.grade,
            preset=args.preset,
            n_jobs=_options.jobs(args),
            progress=progress,
        )
    with working("Writing"):
        write_clusters(clusters, args.output)
    say(
        f"{counted(len(clusters), 'cluster')}, {len(clusters.x_mm)} calcifications -> {args.output}"
    )
