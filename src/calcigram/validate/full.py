"""The whole evaluation of a model, stage by stage, and the tables of its card.

Each stage is measured by its own module; here stand the sets, their sizes and seeds. The clusters of
generators that do not ship with the package are read by ``benchmarks/validation.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.classify import classify
from calcigram.crosscheck import cohen_kappa
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features
from calcigram.lexicon import AXES
from calcigram.rules.engine import RuleReader
from calcigram.simulate import simulate
from calcigram.simulate.generator import GRADES
from calcigram.simulate.presets import load_preset
from calcigram.validate.evaluation import Evaluation, Reader, evaluate_reader, simple_readers
from calcigram.validate.outcomes import check_outcomes
from calcigram.validate.risk_check import check_risk
from calcigram.validate.stress import stress
from calcigram.validate.transfer import transfer
from calcigram.validate.trust import trust_figures
from calcigram.wording import json_values, markdown_table

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.model.reader import Model

SEED_BASELINES, SEED_TRUST, SEED_TRANSFER = 41, 91, 1000
N_BASELINES = 20_000
MOST_TRANSFER_TRAINING, MOST_TRANSFER_TESTS = 8000, 2000
MARKED = ("diameter_median_mm", "aspect_median", "solidity_median", "cnr_median")
"""Known where a cluster was handed over with all its marks."""

TRANSFER_ITERATIONS = 150
"""Rounds of boosting in each fold: more change nothing at that number of clusters."""


@dataclass(frozen=True)
class Plan:
    """Size and seed of an evaluation.

    Attributes
    ----------
    n : int
        Clusters a grade of the benchmark; the other sets follow from it.
    seed : int
        Added to the seeds of all sets but the benchmark's, which stands in its preset.
    n_jobs : int
    outcome_files : tuple of Path
        Case descriptions of CBIS-DDSM, for intervals by patient; without them, the counts that
        ship.
    """

    n: int = 10_000
    seed: int = 0
    n_jobs: int = 1
    outcome_files: tuple[Path, ...] = ()


def full_evaluation(
    model: Model,
    plan: Plan | None = None,
    *,
    stages: Iterable[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run the stages of `STAGES`.

    Parameters
    ----------
    model : Model
    plan : Plan, optional
    stages : iterable of str, optional
        Names of those wanted. Default: all.
    progress : callable, optional
        Called with the name of each stage before it begins.

    Returns
    -------
    dict
        By stage, as JSON values; what is undefined is None. `card.card_tables` lays it out.
    """
    plan = plan or Plan()
    found = {}
    for name in stages or STAGES:
        if progress is not None:
            progress(name)
        found[name] = json_values(STAGES[name](model, plan))
    return found


def figures_of(evaluation: Evaluation) -> dict[str, Any]:
    """Keep of an evaluation what pages print."""
    return {
        "n_clusters": evaluation.n_clusters,
        "axes": {axis: scores.summary() for axis, scores in evaluation.axes.items()},
        "per_class": evaluation.per_class().to_dict("records"),
        "by_count": {
            part: {axis: scores.summary() for axis, scores in axes.items()}
            for part, axes in evaluation.parts.get("n_calcifications", {}).items()
        },
    }


def bench(model: Model, plan: Plan) -> dict[str, Any]:
    """Score all readers on `bench_v1`: with marks, with all marks known, on positions alone."""
    n_training, seed = min(N_BASELINES, 4 * plan.n), SEED_BASELINES + plan.seed
    readers: dict[str, Reader] = {"model": model, "rules": RuleReader()}
    readers |= simple_readers(n_training, seed, plan.n_jobs)
    marked = [FEATURE_NAMES.index(name) for name in MARKED]
    out: dict[str, Any] = {
        "n_a_grade": plan.n,
        "seed": _benchmark_seed(),
        "model": model.version,
        "grades": {},
    }
    for grade in GRADES:
        clusters = _benchmark(plan, grade)
        features = extract_features(clusters)
        whole = np.flatnonzero(~np.isnan(features.values[:, marked]).any(axis=1))
        bare = clusters.positions_only()
        sets = {
            "with_marks": (clusters, features),
            "all_marks": (clusters[whole], features[whole]),
            "positions_only": (bare, extract_features(bare)),
        }
        out["grades"][grade] = {
            **{
                kind: {
                    name: figures_of(evaluate_reader(reader, chosen, features=measured, n_boot=50))
                    for name, reader in readers.items()
                }
                for kind, (chosen, measured) in sets.items()
            },
            "readers": _between_readers(clusters, model),
        }
    return out


def trust(model: Model, plan: Plan) -> dict[str, Any]:
    """Coverage, abstention, alarms, and why the readers differ."""
    seed = SEED_TRUST + plan.seed
    fresh = simulate(plan.n, seed=seed, grade="mixed", n_jobs=plan.n_jobs)
    typical = _benchmark(plan, "typical")
    figures = trust_figures(model, fresh, typical, seed=seed, n_jobs=plan.n_jobs)
    return {"model": model.version, **figures}


def left_out(model: Model, plan: Plan) -> dict[str, Any]:
    """Leave one mechanism per class out, each fold; the model itself plays no part."""
    trees = model.card.get("trees", {})
    options = {key: trees[key] for key in ("learning_rate", "max_leaf_nodes") if key in trees}
    return transfer(
        n_train=min(2 * plan.n, MOST_TRANSFER_TRAINING),
        n_test=min(plan.n, MOST_TRANSFER_TESTS),
        seed=SEED_TRANSFER + plan.seed,
        n_jobs=plan.n_jobs,
        n_iterations=TRANSFER_ITERATIONS,
        **options,
    ).to_dict()


def outcomes(model: Model, plan: Plan) -> dict[str, Any]:
    """Hold the rulebooks' consequences and the risk table against CBIS-DDSM."""
    files = plan.outcome_files or None
    check, risk = check_outcomes(files), check_risk(files)
    return {
        "markdown": check.to_markdown(),
        **check.to_dict(),
        "risk": {"markdown": risk.to_markdown(), **risk.to_dict()},
    }


def nuisances(model: Model, plan: Plan) -> dict[str, Any]:
    """Degrade the benchmark by one nuisance at a time."""
    return stress(model, plan.n, n_jobs=plan.n_jobs)


STAGES: dict[str, Callable[[Model, Plan], dict[str, Any]]] = {
    "bench": bench,
    "trust": trust,
    "transfer": left_out,
    "outcomes": outcomes,
    "stress": nuisances,
}


def _benchmark_seed() -> int:
    return int(load_preset("bench_v1").about["seed"])


def _benchmark(plan: Plan, grade: str) -> ClusterSet:
    seed = _benchmark_seed()
    return simulate(plan.n, seed=seed, grade=grade, preset="bench_v1", n_jobs=plan.n_jobs)


def _between_readers(clusters: ClusterSet, model: Model) -> dict[str, Any]:
    """Compare model and rules with each other, not with the truth."""
    verdicts, groups, kappas = classify(clusters, model), clusters.meta.get("group_id"), {}
    for axis in AXES:
        pair = verdicts[axis], verdicts[f"rule_{axis}"]
        kappa = cohen_kappa(*pair, groups=groups, n_boot=200)
        kappas[axis] = [kappa.kappa, kappa.low, kappa.high]
    return {
        "kappa": kappas,
        "agreement": verdicts["agreement"].astype(str).value_counts().to_dict(),
        "review_share": float(verdicts["review"].mean()),
    }


def card_tables(found: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables by their captions; a stage that did not run has none.

    Parameters
    ----------
    found : dict
        As `full.full_evaluation` returns it.

    Examples
    --------
    >>> card_tables({"outcomes": {"risk": {"figures": []}}})
    {}
    """
    import pandas as pd

    return {
        caption: pd.DataFrame(rows)
        for stage, tables in _TABLES.items()
        if stage in found
        for caption, rows in tables(found[stage]).items()
        if rows
    }


def card_markdown(found: dict[str, Any]) -> str:
    """Return the tables in Markdown, each under its caption."""
    tables = card_tables(found).items()
    return "\n\n".join(f"**{caption}:**\n\n{markdown_table(t)}" for caption, t in tables) + "\n"


Rows = list[dict[str, Any]]


def _bench(found: dict[str, Any]) -> dict[str, Rows]:
    rows = []
    for grade, results in found["grades"].items():
        for reader in ("model", "rules"):
            marks, bare = results["with_marks"][reader], results["positions_only"][reader]
            row = {"grade": grade, "reader": reader}
            row |= {axis: _figure(marks, axis, "macro_f1") for axis in (*AXES, "concern")}
            row |= {"positions alone": _figure(bare, "distribution", "macro_f1")}
            row |= {f"calibration error, {a}": _figure(marks, a, "calibration_error") for a in AXES}
            rows.append(row)
    agree = [
        {"grade": grade, **{f"kappa, {a}": found_["readers"]["kappa"][a][0] for a in AXES},
         "to review": found_["readers"]["review_share"]}
        for grade, found_ in found["grades"].items()
    ]  # fmt: skip
    return {
        f"Macro-F1 and calibration on bench_v1, {found['n_a_grade']:,} clusters per grade, "
        f"seed {found['seed']}": rows,
        "The two readers with each other": agree,
    }


def _trust(found: dict[str, Any]) -> dict[str, Rows]:
    level, n = found["coverage"], found["n_fresh"]
    alarms = [{"clusters": kind, "alarms": share} for kind, share in found["alarms"].items()]
    alarms += [
        {"clusters": f"mechanisms {kind} (score fitted anew)", "alarms": share}
        for kind, share in found["unseen_mechanisms"].items()
    ]
    return {
        f"Conformal sets at {level:g}, {n:,} fresh clusters of the training ranges, seed {found['seed']}": found[
            "sets"
        ],
        "Accuracy where only the surest are read, bench_v1 typical": found["abstention"],
        "Share called unlike the training, by kind": alarms,
        "Why the readers differ, bench_v1 typical": found["disagreements"],
    }


def _transfer(found: dict[str, Any]) -> dict[str, Rows]:
    options = found["options"]
    return {
        f"Mechanisms left out of the training, macro-F1 over folds of {options['n_train']:,} "
        f"clusters, seeds from {options['seed']}": [
            {key: row[key] for key in ("axis", "kind", "mean", "worst")} for row in found["summary"]
        ]
    }


def _outcomes(found: dict[str, Any]) -> dict[str, Rows]:
    rows = [
        {
            "score": row["score"],
            "without callback": "with" if row["without_callback"] else "left out",
            "lesions": row["lesions"],
            "AUC": row["auc"],
        }
        for row in found["risk"]["figures"]
    ]
    return {"Malignancy on the official test lesions of CBIS-DDSM": rows}


def _stress(found: dict[str, Any]) -> dict[str, Rows]:
    rows = []
    for curve, entry in found["curves"].items():
        for place in (0, -1):
            figures = entry["figures"][place]
            row = {"nuisance": curve, "level": f"{entry['levels'][place]} {entry['unit']}"}
            row |= {f"accuracy, {axis}": figures[axis]["accuracy"] for axis in AXES}
            row |= {f"coverage, {axis}": figures[axis]["coverage"] for axis in AXES}
            rows.append(row | {"readers agree": figures["agree_both"]})
    return {f"One nuisance at a time, first and last level, {found['n']:,} clusters each": rows}


_TABLES = {
    "bench": _bench,
    "trust": _trust,
    "transfer": _transfer,
    "outcomes": _outcomes,
    "stress": _stress,
}


def _figure(figures: dict[str, Any], axis: str, name: str) -> Any:
    return figures["axes"].get(axis, {}).get(name)
