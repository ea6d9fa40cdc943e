"""Choose the features: what leaving a group of them out costs on clusters of other generators.

    python benchmarks/selection.py --leave-out [--cache DIR]

Small models, with all features and without each group, are scored by macro-F1 on the four development
generators, with marks and on positions alone. Groups are then dropped one at a time, the cheapest first,
as long as the mean over the generators stays within what two training sets differ by (`SPREAD`) of the
model with all features. ``bench_v1`` is printed and decides nothing. Features that a rule, an artefact
check, a guard of the model or the page reads are in no group: they stay.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import Features, extract_features
from calcigram.model.augment import ALL_MARKS, forgetful_copy, hide_marks
from calcigram.model.labels import Labelled, label_codes
from calcigram.model.train import TreeOptions, grow_trees

RESULTS = Path(__file__).parent / "results" / "leave_out.json"
N_TRAINING, N_PANEL = 8000, 2000
SEEDS = (0, 1, 2)
SPREAD = {"distribution": 0.004, "form": 0.013, "positions": 0.004}
"""What the mean over the generators differs by between two training sets."""

TREES = {
    "distribution": TreeOptions(n_iterations=15, learning_rate=0.3),
    "morphology": TreeOptions(n_iterations=12, learning_rate=0.3),
}

GROUPS: dict[str, str] = {
    "core radius": "core_radius_mm core_radius_90_mm",
    "mean distances": "mean_distance_mm radius_of_gyration_mm radial_kurtosis",
    "density": "density_per_cm2",
    "nearest neighbour": "nn_mean_mm nn_sd_mm nn_cv",
    "Clark-Evans, Ripley, correlation dimension": (
        "clark_evans_ratio ripley_l_1mm ripley_l_3mm ripley_l_10mm correlation_dimension"
    ),
    "count within 1 cm": "max_count_1cm",
    "distance to the axis": "line_residual_mm line_residual_ratio",
    "curve, others": "curve_residual_mm curve_turning_deg",
    "path share": "path_share",
    "local directions": "direction_order direction_fan",
    "orientation of particles": "orientation_coherence orientation_order",
    "rails, parts of the score": "rail_between_share rail_mixing",
    "spanning tree": "tree_longest_edge_ratio tree_length_ratio tree_leaf_share",
    "junction angles": "junction_angle_mean_deg junction_angle_sd_deg",
    "side branches": (
        "side_branch_share longest_side_branch_ratio longest_side_branch_edges side_branch_member_share"
    ),
    "components": (
        "components_1mm components_2mm components_4mm components_8mm "
        "giant_share_1mm giant_share_2mm giant_share_4mm giant_share_8mm"
    ),
    "empty space": "hull_solidity empty_space_ratio",
    "hull, others": "hull_eccentricity hull_width_ratio angular_resultant",
    "widening": "widening_axis widening_mean widening_max",
    "nipple, others": "nipple_nearness nipple_widening",
    "sizes, others": "diameter_area_mean_mm diameter_p10_mm macro_share length_p90_mm",
    "spread of sizes": "diameter_cv diameter_log_sd",
    "shares of kinds": "thin_share rod_share dot_share ball_share",
    "aspect, others": "aspect_p25 aspect_p90 aspect_sd",
    "solidity, others": "solidity_p75 solidity_p10 solidity_sd",
    "contrast, others": "cnr_p10 cnr_log_sd",
    "correlations of marks": (
        "size_contrast_correlation size_aspect_correlation size_solidity_correlation "
        "aspect_solidity_correlation contrast_solidity_correlation contrast_aspect_correlation"
    ),
    "contact and variety": "contact_share form_variety",
}
"""Groups of correlated features, or of one algorithm, that nothing but the model reads."""

Columns = npt.NDArray[np.int64]


def train(labelled: Labelled, columns: Columns, seed: int) -> dict[str, Any]:
    """Fit small trees of both heads on some columns."""
    heads = {}
    for axis, options in TREES.items():
        codes = labelled.codes(axis)
        rows = codes >= 0
        values = labelled.features.values[np.ix_(rows, columns)]
        heads[axis] = grow_trees(values, codes[rows], options, seed)
    return heads


def scores(heads: dict[str, Any], labelled: Labelled, columns: Columns) -> dict[str, float]:
    """Return macro-F1 by axis, with marks and on positions alone."""
    bare = Labelled(
        hide_marks(labelled.features, ALL_MARKS), labelled.distribution, labelled.morphology
    )
    out = {}
    for name, axis, seen in (
        ("distribution", "distribution", labelled),
        ("form", "morphology", labelled),
        ("positions", "distribution", bare),
    ):
        codes = seen.codes(axis)
        rows = codes >= 0
        with threadpool_limits(1):
            read = heads[axis].predict(seen.features.values[np.ix_(rows, columns)])
        out[name] = f1_score(codes[rows], read, average="macro", labels=np.unique(codes[rows]))
    return out


def labelled_by(clusters: ClusterSet, measure: Callable[[ClusterSet], Features]) -> Labelled:
    """Measure clusters and take their labels."""
    truth = (label_codes(clusters, axis) for axis in TREES)
    return Labelled(measure(clusters), *truth)


def leave_out(
    training: ClusterSet,
    panel: dict[str, ClusterSet],
    bench: ClusterSet,
    measure: Callable[[ClusterSet], Features],
) -> dict[str, Any]:
    """Score a model without each group, then drop groups one at a time.

    Returns
    -------
    dict
        ``all``: mean over the generators with all features, by seed; ``groups``: names, cost on the
        mean, on each generator and on bench_v1 (positive: worse without); ``steps``: the groups in
        the order they were tried, the figures and whether the group was dropped; ``dropped``, ``kept``.
    """
    learnt = labelled_by(training, measure)
    copies = forgetful_copy(training, learnt, extract_features, np.random.default_rng(0))
    learnt = learnt.followed_by(copies)
    read = {name: labelled_by(clusters, measure) for name, clusters in panel.items()}
    read_bench = labelled_by(bench, measure)

    def score(without: Sequence[str], seed: int = SEEDS[0]) -> dict[str, dict[str, float]]:
        columns = np.flatnonzero([name not in without for name in FEATURE_NAMES])
        heads = train(learnt, columns, seed)
        by_set = {name: scores(heads, one, columns) for name, one in read.items()}
        mean = {key: float(np.mean([s[key] for s in by_set.values()])) for key in SPREAD}
        return {"mean": mean, **by_set, "bench_v1": scores(heads, read_bench, columns)}

    started = time.perf_counter()
    seeds = [score((), seed) for seed in SEEDS]
    whole = {
        name: {key: float(np.mean([one[name][key] for one in seeds])) for key in SPREAD}
        for name in seeds[0]
    }
    found: dict[str, Any] = {
        "clusters": len(training),
        "all": whole,
        "all_by_seed": [one["mean"] for one in seeds],
        "groups": {},
        "steps": [],
    }
    groups = {
        name: [feature for feature in features.split() if feature in FEATURE_NAMES]
        for name, features in GROUPS.items()
    }
    for name, features in groups.items():
        if not features:
            continue
        now = score(features)
        cost = {part: {key: whole[part][key] - now[part][key] for key in SPREAD} for part in now}
        found["groups"][name] = {"features": features, "cost": cost}
        print(f"{time.perf_counter() - started:6.0f} s  {name}: {cost['mean']}", flush=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")

    def in_spreads(name: str) -> float:
        cost = found["groups"][name]["cost"]["mean"]
        return max(cost[key] / SPREAD[key] for key in SPREAD)

    dropped: list[str] = []
    for name in sorted(found["groups"], key=in_spreads):
        if in_spreads(name) > 1:
            break
        trying = dropped + groups[name]
        now = score(trying)
        cost = {key: whole["mean"][key] - now["mean"][key] for key in SPREAD}
        ok = all(cost[key] < SPREAD[key] for key in SPREAD)
        if ok:
            dropped = trying
        step = {"group": name, "left": len(FEATURE_NAMES) - len(trying), "cost": cost}
        found["steps"].append({**step, "bench_v1": now["bench_v1"], "dropped": ok})
        found["dropped"] = [feature for feature in FEATURE_NAMES if feature in dropped]
        found["kept"] = [feature for feature in FEATURE_NAMES if feature not in dropped]
        print(f"{time.perf_counter() - started:6.0f} s  {step} {ok}", flush=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    return found
