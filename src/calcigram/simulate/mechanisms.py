"""Mechanisms: how a distribution or a form comes about, which of them a preset draws, and the draw.

An arrangement (`areas`, `ducts`) places centres in the projection and says which way the duct or
vessel runs there. A particle model (`particles`) gives each calcification its outline.
Each is a function that a decorator enters in a table here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    Distribution,
    Morphology,
)
from calcigram.simulate.presets import Preset, load_preset

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator
Builder = Callable[..., Any]
Label = TypeVar("Label", Distribution, Morphology)


@dataclass
class Placement:
    """Where calcifications lie in the projection, before any has a form.

    Attributes
    ----------
    xy : ndarray of float64, shape (n, 2)
        mm, in the frame of `anatomy`.
    direction : ndarray of float64, shape (n,)
        Direction of the duct or vessel there, radians; NaN (the default) where there is none.
    path : ndarray of float64, shape (m, 2), or None
        The one curve that a linear arrangement follows.
    branch : ndarray of int64, shape (n,), or None
        Tree branch of each calcification, for arrangements with junctions.
    parent : ndarray of int64, shape (B,), or None
        Parent of each branch, -1 for the root.
    branch_end : ndarray of float64, shape (B, 2), or None
        Where each branch ends.
    """

    xy: Floats
    direction: Floats = None  # type: ignore[assignment]
    path: Floats | None = None
    branch: Ints | None = None
    parent: Ints | None = None
    branch_end: Floats | None = None

    def __post_init__(self) -> None:
        if self.direction is None:
            self.direction = np.full(len(self.xy), np.nan)

    def take(self, chosen: Ints) -> Placement:
        """Return the placement with only the chosen calcifications."""
        branch = None if self.branch is None else self.branch.take(chosen)
        xy, direction = self.xy.take(chosen, axis=0), self.direction.take(chosen)
        return Placement(xy, direction, self.path, branch, self.parent, self.branch_end)


def polar(radius: Floats, angle: Floats) -> Floats:
    """Return points, shape (n, 2), from distances to the origin and angles in radians.

    Examples
    --------
    >>> polar(np.array([2.0]), np.array([0.0])).tolist()
    [[2.0, 0.0]]
    """
    xy = np.empty((len(radius), 2))
    xy[:, 0], xy[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
    return xy


@dataclass(frozen=True)
class Mechanism(Generic[Label]):
    """One way in which a distribution or a form comes about.

    Attributes
    ----------
    label : Distribution or Morphology
    id : str
        ``"<label>.<name>"``.
    build : callable
        Of an arrangement ``build(rng, breast, drawn values) -> Placement``, or None where the try
        failed; of a particle model ``build(rng, number, directions, drawn values) -> Outlines``.
    vessel : bool
        The arrangement follows a vessel: for form vascular, and for no other.
    structureless : bool
        The arrangement draws points about a centre by chance; see `definitions.Truth`.
    """

    label: Label
    id: str
    build: Builder
    vessel: bool = False
    structureless: bool = False


ARRANGEMENTS: dict[Distribution, dict[str, Mechanism[Distribution]]] = {
    d: {} for d in DISTRIBUTIONS
}
"""Every arrangement by distribution and name."""

PARTICLE_MODELS: dict[Morphology, dict[str, Mechanism[Morphology]]] = {m: {} for m in MORPHOLOGIES}
"""Every particle model by form and name."""

_TABLES: dict[str, dict[Any, dict[str, Mechanism[Any]]]] = {
    "arrangement": ARRANGEMENTS,
    "particle": PARTICLE_MODELS,
}


def mechanism(
    label: Distribution | Morphology, *names: str, **properties: bool
) -> Callable[[Builder], Builder]:
    """Enter a function in the table of its label, under its own name unless others are given."""
    table = _TABLES["arrangement" if isinstance(label, Distribution) else "particle"][label]

    def enter(build: Builder) -> Builder:
        for name in names or (build.__name__,):
            table[name] = Mechanism(label, f"{label}.{name}", build, **properties)
        return build

    return enter


def _ids_of(kind: str, ranges: Preset | None) -> list[str]:
    ids = [m.id for models in _TABLES[kind].values() for m in models.values()]
    return ids if ranges is None else [i for i in ids if f"{kind}.{i}" in ranges.sections]


def mechanism_ids(preset: str | None = None) -> tuple[str, ...]:
    """Return the ids of all arrangements, then of all particle models.

    Parameters
    ----------
    preset : str, optional
        Only those that a preset has ranges for, and can therefore draw: see `load_preset`.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "linear.duct_walk" in mechanism_ids(), "fine_linear.casting" in mechanism_ids()
    (True, True)
    >>> "round.pearls" in mechanism_ids("train"), "round.pearls" in mechanism_ids("bench_v1")
    (True, False)
    """
    ranges = None if preset is None else load_preset(preset)
    return tuple(i for kind in _TABLES for i in _ids_of(kind, ranges))


class Menu(NamedTuple):
    """Which mechanisms may be drawn, by distribution and whether they follow a vessel, and by form."""

    arrangements: dict[tuple[Distribution, bool], tuple[Mechanism[Distribution], ...]]
    particles: dict[Morphology, tuple[Mechanism[Morphology], ...]]
    forms_of: dict[Distribution, tuple[Morphology, ...]]
    distributions_of: dict[Morphology, tuple[Distribution, ...]]
    mix: dict[str, float]

    def draw(self, rng: Rng) -> tuple[Mechanism[Distribution], Mechanism[Morphology]]:
        """Draw a distribution, then a form (or the reverse), then a mechanism of each."""
        if rng.random() < 0.5:
            distribution = self._distribution(rng, tuple(self.forms_of))
            form = _pick(rng, self.forms_of[distribution])
        else:
            form = _pick(rng, tuple(self.distributions_of))
            distribution = self._distribution(rng, self.distributions_of[form])
        arrangements = self.arrangements[distribution, form is Morphology.VASCULAR]
        return _pick(rng, arrangements), _pick(rng, self.particles[form])

    def _distribution(self, rng: Rng, choices: Sequence[Distribution]) -> Distribution:
        if not self.mix:
            return _pick(rng, choices)  # type: ignore[no-any-return]
        shares = np.cumsum([self.mix[choice] for choice in choices])
        return choices[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def _pick(rng: Rng, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(0, len(choices)))]


@lru_cache(maxsize=64)
def menu_of(exclude: tuple[str, ...], only: tuple[str, ...], ranges: Preset | None = None) -> Menu:
    """Return the menu of a preset without some mechanisms, or with only some.

    A mechanism is on it where the preset has a section for it; without a preset all are.

    Raises
    ------
    BadInputError
        An unknown mechanism, or nothing left to draw.
    """
    known = mechanism_ids()
    for name in (*exclude, *only):
        if name not in known:
            raise BadInputError(f"one of {', '.join(known)}", column="mechanism", value=name)

    def allowed(kind: str, label: Any) -> tuple[Mechanism[Any], ...]:
        ids = set(_ids_of(kind, None))
        ids = (((ids & set(only)) or ids) - set(exclude)) & set(_ids_of(kind, ranges))
        return tuple(m for m in _TABLES[kind][label].values() if m.id in ids)

    arrangements = {
        (d, vessel): tuple(a for a in allowed("arrangement", d) if a.vessel == vessel)
        for d in DISTRIBUTIONS
        for vessel in (False, True)
    }
    particles = {m: allowed("particle", m) for m in MORPHOLOGIES}
    pairs = {
        (d, m)
        for d, m in ADMISSIBLE_PAIRS
        if particles[m] and arrangements[d, m is Morphology.VASCULAR]
    }
    if not pairs:
        raise BadInputError("mechanisms that leave something to draw", value=(exclude, only))
    possible = [d for d in DISTRIBUTIONS if any(d == one for one, _ in pairs)]
    forms = [m for m in MORPHOLOGIES if any(m == one for _, one in pairs)]
    return Menu(
        arrangements,
        particles,
        {d: tuple(m for m in forms if (d, m) in pairs) for d in possible},
        {m: tuple(d for d in possible if (d, m) in pairs) for m in forms},
        {} if ranges is None else {d: r.low for d, r in ranges.sections.get("mix", {}).items()},
    )
