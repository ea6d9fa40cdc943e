"""Write docs/validation.md, the model card and the README's figures from the measured results.

    python benchmarks/make_validation_page.py

Reads ``benchmarks/results/*.json``, which the scripts named in the pages write; states no figure of
its own. A result that is not there is said to be missing.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
README_BEGIN, README_END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
READERS = {
    "model": "model",
    "rules": "rule reader",
    "logistic": "logistic regression, 5 features",
    "majority": "majority class",
}
Rows = list[list[Any]]


def load(name: str) -> dict[str, Any]:
    """Return a result, or nothing where its script has not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def cell(value: Any) -> str:
    """Return a figure with three decimals, a dash for none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def table(header: list[str], rows: Rows) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell(v) for v in line) + " |" for line in lines)


def axis_figure(figures: dict[str, Any], axis: str, name: str = "macro_f1") -> Any:
    """Return one figure of one axis, None where the axis was not scored."""
    return figures["axes"].get(axis, {}).get(name)


def bench_rows(bench: dict[str, Any], name: str) -> Rows:
    """Return the readers side by side, one row a grade and reader."""
    rows = []
    for grade, results in bench["grades"].items():
        for reader, title in READERS.items():
            marks, bare = results["with_marks"][reader], results["positions_only"][reader]
            rows.append(
                [
                    grade,
                    title,
                    axis_figure(marks, "distribution", name),
                    axis_figure(marks, "morphology", name),
                    axis_figure(marks, "concern", name),
                    axis_figure(bare, "distribution", name),
                ]
            )
    return rows


BENCH_HEADER = [
    "grade",
    "reader",
    "distribution",
    "form",
    "concern",
    "distribution, positions alone",
]


def bench_section(bench: dict[str, Any]) -> str:
    """Return the benchmark's tables."""
    typical = bench["grades"]["typical"]
    classes = [
        [row["axis"], row["label"], row["precision"], row["recall"], row["f1"], row["support"]]
        for row in typical["with_marks"]["model"]["per_class"]
    ]
    counts = [
        [part, axis_figure({"axes": axes}, "distribution"), axis_figure({"axes": axes}, "morphology"),
         axes.get("distribution", {}).get("n")]
        for part, axes in typical["with_marks"]["model"]["by_count"].items()
    ]  # fmt: skip
    between = [
        [grade, *(f"{results['readers']['kappa'][axis][0]:.2f} "
                  f"({results['readers']['kappa'][axis][1]:.2f} to {results['readers']['kappa'][axis][2]:.2f})"
                  for axis in ("distribution", "morphology")), results["readers"]["review_share"]]
        for grade, results in bench["grades"].items()
    ]  # fmt: skip
    return f"""Macro-F1; {bench["n_a_grade"]:,} clusters a grade, seed {bench["seed"]}, model `{bench["model"]}`.

{table(BENCH_HEADER, bench_rows(bench, "macro_f1"))}

Expected calibration error of the top label (15 bins of equal mass):

{table(BENCH_HEADER, [row for row in bench_rows(bench, "calibration_error") if row[1] in ("model", READERS["logistic"])])}

The model by word, typical grade:

{table(["axis", "word", "precision", "recall", "F1", "clusters"], classes)}

The model by number of calcifications, typical grade, macro-F1 over the words that occur:

{table(["calcifications", "distribution", "form", "clusters"], counts)}

Model and rules with each other, not with the truth: Cohen's kappa (95 % interval, resampling patients) and
the share of clusters sent to a person:

{table(["grade", "kappa, distribution", "kappa, form", "to review"], between)}"""


def elsewhere_section(found: dict[str, Any]) -> str:
    """Return the scores on other generators' clusters."""
    rows = []
    for name in ("published_recipes", "independent_generator"):
        for reader, title in (
            ("model", "model"),
            ("rules", "rule reader"),
            ("positions_only", "model, positions alone"),
        ):
            figures = found[name][reader]
            rows.append(
                [f"`{name}`, seed {found[name]['seed']}", title]
                + [axis_figure(figures, axis) for axis in ("distribution", "morphology", "concern")]
                + [axis_figure(figures, "distribution", "calibration_error"), figures["n_clusters"]]
            )  # fmt: skip
    return table(
        ["clusters of", "reader", "distribution", "form", "concern", "calibration error, distribution", "clusters"],
        rows,
    )  # fmt: skip


def transfer_section(found: dict[str, Any]) -> str:
    """Return the tables of the transfer test."""
    summary = [
        [row[k] for k in ("axis", "kind", "mean", "worst", "worst_fold")]
        for row in found["summary"]
    ]
    classes = [
        [row[k] for k in ("axis", "label", "in_domain", "mean", "worst", "worst_fold")]
        for row in found["per_class"]
    ]
    options = found["options"]
    return f"""{options["n_train"]:,} clusters to train on and up to {options["n_test"]:,} of each kind to read, a fold; seeds from {options["seed"]}.

{table(["axis", "clusters", "mean macro-F1", "worst fold", "fold"], summary)}

{table(["axis", "word", "F1 in domain", "F1 left out, mean", "worst fold", "fold"], classes)}"""


MISSING = "Not measured yet on this checkout.\n"


def validation_page() -> str:
    """Return docs/validation.md."""
    bench, other = load("validation_bench"), load("validation_elsewhere")
    moved, outcomes = load("validation_transfer"), load("validation_outcomes")
    return f"""# Validation

How well calcigram reads, where it fails, and what its rulebooks are worth. Every figure on this page is
written by `benchmarks/validation.py` (fixed seeds, named in each section) and laid out by
`benchmarks/make_validation_page.py`. All clusters but those of the last section are simulated: **no figure here is
a clinical performance.**

## The benchmark set `bench_v1`

Ranges: `src/calcigram/simulate/presets/bench_v1.toml`, frozen before the default model was trained and held by a
digest. None of its clusters reached training, thresholds or calibration.

{bench_section(bench) if bench else MISSING}

## Clusters of other generators

Two generators that share no code with the simulator. `benchmarks/published_recipes.py` follows published recipes and
the plain definitions; its figures **were looked at while the simulator was improved**, so they are no held-out truth.
`benchmarks/independent_generator.py` was written by another hand from the definitions alone, unseen by those who wrote the
simulator, the features and the model; its score was first read when that model was final.

{elsewhere_section(other) if other else MISSING}

## Left-out mechanisms

Each fold trains without one arrangement of every distribution and one particle model of every form, and reads
clusters made by what was left out. Nothing is chosen on a left-out fold.

{transfer_section(moved) if moved else MISSING}

## The rulebooks against outcomes

What the two rulebooks conclude *given the words radiologists used*, held against the outcome, by lesion, on CBIS-DDSM
(`calcigram rules check`). This measures the consequences, not how well calcigram recognises a pattern: no image, no
position and no model takes part. The cohort is enriched with cancers and from the film era, a form was coded by
whoever read the case, and lesions that were never called back are mostly those with an obviously benign form: with
them, the rulebooks seem to separate; without them the article is close to chance and BI-RADS's words are modest.
Both call almost no cancer benign, and pay for it in specificity. Neither is a reason to trust a concern printed here with a
patient.

{outcomes.get("markdown", MISSING)}
"""


def readme_figures() -> str:
    """Return the README's table."""
    bench, other, million = (
        load("validation_bench"),
        load("validation_elsewhere"),
        load("stream_million"),
    )
    speed = load("features_vs_scipy")
    if not bench:
        return MISSING
    rows = []
    for grade, results in bench["grades"].items():
        marks, bare = results["with_marks"]["model"], results["positions_only"]["model"]
        rows.append(
            [f"`bench_v1`, {grade}"]
            + [axis_figure(marks, axis) for axis in ("distribution", "morphology", "concern")]
            + [axis_figure(bare, "distribution"), axis_figure(marks, "distribution", "calibration_error")]
        )  # fmt: skip
    for name, title in (
        ("published_recipes", "published recipes"),
        ("independent_generator", "an independent generator"),
    ):
        if other:
            figures, bare = other[name]["model"], other[name]["positions_only"]
            rows.append(
                [title]
                + [axis_figure(figures, axis) for axis in ("distribution", "morphology", "concern")]
                + [axis_figure(bare, "distribution"), axis_figure(figures, "distribution", "calibration_error")]
            )  # fmt: skip
    text = "Macro-F1 of the model that ships, on simulated clusters (`benchmarks/validation.py`):\n\n" + table(
        ["clusters", "distribution", "form", "concern", "distribution, positions alone", "calibration error"], rows
    )  # fmt: skip
    if million:
        text += (
            f"\n\nSpeed: {million['clusters']:,} clusters from Parquet to verdicts in {million['seconds']:.0f} s on 2 cores, "
            f"{million['peak_memory_gb']:.2f} GB at most (`benchmarks/stream_million.py`)."
        )
    if speed:
        text += (
            f"\n\nFeatures, one thread each: {speed['ratio']:.0f} times as fast as a careful SciPy version, which computes "
            f"{speed['features_both']} of the {speed['features_ours']} (`benchmarks/features_vs_scipy.py`)."
        )
    return (
        text
        + "\n\nSimulated clusters say nothing of patients; [docs/validation.md](docs/validation.md) says what was measured, and what not.\n"
    )


def model_card() -> str:
    """Return models/default/MODEL_CARD.md."""
    card = json.loads((ROOT / "models" / "default" / "model.json").read_text())["card"]
    training, trees = card["training"], card["trees"]
    held = [
        [axis, figures["accuracy"], figures["expected_calibration_error"], figures["clusters"]]
        for axis, figures in card["held_out"].items()
    ]
    return f"""# Model card: the default model

**What it is.** Two gradient-boosted heads (scikit-learn's HistGradientBoostingClassifier, flattened to arrays) that read the
distribution and the form of a cluster of breast calcifications from features of its point cloud.
**What it is for.** Research and teaching. **What it is not.** No medical device; it states no diagnosis, and must not
guide the management of patients.

**Training.** {training["clusters"]:,} simulated clusters ({card.get("command", "see docs/simulator.md")}), {training["held_out_for_calibration"]:,} of them
held out, by patient, for calibration; seed {card["seed"]}. {trees["n_iterations"]} iterations, {trees["max_leaf_nodes"]} leaves,
learning rate {trees["learning_rate"]}. Part of the clusters forget marks, so that positions alone can be read. No real cluster was used.

**On the held-out clusters** (calibrated on one half, judged on the other, and the reverse):

{table(["axis", "accuracy", "expected calibration error", "clusters"], held)}

**On benchmark sets, other generators and left-out mechanisms:** [docs/validation.md](../../docs/validation.md).

**Limits.** Probabilities rest on the mix of classes it was trained on (about balanced), which is not the clinic's. Skin, rim, dystrophic,
milk of calcium and suture calcifications are not among its words. It knows simulated clusters only.

Laid out by `benchmarks/make_validation_page.py` from `model.json`.
"""


def main() -> None:
    """Write the pages."""
    (ROOT / "docs" / "validation.md").write_text(validation_page())
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(README_BEGIN)
    readme.write_text(
        before + README_BEGIN + readme_figures() + README_END + rest.split(README_END)[1]
    )
    if (ROOT / "models" / "default" / "model.json").exists():
        (ROOT / "models" / "default" / "MODEL_CARD.md").write_text(model_card())


if __name__ == "__main__":
    main()
