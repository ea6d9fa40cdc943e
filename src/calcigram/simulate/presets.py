"""The ranges of the simulator, read from a table of data (``presets/*.toml``).

A preset holds every number the simulator may draw: one entry a quantity, with its range,
law, unit and source. Code asks for a section and gets one value of each quantity. This
module knows nothing of what the quantities mean.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.errors import BadInputError

LAWS = ("uniform", "log", "integer", "log-integer", "probability")
"""How a quantity spreads over its range; ``log`` is uniform in the logarithm."""


@dataclass(frozen=True)
class Range:
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


class Draw(MutableMapping[str, float]):
    """Drawn values by name, read as attributes or as items.

    They are kept as attributes, for they are read seventy times a cluster.

    Examples
    --------
    >>> drawn = Draw({"n": 4, "extent_mm": 9.5})
    >>> drawn.extent_mm, drawn["n"], "angle_deg" in drawn
    (9.5, 4, False)
    """

    def __init__(self, values: Mapping[str, float] | Iterable[tuple[str, float]] = ()) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> float: ...

    def __getitem__(self, name: str) -> float:
        value: float = self.__dict__[name]
        return value

    def __setitem__(self, name: str, value: float) -> None:
        self.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        del self.__dict__[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __or__(self, other: Mapping[str, float]) -> Draw:
        return Draw({**self.__dict__, **other})


class _Section:
    """The ranges of a section as plain numbers, so that a draw is quick."""

    def __init__(self, ranges: Mapping[str, Range]) -> None:
        self._names = tuple(ranges)
        self._low, self._span = np.array([self._row(r) for r in ranges.values()]).T.copy()
        laws = [r.law for r in ranges.values()]
        self._logarithmic = [i for i, law in enumerate(laws) if law in ("log", "log-integer")]
        self._whole = [i for i, law in enumerate(laws) if law in ("integer", "log-integer")]

    @staticmethod
    def _row(r: Range) -> tuple[float, float]:
        low, high = r.low, r.high + (r.law in ("integer", "log-integer"))
        if r.law in ("log", "log-integer"):
            low, high = math.log(low), math.log(high)
        return low, high - low

    def draw(self, rng: np.random.Generator) -> Draw:
        values = (self._low + self._span * rng.random(len(self._names))).tolist()
        for i in self._logarithmic:
            values[i] = math.exp(values[i])
        for i in self._whole:
            values[i] = math.floor(values[i] + 1e-9)
        return Draw(zip(self._names, values, strict=True))


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
    def _compiled(self) -> dict[str, _Section]:
        return {name: _Section(ranges) for name, ranges in self.sections.items()}

    def draw(self, section: str, rng: np.random.Generator) -> Draw:
        """Draw one value of every quantity of a section, in the order of the file."""
        return self._compiled[section].draw(rng)

    def happens(self, section: str, rng: np.random.Generator) -> bool:
        """Tell by the section's ``share`` whether it applies; without the section nothing is drawn."""
        return section in self.sections and bool(rng.random() < self.sections[section]["share"].low)


def _collect(prefix: str, table: Mapping[str, Any], into: dict[str, dict[str, Range]]) -> None:
    for name, entry in table.items():
        if "range" in entry:
            low, high = entry["range"]
            if entry["law"] not in LAWS or low > high:
                raise BadInputError(
                    f"low <= high and a law among {', '.join(LAWS)}",
                    column=f"{prefix}.{name}",
                    value=entry,
                )
            into.setdefault(prefix, {})[name] = Range(
                float(low), float(high), entry["law"], entry["unit"], entry["source"]
            )
        else:
            _collect(f"{prefix}.{name}" if prefix else name, entry, into)


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
    file = Path(name) if name.endswith(".toml") else shipped.joinpath(f"{name}.toml")
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
        Path(name).stem if name.endswith(".toml") else name,
        about,
        sections,
        hashlib.sha256(raw).hexdigest(),
    )
