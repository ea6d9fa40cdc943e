"""The form of a catalogue row; the rows themselves stand in the module of each family."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

COMMON = "common definition"

Row = tuple[str, str, float, float, str, str, str, tuple[str, ...]]
Rows = tuple[Row, ...]


def columns(rows: Rows) -> Any:
    """Return a named tuple of the places of the rows' features within their family.

    Examples
    --------
    >>> columns((("n", "1", 0, 9, "How many.", "n", COMMON, ()), ("r_mm", "mm", 0, 9, "How far.", "r", COMMON, ())))
    Columns(n=0, r_mm=1)
    """
    names = [row[0] for row in rows]
    return namedtuple("Columns", names)(*range(len(names)))
