"""The one sentence that says how two readings of a cluster compare, and why to look at it.

Words only; `crosscheck` decides what agrees and what is to be reviewed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from calcigram.lexicon import (
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    Concern,
    Status,
    is_admissible,
)
from calcigram.oddities import ODDITIES

WHY = {
    "opposed": "the two are opposed",
    "sure": "they differ though the model is sure",
    "unsure_distribution": "the model's distribution has a probability below 0.5",
    "unsure_morphology": "the model's form has a probability below 0.5",
    "status": "not everything could be read",
    "unlike": "nothing like it was among the clusters that the model was trained on",
    **ODDITIES,
}
"""Why a cluster is to be reviewed: a flag and its words."""

_NOUNS: dict[tuple[str, str], str] = {
    ("distribution", Status.INSUFFICIENT): "too few for a distribution",
    ("distribution", Status.UNREAD): "distribution unread",
    ("morphology", Status.INSUFFICIENT): "too few for a form",
    ("morphology", Status.UNREAD): "form unread",
}

_VERBS: dict[tuple[str, str], tuple[str, str]] = {
    ("distribution", Status.INSUFFICIENT): ("finds too few", "for a distribution"),
    ("distribution", Status.UNREAD): ("leaves", "the distribution unread"),
    ("morphology", Status.INSUFFICIENT): ("finds too few", "for a form"),
    ("morphology", Status.UNREAD): ("leaves", "the form unread"),
}

_CONCERN_WORDS = {
    Concern.BENIGN: "benign",
    Concern.INTERMEDIATE: "of intermediate concern",
    Concern.SUSPICIOUS: "suspicious",
    None: "of unknown concern",
}


@dataclass(frozen=True)
class Pattern:
    """What one reader says: two labels and a concern, None where there is none."""

    distribution: str
    morphology: str
    concern: Concern | None

    @classmethod
    def from_codes(cls, distribution: int, morphology: int, concern: int) -> Pattern:
        """Make a pattern of the codes that `Readings` holds."""
        return cls(
            DISTRIBUTION_LABELS[distribution],
            MORPHOLOGY_LABELS[morphology],
            CONCERNS[concern] if concern >= 0 else None,
        )

    @property
    def labels(self) -> dict[str, str]:
        """The two labels by axis."""
        return {"distribution": self.distribution, "morphology": self.morphology}

    @property
    def is_contradiction(self) -> bool:
        """Whether both labels are words that make no sense together."""
        readable = self.distribution in DISTRIBUTIONS and self.morphology in MORPHOLOGIES
        return readable and not is_admissible(self.distribution, self.morphology)


def reason(model: Pattern, rules: Pattern, why: Collection[str] = ()) -> str:
    """Return the sentence for one cluster.

    Parameters
    ----------
    model, rules : Pattern
        The two readings.
    why : collection of str
        The flags of `WHY` that are raised.

    Returns
    -------
    str

    Examples
    --------
    >>> model = Pattern("linear", "fine_linear", Concern.SUSPICIOUS)
    >>> reason(model, model)
    'Model and rules agree: linear, fine linear; suspicious.'
    >>> reason(model, Pattern("grouped", "fine_linear", Concern.SUSPICIOUS))
    'Model reads linear, rules read grouped; both suspicious.'
    """
    what_each_reads, differ, *contradictions = _labels_compared(
        model.distribution, model.morphology, rules.distribution, rules.morphology
    )
    clauses = [what_each_reads, _concerns(model.concern, rules.concern, both=bool(differ))]
    clauses += contradictions
    if why:
        clauses.append("to review: " + ", and ".join(WHY[flag] for flag in WHY if flag in why))
    return "; ".join(clauses) + "."


@cache
def _labels_compared(d1: str, m1: str, d2: str, m2: str) -> tuple[str, ...]:
    """Return what each reads, the axes that differ (as one word), and pairs that make no sense."""
    model, rules = Pattern(d1, m1, None), Pattern(d2, m2, None)
    axes = [axis for axis, label in model.labels.items() if rules.labels[axis] != label]
    if axes:
        both = (
            f"Model {_reads(model, axes, plural=False)}, rules {_reads(rules, axes, plural=True)}"
        )
    else:
        nouns = ", ".join(label_words(axis, label) for axis, label in model.labels.items())
        both = f"Model and rules agree: {nouns}"
    return both, "+".join(axes), *_contradictions(model, rules)


def label_words(axis: str, label: str) -> str:
    """Return a label in words, a status as what it says of its axis.

    Examples
    --------
    >>> label_words("morphology", "rod_like"), label_words("distribution", "insufficient")
    ('rod like', 'too few for a distribution')
    """
    return _NOUNS.get((axis, label), label.replace("_", " "))


def _reads(pattern: Pattern, axes: list[str], *, plural: bool) -> str:
    """Return "reads segmental and leaves the form unread", or the same of several."""
    phrases: list[tuple[str, str]] = []
    for axis in axes:
        label = pattern.labels[axis]
        verb, rest = _VERBS.get((axis, label), ("reads", label_words(axis, label)))
        phrases.append((verb, rest))
    if [verb for verb, _ in phrases] == ["reads", "reads"]:
        phrases = [("reads", f"{phrases[0][1]} and {phrases[1][1]}")]
    return " and ".join(f"{_verb(verb, plural)} {rest}" for verb, rest in phrases)


def _verb(verb: str, plural: bool) -> str:
    first, *others = verb.split()
    return " ".join([first.removesuffix("s") if plural else first, *others])


def _concerns(model: Concern | None, rules: Concern | None, *, both: bool) -> str:
    if model != rules:
        return f"{_CONCERN_WORDS[model]} by the model, {_CONCERN_WORDS[rules]} by the rules"
    if model is None:
        return "no concern follows"
    return f"both {_CONCERN_WORDS[model]}" if both else _CONCERN_WORDS[model]


def _contradictions(model: Pattern, rules: Pattern) -> list[str]:
    owners: dict[tuple[str, ...], list[str]] = {}
    for name, pattern in (("model", model), ("rules", rules)):
        if pattern.is_contradiction:
            nouns = tuple(label_words(axis, label) for axis, label in pattern.labels.items())
            owners.setdefault(nouns, []).append(name)
    return [
        f"{' and '.join(nouns)} ({' and '.join(names)}) do not go together"
        for nouns, names in owners.items()
    ]
