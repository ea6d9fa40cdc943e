"""The sections of docs/validation.md: results as text and tables, one function a section.

States no figure of its own; `make_validation_page` puts the sections together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from validation import ELSEWHERE

from calcigram.validate.full import card_tables
from calcigram.validate.trust import CAUSES
from calcigram.wording import markdown_table

RESULTS = Path(__file__).parent / "results"
TRIPOD = Path(__file__).parent / "tripod_ai.csv"
"""Items of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378) in our words, and where each is answered."""

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
    """Return the readers side by side, one row per grade and reader."""
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
    "morphology",
    "morphology, all marks known",
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
        [part, *(axis_figure({"axes": axes}, axis, name) for axis in ("distribution", "morphology")
                 for name in ("macro_f1", "accuracy")), axes.get("distribution", {}).get("n")]
        for part, axes in typical["with_marks"]["model"]["by_count"].items()
    ]  # fmt: skip
    between = [
        [grade, *(f"{results['readers']['kappa'][axis][0]:.2f} "
                  f"({results['readers']['kappa'][axis][1]:.2f} to {results['readers']['kappa'][axis][2]:.2f})"
                  for axis in ("distribution", "morphology")), results["readers"]["review_share"]]
        for grade, results in bench["grades"].items()
    ]  # fmt: skip
    return f"""Macro-F1; {bench["n_a_grade"]:,} clusters per grade, seed {bench["seed"]}, model `{bench["model"]}`.

{table(BENCH_HEADER, bench_rows(bench, "macro_f1"))}

Expected calibration error of the top label (15 bins of equal mass):

{table(BENCH_HEADER, [row for row in bench_rows(bench, "calibration_error") if row[1] in ("model", READERS["logistic"])])}

The model by word, typical grade:

{table(["axis", "word", "precision", "recall", "F1", "clusters"], classes)}

The model by number of calcifications, typical grade, macro-F1 over the words that occur, and the accuracy, because some of
these words are rare among clusters with few calcifications:

{table(["calcifications", "distribution, macro-F1", "accuracy", "morphology, macro-F1", "accuracy", "clusters"], counts)}

Agreement of model and rules with each other, not with the truth: Cohen's kappa (95 % interval, resampling patients) and
the share of clusters to be reviewed by a person:

{table(["grade", "kappa, distribution", "kappa, morphology", "to review"], between)}"""


def elsewhere_section(
    found: dict[str, Any], first_look: dict[str, Any], opened: dict[str, Any]
) -> str:
    """Return the scores on other generators' clusters; the others are of those that were unseen then."""
    rows = []
    for name in ELSEWHERE:
        for reader, title in (
            ("model", "model"),
            ("uniform_prior", "model, prior `uniform`"),
            ("rules", "rule reader"),
            ("positions_only", "model, positions alone"),
        ):
            figures = found[name].get(reader)
            if figures is None:
                continue
            rows.append(
                [f"`{name}`, seed {found[name]['seed']}", title]
                + [axis_figure(figures, axis) for axis in ("distribution", "morphology", "concern")]
                + [axis_figure(figures, "distribution", "calibration_error"), figures["n_clusters"]]
            )  # fmt: skip
    whole = table(
        ["clusters of", "reader", "distribution", "morphology", "concern", "calibration error, distribution", "clusters"],
        rows,
    )  # fmt: skip
    seen, sealed = first_look["second_blind"]["model"], opened["sealed_generator"]["model"]
    return f"""{whole}

{clouds_table(found["clouds"]) if "clouds" in found else ""}

When `second_blind` was opened, model `{first_look["model"]}` read its distributions with macro-F1 {axis_figure(seen, "distribution"):.3f}, its morphologies
with {axis_figure(seen, "morphology"):.3f} (`benchmarks/results/second_blind_first_look.json`): this is the only held-out result on it.
`sealed_generator` was first read by model `{opened["model"]}`, and by each default model after it; nothing has been chosen by it. That first time: {axis_figure(sealed, "distribution"):.3f}
and {axis_figure(sealed, "morphology"):.3f} (`benchmarks/results/sealed_first_look.json`). Its amorphous, punctate and fine pleomorphic calcifications are hardly distinguished.

F1 of the model by word:

{table(["axis", "word", *(f"`{name}`" for name in ELSEWHERE)], word_rows(found))}"""


def clouds_table(found: dict[str, Any]) -> str:
    """Return the share of structureless clouds that each reader reads rightly."""
    readers = {"model": "model", "uniform_prior": "model, prior `uniform`", "rules": "rule reader"}
    shapes = list(found["model"])
    rows = [
        [title, *(found[reader][shape] for shape in shapes)] for reader, title in readers.items()
    ]
    return f"""Clouds without structure (`benchmarks/clouds.py`): 5 to 60 random points around a centre, 5 to 60 mm across.
The true word follows from the extent alone; near a limit either word counts as right. Share read correctly:

{table(["reader", *shapes], rows)}"""


def word_rows(found: dict[str, Any]) -> Rows:
    """Return the model's F1, one row per word and one column per generator."""
    f1 = {
        name: {(row["axis"], row["label"]): row["f1"] for row in found[name]["model"]["per_class"]}
        for name in ELSEWHERE
    }
    words = dict.fromkeys(word for by_word in f1.values() for word in by_word)
    return [[*word, *(f1[name].get(word) for name in ELSEWHERE)] for word in words]


def selection_section(trials: dict[str, Any]) -> str:
    """Return the trials among which the training was chosen."""
    from selection import table as selection_table

    return selection_table(trials)


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
    return f"""{options["n_train"]:,} training clusters ({options["training"].get("n_iterations", "")} rounds of boosting) and up to {options["n_test"]:,} test clusters of each kind, per fold; seeds from {options["seed"]}.

{table(["axis", "clusters", "mean macro-F1", "worst fold", "fold"], summary)}

{table(["axis", "word", "F1 in domain", "F1 left out, mean", "worst fold", "fold"], classes)}"""


STRESS_PICTURE = "img/stress.png"
STRESS_HEADER = [
    "nuisance", "level", "distribution", "morphology", "calibration error, distribution", "morphology",
    "coverage, distribution", "morphology", "rules, distribution", "morphology", "readers agree", "to review",
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
    fewer = dict(
        zip(*(found["curves"]["fewer points"][k] for k in ("levels", "figures")), strict=True)
    )
    few, whole = fewer[5], fewer[max(fewer)]
    return f"""{found["n"]:,} clusters of `bench_v1`'s ranges, seed {found["seed"]}, model `{found["model"]}`; the same clusters at every level, without
any other nuisance. Accuracy counts unread axes as wrong; the calibration error is that of the top label; coverage is that of
conformal sets at 0.95, calibrated on ordinary clusters: it is not guaranteed under a nuisance. Two curves break down. A cluster reduced
to a few calcifications keeps the label of the whole, although these few no longer show it. Training therefore includes copies of
clusters reduced in this way (`calcigram.model.labels`), and the calibration depends on the number of calcifications, but the model is still overconfident: a few calcifications of a segment or of a
fork no longer show it, and a reduced cluster cannot be distinguished from a small one. With 5
calcifications {100 * few["distribution"]["accuracy"]:.0f} % of distributions are read correctly at a mean confidence of {few["distribution"]["mean_confidence"]:.2f}, and the share flagged as
unlike the training data goes from {100 * whole["unlike_training"]:.0f} % to {100 * few["unlike_training"]:.0f} %. The second is merging all marks closer than 0.8 mm, which makes one shape of several
marks; training does not cover it.

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
        f"Model `{found['model']}`. Coverage is guaranteed for clusters like those held out at training, so it is measured on new clusters of the\n"
        "training ranges; a set always contains the predicted word. Alarms are measured on impostors (`calcigram.validate.impostors`) made from such clusters, on the clusters\n"
        "themselves, and, with the score fitted again, on mechanisms it was not fitted to. Dust over a rectangle cannot always be distinguished from a\n"
        "diffuse cluster, nor a union of two wide clusters from one with gaps, nor a spiral of few points from a curved duct or vessel.\n\n"
        + "\n\n".join(parts)
        + f"\n\nCauses, the first that holds:\n\n{words}"
    )


def review_section(found: dict[str, Any]) -> str:
    """Return what review catches, one table per grade, and what each reason is worth."""
    parts = []
    for grade, figures in found["grades"].items():
        curve = [
            [row[name] for name in ("threshold", "reviewed", "caught", "caught_concern", "caught_by_probability")]
            for row in figures["curve"]
        ]  # fmt: skip
        header = [
            "a word is reviewed below", "share reviewed", "wrong predictions caught", "wrong concerns caught",
            "wrong predictions caught by as many reviews, chosen by probability alone",
        ]  # fmt: skip
        differ = figures["sure_but_differ"]
        reasons = [[row["reason"], row["clusters"], row["wrong"]] for row in figures["reasons"]]
        parts += [
            f"`bench_v1`, {grade}, {figures['clusters']:,} clusters; a word is wrong in {figures['wrong']:.1%}, the concern in "
            f"{figures['wrong_concern']:.1%}:\n\n{table(header, curve)}",
            f"Why, {grade}:\n\n{table(['reason', 'share of clusters', 'of these, a word is wrong'], reasons)}",
            f"Not reviewed although the concerns differ by one step and both words of the model reach 0.8: {differ['clusters']:.1%} of the clusters; "
            f"of these a word is wrong in {differ['wrong']:.1%}.",
        ]
    return f"Model `{found['model']}`, seed {found['seed']}.\n\n" + "\n\n".join(parts)


LEARNT_HEADER = [
    "learner", "distribution, in domain", "left out", "morphology, in domain", "left out",
    "calibration error, distribution, in domain", "left out", "morphology, in domain", "left out",
    "µs per cluster", "size, bytes",
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
        f"{found['n_train']:,} training clusters, {found['n_test']:,} test clusters of each kind (`benchmarks/learnt_representations.py`). Options were "
        "set\nin advance, and may be changed after looking at the fold `develop`; on the fold `final`, with other mechanisms left out, nothing is "
        "chosen. Both are measured\nagain when features or training change. Only calcigram's model is calibrated. Time is processor time from marks to probabilities on one thread; size is that of the weights, or of the model folder, on disk.\n\n"
        + "\n\n".join(parts)
        + "\n\n"
        + "\n".join(f"* **{name}**: {text}." for name, text in what.items())
    )


def own_labels_section(found: dict[str, Any]) -> str:
    """Return what labels of another detector's clusters are worth."""
    rows = []
    for size in found["splits"][0]:
        for axis in ("distribution", "morphology"):
            of_splits = [split[size][axis] for split in found["splits"]]
            names = ("macro_f1", "calibration_error", "coverage", "set_size")
            means = [sum(one[name] for one in of_splits) / len(of_splits) for name in names]
            rows.append([size, axis, *means])
    return (
        "Clusters of `second_blind`, whose amorphous and coarse heterogeneous are defined differently from the simulator's: model "
        f"`{found['model']}` unchanged (0 labels),\nand adapted to some of them (`calcigram train --start-from`), tested on all others; mean of "
        f"{len(found['splits'])} splits, seed {found['seed']} (`benchmarks/own_labels.py`).\n\n"
        + table(["labels", "axis", "macro-F1", "calibration error", "coverage", "set size"], rows)
    )


def guard_section(found: dict[str, Any]) -> str:
    """Return what the guard on vascular changes."""
    return (
        f"Model `{found['model']}`. *Vascular* is predicted only from a probability of 0.7 on, or where two rails are measured; otherwise half\n"
        "of its excess over the next word goes to that word, and the cluster is reviewed (`calcigram.model.head`). A limit of 0 means no guard.\n\n"
        + markdown_table(pd.DataFrame(found["rows"]))
    )


def tripod_section() -> str:
    """Return the items that apply and where each is answered."""
    return markdown_table(pd.read_csv(TRIPOD))
