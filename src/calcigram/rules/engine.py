"""The rule reader: features -> pattern, which rules fired, and which just missed.

Applies the recognition rules to whole columns at a time. What follows from a pattern is looked up in the
rulebooks; the rules give no probabilities.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.consequences import shipped_rulebooks, views_of
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    AXES,
    CONCERNS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    Status,
    is_admissible,
)
from calcigram.readings import Readings
from calcigram.rules.recognition import Condition, Recognition, Rule, load_recognition

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.features.extract import Features

Mask = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]

_COMPARE: dict[str, Callable[[Float32, Any], Mask]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "known": lambda values, _: ~np.isnan(values),
    "missing": lambda values, _: np.isnan(values),
}

_CHUNK_ROWS = 4096


def condition_holds(condition: Condition, features: Features) -> Mask:
    """Return where a condition holds, bool, shape (C,); never where its feature is missing."""
    # A float32 threshold: 0.11 as float64 would lie above a float32 feature of 0.11.
    return _COMPARE[condition.comparison](
        features.column(condition.feature), np.float32(condition.value)
    )


class Trial:
    """The rules of one axis, all of whose conditions are tried at once.

    A few clusters at a time, as a server reads them, sixty calls of numpy would take longer than
    what they compute.

    Parameters
    ----------
    rules : sequence of Rule
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        conditions = [condition for rule in rules for condition in rule.conditions]
        self._features = tuple(condition.feature for condition in conditions)
        self._thresholds = np.array([[condition.value] for condition in conditions], np.float32)
        comparisons = np.array([condition.comparison for condition in conditions])
        self._alike = {name: np.flatnonzero(comparisons == name) for name in _COMPARE}
        self._first_of_rule = np.cumsum([0, *(len(rule.conditions) for rule in rules[:-1])])

    def fired(self, features: Features) -> Mask:
        """Return which rules fired, bool, shape (rules, C): all their conditions hold.

        Raises
        ------
        BadInputError
            A rule asks for a feature that is not there.
        """
        places = places_of(self._features, features.names)
        fired = np.empty((len(self._first_of_rule), len(features)), bool)
        for start in range(0, len(features), _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            values = features.values[rows, places].T
            holds = np.empty(values.shape, bool)
            for comparison, which in self._alike.items():
                holds[which] = _COMPARE[comparison](values[which], self._thresholds[which])
            np.logical_and.reduceat(holds, self._first_of_rule, axis=0, out=fired[:, rows])
        return fired


@lru_cache(maxsize=8)
def places_of(wanted: tuple[str, ...], names: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Return where features stand among the columns.

    Raises
    ------
    BadInputError
        One is not among them.
    """
    for name in wanted:
        if name not in names:
            raise BadInputError(
                "the name of a feature", source="recognition", column="feature", value=name
            )
    return np.array([names.index(name) for name in wanted], np.intp)


Codes = npt.NDArray[np.int8]

_NEAR_MISS_COLUMNS = (
    "cluster_id",
    "rule",
    "word",
    "condition",
    "feature",
    "value",
    "threshold",
    "relative_gap",
)


class RuleReader:
    """Read clusters by the recognition rules.

    Parameters
    ----------
    recognition : Recognition, optional
        The rules that ship, by default.

    Examples
    --------
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features.extract import extract_features
    >>> row = ClusterSet.from_arrays([0, 8], [0, 2, 4, 6, 8, 10, 12, 14], [0, 0, 0, 0, 0, 0, 0, 0.1])
    >>> readings = RuleReader().read(extract_features(row))
    >>> readings.to_dataframe()["distribution"].tolist(), readings.evidence.tolist()
    (['linear'], ['distribution.linear.straight'])
    """

    def __init__(self, recognition: Recognition | None = None) -> None:
        self.recognition = recognition if recognition is not None else load_recognition()
        self._trials = {axis: Trial(rules) for axis, rules in self.recognition.axes.items()}
        self._allowed_morphologies = _allowed_morphologies(self.recognition)
        self._evidence = _evidence(self.recognition)

    def read(self, features: Features) -> Readings:
        """Read every cluster.

        Parameters
        ----------
        features : Features
            C clusters.

        Returns
        -------
        Readings
            Labels by the first rule of each axis that fired; a morphology that is inadmissible with the
            distribution is passed over. Distribution is ``insufficient`` with fewer than 3
            calcifications; an axis on which no rule fired is ``unread``. All probabilities are
            NaN. ``evidence`` holds the ids of the deciding rules, distribution first, joined by
            ``|``.

        Raises
        ------
        BadInputError
            A rule asks for a feature that is not there.
        """
        decided = self._decide(features)
        distribution = _label_codes(
            self.recognition.distribution, decided["distribution"], "distribution"
        )
        distribution[self._too_few(features)] = AXES["distribution"].unread_code
        morphology = _label_codes(self.recognition.morphology, decided["morphology"], "morphology")
        n = len(features)
        return Readings(
            cluster_id=features.cluster_id,
            distribution=distribution,
            morphology=morphology,
            p_distribution=np.full((n, len(DISTRIBUTIONS)), np.nan, np.float32),
            p_morphology=np.full((n, len(MORPHOLOGIES)), np.nan, np.float32),
            **views_of(distribution, morphology, *shipped_rulebooks()),
            p_concern=np.full((n, len(CONCERNS)), np.nan, np.float32),
            evidence=self._evidence[decided["distribution"], decided["morphology"]],
            reader=f"rules {self.recognition.version}",
        )

    def near_misses(self, features: Features, tolerance: float = 0.1) -> pd.DataFrame:
        """Find the rules that one condition, narrowly failed, kept from changing the reading.

        Parameters
        ----------
        features : Features
        tolerance : float
            Greatest distance of the value from the threshold, as a share of the threshold.

        Returns
        -------
        pandas.DataFrame
            ``cluster_id, rule, word`` (what the rule would have named), ``condition, feature, value,
            threshold, relative_gap``; in the order of clusters, then of rules. Only rules tried before
            the one that decided, and that name another word.
        """
        import pandas as pd

        decided = self._decide(features)
        n_rules = len(self.recognition.distribution)
        possible = {
            "distribution": np.broadcast_to(~self._too_few(features), (n_rules, len(features))),
            "morphology": self._allowed_morphologies[:, decided["distribution"]],
        }
        parts: list[pd.DataFrame] = []
        for axis, rules in self.recognition.axes.items():
            words = _label_codes(rules, decided[axis], axis)
            last = np.where(decided[axis] < 0, len(rules), decided[axis])
            for index, rule in enumerate(rules):
                another_word = words != AXES[axis].labels.index(rule.word)
                among = possible[axis][index] & (index < last) & another_word
                parts += _near_misses_of(rule, features, among, tolerance)
        if not parts:
            return pd.DataFrame(columns=list(_NEAR_MISS_COLUMNS))
        found = pd.concat(parts).sort_values("row", kind="stable", ignore_index=True)
        return found[list(_NEAR_MISS_COLUMNS)]

    def _decide(self, features: Features) -> dict[str, Codes]:
        """Return for each axis the index of the first rule that fired; -1 where none did."""
        distribution = _first(self._trials["distribution"].fired(features))
        distribution[self._too_few(features)] = -1
        allowed = self._allowed_morphologies[:, distribution]
        morphology = _first(self._trials["morphology"].fired(features) & allowed)
        return {"distribution": distribution, "morphology": morphology}

    @staticmethod
    def _too_few(features: Features) -> Mask:
        return features.column("n_calcifications") < AXES["distribution"].min_calcifications


def _allowed_morphologies(recognition: Recognition) -> Mask:
    """Return which morphology rules go with which distribution rule; the last column is none.

    A morphology that makes no sense with the distribution is not named: shape (morphology rules,
    distribution rules + 1).
    """
    return np.array(
        [
            [is_admissible(d.word, m.word) for d in recognition.distribution] + [True]
            for m in recognition.morphology
        ]
    )


def _evidence(recognition: Recognition) -> npt.NDArray[np.object_]:
    """Return the joined ids of every pair of rules, none last: no text is built per cluster."""
    rows = [*(rule.id for rule in recognition.distribution), ""]
    columns = [*(rule.id for rule in recognition.morphology), ""]
    return np.array([["|".join(filter(None, (r, c))) for c in columns] for r in rows], dtype=object)


def _first(fired: Mask) -> Codes:
    """Return the index of the first of the rules that fired on each cluster; -1 where none."""
    return np.where(fired.any(axis=0), fired.argmax(axis=0), -1).astype(np.int8)


def _label_codes(rules: tuple[Rule, ...], decided: Codes, axis: str) -> Codes:
    labels = AXES[axis].labels
    words = [*(rule.word for rule in rules), Status.UNREAD]
    return np.array([labels.index(word) for word in words], np.int8)[decided]


def _near_misses_of(
    rule: Rule, features: Features, among: Mask, tolerance: float
) -> Iterator[pd.DataFrame]:
    """Yield the clusters in which exactly one condition of the rule failed, and by little."""
    import pandas as pd

    held = [condition_holds(condition, features) for condition in rule.conditions]
    one_failed = among & (np.sum(held, axis=0) == len(held) - 1)
    for condition, holds in zip(rule.conditions, held, strict=True):
        row = np.flatnonzero(one_failed & ~holds)
        value = features.column(condition.feature)[row].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.abs(value - condition.value) / abs(condition.value)
        near = gap <= tolerance  # false for NaN, so presence conditions never are near
        if near.any():
            yield pd.DataFrame(
                {
                    "row": row[near],
                    "cluster_id": features.cluster_id[row[near]],
                    "rule": rule.id,
                    "word": rule.word,
                    "condition": str(condition),
                    "feature": condition.feature,
                    "value": value[near],
                    "threshold": condition.value,
                    "relative_gap": gap[near],
                }
            )
