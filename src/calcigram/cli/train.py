"""``calcigram train``: train a model on simulated clusters, or on labelled ones of the user's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.cli import _options
from calcigram.cli._options import option, positive_int
from calcigram.cli._output import doing, print_json, progress_bar, say
from calcigram.errors import BadInputError

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "train",
        run,
        "train a model on simulated clusters, on your own labelled ones, or on both",
        "calcigram train --simulated 20000 -o my_model --seed 1",
        _options.LABELLED,
        _options.output("folder to write the model to", metavar="DIR", required=True),
        option("--simulated", "simulated clusters to train on", positive_int),
        option(
            "--measured",
            "simulated clusters to render, and to train on as our own detector measures them",
            positive_int,
        ),
        option("--measured-cache", "folder that keeps what was measured", Path, "DIR", role=()),
        option(
            "--start-from",
            "adapt this model (a folder, or: default) to some hundred labelled clusters",
            str,
            "MODEL",
        ),
        option(
            "--grade",
            "how much the simulated clusters are degraded",
            _options.GRADES,
            default="mixed",
        ),
        option("--iterations", "rounds of boosting", positive_int, default=150),
        option(
            "--form-iterations",
            "rounds of boosting for the morphology (as many as --iterations)",
            positive_int,
        ),
        option(
            "--drop-rare",
            "leave out labels that fewer than 10 clusters have, instead of refusing them",
        ),
        option("--keep-estimators", "also write the scikit-learn objects"),
        option("--cache", "folder that keeps features once measured", Path, "DIR"),
        _options.SEED,
        _options.JOBS,
        _options.JSON,
        *_options.READING,
    )


def run(args: argparse.Namespace) -> None:
    """Train and save."""
    made_up = args.simulated is not None or args.measured is not None
    if not args.files and not made_up:
        raise BadInputError("files of labelled clusters, --simulated N or --measured N")
    if args.measured_cache is not None and args.measured is None:
        raise BadInputError("--measured N with --measured-cache", value=str(args.measured_cache))
    if args.start_from is not None and (not args.files or made_up):
        raise BadInputError(
            "files of labelled clusters, and neither --simulated nor --measured, to adapt a model to",
            column="start_from",
            value=args.start_from,
        )
    clusters = _clusters(args)
    from calcigram import train_model

    with doing(lambda: f"training on {len(clusters)} clusters"):
        model = train_model(
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
                "measured": args.measured or 0,
                "simulation_seed": args.seed,
                "simulation_grade": args.grade,
            },
        )
    model.save(args.output)
    if args.json:
        print_json({"model": str(args.output), "version": model.version, "card": model.card})
    say(f"model {model.version}, trained on {len(clusters)} clusters -> {args.output}")


def _clusters(args: argparse.Namespace) -> ClusterSet:
    from calcigram import ClusterSet, simulate

    sets = _options.read_labelled(args)
    options: dict[str, Any] = {
        "seed": args.seed,
        "grade": args.grade,
        "n_jobs": _options.jobs(args),
    }
    if args.simulated is not None:
        with progress_bar("Simulating") as progress:
            sets.append(simulate(args.simulated, progress=progress, **options))
    if args.measured is not None:
        from calcigram.simulate.measured import TRAINING_START, simulate_measured

        options |= {"start": TRAINING_START, "cache": args.measured_cache}
        with progress_bar("Rendering and measuring") as progress:
            measured = simulate_measured(args.measured, progress=progress, **options)
        say(
            f"measured: {len(measured.clusters)} of {args.measured} clusters; of the others too little was found"
        )
        sets.append(measured.clusters)
    return ClusterSet.concat(sets)
