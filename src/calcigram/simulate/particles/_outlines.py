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
    out = np.empty_like(parts)
    out[:, :, 0] = c * x - s * y
    out[:, :, 1] = s * x + c * y
    return out


def _stretched(x: Floats, y: Floats, angle: Floats) -> Floats:
    """Return parts from their coordinates along and across the axis, turned."""
    out = np.empty((angle.size, N_VERTICES, 2))
    out[:, :, 0], out[:, :, 1] = x, y
    return rotate(out, angle)


def ellipses(diameter: Floats, aspect: Floats, angle: Floats, power: float = 2.0) -> Floats:
    """Return ellipses of given equal-area diameter; `power` above 2 squares them off."""
    major = diameter / 2 * np.sqrt(aspect) * _EQUAL_AREA
    minor = diameter / 2 / np.sqrt(aspect) * _EQUAL_AREA
    x, y = _COS, _SIN
    if power != 2.0:
        x, y = np.sign(x) * np.abs(x) ** (2 / power), np.sign(y) * np.abs(y) ** (2 / power)
    return _stretched(major[:, None] * x, minor[:, None] * y, angle)


def blobs(
    rng: Rng, diameter: Floats, aspect: Floats, angle: Floats, roughness: float, n_waves: int = 5
) -> Floats:
    """Return ellipses whose radius carries random waves, finer ones weaker."""
    k = np.arange(2, 2 + n_waves)
    # A wave of random amplitude and phase is a sum of a cosine and a sine, both normal.
    cosine, sine = rng.normal(size=(2, diameter.size, n_waves)) * (roughness * 1.4 / k)
    radius = np.exp(cosine @ np.cos(k[:, None] * _TURN) + sine @ np.sin(k[:, None] * _TURN))
    half, stretch = diameter / 2 * _EQUAL_AREA, np.sqrt(aspect)
    x = (half * stretch)[:, None] * radius * _COS
    y = (half / stretch)[:, None] * radius * _SIN
    return _stretched(x, y, angle)


def shards(
    rng: Rng, diameter: Floats, aspect: Floats, angle: Floats, spikiness: float, corners: int
) -> Floats:
    """Return polygons of a few sharp corners at random angles and radii."""
    n = diameter.size
    turn = (np.arange(corners) + rng.uniform(-0.35, 0.35, (n, corners))) * 2 * math.pi / corners
    radius = 1.0 - spikiness * rng.random((n, corners))
    x, y = radius * np.cos(turn), radius * np.sin(turn)
    after = np.arange(1, corners + 1) % corners
    area = 0.5 * np.abs((x * y[:, after] - y * x[:, after]).sum(axis=1))
    scale = np.sqrt(math.pi / 4 / area) * diameter
    stretch = np.sqrt(aspect)
    at = np.arange(N_VERTICES) * corners / N_VERTICES
    left = at.astype(int)
    share, right = at - left, after[left]
    x = (scale * stretch)[:, None] * ((1 - share) * x[:, left] + share * x[:, right])
    y = (scale / stretch)[:, None] * ((1 - share) * y[:, left] + share * y[:, right])
    return _stretched(x, y, angle)


def capsules(length: Floats, calibre: Floats, angle: Floats, bend: Floats | float = 0.0) -> Floats:
    """Return rods with round ends, `length` over all; `bend` is sagitta over length."""
    radius = calibre / 2
    straight = np.maximum(length / 2 - radius, 0.0)
    x = radius[:, None] * _COS + straight[:, None] * np.sign(np.round(_COS, 9))
    y = radius[:, None] * np.broadcast_to(_SIN, (length.size, N_VERTICES))
    half = np.maximum(length / 2, 1e-9)[:, None]
    sag = np.broadcast_to(bend, length.shape)[:, None] * length[:, None]
    y = y + sag * (1.0 / 3.0 - (x / half) ** 2)
    return _stretched(x, y, angle)


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
