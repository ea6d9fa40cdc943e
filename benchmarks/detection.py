"""How well calcifications and their clusters are found, from pixels, and what is then read.

    python benchmarks/detection.py [--split acceptance] [--quick] [--stage NAME ...]
    python benchmarks/detection.py --inbreast DIR | --bmcd DIR | --cbis DIR

The images are those of `rendered_images`, which shares no code with the simulator. Marks and clusters are
counted by `froc`: each calcification needs a mark of its own within 0.6 mm. Thresholds are frozen
on normal images that are not scored. Stages: ``cost`` (time, memory), ``typical`` (FROC of marks and clusters; distribution and form of what was
detected, beside the same clusters with true outlines), ``vessels``, ``grades`` (the same of easy and hard images), ``full`` (size).
Figures go to ``results/detection.json``; docs/detector.md is written from it. With a data
set (`public_images` says which layout is expected), figures go to ``results/detection_<name>.json`` beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from calcigram.classify import Classifier
from calcigram.clusters import ClusterSet
from calcigram.detect import THRESHOLD_Z, detect_calcifications
from calcigram.detect.grouping import RULE
from calcigram.linking import Linking
from calcigram.mammogram import Mammogram

HERE = Path(__file__).parent
RESULTS = HERE / "results"
sys.path.insert(0, str(HERE))

import froc  # noqa: E402
from examined import LOWEST_Z, Case, examine  # noqa: E402
from mark_figures import mark_figures  # noqa: E402
from rendered_images import SIZES, recipes, render  # noqa: E402

FALSE_CLUSTERS = 0.1
"""Per normal image, at which the detector is judged."""

OTHER = 5000
"""Index of the first of the normals on which thresholds are frozen."""


@dataclass(frozen=True)
class Plan:
    """How many images are made of each kind."""

    split: str = "development"
    clusters: int = 27
    other_grades: int = 9
    normals: int = 12
    frozen: int = 12
    vessels: int = 8
    full: int = 0
    spacings_mm: tuple[float, ...] = tuple(SIZES)
    cost_shape: tuple[int, int] = SIZES[0.07]

    def reduced(self, share: float) -> Plan:
        """Return a plan of fewer images."""
        names = ("clusters", "other_grades", "normals", "frozen", "vessels", "full")
        return replace(self, **{name: round(share * getattr(self, name)) for name in names})


PLANS = {
    "quick": Plan(
        clusters=4,
        other_grades=0,
        normals=1,
        frozen=1,
        vessels=1,
        spacings_mm=(0.2,),
        cost_shape=(400, 300),
    ),
    "development": Plan(),
    "acceptance": Plan("acceptance", 54, 9, 40, 40, 20, 9),
}


def cases(plan: Plan, content: str, n: int, grade: str = "typical", **options: Any) -> list[Case]:
    """Make and examine the images of a kind; progress goes to standard error."""
    done = []
    options = {"spacings_mm": plan.spacings_mm} | options
    for recipe in recipes(plan.split, content, n, grades=(grade,), **options):
        done.append(examine(render(recipe)))
        print(f"\r{content}, {grade}: {len(done)} of {n} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return done


def scored_of(these: Iterable[Case]) -> list[froc.Scored]:
    return [case.scored for case in these]


def cluster_threshold(frozen: list[Case], rate: float = FALSE_CLUSTERS) -> float:
    """Return the least threshold at which normal images have at most so many false clusters."""
    for threshold in np.arange(LOWEST_Z, 20.0, 0.1):
        n = sum(int(case.groups(threshold).max(initial=-1)) + 1 for case in frozen)
        if n <= rate * len(frozen) + 1e-9:
            return float(threshold)
    return float("inf")


def cluster_figures(these: list[Case], normals: list[Case], frozen: list[Case]) -> dict:
    """Return how many clusters are found, and false clusters per normal, at two thresholds."""
    figures: dict[str, Any] = {}
    chosen = cluster_threshold(frozen)
    for name, threshold, linking in (
        ("frozen", chosen, None),
        ("default", THRESHOLD_Z, None),
        ("default, linked over 10 mm", THRESHOLD_Z, Linking()),
    ):
        found, there = [], []
        for case in these:
            partner = case.overlap(threshold, linking).partner
            true = [c for c in case.truth["cluster"] if (case.cluster_of == c).sum() >= 5]
            found.append(sum(c in partner for c in true))
            there.append(len(true))
        patients = [case.scored.patient for case in these]
        parts: dict[str, Any] = {}
        for fact in ("distribution", "form", "spacing_mm"):
            words = np.array([str(case.scored.facts[fact]) for case in these])
            parts[f"by {fact}"] = {
                word: froc.ratio_interval(np.array(found)[words == word], np.array(there)[words == word], np.array(patients)[words == word])
                for word in np.unique(words)
            }  # fmt: skip
        false = np.array([case.overlap(threshold, linking).n_false for case in normals], float)
        figures[name] = {
            "threshold": threshold,
            "found": froc.ratio_interval(np.array(found), np.array(there), patients),
            "false clusters per normal": froc.per_image(false, scored_of(normals)),
            "false clusters per image with clusters": froc.per_image(
                np.array([case.overlap(threshold, linking).n_false for case in these], float),
                scored_of(these),
            ),
            **parts,
        }
    return figures


def words_figures(these: list[Case]) -> dict:
    """Return macro-F1 of both axes for what was detected, beside the same clusters with true outlines."""
    pairs, truth, missed = [], [], []
    for case in these:
        partner = case.overlap(THRESHOLD_Z).partner
        for row in case.truth.itertuples():
            words = (row.distribution, row.morphology)
            if row.cluster not in partner:
                missed.append(words)
                continue
            truth.append(words)
            pairs.append((case.detected[[partner[row.cluster]]], case.outlined[[row.cluster]]))
    figures: dict[str, Any] = {"clusters": len(truth), "missed": len(missed)}
    if not truth:
        return figures
    read = Classifier(None)
    for name, sets in (
        ("detected", [p[0] for p in pairs]),
        ("true outlines", [p[1] for p in pairs]),
    ):
        verdicts = read(ClusterSet.concat(sets))
        figures[name] = {
            "calcifications, median": float(verdicts["n_calcifications"].median()),
            **{
                f"{axis}, {reader}": _axis(verdicts[column], [pair[at] for pair in truth])
                for at, axis in enumerate(("distribution", "morphology"))
                for reader, column in (("model", axis), ("rules", f"rule_{axis}"))
            },
        }
        if name == "detected":
            lost = [words[0] for words in missed]
            figures["detected, missed ones counted as wrong"] = {
                f"distribution, {reader}": _axis([*verdicts[column], *["missed"] * len(lost)], [p[0] for p in truth] + lost)["macro_f1"]
                for reader, column in (("model", "distribution"), ("rules", "rule_distribution"))
            }  # fmt: skip
            lost = [words[1] for words in missed]
            figures["detected, missed ones counted as wrong"] |= {
                f"morphology, {reader}": _axis([*verdicts[column], *["missed"] * len(lost)], [p[1] for p in truth] + lost)["macro_f1"]
                for reader, column in (("model", "morphology"), ("rules", "rule_morphology"))
            }  # fmt: skip
    return figures


def _axis(read: Iterable[Any], truth: list[str]) -> dict:
    """Return accuracy, macro-F1 over the true words with its interval, and the confusion."""
    from sklearn.metrics import f1_score

    said = np.array([str(word) for word in read])
    true = np.array(truth)
    words = np.unique(true)

    def macro(rows: np.ndarray) -> float:
        scores = f1_score(true[rows], said[rows], labels=words, average=None, zero_division=0)
        return float(np.mean(scores[np.isin(words, true[rows])]))

    rng = np.random.default_rng(0)
    drawn = [macro(rng.integers(0, len(true), len(true))) for _ in range(200)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    table = pd.crosstab(true, said)
    return {
        "accuracy": float((said == true).mean()),
        "macro_f1": macro(np.arange(len(true))),
        "low": float(low),
        "high": float(high),
        "confusion": {word: {k: int(v) for k, v in row.items() if v} for word, row in table.to_dict("index").items()},
    }  # fmt: skip


def vessel_figures(plain: list[Case], two: list[Case], one: list[Case]) -> dict:
    """Return what vessels are taken for: without calcium, with calcium in both walls, and in one."""
    free = np.array([case.groups(THRESHOLD_Z).max(initial=-1) < 0 for case in plain], float)
    figures: dict[str, Any] = {
        "without calcium": {
            "images without a cluster": froc.per_image(free, scored_of(plain)),
            "false marks per image": froc.per_image(froc.false_marks(scored_of(plain), THRESHOLD_Z), scored_of(plain)),
        }
    }  # fmt: skip
    read = Classifier(None)
    for name, these in (("two walls", two), ("one wall", one)):
        found, suspicious, by_rules, words = [], [], [], []
        for case in these:
            partner = case.overlap(THRESHOLD_Z).partner
            found.append(float(0 in partner))
            if 0 in partner:
                verdict = read(case.detected[[partner[0]]]).iloc[0]
                words.append(str(verdict["morphology"]))
                suspicious.append(float(verdict["concern"] == "suspicious"))
                by_rules.append(float(verdict["rule_concern"] == "suspicious"))
        figures[name] = {
            "found": froc.per_image(np.array(found), scored_of(these)),
            "read as suspicious, model": float(np.mean(suspicious)) if suspicious else None,
            "read as suspicious, rules": float(np.mean(by_rules)) if by_rules else None,
            "clusters read": len(words),
            "forms": {word: words.count(word) for word in sorted(set(words))},
        }
    return figures


def cost_figures(shape: tuple[int, int], n_pairs: int = 3) -> dict:
    """Return time against one Gaussian filter, and peak memory in a process of its own."""
    recipe = next(recipes("development", "cluster", 1, full=True, start=6))
    scale = SIZES[recipe.spacing_mm][0] * recipe.spacing_mm / shape[0]
    mammogram = render(replace(recipe, shape=shape, spacing_mm=scale)).mammogram
    pairs = []
    for _ in range(n_pairs):
        start = time.process_time()
        detect_calcifications(mammogram)
        ours = time.process_time() - start
        start = time.process_time()
        gaussian_filter(mammogram.pixels, 2)
        pairs.append((ours, time.process_time() - start))
    ratios = [ours / theirs for ours, theirs in pairs]
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, mammogram.pixels)
        command = [sys.executable, __file__, "--peak-memory", file.name, str(scale)]
        peak = json.loads(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout
        )
    return {
        "shape": list(shape),
        "seconds": statistics.median(ours for ours, _ in pairs),
        "gaussian_seconds": statistics.median(theirs for _, theirs in pairs),
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "peak_over_image": peak["bytes"] / mammogram.pixels.nbytes,
    }


def peak_memory(path: str, spacing_mm: float) -> int:
    """Return by how many bytes memory grows at most while an image is examined; the image is held beforehand.

    Linux only: ``ru_maxrss`` of a child process begins with that of its parent.
    """
    small = np.random.default_rng(0).normal(1000, 10, (300, 300)).astype(np.float32)
    detect_calcifications(Mammogram(small, (0.1, 0.1)))
    mammogram = Mammogram(np.load(path), (spacing_mm, spacing_mm))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status_bytes("VmRSS")
    detect_calcifications(mammogram)
    return _status_bytes("VmHWM") - before


def _status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def grade_figures(plan: Plan, grade: str, n: int, share: float = 1.0) -> dict:
    """Return figures of marks, clusters and words on images of a grade; `share` of the plan's normals are made."""
    these = cases(plan, "cluster", n, grade)
    normals = cases(plan, "normal", max(1, round(share * plan.normals)), grade)
    frozen = cases(plan, "normal", max(1, round(share * plan.frozen)), grade, start=OTHER)
    return {
        "marks": mark_figures(*map(scored_of, (these, normals, frozen))),
        "clusters": cluster_figures(these, normals, frozen),
        "words": words_figures(these),
    }


def full_figures(plan: Plan) -> dict:
    """Return figures at the default threshold on images of a detector's full size."""
    these = cases(plan, "cluster", plan.full, full=True, start=200)
    normals = cases(plan, "normal", plan.full, full=True, start=200)
    marks = mark_figures(*map(scored_of, (these, normals, normals)))
    return {
        "marks": marks["at the default threshold"],
        "clusters": cluster_figures(these, normals, normals)["default"],
    }


STAGES: dict[str, Callable[[Plan], dict]] = {
    "cost": lambda plan: {"cost": cost_figures(plan.cost_shape)},
    "typical": lambda plan: {"typical": grade_figures(plan, "typical", plan.clusters)},
    "vessels": lambda plan: {
        "vessels": vessel_figures(*(cases(plan, kind, plan.vessels) for kind in ("vessels", "two walls", "one wall")))
    },
    "grades": lambda plan: {
        grade: grade_figures(plan, grade, plan.other_grades, plan.other_grades / plan.clusters)
        for grade in ("easy", "hard")
        if plan.other_grades
    },
    "full": lambda plan: {"full size": full_figures(plan)} if plan.full else {},
}  # fmt: skip


def commit() -> str:
    """Return the commit that is measured, ``-dirty`` where files were changed; empty outside of a checkout."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def evaluate(plan: Plan, stages: Iterable[str] = tuple(STAGES)) -> dict:
    """Make the images of a plan and return the figures of the stages asked for."""
    figures: dict[str, Any] = {
        "split": plan.split, "plan": asdict(plan), "default_threshold": THRESHOLD_Z, "linking": RULE, "measured": {},
    }  # fmt: skip
    model = Classifier(None).model.version
    for stage in stages:
        started = time.process_time()
        figures["measured"][stage] = {"commit": commit(), "model": model}
        figures |= STAGES[stage](plan)
        figures[f"seconds, {stage}"] = round(time.process_time() - started)
    return figures


def keep(figures: dict, path: Path) -> None:
    """Write figures as JSON; those of other stages of the same plan stay in the file."""
    figures = json.loads(json.dumps(figures, default=float))
    before = json.loads(path.read_text()) if path.exists() else {}
    if before.get("plan") == figures.get("plan"):
        figures = before | figures | {"measured": before.get("measured", {}) | figures["measured"]}
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run what was asked for, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=("development", "acceptance"), default="development")
    parser.add_argument(
        "--quick", action="store_true", help="a few images, for tests; figures are printed"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of the plan's images that is made"
    )
    parser.add_argument("--stage", action="append", choices=STAGES)
    parser.add_argument("--peak-memory", nargs=2, metavar=("FILE", "MM"), help=argparse.SUPPRESS)
    for name in ("inbreast", "bmcd", "cbis"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help="layout: public_images.py")
    parser.add_argument("--limit", type=int, help="images of a data set")
    parser.add_argument("--out", type=Path, help="where the figures go")
    arguments = parser.parse_args()
    if arguments.peak_memory:
        path, spacing = arguments.peak_memory
        print(json.dumps({"bytes": peak_memory(path, float(spacing))}))
        return
    for name in ("inbreast", "bmcd", "cbis"):
        if folder := getattr(arguments, name):
            from detection_public import figures_of

            keep(
                figures_of(name, folder, arguments.limit),
                arguments.out or RESULTS / f"detection_{name}.json",
            )
    if arguments.inbreast or arguments.bmcd or arguments.cbis:
        return
    plan = PLANS["quick" if arguments.quick else arguments.split]
    figures = evaluate(plan.reduced(arguments.share), arguments.stage or STAGES)
    if arguments.quick and not arguments.out:
        print(json.dumps(figures, indent=1, default=float))
    else:
        keep(figures, arguments.out or RESULTS / "detection.json")


if __name__ == "__main__":
    main()
