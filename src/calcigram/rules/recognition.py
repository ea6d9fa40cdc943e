"""The recognition rules as data: which thresholds name which distribution and morphology; the rules as tables.

Read from ``rulebooks/recognition.toml`` and checked; they are applied to features in `calcigram.rules.engine`.
Both rulebooks share them. They are fixed from the literature and never tuned on simulated clusters.
Remarks of a rulebook on readings (the heart arteries, several regions) change no concern; a remark is an
association that somebody reported, never a diagnosis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.consequences import Rulebook, label_mask, load_rulebook
from calcigram.lexicon import (
    AXES,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    Status,
)
from calcigram.rulebooks import Entry, check_unique, read_rule_file

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.readings import Readings

COMPARISONS: tuple[str, ...] = ("<", "<=", ">", ">=", "known", "missing")
BASES: tuple[str, ...] = ("definition", "geometry", "judgement")

_LINE_COLUMNS = (
    "id", "distribution", "form", "concern", "origin", "advice", "advises", "tag", "document", "heading", "why",
)  # fmt: skip
_CONDITION_COLUMNS = ("feature", "comparison", "value", "unit", "basis", "why", "source")
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


def rulebook_table(name_or_path: str | Path) -> pd.DataFrame:
    """Return a rulebook's lines, one row per line, in the order in which they are tried.

    Parameters
    ----------
    name_or_path : str or Path
        As `load_rulebook` takes it.

    Returns
    -------
    pandas.DataFrame
        ``id, distribution, form`` (the words it holds for, ``any`` for all of them), ``concern,
        origin`` (empty where the line gives none), ``advice, advises, tag, document, heading, why``.

    Examples
    --------
    >>> rulebook_table("article").loc[0, ["id", "form", "concern", "tag"]].tolist()
    ['article.vascular', 'vascular', 'benign', 'inferred']
    """
    import pandas as pd

    rows = []
    for line in load_rulebook(name_or_path).lines:
        place = _any_of(line.distributions, len(DISTRIBUTIONS) + 1)
        form = _any_of(line.morphologies, len(MORPHOLOGIES) + 1)
        given = {name: value or "" for name, value in vars(line).items()}
        rows.append(given | {"distribution": place, "form": form})
    return pd.DataFrame(rows)[list(_LINE_COLUMNS)]


def consequence_table(name_or_path: str | Path) -> pd.DataFrame:
    """Return the concern of every pair: distributions down, morphologies across.

    Examples
    --------
    >>> consequence_table("birads").loc["segmental", ["round", "amorphous"]].tolist()
    ['intermediate', 'suspicious']
    """
    import pandas as pd

    words = np.array([*map(str, CONCERNS), "no answer"], dtype=object)
    table = pd.DataFrame(
        words[load_rulebook(name_or_path).concern_codes],
        index=pd.Index(map(str, DISTRIBUTION_LABELS), name="distribution"),
        columns=list(map(str, MORPHOLOGY_LABELS)),
    )
    insufficient = str(Status.INSUFFICIENT)
    return table.drop(index=insufficient, columns=insufficient)


def recognition_table() -> pd.DataFrame:
    """Return the recognition rules, one row a condition, in the order in which they are tried.

    Returns
    -------
    pandas.DataFrame
        ``axis, rule, word, feature, comparison, value, unit, basis, why, source``.

    Examples
    --------
    >>> table = recognition_table()
    >>> table["axis"].unique().tolist()
    ['distribution', 'morphology']
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {"axis": axis, "rule": rule.id, "word": rule.word}
            | {name: getattr(condition, name) for name in _CONDITION_COLUMNS}
            for axis, rules in load_recognition().axes.items()
            for rule in rules
            for condition in rule.conditions
        ]
    )


def _any_of(words: tuple[str, ...], n_all: int) -> str:
    return "any" if len(words) == n_all else ", ".join(words)


def _images(meta: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number the images; a cluster without ``image_id`` is on one of its own."""
    image = np.full(len(meta), -1)
    if "image_id" in meta:
        image = meta["image_id"].factorize()[0]
    return np.where(image >= 0, image, len(meta) + np.arange(len(meta)))


def notes(
    readings: Readings, meta: pd.DataFrame | None = None, rulebook: Rulebook | None = None
) -> pd.DataFrame:
    """List the remarks a rulebook has on each reading.

    Parameters
    ----------
    readings : Readings
        C clusters.
    meta : pandas.DataFrame, shape (C, any), optional
        `ClusterSet.meta`; its ``image_id`` shows which clusters lie on one image. Without it the
        remarks on several clusters are left out.
    rulebook : Rulebook, optional
        The article, by default.

    Returns
    -------
    pandas.DataFrame
        ``cluster_id, note, text, source``; one row a remark, in the order of clusters.

    Examples
    --------
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features.extract import extract_features
    >>> from calcigram.rules import RuleReader
    >>> two = ClusterSet.from_arrays([0, 3, 6], [0, 30, 60, 0, 30, 60], [0, 9, 0, 9, 0, 9],
    ...                              meta={"image_id": ["a", "a"]})
    >>> notes(RuleReader().read(extract_features(two)), two.meta)["note"].unique().tolist()
    ['article.several_regions']
    """
    import pandas as pd

    book = load_rulebook("article") if rulebook is None else rulebook
    image = _images(pd.DataFrame(index=range(len(readings))) if meta is None else meta)
    n_on_image = np.bincount(image)[image]
    found: list[tuple[Any, ...]] = []
    for note in book.notes:
        others = [code for code, word in enumerate(CONCERNS) if word not in note.image_concern]
        graver = np.isin(readings.concern, others) | np.isin(readings.birads_concern, others)
        holds = (
            label_mask(DISTRIBUTION_LABELS, note.distributions)[readings.distribution]
            & label_mask(MORPHOLOGY_LABELS, note.morphologies)[readings.morphology]
            & (n_on_image >= note.image_clusters)
            & ~np.isin(image, image[graver])
        )
        rest = note.id, note.text, f"{note.document}: {note.heading}"
        found += [(row, readings.cluster_id[row], *rest) for row in np.flatnonzero(holds)]
    found.sort(key=itemgetter(0))  # stable: the remarks on a cluster stay in the rulebook's order
    columns = ["cluster_id", "note", "text", "source"]
    return pd.DataFrame([row[1:] for row in found], columns=columns, dtype=object)
