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

import pandas as pd
from validation import GENERATORS

from calcigram.markdown import markdown_table
from calcigram.validate.card import card_markdown, card_tables
from calcigram.validate.disagreement import CAUSES
from calcigram.validate.full import STAGES

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


def table(header: list[str], rows: Rows) -> str:
    """Return a Markdown table, a dash for what there is not."""
    return markdown_table(pd.DataFrame(rows, columns=header), missing="-")


def axis_figure(figures: dict[str, Any], axis: str, name: str = "macro_f1") -> Any:
    """Return one figure of one axis, None where the axis was not scored."""
    return figures["axes"].get(axis, {}).get(name)


def bench_rows(bench: dict[str, Any], name: str) -> Rows:
    """Return the readers side by side, one row a grade and reader."""
    rows = []
    for grade, results in bench["grades"].items():
        for reader, title in READERS.items():
            marks, bare = results["with_marks"][reader], results["positions_only"][reader]
            whole = results["all_marks"][reader]
            rows.append(
                [
                    grade,
                    title,
                    axis_figure(marks, "distribution", name),
                    axis_figure(marks, "morphology", name),
                    axis_figure(whole, "morphology", name),
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
    "form, all marks known",
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
    for name in GENERATORS:
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
    return f"""{options["n_train"]:,} clusters to train on ({options["training"].get("n_iterations", "")} rounds of boosting) and up to {options["n_test"]:,} of each kind to read, a fold; seeds from {options["seed"]}.

{table(["axis", "clusters", "mean macro-F1", "worst fold", "fold"], summary)}

{table(["axis", "word", "F1 in domain", "F1 left out, mean", "worst fold", "fold"], classes)}"""


STRESS_PICTURE = "img/stress.png"
STRESS_HEADER = [
    "nuisance", "level", "distribution", "form", "calibration error, distribution", "form",
    "coverage, distribution", "form", "rules, distribution", "form", "readers agree", "to review",
]  # fmt: skip


def stress_rows(found: dict[str, Any]) -> Rows:
    """Return one row a level of each curve."""
    rows = []
    for curve, entry in found["curves"].items():
        for level, figures in zip(entry["levels"], entry["figures"], strict=True):
            d, m = figures["distribution"], figures["morphology"]
            shown = f"{level:g} {entry['unit']}" if isinstance(level, int | float) else level
            rows.append(
                [curve, shown]
                + [axis[name] for name in ("accuracy", "calibration_error", "coverage") for axis in (d, m)]
                + [d["rules_accuracy"], m["rules_accuracy"], figures["agree_both"], figures["review"]]
            )  # fmt: skip
    return rows


def stress_section(found: dict[str, Any]) -> str:
    """Return the picture and the table of the stress curves."""
    return f"""{found["n"]:,} clusters of `bench_v1`'s ranges, seed {found["seed"]}, model `{found["model"]}`; the same clusters at every level, clean
but for the one nuisance. Accuracy counts what was left unread as wrong; the calibration error is the top label's; coverage is of the
conformal sets at 0.9, chosen on ordinary clusters: under a nuisance nothing holds it up. Two curves break. A cluster cut
down to a few calcifications keeps the label of the whole, which eight of a hundred no longer show: accuracy, calibration and coverage go
together, and the share flagged as unlike the training rises from 2 % to 18 %. And merging of all marks below a gap of 0.8 mm makes forms of
several marks one. Neither was trained away: training reaches 30 % missed marks, where the curves are flat.

![Accuracy, coverage and agreement against each nuisance]({STRESS_PICTURE})

{table(STRESS_HEADER, stress_rows(found))}"""


def trust_section(found: dict[str, Any]) -> str:
    """Return coverage, abstention, alarms and causes of disagreement."""
    words = "\n".join(f"* **{cause}**: {text}." for cause, text in CAUSES.items())
    parts = [
        f"{caption}:\n\n{markdown_table(frame)}"
        for caption, frame in card_tables({"trust": found}).items()
    ]
    return (
        f"Model `{found['model']}`. Coverage is promised for clusters like those held out at training, so it is counted on fresh ones of the\n"
        "training ranges; a set may be empty. Alarms are on impostors (`calcigram.validate.impostors`) made of such clusters, on the clusters\n"
        "themselves, and, with the score fitted anew, on mechanisms it was not fitted to. Dust over a rectangle cannot always be told from a\n"
        "diffuse cluster, and a join of two wide clusters not from one with gaps.\n\n"
        + "\n\n".join(parts)
        + f"\n\nCauses, the first that holds:\n\n{words}"
    )


LEARNT_HEADER = [
    "learner", "distribution, in domain", "left out", "form, in domain", "left out",
    "calibration error, distribution, in domain", "left out", "form, in domain", "left out",
    "µs a cluster", "size, bytes",
]  # fmt: skip


def learnt_section(found: dict[str, Any]) -> str:
    """Return our model beside the other learners, one table a fold."""
    parts = []
    for fold, results in found["folds"].items():
        rows = []
        for name, figures in results["learners"].items():
            scores = figures["scores"]
            cells = [
                scores[kind][axis][number]
                for number in ("macro_f1", "calibration_error")
                for axis in ("distribution", "morphology")
                for kind in ("in_domain", f"left_out_{axis}")
            ]
            rows.append(
                [
                    name,
                    *cells,
                    round(figures["microseconds_a_cluster"]),
                    f"{figures['size_bytes']:,}",
                ]
            )
        title = f"Fold `{fold}`, seeds from {found['seeds'][fold]}"
        parts.append(f"{title}:\n\n{table(LEARNT_HEADER, rows)}")
    what = {
        name: figures["what"]
        for results in found["folds"].values()
        for name, figures in results["learners"].items()
    }
    return (
        f"{found['n_train']:,} training clusters, {found['n_test']:,} of each kind to read (`benchmarks/learnt_representations.py`). Options were "
        "set\nbeforehand, and may be changed by what the fold `develop` shows; the fold `final`, with other mechanisms left out, is opened once, at the "
        "end. Only\nour own model is calibrated. Time is processor time from marks to probabilities on one thread; size is that of the weights, or of the model folder, on disk.\n\n"
        + "\n\n".join(parts)
        + "\n\n"
        + "\n".join(f"* **{name}**: {text}." for name, text in what.items())
    )


TRIPOD: tuple[tuple[str, str, str], ...] = (
    ("1, 2", "title and summary say that a prediction model is developed and judged, and on what", "the head of this page; the model card"),
    ("3, 4", "why, for whom, and what for", "the model card (what it is for, what it is not); README"),
    ("3c", "inequalities between groups", "cannot be answered: simulated clusters have no age, density or origin; said in data/DATASHEET.md"),
    ("5, 6", "where the data come from, when, and who is in them", "data/DATASHEET.md; outcomes: CBIS-DDSM, credited with its tables"),
    ("7", "how data were prepared", "data/DATASHEET.md; docs/simulator.md"),
    ("8", "what is predicted and how it was assessed", "two words a cluster, those of the mechanism that made it; malignancy only as a look-up in a cohort (the risk table)"),
    ("9", "predictors", "docs/features.md: formula, unit and source of each"),
    ("10", "sample size", "the model card (training); each section (tests); no formula was used, clusters can be drawn at will"),
    ("11", "missing data", "trees read missing values, part of the training clusters forget marks; lost marks: one nuisance at a time"),
    ("12", "how the model was built, calibrated and judged", "the model card; docs/model_format.md; left-out mechanisms; bench_v1"),
    ("13", "class imbalance", "classes are about balanced; `--prior` re-weights, tested under each mix"),
    ("14", "fairness", "not examined, see 3c"),
    ("15", "what the model puts out", "the verdict table in data/README.md: words, probabilities, sets, novelty"),
    ("16", "how training and evaluation differ", "each section names its set; other generators; left-out mechanisms"),
    ("17, 19", "ethics; patients and public", "no patient takes part; published, anonymous counts only; nobody was involved"),
    ("18", "funding, protocol, data, code", "none; none registered; data/ and seeds; the repository"),
    ("20", "who was in the sets", "data/DATASHEET.md; support in the tables by word"),
    ("21, 22", "the model itself, so that others can use it", "models/default in an open format (docs/model_format.md)"),
    ("23", "performance with intervals, and by group", "this page: by word, by number of calcifications, by grade, by nuisance"),
    ("24", "updating", "none; a new model gets a new version, which every verdict names"),
    ("25, 26", "what it means, and its limits", "the head of this page; the model card (limits); the rulebooks against outcomes"),
    ("27", "use: bad input, who must be there, what is next", "errors that name row and column (docs/formats.md); `review` asks for a person; a diagnosis is never given"),
)  # fmt: skip
"""Items of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378) in our words, and where each is answered."""


def tripod_section() -> str:
    """Return the items that apply and where each is answered."""
    return table(["item", "what it asks, in short", "where"], [list(row) for row in TRIPOD])


def draw_stress(found: dict[str, Any]) -> Any:
    """Draw the curves, one panel a nuisance."""
    from matplotlib.figure import Figure

    from calcigram.charts import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY

    lines = {
        "distribution, model": (lambda f: f["distribution"]["accuracy"], BLUE, "-", "o"),
        "form, model": (lambda f: f["morphology"]["accuracy"], ORANGE, "-", "s"),
        "distribution, rules": (lambda f: f["distribution"]["rules_accuracy"], SKY, "--", "^"),
        "form, rules": (lambda f: f["morphology"]["rules_accuracy"], PURPLE, "--", "v"),
        "coverage of both sets, mean": (lambda f: _mean(f[a]["coverage"] for a in ("distribution", "morphology")), GREEN, ":", "D"),
        "readers agree on both": (lambda f: f["agree_both"], BLACK, "-.", "x"),
    }  # fmt: skip
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    axes = figure.subplots(2, -(-len(found["curves"]) // 2), sharey=True).ravel()
    for ax, (curve, entry) in zip(axes, found["curves"].items(), strict=False):
        levels = entry["levels"]
        numeric = all(isinstance(level, int | float) for level in levels)
        places = range(len(levels))
        for name, (figure_of, colour, style, mark) in lines.items():
            values = [figure_of(figures) for figures in entry["figures"]]
            ax.plot(
                places, [math.nan if v is None else v for v in values], label=name,
                color=colour, linestyle=style, marker=mark, markersize=4, linewidth=1.3,
            )  # fmt: skip
        names = [f"{level:g}" if numeric else str(level) for level in levels]
        ax.set_xticks(places, names, fontsize=7, rotation=0 if numeric else 30)
        ax.set_title(curve + (f" ({entry['unit']})" if numeric else ""), fontsize=9, loc="left")
        ax.set_ylim(0, 1)
        ax.tick_params(axis="y", labelsize=7)
        ax.grid(axis="y", linewidth=0.4, alpha=0.6)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    for ax in axes[len(found["curves"]) :]:
        ax.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return figure


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


MISSING = "Not measured yet on this checkout.\n"


def validation_page() -> str:
    """Return docs/validation.md."""
    bench, other = load("validation_bench"), load("validation_elsewhere")
    moved, outcomes = load("validation_transfer"), load("validation_outcomes")
    stressed, trusted = load("validation_stress"), load("validation_trust")
    learnt = load("learnt_representations")
    return f"""# Validation

How well calcigram reads, where it fails, and what its rulebooks are worth. Every figure on this page is
written by `benchmarks/validation.py` (fixed seeds, named in each section) and laid out by
`benchmarks/make_validation_page.py`. All clusters are simulated, and only the outcomes at the end are of patients: **no figure here is
a clinical performance.**

## The benchmark set `bench_v1`

Ranges: `src/calcigram/simulate/presets/bench_v1.toml`, frozen before the first default model was trained and held by a
digest. None of its clusters reached training, thresholds or calibration. The ranges have stayed, but not the clusters: after
the first default model had been scored on them (typical grade: distribution .894, form .908, distribution on positions alone
.839), the definitions that a cluster must meet were sharpened where two labels overlapped, and the simulator's random numbers
were drawn in another order to make it faster. Figures from before and after do not compare cluster by cluster. Training ranges are wider
than the benchmark's, for the sake of other generators, which costs some points here. "All marks known" leaves out
the clusters that were handed over without size, aspect ratio, solidity or contrast.

{bench_section(bench) if bench else MISSING}

## Clusters of other generators

Four generators that share no code with the simulator. `benchmarks/published_recipes.py` follows published recipes and
the plain definitions; `benchmarks/independent_generator.py` was written by another hand from the definitions alone, and
`benchmarks/blind_generator.py` later, without sight of simulator, features or model: the figures
on these three **were looked at while simulator and features were improved**, so they are no held-out truth.
`benchmarks/second_blind` was written last, from first principles (anatomy, disease, solid grains, an X-ray image that is
segmented and measured), again without sight of what is tested, and no model read its clusters before the one that
ships: it alone is unseen.

{elsewhere_section(other) if other else MISSING}

## Left-out mechanisms

Each fold trains without one arrangement of every distribution and one particle model of every form, and reads
clusters made by what was left out. Nothing is chosen on a left-out fold.

{transfer_section(moved) if moved else MISSING}

## One nuisance at a time

{stress_section(stressed) if stressed else MISSING}

## Beside a learnt representation

{learnt_section(learnt) if learnt else MISSING}

## Sets, alarms, and why the readers differ

{trust_section(trusted) if trusted else MISSING}

## The rulebooks against outcomes

What the two rulebooks conclude *given the words radiologists used*, held against the outcome, by lesion, on CBIS-DDSM
(`calcigram rules check`). This measures the consequences, not how well calcigram recognises a pattern: no image, no
position and no model takes part. The cohort is enriched with cancers and from the film era, a form was coded by
whoever read the case, and lesions that were never called back are mostly those with an obviously benign form: with
them, the rulebooks seem to separate; without them the article is close to chance and BI-RADS's words are modest.
Both call almost no cancer benign, and pay for it in specificity. Neither is a reason to trust a concern printed here with a
patient.

{outcomes.get("markdown", MISSING)}

## The risk table against outcomes

Verdicts carry `p_malignant`: how often lesions that radiologists described so turned out malignant in CBIS-DDSM
(`src/calcigram/risk/cbis_ddsm.csv`: logistic regression on form, distribution and their pairs, all drawn towards their mean as far
as the counts ask for it). Here the same fit is made on the official training lesions only and judged on the test lesions,
beside the rulebooks and the radiologists' own assessment, which saw the image. With the lesions that were never called back it ranks
about as well as that assessment; without them all four are modest.

{outcomes.get("risk", {}).get("markdown", MISSING)}

## TRIPOD+AI, item by item

The items of the reporting guideline for prediction models (Collins et al., BMJ 2024;385:e078378) that apply, in our words, and where each is
answered. The abstract's and the journal's own items are left out.

{tripod_section()}
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
    for name, (_, title) in GENERATORS.items():
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
            f"\n\nFeatures, one thread each: {speed['claims'][0]['ratio']:.0f} times as fast as a careful SciPy version, which computes "
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
    command = (
        f"`calcigram train --simulated {card['simulated']} --grade {card['simulation_grade']} "
        f"--seed {card['seed']} --iterations {trees['n_iterations']} -o models/default`"
    )
    found = {stage: figures for stage in STAGES if (figures := load(f"validation_{stage}"))}
    bench = found.get("bench", {})
    held = [
        [axis, figures["accuracy"], figures["expected_calibration_error"], figures["clusters"]]
        for axis, figures in card["held_out"].items()
    ]
    return f"""# Model card: the default model

**What it is.** Two gradient-boosted heads (scikit-learn's HistGradientBoostingClassifier, flattened to arrays) that read the
distribution and the form of a cluster of breast calcifications from features of its point cloud.
**What it is for.** Research and teaching. **What it is not.** No medical device; it states no diagnosis, and must not
guide the management of patients.

**Training.** {training["clusters"]:,} simulated clusters ({command}), {training["held_out_for_calibration"]:,} of them
held out, by patient, for calibration; seed {card["seed"]}. {trees["n_iterations"]} iterations, {trees["max_leaf_nodes"]} leaves,
learning rate {trees["learning_rate"]}. Part of the clusters forget marks, so that positions alone can be read. No real cluster was used.

**On the held-out clusters** (calibrated on one half, judged on the other, and the reverse):

{table(["axis", "accuracy", "expected calibration error", "clusters"], held)}

**On clusters it never saw.** `calcigram evaluate --full --n {bench.get("n_a_grade", 10_000)} -o card.md` prints these tables again, from the seeds they name:

{card_markdown(found) if found else MISSING}
Other generators, every word, every level of every nuisance: [docs/validation.md](../../docs/validation.md); which item of TRIPOD+AI is
answered where: the end of that page. The clusters: [data/DATASHEET.md](../../data/DATASHEET.md).

**Limits.** Probabilities rest on the mix of classes it was trained on (about balanced), which is not the clinic's. Skin, rim, dystrophic,
milk of calcium and suture calcifications are not among its words. It knows simulated clusters only.

Laid out by `benchmarks/make_validation_page.py` from `model.json` and `benchmarks/results`.
"""


def main() -> None:
    """Write the pages."""
    (ROOT / "docs" / "validation.md").write_text(validation_page())
    if load("validation_stress"):
        picture = draw_stress(load("validation_stress"))
        picture.savefig(ROOT / "docs" / STRESS_PICTURE, dpi=110)
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(README_BEGIN)
    readme.write_text(
        before + README_BEGIN + readme_figures() + README_END + rest.split(README_END)[1]
    )
    if (ROOT / "models" / "default" / "model.json").exists():
        (ROOT / "models" / "default" / "MODEL_CARD.md").write_text(model_card())


if __name__ == "__main__":
    main()
