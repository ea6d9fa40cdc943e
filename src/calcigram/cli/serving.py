"""``calcigram batch``, ``serve`` and ``dicomweb``: many clusters, requests over HTTP, an archive."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict

from calcigram.cli import _options
from calcigram.cli._options import option
from calcigram.cli._output import print_json, progress_bar, say, working
from calcigram.errors import BadInputError
from calcigram.wording import counted


@_options.command(
    "batch",
    "classify, measure or simulate folders of Parquet files, on a Dask cluster if need be",
    "calcigram batch clusters verdicts --dask tcp://10.0.0.1:8786\n"
    "  calcigram batch clusters features --task features --resume\n"
    "  calcigram batch 1000000 clusters --task simulate --seed 1",
    option(
        "input IN",
        "Parquet file or folder, any fsspec URL; with --task simulate the number of clusters",
        role=_options.MAY_NAME_A_FILE,
    ),
    option("output OUT", "folder to write, any fsspec URL", role=_options.WRITTEN),
    option("--task", "what to do", ("classify", "features", "simulate"), default="classify"),
    option("--dask ADDRESS", "Dask scheduler, tcp://host:8786 (work in this process)"),
    option(
        "--partition-clusters",
        "clusters per part, at least",
        _options.positive_int,
        default=50_000,
    ),
    option("--resume", "do only what an interrupted run left undone"),
    option("--overwrite", "replace OUT if it is there"),
    _options.SKIP_BAD,
    _options.MODEL,
    _options.JSON,
    "with --task simulate",
    _options.GRADE,
    _options.PRESET,
    _options.SEED,
)
def run_batch(args: argparse.Namespace) -> None:
    """Do the job."""
    source: str | int = args.input
    if args.task == "simulate":
        try:
            source = _options.positive_int(args.input)
        except argparse.ArgumentTypeError as error:
            raise BadInputError(f"{error} to simulate, as IN") from None
    from calcigram.batch import run_batch

    names = ("task", "dask", "model", "partition_clusters", "skip_bad", "resume", "overwrite")
    simulation = _options.given(args, "seed", "grade", "preset")
    with progress_bar("Parts") as progress:
        summary = run_batch(
            source,
            args.output,
            **_options.given(args, *names),
            simulation=simulation if args.task == "simulate" else None,
            progress=progress,
        )
    if summary.n_resumed:
        say(f"{counted(summary.n_resumed, 'part')} taken over from the interrupted run")
    looked_at = f", {summary.n_review} to look at" if args.task == "classify" else ""
    done = f"{counted(summary.n_clusters, 'cluster')} in {counted(summary.n_parts, 'part')}"
    say(f"{done}{looked_at} -> {args.output}", *summary.notes)
    if summary.n_rejected:
        say(f"{counted(summary.n_rejected, 'bad cluster')} set aside -> {args.output}/_rejects.csv")
    if args.json:
        print_json(asdict(summary))


@_options.command(
    "serve",
    "serve the HTTP interface and the page, by default to this machine only",
    "calcigram serve --port 8000\n"
    "  calcigram serve --host 0.0.0.0 --workers 2 --token-file token.txt",
    option("--host ADDRESS", "address to listen on (127.0.0.1)"),
    option("--port", "port to listen on, 0 for a free one (8000)", _options.count),
    option(
        "--workers",
        "processes (1); more than one serve the interface without the page",
        _options.positive_int,
    ),
    option("--token-file FILE", "file that holds the token requests must carry"),
    option("--no-page", "serve the interface without the page"),
    _options.MODEL,
    _options.THREADS,
)
def run_serve(args: argparse.Namespace) -> None:
    """Serve until stopped; what is not given here is read from the environment."""
    from calcigram.formats.extras import how_to_install

    try:
        from calcigram.server.app import serve
        from calcigram.server.settings import Settings
    except ImportError:
        raise BadInputError(f"the packages of the server: {how_to_install('server')}") from None

    given = _options.given(args, "host", "port", "workers", "token_file", "model", "threads")
    serve(Settings.from_environment(**given, page=False if args.no_page else None))


PASSWORD_VARIABLE = "CALCIGRAM_DICOMWEB_PASSWORD"


@_options.command(
    "dicomweb",
    "find the CAD reports of a study in an archive, classify, and store the answer",
    "calcigram dicomweb http://localhost:8042/dicom-web --study 1.2.840.1",
    option("url URL", "root of the archive's DICOMweb service"),
    option("--study UID", "Study Instance UID", required=True),
    option(
        "--user NAME",
        f"user name; the password is taken from {PASSWORD_VARIABLE}, or asked for",
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
def run_dicomweb(args: argparse.Namespace) -> int:
    """Answer the reports of one study; exit code 2 if one could not be answered."""
    from calcigram.dicomweb import Archive, answer_study

    with working("Reading the archive"):
        summary = answer_study(
            Archive(args.url, user=args.user, password=_password(args)),
            args.study,
            _options.reading_options(args),
            **_options.given(args, "template", "model", "dry_run"),
            n_threads=args.threads,
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
