"""Outlines of single calcifications as polygons: the primitives all particle models share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import MORPHOLOGIES, Morphology
from calcigram.simulate.presets import Draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator

N_VERTICES = 24
_TURN = np.linspace(0.0, 2.0 * math.pi, N_VERTICES, endpoint=False)
_COS, _SIN = np.cos(_TURN), np.sin(_TURN)
# A polygon of 24 corners on a circle is smaller than the circle by this factor of area.
_EQUAL_AREA = math.sqrt(math.pi / (0.5 * N_VERTICES * math.sin(2.0 * math.pi / N_VERTICES)))


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
        """Return the chosen calcifications, in ascending order."""
        keep = np.zeros(len(self), bool)
        keep[chosen] = True
        number = np.cumsum(keep) - 1
        used = keep[self.owner]
        return Outlines(
            self.parts[used], number[self.owner[used]], self.contrast[keep], self.softness_mm[keep]
        )


Builder = Callable[[Rng, Floats, Draw], Outlines]


@dataclass(frozen=True)
class ParticleModel:
    """One way in which a form comes about: ``build(rng, direction, drawn values) -> Outlines``."""

    morphology: Morphology
    name: str
    build: Builder

    @property
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
    return Outlines(parts, np.arange(n), contrast, np.broadcast_to(softness, n).astype(float))


def lognormal(rng: Rng, median: float, sigma: float, n: int) -> Floats:
    """Return `n` lognormal values."""
    return median * np.exp(sigma * rng.normal(size=n))


def contrasts(rng: Rng, median: float, n: int) -> Floats:
    """Return contrasts of `n` calcifications of one cluster, 15 % apart."""
    return lognormal(rng, median, 0.15, n)


def directions(rng: Rng, direction: Floats, sd_deg: float) -> Floats:
    """Return axes along the duct with a normal error; any direction where there is no duct."""
    n = direction.size
    free = rng.uniform(0.0, math.pi, n)
    along = direction + math.radians(sd_deg) * rng.normal(size=n)
    return np.where(np.isnan(direction), free, along)


def rotate(parts: Floats, angle: Floats) -> Floats:
    """Turn each part by its angle, radians."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = parts[:, :, 0], parts[:, :, 1]
    return np.stack([c * x - s * y, s * x + c * y], axis=2)


def ellipses(diameter: Floats, aspect: Floats, angle: Floats, power: float = 2.0) -> Floats:
    """Return ellipses of given equal-area diameter; `power` above 2 squares them off."""
    major = diameter / 2 * np.sqrt(aspect) * _EQUAL_AREA
    minor = diameter / 2 / np.sqrt(aspect) * _EQUAL_AREA
    x = np.sign(_COS) * np.abs(_COS) ** (2 / power)
    y = np.sign(_SIN) * np.abs(_SIN) ** (2 / power)
    parts = np.stack([major[:, None] * x, minor[:, None] * y], axis=2)
    return rotate(parts, angle)


def blobs(
    rng: Rng, diameter: Floats, aspect: Floats, angle: Floats, roughness: float, n_waves: int = 5
) -> Floats:
    """Return ellipses whose radius carries random waves, finer ones weaker."""
    n = diameter.size
    k = np.arange(2, 2 + n_waves)
    amplitude = roughness * rng.normal(size=(n, n_waves)) * (2.0 / k)
    phase = rng.uniform(0, 2 * math.pi, (n, n_waves))
    radius = np.exp((amplitude[:, :, None] * np.cos(k[:, None] * _TURN + phase[:, :, None])).sum(1))
    parts = ellipses(diameter, aspect, np.zeros(n)) * radius[:, :, None]
    return rotate(parts, angle)


def shards(
    rng: Rng, diameter: Floats, aspect: Floats, angle: Floats, spikiness: float, corners: int
) -> Floats:
    """Return polygons of a few sharp corners at random angles and radii."""
    n = diameter.size
    turn = (np.arange(corners) + rng.uniform(-0.35, 0.35, (n, corners))) * 2 * math.pi / corners
    radius = 1.0 - spikiness * rng.random((n, corners))
    corner = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=2)
    at = np.arange(N_VERTICES) * corners / N_VERTICES
    left = at.astype(int)
    share = (at - left)[None, :, None]
    parts = (1 - share) * corner[:, left] + share * corner[:, (left + 1) % corners]
    x, y = parts[:, :, 0], parts[:, :, 1]
    area = 0.5 * np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1))
    scale = np.sqrt(math.pi / 4 / area) * diameter
    parts = parts * scale[:, None, None]
    parts[:, :, 0] *= np.sqrt(aspect)[:, None]
    parts[:, :, 1] /= np.sqrt(aspect)[:, None]
    return rotate(parts, angle)


def capsules(length: Floats, calibre: Floats, angle: Floats, bend: Floats | float = 0.0) -> Floats:
    """Return rods with round ends, `length` over all; `bend` is sagitta over length."""
    radius = calibre / 2
    straight = np.maximum(length / 2 - radius, 0.0)
    x = radius[:, None] * _COS + straight[:, None] * np.sign(np.round(_COS, 9))
    y = radius[:, None] * np.broadcast_to(_SIN, (length.size, N_VERTICES))
    half = np.maximum(length / 2, 1e-9)[:, None]
    sag = np.broadcast_to(bend, length.shape)[:, None] * length[:, None]
    y = y + sag * (1.0 / 3.0 - (x / half) ** 2)
    return rotate(np.stack([x, y], axis=2), angle)


def ragged(rng: Rng, parts: Floats, roughness: float, calibre: Floats) -> Floats:
    """Shake every vertex by a share of the calibre."""
    shake = rng.normal(0.0, roughness / 2, parts.shape) * calibre[:, None, None]
    return parts + 0.5 * (shake + np.roll(shake, 1, axis=1))


def unions(parts: list[Floats], owners: list[Ints], contrast: Floats, softness: float) -> Outlines:
    """Join several sets of parts into outlines, ordered by owner."""
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return Outlines(
        np.concatenate(parts)[order],
        owner[order],
        contrast,
        np.full(contrast.size, softness),
    )
