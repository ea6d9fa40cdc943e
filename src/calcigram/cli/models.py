"""``calcigram simulate``, ``train`` and ``evaluate``: clusters of known truth, and models made and judged by them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from calcigram.cli import _options
from calcigram.cli._options import option, positive_int
from calcigram.cli._output import (
    doing,
    json_text,
    print_json,
    print_table,
    progress_bar,
    say,
    working,
    write_or_print,
)
from calcigram.errors import BadInputError
from calcigram.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.mammogram import Mammogram
    from calcigram.model.reader import Model
    from calcigram.validate import Evaluation
TRUTH = "truth.csv"


@_options.command(
        "simulate",
        "write simulated clusters, whose distribution and morphology are known",
        "calcigram simulate 1000 -o clusters.parquet --seed 1",
        option("n", "number of clusters", _options.positive_int),
        _options.output("CSV or Parquet file to write", ".csv", ".parquet"),
        _options.GRADE,
        _options.PRESET,
        _options.SEED,
        _options.JOBS,
        "pictures",
        option("--images DIR",
            f"write a picture of each cluster into this folder; the true marks go to -o ({TRUTH} in the folder)", Path,
            role=(),
        ),
        option("--image-format", "of the pictures: DICOM (the default), or PNG of 16 bits", ("dcm", "png")),
        option("--margin-mm", "how far a picture reaches beyond its cluster (10)", _options.positive_float),
        option("--raw", "pictures for processing, linear in the exposure"),
    )  # fmt: skip
def run_simulate(args: argparse.Namespace) -> None:
    """Simulate and write."""
    from calcigram import simulate, write_clusters
    from calcigram.formats.temporary import fill_folder, unfinished
    from calcigram.simulate.render import MARGIN_MM

    if args.output is None and args.images is None:
        raise BadInputError("-o FILE for the clusters, or --images DIR for pictures of them")
    of_pictures = ("image_format", "margin_mm", "raw")
    if args.images is None and (given := [n for n in of_pictures if getattr(args, n)]):
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise BadInputError(f"--images DIR together with {names}")
    how, jobs = _options.given(args, "seed", "grade", "preset"), _options.jobs(args)
    with progress_bar("Simulating") as progress:
        if args.images is None:
            clusters = simulate(args.n, **how, n_jobs=jobs, progress=progress)
        else:
            how |= {"margin_mm": args.margin_mm or MARGIN_MM, "raw": args.raw, "n_jobs": jobs}
            clusters, images, _ = simulate(args.n, render=True, **how, progress=progress)
    if args.images is not None:
        folder = Path(os.path.realpath(args.images))
        folder.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(folder, is_folder=True) as fresh:
            written = _write_images(images, fresh, args.image_format or "dcm", jobs)
            clusters.meta["image_id"], clusters.meta["file"] = zip(*written, strict=True)
            if args.output is None:
                write_clusters(clusters, fresh / TRUTH)
            fill_folder(fresh, folder, last=TRUTH)
        say(f"{counted(len(images), 'picture')} -> {args.images}")
    if args.output is not None:
        with working("Writing"):
            write_clusters(clusters, args.output)
    args.output = args.output or args.images / TRUTH
    say(
        f"{counted(len(clusters), 'cluster')}, {len(clusters.x_mm)} calcifications -> {args.output}"
    )


def _write_images(
    images: Sequence[Mammogram], folder: Path, suffix: str, jobs: int
) -> list[tuple[str, str]]:
    """Write pictures; return what a reader calls each, and the name of its file."""
    from joblib import Parallel, delayed

    from calcigram.formats.extras import load_extra

    if suffix == "dcm":
        load_extra("pydicom", "A DICOM file")
    with progress_bar("Rendering") as progress:
        # The first is made here: what it compiles is there for the other processes.
        written = [_write_image(images, 0, folder, suffix)]
        others = (delayed(_write_image)(images, i, folder, suffix) for i in range(1, len(images)))
        for one in Parallel(jobs, return_as="generator")(others):
            written.append(one)
            progress(len(written), len(images))
    return written


def _write_image(images: Sequence[Mammogram], i: int, folder: Path, suffix: str) -> tuple[str, str]:
    from calcigram.formats.dicom.images import write_mammogram

    image = images[i]
    file = f"{image.image_id}.{suffix}"
    return write_mammogram(image, folder / file), file


@_options.command(
    "train",
    "train a model on simulated clusters, on your own labelled ones, or on both",
    "calcigram train --simulated 20000 -o my_model --seed 1",
    _options.LABELLED,
    _options.output("folder to write the model to", required=True),
    option("--simulated", "simulated clusters to train on", positive_int),
    option(
        "--measured",
        "simulated clusters to render, and to train on as our own detector measures them",
        positive_int,
    ),
    option("--measured-cache DIR", "folder that keeps what was measured", Path, role=()),
    option(
        "--start-from MODEL",
        "adapt this model (a folder, or: default) to some hundred labelled clusters",
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
    option("--cache DIR", "folder that keeps features once measured", Path),
    _options.SEED,
    _options.JOBS,
    _options.JSON,
    *_options.READING,
)
def run_train(args: argparse.Namespace) -> None:
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
    clusters = _training_clusters(args)
    from calcigram import train_model

    with doing(lambda: f"training on {len(clusters)} clusters"):
        model = train_model(
            clusters,
            **_options.given(args, "start_from", "seed", "form_iterations", "cache", "drop_rare"),
            n_iterations=args.iterations,
            n_jobs=_options.jobs(args),
            progress=sys.stderr.isatty(),
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


def _training_clusters(args: argparse.Namespace) -> ClusterSet:
    from calcigram import ClusterSet, simulate

    sets = _options.read_labelled(args)
    options = _options.given(args, "seed", "grade") | {"n_jobs": _options.jobs(args)}
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


BASELINE_CLUSTERS = 5000


class _Found(NamedTuple):
    """What an evaluation gave, to be written or printed."""

    tables: dict[str, pd.DataFrame]
    evaluations: dict[str, Evaluation]
    document: dict[str, Any]
    markdown: Callable[[], str]
    origin: str
    done: str


@_options.command(
    "evaluate",
    "evaluate the model and the rules on clusters whose truth is known",
    "calcigram evaluate --benchmark bench_v1 --n 5000 -o evaluation.html",
    _options.LABELLED,
    option("--benchmark NAME", "simulate them from a benchmark preset: bench_v1"),
    option(
        "--n",
        "benchmark clusters per grade, or clusters to train on per fold of --transfer",
        positive_int,
        default=5000,
    ),
    option("--positions-only", "use positions only"),
    option(
        "--baselines",
        "also evaluate two simple readers: logistic regression on five features, and the majority class",
    ),
    option(
        "--transfer",
        "also train anew with one mechanism per class left out, each fold (long)",
    ),
    option(
        "--full",
        "all figures of the model card, from seeds, at --n clusters per grade (long)",
    ),
    _options.output("HTML, Markdown or JSON file to write (print tables)", ".html", ".md", ".json"),
    _options.MODEL,
    _options.SEED,
    _options.JOBS,
    _options.JSON,
    *_options.READING,
)
def run_evaluate(args: argparse.Namespace) -> None:
    """Evaluate, then print or write."""
    if [bool(args.files), bool(args.benchmark), args.full].count(True) != 1:
        raise BadInputError("either files of labelled clusters or --benchmark NAME, or --full")
    for name in ("positions_only", "baselines", "transfer"):
        if args.full and getattr(args, name):
            raise BadInputError(f"no --{name.replace('_', '-')} beside --full, which holds all")
    from calcigram import load_model

    model = load_model(args.model)
    found = _in_full(model, args) if args.full else _on_clusters(model, args)

    def as_json() -> str:
        return json_text({"model_version": model.version, **found.document})

    if args.output is not None and args.output.suffix.lower() == ".html":
        from calcigram.report import write_evaluation_report

        write_evaluation_report(
            found.evaluations, args.output, tables=found.tables, model_version=model.version,
            origin=found.origin,
        )  # fmt: skip
        if args.json:
            print(as_json(), end="")
    elif args.output is not None or args.json:
        write_or_print(args, as_json, found.markdown)
    else:
        for caption, frame in found.tables.items():
            print_table(frame, caption)
        if not args.full:
            print_table(found.evaluations["model"].per_class(), "The model, by word")
    if args.output is not None:
        say(f"{found.done} -> {args.output}")


def _in_full(model: Model, args: argparse.Namespace) -> _Found:
    from calcigram.validate.full import Plan, card_markdown, card_tables, full_evaluation

    plan = Plan(args.n, args.seed, _options.jobs(args))
    with working("Evaluating in full"):
        found = full_evaluation(model, plan, progress=lambda stage: say(f"stage {stage}"))
    tables = card_tables(found)
    return _Found(
        tables,
        {},
        {"n": args.n, "seed": args.seed, **found},
        lambda: card_markdown(found),
        f"{args.n} clusters per grade, seed {args.seed}.",
        f"{len(tables)} tables",
    )


def _on_clusters(model: Model, args: argparse.Namespace) -> _Found:
    clusters, origin = _known_clusters(args)
    with working("Reading clusters"):
        evaluations = _evaluate(clusters, model, args)
    tables = _tables(evaluations, args)
    each = {name: evaluation.to_dict() for name, evaluation in evaluations.items()}

    def markdown() -> str:
        from calcigram.wording import markdown_table

        parts = [f"{caption}\n\n{markdown_table(frame)}" for caption, frame in tables.items()]
        parts += [evaluation.to_markdown() for evaluation in evaluations.values()]
        return "\n\n".join(parts) + "\n"

    return _Found(
        tables,
        evaluations,
        {"evaluations": each, "tables": tables},
        markdown,
        origin,
        f"{len(clusters)} clusters, {len(evaluations)} readers",
    )


def _known_clusters(args: argparse.Namespace) -> tuple[ClusterSet, str]:
    from calcigram import ClusterSet, simulate

    if args.files:
        clusters = ClusterSet.concat(_options.read_labelled(args))
        origin = f"{len(clusters)} labelled clusters of {', '.join(p.name for p in args.files)}."
    else:
        from calcigram.simulate import load_preset

        seed = load_preset(args.benchmark).about.get("seed")
        if seed is None:
            raise BadInputError("a benchmark preset, which has a seed", value=args.benchmark)
        options = {"seed": seed, "preset": args.benchmark, "n_jobs": _options.jobs(args)}
        parts = []
        for grade in _options.BENCHMARK_GRADES:
            with working(f"Simulating {args.n} {grade} clusters"):
                parts.append(simulate(args.n, grade=grade, **options))
        clusters = ClusterSet.concat(parts)
        origin = (
            f"{len(clusters)} simulated clusters: {args.benchmark}, seed {seed}, "
            f"{args.n} of each grade."
        )
    if args.positions_only:
        return clusters.positions_only(), f"{origin} Positions alone."
    return clusters, origin


def _evaluate(
    clusters: ClusterSet, model: Model, args: argparse.Namespace
) -> dict[str, Evaluation]:
    from calcigram import extract_features
    from calcigram.rules.engine import RuleReader
    from calcigram.validate.evaluation import evaluate_reader, simple_readers

    readers: dict[str, Any] = {"model": model, "rules": RuleReader()}
    if args.baselines:
        readers |= simple_readers(BASELINE_CLUSTERS, args.seed, _options.jobs(args))
    features = extract_features(clusters)
    return {
        name: evaluate_reader(reader, clusters, features=features)
        for name, reader in readers.items()
    }


def _tables(
    evaluations: dict[str, Evaluation], args: argparse.Namespace
) -> dict[str, pd.DataFrame]:
    from calcigram.validate import compare, transfer

    overall = evaluations["model"].to_frame().query("by == 'all'")
    columns = ["axis", "n", "accuracy", "macro_f1", "calibration_error", "unread_share", "kappa"]
    tables = {
        "The model, over all clusters": overall[columns],
        "Macro-F1 of each reader, by part": compare(evaluations),
    }
    if args.transfer:
        with working("Training with mechanisms left out"):
            result = transfer(n_train=args.n, seed=args.seed, n_jobs=_options.jobs(args))
        tables["Transfer to mechanisms left out: macro-F1 over folds"] = result.summary()
        tables["Transfer by word: F1 over folds"] = result.per_class()
    return tables
