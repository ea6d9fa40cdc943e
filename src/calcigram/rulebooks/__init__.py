"""The rule files, and the checks that every one of them goes through.

The files are interpreted by `calcigram.consequences` (article.toml,
birads.toml) and `calcigram.rules.recognition` (recognition.toml); here a file is read
and each value in it is held against what may stand there, so that a slip of the pen is
named with its place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError

FORMAT = 1
"""Version of the layout of the rule files."""

SHIPPED: tuple[str, ...] = ("article", "birads")
"""Names of the rulebooks that come with the package."""


class Entry:
    """One TOML table with the place it stands at, for messages.

    Parameters
    ----------
    values : mapping
        The table.
    source : str
        File it was read from.
    place : str
        Where in the file, such as ``line 3``.
    allowed : sequence of str
        Keys that may stand in it.

    Raises
    ------
    BadInputError
        A key stands in it that may not.
    """

    def __init__(
        self, values: Mapping[str, Any], source: str, place: str, allowed: Sequence[str]
    ) -> None:
        self.values, self.source, self.place = values, source, place
        if not isinstance(values, Mapping):
            raise BadInputError("a table of keys and values", source=source, column=place)
        for key in values:
            if key not in allowed:
                raise self.error(key, f"one of the keys {', '.join(allowed)}", key)

    def error(self, key: str, expected: str, *value: Any) -> BadInputError:
        """Return the error that says what stands at `key` and what was expected."""
        column = f"{self.place}.{key}" if self.place else key
        got = value[0] if value else self.values.get(key, "nothing")
        return BadInputError(expected, source=self.source, column=column, value=got)

    def text(self, key: str, *, empty: bool = False) -> str:
        """Return a text; it may be missing or empty only where `empty`."""
        value = self.values.get(key, "" if empty else None)
        if not isinstance(value, str) or not (value or empty):
            raise self.error(key, "a text" if empty else "a text that is not empty")
        return value

    def word(self, key: str, allowed: Iterable[str], *, required: bool = True) -> str | None:
        """Return one of the allowed words, or None where it is missing and not required."""
        if key not in self.values and not required:
            return None
        value = self.values.get(key)
        words = [str(word) for word in allowed]
        if value not in words:
            raise self.error(key, f"one of {', '.join(words)}")
        return str(value)

    def words(self, key: str, allowed: Iterable[str]) -> tuple[str, ...]:
        """Return a list of allowed words; all of them where the key is missing."""
        words = [str(word) for word in allowed]
        value = self.values.get(key, words)
        if not isinstance(value, list) or not value:
            raise self.error(key, f"a list of {', '.join(words)}")
        for item in value:
            if item not in words:
                raise self.error(key, f"words among {', '.join(words)}", item)
        return tuple(value)

    def table(self, key: str, allowed: Sequence[str], *, required: bool = True) -> Entry:
        """Return the table under `key`; an empty one where it is missing and not required."""
        if key not in self.values and required:
            raise self.error(key, f"a table with {', '.join(allowed)}")
        place = f"{self.place}.{key}" if self.place else key
        return Entry(self.values.get(key, {}), self.source, place, allowed)

    def tables(self, key: str, allowed: Sequence[str]) -> list[Entry]:
        """Return the list of tables under `key`, which may be missing."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self.error(key, "a list of tables")
        place = f"{self.place}." if self.place else ""
        return [
            Entry(item, self.source, f"{place}{key} {i}", allowed)
            for i, item in enumerate(value, start=1)
        ]


def read_rule_file(name_or_path: str | Path, keys: Sequence[str]) -> Entry:
    """Read a rule file: one that ships by its bare name, any other by its path.

    Parameters
    ----------
    name_or_path : str or Path
        ``"article"``, ``"birads"``, ``"recognition"``, or the path of a TOML file.
    keys : sequence of str
        Keys that may stand at the top of the file, besides ``format``.

    Raises
    ------
    BadInputError
        The file is not there, is no TOML, or is of another format.

    Examples
    --------
    >>> read_rule_file("article", ["name", "title", "short_title", "about", "line", "note"]).text("name")
    'article'
    """
    shipped = resources.files(__name__) / f"{name_or_path}.toml"
    is_name = "/" not in str(name_or_path) and shipped.is_file()
    source = f"{name_or_path}.toml" if is_name else str(name_or_path)
    try:
        text = (shipped if is_name else Path(name_or_path)).read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise BadInputError(
            f"the name of a rulebook that ships ({', '.join(SHIPPED)}) or the path of a TOML file",
            value=str(name_or_path),
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"a TOML file ({error})", source=source) from None
    entry = Entry(values, source, "", ["format", *keys])
    if values.get("format") != FORMAT:
        raise entry.error("format", f"{FORMAT}, the format this version reads")
    return entry


def check_unique(entries: Iterable[Entry]) -> None:
    """Refuse a list of entries in which an id stands twice."""
    seen: set[str] = set()
    for entry in entries:
        identity = entry.text("id")
        if identity in seen:
            raise entry.error("id", "an id that occurs once in the file")
        seen.add(identity)
