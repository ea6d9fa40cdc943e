"""``calcigram inspect``, ``explain``, ``features``, ``rules``, ``report`` and ``atlas``: what is there, and why it is read so."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from calcigram.cli import _options
from calcigram.cli._options import option, source
from calcigram.cli._output import (
    json_text,
    print_json,
    print_table,
    progress_bar,
    say,
    working,
    write_or_print,
)
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
    _options.source(_options.ANY_KIND),
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
    from calcigram.model.exemplars import shift_notice

    args.file = plain_file(args.file)
    options, missing = replace(_options.reading_options(args), skip_bad=True), None
    try:
        intake = read_intake(args.file, options)
    except PixelSizeError as error:
        missing = str(error)
        all_in_one = Linking(link_mm=1e6, min_number=1)
        options = replace(options, pixel_spacing=_SUPPOSED_MM, linking=all_in_one)
        intake = read_intake(args.file, options)
    described, notes = describe(intake.clusters), list(intake.notes)
    ways = intake.clusters.meta.get("formed_by")
    formed_by = {} if ways is None else {str(w): int(n) for w, n in ways.value_counts().items()}
    shifts = [] if missing is not None else _shifts(intake.clusters, args.model)
    if missing is not None:  # only a size of pixels would give lengths a meaning
        marks = {name: mark | {"range": None} for name, mark in described["marks"].items()}
        described |= {"extent_mm": None, "marks": marks}
        notes = [note.partition(": up to ")[0] for note in notes if _holds(note)]
        formed_by = {way: n for way, n in formed_by.items() if _holds(way)}
    contents = {
        "file": str(args.file),
        "kind": content_of(args.file, options),
        **described,
        "missing": missing,
        "notes": notes,
        "formed_by": formed_by,
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
        if shifts:
            near = "; ".join(map(str, shifts))
            print(f"  {shift_notice(shifts) or f'marks are near those of the training: {near}'}")
    return 2 if len(intake.rejects) or missing is not None else 0


def _shifts(clusters: ClusterSet, model: Path | None) -> list[MarkShift]:
    """Compare the marks with those of the model's training, where there are clusters enough."""
    from calcigram.features.extract import extract_features
    from calcigram.model.exemplars import MIN_CLUSTERS, mark_shifts
    from calcigram.model.reader import load_model

    if len(clusters) < MIN_CLUSTERS:
        return []
    return mark_shifts(load_model(model), extract_features(clusters))


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
    import pandas as pd

    from calcigram.lexicon import MIN_CALCIFICATIONS
    from calcigram.limits import CARRIED, CLUSTER_NAMES, MARK_NAMES
    from calcigram.longtable import known_columns

    carried = [column.name for column in CARRIED if column.name in known_columns(clusters)]
    names = (*MARK_NAMES, *carried, *CLUSTER_NAMES)
    counts = clusters.n_calcifications
    owner = np.repeat(np.arange(len(clusters)), counts)
    xy = pd.DataFrame({"x": clusters.x_mm, "y": clusters.y_mm}, dtype=float).groupby(owner)
    extents = (xy.max() - xy.min()).max(axis=1).reindex(range(len(clusters)), fill_value=0.0)
    return {
        "clusters": len(clusters),
        "calcifications": int(counts.sum()),
        "calcifications_a_cluster": _spread(counts),
        "fewer_than_3_calcifications": int((counts < MIN_CALCIFICATIONS).sum()),
        "extent_mm": _spread(extents),
        "marks": {name: _known(getattr(clusters, name)) for name in names},
        "meta_columns": [str(name) for name in clusters.meta.columns],
    }


def _holds(note: str) -> bool:
    """Tell whether a note is true whatever the size of a pixel."""
    return not any(words in note for words in _OF_LENGTHS)


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
    source(_options.ANY_KIND),
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
    _options.source(_options.ANY_KIND, nargs="?"),
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


@_options.command(
    "rules",
    "print the rules, or compare their consequences with known outcomes",
    "calcigram rules\n  calcigram rules check calc_case_description_train_set.csv",
    option(
        "action",
        "print the rules, or check them against pathology",
        ("print", "check"),
        nargs="?",
        default="print",
    ),
    _options.source(
        "with check: CBIS-DDSM case descriptions (the counts that ship)", "files", nargs="*"
    ),
    option(
        "--rulebook NAME",
        "article, birads or a TOML file; may be repeated (article and birads)",
        action="append",
        role=_options.MAY_NAME_A_FILE,
    ),
    _options.output("with check: Markdown or JSON file to write", ".md", ".json"),
    _options.SEED,
    _options.JSON,
)
def run_rules(args: argparse.Namespace) -> None:
    """Print or check."""
    from calcigram.rulebooks import SHIPPED

    books = args.rulebook or list(SHIPPED)
    if args.action == "check":
        _check(args, books)
        return
    if args.files or args.output:
        raise BadInputError("FILE and -o only with 'rules check'")
    from calcigram.consequences import load_rulebook
    from calcigram.rules.recognition import recognition_table, rulebook_table

    recognition = recognition_table()
    consequences = {book: rulebook_table(book) for book in books}
    if args.json:
        print_json({"recognition": recognition, "rulebooks": consequences})
        return
    shown = recognition[["rule", "word", "feature", "comparison", "value", "unit", "basis"]]
    print_table(shown, "Recognition: the first rule whose every condition holds names the pattern")
    for book, table in consequences.items():
        columns = ["id", "distribution", "form", "concern", "origin", "advises", "tag", "advice"]
        title = load_rulebook(book).title
        shown = table[columns].rename(columns={"form": "morphology"})
        print_table(shown, f"Consequences, {title}: the first line that fits decides")


def _check(args: argparse.Namespace, books: list[str]) -> None:
    from calcigram.validate.outcomes import check_outcomes
    from calcigram.validate.risk_check import check_risk

    with working("Comparing the rules with outcomes"):
        result = check_outcomes(args.files, rulebooks=books, seed=args.seed)
        risk = check_risk(args.files, seed=args.seed) if result.has_both_splits else None
    write_or_print(
        args,
        lambda: json_text({**result.to_dict(), "risk": risk and risk.to_dict()}),
        lambda: result.to_markdown() + (f"\n{risk.to_markdown()}" if risk else ""),
    )
    if args.output is not None:
        say(f"{result.n_lesions} lesions -> {args.output}")


@_options.command(
    "report",
    "write an HTML report with pictures: one file, to read or to print",
    "calcigram report clusters.csv -o report.html",
    _options.source(_options.ANY_KIND),
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
def run_report(args: argparse.Namespace) -> None:
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


@_options.command(
    "atlas",
    "write the atlas: each distribution and morphology beside a mimic, one HTML file",
    "calcigram atlas -o atlas.html",
    _options.output("HTML file to write", ".html", ".htm", required=True),
)
def run_atlas(args: argparse.Namespace) -> None:
    """Draw and write the atlas."""
    from calcigram.atlas import atlas_entries, write_atlas

    with progress_bar("Drawing") as progress:
        write_atlas(args.output, progress=progress)
    say(f"{len(atlas_entries())} entries, all synthetic -> {args.output}")
