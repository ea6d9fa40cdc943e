"""Why two readers differ: a threshold near miss, a missing mark, noise, or a real disagreement.

It counts causes over many clusters; `explain` says why one cluster was read as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.features.catalogue import CATALOGUE
from calcigram.lexicon import AXES
from calcigram.rules.engine import RuleReader, condition_holds

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.features.extract import Features
    from calcigram.readings import Readings
    from calcigram.rules.recognition import Rule

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
    upcoming = np.full(len(features), -1)
    agrees = np.zeros(len(features), bool)
    for index in reversed(range(len(axis_rules))):
        rule = axis_rules[index]
        barely = np.zeros(len(features), bool)
        for condition in rule.conditions:
            if condition.value == condition.value and condition.value != 0:
                gap = np.abs(features.column(condition.feature) - condition.value)
                barely |= gap <= TOLERANCE * abs(condition.value)
        agrees |= (decided == index) & barely & (upcoming == codes)
        fires = np.logical_and.reduce(
            [np.ones(len(features), bool), *(condition_holds(c, features) for c in rule.conditions)]
        )
        upcoming[fires] = labels.index(rule.word)
    return agrees


def _holds_both(model: Readings, axis: str, other: npt.NDArray[Any], n_words: int) -> Mask:
    sets = getattr(model, f"{axis}_set")
    if sets is None:
        return np.zeros(len(model), bool)
    return np.asarray(sets[np.arange(len(model)), np.clip(other, 0, n_words - 1)])
