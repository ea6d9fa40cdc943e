"""``calcigram simulate``: write simulated clusters, whose truth is known."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._output import check_suffix, progress_bar, say, working


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "simulate",
        run,
        "write simulated clusters, whose distribution and morphology are known",
        "calcigram simulate 1000 -o clusters.parquet --seed 1",
    )
    parser.add_argument("n", type=_options.positive_int, metavar="N", help="number of clusters")
    _options.add_output(parser, "CSV or Parquet file to write", required=True)
    parser.add_argument(
        "--grade",
        choices=_options.GRADES,
        default="typical",
        help="how degraded the clusters are (typical)",
    )
    parser.add_argument(
        "--preset",
        default="train",
        metavar="NAME",
        help="ranges to draw from: train, bench_v1 or a TOML file (train)",
    )
    _options.add_seed(parser)
    _options.add_jobs(parser)


def run(args: argparse.Namespace) -> None:
    """Simulate and write."""
    check_suffix(args.output, (".csv", ".parquet"))
    from calcigram import simulate, write_clusters
    from calcigram.wording import counted

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
