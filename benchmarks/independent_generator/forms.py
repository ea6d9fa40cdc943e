"""What a form looks like: sizes, shapes, contrast, spacing and counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calcigram.lexicon import Distribution, Morphology

from .breast import Array, Rng


@dataclass(frozen=True)
class Form:
    """How calcifications of one form measure, and how closely they may lie.

    `calibre` is (median, sigma, least, most) of a lognormal: the width where `length`
    (same meaning) is given, else the diameter. `step` is the spacing along a path, `gap`
    the least distance elsewhere, `crowd` scales the count, `wander` is the scatter of the
    major axis about the path in degrees (None: no relation), `companion` the form that
    impure clusters hold besides.
    """

    calibre: tuple[float, float, float, float]
    length: tuple[float, float, float, float] | None
    aspect: tuple[float, float]
    solidity: tuple[float, float]
    cnr: tuple[float, float]
    step: tuple[float, float]
    gap: float
    crowd: float
    wander: float | None
    companion: Morphology | None


_M = Morphology
FORMS: dict[Morphology, Form] = {
    _M.ROUND: Form(
        (0.66, 0.17, 0.5, 1.05), None, (1.0, 1.22), (0.93, 0.99), (14, 0.35),
        (1.3, 3.0), 0.9, 0.6, None, _M.PUNCTATE,
    ),
    _M.PUNCTATE: Form(
        (0.28, 0.26, 0.12, 0.48), None, (1.0, 1.4), (0.9, 0.985), (7, 0.3),
        (0.7, 2.0), 0.35, 1.0, None, _M.ROUND,
    ),
    _M.POPCORN: Form(
        (3.1, 0.28, 2.05, 8.0), None, (1.05, 1.6), (0.7, 0.92), (26, 0.3),
        (5.0, 8.0), 3.6, 0.2, None, _M.COARSE_HETEROGENEOUS,
    ),
    _M.ROD_LIKE: Form(
        (0.72, 0.2, 0.5, 1.3), (3.6, 0.3, 1.8, 8.0), (2.2, 12), (0.87, 0.97), (18, 0.3),
        (4.5, 7.5), 2.0, 0.35, 10, _M.ROUND,
    ),
    _M.AMORPHOUS: Form(
        (0.25, 0.36, 0.1, 0.6), None, (1.05, 1.9), (0.68, 0.92), (2.5, 0.28),
        (0.6, 1.6), 0.3, 1.1, None, _M.PUNCTATE,
    ),
    _M.COARSE_HETEROGENEOUS: Form(
        (0.7, 0.25, 0.45, 1.3), None, (1.1, 2.0), (0.64, 0.88), (13, 0.35),
        (1.2, 2.6), 0.8, 0.6, 45, _M.FINE_PLEOMORPHIC,
    ),
    _M.FINE_PLEOMORPHIC: Form(
        (0.31, 0.42, 0.12, 0.62), None, (1.1, 2.8), (0.58, 0.92), (8.5, 0.4),
        (0.7, 1.8), 0.35, 1.0, 40, _M.PUNCTATE,
    ),
    _M.FINE_LINEAR: Form(
        (0.21, 0.25, 0.11, 0.42), (1.25, 0.38, 0.6, 3.5), (2.6, 11), (0.6, 0.88), (7.5, 0.35),
        (1.2, 2.8), 0.7, 0.8, 18, _M.FINE_PLEOMORPHIC,
    ),
    _M.VASCULAR: Form(
        (0.28, 0.28, 0.13, 0.6), (1.1, 0.45, 0.4, 4.0), (1.5, 9), (0.72, 0.95), (9, 0.35),
        (0.9, 2.0), 0.5, 1.0, 9, _M.PUNCTATE,
    ),
}  # fmt: skip
_FIELD_COUNTS: dict[Distribution, tuple[float, float]] = {
    Distribution.GROUPED: (7, 48),
    Distribution.REGIONAL: (24, 120),
    Distribution.DIFFUSE: (30, 170),
    Distribution.SEGMENTAL: (28, 140),
}
_POPCORN_COUNTS: dict[Distribution, tuple[float, float]] = {
    Distribution.GROUPED: (3, 8),
    Distribution.REGIONAL: (7, 15),
    Distribution.DIFFUSE: (9, 26),
}


def log_uniform(rng: Rng, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def lognormal(rng: Rng, law: tuple[float, float, float, float], n: int, shift: float) -> Array:
    """Draw from a lognormal; what falls beyond its limits is folded back just inside them."""
    median, sigma, low, high = law
    value = median * np.exp(rng.normal(shift, sigma, n))
    slack = rng.uniform(0, 0.12, n) * (high - low)
    return np.where(value < low, low + slack, np.where(value > high, high - slack, value))


def number_of(rng: Rng, distribution: Distribution, name: Morphology) -> int:
    if name is Morphology.POPCORN:
        low, high = _POPCORN_COUNTS[distribution]
        return int(rng.integers(low, high + 1))
    low, high = _FIELD_COUNTS[distribution]
    return max(6, round(log_uniform(rng, low, high) * FORMS[name].crowd))
