"""The ranges of the simulator, read from a table of data (``presets/*.toml``).

A preset holds every number the simulator may draw: one entry per quantity, with its range, law,
unit and source. The other modules ask for a section and get one value of each quantity.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from calcigram.errors import BadInputError

LAWS = ("uniform", "log", "integer", "log-integer", "probability")
"""How a quantity spreads over its range; ``log`` is uniform in the logarithm."""


class Range(NamedTuple):
    """One quantity: what it may be, in which unit, and where that comes from.

    Attributes
    ----------
    low, high : float
        Both ends included.
    law : str
        One of `LAWS`; ``probability`` is a range of probabilities, drawn uniformly.
    unit : str
    source : str
        Tag and source: S read in the named source, L measured, D a design choice.
    """

    low: float
    high: float
    law: str
    unit: str
    source: str


class Draw(dict[str, float]):
    """Drawn values by name, read as attributes or as items.

    Examples
    --------
    >>> drawn = Draw({"n": 4, "extent_mm": 9.5})
    >>> drawn.extent_mm, drawn["n"], "angle_deg" in drawn
    (9.5, 4, False)
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> float: ...

    else:
        __getattr__ = dict.__getitem__


@dataclass(frozen=True, eq=False)
class Preset:
    """All ranges of one preset.

    Attributes
    ----------
    name : str
    about : mapping
        What the file says of itself: title, and for a benchmark its seed and size.
    sections : mapping of str to mapping of str to Range
        Ranges by dotted section, such as ``"arrangement.grouped.acini"``.
    sha256 : str
        Digest of the file, hexadecimal.
    """

    name: str
    about: Mapping[str, Any]
    sections: Mapping[str, Mapping[str, Range]]
    sha256: str

    @cached_property
    def _plain(self) -> dict[str, tuple[Any, ...]]:
        return {name: _plain_numbers(ranges) for name, ranges in self.sections.items()}

    def draw(self, section: str, rng: np.random.Generator) -> Draw:
        """Draw one value of every quantity of a section, in the order of the file."""
        names, low, span, logarithmic, whole = self._plain[section]
        values = (low + span * rng.random(len(names))).tolist()
        for i in logarithmic:
            values[i] = math.exp(values[i])
        for i in whole:
            values[i] = math.floor(values[i] + 1e-9)
        return Draw(zip(names, values, strict=True))

    def happens(self, section: str, rng: np.random.Generator) -> bool:
        """Tell by the section's ``share`` whether it applies; without the section nothing is drawn."""
        return section in self.sections and bool(rng.random() < self.sections[section]["share"].low)


def _plain_numbers(ranges: Mapping[str, Range]) -> tuple[Any, ...]:
    """Return names, lows, spans, and which are logarithmic and whole: what a draw needs."""
    laws = [r.law for r in ranges.values()]
    logarithmic = [i for i, law in enumerate(laws) if law in ("log", "log-integer")]
    whole = [i for i, law in enumerate(laws) if law in ("integer", "log-integer")]
    ends = np.array([(r.low, r.high) for r in ranges.values()])
    ends[whole, 1] += 1  # the highest integer is drawn as often as the others
    for i in logarithmic:
        ends[i] = math.log(ends[i, 0]), math.log(ends[i, 1])
    low, high = ends.T.copy()
    return tuple(ranges), low, high - low, logarithmic, whole


def _collect(prefix: str, table: Mapping[str, Any], into: dict[str, dict[str, Range]]) -> None:
    for name, entry in table.items():
        if "range" not in entry:
            _collect(f"{prefix}.{name}" if prefix else name, entry, into)
            continue
        low, high = map(float, entry["range"])
        if entry["law"] not in LAWS or low > high:
            raise BadInputError(
                f"low <= high and a law among {', '.join(LAWS)}",
                column=f"{prefix}.{name}",
                value=entry,
            )
        quantity = Range(low, high, entry["law"], entry["unit"], entry["source"])
        into.setdefault(prefix, {})[name] = quantity


@lru_cache(maxsize=16)
def load_preset(name: str = "train") -> Preset:
    """Read a preset that ships, or a TOML file of the same layout.

    Parameters
    ----------
    name : str
        ``"train"``, ``"bench_v1"``, or the path of a ``.toml`` file.

    Returns
    -------
    Preset

    Raises
    ------
    BadInputError
        No such preset, or an entry is not a range.

    Examples
    --------
    >>> preset = load_preset("train")
    >>> preset.sections["grade.typical"]["miss_rate"].unit
    'share'
    """
    shipped = resources.files("calcigram.simulate").joinpath("presets")
    own = name.endswith(".toml")
    file = Path(name) if own else shipped.joinpath(f"{name}.toml")
    try:
        raw = file.read_bytes()
    except OSError:
        known = sorted(p.name[:-5] for p in shipped.iterdir() if p.name.endswith(".toml"))
        raise BadInputError(
            f"one of {', '.join(known)}, or a .toml file", column="preset", value=name
        ) from None
    table = tomllib.loads(raw.decode("utf-8"))
    about = table.pop("about", {})
    sections: dict[str, dict[str, Range]] = {}
    _collect("", table, sections)
    return Preset(
        Path(name).stem if own else name, about, sections, hashlib.sha256(raw).hexdigest()
    )
