"""``calcigram classify``: read clusters twice and write or print the verdicts."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from calcigram.cli import _options
from calcigram.cli._options import MAY_NAME_A_FILE, option
from calcigram.cli._output import (
    print_json,
    print_verdicts,
    progress_bar,
    reported_lines,
    say,
    working,
)
from calcigram.errors import BadInputError
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 200
_HOW = ("coverage", "prior", "rulebook", "recognition")


@_options.command(
    "classify",
    "read clusters by the model and by the rules, and cross-check the two",
    "calcigram classify clusters.csv -o verdicts.csv",
    _options.source("tables, DICOM reports, annotations, masks or mammograms", "files", nargs="+"),
    _options.output(
        "CSV, Parquet, JSON or DICOM file to write (print a table)", *_options.TABLES, ".dcm"
    ),
    option(
        "--template",
        "with -o FILE.dcm: TID 1500 measurement report, or Mammography CAD SR (tid1500)",
        _options.TEMPLATES,
    ),
    _options.MODEL,
    option(
        "--coverage C",
        "coverage of the sets of words, for each word alone",
        float,
        default=0.95,
    ),
    option(
        "--prior P",
        "re-weight probabilities to a mix of classes: uniform, clinical or a CSV file",
        role=MAY_NAME_A_FILE,
    ),
    option(
        "--rulebook FILE",
        "TOML file of consequences in place of the article's (docs/rules.md)",
        role=MAY_NAME_A_FILE,
    ),
    option(
        "--recognition FILE",
        "TOML file of recognition rules in place of those that ship (docs/rules.md)",
        role=MAY_NAME_A_FILE,
    ),
    _options.SKIP_BAD,
    option(
        "--rejects",
        "where --skip-bad writes what it set aside",
        _options.Path,
        role=_options.TABLES,
    ),
    option("--resume", "with -o: continue a run that was killed or interrupted"),
    _options.THREADS,
    _options.JSON,
    *_options.READING,
)
def run_classify(args: argparse.Namespace) -> None:
    """Classify files, streamed to `-o`, or all at once onto the terminal."""
    is_dicom = args.output is not None and args.output.suffix.lower() == ".dcm"
    if args.rejects is not None and not args.skip_bad:
        raise BadInputError("--skip-bad together with --rejects")
    if args.template is not None and not is_dicom:
        raise BadInputError("-o FILE.dcm together with --template")
    if args.resume and args.output is None:
        raise BadInputError("-o together with --resume")
    if args.output is None:
        _to_terminal(args)
    elif is_dicom:
        _to_dicom(args)
    else:
        _to_file(args)


def _to_file(args: argparse.Namespace) -> None:
    from calcigram.formats import atomic_path
    from calcigram.streaming import classify_files

    with ExitStack() as stack:
        output = args.output
        if str(output) == "-":
            if args.resume or (args.skip_bad and args.rejects is None):
                raise BadInputError("--rejects with --skip-bad, and no --resume, where -o is -")
            output = stack.enter_context(atomic_path(output))
        summary = classify_files(
            args.files,
            output,
            _options.reading_options(args),
            **_options.given(args, "model", *_HOW, "rejects", "resume"),
            n_threads=args.threads,
            progress=stack.enter_context(progress_bar("Reading clusters")),
        )
    say(*summary.notes)
    if summary.n_resumed:
        say(f"{counted(summary.n_resumed, 'cluster')} taken over from the interrupted run")
    say(f"{counted(summary.n_clusters, 'cluster')}, {summary.n_review} to look at -> {args.output}")
    if summary.n_rejected:
        say(f"{counted(summary.n_rejected, 'bad cluster')} set aside -> {summary.rejects}")
    if args.json:
        print_json(asdict(summary))


def _to_dicom(args: argparse.Namespace) -> None:
    from calcigram.replies import reply_to_file

    if len(args.files) != 1 or args.skip_bad or args.resume:
        raise BadInputError("one file, without --skip-bad and --resume, for a DICOM report")
    for name in ("prior", "rulebook", "recognition"):
        if getattr(args, name) is not None:
            raise BadInputError(f"no --{name} for a DICOM report")
    template = args.template or "tid1500"
    with working("Reading clusters"):
        reply = reply_to_file(
            args.files[0],
            args.output,
            _options.reading_options(args),
            template=template,
            model=args.model,
            n_threads=args.threads,
        )
    say(
        *(f"{args.files[0]}: {note}" for note in reply.notes),
        *reported_lines(reply.verdicts),
        f"{counted(len(reply.clusters), 'cluster')} -> {args.output} ({template})",
    )
    if args.json:
        print_json(reply.verdicts)


def _to_terminal(args: argparse.Namespace) -> None:
    import numpy as np
    import pandas as pd

    from calcigram import ClusterSet, classify
    from calcigram.formats import read_intake, write_table

    with working("Reading clusters"):
        options = _options.reading_options(args)
        intakes = [read_intake(path, options) for path in args.files]
        clusters = ClusterSet.concat([intake.clusters for intake in intakes])
        verdicts = classify(
            clusters, args.model, n_threads=args.threads, **_options.given(args, *_HOW)
        )
    if len(args.files) > 1:
        sizes = [len(intake.clusters) for intake in intakes]
        verdicts["source"] = np.repeat([str(path) for path in args.files], sizes)
        if verdicts["cluster_id"].duplicated().any():
            say("some ids occur in several files: the column source (-o, --json) names the file")
    if args.json:
        print_json(verdicts)
        say(*verdicts.attrs["notes"])
    else:
        print_verdicts(_told_apart(verdicts), limit=MAX_ROWS)
    for path, intake in zip(args.files, intakes, strict=True):
        say(*(f"{path}: {note}" for note in intake.notes))
    n_rejected = sum(intake.n_rejected for intake in intakes)
    if args.rejects is not None:
        rejects = pd.concat([intake.rejects for intake in intakes], ignore_index=True)
        write_table(rejects, args.rejects)
    if n_rejected:
        place = f" -> {args.rejects}" if args.rejects else ""
        say(f"{counted(n_rejected, 'bad cluster')} set aside{place}")


def _told_apart(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts with the file before each id that stands more than once."""
    is_twice = verdicts["cluster_id"].duplicated(keep=False)
    if "source" not in verdicts or not is_twice.any():
        return verdicts
    ids = verdicts["cluster_id"].astype(object)
    return verdicts.assign(cluster_id=ids.mask(is_twice, verdicts["source"] + ": " + ids))
