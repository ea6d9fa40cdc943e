"""JSON of annotations: loaded within limits, and values of it that are checked and whose place is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike, read_at_most
from calcigram.formats.outlines import Points
from calcigram.formats.regions import MAX_BYTES, MAX_POINTS

MAX_VALUES = 10_000_000
"""Commas and brackets of a file."""

LARGEST = 1e6
"""Of a coordinate, in pixels or mm."""

_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


@dataclass(frozen=True)
class Json:
    """A value in JSON, and where it stands.

    Examples
    --------
    >>> Json({"a": [{"b": 1}]}, "x.json")["a"][0]["b"].whole()
    1
    """

    value: Any
    source: str
    where: str = ""

    def __getitem__(self, key: str | int) -> Json:
        """Return a value within it; what is not there is None."""
        if isinstance(key, int):
            return Json(self.value[key], self.source, f"{self.where}[{key}]")
        where = f"{self.where}.{key}" if self.where else key
        return Json(self.of(dict).get(key), self.source, where)

    def __iter__(self) -> Iterator[Json]:
        for index in range(len(self.of(list))):
            yield self[index]

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing, or null."""
        return self.value is None

    def of(self, kind: type) -> Any:
        """Return the value, which must be of a type."""
        if not isinstance(self.value, kind) or isinstance(self.value, bool):
            self.refuse(_KINDS[kind])
        return self.value

    def items(self) -> list[Json]:
        """Return the values of a list; none where there is nothing."""
        return [] if self.is_missing else list(self)

    def text(self) -> str:
        """Return a text; empty where there is nothing. Half characters, which no file can hold, are replaced."""
        text = "" if self.is_missing else str(self.of(str))
        return text.encode(errors="replace").decode().strip()

    def whole(self) -> int:
        """Return a whole number."""
        result: int = self.of(int)
        return result

    def number(self) -> float:
        """Return a finite number of a size that a coordinate may have."""
        value = self.value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= LARGEST:
            self.refuse(f"a number up to {LARGEST:,.0f} either way")
        return float(value)

    def points(self, n_axes: int = 2, largest: float = LARGEST) -> Points:
        """Return a list of points, such as ``[[x, y], ...]`` or ``[x, y, ...]``, shape (n, n_axes)."""
        given = self.of(list)
        if given and isinstance(given[0], list):
            if any(not isinstance(p, list) or len(p) != n_axes for p in given):
                self.refuse(f"points of {n_axes} numbers each")
            given = [value for point in given for value in point]
        if len(given) % n_axes or len(given) > n_axes * MAX_POINTS:
            self.refuse(f"{n_axes} numbers for each of at most {MAX_POINTS} points")
        if any(type(value) not in (int, float) or not abs(value) <= largest for value in given):
            self.refuse(f"numbers up to {largest:,.0f} either way")
        return np.array(given, float).reshape(-1, n_axes)

    def refuse(self, expected: str) -> NoReturn:
        """Raise `BadInputError` of this place."""
        raise BadInputError(
            expected, source=self.source, column=self.where or "the file", value=self.value
        )


def load_json(path: PathLike) -> Json:
    """Load a file of annotations.

    Raises
    ------
    BadInputError
        It is too large, damaged, nested too deeply, or holds NaN.
    """
    source = str(path)
    data = read_at_most(path, MAX_BYTES)
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise BadInputError(f"an annotation file of at most {MAX_VALUES:,} values", source=source)

    def no_number(text: str) -> float:
        raise ValueError(f"{text} is no JSON")

    try:
        return Json(json.loads(data, parse_constant=no_number), source)
    except RecursionError:
        raise BadInputError("JSON that is not nested so deeply", source=source) from None
    except ValueError as error:  # of digits, of UTF-8 and of JSON itself
        raise BadInputError(
            "complete JSON in UTF-8", source=source, value=str(error)[:200]
        ) from None
