"""What several commands share: options, their types, and the help format."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError
from calcigram.options import OPTIONS, TABLE, UNITS, ReadOptions, column_map

NOTICE = (
    "Research software, not a medical device: it describes patterns and states no diagnosis. "
    "Do not use it for diagnosis or for the management of patients."
)

COMPLETION = 'Completion by Tab (bash, zsh): eval "$(register-python-argcomplete calcigram)"'

FOOTER = textwrap.fill(NOTICE, 79)

BENCHMARK_GRADES = ("easy", "typical", "hard")
GRADES = (*BENCHMARK_GRADES, "mixed")

Commands = Any  # argparse's own name for what add_subparsers returns is private


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keep examples as they are written, and give option names room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    summary: str,
    example: str,
) -> argparse.ArgumentParser:
    """Add one command: every one of them has a summary, an example and the notice."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}\n\n{FOOTER}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, command=name)
    return parser


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a file of the user's own is to be read."""
    table = parser.add_argument_group("how to read the table")
    images = parser.add_argument_group("how to read reports, annotations and masks")
    for name, option in OPTIONS.items():
        if name in ("linking", "skip_bad"):  # several options; and one of `classify` alone
            continue
        (table if TABLE in option["kinds"] else images).add_argument(
            option["flag"],
            metavar=option["metavar"],
            help=option["meaning"],
            **{"default": getattr(ReadOptions, name)} | _PARSED.get(name, {}),
        )
    add_linking(images)


def add_linking(group: Any) -> None:
    """Add the options that say how loose calcifications become clusters."""
    group.add_argument(
        "--link-mm",
        type=positive_float,
        metavar="MM",
        help="loose calcifications closer than this are linked to clusters (10)",
    )
    group.add_argument(
        "--min-calcifications",
        type=positive_int,
        metavar="N",
        help="fewest linked calcifications that are a cluster (5)",
    )
    group.add_argument(
        "--linking",
        choices=("dbscan", "hdbscan"),
        help="how loose calcifications are linked (dbscan)",
    )


def reading_options(args: argparse.Namespace) -> ReadOptions:
    """Return what was said of how files are to be read."""
    named = {"images": "image", "labels": "label"}
    given = {name: getattr(args, named.get(name, name), None) for name in OPTIONS}
    given["linking"] = linking_option(args)
    return ReadOptions(**{name: value for name, value in given.items() if value is not None})


def linking_option(args: argparse.Namespace) -> Any:
    """Return how clusters are to be formed, None where nothing was said of it."""
    given = {
        "link_mm": args.link_mm,
        "min_number": args.min_calcifications,
        "method": args.linking,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return None
    from calcigram.linking import Linking

    return Linking(**given)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="model folder (the one that ships with calcigram)"
    )


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Add ``--rulebook`` and ``--recognition``."""
    parser.add_argument(
        "--rulebook",
        metavar="FILE",
        help="TOML file of consequences in place of the article's (docs/rules.md)",
    )
    parser.add_argument(
        "--recognition",
        metavar="FILE",
        help="TOML file of recognition rules in place of those that ship (docs/rules.md)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed``."""
    parser.add_argument(
        "--seed", type=count, default=0, metavar="N", help="seed of everything random (0)"
    )


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add ``--jobs``, a process for each processor unless told otherwise; `jobs` tells how many."""
    parser.add_argument(
        "--jobs", type=positive_int, metavar="N", help="processes to use (one per processor)"
    )


def jobs(args: argparse.Namespace) -> int:
    """Return how many processes were asked for."""
    from calcigram.threads import n_processors

    return int(args.jobs or n_processors())


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``, all the machine has unless told otherwise."""
    parser.add_argument(
        "--threads", type=positive_int, metavar="N", help="threads to use (all there are)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")


def add_output(
    parser: argparse.ArgumentParser,
    help_text: str,
    *,
    required: bool = False,
    metavar: str = "FILE",
) -> None:
    """Add ``-o``."""
    parser.add_argument(
        "-o", "--output", type=Path, required=required, metavar=metavar, help=help_text
    )


_WRITTEN = ("output", "rejects", "picture")
_READ_AS_TEXT = ("input", "prior", "preset", "rulebook", "recognition")
"""Options whose text may name a file."""


def check_outputs(args: argparse.Namespace) -> None:
    """Refuse to write over anything that the same command reads.

    Every path among the options is read but for those of `_WRITTEN`.

    Raises
    ------
    BadInputError
        An output is, holds or lies in an input.
    """
    paths: dict[str, list[str]] = {}
    for name, value in vars(args).items():
        for one in value if isinstance(value, list) else [value]:
            text = isinstance(one, str) and name in (*_WRITTEN, *_READ_AS_TEXT)
            if (isinstance(one, Path) or text) and str(one) != "-" and "://" not in str(one):
                paths.setdefault(name, []).append(str(one))
    written = [path for name in _WRITTEN for path in paths.pop(name, [])]
    if written:
        from calcigram.formats.inputs import check_apart

        images = paths.pop("image", [])
        if "model" in paths:  # results may stand beside a model's files
            from calcigram.model.store import FILES

            paths["model"] = [str(Path(model, name)) for model in paths["model"] for name in FILES]
        check_apart(written, [path for several in paths.values() for path in several], images)


def _checked_by(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a check of a value as argparse takes it."""

    def parsed(text: str) -> Any:
        try:
            return check(text)
        except BadInputError as error:
            message = f"got {error.value!r}, expected {error.expected}"
            raise argparse.ArgumentTypeError(message) from None

    return parsed


def labels(text: str) -> tuple[int, ...]:
    """Read ``1,3`` as labels.

    Examples
    --------
    >>> labels("1,3")
    (1, 3)
    """
    return tuple(positive_int(part.strip()) for part in text.split(","))


def positive_int(text: str) -> int:
    """Read a whole number of at least 1."""
    return _number(text, int, 1, "a whole number of at least 1")


def count(text: str) -> int:
    """Read a whole number of at least 0."""
    return _number(text, int, 0, "a whole number of at least 0")


def positive_float(text: str) -> float:
    """Read a finite number above 0."""
    return _number(text, float, 5e-324, "a number above 0")


def _number(text: str, kind: Callable[[str], Any], low: float, expected: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}")
    return value


_PARSED: dict[str, dict[str, Any]] = {
    "columns": {"type": _checked_by(column_map)},
    "units": {"choices": UNITS},
    "pixel_spacing": {"type": _checked_by(OPTIONS["pixel_spacing"]["checked"])},
    "images": {"type": Path, "action": "append", "default": []},
    "labels": {"type": labels},
}
"""How argparse reads the text of an option; others are taken as they are."""
