"""``calcigram rules``, ``report`` and ``atlas``: what the rules say, and HTML files."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._options import option
from calcigram.cli._output import (
    json_text,
    print_json,
    print_table,
    progress_bar,
    say,
    working,
    write_or_print,
)
from calcigram.errors import BadInputError
from calcigram.wording import counted


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
