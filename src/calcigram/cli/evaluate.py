"""``calcigram evaluate``: hold a model and the rules against clusters whose truth is known."""

from __future__ import annotations

import argparse
from pathlib import Path

from calcigram.cli import _options


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "evaluate",
        run,
        "hold the model and the rules against clusters whose truth is known",
        "calcigram evaluate --benchmark bench_v1 --n 5000 -o evaluation.html",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="CLUSTERS",
        help="labelled clusters, with columns true_distribution and true_morphology",
    )
    parser.add_argument(
        "--benchmark",
        metavar="NAME",
        help="simulate the clusters from a benchmark preset: bench_v1",
    )
    parser.add_argument(
        "--n",
        type=_options.positive_int,
        default=5000,
        metavar="N",
        help="clusters of the benchmark, a grade (5000)",
    )
    parser.add_argument(
        "--transfer",
        action="store_true",
        help="train with one mechanism a class left out, each fold",
    )
    _options.add_output(parser, "HTML or JSON file to write")
    _options.add_model(parser)
    _options.add_seed(parser)
    _options.add_jobs(parser)
    _options.add_json(parser)
    _options.add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Evaluate."""
    raise NotImplementedError
