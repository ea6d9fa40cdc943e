"""``calcigram measure``: measure points from anywhere in the image they lie on."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._output import print_json, say, working
from calcigram.errors import BadInputError
from calcigram.wording import counted


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "measure",
        run,
        "grow points of a table to their outlines in the image, so that marks from anywhere are comparable",
        "calcigram measure points.csv --image mammogram.dcm -o marks.csv",
        _options.source("table of points (columns x_mm, y_mm), report, annotation or mask"),
        _options.output("CSV, Parquet or JSON file to write", *_options.TABLES, required=True),
        _options.option("--force", "read pixels of more than 0.15 mm too"),
        _options.JSON,
        *_options.READING,
    )


def run(args: argparse.Namespace) -> None:
    """Measure and write."""
    from dataclasses import replace

    from calcigram.detect.points import measure_file
    from calcigram.formats import write_table

    if len(args.image or ()) != 1:
        raise BadInputError("one --image FILE, the mammogram that the points lie on")
    options = replace(_options.reading_options(args), images=())
    with working("Measuring"):
        table, notes = measure_file(args.file, args.image[0], options, force=args.force)
    write_table(table, args.output)
    n_measured = int(table["diameter_mm"].notna().sum())
    say(*notes)
    if "cluster_id" not in table:
        say("the table has no column cluster_id: read it with --single-cluster ID, or add one")
    say(f"{n_measured} of {counted(len(table), 'point')} measured -> {args.output}")
    if args.json:
        print_json(table)
