"""What review catches: the share of wrong predictions against the share reviewed, and the worth of each reason."""

from __future__ import annotations

from typing import Any

import numpy as np

from calcigram.classify import Classifier
from calcigram.clusters import ClusterSet
from calcigram.columns import Words
from calcigram.consequences import load_rulebook
from calcigram.crosscheck.reasons import WHY
from calcigram.crosscheck.verdicts import UNSURE
from calcigram.lexicon import Agreement
from calcigram.model.reader import Model
from calcigram.oddities import ODDITIES
from calcigram.validate.trust import known_truth

SURE = 0.8

THRESHOLDS: tuple[float, ...] = (0.0, 0.4, UNSURE, 0.6, 0.7, 0.8, 0.9)
"""Probabilities below which a word is reviewed, along the curve."""


def review_figures(model: Model, clusters: ClusterSet) -> dict[str, Any]:
    """Return the curve and the worth of each reason, as JSON values.

    Parameters
    ----------
    model : Model
    clusters : ClusterSet
        Of known truth.

    Returns
    -------
    dict
        ``clusters``; ``wrong``, ``wrong_concern``: shares of all; ``curve``: one row a threshold with
        ``threshold, reviewed, caught, caught_concern``, and ``caught_by_probability``: what as many
        reviews catch where they are chosen by the lower of both top probabilities alone;
        ``reasons``: one row a reason with ``reason, clusters`` (share of all), ``wrong`` (share of these);
        ``sure_but_differ``: the same two shares of the clusters that are not reviewed although the
        concerns differ by one step and both words of the model reach `SURE`.
    """
    found = Classifier(model).read(clusters)
    readings, truth = found.model, known_truth(clusters, found.features)
    wrong = np.zeros(len(clusters), bool)
    for axis, true in truth.items():
        wrong |= (true >= 0) & (getattr(readings, axis) != true)
    both = (truth["distribution"] >= 0) & (truth["morphology"] >= 0) & (readings.concern >= 0)
    concern = load_rulebook("article").concern_of(truth["distribution"], truth["morphology"])
    wrong_concern = both & (readings.concern != concern)
    tops = [readings.p_distribution.max(axis=1), readings.p_morphology.max(axis=1)]
    least_sure = np.argsort(np.fmin(*tops), kind="stable")
    curve = []
    for threshold in THRESHOLDS:
        review = np.asarray(found.columns(unsure=threshold)["review"])
        curve.append(
            {
                "threshold": threshold,
                "reviewed": float(review.mean()),
                "caught": _share(wrong, review),
                "caught_concern": _share(wrong_concern, review),
                "caught_by_probability": _share(wrong, np.isin(range(len(review)), least_sure[: review.sum()])),
            }
        )  # fmt: skip
    verdicts = found.columns()
    differ = np.array(verdicts["agreement"].tolist()) == Agreement.DIFFER
    differ &= (np.minimum(*tops) >= SURE) & ~np.asarray(verdicts["review"])
    return {
        "clusters": len(clusters),
        "wrong": float(wrong.mean()),
        "wrong_concern": float(wrong_concern.mean()),
        "curve": curve,
        "reasons": _worth_of_reasons(verdicts["reason"], wrong),
        "sure_but_differ": {
            "clusters": float(differ.mean()),
            "wrong": float(wrong[differ].mean()) if differ.any() else float("nan"),
        },
    }


def _share(wrong: Any, review: Any) -> float:
    return float(review[wrong].mean()) if wrong.any() else float("nan")


def _worth_of_reasons(reasons: Any, wrong: Any) -> list[dict[str, Any]]:
    assert isinstance(reasons, Words)
    rows = []
    for text in (*WHY.values(), *ODDITIES.values()):
        if text == WHY["artefact"]:
            continue
        beginning = text.partition("{")[0]
        has_it = np.array([beginning in sentence for sentence in reasons.words])[reasons.codes]
        if has_it.any():
            rows.append(
                {
                    "reason": beginning.strip(" ("),
                    "clusters": float(has_it.mean()),
                    "wrong": float(wrong[has_it].mean()),
                }
            )
    return rows
