"""``calcigram rules``: print the rulebooks, or compare them with known outcomes."""

from __future__ import annotations

import argparse

from calcigram.cli import _options
from calcigram.cli._options import option
from calcigram.cli._output import json_text, print_json, print_table, say, working, write_or_print
from calcigram.errors import BadInputError


def add(commands: _options.Commands) -> None:
    """Describe the command and its ``check``."""
    _options.add_command(
        commands,
        "rules",
        run,
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
            "--rulebook",
            "article, birads or a TOML file; may be repeated (article and birads)",
            str,
            "NAME",
            action="append",
            role=_options.MAY_NAME_A_FILE,
        ),
        _options.output("with check: Markdown or JSON file to write", ".md", ".json"),
        _options.SEED,
        _options.JSON,
    )


def run(args: argparse.Namespace) -> None:
    """Print or check."""
    from calcigram.rulebooks import SHIPPED

    books = args.rulebook or list(SHIPPED)
    if args.action == "check":
        _check(args, books)
        return
    if args.files or args.output:
        raise BadInputError("FILE and -o only with 'rules check'")
    from calcigram.consequences import load_rulebook
    from calcigram.rules.tables import recognition_table, rulebook_table

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
