"""``calcigram report``: classify clusters, or take their verdicts, and write an HTML report."""

from __future__ import annotations

import argparse
from pathlib import Path

from calcigram.cli import _options
from calcigram.cli._output import check_exists, check_suffix, progress_bar, say, working


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "report",
        run,
        "write an HTML report with pictures: one file, to read or to print",
        "calcigram report clusters.csv -o report.html",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet file of clusters")
    _options.add_output(parser, "HTML file to write", required=True)
    parser.add_argument("--title", default=None, help="heading of the report")
    parser.add_argument(
        "--max-pictures",
        type=_options.count,
        default=None,
        metavar="N",
        help="most clusters to show, those most in need of a look first (200)",
    )
    _options.add_model(parser)
    _options.add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Classify and write the report."""
    check_suffix(args.output, (".html", ".htm"))
    check_exists([args.file])
    from calcigram import classify, load_model, read_clusters
    from calcigram.report import MAX_PICTURES, write_report
    from calcigram.wording import counted

    with working("Reading clusters"):
        clusters = read_clusters(args.file, _options.reading_options(args))
        verdicts = classify(clusters, load_model(args.model))
    limit = MAX_PICTURES if args.max_pictures is None else args.max_pictures
    title = {} if args.title is None else {"title": args.title}
    with progress_bar("Drawing") as progress:
        write_report(
            clusters, verdicts, args.output, max_pictures=limit, progress=progress, **title
        )
    for note in verdicts.attrs["notes"]:
        say(note)
    say(f"{counted(len(clusters), 'cluster')} -> {args.output}")
