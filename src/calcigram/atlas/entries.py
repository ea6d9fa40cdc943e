"""What the atlas shows of each word: a table of data (``atlas.toml``), one entry per word."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES, Distribution, Morphology


@dataclass(frozen=True)
class Statement:
    """A sentence in words of our own, and where it comes from.

    Attributes
    ----------
    text : str
    source : str
        Of the article its headings; else a publication or standard.
    tag : str or None
        ``"stated"`` or ``"inferred"``, as in a rulebook; None of what is not said by its sources.
    """

    text: str
    source: str
    tag: str | None = None


@dataclass(frozen=True)
class Side:
    """One of the two clusters of an entry.

    Attributes
    ----------
    mechanisms : tuple of str
        Ids of an arrangement and of a particle model of the simulator.
    index : int
        Which cluster of these mechanisms.
    says : Statement
        What to look at.
    """

    mechanisms: tuple[str, str]
    index: int
    says: Statement

    @property
    def pattern(self) -> tuple[Distribution, Morphology]:
        """The true distribution and morphology."""
        distribution, morphology = (name.partition(".")[0] for name in self.mechanisms)
        return Distribution(distribution), Morphology(morphology)


@dataclass(frozen=True)
class Entry:
    """What the atlas shows of one word.

    Attributes
    ----------
    word : Distribution or Morphology
    example, mimic : Side
        A typical cluster of the word, and one that is easily confused with it.
    article, birads : Statement
        What the two sources of the rulebooks say of the word.
    features : tuple of str
        The measurements that distinguish the two clusters, by names of the feature catalogue.
    """

    word: Distribution | Morphology
    example: Side
    mimic: Side
    article: Statement
    birads: Statement
    features: tuple[str, ...]


@lru_cache(maxsize=1)
def atlas_entries() -> tuple[Entry, ...]:
    """Return the entries, those of the distributions first, in the lexicon's order.

    Examples
    --------
    >>> entry = atlas_entries()[0]
    >>> str(entry.word), entry.article.source
    ('diffuse', 'Diffuse or Scattered Clusters')
    """
    tables = _tables()
    words: tuple[Distribution | Morphology, ...] = (*DISTRIBUTIONS, *MORPHOLOGIES)
    return tuple(_entry(word, tables[word]) for word in words)


def source_names() -> dict[str, str]:
    """Return what the sources of statements are, by what they are called; those of the article are its headings."""
    names: dict[str, str] = _tables()["sources"]
    return names


def image_values() -> dict[str, dict[str, float]]:
    """Return how all pictures are taken: values by section and quantity of a preset's ``render``."""
    values: dict[str, dict[str, float]] = _tables()["image"]
    return values


def _tables() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("atlas.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _entry(word: Distribution | Morphology, table: dict[str, Any]) -> Entry:
    example, mimic = (_side(**table[name]) for name in ("example", "mimic"))
    article, birads = (Statement(**table[name]) for name in ("article", "birads"))
    return Entry(word, example, mimic, article, birads, tuple(table["features"]))


def _side(mechanisms: list[str], index: int, **says: str) -> Side:
    arrangement, particle_model = mechanisms
    return Side((arrangement, particle_model), index, Statement(**says))
