"""What is fitted to labelled clusters that the trees have not seen: calibration, conformal scores, more trees.

`adapted` adapts a trained model to a detector of the user's own, by some hundred labelled clusters. The
trees of the model stay, softened, and small trees are boosted on top of them, fitted to the user's clusters
alone. The result is a model like any other: the same file format, the same explanations. Calibration and
conformal scores are made anew from clusters that the trees they are scored by have not seen. Source:
Friedman (Annals of Statistics 2001) for boosting from a given start; Geurts et al. (Machine Learning 2006)
for trees of random cuts, which few clusters overfit less.

Trees are grown in `train`; none of the clusters used there may be used for calibration here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.concerns import raw_concern
from calcigram.consequences import load_rulebook
from calcigram.errors import BadInputError
from calcigram.lexicon import AXES
from calcigram.model.calibrate import (
    N_FOLDS,
    ConformalScores,
    Scaling,
    expected_calibration_error,
    fit_scaling,
    folds_by_group,
    log_probabilities,
    softmax,
)
from calcigram.model.exemplars import Exemplars
from calcigram.model.forest import Forest, flatten_trees
from calcigram.model.head import (
    HEAD_CASES,
    Floats,
    Head,
    fewness_of,
    is_readable,
    shown_probabilities,
    two_sided,
)
from calcigram.model.labels import ALL_MARKS, Labelled, check_known_words, hide_marks
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


def calibrated(model: Model, held_out: Labelled) -> Model:
    """Return the model with its calibration fitted to labelled clusters it was not trained on.

    Parameters
    ----------
    model : Model
        Whatever calibration it has is replaced.
    held_out : Labelled
        Read as they are, and once more with positions alone.
    """
    seen = _in_cases(held_out)
    heads = [
        replace(
            head,
            scalings={
                case: fit_scaling(head.logits(values), truth, few=fewness_of(values))
                for case, values, truth, _ in _cases(head, seen)
            },
        )
        for head in model.heads
    ]
    fitted = replace(model, distribution=heads[0], morphology=heads[1])
    return replace(fitted, concern_scalings=_concern_scalings(fitted, **seen))


def with_conformal_scores(
    model: Model,
    held_out: Labelled,
    groups: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> Model:
    """Return the model with conformal scores of labelled clusters it was not trained on.

    Parameters
    ----------
    model : Model
    held_out : Labelled
        C clusters, the same that the calibration was fitted to.
    groups : ndarray of int64, shape (C,)
        Patient of each.
    rng : numpy.random.Generator

    Notes
    -----
    The scores are of the probabilities that a reading shows (`reader.shown_probabilities`), as the
    sets are. Cross-fitted: each fifth of the patients gets its scores from a calibration fitted to
    the other four, so that none is scored by a calibration that has seen it and none is wasted. The
    calibration of use, fitted to all, differs from these by the chance of some thousand clusters
    on ten numbers.
    """
    folds, seen = folds_by_group(groups, rng), _in_cases(held_out)
    fitted = [calibrated(model, held_out[folds != fold]) for fold in range(N_FOLDS)]
    shown = {case: _cross_fitted(fitted, part.features, folds) for case, part in seen.items()}
    heads = [
        replace(
            head,
            conformal={
                case: ConformalScores.fit(
                    shown[case][head.axis][np.ix_(rows, np.array(head.classes, int))], truth
                )
                for case, _, truth, rows in _cases(head, seen)
            },
        )
        for head in model.heads
    ]
    return replace(model, distribution=heads[0], morphology=heads[1])


def _cross_fitted(
    fitted: list[Model], features: Features, folds: npt.NDArray[np.int64]
) -> dict[str, Floats]:
    """Return the probabilities that are shown by axis, of each fold by the model not fitted to it."""
    shown = {name: np.full((len(folds), len(axis.words)), np.nan) for name, axis in AXES.items()}
    for fold in np.unique(folds):
        own = folds == fold
        part = features[own]
        p_d, p_m = fitted[fold].axis_probabilities(part)
        read = shown_probabilities(p_d, p_m, part)
        for axis, p in zip(AXES, read, strict=True):
            shown[axis][own] = p
    return shown


def _in_cases(labelled: Labelled) -> dict[str, Labelled]:
    """Return clusters as they are seen in each of `HEAD_CASES`: as they are, and by positions alone."""
    bare = replace(labelled, features=hide_marks(labelled.features, ALL_MARKS))
    return {"form_known": labelled, "form_unknown": bare}


def _cases(
    head: Head, seen: dict[str, Labelled]
) -> Iterator[tuple[str, Rows, Codes, npt.NDArray[np.intp]]]:
    """Yield each case of a head: name, and features, true class and place of each readable cluster."""
    for case in HEAD_CASES[head.axis]:
        features, codes = seen[case].features, seen[case].codes(head.axis)
        if case == "form_known":
            codes = np.where(is_readable(features, "morphology"), codes, -1)
        rows = np.flatnonzero(np.isin(codes, head.classes))
        yield case, features.values[rows], np.searchsorted(head.classes, codes[rows]), rows


def _concern_scalings(
    model: Model, form_known: Labelled, form_unknown: Labelled
) -> dict[str, Scaling]:
    """Fit the concern's calibration in each of `CONCERN_CASES`."""
    article = load_rulebook("article")
    p_d, p_m = model.axis_probabilities(form_known.features)
    d, m = form_known.codes("distribution"), form_known.codes("morphology")
    p_bare, _ = model.axis_probabilities(form_unknown.features)
    no_d, no_m = np.full_like(p_d, np.nan), np.full_like(p_m, np.nan)
    unread = {name: np.full_like(d, axis.unread_code) for name, axis in AXES.items()}
    cases = {
        "both_read": (p_d, p_m, d, m),
        "form_unread": (p_bare, no_m, d, unread["morphology"]),
        "distribution_insufficient": (no_d, p_m, unread["distribution"], m),
    }
    scalings = {}
    for case, (p_distribution, p_morphology, d_label, m_label) in cases.items():
        raw, _ = raw_concern(p_distribution, p_morphology)
        truth = np.where((d_label >= 0) & (m_label >= 0), article.concern_of(d_label, m_label), -1)
        rows = (truth >= 0) & np.isfinite(raw).all(axis=1)
        few = fewness_of(form_known.features.values[rows])
        scalings[case] = fit_scaling(log_probabilities(raw[rows]), truth[rows], few=few)
    return scalings


def cross_fitted_figures(
    model: Model, held_out: Labelled, rng: np.random.Generator
) -> dict[str, Any]:
    """Calibrate on one half of the held-out clusters, measure on the other, and the reverse."""
    first = rng.random(len(held_out.features)) < 0.5
    article = load_rulebook("article")
    found: dict[str, list[Any]] = {axis: [] for axis in (*AXES, "concern")}
    for fitting, judged in ((first, ~first), (~first, first)):
        part = held_out[judged]
        readings = calibrated(model, held_out[fitting]).read(part.features)
        d, m = part.codes("distribution"), part.codes("morphology")
        concern = np.where((d >= 0) & (m >= 0), article.concern_of(d, m), -1)
        for axis, codes in zip(found, (d, m, concern), strict=True):
            found[axis].append((getattr(readings, f"p_{axis}")[codes >= 0], codes[codes >= 0]))
    joined = {axis: map(np.concatenate, zip(*parts, strict=True)) for axis, parts in found.items()}
    return {axis: _figures(p, codes) for axis, (p, codes) in joined.items() if len(codes)}


def _figures(p: Floats, truth: Codes) -> dict[str, Any]:
    return {
        "clusters": len(truth),
        "accuracy": round(float((p.argmax(axis=1) == truth).mean()), 4),
        "expected_calibration_error": round(expected_calibration_error(p, truth), 4),
    }


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
        if (codes >= 0).sum() >= MIN_CLUSTERS and len(np.unique(codes[codes >= 0])) > 1:
            head, figures[head.axis] = _adapted_head(head, labelled, folds, rng)
        heads.append(head)
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
    head: Head, labelled: Labelled, folds: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Head, dict[str, Any]]:
    cases, *parts = zip(*_cases(head, _in_cases(labelled)), strict=True)
    values, truth, rows = map(np.concatenate, parts)
    fold, of_case = folds[rows], np.repeat(cases, [len(part) for part in parts[-1]])
    start = _softened(head)
    logits = np.empty((len(values), len(head.classes)))
    for k in np.unique(fold):
        own = fold == k
        logits[own] = two_sided(
            raw_scores(_boosted(start, values[~own], truth[~own], rng), values[own])
        )
    scalings, conformal = {}, {}
    p, few = np.empty_like(logits), fewness_of(values)
    for case in cases:
        chosen = of_case == case
        scalings[case] = fit_scaling(logits[chosen], truth[chosen], few=few[chosen])
        for k in range(N_FOLDS):
            own, rest = chosen & (fold == k), chosen & (fold != k)
            if own.any():
                scaling = fit_scaling(logits[rest], truth[rest], few=few[rest])
                p[own] = scaling(logits[own], few[own])
        fresh = ConformalScores.fit(p[chosen], truth[chosen])
        conformal[case] = fresh.where_enough(OWN_SCORES, head.conformal.get(case))
    n_each = np.bincount(truth[of_case == cases[0]], minlength=len(head.classes))
    base = np.array(head.shares or np.full(len(head.classes), 1 / len(head.classes)))
    shares = (n_each + len(base) * base) / (n_each.sum() + len(base))
    forest = _boosted(start, values, truth, rng)
    adapted_head = replace(
        head,
        forest=forest,
        scalings=scalings,
        conformal=conformal if head.conformal else {},
        shares=tuple(shares.tolist()),
    )
    return adapted_head, _figures(p, truth) | {"clusters": int(n_each.sum())}


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
