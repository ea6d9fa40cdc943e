"""``calcigram features``: measure clusters, or list what is measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from calcigram.cli import _options
from calcigram.cli._output import check_exists, check_suffix, print_json, print_table, say, working
from calcigram.errors import BadInputError


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "features",
        run,
        "measure clusters, one row per cluster, or list what is measured",
        "calcigram features clusters.csv -o features.csv",
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="clusters to measure")
    parser.add_argument("--catalogue", action="store_true", help="list the features instead")
    _options.add_output(parser, "CSV, Parquet or JSON file to write")
    _options.add_json(parser)
    _options.add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Measure and write, or list."""
    if args.catalogue:
        if args.file is not None:
            raise BadInputError("either a file to measure, or --catalogue", value=str(args.file))
        check_suffix(args.output, (".csv", ".parquet", ".json"))
        _list(args)
        return
    if args.file is None or (args.output is None and not args.json):
        raise BadInputError("a file and -o OUTPUT (or --json), or --catalogue")
    check_suffix(args.output, (".csv", ".parquet", ".json"))
    check_exists([args.file])
    from calcigram import extract_features, read_clusters
    from calcigram.formats import write_table
    from calcigram.wording import counted

    with working("Measuring"):
        clusters = read_clusters(args.file, _options.reading_options(args))
        features = extract_features(clusters)
        table = features.to_dataframe()
    if args.output is not None:
        write_table(table, args.output)
        say(f"{counted(len(features), 'cluster')}, {len(features.names)} features -> {args.output}")
    if args.json:
        print_json(table)


def _list(args: argparse.Namespace) -> None:
    from calcigram import feature_catalogue
    from calcigram.formats import write_table

    catalogue = feature_catalogue()
    if args.output is not None:
        write_table(catalogue.assign(needs=catalogue["needs"].map("|".join)), args.output)
        say(f"{len(catalogue)} features -> {args.output}")
    if args.json:
        print_json(catalogue)
    elif args.output is None:
        print_table(catalogue[["name", "family", "unit", "formula"]])
