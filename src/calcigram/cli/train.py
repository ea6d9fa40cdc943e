"""``calcigram train``: train a model on simulated clusters, or on labelled ones of the user's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from calcigram.cli import _options
from calcigram.cli._labelled import read_labelled
from calcigram.cli._output import check_exists, print_json, progress_bar, say
from calcigram.cli._progress import doing
from calcigram.errors import BadInputError

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet
    from calcigram.model.reader import Model


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "train",
        run,
        "train a model on simulated clusters, on your own labelled ones, or on both",
        "calcigram train --simulated 20000 -o my_model --seed 1",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="CLUSTERS",
        help="labelled clusters, with columns true_distribution and true_morphology",
    )
    _options.add_output(parser, "folder to write the model to", required=True, metavar="DIR")
    parser.add_argument(
        "--simulated",
        type=_options.positive_int,
        metavar="N",
        help="simulated clusters to train on",
    )
    parser.add_argument(
        "--start-from",
        metavar="MODEL",
        help="adapt this model (a folder, or: default) to some hundred labelled clusters",
    )
    parser.add_argument(
        "--grade",
        choices=_options.GRADES,
        default="mixed",
        help="how much the simulated clusters are degraded (mixed)",
    )
    parser.add_argument(
        "--iterations",
        type=_options.positive_int,
        default=150,
        metavar="N",
        help="rounds of boosting (150)",
    )
    parser.add_argument(
        "--form-iterations",
        type=_options.positive_int,
        metavar="N",
        help="rounds of boosting for the morphology (as many as --iterations)",
    )
    parser.add_argument(
        "--drop-rare",
        action="store_true",
        help="leave out labels that fewer than 10 clusters have, instead of refusing them",
    )
    parser.add_argument(
        "--keep-estimators", action="store_true", help="also write the scikit-learn objects"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder that keeps features once measured"
    )
    _options.add_seed(parser)
    _options.add_jobs(parser)
    _options.add_json(parser)
    _options.add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Train and save."""
    if not args.files and args.simulated is None:
        raise BadInputError("files of labelled clusters, or --simulated N")
    if args.start_from is not None and (not args.files or args.simulated is not None):
        raise BadInputError(
            "files of labelled clusters, and no --simulated, to adapt a model to",
            column="start_from",
            value=args.start_from,
        )
    check_exists(args.files)
    if args.output.exists() and not args.output.is_dir():
        raise BadInputError("a folder", value=str(args.output))
    clusters = _clusters(args)
    with doing(lambda: f"training on {len(clusters)} clusters"):
        model = _train(clusters, args)
    model.save(args.output)
    if args.json:
        print_json({"model": str(args.output), "version": model.version, "card": model.card})
    say(f"model {model.version}, trained on {len(clusters)} clusters -> {args.output}")


def _train(clusters: ClusterSet, args: argparse.Namespace) -> Model:
    from calcigram import train_model

    return train_model(
        clusters,
        start_from=args.start_from,
        seed=args.seed,
        n_iterations=args.iterations,
        form_iterations=args.form_iterations,
        n_jobs=_options.jobs(args),
        progress=sys.stderr.isatty(),
        cache=args.cache,
        drop_rare=args.drop_rare,
        keep_estimators=args.keep_estimators,
        name=args.output.resolve().name,
        description={
            "files": [path.name for path in args.files],
            "simulated": args.simulated or 0,
            "simulation_seed": args.seed,
            "simulation_grade": args.grade,
        },
    )


def _clusters(args: argparse.Namespace) -> ClusterSet:
    from calcigram import ClusterSet, simulate

    sets = read_labelled(args)
    if args.simulated is not None:
        with progress_bar("Simulating") as progress:
            sets.append(
                simulate(
                    args.simulated,
                    seed=args.seed,
                    grade=args.grade,
                    n_jobs=_options.jobs(args),
                    progress=progress,
                )
            )
    return ClusterSet.concat(sets)
