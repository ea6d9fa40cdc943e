"""How far a model may be trusted: coverage of its sets, accuracy where it is sure, alarms.

On clusters whose truth is known. The sets' promise holds for clusters like those held out at
training, so coverage is counted on fresh ones of the training ranges; alarms are counted on
impostors, on ordinary clusters, and on mechanisms that the novelty score was not fitted to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.classify import Classifier
from calcigram.columns import Words
from calcigram.consequences import load_rulebook
from calcigram.crosscheck.reasons import WHY
from calcigram.crosscheck.verdicts import UNSURE
from calcigram.features.extract import extract_features
from calcigram.lexicon import AXES, Agreement
from calcigram.model.calibrate import COVERAGE
from calcigram.model.labels import Labelled, group_codes, hold_out, label_codes
from calcigram.model.novelty import Novelty
from calcigram.oddities import ODDITIES, find_oddities
from calcigram.validate.impostors import KINDS, impostors

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features
    from calcigram.model.reader import Model
    from calcigram.readings import Readings

READ_SHARES: tuple[float, ...] = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of the clusters read along the abstention curve, the surest first."""

UNSEEN_FOLD = 0
"""Fold of the transfer test whose mechanisms the score for unseen ones is not fitted to."""


FEW = 8
"""Clusters of at most so many calcifications are also counted by themselves."""


def coverage_by_word(
    readings: Readings,
    truth: dict[str, npt.NDArray[Any]],
    n_calcifications: npt.NDArray[np.int64],
) -> pd.DataFrame:
    """Count how often the conformal set holds the true word: in all, for few, and word by word.

    Parameters
    ----------
    readings : Readings
        With sets.
    truth : dict of str to ndarray of int, shape (C,)
        By axis; -1 leaves a cluster out.
    n_calcifications : ndarray of int64, shape (C,)

    Returns
    -------
    pandas.DataFrame
        ``axis, word, clusters, coverage, set_size``; the word "all" stands for the axis, and the next
        for its clusters of at most `FEW` calcifications.
    """
    import pandas as pd

    rows = []
    for axis in AXES:
        words = AXES[axis].words
        sets, true = getattr(readings, f"{axis}_set"), truth[axis]
        held = sets[np.arange(len(true)), np.maximum(true, 0)]
        chosen = {str(word): true == code for code, word in enumerate(words)}
        few = (true >= 0) & (n_calcifications <= FEW)
        for word, rows_of in {"all": true >= 0, f"all, n <= {FEW}": few, **chosen}.items():
            n = int(rows_of.sum())
            mean = float(held[rows_of].mean()) if n else float("nan")
            size = float(sets[rows_of].sum(axis=1).mean()) if n else float("nan")
            rows.append((axis, word, n, mean, size))
    return pd.DataFrame(rows, columns=["axis", "word", "clusters", "coverage", "set_size"])


def abstention_curve(readings: Readings, truth: dict[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Return the accuracy over the surest clusters, one row per axis and share read.

    Parameters
    ----------
    readings : Readings
    truth : dict of str to ndarray of int, shape (C,)

    Returns
    -------
    pandas.DataFrame
        ``axis, read, accuracy, least_probability``: of the top words read.
    """
    import pandas as pd

    rows = []
    for axis in AXES:
        p, codes = getattr(readings, f"p_{axis}"), getattr(readings, axis)
        known = (truth[axis] >= 0) & np.isfinite(p[:, 0])
        top, right = p[known].max(axis=1), codes[known] == truth[axis][known]
        order = np.argsort(-top, kind="stable")
        for share in READ_SHARES:
            kept = order[: max(round(share * len(order)), 1)]
            if len(kept):
                rows.append((axis, share, float(right[kept].mean()), float(top[kept].min())))
    return pd.DataFrame(rows, columns=["axis", "read", "accuracy", "least_probability"])


def alarm_shares(novelty: Novelty, ordinary: ClusterSet, *, seed: int) -> dict[str, float]:
    """Return the share of each kind of impostor, and of the ordinary clusters, that raises an alarm.

    Parameters
    ----------
    novelty : Novelty
    ordinary : ClusterSet
        Impostors take their marks from them.
    seed : int
        Of the impostors.
    """
    sets = {"ordinary": ordinary} | {k: impostors(k, ordinary, seed=seed) for k in KINDS}
    return {kind: float(_alarms(novelty, clusters).mean()) for kind, clusters in sets.items()}


def unseen_alarm_shares(n: int, *, seed: int, n_jobs: int = 1) -> dict[str, float]:
    """Fit the score without one mechanism per class; return the alarms on those and on the others.

    Parameters
    ----------
    n : int
        Clusters to fit to, a fifth of them to set the threshold; half as many of each to judge.
    seed : int
    n_jobs : int

    Returns
    -------
    dict of str to float
        ``seen`` and ``unseen``: shares of ordinary clusters with an alarm.
    """
    from calcigram.simulate import simulate
    from calcigram.validate.transfer import make_folds

    fold = make_folds()[UNSEEN_FOLD]
    left_out = (*fold.arrangements, *fold.particles)
    seen: dict[str, Any] = {"exclude_mechanisms": left_out}
    clusters = simulate(n, seed=seed, grade="mixed", n_jobs=n_jobs, **seen)
    features, codes = extract_features(clusters), label_codes(clusters, "distribution")
    held_out = hold_out(group_codes(clusters), 0.2, np.random.default_rng(seed))
    novelty = Novelty.fit(features[~held_out], codes[~held_out], features[held_out])
    kinds = {"seen": seen, "unseen": {"only_mechanisms": left_out}}
    return {
        kind: float(
            _alarms(
                novelty,
                simulate(n // 2, seed=seed + k, grade="typical", n_jobs=n_jobs, **mechanisms),
            ).mean()
        )
        for k, (kind, mechanisms) in enumerate(kinds.items(), start=1)
    }


def known_truth(clusters: ClusterSet, features: Features) -> dict[str, npt.NDArray[np.int8]]:
    """Return the true codes by axis; -1 where unknown, or where the axis is not readable."""
    labelled = Labelled.of(clusters, features)
    return {axis: labelled.codes(axis) for axis in AXES}


def trust_figures(
    model: Model, fresh: ClusterSet, benchmark: ClusterSet, *, seed: int, n_jobs: int = 1
) -> dict[str, Any]:
    """Return all figures of trust, as JSON values.

    Parameters
    ----------
    model : Model
    fresh : ClusterSet
        Of the ranges the model was trained on, unseen: coverage and alarms.
    benchmark : ClusterSet
        Abstention, and why the two readers differ.
    seed : int
    n_jobs : int
    """
    from calcigram.classify import Classifier
    from calcigram.validate.disagreement import disagreements

    features = extract_features(fresh)
    readings, truth = model.read(features), known_truth(fresh, features)
    classifier = Classifier(model)
    found = classifier.read(benchmark)
    on_benchmark, true_on_benchmark = found.model, known_truth(benchmark, found.features)
    causes = disagreements(
        on_benchmark, found.rules, found.features, true_on_benchmark, classifier.rules
    )
    return {
        "coverage": COVERAGE,
        "n_fresh": len(fresh),
        "n_benchmark": len(benchmark),
        "seed": seed,
        "sets": coverage_by_word(readings, truth, features.n_calcifications).to_dict("records")
        if readings.distribution_set is not None
        else [],
        "abstention": abstention_curve(on_benchmark, true_on_benchmark).to_dict("records"),
        "alarms": alarm_shares(model.novelty, fresh, seed=seed) if model.novelty else {},
        "unseen_mechanisms": unseen_alarm_shares(len(fresh), seed=seed + 1, n_jobs=n_jobs),
        "disagreements": causes.to_dict("records"),
    }


def _alarms(novelty: Novelty, clusters: ClusterSet) -> npt.NDArray[np.bool_]:
    features = extract_features(clusters)
    return novelty.is_alarm(novelty(features)) | (find_oddities(clusters, features).codes >= 0)


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
