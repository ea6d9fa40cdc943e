"""Choose the features: what a group of them is worth on clusters of other generators.

    python benchmarks/selection.py --leave-out [--cache DIR]
    python benchmarks/selection.py --alone --model models/default [--cache DIR]

A model of some size is scored by macro-F1 on the four development generators, with marks and on positions
alone, with the columns of one group after the other permuted between clusters (Breiman 2001). Models are
then trained without the cheapest groups. What costs less than two training sets differ by (`SPREAD`) may go.
``--alone`` permutes the columns of a trained model one by one.
``bench_v1`` is printed and decides nothing. Features that a rule, an artefact check, a guard of the model or
the page reads are in no group: they stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import Features, extract_features
from calcigram.model import Model
from calcigram.model.labels import ALL_MARKS, Labelled, forgetful_copy, hide_marks, label_codes
from calcigram.model.train import TreeOptions, grow_trees

RESULTS = Path(__file__).parent / "results" / "leave_out.json"
N_TRAINING, N_PANEL = 60_000, 3000
SEED = 0
CUTS = (0, 4, 8)
"""Models are trained without so many of the groups, the cheapest first."""

SPREAD = {"distribution": 0.004, "form": 0.013, "positions": 0.004}
"""What the mean over the generators differs by between two training sets."""

TREES = {
    "distribution": TreeOptions(n_iterations=200),
    "morphology": TreeOptions(n_iterations=80),
}

GROUPS: dict[str, str] = {
    "core radius": "core_radius_mm core_radius_90_mm",
    "mean distances": "mean_distance_mm radial_kurtosis",
    "curve, others": "curve_turning_deg",
    "walls": "wall_unevenness wall_width_mm",
    "local directions": "direction_order direction_fan",
    "orientation of particles": "orientation_coherence orientation_order",
    "spanning tree": "tree_longest_edge_ratio tree_length_ratio tree_leaf_share",
    "side branches": "longest_side_branch_ratio longest_side_branch_edges side_branch_member_share",
    "components": "components_2mm components_4mm components_8mm giant_share_2mm giant_share_4mm giant_share_8mm",
    "widening": "widening_mean widening_max",
    "nipple, others": "nipple_nearness nipple_widening",
    "sizes, others": "diameter_area_mean_mm diameter_p10_mm macro_share length_p90_mm",
    "spread of sizes": "diameter_cv diameter_log_sd",
    "aspect, others": "aspect_p25 aspect_p90 aspect_sd",
    "contrast, others": "cnr_p10 cnr_log_sd",
}
"""Groups of correlated features, or of one algorithm, that nothing but the model reads."""

Columns = npt.NDArray[np.int64]
Scores = dict[str, float]


def train(labelled: Labelled, columns: Columns, seed: int) -> dict[str, Any]:
    """Fit small trees of both heads on some columns."""
    heads = {}
    for axis, options in TREES.items():
        codes = labelled.codes(axis)
        rows = codes >= 0
        values = labelled.features.values[np.ix_(rows, columns)]
        heads[axis] = grow_trees(values, codes[rows], options, seed)
    return heads


def scores(heads: dict[str, Any], labelled: Labelled, columns: Columns) -> Scores:
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


def permuted(features: Features, columns: Columns) -> Features:
    """Return features of which some columns are permuted between clusters."""
    values = features.values.copy()
    order = np.random.default_rng(0).permutation(len(features))
    values[:, columns] = values[np.ix_(order, columns)]
    return replace(features, values=values)


def alone(
    model: Model, panel: dict[str, ClusterSet], measure: Callable[[ClusterSet], Features]
) -> dict[str, Any]:
    """Return what each feature alone is worth to a trained model, as a mean of the generators."""
    read = [labelled_by(clusters, measure) for clusters in panel.values()]
    bare = [replace(one, features=hide_marks(one.features, ALL_MARKS)) for one in read]

    def mean(columns: Columns) -> Scores:
        by_set = []
        for one, without_marks in zip(read, bare, strict=True):
            seen = model.read(permuted(one.features, columns))
            unmarked = model.read(permuted(without_marks.features, columns))
            by_set.append(
                (
                    _macro_f1(one.codes("distribution"), seen.distribution),
                    _macro_f1(one.codes("morphology"), seen.morphology),
                    _macro_f1(one.codes("distribution"), unmarked.distribution),
                )
            )
        return dict(zip(SPREAD, np.mean(by_set, axis=0).tolist(), strict=True))

    base = mean(np.zeros(0, np.int64))
    costs = {}
    for column, name in enumerate(FEATURE_NAMES):
        now = mean(np.array([column]))
        costs[name] = {key: base[key] - now[key] for key in SPREAD}
        print(name, costs[name], flush=True)
    return {"model": model.version, "base": base, "costs": costs}


def _macro_f1(truth: npt.NDArray[np.integer], read: npt.NDArray[np.integer]) -> float:
    known = truth >= 0
    labels = np.unique(truth[known])
    return float(f1_score(truth[known], read[known], average="macro", labels=labels))


def leave_out(
    training: ClusterSet,
    panel: dict[str, ClusterSet],
    bench: ClusterSet,
    measure: Callable[[ClusterSet], Features],
) -> dict[str, Any]:
    """Score a model whose groups of features are permuted, then train without the cheapest ones.

    Returns
    -------
    dict
        ``groups``: names, and the cost of each on the mean of the generators where its columns are
        permuted between clusters; ``trained``: models without the cheapest groups, as many as `CUTS`
        says: how many features are left, the mean, and the figures of bench_v1.
    """
    learnt = labelled_by(training, measure)
    copies = forgetful_copy(training, learnt, extract_features, np.random.default_rng(0))
    learnt = learnt.followed_by(copies)
    read = {name: labelled_by(clusters, measure) for name, clusters in panel.items()}
    read_bench = labelled_by(bench, measure)

    def mean(heads: dict[str, Any], columns: Columns, moved: Columns | None = None) -> Scores:
        by_set = []
        for one in read.values():
            if moved is not None:
                one = replace(one, features=permuted(one.features, moved))
            by_set.append(scores(heads, one, columns))
        return {key: float(np.mean([found[key] for found in by_set])) for key in SPREAD}

    def without(names: Sequence[str]) -> Columns:
        dropped = {feature for name in names for feature in GROUPS[name].split()}
        return np.flatnonzero([name not in dropped for name in FEATURE_NAMES])

    whole = without(())
    heads = train(learnt, whole, SEED)
    base = mean(heads, whole)
    groups: dict[str, Any] = {}
    for name, features in GROUPS.items():
        now = mean(heads, whole, np.flatnonzero(np.isin(FEATURE_NAMES, features.split())))
        groups[name] = {
            "features": features.split(),
            "cost": {key: base[key] - now[key] for key in SPREAD},
        }
        print(name, groups[name]["cost"], flush=True)
    cheapest = sorted(
        groups, key=lambda name: max(groups[name]["cost"][key] / SPREAD[key] for key in SPREAD)
    )
    trained = []
    for n in CUTS:
        columns = without(cheapest[:n])
        heads = train(learnt, columns, SEED)
        row = {
            "without": cheapest[:n],
            "features": len(columns),
            "mean": mean(heads, columns),
            "bench_v1": scores(heads, read_bench, columns),
        }
        trained.append(row)
        print(row, flush=True)
    return {"clusters": len(training), "groups": groups, "trained": trained}
