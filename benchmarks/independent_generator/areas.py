"""Arrangements over an area: grouped, regional and diffuse."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from calcigram.lexicon import DIFFUSE_MIN_MM, GROUPED_MAX_MM, Distribution, Morphology

from .breast import Array, Breast, Rng
from .forms import FORMS, log_uniform, number_of
from .geometry import Pattern, greatest_distance, spun, without_direction


def shape_ball(rng: Rng, n: int) -> Array:
    """Project a Gaussian ellipsoid."""
    frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return ((rng.normal(size=(n, 3)) * (1, rng.uniform(0.55, 1), rng.uniform(0.5, 1))) @ frame)[
        :, :2
    ]


def shape_ellipse(rng: Rng, n: int) -> Array:
    """Fill an ellipse evenly."""
    r, t = np.sqrt(rng.random(n)), rng.uniform(0, 2 * math.pi, n)
    return np.column_stack([r * np.cos(t), r * np.sin(t) * rng.uniform(0.55, 1)])


def shape_nodule(rng: Rng, n: int) -> Array:
    """Project a spheroid whose outer layers hold more than its middle."""
    arrow = rng.normal(size=(n, 3))
    arrow /= np.linalg.norm(arrow, axis=1, keepdims=True)
    xyz = arrow * rng.uniform(0.2, 1, n)[:, None] ** rng.uniform(0.35, 0.7)
    return xyz[:, :2] * (1, rng.uniform(0.65, 1))


def shape_angular(rng: Rng, n: int) -> Array:
    """Fill a triangle or a trapezoid."""
    uv = rng.random((n, 2))
    taper = rng.uniform(0.1, 0.7)
    x = (uv[:, 0] - 0.5) * (taper + (1 - taper) * uv[:, 1])
    return np.column_stack([x, (uv[:, 1] - 0.5) * rng.uniform(0.7, 1.1)])


def shape_lobules(rng: Rng, n: int, most: int = 4, tight: float = 0.25) -> Array:
    """Gather points about a few terminal lobules."""
    k = int(rng.integers(max(1, most // 3), most + 1))
    centres = shape_ellipse(rng, k) * (1 if k > 1 else 0)
    owner = rng.integers(0, k, n)
    return centres[owner] + rng.normal(0, tight * rng.uniform(0.5, 1.1), (n, 2))


def shape_blob(rng: Rng, n: int) -> Array:
    """Fill a lumpy outline."""
    t = rng.uniform(0, 2 * math.pi, n)
    edge = np.ones(n)
    for order in (2, 3, 4):
        edge += rng.uniform(0, 0.22) * np.cos(order * t + rng.uniform(0, 2 * math.pi))
    r = edge * np.sqrt(rng.random(n))
    return np.column_stack([r * np.cos(t), r * np.sin(t) * rng.uniform(0.7, 1)])


def shape_drift(rng: Rng, n: int) -> Array:
    """Fill a lumpy outline more densely to one side."""
    xy = shape_blob(rng, 3 * n)
    keep = rng.random(3 * n) < np.clip(0.5 + 0.4 * xy[:, 0], 0.12, 1)
    return xy[keep][:n]


def shape_islands(rng: Rng, n: int) -> Array:
    """Gather points about many lobules, with some between them."""
    k = int(rng.integers(5, 14))
    centres = shape_blob(rng, k)
    xy = centres[rng.integers(0, k, n)] + rng.normal(0, rng.uniform(0.07, 0.16), (n, 2))
    loose = rng.random(n) < rng.uniform(0.1, 0.35)
    xy[loose] = shape_blob(rng, n)[loose]
    return xy


Shape = Callable[[Rng, int], Array]
Arrangement = Callable[[Rng, Breast, Morphology], Pattern]


def placed(shape: Shape, distribution: Distribution) -> Arrangement:
    """Make an arrangement: a shape, sized for the distribution, somewhere in the breast."""

    def arrange(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
        form = FORMS[name]
        n = number_of(rng, distribution, name)
        xy = spun(shape(rng, n), rng.uniform(0, math.pi))
        gap = form.gap * rng.uniform(0.7, 1.1)
        if distribution is Distribution.GROUPED:
            least = min(17.0, max(3.0, 1.5 * gap * math.sqrt(n)))
            size = log_uniform(rng, least, GROUPED_MAX_MM - 0.5)
        else:
            most = 72.0 if breast.area_known else DIFFUSE_MIN_MM - 1.5
            size = rng.uniform(24, most)
        return without_direction(
            breast.spot(rng) + (xy - xy.mean(axis=0)) * size / greatest_distance(xy), gap
        )

    return arrange


def diffuse_even(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Scatter evenly through the breast."""
    n = number_of(rng, Distribution.DIFFUSE, name)
    return without_direction(breast.uniform(rng, n, rng.uniform(0.86, 0.96)), FORMS[name].gap)


def diffuse_gland(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Scatter through the gland, which thins towards the chest wall and has fatty holes."""
    n = number_of(rng, Distribution.DIFFUSE, name)
    xy = breast.uniform(rng, 4 * n, 0.95)
    keep = rng.random(len(xy)) < 0.25 + 0.75 * (xy[:, 0] / breast.depth) ** rng.uniform(0.3, 1)
    for _ in range(int(rng.integers(1, 4))):
        keep &= np.hypot(*(xy - breast.spot(rng)).T) > rng.uniform(6, 16)
    return without_direction(xy[keep][:n], FORMS[name].gap)


def diffuse_lobules(rng: Rng, breast: Breast, name: Morphology) -> Pattern:
    """Scatter small knots and single calcifications through the breast."""
    n = number_of(rng, Distribution.DIFFUSE, name)
    k = max(6, int(n * rng.uniform(0.2, 0.5)))
    centres = breast.uniform(rng, k, 0.9)
    spread = max(rng.uniform(1.0, 4.0), 0.9 * FORMS[name].gap)
    xy = centres[rng.integers(0, len(centres), n)] + rng.normal(0, spread, (n, 2))
    return without_direction(xy[breast.holds(xy)], FORMS[name].gap * 0.8)
