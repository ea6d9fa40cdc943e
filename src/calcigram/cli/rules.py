"""``calcigram rules``: print the rulebooks, or hold them against known outcomes."""

from __future__ import annotations

import argparse
from pathlib import Path

from calcigram.cli import _options
from calcigram.cli._output import check_exists, check_suffix, print_json, print_table, say, working
from calcigram.errors import BadInputError


def add(commands: _options.Commands) -> None:
    """Describe the command and its ``check``."""
    parser = _options.add_command(
        commands,
        "rules",
        run,
        "print the rules, or compare their consequences with known outcomes",
        "calcigram rules\n  calcigram rules check calc_case_description_train_set.csv",
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("print", "check"),
        default="print",
        help="print the rules, or check them against pathology (print)",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="with check: CBIS-DDSM case descriptions (the counts that ship)",
    )
    parser.add_argument(
        "--rulebook",
        action="append",
        metavar="NAME",
        help="article, birads or a TOML file; may be repeated (article and birads)",
    )
    _options.add_output(parser, "with check: Markdown or JSON file to write")
    _options.add_seed(parser)
    _options.add_json(parser)


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
    check_suffix(args.output, (".md", ".json"))
    check_exists(args.files)
    from calcigram.cli._output import json_text, write_or_print
    from calcigram.validate.outcomes import check_outcomes
    from calcigram.validate.risk_check import check_risk

    with working("Holding the rules against outcomes"):
        result = check_outcomes(args.files, rulebooks=books, seed=args.seed)
        risk = check_risk(args.files, seed=args.seed) if result.has_both_splits else None

    def text(as_json: bool) -> str:
        if as_json:
            return json_text({**result.to_dict(), "risk": risk and risk.to_dict()})
        return result.to_markdown() + (f"\n{risk.to_markdown()}" if risk else "")

    write_or_print(args, text)
    if args.output is not None:
        say(f"{result.n_lesions} lesions -> {args.output}")
