"""``calcigram explain``: say why one cluster of a file is read as it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from calcigram.cli import _options
from calcigram.cli._options import option, source
from calcigram.cli._output import json_text, say, working, write_or_print
from calcigram.errors import BadInputError, UnknownClusterError

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet

PICTURES = (".png", ".svg", ".pdf")
_WIDEST = 110


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "explain",
        run,
        "say why a cluster is read so, and what would change it",
        "calcigram explain clusters.csv --cluster A7 --picture A7.png",
        source("file of clusters"),
        option("--cluster", "which cluster (the first, or the only one)", str, "ID"),
        option("--picture", f"picture to write: {', '.join(PICTURES)}", Path, role=PICTURES),
        source("labelled clusters to compare with (those the model keeps)", "--reference"),
        option(
            "--no-changes",
            "leave out the search for the smallest changes that would change the concern",
        ),
        _options.output("text or JSON file to write", ".txt", ".json"),
        _options.MODEL,
        _options.JSON,
        *_options.READING,
    )


def run(args: argparse.Namespace) -> None:
    """Explain one cluster."""
    from calcigram.explain import explain
    from calcigram.formats import atomic_path, read_clusters

    with working("Explaining"):
        clusters = read_clusters(args.file, _options.reading_options(args))
        reference = read_clusters(args.reference) if args.reference else None
        found = explain(
            _chosen(clusters, args.cluster, args.file),
            args.model,
            reference=reference,
            changes=not args.no_changes,
        )
    if args.picture is not None:
        with atomic_path(args.picture) as temporary:
            kind = args.picture.suffix[1:].lower()
            found.plot().savefig(temporary, format=kind, dpi=150, bbox_inches="tight")
        say(f"picture -> {args.picture}")
    width = min(get_terminal_size((79, 24)).columns, _WIDEST)
    write_or_print(args, lambda: json_text(found.to_dict()), lambda: found.to_text(width))
    if args.output is not None:
        say(f"{found.cluster_id} -> {args.output}")


def _chosen(clusters: ClusterSet, name: str | None, source: Path) -> ClusterSet:
    if name is None:
        if len(clusters) == 0:
            raise BadInputError("at least one cluster", source=str(source))
        return clusters[0]
    if name not in clusters:
        raise UnknownClusterError(name, clusters.cluster_id, source=str(source))
    return clusters[name][0]
