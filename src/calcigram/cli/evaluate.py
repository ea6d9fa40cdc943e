"""``calcigram evaluate``: hold a model and the rules against clusters whose truth is known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.cli import _options
from calcigram.cli._labelled import read_labelled
from calcigram.cli._output import check_exists, check_suffix, json_text, print_table, say, working
from calcigram.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.model.reader import Model
    from calcigram.validate import Evaluation

BASELINE_CLUSTERS = 5000


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    parser = _options.add_command(
        commands,
        "evaluate",
        run,
        "evaluate the model and the rules on clusters whose truth is known",
        "calcigram evaluate --benchmark bench_v1 --n 5000 -o evaluation.html",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="CLUSTERS",
        help="labelled clusters, with columns true_distribution and true_morphology",
    )
    parser.add_argument(
        "--benchmark", metavar="NAME", help="simulate them from a benchmark preset: bench_v1"
    )
    parser.add_argument(
        "--n",
        type=_options.positive_int,
        default=5000,
        metavar="N",
        help="benchmark clusters per grade, or clusters to train on a fold of --transfer (5000)",
    )
    parser.add_argument(
        "--positions-only", action="store_true", help="let the readers see nothing but positions"
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="beside them: logistic regression on five features, and the majority class",
    )
    parser.add_argument(
        "--transfer",
        action="store_true",
        help="also train anew with one mechanism per class left out, each fold (long)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="all figures of the model card, from seeds, at --n clusters per grade (long)",
    )
    _options.add_output(parser, "HTML, Markdown or JSON file to write (print tables)")
    _options.add_model(parser)
    _options.add_seed(parser)
    _options.add_jobs(parser)
    _options.add_json(parser)
    _options.add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Evaluate, then print or write."""
    if [bool(args.files), bool(args.benchmark), args.full].count(True) != 1:
        raise BadInputError("either files of labelled clusters or --benchmark NAME, or --full")
    for option in ("positions_only", "baselines", "transfer"):
        if args.full and getattr(args, option):
            raise BadInputError(f"no --{option.replace('_', '-')} beside --full, which holds all")
    check_suffix(args.output, (".html", ".md", ".json"))
    check_exists(args.files)
    from calcigram import load_model

    model = load_model(args.model)
    if args.full:
        _run_full(model, args)
        return
    clusters, origin = _clusters(args)
    with working("Reading clusters"):
        evaluations = _evaluate(clusters, model, args)
    tables = _tables(evaluations, args)
    if args.output is not None and args.output.suffix.lower() == ".html":
        from calcigram.report import write_evaluation_report

        write_evaluation_report(
            evaluations, args.output, tables=tables, model_version=model.version, origin=origin
        )
    elif args.output is not None:
        from calcigram.formats import atomic_path

        as_json = args.output.suffix.lower() == ".json"
        text = _json(evaluations, tables, model) if as_json else _markdown(evaluations, tables)
        with atomic_path(args.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if args.json:
        print(_json(evaluations, tables, model), end="")
    elif args.output is None:
        for caption, frame in tables.items():
            print_table(frame, caption)
        print_table(evaluations["model"].per_class(), "The model, by word")
    if args.output is not None:
        say(f"{len(clusters)} clusters, {len(evaluations)} readers -> {args.output}")


def _run_full(model: Model, args: argparse.Namespace) -> None:
    from calcigram.formats import atomic_path
    from calcigram.report import write_evaluation_report
    from calcigram.validate.full import Plan, card_markdown, card_tables, full_evaluation

    plan = Plan(args.n, args.seed, _options.jobs(args))
    with working("Evaluating in full"):
        found = full_evaluation(model, plan, progress=lambda stage: say(f"stage {stage}"))
    tables = card_tables(found)
    as_json = json_text({"model_version": model.version, "n": args.n, "seed": args.seed, **found})
    if args.output is not None:
        with atomic_path(args.output) as temporary:
            if args.output.suffix.lower() == ".html":
                write_evaluation_report(
                    {}, temporary, tables=tables, model_version=model.version,
                    origin=f"{args.n} clusters per grade, seed {args.seed}.",
                )  # fmt: skip
            else:
                markdown = args.output.suffix.lower() == ".md"
                temporary.write_text(
                    card_markdown(found) if markdown else as_json, encoding="utf-8"
                )
        say(f"{len(tables)} tables -> {args.output}")
    if args.json:
        print(as_json, end="")
    elif args.output is None:
        for caption, frame in tables.items():
            print_table(frame, caption)


def _clusters(args: argparse.Namespace) -> tuple[ClusterSet, str]:
    from calcigram import ClusterSet, simulate

    if args.files:
        clusters = ClusterSet.concat(read_labelled(args))
        origin = f"{len(clusters)} labelled clusters of {', '.join(p.name for p in args.files)}."
    else:
        from calcigram.simulate import load_preset

        seed = load_preset(args.benchmark).about.get("seed")
        if seed is None:
            raise BadInputError("a benchmark preset, which has a seed", value=args.benchmark)
        parts = []
        for grade in _options.BENCHMARK_GRADES:
            with working(f"Simulating {args.n} {grade} clusters"):
                parts.append(
                    simulate(
                        args.n,
                        seed=seed,
                        grade=grade,
                        preset=args.benchmark,
                        n_jobs=_options.jobs(args),
                    )
                )
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
    from calcigram import extract_features, simulate
    from calcigram.rules.engine import RuleReader
    from calcigram.validate import LogisticReader, MajorityReader, evaluate_reader

    readers: dict[str, Any] = {"model": model, "rules": RuleReader()}
    if args.baselines:
        training = simulate(
            BASELINE_CLUSTERS, seed=args.seed, grade="mixed", n_jobs=_options.jobs(args)
        )
        readers["logistic"] = LogisticReader.fit(training, extract_features(training))
        readers["majority"] = MajorityReader.fit(training)
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


def _json(evaluations: dict[str, Evaluation], tables: dict[str, pd.DataFrame], model: Model) -> str:
    return json_text(
        {
            "model_version": model.version,
            "evaluations": {name: each.to_dict() for name, each in evaluations.items()},
            "tables": tables,
        }
    )


def _markdown(evaluations: dict[str, Evaluation], tables: dict[str, pd.DataFrame]) -> str:
    from calcigram.wording import markdown_table

    parts = [f"{caption}\n\n{markdown_table(frame)}" for caption, frame in tables.items()]
    parts += [each.to_markdown() for each in evaluations.values()]
    return "\n\n".join(parts) + "\n"
