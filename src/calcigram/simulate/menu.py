"""Which mechanisms may be drawn, and the draw of one for a cluster. Builds nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from calcigram.errors import BadInputError
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    Distribution,
    Morphology,
)
from calcigram.simulate.arrangements import ARRANGEMENTS, Arrangement
from calcigram.simulate.particles import PARTICLE_MODELS, ParticleModel
from calcigram.simulate.presets import Preset, load_preset

Rng = np.random.Generator


@dataclass(frozen=True)
class Menu:
    """Which mechanisms may be drawn."""

    arrangements: dict[tuple[Distribution, bool], tuple[Arrangement, ...]]
    particles: dict[Morphology, tuple[ParticleModel, ...]]
    forms_of: dict[Distribution, tuple[Morphology, ...]]
    distributions_of: dict[Morphology, tuple[Distribution, ...]]
    mix: dict[str, float]

    def draw(self, rng: Rng) -> tuple[Arrangement, ParticleModel]:
        """Draw a distribution, then a form (or the reverse), then a mechanism of each."""
        if rng.random() < 0.5:
            distribution = self._distribution(rng, tuple(self.forms_of))
            form = _pick(rng, self.forms_of[distribution])
        else:
            form = _pick(rng, tuple(self.distributions_of))
            distribution = self._distribution(rng, self.distributions_of[form])
        vessel = form is Morphology.VASCULAR
        return (
            _pick(rng, self.arrangements[distribution, vessel]),
            _pick(rng, self.particles[form]),
        )

    def _distribution(self, rng: Rng, choices: Sequence[Distribution]) -> Distribution:
        if not self.mix:
            return _pick(rng, choices)  # type: ignore[no-any-return]
        shares = np.cumsum([self.mix[choice] for choice in choices])
        return choices[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def _pick(rng: Rng, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(0, len(choices)))]


_TABLES: dict[str, dict[Any, dict[str, Any]]] = {
    "arrangement": ARRANGEMENTS,
    "particle": PARTICLE_MODELS,
}


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

    def allowed(kind: str) -> set[str]:
        ids = set(_ids_of(kind, None))
        return (((ids & set(only)) or ids) - set(exclude)) & set(_ids_of(kind, ranges))

    arrangement_ids, particle_ids = allowed("arrangement"), allowed("particle")
    arrangements = {
        (d, vessel): tuple(
            a for a in ARRANGEMENTS[d].values() if a.id in arrangement_ids and a.vessel == vessel
        )
        for d in DISTRIBUTIONS
        for vessel in (False, True)
    }
    particles = {
        m: tuple(p for p in PARTICLE_MODELS[m].values() if p.id in particle_ids)
        for m in MORPHOLOGIES
    }
    pairs = {
        (d, m)
        for d, m in ADMISSIBLE_PAIRS
        if particles[m] and arrangements[d, m is Morphology.VASCULAR]
    }
    if not pairs:
        raise BadInputError("mechanisms that leave something to draw", value=(exclude, only))
    forms = {d: tuple(m for m in MORPHOLOGIES if (d, m) in pairs) for d in DISTRIBUTIONS}
    distributions = {m: tuple(d for d in DISTRIBUTIONS if (d, m) in pairs) for m in MORPHOLOGIES}
    return Menu(
        arrangements,
        particles,
        {d: f for d, f in forms.items() if f},
        {m: d for m, d in distributions.items() if d},
        {} if ranges is None else {d: r.low for d, r in ranges.sections.get("mix", {}).items()},
    )
