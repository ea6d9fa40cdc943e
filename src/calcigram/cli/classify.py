"""``calcigram classify``: read clusters twice and write or print the verdicts."""

from __future__ import annotations

import argparse
from pathlib import Path

from calcigram.cli import _options
from calcigram.cli._output import (
    check_exists,
    check_suffix,
    print_json,
    print_verdicts,
    working,
)
from calcigram.errors import BadInputError


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "classify",
        run,
        "read clusters by the model and by the rules, and cross-check the two",
        "calcigram classify clusters.csv -o verdicts.csv",
    )
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="CSV or Parquet files of clusters"
    )
    _options.add_output(parser, "CSV, Parquet or JSON file to write (print a table)")
    _options.add_model(parser)
    parser.add_argument("--skip-bad", action="store_true", help="set bad clusters aside and go on")
    parser.add_argument(
        "--rejects", type=Path, metavar="FILE", help="where --skip-bad writes what it set aside"
    )
    _options.add_jobs(parser, "threads")
    _options.add_json(parser)
    _options.add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Classify files, streamed to `-o`, or all at once onto the terminal."""
    check_suffix(args.output, (".csv", ".parquet", ".json"))
    check_exists(args.files)
    if args.rejects is not None and not args.skip_bad:
        raise BadInputError("--skip-bad together with --rejects")
    if args.output is None:
        _to_terminal(args)
    else:
        _to_file(args)


def _to_file(args):
    raise NotImplementedError


def _to_terminal(args: argparse.Namespace) -> None:
    from calcigram import ClusterSet, classify, load_model, read_clusters

    with working("Reading clusters"):
        options = _options.reading_options(args)
        sets = [read_clusters(path, skip_bad=args.skip_bad, **options) for path in args.files]
        clusters = ClusterSet.concat(sets)
        verdicts = classify(clusters, load_model(args.model), n_threads=args.jobs)
    if args.json:
        print_json(verdicts)
    else:
        print_verdicts(verdicts, limit=200)
