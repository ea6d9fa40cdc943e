# PYTHON_ARGCOMPLETE_OK
"""The command line: it parses arguments and prints results.

A command is a function that `_options.command` describes; commands of one kind share a module.
Nothing here imports a numerical library before a command runs, so that
``calcigram --help`` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module

from calcigram._version import __version__
from calcigram.cli._options import (
    COMPLETION,
    FOOTER,
    HelpFormatter,
    Parser,
    add_command,
    check_paths,
    complete,
)
from calcigram.cli._output import plain_progress, say
from calcigram.errors import BadInputError, CalcigramError

for _name in ("demo", "images", "classify", "models", "reports", "serving"):
    import_module(f"calcigram.cli.{_name}")

NAMES = (
    "demo", "detect", "measure", "classify", "inspect", "explain", "simulate", "features", "train", "evaluate", "rules",
    "report", "atlas", "batch", "serve", "dicomweb", "warm-up",
)  # fmt: skip
"""The commands, as the help lists them."""

EXIT_OK, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 2, 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line.

    Returns
    -------
    argparse.ArgumentParser
        After parsing, the attribute ``run`` holds the function of the chosen command.

    Examples
    --------
    >>> build_parser().parse_args(["rules", "--json"]).json
    True
    """
    parser = Parser(
        prog="calcigram",
        description="Read the pattern of clusters of breast calcifications twice, by a model and\n"
        "by rules, and show where the two readings agree, where they differ, and why.",
        epilog=f"Start with: calcigram demo\n{COMPLETION}\n\n{FOOTER}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"calcigram {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in NAMES:
        add_command(commands, name)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name. Default: those of the process.

    Returns
    -------
    int
        0 on success, 2 on bad input, 130 when interrupted. Bad usage leaves through
        `SystemExit` with code 2, as argparse does.

    Examples
    --------
    >>> main(["features", "no-such-file.csv", "-o", "features.csv"])
    2
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    parser = build_parser()
    complete(parser)
    args = parser.parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("always", UserWarning)
            if str(getattr(args, "output", None)) == "-" and getattr(args, "json", False):
                raise BadInputError("-o - or --json: both write to standard output")
            check_paths(args)
            with plain_progress(args.command) if args.command != "serve" else nullcontext():
                code = args.run(args)
            sys.stdout.flush()
    except CalcigramError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # the reader of our output has closed it; the interpreter must not flush to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except MemoryError:
        return _refuse(
            "not enough memory; give it less at a time, or Parquet with lists (docs/formats.md)"
        )
    except KeyboardInterrupt:
        print("\ncalcigram: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except OSError as error:
        # files that are written and temporary ones are named by those who write them
        place = "standard output" if error.errno == errno.ENOSPC else "file"
        return _refuse(f"{error.filename or place}: {error.strerror or error}")
    return code or EXIT_OK


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"calcigram: warning: {message}")


def _refuse(message: str) -> int:
    say(f"calcigram: error: {message}")
    return EXIT_BAD_INPUT
