"""``calcigram batch``: simulate, measure or classify folders of Parquet, on a cluster if need be."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from calcigram.cli import _options
from calcigram.cli._output import print_json, progress_bar, say
from calcigram.errors import BadInputError


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "batch",
        run,
        "classify, measure or simulate folders of Parquet files, on a Dask cluster if need be",
        "calcigram batch clusters verdicts --dask tcp://10.0.0.1:8786\n"
        "  calcigram batch clusters features --task features --resume\n"
        "  calcigram batch 1000000 clusters --task simulate --seed 1",
    )
    parser.add_argument(
        "input",
        metavar="IN",
        help="Parquet file or folder, any fsspec URL; with --task simulate the number of clusters",
    )
    parser.add_argument("output", metavar="OUT", help="folder to write, any fsspec URL")
    parser.add_argument(
        "--task",
        choices=("classify", "features", "simulate"),
        default="classify",
        help="what to do (classify)",
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="Dask scheduler, tcp://host:8786 (work in this process)"
    )
    parser.add_argument(
        "--partition-clusters",
        type=_options.positive_int,
        default=50_000,
        metavar="N",
        help="clusters per part, at least (50000)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="do only what a run that was broken off left undone"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    parser.add_argument("--skip-bad", action="store_true", help="set bad clusters aside and go on")
    _options.add_model(parser)
    _options.add_json(parser)
    simulation = parser.add_argument_group("with --task simulate")
    simulation.add_argument(
        "--grade", choices=_options.GRADES, default="typical", help="how degraded (typical)"
    )
    simulation.add_argument(
        "--preset", default="train", metavar="NAME", help="ranges to draw from (train)"
    )
    simulation.add_argument(
        "--seed", type=_options.count, default=0, metavar="N", help="seed of everything random (0)"
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
        say(f"{summary.n_resumed} parts were there from the run that was broken off")
    looked_at = f", {summary.n_review} to look at" if args.task == "classify" else ""
    say(f"{summary.n_clusters} clusters in {summary.n_parts} parts{looked_at} -> {args.output}")
    for note in summary.notes:
        say(note)
    if summary.n_rejected:
        say(f"{summary.n_rejected} bad clusters set aside -> {args.output}/_rejects.csv")
    if args.json:
        print_json(asdict(summary))
