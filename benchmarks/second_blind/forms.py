"""What each form looks like: sizes, shapes, how the grains of one cluster differ.

Sizes are the lexicon's (BI-RADS 5th edition as paraphrased there): punctate under 0.5 mm, round
0.5-1 mm, popcorn over 2 mm, rods at least 0.5 mm thick, coarse heterogeneous 0.5-1 mm, fine
pleomorphic usually and fine linear always under 0.5 mm. Mean diameters of real calcifications
are 0.19 mm (benign) to 0.32 mm (comedo), lognormal with sigma 0.3-0.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .grains import Pieces
from .paths import Array, Rng


@dataclass(frozen=True)
class Grains:
    """The grains of one cluster.

    Attributes
    ----------
    pieces : Pieces
    length_mm : ndarray, shape (n,)
        Longest dimension.
    wobble_rad : float
        How far grains lie off the direction of their duct or vessel; inf where anyhow.
    """

    pieces: Pieces
    length_mm: Array
    wobble_rad: float = np.inf


def draw_grains(rng: Rng, form: str, n: int) -> Grains:
    """Make `n` grains of a form, alike as those of one cluster are.

    Parameters
    ----------
    rng : numpy.random.Generator
    form : str
        A word of `calcigram.lexicon.Morphology`.
    n : int

    Returns
    -------
    Grains
    """
    return _FORMS[form](rng, n)


def specks(rng: Rng, n: int) -> Grains:
    """Make what a detector mistakes for calcifications: noise, dust, crossing strands."""
    size = _sizes(rng, n, (0.12, 0.2), (0.3, 0.3), (0.08, 0.4))
    stretch = 1 + rng.exponential(0.3, n)
    half_length = size * (stretch - 1) / 2
    pieces = Pieces(np.arange(n), size / 2, 0.35, half_length_mm=half_length)
    return Grains(pieces, size * stretch)


def _sizes(
    rng: Rng,
    n: int,
    typical_mm: tuple[float, float],
    sigma: tuple[float, float],
    limits_mm: tuple[float, float],
) -> Array:
    """Draw lognormal sizes about one typical size a cluster."""
    size = rng.uniform(*typical_mm) * np.exp(rng.uniform(*sigma) * rng.standard_normal(n))
    return np.clip(size, *limits_mm)


def _round(rng: Rng, n: int) -> Grains:
    size = _sizes(rng, n, (0.58, 0.9), (0.05, 0.18), (0.5, 1.0))
    half_length = size * rng.exponential(0.03, n)
    return Grains(
        Pieces(np.arange(n), size / 2, rng.uniform(0.4, 0.9), half_length_mm=half_length), size
    )


def _punctate(rng: Rng, n: int) -> Grains:
    size = _sizes(rng, n, (0.2, 0.38), (0.08, 0.22), (0.13, 0.47))
    stretch = 1 + rng.uniform(0.03, 0.3) * rng.random(n)
    return Grains(
        Pieces(
            np.arange(n),
            size / 2 / np.sqrt(stretch),
            rng.uniform(0.6, 1.0),
            half_length_mm=size * (stretch - 1) / 2,
        ),
        size * np.sqrt(stretch),
    )


def _popcorn(rng: Rng, n: int) -> Grains:
    size = _sizes(rng, n, (2.6, 4.2), (0.1, 0.3), (2.2, 7.0))
    n_young = rng.binomial(n // 4, rng.uniform(0, 0.6))  # not yet grown to popcorn
    size[n - n_young :] *= rng.uniform(0.35, 0.7, n_young)
    n_lobes = rng.integers(5, 10, n)
    owner = np.repeat(np.arange(n), n_lobes)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(n_lobes) - n_lobes, n_lobes)
    angle = 2 * np.pi * number / n_lobes[owner] + rng.normal(0, 0.3, len(owner))
    lobe = size[owner] * rng.uniform(0.13, 0.25, len(owner))
    squash = rng.uniform(0.65, 1.0, n)[owner]
    out = (size[owner] / 2 - lobe) * rng.uniform(0.85, 1.0, len(owner))
    knobs = Pieces(
        np.concatenate([owner, np.arange(n)]),
        np.concatenate([lobe, size * 0.27 * rng.uniform(0.8, 1.1, n)]),
        rng.uniform(0.25, 0.6),
        np.concatenate([out * np.cos(angle), np.zeros(n)]),
        np.concatenate([squash * out * np.sin(angle), np.zeros(n)]),
    )
    return Grains(knobs, size)


def _rod_like(rng: Rng, n: int) -> Grains:
    calibre = _sizes(rng, n, (0.55, 0.85), (0.05, 0.2), (0.5, 1.2))
    stretch = np.clip(rng.uniform(3, 6) * np.exp(0.35 * rng.standard_normal(n)), 2.5, 12)
    length = np.minimum(calibre * stretch, 11.0)
    half_length = (length - calibre) / 2
    forked = np.flatnonzero(rng.random(n) < rng.choice([0.0, 0.12]))
    turn = rng.choice([-1, 1], len(forked)) * rng.uniform(0.4, 0.7, len(forked))
    twig = half_length[forked] * 0.45
    pieces = Pieces(
        np.concatenate([np.arange(n), forked]),
        np.concatenate([calibre, 0.8 * calibre[forked]]) / 2,
        rng.uniform(0.5, 0.9),
        np.concatenate([np.zeros(n), twig * np.cos(turn)]),
        np.concatenate([np.zeros(n), twig * np.sin(turn)]),
        np.concatenate([np.zeros(n), turn]),
        np.concatenate([half_length, twig]),
        np.concatenate([calibre * rng.uniform(0.75, 1.0, n), 0.7 * calibre[forked]]) / 2,
        np.concatenate([rng.normal(0, 0.03, n), np.zeros(len(forked))]),
    )
    return Grains(pieces, length, wobble_rad=rng.uniform(0.05, 0.15))


def _amorphous(rng: Rng, n: int) -> Grains:
    """Heaps of dust finer than a pixel in a haze: a thin layer, however wide it lies."""
    size = _sizes(rng, n, (0.22, 0.42), (0.15, 0.35), (0.15, 0.65))
    layer_mm = rng.uniform(0.06, 0.14) * np.exp(0.2 * rng.standard_normal(n))
    n_dust = rng.integers(5, 13, n)
    owner = np.repeat(np.arange(n), n_dust)
    spread = 0.25 * size[owner]
    dust = Pieces(
        np.concatenate([owner, np.arange(n)]),
        np.concatenate([0.14 * size[owner] * rng.uniform(0.7, 1.3, len(owner)), size / 2]),
        np.concatenate([(0.9 * layer_mm / size)[owner], 0.6 * layer_mm / size]),
        np.concatenate([spread * rng.standard_normal(len(owner)), np.zeros(n)]),
        np.concatenate([spread * rng.standard_normal(len(owner)), np.zeros(n)]),
    )
    return Grains(dust, size)


def _coarse_heterogeneous(rng: Rng, n: int) -> Grains:
    """Two to four chipped stones grown into one."""
    size = _sizes(rng, n, (0.68, 0.98), (0.15, 0.3), (0.5, 1.3))
    n_stones = rng.integers(2, 5, n)
    owner = np.repeat(np.arange(n), n_stones)
    angle = rng.uniform(0, 2 * np.pi, len(owner))
    out = 0.24 * size[owner] * np.sqrt(rng.random(len(owner)))
    stones = Pieces(
        owner,
        size[owner] * rng.uniform(0.24, 0.4, len(owner)),
        (rng.uniform(0.4, 0.7) * np.exp(0.3 * rng.standard_normal(n)))[owner],
        out * np.cos(angle),
        out * np.sin(angle),
        rng.uniform(0, np.pi, len(owner)),
        size[owner] * rng.uniform(0, 0.2, len(owner)),
        n_chips=7,
    )
    return Grains(stones, size)


def _fine_pleomorphic(rng: Rng, n: int) -> Grains:
    """Crushed stone: chips of many sizes and shapes, none of them a thin line."""
    size = _sizes(rng, n, (0.2, 0.34), (0.4, 0.6), (0.1, 0.75))
    stretch = np.clip(np.exp(np.abs(0.45 * rng.standard_normal(n))), 1, 2.4)
    double = np.flatnonzero(rng.random(n) < 0.3)
    angle = rng.uniform(0, np.pi, n)
    radius = size / 2 / np.sqrt(stretch) * 1.15
    owner = np.concatenate([np.arange(n), double])
    lump = rng.uniform(0, 2 * np.pi, len(double))
    stones = Pieces(
        owner,
        np.concatenate([radius, radius[double] * rng.uniform(0.5, 0.8, len(double))]),
        (rng.uniform(0.6, 1.0) * np.exp(0.25 * rng.standard_normal(n)))[owner],
        np.concatenate([np.zeros(n), radius[double] * np.cos(lump)]),
        np.concatenate([np.zeros(n), radius[double] * np.sin(lump)]),
        angle[owner],
        np.concatenate([radius * (stretch - 1), np.zeros(len(double))]),
        n_chips=6,
    )
    return Grains(stones, size * np.sqrt(stretch))


def _fine_linear(rng: Rng, n: int) -> Grains:
    """Casts of a duct's lumen: thin, crooked, of uneven calibre, here and there forked."""
    length = _sizes(rng, n, (1.0, 2.0), (0.3, 0.5), (0.45, 4.5))
    n_dots = rng.binomial(n, rng.uniform(0, 0.2))
    length[n - n_dots :] *= 0.5
    calibre = np.clip(rng.uniform(0.13, 0.3) * np.exp(0.2 * rng.standard_normal(n)), 0.08, 0.4)
    n_links = np.clip(np.round(length / 0.45).astype(int), 1, 7)
    owner = np.repeat(np.arange(n), n_links)
    link = length[owner] / n_links[owner]
    heading = _walk(rng, owner, 0.28)
    step_x, step_y = link * np.cos(heading), link * np.sin(heading)
    end_x, end_y = _summed(step_x, owner), _summed(step_y, owner)
    thick = calibre[owner] / 2 * np.exp(0.22 * rng.standard_normal(len(owner)))
    thick = np.minimum(thick, 0.22)
    x = end_x - step_x / 2 - _mean(end_x - step_x / 2, owner)
    y = end_y - step_y / 2 - _mean(end_y - step_y / 2, owner)
    forked = np.flatnonzero((rng.random(len(owner)) < rng.choice([0.03, 0.15])) & (link > 0.3))
    turn = heading[forked] + rng.choice([-1, 1], len(forked)) * rng.uniform(0.5, 0.9, len(forked))
    twig = link[forked] * rng.uniform(0.6, 1.2, len(forked))
    casts = Pieces(
        np.concatenate([owner, owner[forked]]),
        np.concatenate([thick, 0.8 * thick[forked]]),
        rng.uniform(0.5, 0.9),
        np.concatenate([x, x[forked] + twig / 2 * np.cos(turn)]),
        np.concatenate([y, y[forked] + twig / 2 * np.sin(turn)]),
        np.concatenate([heading, turn]),
        np.concatenate([link, twig]) / 2,
        np.concatenate([thick * rng.uniform(0.7, 1.2, len(owner)), 0.6 * thick[forked]]),
    )
    return Grains(casts, length, wobble_rad=rng.uniform(0.15, 0.35))


def _vascular(rng: Rng, n: int) -> Grains:
    """Plaques in a vessel's wall: smooth dashes along it, some no more than granules."""
    calibre = _sizes(rng, n, (0.14, 0.26), (0.15, 0.25), (0.1, 0.4))
    length = rng.uniform(0.6, 1.5) * np.exp(0.5 * rng.standard_normal(n))
    length = np.clip(length, 1.05 * calibre, 4.0)
    granule = rng.random(n) < rng.uniform(0.05, 0.3)
    length = np.where(granule, calibre * rng.uniform(1.05, 1.8, n), length)
    plaques = Pieces(
        np.arange(n),
        calibre / 2,
        rng.uniform(0.45, 0.85),
        half_length_mm=(length - calibre) / 2,
        end_radius_mm=calibre / 2 * rng.uniform(0.6, 1.0, n),
        bend_per_mm=rng.normal(0, 0.08, n),
    )
    return Grains(plaques, length, wobble_rad=rng.uniform(0.05, 0.15))


def _walk(rng: Rng, owner: np.ndarray, step_rad: float) -> Array:
    """Let the heading of the links of each grain wander about 0."""
    heading = _summed(step_rad * rng.standard_normal(len(owner)), owner)
    return heading - _mean(heading, owner)


def _summed(values: Array, owner: np.ndarray) -> Array:
    """Sum cumulatively within each owner; `owner` rises."""
    total = np.cumsum(values)
    first = np.searchsorted(owner, owner)
    return total - (total - values)[first]


def _mean(values: Array, owner: np.ndarray) -> Array:
    return (np.bincount(owner, values) / np.bincount(owner))[owner]


_FORMS: dict[str, Callable[[Rng, int], Grains]] = {
    "round": _round,
    "punctate": _punctate,
    "popcorn": _popcorn,
    "rod_like": _rod_like,
    "amorphous": _amorphous,
    "coarse_heterogeneous": _coarse_heterogeneous,
    "fine_pleomorphic": _fine_pleomorphic,
    "fine_linear": _fine_linear,
    "vascular": _vascular,
}
