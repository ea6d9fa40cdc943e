"""Rulebooks: what follows from a pattern - origin, concern, advice - according to a source.

A rulebook is data (``rulebooks/*.toml``): lines read from top to bottom, of which the
first that matches a pair (distribution, morphology) decides. Here the lines are checked and
worked out once into small look-up tables over all pairs, so that a million readings
cost one indexing step. How a pattern is recognised stands in `rules.recognition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.columns import Words
from calcigram.lexicon import (
    ADVICES,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    ORIGINS,
    Advice,
    Concern,
    Status,
)
from calcigram.rulebooks import Entry, check_unique, read_rule_file

Codes = npt.NDArray[np.int8]

NO_CONCERN = "none"
"""What a line gives as concern where its source has no answer; code -1."""

TAGS: tuple[str, ...] = ("stated", "inferred")
"""A source says it, or it is read into the source."""

_CONCERN_WORDS = (*CONCERNS, NO_CONCERN)
_BOOK_KEYS = ("name", "title", "short_title", "about", "line", "note")
_LINE_KEYS = ("id", "when", "concern", "origin", "advice", "advises", "source", "tag", "why")
_NOTE_KEYS = ("id", "when", "image_clusters", "image_concern", "text", "source", "tag")


@dataclass(frozen=True)
class Line:
    """One line of a rulebook.

    Attributes
    ----------
    id : str
    distributions, morphologies : tuple of str
        The line holds for every pair of these words (``"unread"`` where none was read).
    concern : str or None
        A concern, ``"none"`` where the source has no answer, or None where the line gives none.
    origin : str or None
        None where the line gives none.
    advice : str
        What the source advises, in words; may be empty.
    advises : str or None
        The same as one of `lexicon.ADVICES`; None where the line does not say.
    document, heading : str
        Where it stands.
    tag : str
        ``"stated"`` or ``"inferred"``.
    why : str
        The reasoning, in one sentence.
    """

    id: str
    distributions: tuple[str, ...]
    morphologies: tuple[str, ...]
    concern: str | None
    origin: str | None
    advice: str
    advises: str | None
    document: str
    heading: str
    tag: str
    why: str


@dataclass(frozen=True)
class Note:
    """A remark of the source that changes no concern.

    Attributes
    ----------
    id, text, document, heading, tag : str
    distributions, morphologies : tuple of str
        The pairs it holds for.
    image_clusters : int
        It holds only where an image shows at least this many clusters; 1 for any.
    image_concern : tuple of str
        It holds only where no cluster of the image is of another concern than these.
    """

    id: str
    text: str
    distributions: tuple[str, ...]
    morphologies: tuple[str, ...]
    image_clusters: int
    image_concern: tuple[str, ...]
    document: str
    heading: str
    tag: str


@dataclass(frozen=True, eq=False)
class Rulebook:
    """The consequences one source draws, worked out over all pairs of labels.

    Rows are `lexicon.DISTRIBUTION_LABELS`, columns `lexicon.MORPHOLOGY_LABELS`;
    ``insufficient`` counts like ``unread``.

    Attributes
    ----------
    name, title, short_title, about : str
        `title` names author and work; `short_title` is how sentences call the source.
    lines : tuple of Line
        In the order of the file.
    notes : tuple of Note
    concern_codes : ndarray of int8, shape (8, 11)
        Indices of `lexicon.CONCERNS`; -1 where the source has no answer.
    origin_codes : ndarray of int8, shape (8, 11)
        Indices of `lexicon.ORIGINS`.
    advice_codes : ndarray of int8, shape (8, 11)
        Indices of `lexicon.ADVICES`, of the line that decided the concern; -1 where it does not
        say.
    line_id, origin_line_id : ndarray of object (str), shape (8, 11)
        Id of the line that decided the concern, and the origin.
    """

    name: str
    title: str
    short_title: str
    about: str
    lines: tuple[Line, ...]
    notes: tuple[Note, ...]
    concern_codes: Codes
    origin_codes: Codes
    advice_codes: Codes
    line_id: npt.NDArray[np.object_]
    origin_line_id: npt.NDArray[np.object_]

    def __repr__(self) -> str:
        return f"<Rulebook {self.name}: {len(self.lines)} lines, {len(self.notes)} notes>"

    def concern_of(self, distribution: npt.ArrayLike, morphology: npt.ArrayLike) -> Codes:
        """Return the concern of each pair of label codes.

        Parameters
        ----------
        distribution, morphology : array_like of int
            Indices of `lexicon.DISTRIBUTION_LABELS` and `lexicon.MORPHOLOGY_LABELS`, which
            broadcast together.

        Returns
        -------
        ndarray of int8
            Indices of `lexicon.CONCERNS`; -1 where the source has no answer.

        Examples
        --------
        >>> book = load_rulebook("article")
        >>> grouped, punctate, unread = 3, 1, 10
        >>> [str(CONCERNS[code]) for code in book.concern_of([grouped] * 2, [punctate, unread])]
        ['benign', 'suspicious']
        """
        result: Codes = self.concern_codes[np.asarray(distribution), np.asarray(morphology)]
        return result

    def origin_of(self, distribution: npt.ArrayLike, morphology: npt.ArrayLike) -> Codes:
        """Return the origin of each pair of label codes, as indices of `lexicon.ORIGINS`."""
        result: Codes = self.origin_codes[np.asarray(distribution), np.asarray(morphology)]
        return result

    def line_for(self, distribution: str, morphology: str) -> Line:
        """Return the line that decides the concern of one pair of labels.

        Examples
        --------
        >>> line = load_rulebook("article").line_for("grouped", "amorphous")
        >>> line.id, line.advice, line.tag
        ('article.cloud_like', 'Further tests.', 'stated')
        """
        row, column = (
            DISTRIBUTION_LABELS.index(distribution),
            MORPHOLOGY_LABELS.index(morphology),
        )
        wanted = self.line_id[row, column]
        return next(line for line in self.lines if line.id == wanted)


def load_rulebook(name_or_path: str | Path) -> Rulebook:
    """Load and check a rulebook.

    Parameters
    ----------
    name_or_path : str or Path
        ``"article"``, ``"birads"``, or the path of a TOML file of the same layout.

    Returns
    -------
    Rulebook

    Raises
    ------
    BadInputError
        No such file, no TOML, an unknown word or key, an id missing or standing twice, no
        source, a tag that is neither ``stated`` nor ``inferred``, or a pair that no line decides.

    Examples
    --------
    >>> book = load_rulebook("birads")
    >>> book.name, book.concern_codes.shape
    ('birads', (8, 11))
    """
    file = read_rule_file(name_or_path, _BOOK_KEYS)
    line_entries = file.tables("line", _LINE_KEYS)
    note_entries = file.tables("note", _NOTE_KEYS)
    check_unique([*line_entries, *note_entries])
    lines = tuple(_line(entry) for entry in line_entries)
    concern, concern_line = _first_match(lines, "concern", _CONCERN_WORDS, file)
    origin, origin_line = _first_match(lines, "origin", ORIGINS, file)
    concern[concern == _CONCERN_WORDS.index(NO_CONCERN)] = -1
    advises = {line.id: -1 if line.advises is None else ADVICES.index(Advice(line.advises)) for line in lines}  # fmt: skip
    return Rulebook(
        file.text("name"),
        file.text("title"),
        file.text("short_title", empty=True) or file.text("title"),
        file.text("about", empty=True),
        lines,
        tuple(_note(entry) for entry in note_entries),
        concern,
        origin,
        np.vectorize(advises.__getitem__, [np.int8])(concern_line),
        concern_line,
        origin_line,
    )


@lru_cache(maxsize=1)
def shipped_rulebooks() -> tuple[Rulebook, Rulebook]:
    """Return the article's rulebook and that of BI-RADS."""
    return load_rulebook("article"), load_rulebook("birads")


def conflict_of(
    one: Rulebook, other: Rulebook, distribution: npt.ArrayLike, morphology: npt.ArrayLike
) -> Words:
    """Say where two sources conflict: one finds benign what the other would have biopsied or suspects.

    Parameters
    ----------
    one, other : Rulebook
    distribution, morphology : array_like of int, shape (C,)
        As `Rulebook.concern_of` takes them.

    Returns
    -------
    Words
        A phrase that names both sources; missing where they do not conflict.

    Examples
    --------
    >>> linear, diffuse, rod_like = 4, 0, 3
    >>> article, birads = shipped_rulebooks()
    >>> conflict_of(article, birads, [linear, diffuse], [rod_like] * 2).tolist()
    ['BI-RADS finds this pattern benign, the article advises a biopsy', None]
    """
    pair = np.asarray(distribution), np.asarray(morphology)
    which = np.full(pair[0].shape, -1, np.int8)
    texts = []
    for code, (milder, graver) in enumerate(((one, other), (other, one))):
        is_benign = milder.concern_codes[pair] == CONCERNS.index(Concern.BENIGN)
        suspects = graver.concern_codes[pair] == CONCERNS.index(Concern.SUSPICIOUS)
        to_biopsy = graver.advice_codes[pair] == ADVICES.index(Advice.BIOPSY)
        which[is_benign & suspects] = 2 * code + 1
        which[is_benign & to_biopsy] = 2 * code
        texts += [
            f"{milder.short_title} finds this pattern benign, {graver.short_title} {says}"
            for says in ("advises a biopsy", str(Concern.SUSPICIOUS))
        ]
    return Words.of(which, texts)


def views_of(
    distribution: Codes, morphology: Codes, article: Rulebook, birads: Rulebook
) -> dict[str, Any]:
    """Return what two sources make of patterns, as `Readings` names it.

    Parameters
    ----------
    distribution, morphology : ndarray of int8, shape (C,)
        As `Rulebook.concern_of` takes them.
    article, birads : Rulebook

    Returns
    -------
    dict
        ``origin, concern, birads_concern, source_conflict``.
    """
    return {
        "origin": article.origin_of(distribution, morphology),
        "concern": article.concern_of(distribution, morphology),
        "birads_concern": birads.concern_of(distribution, morphology),
        "source_conflict": conflict_of(article, birads, distribution, morphology),
    }


def _common(entry: Entry) -> dict[str, Any]:
    """Return what lines and notes both have: id, the pairs they hold for, source and tag."""
    identity = entry.text("id")
    when = entry.table("when", ("distribution", "form"), required=False)
    source = entry.table("source", ("document", "heading"))
    return {
        "id": identity,
        "distributions": when.words("distribution", (*DISTRIBUTIONS, Status.UNREAD)),
        "morphologies": when.words("form", (*MORPHOLOGIES, Status.UNREAD)),
        "document": source.text("document"),
        "heading": source.text("heading"),
        "tag": str(entry.word("tag", TAGS)),
    }


def _line(entry: Entry) -> Line:
    common = _common(entry)
    concern = entry.word("concern", _CONCERN_WORDS, required=False)
    origin = entry.word("origin", ORIGINS, required=False)
    if concern is None and origin is None:
        raise entry.error("concern", "a concern or an origin, else the line says nothing")
    return Line(
        **common,
        concern=concern,
        origin=origin,
        advice=entry.text("advice", empty=True),
        advises=entry.word("advises", ADVICES, required=False),
        why=entry.text("why", empty=True),
    )


def _note(entry: Entry) -> Note:
    image_clusters = entry.values.get("image_clusters", 1)
    if not isinstance(image_clusters, int) or isinstance(image_clusters, bool):
        raise entry.error("image_clusters", "a whole number of at least 1")
    return Note(
        **_common(entry),
        text=entry.text("text"),
        image_clusters=image_clusters,
        image_concern=entry.words("image_concern", CONCERNS),
    )


def _first_match(
    lines: tuple[Line, ...], gives: str, words: tuple[Any, ...], file: Entry
) -> tuple[Codes, npt.NDArray[np.object_]]:
    """Work out, for every pair, what the first line that matches and gives something gives."""
    codes = np.full((len(DISTRIBUTION_LABELS), len(MORPHOLOGY_LABELS)), -1, np.int8)
    ids = np.full(codes.shape, "", dtype=object)
    for line in lines:
        given = getattr(line, gives)
        if given is None:
            continue
        pairs = np.outer(
            label_mask(DISTRIBUTION_LABELS, line.distributions),
            label_mask(MORPHOLOGY_LABELS, line.morphologies),
        )
        undecided = pairs & (codes == -1)
        codes[undecided] = words.index(given)
        ids[undecided] = line.id
    if (codes == -1).any():
        row, column = np.argwhere(codes == -1)[0]
        raise file.error(
            "line",
            f"a line for every pair that gives it its {gives}",
            f"none for {DISTRIBUTION_LABELS[row]} and {MORPHOLOGY_LABELS[column]}",
        )
    return codes, ids


def label_mask(labels: tuple[str, ...], words: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Mark the labels a line's words stand for; ``unread`` stands for both statuses."""
    return np.array(
        [label in words or (label in tuple(Status) and Status.UNREAD in words) for label in labels]
    )
