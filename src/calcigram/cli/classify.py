"""``calcigram classify``: read clusters twice and write or print the verdicts."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from calcigram.cli import _options
from calcigram.cli._output import (
    check_exists,
    check_suffix,
    print_json,
    print_verdicts,
    progress_bar,
    say,
    working,
)
from calcigram.errors import BadInputError

MAX_ROWS = 200


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
    _options.add_threads(parser)
    _options.add_json(parser)
    _options.add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Classify files, streamed to `-o`, or all at once onto the terminal."""
    for written in (args.output, args.rejects):
        check_suffix(written, (".csv", ".parquet", ".json"))
    check_exists(args.files)
    if args.rejects is not None and not args.skip_bad:
        raise BadInputError("--skip-bad together with --rejects")
    if args.output is None:
        _to_terminal(args)
    else:
        _to_file(args)


def _to_file(args: argparse.Namespace) -> None:
    from calcigram.classify import classify_files

    with progress_bar("Reading clusters") as progress:
        summary = classify_files(
            args.files,
            args.output,
            model=args.model,
            skip_bad=args.skip_bad,
            rejects=args.rejects,
            n_threads=args.threads,
            progress=progress,
            **_options.reading_options(args),
        )
    say(f"{summary.n_clusters} clusters, {summary.n_review} to look at -> {args.output}")
    if summary.n_rejected:
        say(f"{summary.n_rejected} bad clusters set aside -> {summary.rejects}")
    if args.json:
        print_json(asdict(summary))


def _to_terminal(args: argparse.Namespace) -> None:
    import pandas as pd

    from calcigram import ClusterSet, classify
    from calcigram.formats import read_intake, write_table

    with working("Reading clusters"):
        options = _options.reading_options(args)
        intakes = [read_intake(path, skip_bad=args.skip_bad, **options) for path in args.files]
        clusters = ClusterSet.concat([intake.clusters for intake in intakes])
        verdicts = classify(clusters, args.model, n_threads=args.threads)
    if args.json:
        print_json(verdicts)
    else:
        print_verdicts(verdicts, limit=MAX_ROWS)
    n_rejected = sum(intake.n_rejected for intake in intakes)
    if args.rejects is not None:
        rejects = pd.concat([intake.rejects for intake in intakes], ignore_index=True)
        write_table(rejects, args.rejects)
    if n_rejected:
        say(f"{n_rejected} bad clusters set aside{f' -> {args.rejects}' if args.rejects else ''}")
