"""Degrade clusters of `bench_v1` by one nuisance at a time, and see what becomes of the readings.

Each curve starts from the same clean clusters (nothing missed, invented, jittered, merged or lost;
everything known) and turns one knob. Missed and false marks, jitter, merging and pixel size are the
simulator's own, by a preset with one range changed; fewer points, lost marks and the nipple are
taken from the clean clusters' marks.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.columns import frame_of
from calcigram.lexicon import AXES

if TYPE_CHECKING:
    from calcigram.model.reader import Model

SEED = 20_260_103
N_CLUSTERS = 1500

GRADE = "grade.typical"
CLEAN = {
    "miss_rate": 0.0, "false_rate": 0.0, "jitter_mm": 0.0, "merge_gap_mm": 0.0, "merge_probability": 0.0,
    "marks_missing": 0.0, "single_missing": 0.0, "nipple_unknown": 0.0, "area_unknown": 0.0, "cropped": 0.0,
}  # fmt: skip

Knobs = dict[tuple[str, str], float]

SIMULATED: dict[str, tuple[str, tuple[float, ...], Callable[[float], Knobs]]] = {
    "missed marks": ("share", (0, 0.1, 0.2, 0.3, 0.4, 0.5), lambda v: {(GRADE, "miss_rate"): v}),
    "false marks": ("share", (0, 0.1, 0.2, 0.3, 0.4, 0.5), lambda v: {(GRADE, "false_rate"): v}),
    "jitter": ("mm", (0, 0.05, 0.1, 0.2, 0.4, 0.8), lambda v: {(GRADE, "jitter_mm"): v}),
    "merging below a gap": (
        "mm",
        (0, 0.1, 0.2, 0.4, 0.8),
        lambda v: {(GRADE, "merge_gap_mm"): v, (GRADE, "merge_probability"): 1.0},
    ),
    "pixel size": ("mm", (0.05, 0.07, 0.1, 0.15, 0.2), lambda v: {("acquisition", "pixel_mm"): v}),
}
"""Unit, levels and what a level sets in the preset."""

FEWER = ("calcifications kept", (40, 20, 12, 8, 5, 4, 3))

LOST: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "contrast": ("cnr",),
    "contrast, solidity": ("cnr", "solidity"),
    "also orientation": ("cnr", "solidity", "orientation_deg"),
    "also aspect ratio": ("cnr", "solidity", "orientation_deg", "aspect_ratio"),
    "also diameter": ("cnr", "solidity", "orientation_deg", "aspect_ratio", "diameter_mm"),
}
UNKNOWN: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "breast area": ("breast_area_mm2",),
    "nipple": ("nipple_x_mm", "nipple_y_mm"),
    "both": ("nipple_x_mm", "nipple_y_mm", "breast_area_mm2"),
}


def preset_text(knobs: Knobs) -> str:
    """Return the text of `bench_v1`, clean, with the given quantities fixed."""
    text = resources.files("calcigram.simulate").joinpath("presets/bench_v1.toml").read_text()
    fixed = {(GRADE, name): value for name, value in CLEAN.items()} | knobs
    for (section, name), value in fixed.items():
        before, head, body = text.partition(f"\n[{section}]\n")
        if not head:
            raise KeyError(section)
        entry = re.compile(rf"^{name} = \{{ range = \[[^]]*\], law = \"[^\"]*\"", re.M)
        body, n = entry.subn(
            f'{name} = {{ range = [{value}, {value}], law = "uniform"', body, count=1
        )
        if n != 1:
            raise KeyError(f"{section}.{name}")
        text = before + head + body
    return text


def simulated(n: int, knobs: Knobs, folder: Path, n_jobs: int = 1) -> ClusterSet:
    """Simulate the same clusters under other conditions."""
    from calcigram.simulate import simulate

    file = folder / f"stress_{len(list(folder.iterdir()))}.toml"
    file.write_text(preset_text(knobs))
    return simulate(n, seed=SEED, grade="typical", preset=str(file), n_jobs=n_jobs)


def degraded(
    n: int, folder: Path, n_jobs: int = 1
) -> Iterator[tuple[str, str, float | str, ClusterSet]]:
    """Yield (curve, unit, level, clusters)."""
    clean = simulated(n, {}, folder, n_jobs)
    for curve, (unit, levels, knobs_of) in SIMULATED.items():
        for level in levels:
            turned = simulated(n, knobs_of(level), folder, n_jobs) if level else clean
            yield curve, unit, level, turned
    for most in FEWER[1]:
        yield "fewer points", FEWER[0], most, clean.thinned(most, np.random.default_rng(SEED))
    for curve, losses in (("lost marks", LOST), ("unknown nipple", UNKNOWN)):
        for loss, names in losses.items():
            yield curve, "lost", loss, clean.without(*names) if names else clean


def measure(clusters: ClusterSet, model: Model) -> dict[str, Any]:
    """Return accuracy, calibration, coverage and agreement of one set."""
    from calcigram.classify import Classifier
    from calcigram.model.calibrate import expected_calibration_error
    from calcigram.model.labels import label_codes

    reading = Classifier(model).read(clusters)
    verdicts = frame_of(reading.columns())
    out: dict[str, Any] = {
        "calcifications": float(np.median(clusters.n_calcifications)),
        "agree_both": float((verdicts["agreement"] == "agree").mean()),
        "review": float(verdicts["review"].mean()),
        "unlike_training": float(verdicts["unlike_training"].mean()),
    }
    for axis in AXES:
        truth, sets = label_codes(clusters, axis), getattr(reading.model, f"{axis}_set")
        label, rules = getattr(reading.model, axis), getattr(reading.rules, axis)
        p = getattr(reading.model, f"p_{axis}")
        read = np.flatnonzero(np.isfinite(p[:, 0]))
        has_sets = sets is not None and read.size > 0
        out[axis] = {
            "accuracy": float((label == truth).mean()),
            "calibration_error": expected_calibration_error(p, truth),
            "mean_confidence": float(verdicts[f"{axis}_probability"].mean()),
            "coverage": float(sets[read, truth[read]].mean()) if has_sets else None,
            "set_size": float(sets.sum(axis=1).mean()) if has_sets else None,
            "rules_accuracy": float((rules == truth).mean()),
            "agreement": float((label == rules).mean()),
        }
    return out


def stress(model: Model, n: int, n_jobs: int = 1) -> dict[str, Any]:
    """Measure every level of every curve; `n` is shortened, for there are some forty sets."""
    n = min(n, N_CLUSTERS)
    curves: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for curve, unit, level, clusters in degraded(n, Path(folder), n_jobs):
            entry = curves.setdefault(curve, {"unit": unit, "levels": [], "figures": []})
            entry["levels"].append(level)
            entry["figures"].append(measure(clusters, model))
    return {"n": n, "seed": SEED, "model": model.version, "curves": curves}
