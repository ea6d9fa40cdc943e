"""``calcigram features``: measure clusters, or list what is measured."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._output import print_json, print_table, say, working
from calcigram.errors import BadInputError
from calcigram.wording import counted


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "features",
        run,
        "measure clusters, one row per cluster, or list what is measured",
        "calcigram features clusters.csv -o features.csv",
        _options.source("clusters to measure", nargs="?"),
        _options.option("--catalogue", "list the features instead"),
        _options.output("CSV, Parquet or JSON file to write", *_options.TABLES),
        _options.JSON,
        *_options.READING,
    )


def run(args: argparse.Namespace) -> None:
    """Measure or list, and write or print."""
    if args.catalogue and args.file is not None:
        raise BadInputError("either a file to measure, or --catalogue", value=str(args.file))
    if not args.catalogue and (args.file is None or (args.output is None and not args.json)):
        raise BadInputError("a file and -o OUTPUT (or --json), or --catalogue")
    from calcigram import extract_features, feature_catalogue, read_clusters
    from calcigram.formats import write_table

    if args.catalogue:
        table = feature_catalogue()
        written = table.assign(needs=table["needs"].map("|".join))
        done = f"{len(table)} features"
    else:
        with working("Measuring"):
            clusters = read_clusters(args.file, _options.reading_options(args))
            features = extract_features(clusters)
            table = written = features.to_dataframe()
        done = f"{counted(len(features), 'cluster')}, {len(features.names)} features"
    if args.output is not None:
        write_table(written, args.output)
        say(f"{done} -> {args.output}")
    if args.json:
        print_json(table)
    elif args.output is None:
        print_table(table[["name", "family", "unit", "formula"]])
