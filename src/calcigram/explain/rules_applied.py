"""The rules on one cluster: which decided, which just missed, and by how much each condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calcigram.explain.contributions import feature_words, with_unit
from calcigram.rules.engine import condition_holds

if TYPE_CHECKING:
    from calcigram.readings import Readings
    from calcigram.rules.engine import RuleReader
    from calcigram.rules.recognition import Condition, Rule

TOLERANCE = 0.25
"""A rule just missed where one condition failed by at most this share of its threshold."""

_SYMBOLS = {"<=": "≤", ">=": "≥"}


@dataclass(frozen=True)
class ConditionApplied:
    """One condition of a rule on one cluster.

    Attributes
    ----------
    feature, comparison, unit : str
    threshold, value : float
        NaN threshold where presence is asked for, NaN value where the feature is unknown.
    holds : bool
    """

    feature: str
    comparison: str
    threshold: float
    value: float
    unit: str
    holds: bool

    @property
    def margin(self) -> float:
        """Distance of the value from the threshold in its unit: above 0 where it holds."""
        gap = abs(self.value - self.threshold)
        return gap if self.holds else -gap

    @property
    def words(self) -> str:
        """The condition in words, with the margin."""
        name = feature_words(self.feature)
        if self.threshold != self.threshold:
            return f"{name} {self.comparison}"
        sign = _SYMBOLS.get(self.comparison, self.comparison)
        threshold = with_unit(self.threshold, self.unit)
        found = f"{name} = {with_unit(self.value, self.unit)} {sign} {threshold}"
        if self.margin == 0:
            return f"{found}, just {'holds' if self.holds else 'missed'}"
        by = with_unit(abs(self.margin), self.unit)
        return f"{found}, {'holds' if self.holds else 'missed'} by {by}"


@dataclass(frozen=True)
class RuleApplied:
    """One rule on one cluster: its id, the word it names and its conditions."""

    rule: str
    word: str
    conditions: tuple[ConditionApplied, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "rule": self.rule,
            "word": self.word,
            "conditions": [vars(c) | {"margin": c.margin} for c in self.conditions],
        }


def rules_applied(reader: RuleReader, features: Any, readings: Readings) -> tuple[RuleApplied, ...]:
    """Return the rules that decided, distribution first.

    Parameters
    ----------
    reader : RuleReader
    features : Features
        Of one cluster.
    readings : Readings
        By `reader`, of that cluster.
    """
    fired = str(readings.evidence[0]).split("|")
    return tuple(_apply(rule, features) for rule in _rules(reader) if rule.id in fired)


def just_missed(
    reader: RuleReader, features: Any, tolerance: float = TOLERANCE
) -> tuple[RuleApplied, ...]:
    """Return the rules that one condition kept from changing the reading, the nearest first.

    Parameters
    ----------
    reader : RuleReader
    features : Features
        Of one cluster.
    tolerance : float
        As in `RuleReader.near_misses`.
    """
    misses = reader.near_misses(features, tolerance).sort_values("relative_gap", kind="stable")
    by_id = {rule.id: rule for rule in _rules(reader)}
    return tuple(_apply(by_id[name], features) for name in misses["rule"])


def _rules(reader: RuleReader) -> list[Rule]:
    return [rule for rules in reader.recognition.axes.values() for rule in rules]


def _apply(rule: Rule, features: Any) -> RuleApplied:
    return RuleApplied(
        rule.id, str(rule.word), tuple(_apply_condition(c, features) for c in rule.conditions)
    )


def _apply_condition(condition: Condition, features: Any) -> ConditionApplied:
    return ConditionApplied(
        condition.feature,
        condition.comparison,
        condition.value,
        float(features.column(condition.feature)[0]),
        condition.unit or "1",
        bool(condition_holds(condition, features)[0]),
    )
