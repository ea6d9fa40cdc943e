"""Outlines of single calcifications as polygons: the primitives all particle models share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import MORPHOLOGIES, Morphology
from calcigram.simulate._random import kernel_state
from calcigram.simulate.particles import _polygons
from calcigram.simulate.presets import Draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator


@dataclass
class Outlines:
    """The calcifications of one cluster, each a union of polygons about its own centre.

    Attributes
    ----------
    parts : ndarray of float64, shape (P, N_VERTICES, 2)
        mm, relative to the centre of the calcification.
    owner : ndarray of int64, shape (P,)
        Calcification of each part, never falling.
    contrast : ndarray of float64, shape (n,)
        X-ray contrast per mm relative to a dense calcification.
    softness_mm : ndarray of float64, shape (n,)
        Standard deviation of the blur that makes an edge hazy.
    """

    parts: Floats
    owner: Ints
    contrast: Floats
    softness_mm: Floats

    def __len__(self) -> int:
        return self.contrast.size

    def take(self, chosen: Ints) -> Outlines:
        """Return the chosen calcifications; `chosen` ascends."""
        if len(self.parts) == len(self):
            used, owner = chosen, self.owner[: chosen.size]
        else:
            number = np.full(len(self), -1)
            number[chosen] = np.arange(chosen.size)
            used = (number[self.owner] >= 0).nonzero()[0]
            owner = number[self.owner[used]]
        # On arrays this small `take` costs a third of what an index does.
        return Outlines(
            self.parts.take(used, axis=0),
            owner,
            self.contrast.take(chosen),
            self.softness_mm.take(chosen),
        )

    def with_contrast(self, contrast: Floats) -> Outlines:
        """Return the same outlines with other contrasts."""
        return Outlines(self.parts, self.owner, contrast, self.softness_mm)


Builder = Callable[[Rng, Floats, Draw], Outlines]


@dataclass(frozen=True)
class ParticleModel:
    """One way in which a form comes about: ``build(rng, direction, drawn values) -> Outlines``."""

    morphology: Morphology
    name: str
    build: Builder

    @cached_property
    def id(self) -> str:
        """``"<form>.<name>"``."""
        return f"{self.morphology}.{self.name}"


PARTICLE_MODELS: dict[Morphology, dict[str, ParticleModel]] = {m: {} for m in MORPHOLOGIES}
"""Every particle model by form and name."""


def particle_model(morphology: Morphology) -> Callable[[Builder], Builder]:
    """Register a builder under its own name."""

    def register(build: Builder) -> Builder:
        name = build.__name__
        PARTICLE_MODELS[morphology][name] = ParticleModel(morphology, name, build)
        return build

    return register


def single(parts: Floats, contrast: Floats, softness: float | Floats = 0.0) -> Outlines:
    """Make outlines of one part each."""
    n = len(parts)
    return Outlines(parts, np.arange(n), contrast, np.full(n, softness))


def lognormal(rng: Rng, median: float, sigma: float, n: int) -> Floats:
    """Return `n` lognormal values."""
    values = rng.standard_normal(n)
    values *= sigma
    np.exp(values, out=values)
    values *= median
    return values


def contrasts(rng: Rng, median: float, n: int) -> Floats:
    """Return contrasts of `n` calcifications of one cluster, 15 % apart."""
    return lognormal(rng, median, 0.15, n)


def directions(rng: Rng, direction: Floats, sd_deg: float) -> Floats:
    """Return axes along the duct with a normal error; any direction where there is no duct."""
    n = direction.size
    free = rng.uniform(0.0, math.pi, n)
    along = direction + math.radians(sd_deg) * rng.normal(size=n)
    return np.where(np.isnan(direction), free, along)


def ellipses(diameter: Floats, aspect: Floats, angle: Floats, power: float = 2.0) -> Floats:
    """Return ellipses of given equal-area diameter; `power` above 2 squares them off."""
    return _polygons.ellipses(diameter, aspect, angle, power)  # type: ignore[no-any-return]


def blobs(
    rng: Rng, diameter: Floats, aspect: Floats, angle: Floats, roughness: float, n_waves: int = 5
) -> Floats:
    """Return ellipses whose radius carries up to 8 random waves, finer ones weaker."""
    state = kernel_state(rng)
    return _polygons.blobs(state, diameter, aspect, angle, roughness, n_waves)  # type: ignore[no-any-return]


def shards(
    rng: Rng, diameter: Floats, aspect: Floats, angle: Floats, spikiness: float, corners: int
) -> Floats:
    """Return polygons of a few sharp corners at random angles and radii."""
    state = kernel_state(rng)
    return _polygons.shards(state, diameter, aspect, angle, spikiness, corners)  # type: ignore[no-any-return]


def capsules(length: Floats, calibre: Floats, angle: Floats, bend: Floats | None = None) -> Floats:
    """Return rods with round ends, `length` over all; `bend` is sagitta over length."""
    bend = np.zeros(length.size) if bend is None else bend
    return _polygons.capsules(length, calibre, angle, bend)  # type: ignore[no-any-return]


def bands(outer: Floats, hole: Floats, arc: Floats, aspect: Floats, angle: Floats) -> Floats:
    """Return bent bands: a ring where `arc` is a full turn, a crescent or a C where it is less.

    Parameters
    ----------
    outer : ndarray of float64, shape (n,)
        Outer diameter, mm.
    hole : ndarray of float64, shape (n,)
        Inner over outer diameter.
    arc, aspect, angle : ndarray of float64, shape (n,)
        Arc (radians), aspect ratio, and where the middle of the band lies (radians).

    Returns
    -------
    ndarray of float64, shape (n, N_VERTICES, 2)
    """
    return _polygons.bands(outer, hole, arc, aspect, angle)  # type: ignore[no-any-return]


def tubes_with_lumen(
    length: Floats, calibre: Floats, lumen: Floats, angle: Floats, bend: Floats, clubbing: Floats
) -> Floats:
    """Return rods with a lucent core, bent, one end thicker; `lumen` is its share of the calibre."""
    return _polygons.tubes(length, calibre, lumen, angle, bend, clubbing)  # type: ignore[no-any-return]


def drops(diameter: Floats, aspect: Floats, angle: Floats, hook: Floats) -> Floats:
    """Return tear-drops, hooked into commas; `hook` is sagitta over length."""
    return _polygons.drops(diameter, aspect, angle, hook)  # type: ignore[no-any-return]


def notched(
    rng: Rng,
    diameter: Floats,
    aspect: Floats,
    angle: Floats,
    bite: Floats,
    squareness: float,
    roughness: float,
) -> Floats:
    """Return squared-off plates with a bite out of the rim, `bite` deep as a share of the radius."""
    state = kernel_state(rng)
    return _polygons.notched(  # type: ignore[no-any-return]
        state, diameter, aspect, angle, bite, squareness, roughness
    )


def chains(rng: Rng, count: Ints, step: Floats, heading: Floats, bend_rad: float) -> Floats:
    """Return centres of the links of wandering chains, each about its own middle, shape (m, 2)."""
    return _polygons.chained(kernel_state(rng), count, step, heading, bend_rad)  # type: ignore[no-any-return]


def ragged(rng: Rng, parts: Floats, roughness: float, calibre: Floats) -> Floats:
    """Shake every vertex by a share of the calibre."""
    return _polygons.shaken(kernel_state(rng), parts, roughness, calibre)  # type: ignore[no-any-return]


def unions(
    parts: list[Floats], owners: list[Ints], contrast: Floats, softness: float | Floats
) -> Outlines:
    """Join several sets of parts into outlines, ordered by owner; the first set is in order."""
    softness = np.full(contrast.size, softness)
    if all(owner.size == 0 for owner in owners[1:]):
        return Outlines(parts[0], owners[0], contrast, softness)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return Outlines(np.concatenate(parts)[order], owner[order], contrast, softness)
