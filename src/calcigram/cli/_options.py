"""The parser of the command line: options that commands share, their types, and checks of paths."""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from calcigram.errors import BadInputError, did_you_mean
from calcigram.options import OPTIONS, TABLE, UNITS, WORKBOOK, ReadOptions, column_map
from calcigram.wording import printable

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet

NOTICE = (
    "Research software, not a medical device: it describes patterns and states no diagnosis. "
    "Do not use it for diagnosis or for the management of patients."
)

COMPLETION = 'Completion by Tab (bash, zsh): eval "$(register-python-argcomplete calcigram)"'

FOOTER = textwrap.fill(NOTICE, 79)

BENCHMARK_GRADES = ("easy", "typical", "hard")
GRADES = (*BENCHMARK_GRADES, "mixed")
TEMPLATES = ("tid1500", "cad-sr")
TABLES = (".csv", ".parquet", ".json")
TRUTH = ("true_distribution", "true_morphology")

Role = str | tuple[str, ...] | None
Option = tuple[list[str], dict[str, Any], Role]
"""Flags, what ``add_argument`` takes, and the role of a path."""

MUST_EXIST, MAY_NAME_A_FILE, WRITTEN = "must exist", "may name a file", "written"


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keep examples as they are written, and give option names space."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


class Parser(argparse.ArgumentParser):
    """Refuse wrong options in the command they were given to, and suggest what may be meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is left over: argparse would leave that to the outermost parser."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def error(self, message: str) -> NoReturn:
        """Print usage, message and suggestions on standard error, and exit with code 2."""
        super().error(printable(message + self._suggestion(message), keep="\n"))

    def _suggestion(self, message: str) -> str:
        choice = re.search(r"invalid choice: '?(.*?)'? \(choose from (.*)\)", message)
        if choice:
            return did_you_mean(choice[1], re.findall(r"[\w.-]+", choice[2]))
        if message.startswith("unrecognized arguments: "):
            for word in message.split()[2:]:
                if word.startswith("-"):
                    return did_you_mean(word.split("=")[0], list(self._option_string_actions))
        return ""


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that asks for completions, and leave; otherwise do nothing."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def _checked_by(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a check of a value as argparse takes it."""

    def parsed(text: str) -> Any:
        try:
            return check(text)
        except BadInputError as error:
            message = f"got {error.value!r}, expected {error.expected}"
            raise argparse.ArgumentTypeError(message) from None

    return parsed


def _number(kind: Callable[[str], Any], low: float, expected: str) -> Callable[[str], Any]:
    def parsed(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}")
        return value

    return parsed


positive_int = _number(int, 1, "a whole number of at least 1")
count = _number(int, 0, "a whole number of at least 0")
positive_float = _number(float, 5e-324, "a number above 0")

_METAVARS: Mapping[Any, str] = {Path: "FILE", positive_int: "N", count: "N", positive_float: "MM"}


def option(
    flags: str, text: str, kind: Any = None, *, default: Any = None, role: Role = None, **more: Any
) -> Option:
    """Describe an option, or an argument where `flags` has no dash.

    Parameters
    ----------
    flags : str
        Such as ``"-o --output FILE"``, with what the help calls the value; or ``"url URL"``.
    text : str
        Its help; a default is added to it.
    kind : callable or tuple, optional
        Type, or the choices. Without it, a text where the value has a name; else the option is a switch.
    default : object, optional
    role : str or tuple of str, optional
        What is done with a path besides reading it: `MUST_EXIST`, `MAY_NAME_A_FILE` (a text),
        `WRITTEN`, or the suffixes of a file that is written; none for a folder.
    **more
        As `argparse.ArgumentParser.add_argument` takes it.
    """
    names = flags.split()
    is_named = len(names) > 1 and not names[-1].startswith("-")
    metavar = names.pop() if is_named else _METAVARS.get(kind)
    if isinstance(kind, tuple):
        more["choices"] = kind
    elif kind is None and metavar is None:
        more["action"] = "store_true"
    else:
        more |= {"type": kind or str, "metavar": metavar}
    if default is not None:
        more["default"] = default
        text += f" ({default})"
    return names, more | {"help": text}, role


def output(text: str, *suffixes: str, **more: Any) -> Option:
    """Describe ``-o``: a file of one of some suffixes, or a folder."""
    name = "FILE" if suffixes else "DIR"
    return option(f"-o --output {name}", text, Path, role=suffixes, **more)


def source(text: str, flags: str = "file", **more: Any) -> Option:
    """Describe a file that is read."""
    return option(flags, text, Path, role=MUST_EXIST, **more)


ANY_KIND = "table, DICOM report, annotation, mask or mammogram (DICOM, PNG, TIFF)"
"""What a command reads clusters from."""

JSON = option("--json", "print JSON on standard output")
MODEL = option("--model DIR", "model folder (the one that ships with calcigram)", Path)
SEED = option("--seed", "seed of everything random", count, default=0)
JOBS = option("--jobs", "processes to use (one per processor)", positive_int)
THREADS = option("--threads", "threads to use (all there are)", positive_int)
SKIP_BAD = option("--skip-bad", OPTIONS["skip_bad"]["meaning"])
GRADE = option("--grade", "how degraded the clusters are", GRADES, default="typical")
PRESET = option(
    "--preset NAME", "ranges to draw from: train, bench_v1 or a TOML file",
    default="train", role=MAY_NAME_A_FILE,
)  # fmt: skip
LABELLED = option(
    "files CLUSTERS", "labelled clusters, with columns true_distribution and true_morphology", Path,
    nargs="*", role=MUST_EXIST,
)  # fmt: skip


def linking(default: str) -> tuple[Option, ...]:
    """Describe how loose calcifications become clusters, and what is done where nothing is chosen."""
    return (
        option("--link-mm", f"loose calcifications closer than this are linked to clusters ({default})",
               positive_float),
        option("--min-calcifications", "minimum number of calcifications in a cluster (5)",
               positive_int),
        option("--linking", "how loose calcifications are linked (dbscan)", ("dbscan", "hdbscan")),
    )  # fmt: skip


_PARSED: dict[str, dict[str, Any]] = {
    "columns": {"kind": _checked_by(column_map)},
    "units": {"kind": UNITS},
    "single_cluster": {"kind": str},
    "images": {"kind": Path, "action": "append"},
    **{
        name: {"kind": _checked_by(OPTIONS[name]["checked"])}
        for name in ("pixel_spacing", "labels", "regions", "threshold")
    },
    "sheet": {"kind": str},
}
"""How argparse reads the text of an option of `ReadOptions`."""


def _reading(*, of_tables: bool) -> list[Option]:
    return [
        option(f"{about['flag']} {about['metavar'] or ''}", about["meaning"], **_PARSED[name])
        for name, about in OPTIONS.items()
        if name in _PARSED and bool({TABLE, WORKBOOK} & {*about["kinds"]}) == of_tables
    ]


PIXEL_SPACING = option(
    "--pixel-spacing MM[,MM]",
    "mm per pixel in the breast: one number, or ROW,COLUMN; required unless the DICOM image states it",
    **_PARSED["pixel_spacing"],
)

READING: tuple[Option | str, ...] = (
    "how to read the table",
    *_reading(of_tables=True),
    "how to read reports, annotations, masks and mammograms",
    *_reading(of_tables=False),
    *linking("10; in a mammogram, by the gaps between outlines"),
)
"""How a file of the user's own is read; a text is the heading of the options after it."""


class Command(NamedTuple):
    """A command: what it does, how it is called, and its options, with headings of groups of them."""

    summary: str
    example: str
    options: tuple[Option | str, ...]
    run: Callable[[argparse.Namespace], int | None]


COMMANDS: dict[str, Command] = {}
"""By name: filled by `command`, when the module of a command is imported."""


def command(name: str, summary: str, example: str, *options: Option | str) -> Callable[[Any], Any]:
    """Return a decorator of the function that does the work of a command.

    Parameters
    ----------
    name : str
    summary, example : str
        What it does, and how it is called.
    *options : option or str
        Options, and headings of groups of them.
    """

    def register(run: Callable[[argparse.Namespace], int | None]) -> Any:
        COMMANDS[name] = Command(summary, example, options, run)
        return run

    return register


def add_command(commands: Any, name: str) -> None:
    """Add a command to what ``add_subparsers`` returned: each has a summary, an example and the notice."""
    summary, example, options, run = COMMANDS[name]
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}\n\n{FOOTER}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    group: Any = parser
    roles = {}
    for each in options:
        if isinstance(each, str):
            group = parser.add_argument_group(each)
        else:
            flags, settings, role = each
            roles[group.add_argument(*flags, **settings).dest] = role
    parser.set_defaults(run=run, command=name, roles=roles)


def reading_options(args: argparse.Namespace) -> ReadOptions:
    """Return what was said of how files are to be read."""
    named = {"images": "image", "labels": "label"}
    said = {name: getattr(args, named.get(name, name), None) for name in OPTIONS}
    said["linking"] = linking_option(args)
    return ReadOptions(**{name: value for name, value in said.items() if value is not None})


def linking_option(args: argparse.Namespace) -> Any:
    """Return how clusters are to be formed, None where nothing was said of it."""
    names = {"link_mm": "link_mm", "min_calcifications": "min_number", "linking": "method"}
    said = {names[name]: value for name, value in given(args, *names).items() if value is not None}
    if not said:
        return None
    from calcigram.linking import Linking

    return Linking(**said)


def given(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return arguments by name, for a function of the library that calls them the same."""
    return {name: getattr(args, name) for name in names}


def read_labelled(args: argparse.Namespace) -> list[ClusterSet]:
    """Read ``args.files``, each of which must have a column of the truth."""
    from calcigram import read_clusters

    sets = []
    for path in args.files:
        clusters = read_clusters(path, reading_options(args))
        if not set(TRUTH) & set(clusters.meta.columns):
            raise BadInputError(f"a column {' or '.join(TRUTH)}", source=str(path))
        sets.append(clusters)
    return sets


def jobs(args: argparse.Namespace) -> int:
    """Return how many processes were asked for."""
    from calcigram.threads import n_processors

    return int(args.jobs or n_processors())


def check_paths(args: argparse.Namespace) -> None:
    """Refuse paths that a command could not use, before it does any work.

    Raises
    ------
    BadInputError
        An output is, holds or lies in an input, has a suffix that the command does not write, or
        its folder is not there; or an input is not there.
    """
    paths_of: dict[str, list[Any]] = {}
    for name, role in args.roles.items():
        value = getattr(args, name)
        several = value if isinstance(value, list) else [value]
        paths_of[name] = [one for one in several if isinstance(one, Path) or (role and one)]
    written = [
        name for name, role in args.roles.items() if role not in (None, MUST_EXIST, MAY_NAME_A_FILE)
    ]
    _check_apart(
        [path for name in written for path in paths_of[name]],
        {name: paths for name, paths in paths_of.items() if name not in written},
    )
    for name in written:
        for path in paths_of[name]:
            _check_output(path, args.roles[name])
    _check_inputs(
        path for name, role in args.roles.items() if role == MUST_EXIST for path in paths_of[name]
    )


def _check_apart(written: Sequence[Any], read: dict[str, list[Any]]) -> None:
    def local(paths: Iterable[Any]) -> list[str]:
        return [str(path) for path in paths if str(path) != "-" and "://" not in str(path)]

    if not local(written):
        return
    from calcigram.formats.checkpoint import check_apart

    images = local(read.pop("image", []))
    models = local(read.pop("model", []))
    if models:  # results may stand beside a model's files
        from calcigram.model.store import FILES

        read["model"] = [Path(model, name) for model in models for name in FILES]
    check_apart(local(written), local(path for paths in read.values() for path in paths), images)


def _check_output(path: Any, suffixes: str | tuple[str, ...]) -> None:
    if suffixes == WRITTEN or (str(path) == "-" and ".csv" in suffixes):
        return
    if not suffixes:
        if path.exists() and not path.is_dir():
            raise BadInputError("a folder", value=str(path))
    elif path.suffix.lower() not in suffixes:
        raise BadInputError(f"a file name ending in {', '.join(suffixes)}", value=str(path))
    elif not path.absolute().parent.is_dir():
        raise BadInputError("a folder that exists", value=str(path.absolute().parent))


def _check_inputs(paths: Iterable[Path]) -> None:
    from calcigram.formats.files import refuse_address

    for path in paths:
        refuse_address(path)
        if str(path) != "-" and not path.exists():
            raise BadInputError("a file that exists", value=str(path))
