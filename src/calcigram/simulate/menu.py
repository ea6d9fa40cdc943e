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

Rng = np.random.Generator


@dataclass(frozen=True)
class Menu:
    """Which mechanisms may be drawn."""

    arrangements: dict[tuple[Distribution, bool], tuple[Arrangement, ...]]
    particles: dict[Morphology, tuple[ParticleModel, ...]]
    forms_of: dict[Distribution, tuple[Morphology, ...]]
    distributions_of: dict[Morphology, tuple[Distribution, ...]]

    def draw(self, rng: Rng) -> tuple[Arrangement, ParticleModel]:
        """Draw a distribution, then a form (or the reverse), then a mechanism of each."""
        if rng.random() < 0.5:
            distribution = _pick(rng, tuple(self.forms_of))
            form = _pick(rng, self.forms_of[distribution])
        else:
            form = _pick(rng, tuple(self.distributions_of))
            distribution = _pick(rng, self.distributions_of[form])
        vessel = form is Morphology.VASCULAR
        return (
            _pick(rng, self.arrangements[distribution, vessel]),
            _pick(rng, self.particles[form]),
        )


def _pick(rng: Rng, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(0, len(choices)))]


def mechanism_ids() -> tuple[str, ...]:
    """Return the ids of all arrangements, then of all particle models.

    Examples
    --------
    >>> "linear.duct_walk" in mechanism_ids(), "fine_linear.casting" in mechanism_ids()
    (True, True)
    """
    tables: tuple[dict[Any, dict[str, Any]], ...] = (ARRANGEMENTS, PARTICLE_MODELS)
    return tuple(m.id for table in tables for models in table.values() for m in models.values())


@lru_cache(maxsize=64)
def menu_of(exclude: tuple[str, ...], only: tuple[str, ...]) -> Menu:
    """Return the menu without some mechanisms, or with only some.

    Raises
    ------
    BadInputError
        An unknown mechanism, or nothing left to draw.
    """
    known = mechanism_ids()
    for name in (*exclude, *only):
        if name not in known:
            raise BadInputError(f"one of {', '.join(known)}", column="mechanism", value=name)
    n_arrangements = sum(len(models) for models in ARRANGEMENTS.values())
    arrangement_ids, particle_ids = set(known[:n_arrangements]), set(known[n_arrangements:])

    def allowed(ids: set[str]) -> set[str]:
        return ((ids & set(only)) or ids) - set(exclude)

    arrangement_ids, particle_ids = allowed(arrangement_ids), allowed(particle_ids)
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
    )
