"""``calcigram inspect``, ``explain`` and ``features``: what a file of clusters holds, and why one is read so."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from calcigram.cli import _options
from calcigram.cli._options import option, source
from calcigram.cli._output import json_text, print_json, print_table, say, working, write_or_print
from calcigram.errors import BadInputError, UnknownClusterError
from calcigram.wording import counted

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet
    from calcigram.model.exemplars import MarkShift
MAX_PROBLEMS = 20

_SUPPOSED_MM = 0.05

"""Used to count calcifications where the pixel size is unknown; lengths are not reported then."""

_OF_LENGTHS = ("--pixel-spacing", "linked by", "wider than")

"""Notes with these words rest on the size of a pixel."""


@_options.command(
    "inspect",
    "describe a file of clusters: what it contains, which marks are known, and what is wrong with it",
    "calcigram inspect clusters.csv",
    _options.source("table, DICOM report, annotation or mask"),
    _options.MODEL,
    _options.JSON,
    *_options.READING,
)
def run_inspect(args: argparse.Namespace) -> int:
    """Inspect one file; exit code 2 if it holds anything bad, or cannot be read for what is missing."""
    from calcigram.errors import PixelSizeError
    from calcigram.formats import read_intake
    from calcigram.formats.registry import content_of
    from calcigram.formats.temporary import plain_file
    from calcigram.linking import Linking

    args.file = plain_file(args.file)
    options, missing = replace(_options.reading_options(args), skip_bad=True), None
    try:
        intake = read_intake(args.file, options)
    except PixelSizeError as error:
        missing = str(error)
        all_in_one = Linking(link_mm=1e6, min_number=1)
        options = replace(options, pixel_spacing=_SUPPOSED_MM, linking=all_in_one)
        intake = read_intake(args.file, options)
    described = describe(intake.clusters)
    shifts = [] if missing is not None else _shifts(intake.clusters, args.model)
    contents = {
        "file": str(args.file),
        "kind": content_of(args.file, options),
        **(described if missing is None else _without_lengths(described)),
        "missing": missing,
        "notes": _notes(intake.notes, missing),
        "formed_by": {
            way: n
            for way, n in formed_by(intake.clusters).items()
            if missing is None or _holds(way)
        },
        "shift_from_training": [asdict(shift) for shift in shifts],
        "repeated_rows": intake.n_duplicates,
        "ignored_columns": list(intake.ignored),
        "bad_clusters": intake.n_rejected,
        "problems": intake.rejects,
    }
    if args.json:
        print_json(contents)
    else:
        _print_contents(contents)
        _print_shifts(shifts)
    return 2 if len(intake.rejects) or missing is not None else 0


def _shifts(clusters: ClusterSet, model: Path | None) -> list[MarkShift]:
    """Compare the marks with those of the model's training, where there are clusters enough."""
    from calcigram.features.extract import extract_features
    from calcigram.model.exemplars import MIN_CLUSTERS, mark_shifts
    from calcigram.model.reader import load_model

    if len(clusters) < MIN_CLUSTERS:
        return []
    return mark_shifts(load_model(model), extract_features(clusters))


def _print_shifts(shifts: list[MarkShift]) -> None:
    from calcigram.model.exemplars import shift_notice

    if shifts:
        near = "; ".join(str(shift) for shift in shifts)
        print(f"  {shift_notice(shifts) or f'marks are near those of the training: {near}'}")


def describe(clusters: ClusterSet) -> dict[str, Any]:
    """Return what a set holds, as plain numbers.

    Parameters
    ----------
    clusters : ClusterSet

    Returns
    -------
    dict
        Counts, how many calcifications have each mark, the range of each, and sizes of clusters.
    """
    import numpy as np

    from calcigram.lexicon import MIN_CALCIFICATIONS
    from calcigram.limits import CARRIED, CLUSTER_NAMES, MARK_NAMES
    from calcigram.longtable import known_columns

    carried = [column.name for column in CARRIED if column.name in known_columns(clusters)]
    names = (*MARK_NAMES, *carried, *CLUSTER_NAMES)
    counts = clusters.n_calcifications
    owner = np.repeat(np.arange(len(clusters)), counts)
    extents = np.zeros(len(clusters))
    for values in (clusters.x_mm, clusters.y_mm):
        low, high = np.full(len(clusters), np.inf), np.full(len(clusters), -np.inf)
        np.minimum.at(low, owner, values)
        np.maximum.at(high, owner, values)
        extents = np.maximum(extents, np.where(counts > 0, high - low, 0.0))
    return {
        "clusters": len(clusters),
        "calcifications": int(counts.sum()),
        "calcifications_a_cluster": _spread(counts),
        "fewer_than_3_calcifications": int((counts < MIN_CALCIFICATIONS).sum()),
        "extent_mm": _spread(extents),
        "marks": {name: _known(getattr(clusters, name)) for name in names},
        "meta_columns": [str(name) for name in clusters.meta.columns],
    }


def _notes(notes: Sequence[str], missing: str | None) -> list[str]:
    """Return the notes, without lengths where the size of a pixel is missing."""
    if missing is None:
        return list(notes)
    return [note.partition(": up to ")[0] for note in notes if _holds(note)]


def _holds(note: str) -> bool:
    """Tell whether a note is true whatever the size of a pixel."""
    return not any(words in note for words in _OF_LENGTHS)


def _without_lengths(described: dict[str, Any]) -> dict[str, Any]:
    """Return what was described but for ranges, which only a size of pixels would give a meaning."""
    marks = {name: mark | {"range": None} for name, mark in described["marks"].items()}
    return described | {"extent_mm": None, "marks": marks}


def formed_by(clusters: ClusterSet) -> dict[str, int]:
    """Return how clusters came about, and how many each way; empty for tables.

    Parameters
    ----------
    clusters : ClusterSet

    Returns
    -------
    dict of str to int
    """
    if "formed_by" not in clusters.meta:
        return {}
    return {str(way): int(n) for way, n in clusters.meta["formed_by"].value_counts().items()}


def _spread(values: Any) -> dict[str, float] | None:
    import numpy as np

    if len(values) == 0:
        return None
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    return {"least": float(low), "median": float(middle), "greatest": float(high)}


def _known(values: Any) -> dict[str, Any]:
    import numpy as np

    known = values[np.isfinite(values)]
    return {"known": len(known), "of": len(values), "range": _spread(known)}


def _print_contents(contents: dict[str, Any]) -> None:
    from calcigram.htmlfile import templates

    environment = templates(escape=False)
    environment.filters["repr"] = repr
    template = environment.get_template("contents.txt.j2")
    text = template.render(
        it=contents,
        problems=contents["problems"].to_dict("records"),
        most=MAX_PROBLEMS,
        counted=counted,
        spread=_range_text,
    )
    print(text, end="")


def _range_text(spread: dict[str, float] | None) -> str:
    if spread is None:
        return ""
    return f"{spread['least']:.4g} to {spread['greatest']:.4g}, median {spread['median']:.4g}"


PICTURES = (".png", ".svg", ".pdf")

_WIDEST = 110


@_options.command(
    "explain",
    "explain the reading of a cluster, and what would change it",
    "calcigram explain clusters.csv --cluster A7 --picture A7.png",
    source("file of clusters"),
    option("--cluster ID", "which cluster (the first, or the only one)"),
    option("--picture", f"picture to write: {', '.join(PICTURES)}", Path, role=PICTURES),
    source("labelled clusters to compare with (those the model keeps)", "--reference"),
    option(
        "--no-changes",
        "skip the search for the smallest changes that would change the concern",
    ),
    _options.output("text or JSON file to write", ".txt", ".json"),
    _options.MODEL,
    _options.JSON,
    *_options.READING,
)
def run_explain(args: argparse.Namespace) -> None:
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


@_options.command(
    "features",
    "measure clusters, one row per cluster, or list what is measured",
    "calcigram features clusters.csv -o features.csv",
    _options.source("clusters to measure", nargs="?"),
    _options.option("--catalogue", "list the features instead"),
    _options.output("CSV, Parquet or JSON file to write", *_options.TABLES),
    _options.JSON,
    *_options.READING,
)
def run_features(args: argparse.Namespace) -> None:
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
