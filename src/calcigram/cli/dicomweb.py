"""``calcigram dicomweb``: answer the CAD reports of a study in an archive."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict

from calcigram.cli import _options
from calcigram.cli._output import print_json, say, working

PASSWORD_VARIABLE = "CALCIGRAM_DICOMWEB_PASSWORD"


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "dicomweb",
        run,
        "find the CAD reports of a study in an archive, classify, and store the answer",
        "calcigram dicomweb http://localhost:8042/dicom-web --study 1.2.840.1",
    )
    parser.add_argument("url", metavar="URL", help="root of the archive's DICOMweb service")
    parser.add_argument("--study", required=True, metavar="UID", help="Study Instance UID")
    parser.add_argument(
        "--user",
        metavar="NAME",
        help=f"user name; the password is taken from {PASSWORD_VARIABLE}, or asked for",
    )
    parser.add_argument(
        "--template",
        choices=("tid1500", "cad-sr"),
        default="tid1500",
        help="TID 1500 measurement report, or Mammography CAD SR (tid1500)",
    )
    parser.add_argument("--dry-run", action="store_true", help="store nothing")
    _options.add_model(parser)
    _options.add_threads(parser)
    _options.add_json(parser)
    parser.add_argument(
        "--pixel-spacing",
        type=_options.positive_float,
        metavar="MM",
        help="millimetres per pixel, of reports whose images state none",
    )
    _options.add_linking(parser)


def run(args: argparse.Namespace) -> int:
    """Answer the reports of one study; exit code 2 if one could not be answered."""
    from calcigram.dicomweb import Archive, answer_study

    with working("Reading the archive"):
        summary = answer_study(
            Archive(args.url, user=args.user, password=_password(args)),
            args.study,
            _options.reading_options(args),
            template=args.template,
            model=args.model,
            n_threads=args.threads,
            dry_run=args.dry_run,
        )
    for line in summary.notes:
        say(line)
    for line in summary.skipped:
        say(f"skipped: {line}")
    for line in summary.failed:
        say(f"not answered: {line}")
    stored = "would be stored" if args.dry_run else "stored"
    say(f"{len(summary.stored)} answers {stored}, {len(summary.present)} were there already")
    if args.json:
        print_json(asdict(summary))
    return 2 if summary.failed else 0


def _password(args: argparse.Namespace) -> str | None:
    if args.user is None:
        return None
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    if not sys.stdin.isatty():
        return ""
    from getpass import getpass

    return getpass(f"Password of {args.user}: ")
