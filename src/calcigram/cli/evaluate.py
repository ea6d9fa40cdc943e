"""``calcigram evaluate``: compare a model and the rules with the truth of clusters that have one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from calcigram.cli import _options
from calcigram.cli._options import option, positive_int
from calcigram.cli._output import json_text, print_table, say, working, write_or_print
from calcigram.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.model.reader import Model
    from calcigram.validate import Evaluation

BASELINE_CLUSTERS = 5000


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "evaluate",
        run,
        "evaluate the model and the rules on clusters whose truth is known",
        "calcigram evaluate --benchmark bench_v1 --n 5000 -o evaluation.html",
        _options.LABELLED,
        option("--benchmark", "simulate them from a benchmark preset: bench_v1", str, "NAME"),
        option(
            "--n",
            "benchmark clusters per grade, or clusters to train on per fold of --transfer",
            positive_int,
            default=5000,
        ),
        option("--positions-only", "let the readings use nothing but positions"),
        option(
            "--baselines",
            "beside them: logistic regression on five features, and the majority class",
        ),
        option(
            "--transfer",
            "also train anew with one mechanism per class left out, each fold (long)",
        ),
        option(
            "--full",
            "all figures of the model card, from seeds, at --n clusters per grade (long)",
        ),
        _options.output(
            "HTML, Markdown or JSON file to write (print tables)", ".html", ".md", ".json"
        ),
        _options.MODEL,
        _options.SEED,
        _options.JOBS,
        _options.JSON,
        *_options.READING,
    )


class _Found(NamedTuple):
    """What an evaluation gave, to be written or printed."""

    tables: dict[str, pd.DataFrame]
    evaluations: dict[str, Evaluation]
    document: dict[str, Any]
    markdown: Callable[[], str]
    origin: str
    done: str


def run(args: argparse.Namespace) -> None:
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
    clusters, origin = _clusters(args)
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


def _clusters(args: argparse.Namespace) -> tuple[ClusterSet, str]:
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
