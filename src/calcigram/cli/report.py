"""``calcigram report``: classify clusters and write an HTML report."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._output import progress_bar, say, working
from calcigram.wording import counted


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "report",
        run,
        "write an HTML report with pictures: one file, to read or to print",
        "calcigram report clusters.csv -o report.html",
        _options.source("CSV or Parquet file of clusters"),
        _options.output("HTML file to write", ".html", ".htm", required=True),
        _options.option("--title", "heading of the report", str),
        _options.option(
            "--max-pictures",
            "most clusters to show, those most in need of a look first (200)",
            _options.count,
        ),
        _options.MODEL,
        *_options.READING,
    )


def run(args: argparse.Namespace) -> None:
    """Classify and write the report."""
    from calcigram import classify, load_model, read_clusters
    from calcigram.report import write_report

    with working("Reading clusters"):
        clusters = read_clusters(args.file, _options.reading_options(args))
        verdicts = classify(clusters, load_model(args.model))
    chosen = {"title": args.title, "max_pictures": args.max_pictures}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    with progress_bar("Drawing") as progress:
        write_report(clusters, verdicts, args.output, progress=progress, **chosen)
    say(*verdicts.attrs["notes"], f"{counted(len(clusters), 'cluster')} -> {args.output}")
