"""Conditions of rules tried on features: one by one, or all of an axis at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.rules.recognition import Condition, Rule

if TYPE_CHECKING:
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
