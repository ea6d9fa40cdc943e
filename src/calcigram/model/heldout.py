"""What is fitted to held-out clusters: calibration, conformal scores, and figures of both.

Trees are grown in `train`; none of the clusters used there may be used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.concerns import raw_concern
from calcigram.consequences import load_rulebook
from calcigram.lexicon import AXES
from calcigram.model.augment import ALL_MARKS, hide_marks
from calcigram.model.calibrate import (
    N_FOLDS,
    ConformalScores,
    Scaling,
    expected_calibration_error,
    fewness,
    fit_scaling,
    folds_by_group,
    log_probabilities,
)
from calcigram.model.head import HEAD_CASES, Floats, Head, is_readable, shown_probabilities
from calcigram.model.labels import Labelled
from calcigram.model.reader import Model


def calibrated(model: Model, held_out: Labelled) -> Model:
    """Return the model with its calibration fitted to labelled clusters it was not trained on.

    Parameters
    ----------
    model : Model
        Whatever calibration it has is replaced.
    held_out : Labelled
        Read as they are, and once more with positions alone.
    """
    heads = [
        replace(
            head,
            scalings={
                case: fit_scaling(logits, truth, few=few)
                for case, logits, truth, few in _cases(head, held_out)
            },
        )
        for head in model.heads
    ]
    bare = _positions_alone(held_out)
    fitted = replace(model, distribution=heads[0], morphology=heads[1])
    return replace(fitted, concern_scalings=_concern_scalings(fitted, held_out, bare))


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
    folds = folds_by_group(groups, rng)
    conformal: dict[str, dict[str, ConformalScores]] = {head.axis: {} for head in model.heads}
    fitted = [calibrated(model, held_out[folds != fold]) for fold in range(N_FOLDS)]
    for case, seen in _seen_in_cases(held_out).items():
        shown = {
            head.axis: np.full((len(folds), len(AXES[head.axis].words)), np.nan)
            for head in model.heads
        }
        for fold, one in enumerate(fitted):
            own = folds == fold
            if not own.any():
                continue
            features = seen.features[own]
            read = shown_probabilities(*one.axis_probabilities(features), features)
            for head, p in zip(model.heads, read, strict=True):
                shown[head.axis][own] = p
        for head in model.heads:
            if case in HEAD_CASES[head.axis]:
                truth, rows = _readable(head, case, seen)
                p = shown[head.axis][np.ix_(rows, np.array(head.classes, int))]
                conformal[head.axis][case] = ConformalScores.fit(p, truth)
    distribution, morphology = (
        replace(head, conformal=conformal[head.axis]) for head in model.heads
    )
    return replace(model, distribution=distribution, morphology=morphology)


def _seen_in_cases(held_out: Labelled) -> dict[str, Labelled]:
    """Return the clusters as they are seen in each of `HEAD_CASES`."""
    return {"form_known": held_out, "form_unknown": _positions_alone(held_out)}


def _readable(
    head: Head, case: str, seen: Labelled
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the true class and the place of each cluster that a head can read in a case."""
    codes = seen.codes(head.axis)
    if case == "form_known":
        codes = np.where(is_readable(seen.features, "morphology"), codes, -1)
    rows = np.flatnonzero(np.isin(codes, head.classes))
    return np.searchsorted(head.classes, codes[rows]), rows


def _cases(
    head: Head, held_out: Labelled
) -> Iterator[tuple[str, Floats, npt.NDArray[np.int64], Floats]]:
    """Yield each case of a head: name, logits, true class and `fewness` of each readable cluster."""
    for case, seen in _seen_in_cases(held_out).items():
        if case in HEAD_CASES[head.axis]:
            truth, rows = _readable(head, case, seen)
            yield (
                case,
                head.logits(seen.features.values[rows]),
                truth,
                fewness(seen.features.n_calcifications[rows]),
            )


def _positions_alone(held_out: Labelled) -> Labelled:
    return replace(held_out, features=hide_marks(held_out.features, ALL_MARKS))


def _concern_scalings(model: Model, held_out: Labelled, bare: Labelled) -> dict[str, Scaling]:
    """Fit the concern's calibration in each of `CONCERN_CASES`."""
    article = load_rulebook("article")
    p_d, p_m = model.axis_probabilities(held_out.features)
    d, m = held_out.codes("distribution"), held_out.codes("morphology")
    p_bare, _ = model.axis_probabilities(bare.features)
    no_d, no_m = np.full_like(p_d, np.nan), np.full_like(p_m, np.nan)
    cases = {
        "both_read": (p_d, p_m, d, m),
        "form_unread": (p_bare, no_m, d, np.full_like(m, AXES["morphology"].unread_code)),
        "distribution_insufficient": (
            no_d,
            p_m,
            np.full_like(d, AXES["distribution"].unread_code),
            m,
        ),
    }
    scalings = {}
    for case, (p_distribution, p_morphology, d_label, m_label) in cases.items():
        raw, _ = raw_concern(p_distribution, p_morphology)
        truth = np.where((d_label >= 0) & (m_label >= 0), article.concern_of(d_label, m_label), -1)
        rows = (truth >= 0) & np.isfinite(raw).all(axis=1)
        few = fewness(held_out.features.n_calcifications[rows])
        scalings[case] = fit_scaling(log_probabilities(raw[rows]), truth[rows], few=few)
    return scalings


def cross_fitted_figures(
    model: Model, held_out: Labelled, rng: np.random.Generator
) -> dict[str, Any]:
    """Calibrate on one half of the held-out clusters, measure on the other, and the reverse."""
    first = rng.random(len(held_out.features)) < 0.5
    article = load_rulebook("article")
    probabilities: dict[str, list[Any]] = {axis: [] for axis in (*AXES, "concern")}
    truth: dict[str, list[Any]] = {axis: [] for axis in (*AXES, "concern")}
    for fitting, judged in ((first, ~first), (~first, first)):
        part = held_out[judged]
        readings = calibrated(model, held_out[fitting]).read(part.features)
        d, m = part.codes("distribution"), part.codes("morphology")
        concern = np.where((d >= 0) & (m >= 0), article.concern_of(d, m), -1)
        for axis, codes in (("distribution", d), ("morphology", m), ("concern", concern)):
            probabilities[axis].append(getattr(readings, f"p_{axis}")[codes >= 0])
            truth[axis].append(codes[codes >= 0])
    figures = {}
    for axis in probabilities:
        p, codes = np.concatenate(probabilities[axis]), np.concatenate(truth[axis])
        if len(codes):
            figures[axis] = {
                "clusters": len(codes),
                "accuracy": round(float((p.argmax(axis=1) == codes).mean()), 4),
                "expected_calibration_error": round(expected_calibration_error(p, codes), 4),
            }
    return figures
