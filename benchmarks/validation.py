"""Every figure of docs/validation.md, the model card and the README's table.

    python benchmarks/validation.py [--model models/default] [--n 10000] [--stage NAME ...]

The stages, each of which keeps its figures in ``benchmarks/results/validation_<stage>.json``:

* ``bench``: `bench_v1`, a grade at a time: the model with marks and on positions alone, the rule
  reader, a logistic regression on five features, the majority class.
* ``elsewhere``: clusters of two generators that share no code with the simulator.
* ``transfer``: one mechanism a class left out of the training, each fold.
* ``outcomes``: the rulebooks' consequences against CBIS-DDSM.

The pages are written from those files by ``benchmarks/make_validation_page.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
GRADES = ("easy", "typical", "hard")
SEED_BASELINES, SEED_RECIPES, SEED_INDEPENDENT, SEED_TRANSFER = 41, 51, 61, 1000
N_BASELINES = 20_000

sys.path.insert(0, str(HERE))


def _figures(evaluation: Any) -> dict[str, Any]:
    """Keep what the pages print."""
    return {
        "n_clusters": evaluation.n_clusters,
        "axes": {axis: scores.summary() for axis, scores in evaluation.axes.items()},
        "per_class": evaluation.per_class().to_dict("records"),
        "by_count": {
            part: {axis: scores.summary() for axis, scores in axes.items()}
            for part, axes in evaluation.parts.get("n_calcifications", {}).items()
        },
    }


def _between_readers(clusters: Any, model: Any) -> dict[str, Any]:
    """Compare model and rules with each other, not with the truth."""
    from calcigram.classify import classify
    from calcigram.crosscheck import cohen_kappa

    verdicts = classify(clusters, model)
    kappas = {}
    for axis in ("distribution", "morphology"):
        kappa = cohen_kappa(
            verdicts[axis],
            verdicts[f"rule_{axis}"],
            groups=clusters.meta.get("group_id"),
            n_boot=200,
        )
        kappas[axis] = [kappa.kappa, kappa.low, kappa.high]
    return {
        "kappa": kappas,
        "agreement": verdicts["agreement"].astype(str).value_counts().to_dict(),
        "review_share": float(verdicts["review"].mean()),
    }


def bench(model: Any, n: int) -> dict[str, Any]:
    """Score all readers on `bench_v1`."""
    from calcigram.features.extract import extract_features
    from calcigram.rules.engine import RuleReader
    from calcigram.simulate import simulate
    from calcigram.simulate.presets import load_preset
    from calcigram.validate import LogisticReader, MajorityReader, evaluate_reader

    training = simulate(N_BASELINES, seed=SEED_BASELINES, grade="mixed", n_jobs=2)
    baselines = {
        "model": model,
        "rules": RuleReader(),
        "logistic": LogisticReader.fit(training, extract_features(training)),
        "majority": MajorityReader.fit(training),
    }
    seed = int(load_preset("bench_v1").about["seed"])
    out: dict[str, Any] = {"n_a_grade": n, "seed": seed, "model": model.version, "grades": {}}
    for grade in GRADES:
        clusters = simulate(n, seed=seed, grade=grade, preset="bench_v1", n_jobs=2)
        features = extract_features(clusters)
        bare = clusters.positions_only()
        bare_features = extract_features(bare)
        out["grades"][grade] = {
            "with_marks": {
                name: _figures(evaluate_reader(reader, clusters, features=features, n_boot=50))
                for name, reader in baselines.items()
            },
            "positions_only": {
                name: _figures(evaluate_reader(reader, bare, features=bare_features, n_boot=50))
                for name, reader in baselines.items()
            },
            "readers": _between_readers(clusters, model),
        }
    return out


def elsewhere(model: Any, n: int) -> dict[str, Any]:
    """Score the model and the rules on clusters of generators that share no code with ours."""
    import independent_generator
    import published_recipes

    from calcigram.rules.engine import RuleReader
    from calcigram.validate import evaluate_reader

    out: dict[str, Any] = {"model": model.version}
    for name, generator, seed in (
        ("published_recipes", published_recipes.generate, SEED_RECIPES),
        ("independent_generator", independent_generator.generate, SEED_INDEPENDENT),
    ):
        clusters = generator(min(n, 4000), seed=seed)
        out[name] = {
            "seed": seed,
            "model": _figures(evaluate_reader(model, clusters, n_boot=50)),
            "rules": _figures(evaluate_reader(RuleReader(), clusters, n_boot=50)),
            "positions_only": _figures(
                evaluate_reader(model, clusters.positions_only(), n_boot=50)
            ),
        }
    return out


def transfer(model: Any, n: int) -> dict[str, Any]:
    """Leave one mechanism a class out, each fold; the default model itself plays no part."""
    from calcigram.validate import transfer as run

    options = {key: model.card["trees"][key] for key in ("learning_rate", "max_leaf_nodes")}
    return run(
        n_train=2 * n,
        n_test=min(n, 2000),
        seed=SEED_TRANSFER,
        n_jobs=2,
        n_iterations=model.card["trees"]["n_iterations"],
        **options,
    ).to_dict()


def outcomes(model: Any, n: int) -> dict[str, Any]:
    """Hold the rulebooks' consequences against CBIS-DDSM; from the committed counts where need be."""
    from calcigram.rules.outcomes import check_outcomes

    folder = HERE.parent.parent / "shared" / "data" / "cbis_ddsm"
    files = sorted(folder.glob("*.csv"))
    check = check_outcomes(files or None)
    return {"markdown": check.to_markdown(), **check.to_dict()}


STAGES: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    "bench": bench,
    "elsewhere": elsewhere,
    "transfer": transfer,
    "outcomes": outcomes,
}


def main() -> None:
    """Run the stages asked for."""
    from calcigram.model import load_model

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--stage", action="append", choices=STAGES)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.stage or STAGES:
        figures = STAGES[name](model, arguments.n)
        path = RESULTS / f"validation_{name}.json"
        path.write_text(json.dumps(figures, indent=1, allow_nan=True, default=float) + "\n")
        print(f"wrote {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
