"""The sentence per cluster that says how two readings compare, and why to look at the cluster.

Words only; `verdicts` decides what agrees and what is to be reviewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.columns import Words
from calcigram.lexicon import (
    AXES,
    COMPARED,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    Compared,
    Concern,
    Status,
    is_admissible,
)
from calcigram.readings import Readings

WHY = {
    "opposed": "the two are opposed",
    "unsure_distribution": "the model's distribution has a probability below {}",
    "unsure_morphology": "the model's morphology has a probability below {}",
    "concern": "its most probable words alone would lead to another concern ({})",
    "conflict": "sources conflict ({})",
    "size": "the model's morphology does not go with the diameters ({})",
    "unlike": "nothing like it was among the clusters that the model was trained on",
    "artefact": "{}",
}
"""Why a cluster is to be reviewed: a flag and its words, with a place for what it is about."""

_STATUS_WORDS = {Status.INSUFFICIENT: "too few for a {}", Status.UNREAD: "{} unread"}

_COMPARED_AXES = {
    compared: tuple(axis for axis in AXES if compared in (Compared.BOTH, axis))
    for compared in Compared
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


def reason(
    model: Pattern,
    rules: Pattern,
    why: Mapping[str, str] | None = None,
    compared: Compared = Compared.BOTH,
) -> str:
    """Return the sentence for one cluster.

    Parameters
    ----------
    model, rules : Pattern
        The two readings.
    why : mapping of str to str, optional
        The flags of `WHY` that are raised, each with what it is about.
    compared : Compared
        On which axes the two have words.

    Returns
    -------
    str

    Examples
    --------
    >>> model = Pattern("linear", "fine_linear", Concern.SUSPICIOUS)
    >>> reason(model, model)
    'Model and rules agree: linear, fine linear; suspicious.'
    >>> reason(model, Pattern("grouped", "unread", Concern.SUSPICIOUS), compared=Compared.DISTRIBUTION)
    'Model reads linear, rules read grouped; morphology not compared, the rules could not read it
    (model: fine linear); both suspicious.'
    """
    labels = (model.distribution, model.morphology, rules.distribution, rules.morphology)
    clauses = [*_labels_compared(compared, *labels)]
    are_equal = clauses[0].startswith(_EQUAL)
    if are_equal and compared == Compared.BOTH and model.concern != rules.concern:
        clauses[0] = clauses[0].replace(_EQUAL, "Model and rules read the same words: ")
    clauses.append(_concerns(model.concern, rules.concern, both=not are_equal))
    clauses += _contradictions(model, rules)
    if why:
        named = [WHY[flag].format(why[flag]) for flag in WHY if flag in why]
        clauses.append("to review: " + ", and ".join(named))
    return "; ".join(clauses) + "."


_EQUAL = "Model and rules agree: "


@cache
def _labels_compared(compared: Compared, d1: str, m1: str, d2: str, m2: str) -> tuple[str, ...]:
    """Return what each reads where they can be compared, and which axis they cannot be on."""
    model, rules = Pattern(d1, m1, None).labels, Pattern(d2, m2, None).labels
    axes = _COMPARED_AXES[compared]
    differ = [axis for axis in axes if model[axis] != rules[axis]]
    if differ:
        one, other = (" and ".join(label_words(a, p[a]) for a in differ) for p in (model, rules))
        first = f"Model reads {one}, rules read {other}"
    elif axes:
        first = _EQUAL + ", ".join(label_words(axis, model[axis]) for axis in axes)
    else:
        first = "Model and rules cannot be compared"
    return first, *(_not_compared(a, model[a], rules[a]) for a in model if a not in axes)


def _not_compared(axis: str, model: str, rules: str) -> str:
    """Say why an axis could not be compared, and what the one reader that could read it reads."""
    readers = {"model": model, "rules": rules}
    unread = [name for name, label in readers.items() if label in tuple(Status)]
    if Status.INSUFFICIENT == model == rules:  # one alone: a model without this axis
        because = "too few calcifications"
    elif len(unread) == 2:
        because = "neither could read it"
    else:
        because = f"the {unread[0]} could not read it"
    read = [f"{name}: {label_words(axis, readers[name])}" for name in readers if name not in unread]
    return f"{axis} not compared, {because}{f' ({read[0]})' if read else ''}"


def label_words(axis: str, label: str) -> str:
    """Return a label in words, a status as what it says of its axis.

    Examples
    --------
    >>> label_words("morphology", "rod_like"), label_words("distribution", "insufficient")
    ('rod like', 'too few for a distribution')
    """
    if label in tuple(Status):
        return _STATUS_WORDS[Status(label)].format(axis)
    return label.replace("_", " ")


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


def sentences(
    model: Readings,
    rules: Readings,
    compared_on: npt.NDArray[np.int8],
    flags: Mapping[str, npt.NDArray[np.bool_]],
    about: Mapping[str, Words],
) -> Words:
    """Return the reason of each cluster, each combination that occurs written once.

    Parameters
    ----------
    model, rules : Readings
        Of C clusters.
    compared_on : ndarray of int8, shape (C,)
        Indices of `lexicon.COMPARED`.
    flags : mapping of str to ndarray of bool, shape (C,)
        For each of `WHY`, where it is raised.
    about : mapping of str to Words, length C
        What a flag is about, where its words have a place for that.
    """
    parts: list[tuple[npt.NDArray[Any], int]] = []
    for one in (model, rules):
        parts += [(getattr(one, name), len(axis.labels)) for name, axis in AXES.items()]
        parts.append((one.concern + 1, len(CONCERNS) + 1))
    parts.append((compared_on, len(COMPARED)))
    words = tuple(about[name].words if name in about else ("",) for name in WHY)
    for name, its_words in zip(WHY, words, strict=True):
        which = about[name].codes + 1 if name in about else 1
        parts.append((np.where(flags[name], which, 0), len(its_words) + 1))
    sizes = tuple(size for _, size in parts)
    keys = np.zeros(len(model), np.int64)
    for part, size in parts:
        keys = keys * size + part.astype(np.int64)
    combinations, which = np.unique(keys, return_inverse=True)
    texts = [_sentence(key, sizes, words) for key in combinations.tolist()]
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    codes = np.array([places[text] for text in texts], np.intp)
    return Words(codes[which], tuple(places))


@lru_cache(maxsize=10_000)
def _sentence(key: int, sizes: tuple[int, ...], words: tuple[tuple[str, ...], ...]) -> str:
    """Return the sentence of a combination, as `sentences` numbers them."""
    d1, m1, c1, d2, m2, c2, on, *raised = map(int, np.unravel_index(key, sizes))
    why = {
        name: its_words[code - 1]
        for name, its_words, code in zip(WHY, words, raised, strict=True)
        if code
    }
    return reason(
        Pattern.from_codes(d1, m1, c1 - 1), Pattern.from_codes(d2, m2, c2 - 1), why, COMPARED[on]
    )
