"""Outlines of calcifications: polygons of `N_VERTICES` corners in millimetres, about their centre.

Each kernel draws one polygon per row. Diameters and calibres are in mm, angles in radians, one
value per calcification. What a shape stands for, the particle models say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import rough_normal, seeded, uniform
from calcigram.simulate.mechanisms import Floats, Ints, Rng

N_VERTICES = 24
_TURN = np.linspace(0.0, 2.0 * math.pi, N_VERTICES + 1)[:N_VERTICES]
_COS, _SIN = np.cos(_TURN), np.sin(_TURN)
_HALF = N_VERTICES // 2
_MOST_WAVES = 8
_WAVE = _TURN[:, None] * np.arange(2, 2 + _MOST_WAVES)
_WAVE_COS, _WAVE_SIN = np.cos(_WAVE), np.sin(_WAVE)
# A polygon of 24 corners on a circle of this radius has the area of the unit circle.
_FILL = math.sqrt(math.pi / (0.5 * N_VERTICES * math.sin(2.0 * math.pi / N_VERTICES)))


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


def single(parts: Floats, contrast: Floats, softness_mm: float | Floats = 0.0) -> Outlines:
    """Make outlines of one part each."""
    n = len(parts)
    return Outlines(parts, np.arange(n), contrast, np.full(n, softness_mm))


def unions(
    parts: list[Floats], owners: list[Ints], contrast: Floats, softness_mm: float | Floats = 0.0
) -> Outlines:
    """Join several sets of parts into outlines, ordered by owner."""
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    softness_mm = np.full(contrast.size, softness_mm)
    return Outlines(np.concatenate(parts)[order], owner[order], contrast, softness_mm)


def lognormal(rng: Rng, median: float, sigma: float, n: int) -> Floats:
    """Return `n` lognormal values."""
    values: Floats = np.exp(sigma * rng.standard_normal(n)) * median
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


@kernel
def _swollen(x):
    """Return a factor near ``exp(x)`` for small `x`, positive for all, without the exponential."""
    return 1.0 + x + 0.5 * x * x


@kernel
def _turned(out, angle, factor_x, factor_y):
    """Stretch one polygon along x and y, then turn it."""
    c, s = math.cos(angle), math.sin(angle)
    for k in range(N_VERTICES):
        x, y = out[k, 0] * factor_x, out[k, 1] * factor_y
        out[k, 0], out[k, 1] = c * x - s * y, s * x + c * y


@kernel
def _scaled(out, diameter, aspect, angle):
    """Scale one polygon to the area of a disc, stretch it to an aspect ratio and turn it."""
    area = 0.0
    x, y = out[N_VERTICES - 1, 0], out[N_VERTICES - 1, 1]
    for k in range(N_VERTICES):
        area += x * out[k, 1] - y * out[k, 0]
        x, y = out[k, 0], out[k, 1]
    scale = diameter * math.sqrt(math.pi / 4.0 / abs(0.5 * area))
    stretch = math.sqrt(aspect)
    _turned(out, angle, scale * stretch, scale / stretch)


@kernel
def ellipses(diameter, aspect, angle, power):
    """Return ellipses of given equal-area diameter; `power` above 2 squares them off."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    x, y = _COS.copy(), _SIN.copy()
    if power != 2.0:
        for k in range(N_VERTICES):
            x[k] = math.copysign(abs(x[k]) ** (2.0 / power), x[k])
            y[k] = math.copysign(abs(y[k]) ** (2.0 / power), y[k])
    for i in range(n):
        for k in range(N_VERTICES):
            out[i, k, 0], out[i, k, 1] = x[k], y[k]
        half, stretch = 0.5 * _FILL * diameter[i], math.sqrt(aspect[i])
        _turned(out[i], angle[i], half * stretch, half / stretch)
    return out


@seeded
@kernel
def blobs(state, diameter, aspect, angle, roughness, n_waves):
    """Return ellipses whose radius carries up to 8 random waves, finer ones weaker."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    cosine, sine = np.empty(_MOST_WAVES), np.empty(_MOST_WAVES)
    for i in range(n):
        for wave in range(n_waves):
            weight = roughness * 1.4 / (wave + 2)
            cosine[wave], sine[wave] = weight * rough_normal(state), weight * rough_normal(state)
        for k in range(N_VERTICES):
            log_radius = 0.0
            for wave in range(n_waves):
                log_radius += cosine[wave] * _WAVE_COS[k, wave] + sine[wave] * _WAVE_SIN[k, wave]
            radius = _swollen(log_radius)
            out[i, k, 0], out[i, k, 1] = radius * _COS[k], radius * _SIN[k]
        half, stretch = 0.5 * _FILL * diameter[i], math.sqrt(aspect[i])
        _turned(out[i], angle[i], half * stretch, half / stretch)
    return out


@seeded
@kernel
def shards(state, diameter, aspect, angle, spikiness, corners):
    """Return polygons of a few sharp corners at random angles and radii."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    x, y = np.empty(corners), np.empty(corners)
    for i in range(n):
        for corner in range(corners):
            turn = 2.0 * math.pi * (corner + 0.7 * (uniform(state) - 0.5)) / corners
            radius = 1.0 - spikiness * uniform(state)
            x[corner], y[corner] = radius * math.cos(turn), radius * math.sin(turn)
        for k in range(N_VERTICES):
            left = k * corners // N_VERTICES
            share = k * corners / N_VERTICES - left
            right = (left + 1) % corners
            out[i, k, 0] = (1.0 - share) * x[left] + share * x[right]
            out[i, k, 1] = (1.0 - share) * y[left] + share * y[right]
        _scaled(out[i], diameter[i], aspect[i], angle[i])
    return out


@kernel
def capsules(length, calibre, angle, bend):
    """Return rods with round ends, `length` over all; `bend` is sagitta over length."""
    n = len(length)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        radius, half = 0.5 * calibre[i], max(0.5 * length[i], 1e-9)
        straight = max(half - radius, 0.0)
        for k in range(N_VERTICES):
            x = radius * _COS[k]
            if abs(_COS[k]) > 1e-9:
                x += math.copysign(straight, _COS[k])
            sag = bend[i] * length[i] * (1.0 / 3.0 - (x / half) ** 2)
            out[i, k, 0], out[i, k, 1] = x, radius * _SIN[k] + sag
        _turned(out[i], angle[i], 1.0, 1.0)
    return out


@kernel
def bands(outer, hole, arc, aspect, angle):
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
    n = len(outer)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        middle = 0.0
        for k in range(N_VERTICES):
            outside = k < _HALF
            turn = arc[i] * ((k if outside else N_VERTICES - 1 - k) / (_HALF - 1) - 0.5)
            radius = 0.5 * outer[i] * (1.0 if outside else hole[i])
            out[i, k, 0], out[i, k, 1] = radius * math.cos(turn), radius * math.sin(turn)
            middle += out[i, k, 0] / N_VERTICES
        if arc[i] < 6.28:
            # A crescent is placed by its own middle, not by the middle of its circle.
            for k in range(N_VERTICES):
                out[i, k, 0] -= middle
        stretch = math.sqrt(aspect[i])
        _turned(out[i], angle[i], stretch, 1.0 / stretch)
    return out


@kernel
def tubes_with_lumen(length, calibre, lumen, angle, bend, clubbing):
    """Return bent rods with a lucent core, `lumen` of the calibre wide; `clubbing` thickens one end."""
    n = len(length)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        half = max(0.5 * length[i], 1e-9)
        # The wall is as thick at the ends as at the sides.
        straight = max(0.5 * (length[i] - calibre[i]), 0.0)
        for k in range(N_VERTICES):
            outside = k < _HALF
            turn = 2.0 * math.pi * ((k if outside else N_VERTICES - 1 - k) / (_HALF - 1) - 0.5)
            radius = 0.5 * calibre[i] * (1.0 if outside else lumen[i])
            x = radius * math.cos(turn) + math.copysign(straight, math.cos(turn))
            y = radius * math.sin(turn) * (1.0 + clubbing[i] * x / half)
            sag = bend[i] * length[i] * (1.0 / 3.0 - (x / half) ** 2)
            out[i, k, 0], out[i, k, 1] = x, y + sag
        _turned(out[i], angle[i], 1.0, 1.0)
    return out


@kernel
def drops(diameter, aspect, angle, hook):
    """Return tear-drops, hooked into commas; `hook` is sagitta over length."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        for k in range(N_VERTICES):
            x = _COS[k]
            swell = math.sin(0.5 * _TURN[k]) ** 1.5
            out[i, k, 0], out[i, k, 1] = x, _SIN[k] * swell + hook[i] * (2.0 * x * x - 1.0)
        _scaled(out[i], diameter[i], aspect[i], angle[i])
    return out


@seeded
@kernel
def notched(state, diameter, aspect, angle, bite, squareness, roughness):
    """Return squared-off plates with a bite out of the rim, `bite` deep as a share of the radius."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    edge = np.empty(N_VERTICES)
    for k in range(N_VERTICES):
        total = abs(_COS[k]) ** squareness + abs(_SIN[k]) ** squareness
        edge[k] = total ** (-1.0 / squareness)
    for i in range(n):
        place, width = 2.0 * math.pi * uniform(state), 0.5 + 0.9 * uniform(state)
        for k in range(N_VERTICES):
            away = abs(_TURN[k] - place)
            away = min(away, 2.0 * math.pi - away)
            dent = min(1.0, max(0.0, 2.0 * (1.0 - away / width)))
            radius = edge[k] * (1.0 - bite[i] * dent) * _swollen(roughness * rough_normal(state))
            out[i, k, 0], out[i, k, 1] = radius * _COS[k], radius * _SIN[k]
        _scaled(out[i], diameter[i], aspect[i], angle[i])
    return out


@seeded
@kernel
def shaken(state, parts, roughness, calibre):
    """Return polygons with every corner moved by a share of the calibre, neighbours partly together."""
    out = parts.copy()
    for i in range(len(parts)):
        scale = 0.25 * roughness * calibre[i]
        for axis in range(2):
            first = rough_normal(state)
            before = first
            for k in range(N_VERTICES):
                after = rough_normal(state) if k < N_VERTICES - 1 else first
                out[i, k, axis] += scale * (before + after)
                before = after
    return out


@seeded
@kernel
def chains(state, count, step, heading, bend):
    """Return centres of the links of wandering chains, each about its own middle.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    count : ndarray of int64, shape (n,)
        Links of each chain.
    step : ndarray of float64, shape (sum of count,)
        Length of each link, mm.
    heading : ndarray of float64, shape (n,)
        Where each chain sets off, radians.
    bend : float
        Standard deviation of the turn at each link, radians.

    Returns
    -------
    ndarray of float64, shape (sum of count, 2)
    """
    out = np.empty((len(step), 2))
    begin = 0
    for i in range(len(count)):
        end = begin + count[i]
        x = y = mean_x = mean_y = 0.0
        along = heading[i]
        for k in range(begin, end):
            x += step[k] * math.cos(along)
            y += step[k] * math.sin(along)
            along += bend * rough_normal(state)
            out[k, 0], out[k, 1] = x, y
            mean_x += x / count[i]
            mean_y += y / count[i]
        for k in range(begin, end):
            out[k, 0] -= mean_x
            out[k, 1] -= mean_y
        begin = end
    return out
