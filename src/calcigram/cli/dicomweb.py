"""``calcigram dicomweb``: answer the CAD reports of a study in an archive."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict

from calcigram.cli import _options
from calcigram.cli._options import option
from calcigram.cli._output import print_json, say, working

PASSWORD_VARIABLE = "CALCIGRAM_DICOMWEB_PASSWORD"


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "dicomweb",
        run,
        "find the CAD reports of a study in an archive, classify, and store the answer",
        "calcigram dicomweb http://localhost:8042/dicom-web --study 1.2.840.1",
        option("url", "root of the archive's DICOMweb service", str, "URL"),
        option("--study", "Study Instance UID", str, "UID", required=True),
        option(
            "--user",
            f"user name; the password is taken from {PASSWORD_VARIABLE}, or asked for",
            str,
            "NAME",
        ),
        option(
            "--template",
            "TID 1500 measurement report, or Mammography CAD SR",
            _options.TEMPLATES,
            default=_options.TEMPLATES[0],
        ),
        option("--dry-run", "store nothing"),
        _options.MODEL,
        _options.THREADS,
        _options.JSON,
        option(
            "--pixel-spacing",
            "millimetres per pixel, of reports whose images state none",
            _options.positive_float,
        ),
        *_options.linking("10"),
    )


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
    stored = "would be stored" if args.dry_run else "stored"
    say(
        *summary.notes,
        *(f"skipped: {line}" for line in summary.skipped),
        *(f"not answered: {line}" for line in summary.failed),
        f"{len(summary.stored)} answers {stored}, {len(summary.present)} were there already",
    )
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
