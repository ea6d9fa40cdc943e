"""The recognition rules as data: which thresholds name which distribution and morphology.

Read from ``rulebooks/recognition.toml`` and checked; they are applied to features in
`calcigram.rules.engine`. Both rulebooks share them. They are fixed from the literature
and never tuned on simulated clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from calcigram.lexicon import AXES
from calcigram.rulebooks import Entry, check_unique, read_rule_file

COMPARISONS: tuple[str, ...] = ("<", "<=", ">", ">=", "known", "missing")
BASES: tuple[str, ...] = ("definition", "geometry", "judgement")

_PRESENCE = ("known", "missing")
_CONDITION_KEYS = ("feature", "comparison", "value", "unit", "basis", "source", "why")


@dataclass(frozen=True)
class Condition:
    """One comparison of a feature.

    Attributes
    ----------
    feature : str
        Name in the feature catalogue.
    comparison : str
        ``<``, ``<=``, ``>``, ``>=``, or ``known`` or ``missing``.
    value : float
        Threshold in `unit`; NaN for ``known`` and ``missing``.
    unit : str
        Unit of the feature, ``"1"`` for a ratio or number; empty for ``known`` and ``missing``.
    basis : str
        ``definition``: the number stands in the source; ``geometry``: it follows from a shape or
        from chance; ``judgement``: it is calcigram's.
    source, why : str
    """

    feature: str
    comparison: str
    value: float
    unit: str
    basis: str
    source: str
    why: str

    def __str__(self) -> str:
        if self.comparison in _PRESENCE:
            return f"{self.feature} {self.comparison}"
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{self.feature} {self.comparison} {self.value:g}{unit}"


@dataclass(frozen=True)
class Rule:
    """A conjunction of conditions that names a word of one axis."""

    id: str
    word: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Recognition:
    """The rules of both axes, each list in the order in which its rules are tried.

    Attributes
    ----------
    version : str
        Goes up with every change of a threshold.
    distribution, morphology : tuple of Rule
    """

    version: str
    distribution: tuple[Rule, ...]
    morphology: tuple[Rule, ...]

    @property
    def axes(self) -> dict[str, tuple[Rule, ...]]:
        """The two lists by the name of their axis."""
        return {"distribution": self.distribution, "morphology": self.morphology}

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that any condition asks for, each once."""
        return tuple(
            dict.fromkeys(
                condition.feature
                for rules in self.axes.values()
                for rule in rules
                for condition in rule.conditions
            )
        )


def load_recognition(path: str | Path = "recognition") -> Recognition:
    """Load and check the recognition rules.

    Parameters
    ----------
    path : str or Path
        The rules that ship, or the path of a TOML file of the same layout.

    Raises
    ------
    BadInputError
        An unknown word, key, comparison or basis; an id missing or standing twice; a value that
        is no number; a word that no rule can name.

    Examples
    --------
    >>> rule = load_recognition().distribution[0]
    >>> rule.word, str(rule.conditions[0])
    ('diffuse', 'breast_share >= 0.5')
    """
    file = read_rule_file(path, ["name", "version", *AXES])
    entries = {axis: file.tables(axis, ("id", "word", "condition")) for axis in AXES}
    check_unique([entry for axis in entries.values() for entry in axis])
    rules = {}
    for axis, words in ((name, axis.words) for name, axis in AXES.items()):
        rules[axis] = tuple(_rule(entry, words) for entry in entries[axis])
        unnamed = [word for word in words if word not in {rule.word for rule in rules[axis]}]
        if unnamed:
            raise file.error(axis, "a rule for every word", f"none for {unnamed[0]}")
    return Recognition(file.text("version"), **rules)


def _rule(entry: Entry, words: tuple[str, ...]) -> Rule:
    identity, word = entry.text("id"), str(entry.word("word", words))
    conditions = tuple(_condition(item) for item in entry.tables("condition", _CONDITION_KEYS))
    if not conditions:
        raise entry.error("condition", "at least one condition")
    return Rule(identity, word, conditions)


def _condition(entry: Entry) -> Condition:
    comparison = str(entry.word("comparison", COMPARISONS))
    value = entry.values.get("value", math.nan)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if comparison in _PRESENCE:
        if "value" in entry.values:
            raise entry.error("value", f"no value beside {comparison!r}")
    elif not is_number or not math.isfinite(value):
        raise entry.error("value", "a finite number", entry.values.get("value", "nothing"))
    return Condition(
        entry.text("feature"),
        comparison,
        float(value),
        entry.text("unit", empty=comparison in _PRESENCE),
        str(entry.word("basis", BASES)),
        entry.text("source"),
        entry.text("why"),
    )
