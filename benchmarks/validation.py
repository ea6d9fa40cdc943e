"""Every figure of docs/validation.md, the model card and the README's table.

    python benchmarks/validation.py [--model models/default] [--n 10000] [--stage NAME ...]

The stages, each of which keeps its figures in ``benchmarks/results/validation_<stage>.json``, are those
of ``calcigram evaluate --full`` (`calcigram.validate.full`) and two more:

* ``bench``: `bench_v1`, a grade at a time: the model with marks and on positions alone, the rule
  reader, a logistic regression on five features, the majority class.
* ``trust``: coverage of the conformal sets, abstention, alarms by kind, why the readers differ.
* ``transfer``: one mechanism a class left out of the training, each fold.
* ``outcomes``: the rulebooks' consequences, and the risk table, against CBIS-DDSM.
* ``stress``: `bench_v1` degraded by one nuisance at a time.
* ``review``: the share of wrong predictions that review catches against the share reviewed, on `bench_v1`.
* ``elsewhere``: clusters of four generators that share no code with the simulator.

The pages are written from those files by ``benchmarks/make_validation_page.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from calcigram.model import load_model
from calcigram.validate.full import STAGES as SHIPPED
from calcigram.validate.full import Plan, figures_of, full_evaluation

HERE = Path(__file__).parent
RESULTS = HERE / "results"

GENERATORS: dict[str, tuple[int, str]] = {
    "published_recipes": (51, "published recipes"),
    "independent_generator": (61, "a generator by another hand"),
    "blind_generator": (71, "a second one, written blind"),
    "second_blind": (81, "a third one, also written blind"),
}
"""Modules beside this one that make clusters without the simulator: the seed, and what they are called.

All have been looked at; training is chosen by them (`selection`).
"""

SEALED: dict[str, tuple[int, str]] = {
    "sealed_generator": (91, "a generator that nothing was chosen by"),
}
"""Opened once, after the model had been trained. Nothing may be chosen by it."""

ELSEWHERE = GENERATORS | SEALED

sys.path.insert(0, str(HERE))


def elsewhere(model: Any, plan: Plan) -> dict[str, Any]:
    """Score the model and the rules on clusters of generators that share no code with ours."""
    from clouds import clouds, share_right

    from calcigram.features.extract import extract_features
    from calcigram.model.prior import load_prior
    from calcigram.rules.engine import RuleReader
    from calcigram.validate import evaluate_reader

    uniform = SimpleNamespace(read=partial(model.read, prior=load_prior("uniform")))
    out: dict[str, Any] = {"model": model.version}
    for name, (seed, _) in ELSEWHERE.items():
        n = 2000 if name in SEALED else 4000  # it takes long to make one
        clusters = import_module(name).generate(min(plan.n, n), seed=seed)
        features = extract_features(clusters)
        out[name] = {
            "seed": seed,
            **{
                reader: figures_of(evaluate_reader(read, clusters, features=features, n_boot=50))
                for reader, read in (
                    ("model", model),
                    ("uniform_prior", uniform),
                    ("rules", RuleReader()),
                )
            },
            "positions_only": figures_of(
                evaluate_reader(model, clusters.positions_only(), n_boot=50)
            ),
        }
    drawn = clouds(4000)
    features = extract_features(drawn)
    out["clouds"] = {
        reader: share_right(read.read(features), drawn)
        for reader, read in (("model", model), ("uniform_prior", uniform), ("rules", RuleReader()))
    }
    return out


def review(model: Any, plan: Plan) -> dict[str, Any]:
    """Count what review catches on the typical and the easy grade of the benchmark."""
    from review import review_figures

    from calcigram.simulate import load_preset, simulate

    seed = int(load_preset("bench_v1").about["seed"])
    grades = {}
    for grade in ("typical", "easy"):
        n = min(plan.n, 4000)
        clusters = simulate(n, seed=seed, grade=grade, preset="bench_v1", n_jobs=plan.n_jobs)
        grades[grade] = review_figures(model, clusters)
    return {"model": model.version, "seed": seed, "grades": grades}


STAGES: dict[str, Callable[[Any, Plan], dict[str, Any]]] = {
    **SHIPPED,
    "review": review,
    "elsewhere": elsewhere,
}


def main() -> None:
    """Run the stages asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--stage", action="append", choices=STAGES)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    folder = HERE.parent.parent / "shared" / "data" / "cbis_ddsm"
    plan = Plan(arguments.n, n_jobs=2, outcome_files=tuple(sorted(folder.glob("*.csv"))))
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.stage or STAGES:
        if name in SHIPPED:
            figures = full_evaluation(model, plan, stages=[name])[name]
        else:
            figures = STAGES[name](model, plan)
        path = RESULTS / f"validation_{name}.json"
        path.write_text(json.dumps(figures, indent=1, default=float) + "\n")
        print(f"wrote {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
