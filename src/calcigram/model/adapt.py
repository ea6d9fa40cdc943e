"""Adapt a trained model to a detector of the user's own, by some hundred labelled clusters.

The trees of the model stay, softened, and small trees are boosted on top of them, fitted to the
user's clusters alone. The result is a model like any other: the same file format, the same
explanations. Calibration and conformal scores are made anew from clusters that the trees they are
scored by have not seen. Source: Friedman (Annals of Statistics 2001) for boosting from a given
start; Geurts et al. (Machine Learning 2006) for trees of random cuts, which few clusters overfit less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.model.augment import ALL_MARKS, hide_marks
from calcigram.model.calibrate import (
    N_FOLDS,
    ConformalScores,
    expected_calibration_error,
    fit_scaling,
    folds_by_group,
    softmax,
)
from calcigram.model.exemplars import Exemplars
from calcigram.model.forest import Forest, flatten_trees
from calcigram.model.head import HEAD_CASES, Floats, Head, fewness_of, is_readable, two_sided
from calcigram.model.labels import Labelled, check_known_words
from calcigram.model.reader import Model
from calcigram.model.scoring import raw_scores

if TYPE_CHECKING:
    from calcigram.features.extract import Features

MIN_CLUSTERS = 50
"""An axis with fewer labelled clusters stays as it is."""

OWN_SCORES = 19
"""A word borne by fewer of the clusters keeps the model's conformal scores: at a coverage of 0.95,
that of the sets by default, fewer scores would let every set hold the word."""

SOFTENING = 0.5
"""What the log-odds of the model's trees are multiplied by before the new trees are grown."""

N_ROUNDS, LEARNING_RATE, L2 = 150, 0.1, 1.0
_TREE = {"max_leaf_nodes": 12, "max_features": 0.6, "min_samples_leaf": 2}

Rows = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]


def adapted(
    model: Model, labelled: Labelled, groups: npt.NDArray[np.int64], *, seed: int = 0
) -> Model:
    """Return the model, adapted to labelled clusters.

    Parameters
    ----------
    model : Model
    labelled : Labelled
        C clusters.
    groups : ndarray of int64, shape (C,)
        Patient of each: all clusters of one are on one side of each split.
    seed : int

    Returns
    -------
    Model
        Of the same words. An axis with fewer than `MIN_CLUSTERS` labelled clusters stays as it is.
        Novelty and the concern's calibration are the model's own; the exemplars are of the clusters.

    Raises
    ------
    BadInputError
        No axis has enough labelled clusters of two words, or a label is a word that the model
        does not know.
    """
    rng = np.random.default_rng(seed)
    folds = folds_by_group(groups, rng)
    heads, figures = [], {}
    for head in model.heads:
        codes = labelled.codes(head.axis)
        check_known_words(codes, head.axis, head.classes)
        if (codes >= 0).sum() < MIN_CLUSTERS or len(np.unique(codes[codes >= 0])) < 2:
            heads.append(head)
            continue
        found, figures[head.axis] = _adapted_head(head, labelled.features, codes, folds, rng)
        heads.append(found)
    if not figures:
        raise BadInputError(
            f"at least {MIN_CLUSTERS} labelled clusters, of two words or more, on one axis",
            source="start_from",
        )
    card = {**model.card, "adapted": {"from": model.version, "seed": seed, "axes": figures}}
    return replace(
        model,
        distribution=heads[0],
        morphology=heads[1],
        card=card,
        exemplars=None if model.exemplars is None else Exemplars.choose(labelled, seed=seed),
        estimators=None,
    )


def _adapted_head(
    head: Head,
    features: Features,
    codes: npt.NDArray[np.int8],
    folds: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Head, dict[str, Any]]:
    seen = {"form_known": features, "form_unknown": hide_marks(features, ALL_MARKS)}
    known = is_readable(features, "morphology")
    rows = {
        case: np.flatnonzero((codes >= 0) & (known | (case == "form_unknown")))
        for case in HEAD_CASES[head.axis]
    }
    values = np.concatenate([seen[case].values[rows[case]] for case in rows])
    truth = np.searchsorted(head.classes, np.concatenate([codes[rows[case]] for case in rows]))
    fold = np.concatenate([folds[rows[case]] for case in rows])
    of_case = np.repeat(list(rows), [len(at) for at in rows.values()])
    start = _softened(head)
    logits = np.empty((len(values), len(head.classes)))
    for k in np.unique(fold):
        own = fold == k
        logits[own] = two_sided(
            raw_scores(_boosted(start, values[~own], truth[~own], rng), values[own])
        )
    scalings, conformal = {}, {}
    p = np.empty_like(logits)
    for case in rows:
        chosen = of_case == case
        scalings[case] = _scaling(logits[chosen], truth[chosen], values[chosen])
        for k in range(N_FOLDS):
            own, rest = chosen & (fold == k), chosen & (fold != k)
            if own.any():
                scaling = _scaling(logits[rest], truth[rest], values[rest])
                p[own] = scaling(logits[own], fewness_of(values[own]))
        fresh = ConformalScores.fit(p[chosen], truth[chosen])
        conformal[case] = fresh.where_enough(OWN_SCORES, head.conformal.get(case))
    n_each = np.bincount(truth[of_case == next(iter(rows))], minlength=len(head.classes))
    base = np.array(head.shares or np.full(len(head.classes), 1 / len(head.classes)))
    shares = (n_each + len(base) * base) / (n_each.sum() + len(base))
    figures = {
        "clusters": int(n_each.sum()),
        "accuracy": round(float((p.argmax(axis=1) == truth).mean()), 4),
        "expected_calibration_error": round(expected_calibration_error(p, truth), 4),
    }
    forest = _boosted(start, values, truth, rng)
    adapted_head = replace(
        head,
        forest=forest,
        scalings=scalings,
        conformal=conformal if head.conformal else {},
        shares=tuple(float(share) for share in shares),
    )
    return adapted_head, figures


def _scaling(logits: Floats, truth: Codes, values: Rows) -> Any:
    return fit_scaling(logits, truth, few=fewness_of(values))


def _softened(head: Head) -> Forest:
    """Return the head's trees with their calibration within, and every score softened."""
    scaling = head.scalings[HEAD_CASES[head.axis][0]]
    bias = np.array(scaling.bias)
    bias = bias if head.forest.n_classes > 1 else bias[1:] - bias[:1]
    factor = SOFTENING * scaling.inverse_temperature
    return replace(
        head.forest,
        value=(head.forest.value * factor).astype(np.float32),
        baseline=head.forest.baseline * factor + SOFTENING * bias,
    )


def _boosted(start: Forest, values: Rows, truth: Codes, rng: np.random.Generator) -> Forest:
    """Grow trees by Newton boosting on top of a forest, and return all trees as one forest."""
    from sklearn.tree import ExtraTreeRegressor

    n_scores = start.n_classes
    rows = np.where(np.isnan(values).all(axis=0), np.float32(0), values)
    scores = raw_scores(start, values)
    hit = np.eye(max(n_scores, 2))[truth]
    if n_scores == 1:
        hit = hit[:, 1:]
    trees: list[Any] = []
    leaf_values: list[Any] = []
    for _ in range(N_ROUNDS):
        p = softmax(two_sided(scores))[:, -n_scores:]
        for k in range(n_scores):
            gradient = hit[:, k] - p[:, k]
            curvature = p[:, k] * (1 - p[:, k])
            tree = ExtraTreeRegressor(**_TREE, random_state=int(rng.integers(2**31)))
            leaf = tree.fit(rows, gradient).apply(rows)
            n_nodes = tree.tree_.node_count
            step = LEARNING_RATE * np.bincount(leaf, gradient, n_nodes)
            step /= np.bincount(leaf, curvature, n_nodes) + L2
            scores[:, k] += step[leaf]
            trees.append(tree.tree_)
            leaf_values.append(step)
    classes = np.tile(np.arange(n_scores), N_ROUNDS)
    return start.followed_by(flatten_trees(trees, leaf_values, classes, start))
