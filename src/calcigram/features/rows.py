"""The form of a catalogue row; the rows themselves stand in the module of each family."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

COMMON = "common definition"

Row = tuple[str, str, float, float, str, str, tuple[str, ...]]
Rows = tuple[Row, ...]


def columns(rows: Rows) -> Any:
    """Return a named tuple of the places of the rows' features within their family.

    Examples
    --------
    >>> columns((("n", "1", 0, 9, "Number", COMMON, ()), ("area_mm2", "mm2", 0, 9, "Area", COMMON, ())))
    Columns(n=0, area_mm2=1)
    """
    names = [row[0] for row in rows]
    return namedtuple("Columns", names)(*range(len(names)))
