"""`explain`: why one cluster was read as it was.

`rules_applied` and `just_missed` give the rules that decided, those that just missed, and the margin of
each condition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.columns import frame_of
from calcigram.errors import BadInputError
from calcigram.explain.influences import Change, WhyThisWord, smallest_changes, why_this_word
from calcigram.features.catalogue import feature_words, with_unit
from calcigram.lexicon import AXES, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS
from calcigram.readings import RISK_COLUMNS
from calcigram.rules.engine import condition_holds
from calcigram.wording import plain

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.classify import Reading
    from calcigram.clusters import ClusterSet
    from calcigram.features.extra import Extra
    from calcigram.figure import Picture
    from calcigram.formats.files import PathLike
    from calcigram.model.exemplars import Exemplars
    from calcigram.model.reader import Model
    from calcigram.readings import Readings
    from calcigram.rules.engine import RuleReader
    from calcigram.rules.recognition import Rule

N_EXAMPLES = 5


@dataclass(frozen=True)
class Example:
    """A training cluster that is like the one explained.

    Attributes
    ----------
    name : str
    distribution, morphology : str
        What it truly is; empty where it was not labelled.
    likeness : float
        Share of the trees of both heads in which the two end in the same leaf.
    """

    name: str
    distribution: str
    morphology: str
    likeness: float


@dataclass(frozen=True)
class Explanation:
    """Why one cluster was read as it was.

    Attributes
    ----------
    cluster_id : str
    n_calcifications : int
    model : dict
        The model's words, their probabilities and conformal sets, the most probable concern with
        its probability, what BI-RADS says of the words, and the novelty.
    rules : dict
        The rules' words, and both concerns that follow.
    review : bool
        Whether a person should look.
    reason : str
        How the two compare, and why to look, as the verdict table has it.
    why : tuple of WhyThisWord
        One for each axis the model read; empty where the model keeps no exemplars.
    fired, missed : tuple of RuleApplied
        The rules that decided, and those that one condition kept from deciding.
    examples : tuple of Example
        The most alike first.
    changes : tuple of Change
        That would turn the model's concern.
    risk : dict
        ``p_malignant`` with its interval: of CBIS-DDSM's lesions described so, an enriched cohort;
        neither a prevalence nor a diagnosis.
    model_version : str
    """

    cluster_id: str
    n_calcifications: int
    model: dict[str, Any]
    rules: dict[str, Any]
    review: bool
    reason: str
    why: tuple[WhyThisWord, ...]
    fired: tuple[RuleApplied, ...]
    missed: tuple[RuleApplied, ...]
    examples: tuple[Example, ...]
    changes: tuple[Change, ...]
    risk: dict[str, float]
    model_version: str
    cluster: ClusterSet = field(repr=False)

    def __repr__(self) -> str:
        model, rules = (
            ", ".join(plain([words["distribution"], words["morphology"]]))
            for words in (self.model, self.rules)
        )
        return f"<Explanation of cluster {self.cluster_id!r}: model {model}; rules {rules}>"

    def _repr_png_(self) -> bytes:
        """Return the picture, for notebooks."""
        return self.plot()._repr_png_()

    def to_text(self, width: int = 79) -> str:
        """Return the explanation as text that fits a terminal."""
        from calcigram.explain.text import explanation_text

        return explanation_text(self, width)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        plain = {k: v for k, v in vars(self).items() if k not in ("cluster", "why")}
        for name in ("fired", "missed", "examples", "changes"):
            plain[name] = [one.to_dict() if hasattr(one, "to_dict") else vars(one) for one in getattr(self, name)]  # fmt: skip
        return plain | {"why": [why.to_dict() for why in self.why]}

    def plot(self) -> Picture:
        """Draw the cluster beside what moved the model, by family."""
        from calcigram.explain.text import explanation_picture

        return explanation_picture(self)


def explain(
    cluster: ClusterSet | pd.DataFrame | PathLike,
    model: Model | str | Path | None = None,
    *,
    reference: ClusterSet | None = None,
    n_examples: int = N_EXAMPLES,
    changes: bool = True,
    extra: Extra | None = None,
) -> Explanation:
    """Say why a cluster is read as it is, by the model and by the rules.

    Parameters
    ----------
    cluster : ClusterSet, pandas.DataFrame or path-like
        One cluster, as `classify` takes it; choose it with ``clusters[i]`` or ``clusters["A7"]``.
    model : Model or path-like, optional
        By default the model that ships with calcigram.
    reference : ClusterSet, optional
        Labelled clusters to compare with, in place of the exemplars the model keeps.
    n_examples : int
        How many of the most alike to name.
    changes : bool
        Search for what would turn the concern; it takes the most time.
    extra : mapping, optional
        Functions of a model's own features, as `extract_features` takes them.

    Returns
    -------
    Explanation

    Raises
    ------
    BadInputError
        Not exactly one cluster, or the model needs features of its own that `extra` lacks.

    Notes
    -----
    The contributions are exact Shapley values of the trees (`model.attribution`), of the log-odds
    of the word read against the next most probable, after calibration; what is expected of an
    unknown feature follows the exemplars. They are of each head by itself, before words that make
    no sense together give way.

    Examples
    --------
    >>> import calcigram
    >>> clusters = calcigram.simulate(40, seed=1)
    >>> found = calcigram.explain(clusters[0], reference=clusters, changes=False)
    >>> [why.axis for why in found.why]
    ['distribution', 'morphology']
    """
    from calcigram.classify import Classifier
    from calcigram.features.extract import extract_features
    from calcigram.formats.registry import as_clusters

    cluster = as_clusters(cluster)
    if len(cluster) != 1:
        raise BadInputError("one cluster", source="explain", value=f"{len(cluster)} clusters")
    classifier = Classifier(model, extra=extra)
    reader, ruler = classifier.model, classifier.rules
    found = classifier.read(cluster)
    features, verdict = found.features, frame_of(found.columns()).iloc[0]
    exemplars = _exemplars(reader, reference, extra)
    if exemplars:
        features = reader.aligned(features)

    def read(changed: ClusterSet) -> Readings:
        return reader.read(extract_features(changed, extra=extra))  # type: ignore[no-any-return]

    return Explanation(
        str(cluster.cluster_id[0]),
        int(cluster.n_calcifications[0]),
        _model_words(verdict, found),
        _words(verdict, "rule_", birads="birads_concern"),
        bool(verdict["review"]),
        str(verdict["reason"]),
        _why(reader, found.model, features, exemplars),
        rules_applied(ruler, features, found.rules),
        just_missed(ruler, features),
        _examples(reader, features, exemplars, n_examples),
        tuple(smallest_changes(cluster, read)) if changes else (),
        {name: float(verdict[name]) for name in RISK_COLUMNS},
        reader.version,
        cluster,
    )


def _exemplars(model: Any, reference: ClusterSet | None, extra: Extra | None) -> Exemplars | None:
    from calcigram.features.extract import extract_features
    from calcigram.model.exemplars import Exemplars
    from calcigram.model.labels import Labelled

    if reference is None:
        kept: Exemplars | None = getattr(model, "exemplars", None)
        return kept
    features = model.aligned(extract_features(reference, extra=extra))
    return Exemplars.choose(Labelled.of(reference, features))


def _why(
    model: Any, readings: Readings, features: Any, exemplars: Exemplars | None
) -> tuple[WhyThisWord, ...]:
    from calcigram.features.catalogue import FEATURE_NAMES
    from calcigram.model.head import is_readable

    if not exemplars:
        return ()
    case = "form_known" if is_readable(features, "morphology")[0] else "form_unknown"
    extra = features.names[len(FEATURE_NAMES) :]
    read = (readings.p_distribution[0], readings.p_morphology[0])
    return tuple(
        why_this_word(head, features.values[0], p, case, exemplars, extra)
        for head, p in zip(model.heads, read, strict=True)
        if np.isfinite(p[0])
    )


def _examples(
    model: Any, features: Any, exemplars: Exemplars | None, n_examples: int
) -> tuple[Example, ...]:
    from calcigram.model.exemplars import shared_leaves
    from calcigram.model.head import is_readable

    known = is_readable(features, "morphology")[0]
    heads = [head for head in (model.heads if known else model.heads[:1]) if head.classes]
    if not heads or not exemplars:
        return ()
    leaves = [shared_leaves(head.forest, features.values, exemplars)[0] for head in heads]
    alike = np.mean(leaves, axis=0)
    distributions, morphologies = (*DISTRIBUTION_LABELS, ""), (*MORPHOLOGY_LABELS, "")  # -1 is none
    return tuple(
        Example(
            exemplars.names[i],
            str(distributions[exemplars.distribution[i]]),
            str(morphologies[exemplars.morphology[i]]),
            float(alike[i]),
        )
        for i in np.argsort(-alike, kind="stable")[:n_examples]
    )


def _words(verdict: pd.Series, reader: str, birads: str) -> dict[str, Any]:
    """Return the words of a reader, None where one is missing."""
    columns = {name: f"{reader}{name}" for name in ("distribution", "morphology", "concern")}
    columns["birads_concern"] = birads
    return {
        key: verdict[name] if isinstance(verdict[name], str) else None
        for key, name in columns.items()
    }


def _model_words(verdict: pd.Series, found: Reading) -> dict[str, Any]:
    words = _words(verdict, "", birads="model_birads_concern")
    sets = {name: verdict[name] for name in (f"{axis}_set" for axis in AXES)}
    chances = (f"{axis}_probability" for axis in AXES)
    concern = words["concern"]
    return {
        **words,
        **{name: value if isinstance(value, str) else None for name, value in sets.items()},
        **{name: float(verdict[name]) for name in chances},
        "concern_probability": float("nan") if concern is None else float(verdict[f"p_{concern}"]),
        "novelty": float(verdict["novelty"]),
        "unlike_training": bool(verdict["unlike_training"]),
        "looks_like": found.artefacts.tolist()[0],
    }


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
    conditions = (
        ConditionApplied(
            condition.feature,
            condition.comparison,
            condition.value,
            float(features.column(condition.feature)[0]),
            condition.unit or "1",
            bool(condition_holds(condition, features)[0]),
        )
        for condition in rule.conditions
    )
    return RuleApplied(rule.id, str(rule.word), tuple(conditions))
