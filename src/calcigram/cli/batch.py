"""``calcigram batch``: simulate, measure or classify folders of Parquet, on a cluster if need be."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from calcigram.cli import _options
from calcigram.cli._options import option
from calcigram.cli._output import print_json, progress_bar, say
from calcigram.errors import BadInputError
from calcigram.wording import counted


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "batch",
        run,
        "classify, measure or simulate folders of Parquet files, on a Dask cluster if need be",
        "calcigram batch clusters verdicts --dask tcp://10.0.0.1:8786\n"
        "  calcigram batch clusters features --task features --resume\n"
        "  calcigram batch 1000000 clusters --task simulate --seed 1",
        option(
            "input",
            "Parquet file or folder, any fsspec URL; with --task simulate the number of clusters",
            str,
            "IN",
            role=_options.MAY_NAME_A_FILE,
        ),
        option("output", "folder to write, any fsspec URL", str, "OUT", role=_options.WRITTEN),
        option("--task", "what to do", ("classify", "features", "simulate"), default="classify"),
        option("--dask", "Dask scheduler, tcp://host:8786 (work in this process)", str, "ADDRESS"),
        option(
            "--partition-clusters",
            "clusters per part, at least",
            _options.positive_int,
            default=50_000,
        ),
        option("--resume", "do only what a run that was broken off left undone"),
        option("--overwrite", "replace OUT if it is there"),
        _options.SKIP_BAD,
        _options.MODEL,
        _options.JSON,
        "with --task simulate",
        _options.GRADE,
        _options.PRESET,
        _options.SEED,
    )


def run(args: argparse.Namespace) -> None:
    """Do the job."""
    source: str | int = args.input
    if args.task == "simulate":
        try:
            source = _options.positive_int(args.input)
        except argparse.ArgumentTypeError as error:
            raise BadInputError(f"{error} to simulate, as IN") from None
    from calcigram.batch import run_batch

    simulation = {"seed": args.seed, "grade": args.grade, "preset": args.preset}
    with progress_bar("Parts") as progress:
        summary = run_batch(
            source,
            args.output,
            task=args.task,
            dask=args.dask,
            model=args.model,
            partition_clusters=args.partition_clusters,
            simulation=simulation if args.task == "simulate" else None,
            skip_bad=args.skip_bad,
            resume=args.resume,
            overwrite=args.overwrite,
            progress=progress,
        )
    if summary.n_resumed:
        say(f"{counted(summary.n_resumed, 'part')} taken over from the run that was broken off")
    looked_at = f", {summary.n_review} to look at" if args.task == "classify" else ""
    done = f"{counted(summary.n_clusters, 'cluster')} in {counted(summary.n_parts, 'part')}"
    say(f"{done}{looked_at} -> {args.output}", *summary.notes)
    if summary.n_rejected:
        say(f"{counted(summary.n_rejected, 'bad cluster')} set aside -> {args.output}/_rejects.csv")
    if args.json:
        print_json(asdict(summary))
