"""Segmental arrangements: the wedge of one lobe."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calcigram.lexicon import Distribution, Morphology

from .branches import arm_along, branched_off
from .breast import Array, Breast, Rng
from .forms import FORMS, number_of
from .paths import CLOSEST_MM, Pattern, joined, walked


@dataclass(frozen=True)
class _Lobe:
    """The wedge of one lobe: its apex, axis, half opening and the radii it is filled between."""

    apex: Array
    axis: float
    half: float
    near: float
    far: float

    def point(self, radius: Array, turn: Array) -> tuple[Array, Array]:
        """Return points by radius and by turn from the axis in units of the half opening."""
        angle = self.axis + self.half * turn
        return self.apex + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), angle


def _lobe(rng: Rng, breast: Breast) -> _Lobe:
    near = rng.uniform(4, 18)
    longest = 66.0 if breast.area_known else 54.0
    far = near + rng.uniform(24, max(28.0, min(longest, 0.78 * breast.depth - near)))
    back = rng.normal(0, 1.5, 2)
    axis = math.pi + rng.uniform(-0.75, 0.75)
    return _Lobe(breast.nipple + back, axis, rng.uniform(0.2, 0.48), near, far)


def segmental_fan(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Fill several ducts of a lobe, which spread from the nipple and bear twigs."""
    lobe = _lobe(rng, breast)
    low, high = FORMS[name].step
    step = rng.uniform(0.8 * high, 1.7 * high) if high < 4 else rng.uniform(low, high)
    k = int(rng.integers(4, 9))
    parts = []
    for turn in (np.arange(k) + rng.uniform(0.25, 0.75, k)) / k * 2 - 1:
        near = lobe.near + rng.uniform(0, 0.35) * (lobe.far - lobe.near)
        far = lobe.far - rng.uniform(0, 0.25) * (lobe.far - lobe.near)
        root, angle = lobe.point(np.array([near]), np.array([turn]))
        duct = walked(rng, root[0], float(angle[0]), far - near, bend=0.12, wiggle=0.15)
        parts.append(arm_along(rng, duct, step, rng.uniform(0, step), rng.uniform(0.1, 0.4)))
        for _ in range(int(rng.integers(0, 3))):
            where = duct.length * rng.uniform(0.4, 0.9)
            side, reach = float(rng.choice([-1, 1])), rng.uniform(3, 9)
            twig = branched_off(rng, duct, where, side, rng.uniform(0.3, 0.7), reach)
            parts.append(arm_along(rng, twig, step, 0.6 * step, 0.2))
    return joined(parts, max(CLOSEST_MM, 0.5 * FORMS[name].gap))


def segmental_powder(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Fill the wedge of a lobe without showing its ducts."""
    lobe, n = _lobe(rng, breast), number_of(rng, Distribution.SEGMENTAL, name)
    grow = rng.uniform(1.6, 2.4)
    radius = (lobe.near**grow + rng.random(n) * (lobe.far**grow - lobe.near**grow)) ** (1 / grow)
    return Pattern(*lobe.point(radius, rng.uniform(-1, 1, n)), FORMS[name].gap)


def segmental_lobules(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Fill the terminal lobules of one lobe, with some calcium in the ducts between."""
    lobe, n = _lobe(rng, breast), max(18, number_of(rng, Distribution.SEGMENTAL, name))
    k = int(rng.integers(9, 20))
    even = np.sqrt(rng.uniform(lobe.near**2, lobe.far**2, k))
    centre, angle = lobe.point(even, rng.uniform(-1, 1, k) * 0.95)
    owner = rng.integers(0, k, n)
    xy = centre[owner] + rng.normal(0, rng.uniform(0.8, 2.0), (n, 2))
    loose = rng.random(n) < 0.3
    ducts, along = lobe.point(rng.uniform(lobe.near, lobe.far, n), rng.uniform(-1, 1, n))
    xy[loose] = ducts[loose]
    return Pattern(xy, np.where(loose, along, angle[owner]), 0.8 * FORMS[name].gap)
