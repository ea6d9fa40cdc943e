"""How far a model may be trusted: coverage of its sets, accuracy where it is sure, alarms.

On clusters whose truth is known. The sets' promise holds for clusters like those held out at
training, so coverage is counted on fresh ones of the training ranges; alarms are counted on
impostors, on ordinary clusters, and on mechanisms that the novelty score was not fitted to.
Why two readers differ is counted over many clusters: a threshold near miss, a missing mark, noise, or a
real disagreement; `explain` says why one cluster was read as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.classify import Classifier
from calcigram.features.catalogue import CATALOGUE
from calcigram.features.extract import extract_features
from calcigram.lexicon import AXES
from calcigram.model.calibrate import COVERAGE
from calcigram.model.labels import Labelled, group_codes, hold_out, label_codes
from calcigram.model.novelty import Novelty
from calcigram.oddities import find_oddities
from calcigram.rules.engine import RuleReader, Trial, condition_holds
from calcigram.validate.impostors import KINDS, impostors

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features
    from calcigram.model.reader import Model
    from calcigram.readings import Readings
    from calcigram.rules.recognition import Rule

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


CAUSES: dict[str, str] = {
    "missing mark": "a reader left the axis unread, or a rule for the model's word asks for an unknown mark and fails in nothing else",
    "near miss": "a rule for the model's word failed by one threshold, or the deciding rule held by one and the next would name that word; by at most a tenth",
    "noise": "the two words cannot be distinguished: the model's conformal set contains both",
    "real": "none of these: the model's set leaves the rules' word out, and no threshold is near",
}
"""Causes of a disagreement on one axis, and their words; the first that holds is named."""

TOLERANCE = 0.1
"""Greatest distance from a threshold, as a share of it, that is near."""

_RESTS_ON_MARKS = {spec.name for spec in CATALOGUE if spec.needs}

Mask = npt.NDArray[np.bool_]


def causes_of_disagreement(
    model: Readings, rules: Readings, features: Features, ruler: RuleReader | None = None
) -> dict[str, npt.NDArray[np.object_]]:
    """Say why two readings of a cluster differ.

    Parameters
    ----------
    model, rules : Readings
        Of the same C clusters; `rules` by `ruler`.
    features : Features
        Of these clusters.
    ruler : RuleReader, optional
        The rules that ship, by default.

    Returns
    -------
    dict of str to ndarray of object (str), shape (C,)
        By axis: one of `CAUSES`, empty where both read the same.
    """
    ruler = ruler or RuleReader()
    near = ruler.near_misses(features, TOLERANCE)
    missed = set(zip(near["rule"], near["cluster_id"], strict=True))
    return {
        axis: _causes(axis, model, rules, features, ruler.recognition.axes[axis], missed)
        for axis in AXES
    }


def disagreements(
    model: Readings,
    rules: Readings,
    features: Features,
    truth: Mapping[str, npt.ArrayLike],
    ruler: RuleReader | None = None,
) -> pd.DataFrame:
    """Count the disagreements by cause, and who was right.

    Parameters
    ----------
    model, rules, features
        As for `causes_of_disagreement`.
    truth : mapping of str to array_like of int, shape (C,)
        By axis, codes of the lexicon's words; -1 where the truth is unknown.
    ruler : RuleReader, optional

    Returns
    -------
    pandas.DataFrame
        One row per axis and cause: ``axis, cause, clusters, share`` (of all clusters),
        ``model_right, rules_right`` (of those with a known truth).
    """
    import pandas as pd

    rows = []
    for axis, causes in causes_of_disagreement(model, rules, features, ruler).items():
        true = np.asarray(truth[axis])
        for cause in CAUSES:
            chosen = causes == cause
            known = chosen & (true >= 0)
            right = [
                float((getattr(reading, axis)[known] == true[known]).mean())
                if known.any()
                else float("nan")
                for reading in (model, rules)
            ]
            share = float(chosen.mean()) if len(chosen) else float("nan")
            rows.append((axis, cause, int(chosen.sum()), share, *right))
    columns = ["axis", "cause", "clusters", "share", "model_right", "rules_right"]
    return pd.DataFrame(rows, columns=columns)


def _causes(
    axis: str,
    model: Readings,
    rules: Readings,
    features: Features,
    axis_rules: tuple[Rule, ...],
    missed: set[tuple[str, Any]],
) -> npt.NDArray[np.object_]:
    words, labels = AXES[axis].words, AXES[axis].labels
    one, other = getattr(model, axis), getattr(rules, axis)
    decided = _decided(rules, axis_rules)
    lacking, near = np.zeros(len(model), bool), np.zeros(len(model), bool)
    for index, rule in enumerate(axis_rules):
        tried_before = (decided < 0) | (index < decided)
        names_it = tried_before & (one == labels.index(rule.word))
        lacking |= names_it & _lacks_only_marks(rule, features)
        near |= names_it & np.array([(rule.id, name) in missed for name in model.cluster_id], bool)
    near |= _next_would_agree(one, decided, axis_rules, labels, features)
    unread = (one >= len(words)) | (other >= len(words))
    return np.select(
        [one == other, unread | lacking, near, _holds_both(model, axis, other, len(words))],
        ["", "missing mark", "near miss", "noise"],
        "real",
    ).astype(object)


def _decided(rules: Readings, axis_rules: tuple[Rule, ...]) -> npt.NDArray[np.int64]:
    """Return the place of the rule that decided; -1 where none did."""
    place = {rule.id: k for k, rule in enumerate(axis_rules)}
    found = [
        next((place[rule] for rule in str(evidence).split("|") if rule in place), -1)
        for evidence in rules.evidence
    ]
    return np.array(found, np.int64)


def _lacks_only_marks(rule: Rule, features: Features) -> Mask:
    """Return where every condition holds but those whose feature rests on an unknown mark."""
    lacking, failed = np.zeros(len(features), bool), np.zeros(len(features), bool)
    for condition in rule.conditions:
        unknown = np.isnan(features.column(condition.feature))
        unknown &= condition.feature in _RESTS_ON_MARKS
        lacking |= unknown
        failed |= ~condition_holds(condition, features) & ~unknown
    return lacking & ~failed


def _next_would_agree(
    codes: npt.NDArray[Any],
    decided: npt.NDArray[np.int64],
    axis_rules: tuple[Rule, ...],
    labels: tuple[str, ...],
    features: Features,
) -> Mask:
    """Return where the rule that decided barely held, and the next that fires names `codes`."""
    upcoming, fired = np.full(len(features), -1), Trial(axis_rules).fired(features)
    agrees = np.zeros(len(features), bool)
    for index in reversed(range(len(axis_rules))):
        rule = axis_rules[index]
        barely = np.zeros(len(features), bool)
        for condition in rule.conditions:
            if condition.value == condition.value and condition.value != 0:
                gap = np.abs(features.column(condition.feature) - condition.value)
                barely |= gap <= TOLERANCE * abs(condition.value)
        agrees |= (decided == index) & barely & (upcoming == codes)
        upcoming[fired[index]] = labels.index(rule.word)
    return agrees


def _holds_both(model: Readings, axis: str, other: npt.NDArray[Any], n_words: int) -> Mask:
    sets = getattr(model, f"{axis}_set")
    if sets is None:
        return np.zeros(len(model), bool)
    return np.asarray(sets[np.arange(len(model)), np.clip(other, 0, n_words - 1)])
