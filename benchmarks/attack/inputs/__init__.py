"""Small inputs that ask for much, one module per family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

PARQUET, ARROW = "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
JSON = "application/json"

SPACING = {"pixel_spacing": 0.07}

FILE_ENTRANCES = ("Python", "command", "page", "HTTP")


class Input(NamedTuple):
    """Something small that asks for much, and where it can arrive."""

    name: str
    make: Callable[[], bytes]
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    media_type: str = "application/octet-stream"
    entrances: tuple[str, ...] = FILE_ENTRANCES
